"""One subject under study: its file is read once, then every width of smoothing is answered from memory."""

from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

from roilessons import steps
from roilessons.volumes import series as _series

Maps = namedtuple("Maps", "mean_img t_img log_p_img")


@dataclass(frozen=True)
class Volumes:
    """The volumes of a contrast, as stored, so that another smoothing needs no second reading (71 MB for Haxby's).

    Attributes
    ----------
    series : Series
    mean : array (z, y, x)
        Mean of the whole raw series.
    groups : dict
        Condition -> array (volumes, z, y, x).
    """

    series: object
    mean: np.ndarray
    groups: dict


def read_volumes(func, labels, contrast=steps.CONTRAST):
    """One pass over the file, keeping the volumes of the two conditions.

    Parameters
    ----------
    func : path or 4D image
    labels : sequence of str, the condition of every volume
    contrast : pair of str, or () for the mean alone
    """
    source = _series.open_series(func)
    conditions = np.asarray(labels)
    total, filled = 0.0, dict.fromkeys(contrast, 0)
    # Allocated at once: pieces to be joined later would take the memory twice.
    groups = {c: np.empty((np.sum(conditions == c), *source.shape), source.img.get_data_dtype()) for c in contrast}
    for first, block in _series.blocks(source):
        total = total + block.sum(axis=0, dtype=np.float64)
        for condition, stack in groups.items():
            chosen = block[conditions[first : first + len(block)] == condition]
            if stack.dtype != block.dtype and not filled[condition]:  # the header scales
                stack = groups[condition] = stack.astype(block.dtype)
            stack[filled[condition] : filled[condition] + len(chosen)] = chosen
            filled[condition] += len(chosen)
    return Volumes(source, total / source.n_volumes, groups)


def smooth_maps(volumes, fwhm):
    """Mean, t and -log10 p images at a smoothing width: what `mean_epi` and `t_test` give, from volumes in memory.

    Parameters
    ----------
    volumes : Volumes
    fwhm : float, mm

    Returns
    -------
    Maps
        `t_img` and `log_p_img` are None without a contrast.
    """
    source, fwhm = volumes.series, _series.check_fwhm(fwhm)
    mean = _series.smooth(volumes.mean, source.affine, fwhm)
    matrices = _series.smoothing_matrices(source, fwhm)
    # A thread a condition: the products are too small for several threads to share one.
    with threadpool_limits(1), ThreadPoolExecutor() as pool:
        made = pool.map(lambda stack: _group(stack, source.affine, matrices, fwhm), volumes.groups.values())
        groups = dict(zip(volumes.groups, made, strict=True))
    return _as_maps(source, _series.Moments(mean, groups, None), tuple(groups))


def _as_maps(source, moments, contrast):
    mean_img = steps._image(moments.mean.T, source, np.float32)
    return Maps(mean_img, *(steps._t_test(source, moments, contrast) if contrast else (None, None)))


def _group(stack, affine, matrices, fwhm, at_once=8):
    """One condition's summary, as `pass_over` makes it, `at_once` volumes at a time."""
    group = _series.Group()
    for first in range(0, len(stack), at_once):
        group.add(stack[first : first + at_once], matrices)
    return group.finish(affine, fwhm)


class Study:
    """The maps and signals of one subject and contrast, at any smoothing.

    Parameters
    ----------
    subject : Subject
    contrast : pair of str, or () where no t-test is wanted
    smoothing : bool
        Whether other widths than `fwhm` will be asked for: the contrast's volumes then stay in memory.
    reach : (iterations, fwhm), optional
        Signals will be asked for of ROIs in the VT mask dilated so often and smoothed so far: the raw values they depend
        on are then kept, on disk. Signals of other ROIs take another pass over the file.
    fwhm : float, mm
        The first width.
    """

    def __init__(self, subject, contrast=steps.CONTRAST, *, smoothing=False, reach=None, fwhm=steps.FWHM):
        self.subject, self.contrast = subject, tuple(contrast)
        mask_vt = steps._load(subject.mask_vt)
        self.mask_vt = steps._image(steps._array(mask_vt) > 0, mask_vt, np.uint8)  # read once
        self.truth = planted(subject.truth, self.contrast)
        self._series, self._conditions = _series.open_series(subject.func), subject.labels["labels"]
        self._maps, self._volumes, self._kept, self._one_reader = {}, None, None, Lock()
        if self.contrast:
            steps.check_contrast(self._conditions, self.contrast)
        if smoothing:
            self._volumes = read_volumes(subject.func, self._conditions, self.contrast)
        if reach or not smoothing:
            keep = steps._within_reach(subject.mask_vt, *reach) if reach else None
            wanted = () if smoothing else self.contrast
            moments = _series.pass_over(self._series, self._conditions, wanted, fwhm, keep)
            self._kept = moments.kept
            if not smoothing:
                self._maps[float(fwhm)] = _as_maps(self._series, moments, wanted)

    def maps(self, fwhm):
        """Mean, t and -log10 p at a width of smoothing in mm (t and -log10 p are None without a contrast)."""
        if float(fwhm) not in self._maps:
            if self._volumes is None:
                self._volumes = read_volumes(self.subject.func, self._conditions, self.contrast)
            self._maps[float(fwhm)] = smooth_maps(self._volumes, fwhm)
        return self._maps[float(fwhm)]

    def signals(self, labels_img, fwhm):
        """As `roilessons.signals`; may be called from a thread."""
        with self._one_reader:
            return steps._signals(self._series, labels_img, self.subject.labels, fwhm, self._kept)


def planted(truth_img, contrast):
    """Of the simulated areas those that prefer one of a contrast's conditions: what its mask should find.

    Parameters
    ----------
    truth_img : 3D image or None
    contrast : pair of str, or () for all areas

    Returns
    -------
    3D image or None
    """
    if truth_img is None or not contrast:
        return truth_img
    from roilessons.datasets.simulate import CONDITIONS, RESPONSES

    if not {*contrast} <= {*CONDITIONS, "rest"}:
        return truth_img
    columns = [*CONDITIONS, "rest"]
    first, second = (columns.index(condition) for condition in contrast)
    selective = [area for area, strengths in RESPONSES.items() if (*strengths, 0)[first] != (*strengths, 0)[second]]
    areas = steps._array(truth_img)
    return steps._image(np.where(np.isin(areas, selective), areas, 0), truth_img, np.uint8)

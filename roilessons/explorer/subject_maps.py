"""The maps and signals of one subject: its file is read once, then every width of smoothing is answered from memory."""

from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

from roilessons import steps
from roilessons.inference import contrasts
from roilessons.volumes.images import load_image, new_image, read_array
from roilessons.volumes.one_pass import KeptVolumes, KeptVoxels, Means, WeightedSums, one_pass, roi_means
from roilessons.volumes.reading import memory_said, open_series
from roilessons.volumes.smoothing import check_fwhm

LEAST = 0.3  # per cent of the mean: a smaller difference between two responses is lost in the noise of twelve runs
VOLUMES = 40  # in double precision: what an explorer and its pictures hold at once, as measured

Maps = namedtuple("Maps", "mean_img t_img log_p_img")


class SubjectMaps:
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
    runs : bool
        Whether the test across runs will be asked for: its contrasts are then summed in the same pass.
    """

    def __init__(self, subject, contrast=steps.CONTRAST, *, smoothing=False, reach=None, fwhm=steps.FWHM, runs=False):
        self.subject, self.contrast = subject, tuple(contrast)
        mask_vt = load_image(subject.mask_vt)
        self.mask_vt = new_image(read_array(mask_vt) > 0, mask_vt, np.uint8)  # read once
        self.truth = planted(subject.truth, self.contrast)
        self._series, self._conditions = open_series(subject.func), subject.conditions
        self._maps, self._means, self._one_reader = {}, {}, Lock()
        if self.contrast:
            steps.check_contrast(self._conditions, self.contrast)
        self._mean = None  # where only one width will be asked for
        self._volumes = self._of_each_condition(KeptVolumes) if smoothing else []
        self._kept = KeptVoxels(steps.dilate(self.mask_vt, reach[0]), reach[1]) if reach else None
        self._contrasts, self.runs_left_out = self._of_each_run() if runs and self.contrast else (None, [])
        others = [one for one in (self._kept, self._contrasts) if one is not None and not isinstance(one, ValueError)]
        with self.memory():
            if self.contrast and not smoothing:
                maps = Maps(*steps.subject_maps(subject, self.contrast, fwhm, *others))
                self._maps[float(fwhm), "volumes"], self._means[float(fwhm)] = maps, maps.mean_img
            else:
                self._mean = Means(np.zeros(self._series.n_volumes, int))
                one_pass(self._series, self._mean, *self._volumes, *others)

    def memory(self):
        """A context in which a MemoryError says how much the explorer needs, with the volumes that stay in memory."""
        sums = self._contrasts.weights if isinstance(self._contrasts, WeightedSums) else ()
        kept = sum(volumes.nbytes for volumes in self._volumes) + 8 * len(sums) * int(np.prod(self._series.shape))
        return memory_said(self._series, VOLUMES, kept)

    def _of_each_condition(self, accumulator, *arguments):
        return [accumulator(self._conditions == condition, self._series, *arguments) for condition in self.contrast]

    def _of_each_run(self):
        """What adds up each run's contrast, or the ValueError that says why there is no test; the runs left out."""
        try:
            weights, left_out = contrasts.weights_of_runs(self.subject.labels, self.contrast)
            return contrasts.sums_of_runs(self.subject.labels, weights), left_out
        except ValueError as error:  # of the test across runs alone: the other one is still to be had
            return error, []

    def _mean_img(self, fwhm):
        if fwhm not in self._means:
            mean = self._mean and steps.mean_image(self._mean, self._series, fwhm)
            self._means[fwhm] = mean or steps.mean_epi(self.subject.func, fwhm)
        return self._means[fwhm]

    def _make_maps(self, fwhm, statistics):
        t_test = steps.t_maps(*statistics, self._series) if self.contrast else (None, None)
        return Maps(self._mean_img(float(fwhm)), *t_test)

    def _maps_across_runs(self, fwhm):
        if self._contrasts is None:
            found, self.runs_left_out = self._of_each_run()
            if isinstance(found, WeightedSums):
                one_pass(self._series, found)
            self._contrasts = found  # when it is whole
        if isinstance(self._contrasts, ValueError):
            raise self._contrasts
        contrasts_img = contrasts.contrasts_image(self._contrasts, self._series, fwhm)
        return Maps(self._mean_img(fwhm), *contrasts.t_across_runs(contrasts_img))

    def maps(self, fwhm, test="volumes"):
        """Mean, t and -log10 p at a width of smoothing in mm (t and -log10 p are None without a contrast)."""
        fwhm, test = check_fwhm(fwhm), test if self.contrast else "volumes"
        if (fwhm, test) not in self._maps:
            make = self._maps_across_runs if test == "runs" else self._maps_between_volumes
            with self.memory():
                self._maps[fwhm, test] = make(fwhm)
        return self._maps[fwhm, test]

    def _maps_between_volumes(self, fwhm):
        if self.contrast and not self._volumes:
            volumes = self._of_each_condition(KeptVolumes)
            one_pass(self._series, *volumes)
            self._volumes = volumes  # when they are whole
        # A thread per condition: the products are too small for several threads to share one.
        with threadpool_limits(1), ThreadPoolExecutor() as pool:
            statistics = [*pool.map(lambda volumes: volumes.statistics(fwhm), self._volumes)]
        return self._make_maps(fwhm, statistics)

    def signals(self, labels_img, fwhm):
        """As `roilessons.signals`; may be called from a thread."""
        with self._one_reader, self.memory():
            return steps.signals_table(roi_means(self._series, labels_img, fwhm, self._kept), self.subject.labels)


def planted(truth_img, contrast):
    """Of the simulated areas those that a contrast's mask should find: their responses to its conditions differ by `LEAST` or more.

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
    responses = {area: (*strengths, 0) for area, strengths in RESPONSES.items()}
    differ = [area for area, of in responses.items() if abs(of[first] - of[second]) >= LEAST]
    areas = read_array(truth_img)
    return new_image(np.where(np.isin(areas, differ), areas, 0), truth_img, np.uint8)


def kinds(truth_img):
    """What planted areas are called together: "face and house areas"; "" where there are none."""
    from roilessons.datasets.simulate import KINDS

    numbers = np.unique(read_array(truth_img))
    *first, last = dict.fromkeys(KINDS.get(int(number), "other") for number in numbers if number > 0) or [""]
    return f"{', '.join(first)}{' and ' if first else ''}{last} areas" if last else ""

"""One pass over a 4D series: each chunk of volumes goes to small accumulators, which keep what a step needs of it.

A run of the tutorial's steps on whole arrays holds the series several times over: 475 MB as stored, twice that once
it is smoothed. None of it is needed. Four facts make one pass over the file enough, and each is exact:

* Smoothing is linear, so the mean of the smoothed volumes is the smoothed mean:
  ``mean_v S(x_v) = S(mean_v x_v)``. One volume is smoothed instead of 1,452.
* A t-test between two conditions needs the volumes of these two alone (216 of 1,452), and of these only how many there
  are, their sum and their sum of squares: ``sum (x - m)^2 = sum (x - c)^2 - n (m - c)^2`` for any constant c. We take
  c to be the condition's first volume: small differences of large numbers keep their digits, even in single precision,
  and ``S(x) - S(c) = S(x - c)``.
* A linear filter along one axis is a matrix, the filter's answer to each unit vector. So smoothing a chunk of volumes
  is three matrix products, which processors are best at, and gives what the filter gives.
* The Gaussian filter is symmetric (``S = S'``, its mirrored borders included), so an ROI's mean of a smoothed volume is
  a weighted mean of the raw one: ``w . S x = (S w) . x``. The ROI is smoothed once instead of every volume, and only
  the voxels within reach of it count. `KeptVoxels` holds those, on disk and not in memory, so that the file need not be
  read a second time.

An accumulator is a class with ``add(first, volumes)``: index of the chunk's first volume, and its volumes in the order
of the file, (volume, z, y, x). What it gives is in the order of an image, (x, y, z).
"""

import tempfile
from collections import namedtuple

import numpy as np
from threadpoolctl import threadpool_limits

from roilessons.volumes.images import read_array, read_label_array
from roilessons.volumes.reading import chunks
from roilessons.volumes.smoothing import smooth, smooth_chunk, smoothing_matrices

MOST_KEPT = 50_000  # voxels: 200 MB for a thousand volumes in single precision; of a whole brain the series is read again
# Numbers near the largest there are: t is not defined there.
too_large_is_infinite = np.errstate(over="ignore", invalid="ignore")


def one_pass(series, *accumulators):
    """Read a series once and add every chunk of it to each accumulator."""
    with threadpool_limits(1):  # the other core decompresses: two threads of matrix products would wait for each other
        for first, volumes in chunks(series):
            for accumulator in accumulators:
                accumulator.add(first, volumes)


class Means:
    """Means of groups of volumes: of all, of each block, of each run.

    Parameters
    ----------
    groups : sequence of int, one per volume
        The group, from 0; -1 for none.
    """

    def __init__(self, groups):
        self.groups = np.asarray(groups)
        self.totals = dict.fromkeys(range(self.groups.max() + 1), 0)

    @too_large_is_infinite
    def add(self, first, volumes):
        exact = np.int64 if volumes.dtype.kind in "iu" and volumes.itemsize <= 4 else np.float64
        here = self.groups[first : first + len(volumes)]
        for group in np.unique(here[here >= 0]):
            self.totals[group] = self.totals[group] + _chosen(volumes, here == group).sum(axis=0, dtype=exact)

    def mean(self, group=0):
        return (self.totals[group] / np.sum(self.groups == group)).T


class WeightedSums:
    """Weighted sums of volumes, such as a contrast in each run, for weights that sum to 0.

    So the same volume may be taken off all of them: small differences of large numbers keep their digits.

    Parameters
    ----------
    weights : array of shape (sums, volumes)
    """

    def __init__(self, weights):
        self.weights, self.constant = np.asarray(weights), None
        self.totals = [0.0] * len(self.weights)

    @too_large_is_infinite
    def add(self, first, volumes):
        if self.constant is None:
            self.constant = volumes[0].astype(np.float64)
        here = self.weights[:, first : first + len(volumes)]
        for row in np.flatnonzero(here.any(axis=1)):
            self.totals[row] = self.totals[row] + np.tensordot(here[row], volumes - self.constant, axes=1)

    def sums(self):
        return [total.T for total in self.totals]


def _chosen(volumes, here):
    return volumes if here.all() else volumes[here]


class Spread:
    """Mean of each run and how much its volumes differ from it, per voxel, for the temporal signal-to-noise ratio.

    Parameters
    ----------
    runs : sequence, one per volume
        The run; volumes of a run follow each other.
    mask : boolean array (x, y, z)
        Where the median of each run is taken.
    """

    def __init__(self, runs, mask):
        self.runs, self.mask = np.asarray(runs), mask.T
        self.names = list(dict.fromkeys(self.runs.tolist()))
        self.medians, self.mean, self.squares = {}, 0.0, 0.0
        self.silent = False  # where nothing varies in some run (z, y, x)
        self._run = None

    @too_large_is_infinite
    def add(self, first, volumes):
        here = self.runs[first : first + len(volumes)]
        for run in dict.fromkeys(here.tolist()):
            chosen = _chosen(volumes, here == run)
            if run != self._run:
                self._run, self._n, self._constant = run, 0, chosen[0].astype(np.float64)
                self._total, self._squares = 0.0, 0.0
            differences = chosen - self._constant
            self._n += len(chosen)
            self._total = self._total + differences.sum(axis=0)
            self._squares = self._squares + np.einsum("vzyx,vzyx->zyx", differences, differences)
            if self._n == np.sum(self.runs == run):
                self._finish(run)

    def _finish(self, run):
        mean, variance = self._total / self._n, self._squares / self._n
        variance = np.maximum(variance - mean**2, 0)
        mean, self.silent = mean + self._constant, self.silent | (variance == 0)
        self.medians[run] = float(np.median(_ratio(mean, variance)[self.mask])) if self.mask.any() else float("nan")
        self.mean = self.mean + mean / len(self.names)
        self.squares = self.squares + variance / len(self.names)

    def snr(self):
        """Mean over standard deviation within runs, 0 where nothing varies; (x, y, z)."""
        return _ratio(self.mean, self.squares).T


def _ratio(mean, variance):
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 0)


Statistics = namedtuple("Statistics", "n mean squares_about_mean")


class ConditionStatistics:
    """What a t-test needs of one condition's smoothed volumes.

    Parameters
    ----------
    chosen : boolean array, one per volume
    series : Series
    fwhm : float, mm
    """

    def __init__(self, chosen, series, fwhm):
        self.chosen, self.affine, self.fwhm = chosen, series.affine, fwhm
        self.matrices = smoothing_matrices(series, fwhm)
        self.constant, self.total, self.squares = None, 0.0, 0.0  # sums of what differs from the first volume

    @too_large_is_infinite
    def add(self, first, volumes):
        volumes = _chosen(volumes, self.chosen[first : first + len(volumes)])
        if not len(volumes):
            return
        if self.constant is None:
            self.constant = volumes[0].astype(np.float64)
        differences = volumes - self.constant
        self.total = self.total + differences.sum(axis=0)
        # The differences are small, so that single precision, twice as fast, leaves six digits of their squares.
        smoothed = smooth_chunk(differences.astype(np.float32), self.matrices)
        self.squares = self.squares + np.einsum("vzyx,vzyx->zyx", smoothed, smoothed, dtype=np.float64)

    @too_large_is_infinite
    def statistics(self):
        """`Statistics`; of the squares, what is left of rounding alone is 0, what is too large NaN."""
        n, squares = int(self.chosen.sum()), self.squares.T
        difference = smooth((self.total / n).T, self.affine, self.fwhm)
        rest = squares - n * difference**2
        rest = np.where(rest > 1e-6 * squares, rest, 0.0)
        rest = np.where(np.isfinite(squares), rest, np.nan)
        return Statistics(n, smooth(self.constant.T, self.affine, self.fwhm) + difference, rest)


class KeptVolumes:
    """One condition's volumes, as stored, in memory: their statistics at any smoothing (71 MB for Haxby's two).

    Parameters
    ----------
    chosen : boolean array, one per volume
    series : Series
    """

    def __init__(self, chosen, series):
        self.chosen, self.series, self.volumes, self.filled = chosen, series, None, 0
        proxy = series.img.dataobj
        scaled = getattr(proxy, "slope", 1) != 1 or getattr(proxy, "inter", 0) != 0  # nibabel then gives double precision
        self.nbytes = int(np.sum(chosen)) * int(np.prod(series.shape)) * (8 if scaled else proxy.dtype.itemsize)

    def add(self, first, volumes):
        if self.volumes is None:  # at once: pieces to be joined later would take the memory twice
            self.volumes = np.empty((self.chosen.sum(), *volumes.shape[1:]), volumes.dtype)
        volumes = _chosen(volumes, self.chosen[first : first + len(volumes)])
        self.volumes[self.filled : self.filled + len(volumes)] = volumes
        self.filled += len(volumes)

    def statistics(self, fwhm, at_once=8):
        """`Statistics` at a width of smoothing in mm, computed from `at_once` volumes at a time."""
        made = ConditionStatistics(np.ones(self.filled, bool), self.series, fwhm)
        for first in range(0, self.filled, at_once):
            made.add(first, self.volumes[first : first + at_once])
        return made.statistics()


class KeptVoxels:
    """The raw values that the signals of any ROI inside a mask depend on, in an unnamed temporary file.

    Where the disk has no room, or the mask is more than `MOST_KEPT` voxels, nothing is kept: the file is there for speed alone.

    Parameters
    ----------
    mask_img : 3D image
    fwhm : float, mm
    """

    def __init__(self, mask_img, fwhm):
        self.voxels = np.flatnonzero(smooth(read_array(mask_img), mask_img.affine, fwhm).T > 0)
        self.file = self.dtype = None
        if len(self.voxels) > MOST_KEPT:
            return
        try:
            self.file = tempfile.TemporaryFile()
        except OSError:
            pass

    def add(self, first, volumes):
        if self.file is None:
            return
        self.dtype = volumes.dtype
        try:
            self.file.write(volumes.reshape(len(volumes), -1).take(self.voxels, axis=1))
            self.file.flush()
        except OSError:
            self.file = None

    def has(self, voxels):
        return self.file is not None and np.isin(voxels, self.voxels, assume_unique=True).all()

    def values(self, voxels, at_once=256):
        """Yield (volumes, len(voxels)) arrays of the raw values of `voxels`, in order."""
        columns = np.searchsorted(self.voxels, voxels)
        self.file.seek(0)
        while stored := self.file.read(at_once * len(self.voxels) * self.dtype.itemsize):
            yield np.frombuffer(stored, self.dtype).reshape(-1, len(self.voxels))[:, columns]


def roi_means(series, labels_img, fwhm, kept=None):
    """Mean of the smoothed series over each ROI at every volume, from the raw series.

    Parameters
    ----------
    series : Series
    labels_img : 3D image
        0 outside, 1, 2, ... in the ROIs.
    fwhm : float, mm
    kept : KeptVoxels, optional
        After a pass; where it lacks a voxel, the series is read again.

    Returns
    -------
    dict
        Number of the ROI -> array, one value per volume.
    """
    rois = read_label_array(labels_img)
    numbers = [int(number) for number in np.unique(rois) if number > 0]
    if not numbers:
        return {}
    weights = [smooth(rois == number, series.affine, fwhm).T.ravel() / np.sum(rois == number) for number in numbers]
    voxels = np.flatnonzero(np.any(weights, axis=0))
    weights = np.ascontiguousarray(np.array(weights)[:, voxels].T)
    if kept is not None and kept.has(voxels):
        values = kept.values(voxels)
    else:
        values = (volumes.reshape(len(volumes), -1)[:, voxels] for _, volumes in chunks(series))
    return dict(zip(numbers, np.concatenate([some @ weights for some in values]).T, strict=True))

"""Reading a 4D series once, a few volumes at a time.

A run of the tutorial's steps on whole arrays holds the series several times over: 475 MB as stored, twice that once
it is smoothed. None of it is needed. Four facts make one pass over the file enough, and each is exact:

* Smoothing is linear, so the mean of the smoothed volumes is the smoothed mean:
  ``mean_v S(x_v) = S(mean_v x_v)``. One volume is smoothed instead of 1,452.
* A t-test between two conditions needs the volumes of these two alone (216 of 1,452), and of these only how many there
  are, their sum and their sum of squares: ``sum (x - m)^2 = sum (x - c)^2 - n (m - c)^2`` for any constant c. We take
  c to be the condition's first volume: small differences of large numbers keep their digits, even in single precision,
  and ``S(x) - S(c) = S(x - c)``.
* A linear filter along one axis is a matrix, the filter's answer to each unit vector. So smoothing a block of volumes
  is three matrix products, which processors are best at, and gives what the filter gives.
* The Gaussian filter is symmetric (``S = S'``, its mirrored borders included), so an ROI's mean of a smoothed volume is
  a weighted mean of the raw one: ``w . S x = (S w) . x``. The ROI is smoothed once instead of every volume, and only
  the voxels within reach of it count. `Moments.kept` holds those for the region that was asked for, on disk and not in
  memory, so that the file need not be unpacked a second time.

Arrays here are in the order of the file, (volume, z, y, x): x varies fastest in a NIfTI file.
"""

import tempfile
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from threadpoolctl import threadpool_limits

from roilessons.volumes.nifti import Series, blocks, open_series

__all__ = [
    "Group", "Kept", "Moments", "Series", "blocks", "check_fwhm", "open_series", "pass_over", "roi_means", "smooth",
    "smooth_block", "smoothing_matrices",
]  # fmt: skip

FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))  # of a Gaussian
LARGEST_FWHM = 100  # mm; a head is some 150 wide


def check_fwhm(fwhm):
    """The smoothing width in mm as a float; None means 0, no smoothing. ValueError if it is no width."""
    try:
        width = float(fwhm or 0)
    except (TypeError, ValueError):
        width = np.nan
    if not 0 <= width <= LARGEST_FWHM:
        raise ValueError(f"fwhm must be a width in mm, 0 to {LARGEST_FWHM}, not {fwhm!r}.")
    return width


def smooth(volume, affine, fwhm):
    """One volume under a Gaussian filter, as `nilearn.image.smooth_img` does it, in double precision.

    Parameters
    ----------
    volume : array of shape (z, y, x)
    affine : array of shape (4, 4)
        Voxel to world coordinates in mm, axes in (x, y, z) order.
    fwhm : float
        Full width at half maximum, mm; 0 or None for none.
    """
    volume = np.asarray(volume, np.float64)
    voxel_mm = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    for axis, sigma in zip((2, 1, 0), check_fwhm(fwhm) / (FWHM_PER_SIGMA * voxel_mm), strict=True):
        if sigma > 0:
            volume = gaussian_filter1d(volume, sigma, axis=axis)
    return volume


def smoothing_matrices(series, fwhm):
    """What `smooth` does along z, y and x, as matrices; None where it does nothing."""
    sigmas = fwhm / (FWHM_PER_SIGMA * np.sqrt((series.affine[:3, :3] ** 2).sum(axis=0)))[::-1]
    return [
        gaussian_filter1d(np.eye(n), sigma, axis=0).astype(np.float32) if sigma > 0 else None
        for n, sigma in zip(series.shape, sigmas, strict=True)
    ]


def smooth_block(block, matrices):
    """All volumes of a block (volumes, z, y, x) under the filter that `smoothing_matrices` describes."""
    along_z, along_y, along_x = matrices
    if along_x is not None:
        block = block @ along_x.T
    if along_y is not None:
        block = along_y @ block
    if along_z is not None:
        block = (along_z @ block.reshape(*block.shape[:2], -1)).reshape(block.shape)
    return block


@dataclass
class Group:
    """One condition's volumes. Sums are taken of what they differ by from the first one, `constant`."""

    n: int = 0
    constant: np.ndarray | None = None
    total: np.ndarray | float = 0.0  # of the raw differences
    squares: np.ndarray | float = 0.0  # of the smoothed ones

    def add(self, volumes, matrices):
        if self.constant is None:
            self.constant = volumes[0].astype(np.float64)
        differences = volumes - self.constant
        self.n += len(volumes)
        self.total = self.total + differences.sum(axis=0)
        # The differences are small, so that single precision, twice as fast, leaves six digits of their squares.
        smoothed = smooth_block(differences.astype(np.float32), matrices)
        self.squares = self.squares + np.einsum("vzyx,vzyx->zyx", smoothed, smoothed, dtype=np.float64)

    def finish(self, affine, fwhm):
        """The `Summary` of the smoothed volumes; of squares, what is left of rounding alone is 0, what is too large NaN."""
        difference = smooth(self.total / self.n, affine, fwhm)
        rest = self.squares - self.n * difference**2
        rest = np.where(rest > 1e-6 * self.squares, rest, 0.0)
        rest = np.where(np.isfinite(self.squares), rest, np.nan)
        return Summary(self.n, smooth(self.constant, affine, fwhm) + difference, rest)


Summary = namedtuple("Summary", "n mean squares_about_mean")


@dataclass
class Moments:
    """What one pass over a series leaves behind."""

    mean: np.ndarray  # (z, y, x), of the smoothed series
    groups: dict  # condition -> Summary
    kept: "Kept | None"


@dataclass
class Kept:
    """The raw values of some voxels at every volume, in an unnamed temporary file."""

    voxels: np.ndarray  # flat indices into (z, y, x)
    file: object
    dtype: np.dtype

    def add(self, block):
        """Keep these voxels of a block of volumes; False if the disk has no room for them."""
        try:
            self.file.write(block.reshape(len(block), -1).take(self.voxels, axis=1))
            self.file.flush()
        except OSError:
            return False
        return True

    def chunks(self, voxels, rows=256):
        """Yield (volumes, len(voxels)) arrays of the raw values of `voxels`, in order."""
        columns = np.searchsorted(self.voxels, voxels)
        row_bytes = len(self.voxels) * self.dtype.itemsize
        self.file.seek(0)
        while stored := self.file.read(rows * row_bytes):
            yield np.frombuffer(stored, self.dtype).reshape(-1, len(self.voxels))[:, columns]


def pass_over(series, conditions=None, contrast=(), fwhm=6, keep=None):
    """One pass over the file: the mean of the smoothed series and each condition's moments.

    Parameters
    ----------
    series : Series
    conditions : sequence of str, one a volume
    contrast : conditions to collect the moments of
    fwhm : float, mm
    keep : boolean array of shape (z, y, x), optional
        Voxels whose raw values are wanted again afterwards; they are not kept where the disk has no room.

    Returns
    -------
    Moments
    """
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near the largest there are: t is not defined there
        return _moments(series, np.asarray(conditions), contrast, fwhm, keep)


def _moments(series, conditions, contrast, fwhm, keep):
    groups = {condition: Group() for condition in contrast}
    every, matrices = Tally(keep), smoothing_matrices(series, fwhm)
    with threadpool_limits(1):  # the other core unpacks: two threads of matrix products would wait for each other
        for first, block in blocks(series, every.add):
            for condition, group in groups.items():
                volumes = block[conditions[first : first + len(block)] == condition]
                if len(volumes):
                    group.add(volumes, matrices)
    groups = {condition: group.finish(series.affine, fwhm) for condition, group in groups.items()}
    return Moments(smooth(every.total / series.n_volumes, series.affine, fwhm), groups, every.kept)


class Tally:
    """What is taken from every block: the sum of the volumes, and the voxels to keep."""

    def __init__(self, keep):
        self.total, self.keep, self.kept = 0, keep, None

    def add(self, block):
        exact = np.int64 if block.dtype.kind in "iu" and block.itemsize <= 4 else np.float64
        with np.errstate(over="ignore", invalid="ignore"):  # set anew: this is another thread
            self.total = self.total + block.sum(axis=0, dtype=exact)
        if self.keep is not None:
            self.kept = self.kept or _room_for(self.keep, block.dtype)
            if self.kept is None or not self.kept.add(block):
                self.keep = self.kept = None


def _room_for(keep, dtype):
    try:
        return Kept(np.flatnonzero(keep), tempfile.TemporaryFile(), dtype)
    except OSError:
        return None


def roi_means(series, rois, fwhm=6, kept=None):
    """Mean of the smoothed series over each ROI at every volume, from the raw series.

    Parameters
    ----------
    series : Series
    rois : list of boolean arrays of shape (z, y, x)
    fwhm : float, mm
    kept : Kept, optional
        From `pass_over`, where its voxels reach as far as the smoothed ROIs do; without it the file is read again.

    Returns
    -------
    array of shape (volumes, len(rois))
    """
    if not rois:
        return np.empty((series.n_volumes, 0))
    weights = np.array([smooth(roi, series.affine, fwhm).ravel() / roi.sum() for roi in rois])
    voxels = np.flatnonzero(weights.any(axis=0))
    weights = np.ascontiguousarray(weights[:, voxels].T)
    if kept is not None and np.isin(voxels, kept.voxels, assume_unique=True).all():
        chunks = kept.chunks(voxels)
    else:
        chunks = (block.reshape(len(block), -1)[:, voxels] for _, block in blocks(series))
    return np.concatenate([chunk @ weights for chunk in chunks])

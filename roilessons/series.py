"""Reading a 4D series once, a few volumes at a time.

A run of the tutorial's steps on whole arrays holds the series several times over: 475 MB as stored, twice that once
it is smoothed. None of it is needed. Three facts make one pass over the file enough, and each is exact:

* Smoothing is linear, so the mean of the smoothed volumes is the smoothed mean:
  ``mean_v S(x_v) = S(mean_v x_v)``. One volume is smoothed instead of 1,452.
* A t-test between two conditions needs the volumes of these two alone (216 of 1,452), and of these only how many there
  are, their sum and their sum of squares: ``sum (x - m)^2 = sum (x - c)^2 - n (m - c)^2`` for any constant c. We take
  c to be the first volume: small differences of large numbers keep their digits, and ``S(x) - S(c) = S(x - c)``.
* A linear filter along one axis is a matrix, the filter's answer to each unit vector. So smoothing a block of volumes
  is three matrix products, which processors are best at, and gives what the filter gives.
* The Gaussian filter is symmetric (``S = S'``, its mirrored borders included), so an ROI's mean of a smoothed volume is
  a weighted mean of the raw one: ``w . S x = (S w) . x``. The ROI is smoothed once instead of every volume, and only
  the voxels within reach of it count. `Moments.kept` holds those for the region that was asked for, on disk and not in
  memory, so that the file need not be unpacked a second time.

Arrays here are in the order of the file, (volume, z, y, x): x varies fastest in a NIfTI file.
"""

import gzip
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import gaussian_filter1d
from threadpoolctl import threadpool_limits

FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))  # of a Gaussian
BLOCK_BYTES = 3_000_000  # as stored; a block is ten of Haxby's volumes


@dataclass(frozen=True)
class Series:
    """Where the volumes of a 4D image are and how their numbers are stored."""

    img: nib.spatialimages.SpatialImage
    path: Path | None  # None for an image that is in memory

    @property
    def shape(self):
        """(z, y, x): one volume, in the order of the file."""
        return self.img.shape[2::-1]

    @property
    def n_volumes(self):
        return self.img.shape[3]

    @property
    def affine(self):
        return self.img.affine

    @property
    def name(self):
        return self.path or "the image"


def open_series(func):
    """The layout of a 4D series, from its header alone.

    Parameters
    ----------
    func : path or 4D Nifti image

    Returns
    -------
    Series

    Raises
    ------
    ValueError
        If `func` is no NIfTI image or not 4D.
    FileNotFoundError
        If there is no such file.
    """
    img, path = func, None
    if isinstance(func, (str, Path)):
        path = Path(func)
        try:
            img = nib.load(path)
        except FileNotFoundError:
            raise FileNotFoundError(f"{path} is not there.") from None
        except (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError, OSError, EOFError, zlib.error):
            raise ValueError(f"{path} cannot be read as a NIfTI image; is the download complete?") from None
    elif nib.is_proxy(img.dataobj) and img.get_filename():
        path = Path(img.get_filename())
    if len(img.shape) != 4 or 0 in img.shape:
        raise ValueError(f"{path or 'the image'} is not a 4D series: its shape is {img.shape}.")
    return Series(img, path if path and nib.is_proxy(img.dataobj) else None)


def blocks(series):
    """The volumes of a series in order, a few at a time, as they are stored.

    A thread unpacks the next block while the caller works on this one.

    Yields
    ------
    first : int
        Index of the block's first volume.
    block : array of shape (volumes, z, y, x)
        Scaled by the header's slope and intercept where it has them; NaN and infinite voxels are 0 (as in nilearn).

    Raises
    ------
    ValueError
        If the file is cut short or damaged.
    """
    step = max(1, BLOCK_BYTES // (int(np.prod(series.shape)) * series.img.get_data_dtype().itemsize))
    source = _from_file(series, step) if series.path else _from_memory(series, step)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, source, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, source, None)
            yield item


def _from_memory(series, step):
    for first in range(0, series.n_volumes, step):
        block = np.asanyarray(series.img.dataobj[..., first : first + step]).T
        yield first, _finite(block)


def _from_file(series, step):
    stored = series.img.dataobj
    damaged = ValueError(f"{series.path} is cut short or damaged; get or make the file again.")
    try:
        with _open_binary(stored.file_like) as file:
            file.read(stored.offset)
            for first in range(0, series.n_volumes, step):
                block = np.empty((min(step, series.n_volumes - first), *series.shape), stored.dtype)
                if not _fill(file, block):
                    raise damaged
                yield first, _finite(_scaled(block, stored.slope, stored.inter))
            file.read(1)  # reaching the end makes gzip compare its checksum
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise damaged from error


def _open_binary(path):
    from isal import igzip

    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return igzip.open(path, "rb") if gzipped else open(path, "rb")


def _fill(file, block):
    """Read until `block` is full; False if the file ends before."""
    view = memoryview(block).cast("B")
    while len(view):
        count = file.readinto(view)
        if not count:
            return False
        view = view[count:]
    return True


def _scaled(block, slope, inter):
    return block if (slope, inter) == (1, 0) else block * slope + inter


def _finite(block):
    if block.dtype.kind == "f":
        bad = ~np.isfinite(block)
        if bad.any():
            block = np.where(bad, 0, block)
    return block


def check_fwhm(fwhm):
    """The smoothing width in mm as a float; None means 0, no smoothing. ValueError if it is no width."""
    try:
        width = float(fwhm or 0)
    except (TypeError, ValueError):
        width = np.nan
    if not 0 <= width < np.inf:
        raise ValueError(f"fwhm must be a width in mm, 0 or more, not {fwhm!r}.")
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
        gaussian_filter1d(np.eye(n), sigma, axis=0) if sigma > 0 else None
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
    """One condition's volumes, each less the constant volume c."""

    n: int = 0
    total: np.ndarray | float = 0.0  # of the raw volumes
    squares: np.ndarray | float = 0.0  # of the smoothed ones
    mean: np.ndarray | None = None  # of the smoothed ones

    @property
    def squares_about_mean(self):
        """Sum of squared distances from the mean; what is left of rounding alone is 0."""
        rest = self.squares - self.n * self.mean**2
        return np.where(rest > 1e-12 * self.squares, rest, 0.0)


@dataclass
class Moments:
    """What one pass over a series leaves behind."""

    mean: np.ndarray  # (z, y, x), of the smoothed series
    groups: dict  # condition -> Group
    kept: "Kept | None"


@dataclass
class Kept:
    """The raw values of some voxels at every volume, in an unnamed temporary file."""

    voxels: np.ndarray  # flat indices into (z, y, x)
    file: object
    dtype: np.dtype

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
        Voxels whose raw values are wanted again afterwards.

    Returns
    -------
    Moments
    """
    conditions = np.asarray(conditions)
    groups = {condition: Group() for condition in contrast}
    total, constant, matrices, kept = 0, None, None, None
    for first, block in blocks(series):
        exact = np.int64 if block.dtype.kind in "iu" else np.float64
        total = total + block.sum(axis=0, dtype=exact)
        if keep is not None:
            if kept is None:
                kept = Kept(np.flatnonzero(keep), tempfile.TemporaryFile(), block.dtype)
            kept.file.write(block.reshape(len(block), -1).take(kept.voxels, axis=1))
        for condition, group in groups.items():
            volumes = block[conditions[first : first + len(block)] == condition]
            if not len(volumes):
                continue
            if constant is None:
                constant = volumes[0].astype(np.float64)
                matrices = smoothing_matrices(series, fwhm)
            differences = volumes - constant
            group.n += len(volumes)
            group.total = group.total + differences.sum(axis=0)
            with threadpool_limits(1):  # the other core unpacks: two threads here would wait for each other
                smoothed = smooth_block(differences, matrices)
            group.squares = group.squares + np.square(smoothed, out=smoothed).sum(axis=0)
    for group in groups.values():
        group.mean = smooth(group.total / group.n, series.affine, fwhm)
    return Moments(smooth(total / series.n_volumes, series.affine, fwhm), groups, kept)


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

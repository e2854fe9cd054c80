"""The Gaussian filter: one volume in double precision, many volumes as matrix products."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

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


def _sigmas(affine, fwhm):
    """Standard deviation of the filter along x, y and z, in voxels."""
    return check_fwhm(fwhm) / (FWHM_PER_SIGMA * np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))


def smooth(volume, affine, fwhm):
    """One volume under a Gaussian filter, as `nilearn.image.smooth_img` does it, in double precision.

    Parameters
    ----------
    volume : array of shape (x, y, z)
    affine : array of shape (4, 4)
        Voxel to world coordinates in mm.
    fwhm : float
        Full width at half maximum, mm; 0 or None for none.
    """
    volume = np.asarray(volume, np.float64)
    for axis, sigma in enumerate(_sigmas(affine, fwhm)):
        if sigma > 0:
            volume = gaussian_filter1d(volume, sigma, axis=axis)
    return volume


def smoothing_matrices(series, fwhm):
    """What `smooth` does along z, y and x, as matrices; None where it does nothing."""
    return [
        gaussian_filter1d(np.eye(n), sigma, axis=0).astype(np.float32) if sigma > 0 else None
        for n, sigma in zip(series.shape, _sigmas(series.affine, fwhm)[::-1], strict=True)
    ]


def smooth_chunk(volumes, matrices):
    """All volumes of a chunk (volumes, z, y, x) under the filter that `smoothing_matrices` describes."""
    along_z, along_y, along_x = matrices
    if along_x is not None:
        volumes = volumes @ along_x.T
    if along_y is not None:
        volumes = along_y @ volumes
    if along_z is not None:
        volumes = (along_z @ volumes.reshape(*volumes.shape[:2], -1)).reshape(volumes.shape)
    return volumes

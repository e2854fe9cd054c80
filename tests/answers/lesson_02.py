"""Right and typical wrong answers of lesson 02."""

import numpy as np
from nilearn import image
from scipy import ndimage

SIGMA = 2.354820045  # of a FWHM, how many


def smooth_volume(volume, fwhm, voxel_mm):
    """With as many digits of sigma as the lesson prints."""
    for axis, size in enumerate(voxel_mm):
        volume = ndimage.gaussian_filter1d(volume, fwhm / (2.355 * size), axis)
    return volume


def smooth_row(values):
    return np.convolve(values, [0.25, 0.5, 0.25])[1:-1]


def overwritten(values):
    smoothed = [float(value) for value in values]
    for place, value in enumerate(smoothed):
        around = (smoothed[place - 1] if place else 0) + (smoothed[place + 1] if place + 1 < len(smoothed) else 0)
        smoothed[place] = value / 2 + around / 4
    return np.array(smoothed)


def without_ends(values):
    return np.array([values[0], *(np.convolve(values, [0.25, 0.5, 0.25])[2:-2]), values[-1]][: len(values)], float)


def into_whole_numbers(values):
    smoothed = np.zeros_like(values)
    smoothed[:] = smooth_row(values)
    return smoothed


def answers(subject, made):
    vt = image.get_data(subject.mask_vt) > 0
    first_img, last_img = (image.index_img(subject.func, slice(121 * run, 121 * (run + 1))) for run in (0, 11))
    first = {mm: image.get_data(image.smooth_img(first_img, mm))[vt].std(axis=1) for mm in (None, 6, 9)}
    last = {mm: image.get_data(image.smooth_img(last_img, mm)).std(axis=3) for mm in (None, 6, 9)}
    return {
        "factor_in_the_brain": (np.median(first[None]) / np.median(first[6]), [3.64, 1]),
        "best_filter": (8, [4, 24, 2]),
        "reason_for_a_width": ("b", ["a", "c", "d"]),
        "noise_of_last_run": (
            np.median(last[9][vt]),
            [np.median(first[9]), np.median(last[None][vt]), np.median(last[6][vt]), last[9][vt].mean(), np.median(last[9])],
        ),
        "smooth_volume": (
            smooth_volume,
            [
                lambda volume, fwhm, voxel_mm: ndimage.gaussian_filter(volume, fwhm / voxel_mm),
                lambda volume, fwhm, voxel_mm: ndimage.gaussian_filter(volume, fwhm / SIGMA),
                lambda volume, fwhm, voxel_mm: ndimage.gaussian_filter(volume, SIGMA * fwhm / voxel_mm),
                lambda volume, fwhm, voxel_mm: ndimage.gaussian_filter(volume, fwhm * voxel_mm / SIGMA),
                lambda volume, fwhm, voxel_mm: ndimage.gaussian_filter(volume, fwhm / SIGMA / voxel_mm[0]),
                lambda volume, fwhm, voxel_mm: volume.no_such_thing,
            ],
        ),
        "smooth_row": (
            smooth_row,
            [
                overwritten,
                lambda values: np.roll(values, 1) / 4 + values / 2 + np.roll(values, -1) / 4,
                lambda values: 2 * smooth_row(values),
                lambda values: np.convolve(values, [1 / 3] * 3)[1:-1],
                without_ends,
                into_whole_numbers,
                lambda values: np.convolve(values, [0.25, 0.5, 0.25]),
            ],
        ),
    }

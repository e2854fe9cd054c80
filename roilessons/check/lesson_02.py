"""Exercises of lesson 02, smoothing."""

import math

import nibabel as nib
import numpy as np

from roilessons.check.judging import Right, Wrong, choice, exercise, number, recalled

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))  # of a Gaussian


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "What did the lesson print below the spike, beside its height?",
    "The weights of the filter add up to 1. What a voxel loses, who gets it?",
)
def sum_after_smoothing(answer):
    return {
        "a": Wrong("The peak does get lower. But what the peak loses does not disappear: where does it go?"),
        "b": Right("The weights add up to 1: a filter moves values about, and neither makes nor destroys them."),
        "c": Wrong("More voxels have a value, but each a smaller one. What do all of them make together?"),
        "d": Wrong("A mean of positive numbers and zeros is not zero. Print the sum of a smoothed spike."),
    }[choice(answer)]


@exercise(
    "a number of voxels",
    "Two translations: from FWHM to sigma, and from millimetres to voxels.",
    "Sigma in mm is FWHM / sqrt(8 ln 2). How many voxels of this width is that?",
)
def sigma_in_voxels(answer):
    answer, fwhm = number(answer), 6
    voxel_mm = nib.load(recalled()[0].func).header.get_zooms()
    right = fwhm / FWHM_PER_SIGMA / voxel_mm[0]
    for value, verdict in (
        (right, Right("Less than one voxel. It looks narrow, and yet a voxel keeps less than a fifth of its own value.")),
        (fwhm / FWHM_PER_SIGMA / voxel_mm[1], Wrong("That is for the voxel size along y or z. Along x voxels are a little narrower.")),
        (fwhm / FWHM_PER_SIGMA, Wrong("That is sigma in millimetres. How many voxels is it?")),
        (fwhm / voxel_mm[0], Wrong("That is the FWHM in voxels. Sigma is the smaller of the two measures.")),
        (fwhm * FWHM_PER_SIGMA / voxel_mm[0], Wrong("FWHM is the larger of the two measures: divide by the factor.")),
        (fwhm / FWHM_PER_SIGMA * voxel_mm[0], Wrong("From millimetres to voxels one divides by the voxel size.")),
        (fwhm, Wrong("That is the FWHM in millimetres itself: SciPy would take it for 6 voxels of sigma.")),
    ):
        if math.isclose(answer, value, abs_tol=0.006):
            return verdict
    return Wrong("Divide the FWHM by the factor that the lesson printed, then by the width of a voxel.")


@exercise(
    "a number in scanner units",
    "The lesson did it with 6 mm, in three lines.",
    "noise(image.smooth_img(..., fwhm=9)), with the first run for the dots.",
)
def noise_at_9_mm(answer):
    answer = number(answer)
    from nilearn import image

    subject = recalled()[0]
    vt = image.get_data(subject.mask_vt) > 0
    run_img = image.index_img(subject.func, slice(0, int((subject.labels["chunks"] == 0).sum())))
    smoothed_img = image.smooth_img(run_img, fwhm=9)
    raw, spread = (image.get_data(img)[vt].std(axis=1) for img in (run_img, smoothed_img))
    right = np.median(spread)
    if math.isclose(answer, right, abs_tol=0.006):
        return Right("Less than at 6 mm, but by much less than the first 6 mm gave: what neighbours share stays.")
    if math.isclose(answer, np.median(raw), abs_tol=0.006):
        return Wrong("That is the run as measured. Smooth it first.")
    if math.isclose(answer, np.median(raw) / right, abs_tol=0.006):
        return Wrong("That is the factor between before and after. The question is how much noise is left.")
    if math.isclose(answer, np.median(image.get_data(image.smooth_img(run_img, fwhm=6))[vt].std(axis=1)), abs_tol=0.006):
        return Wrong("That is what 6 mm leaves. Here it is 9.")
    if math.isclose(answer, spread.mean(), abs_tol=0.006):
        return Wrong("That is the mean over the voxels. The lesson's `noise` takes the median.")
    if math.isclose(answer, np.median(image.get_data(smoothed_img).std(axis=3)), abs_tol=0.006):
        return Wrong("That is over the whole grid, air and all. The lesson's `noise` looks at the VT mask.")
    return Wrong("Smooth the first run with fwhm=9, and give the result to the lesson's `noise`.")

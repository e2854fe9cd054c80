"""Exercises of lesson 02, smoothing."""

import math

import nibabel as nib
import numpy as np
from nilearn import image

from roilessons.check.judging import choice, number, the_subject

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))  # of a Gaussian

reason_for_a_width = choice(
    "b",
    "The width follows from what you look for, and the data had no part in the choice.",
    "Which of the reasons could be given before the data were measured? And is it true?",
    "Two of the reasons say something of filters that this lesson has shown to be wrong. One of the others looks at the result.",
    a="That is a choice made on the result: some width gives most voxels in noise, too.",
    c="The noise does get less. But beyond the width of the region the signal shrinks faster: look at the two curves.",
    d="The other way round: a filter carries the signal across the border of the region.",
)


@number(
    "a number of voxels",
    "Two translations: from FWHM to sigma, and from millimetres to voxels.",
    "Sigma in mm is FWHM / sqrt(8 ln 2). How many voxels of this width is that?",
    otherwise="Divide the FWHM by the factor that the lesson printed, then by the width of a voxel.",
    decimals=2,
)
def sigma_in_voxels():
    fwhm, voxel_mm = 6, np.array(nib.load(the_subject().func).header.get_zooms()[:3], float)
    sigma_mm = fwhm / FWHM_PER_SIGMA
    sigmas = sigma_mm / voxel_mm
    kept = np.prod([1 / np.exp(-(np.arange(-50, 51) ** 2) / 2 / sigma**2).sum() for sigma in sigmas])
    why = "From FWHM to sigma, then from millimetres to voxels."
    if sigmas[0] < 1 and kept < 0.2:
        why = "Less than one voxel. It looks narrow, and yet a voxel keeps less than a fifth of its own value."
    yield sigmas[0], why
    yield tuple(sigmas[1:]), f"That is for the voxel size along y or z. Along x voxels are {voxel_mm[0]:g} mm wide."
    yield sigma_mm, "That is sigma in millimetres. How many voxels is it?"
    yield fwhm / voxel_mm[0], "That is the FWHM in voxels. Sigma is the smaller of the two measures."
    yield fwhm * FWHM_PER_SIGMA / voxel_mm[0], "FWHM is the larger of the two measures: divide by the factor."
    yield sigma_mm * voxel_mm[0], "From millimetres to voxels one divides by the voxel size."
    yield fwhm, f"That is the FWHM in millimetres itself: SciPy would take it for {fwhm} voxels of sigma."


@number(
    "a number in scanner units",
    "The lesson did it with 6 mm, in three lines.",
    "noise(image.smooth_img(..., fwhm=9)), with the first run for the dots.",
    otherwise="Smooth the first run with fwhm=9, and give the result to the lesson's `noise`.",
    decimals=2,
)
def noise_at_9_mm():
    subject = the_subject()
    vt, runs = image.get_data(subject.mask_vt) > 0, subject.runs
    run_img = image.index_img(subject.func, slice(0, int((runs == runs[0]).sum())))
    in_grid = {fwhm: image.get_data(image.smooth_img(run_img, fwhm)).std(axis=3) for fwhm in (None, 6, 9)}
    raw, six, nine = (np.median(in_grid[fwhm][vt]) for fwhm in (None, 6, 9))
    why = "Less than at 6 mm: a wider filter averages over more voxels."
    if raw - six > 2 * (six - nine):
        why = "Less than at 6 mm, but by much less than the first 6 mm gave: what neighbours share stays."
    yield nine, why
    yield raw, "That is the run as measured. Smooth it first."
    yield raw / nine, "That is the factor between before and after. The question is how much noise is left."
    yield six, "That is what 6 mm leaves. Here it is 9."
    yield in_grid[9][vt].mean(), "That is the mean over the voxels. The lesson's `noise` takes the median."
    yield np.median(in_grid[9]), "That is over the whole grid, air and all. The lesson's `noise` looks at the VT mask."

"""Exercises of lesson 05, intersection."""

import nibabel as nib
import numpy as np
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, number, recalled, recalled_if

mask_first = choice(
    "c",
    "Both questions must be answered with yes, in whichever order. Lesson 06 has steps whose order matters.",
    "Follow one voxel inside VT and one outside it, each with the value 6, through both orders.",
    "The first step asks: in VT? The second: 5 or above? Is there a voxel for which the order of the questions matters?",
    a="Take a voxel inside VT with the value 6. Does the mask change its value before the threshold is applied?",
    b="Take a voxel outside VT. Its value is 0 when the threshold is applied: is it kept?",
    d="Each voxel answers for itself: in VT, and 5 or above? Nothing in that depends on whose voxel it is.",
)


@number(
    "a whole number of voxels",
    "Two comparisons, each an array of True and False, then np.logical_and.",
    "Compare the array of the map with 4, using >=, AND it with vt, and count the True values with np.sum.",
    otherwise="np.logical_and of two comparisons, then np.sum: which voxels are 4 or above, and which are in VT?",
)
def voxels_in_both():
    subject, made = recalled()
    log_p, vt = np.asarray(made.log_p_img.dataobj), np.asarray(nib.load(subject.mask_vt).dataobj) > 0
    keep = log_p >= 4
    yield np.sum(keep & vt), "Both conditions hold for these, and for no others."
    yield np.sum(keep), "The VT mask was forgotten, or counted too late: that is the number before the AND."
    yield np.sum(keep | vt), "That is OR: it keeps voxels that are in one of the two only. AND wants both."
    yield np.sum(keep & ~vt), "Those are the voxels that the AND removes. Count the ones that stay."
    yield np.sum(vt), "That is the whole VT mask. Which of its voxels are at or above the threshold?"
    yield np.sum((log_p >= 5) & vt), "That is with a threshold of 5. Here it is 4."
    yield log_p[keep & vt].sum(dtype=float), "That is the sum of the values. Count the voxels: add up the True and False."
    yield np.sum(keep) + np.sum(vt), "That is the sum of two counts. AND comes first, voxel by voxel, and counting last."


@number(
    "a threshold, such as 5",
    'The list dice["AND the VT mask"] has one Dice for each of the thresholds, in the same order.',
    "np.argmax says at which place of a list the largest value stands. Which threshold stands at that place?",
    otherwise='Find the largest value of dice["AND the VT mask"], and the threshold at its place.',
    decimals=1,
)
def best_in_vt():
    subject, made = recalled_if(lambda subject, made: subject.truth is not None)  # only the simulated one's is known
    truth_img = image.math_img("np.where(img <= 4, img, 0)", img=subject.truth)
    thresholds = np.arange(1, 10.01, 0.5)
    masks = [rl.threshold(made.log_p_img, value) for value in thresholds]
    alone = np.array([rl.score(mask, truth_img).loc["all", "dice"] for mask in masks])
    in_vt = np.array([rl.score(rl.intersect(mask, subject.mask_vt), truth_img).loc["all", "dice"] for mask in masks])
    best = in_vt == in_vt.max()
    place = "As a threshold it is not the best. If it is the place in the list: which threshold stands there?"
    yield tuple(thresholds[best]), "And only the truth could tell: without it there is no Dice, and the curve cannot be drawn."
    yield thresholds[np.argmax(alone)], "That is the best threshold alone. Which curve has the VT mask in it?"
    yield in_vt.max(), "That is the highest Dice itself. At which threshold is it reached?"
    yield tuple(np.flatnonzero(best)), place
    yield thresholds[np.argmin(in_vt)], "There the Dice is lowest: the largest value is wanted."


honest_mask = choice(
    "c",
    "The anatomical scan knows nothing of faces and houses, so the mask cannot prefer either.",
    "Ask of each mask: could it have been made before the functional data were looked at?",
    "Three of the four have peeked, each in its own way.",
    a="The strongest voxel was found in these data, so the sphere sits where the noise helped most.",
    b="That first analysis has used these data already: the same noise would choose twice.",
    d="Each mask may be honest, but choosing among five by the result is a look at the result.",
)

which_conjunction = choice(
    "d",
    "Two effects, each with a test of its own that could have failed, and both have to pass.",
    "Count the statistical maps in each answer. How many have to pass?",
    "A conjunction needs two effects, and a voxel must have both.",
    a="That is masking: there is one effect, and the mask says where to look for it.",
    b="That is one contrast: a voxel can pass it with a large difference from houses and none from chairs.",
    c="That is OR: a voxel with one of the two effects is enough.",
)

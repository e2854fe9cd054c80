"""Exercises of lesson 05, intersection."""

from functools import lru_cache

import numpy as np

from roilessons.check.judging import Right, Wrong, choice, exercise, number, recalled


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Follow one voxel inside VT and one outside it, each with the value 6, through both orders.",
    "The first step asks: in VT? The second: 5 or above? Is there a voxel for which the order of the questions matters?",
)
def mask_first(answer):
    return {
        "a": Wrong("Take a voxel inside VT with the value 6. Does the mask change its value before the line is drawn?"),
        "b": Wrong("Take a voxel outside VT. Its value is 0 when the line is drawn: is it kept?"),
        "c": Right("Both questions must be answered with yes, in whichever order. Lesson 06 has steps whose order matters."),
        "d": Wrong("Each voxel answers for itself: in VT, and 5 or above? Nothing in that depends on whose voxel it is."),
    }[choice(answer)]


@exercise(
    "a whole number of voxels",
    "Two comparisons, each an array of True and False, then np.logical_and.",
    "Draw the line at 3 with >= in the map log_p, AND it with vt, and count the True values with np.sum.",
)
def voxels_in_both(answer):
    subject, made = recalled()
    log_p, vt = np.asarray(made.log_p_img.dataobj), _vt(subject)
    keep = log_p >= 3
    answer = number(answer)
    if answer == np.sum(keep & vt):
        return Right("Both conditions hold for these, and for no others.")
    if answer == np.sum(keep):
        return Wrong("The VT mask was forgotten, or counted too late: that is the number before the AND.")
    if answer == np.sum(keep | vt):
        return Wrong("That is OR: it keeps voxels that are in one of the two only. AND wants both.")
    if answer == np.sum(keep & ~vt):
        return Wrong("Those are the voxels that the AND removes. Count the ones that stay.")
    if answer == np.sum(vt):
        return Wrong("That is the whole VT mask. Which of its voxels pass the line?")
    if answer == np.sum((log_p >= 5) & vt):
        return Wrong("That is the line at 5. Here it is at 3.")
    if np.isclose(answer, log_p[keep & vt].sum(), rtol=1e-3):
        return Wrong("That is the sum of the values. Count the voxels: add up the True and False.")
    if answer == np.sum(keep) + np.sum(vt):
        return Wrong("That is the sum of two counts. AND comes first, voxel by voxel, and counting last.")
    return Wrong("np.logical_and of two comparisons, then np.sum: which voxels pass the line at 3, and which are in VT?")


@exercise(
    "a threshold, such as 5",
    'The list dice["AND the VT mask"] has one Dice for each of the thresholds, in the same order.',
    "np.argmax says at which place of a list the largest value stands. Which threshold stands at that place?",
)
def best_in_vt(answer):
    thresholds, alone, in_vt = _dice_curves()
    best = int(np.argmax(in_vt))
    answer = number(answer)
    if np.isclose(answer, thresholds[best]):
        return Right("And only the truth could tell: without it there is no Dice, and the curve cannot be drawn.")
    if np.isclose(answer, thresholds[np.argmax(alone)]):
        return Wrong("That is the best threshold alone. Which curve has the VT mask in it?")
    if np.isclose(answer, in_vt[best], atol=0.006):
        return Wrong("That is the highest Dice itself. At which threshold is it reached?")
    if answer == best:
        return Wrong("As a threshold it is not the best. If it is the place in the list: which threshold stands there?")
    if np.isclose(answer, thresholds[np.argmin(in_vt)]):
        return Wrong("There the Dice is lowest: the largest value is wanted.")
    return Wrong('Find the largest value of dice["AND the VT mask"], and the threshold at its place.')


@lru_cache(1)
def _dice_curves():
    from nilearn import image

    from roilessons import catch_up, intersect, load_subject, score, threshold

    subject, made = recalled()
    if subject.truth is None:  # a real brain: the lesson looks at the simulated subject
        subject = load_subject("simulated")
        made = catch_up(subject, "t_test")
    truth_img = image.math_img("np.where(img <= 4, img, 0)", img=subject.truth)
    thresholds = np.arange(1, 10.01, 0.5)
    masks = [threshold(made.log_p_img, value) for value in thresholds]
    alone = [score(mask, truth_img).loc["all", "dice"] for mask in masks]
    in_vt = [score(intersect(mask, subject.mask_vt), truth_img).loc["all", "dice"] for mask in masks]
    return thresholds, alone, in_vt


def _vt(subject):
    import nibabel as nib

    return np.asarray(nib.load(subject.mask_vt).dataobj) > 0


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Ask of each mask: could it have been made before the functional data were looked at?",
    "Three of the four have peeked, each in its own way.",
)
def honest_mask(answer):
    return {
        "a": Wrong("The strongest voxel was found in these data, so the sphere sits where the noise was kindest."),
        "b": Wrong("That first analysis has used these data already: its winners are chosen twice by the same noise."),
        "c": Right("The anatomical scan knows nothing of faces and houses, so the mask cannot lean towards either."),
        "d": Wrong("Each mask may be honest, but choosing among five by the result is a look at the result."),
    }[choice(answer)]

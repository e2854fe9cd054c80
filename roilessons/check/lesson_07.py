"""Exercises of lesson 07, connected components."""

from functools import lru_cache

import numpy as np
from scipy import ndimage

from roilessons import load_subject, steps
from roilessons.check.judging import Right, Wrong, choice, exercise, number, recalled


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Take two voxels that were in one component by 6-connectivity. Can the way between them get lost?",
    "Every way of the old rule is open under the new one, and some new ways open. Can that ever part two voxels?",
)
def more_neighbours(answer):
    return {
        "a": Wrong("More neighbours mean more ways from voxel to voxel. Do ways part components, or join them?"),
        "b": Right("A wider rule only opens ways. Components may join, and none is ever split."),
        "c": Wrong("For it to rise, some component would have to fall apart. Which way between its voxels would have closed?"),
        "d": Wrong("Not always: think of a mask of one single voxel."),
    }[choice(answer)]


@exercise(
    "the number of an ROI, 1 or more",
    "Which number do the voxels have in the ordered image where SciPy's label is 3?",
    "rois[labels == 3] are those numbers; they are all alike.",
)
def scipys_label_three(answer):
    labels, sizes, number_of = _ordered()
    answer = number(answer)
    right = number_of[3]
    if answer == right:
        return Right(f"SciPy's label 3 holds {sizes[2]} voxels, and so many has this ROI: size is how you find it again.")
    if answer == sizes[2]:
        return Wrong("That is how many voxels it has. Which of our ROIs has this size?")
    if answer == right - 1:
        return Wrong("One too low: argsort counts positions from 0, ROIs are counted from 1.")
    if answer == np.argsort(-sizes, kind="stable")[2] + 1:
        return Wrong("The other way round: that is the label that SciPy gave to our ROI 3.")
    if answer == 3:
        return Wrong("That would be so if SciPy ordered by size. It numbers them as it meets them.")
    if answer == len(sizes) + 1 - right:
        return Wrong("That is its place counted from the smallest. Our ROI 1 is the largest.")
    return Wrong("Look up one voxel: which label has it in `labels`, and which number in `rois`?")


@exercise(
    "a whole number of ROIs",
    "The steps in their order: rl.threshold, rl.intersect, rl.dilate, then ndimage.label or rl.label.",
    "ndimage.label returns two things; the second is the number of components. In rl.label's image it is the maximum.",
)
def rois_at_four(answer):
    subject, made = recalled_rois()
    at_four = steps.threshold(made.log_p_img, 4)
    inside = steps.intersect(at_four, subject.mask_vt)
    sizes = np.bincount(_label(steps.dilate(inside)).ravel())[1:]
    answer = number(answer)
    if answer == len(sizes):
        return Right("A lower line lets new small regions in, and lets some that were apart grow together.")
    at_five = "That is the number at a threshold of 5. Start again from the map."
    one_too_many = "One too many: 0 is in the image too, and it is background. np.unique and np.bincount count it."
    if answer == len(sizes) + 1 == _label(made.dilated_img).max():
        return Wrong(f"{at_five} Or, if you did: {one_too_many[0].lower()}{one_too_many[1:]}")
    if answer == len(sizes) + 1:
        return Wrong(one_too_many)
    if answer == _label(made.dilated_img).max():
        return Wrong(at_five)
    if answer == _label(inside).max():
        return Wrong("You counted before the dilation. It joins what lies close together.")
    if answer == _label(steps.dilate(at_four)).max():
        return Wrong("These are the components of the whole brain. The AND with the VT mask is missing.")
    if answer == sizes.sum():
        return Wrong("That is how many voxels the mask has. Now take it apart.")
    if answer == sizes.max():
        return Wrong("That is the size of the largest. How many are there?")
    return Wrong("Four steps: threshold at 4, AND with subject.mask_vt, dilate once, label by 6-connectivity.")


@lru_cache(1)
def recalled_rois():
    """As `recalled`; like lessons 07 and 08 it goes on with the simulated subject if there are fewer than three ROIs."""
    subject, made = recalled()
    if np.max(made.labels_img.dataobj) < 3:
        subject = load_subject("simulated")
        made = steps.catch_up(subject, "signals")
    return subject, made


def _label(img):
    return ndimage.label(np.asarray(img.dataobj))[0]


def _ordered():
    """SciPy's labels of the dilated mask, their sizes, and a table from label to our ROI."""
    _, made = recalled_rois()
    labels = _label(made.dilated_img)
    sizes = np.bincount(labels.ravel())[1:]
    number_of = np.zeros(len(sizes) + 1, int)
    number_of[np.argsort(-sizes, kind="stable") + 1] = np.arange(1, len(sizes) + 1)
    return labels, sizes, number_of

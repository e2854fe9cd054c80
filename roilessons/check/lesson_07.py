"""Exercises of lesson 07, connected components."""

import numpy as np
from scipy import ndimage

import roilessons as rl
from roilessons.check.judging import choice, number, recalled_if

more_neighbours = choice(
    "b",
    "A wider rule only opens ways. Components may join, and none is ever split.",
    "Take two voxels that were in one component by 6-connectivity. Can the way between them get lost?",
    "Every way of the old rule is open under the new one, and some new ways open. Can that ever part two voxels?",
    a="More neighbours mean more ways from voxel to voxel. Do ways part components, or join them?",
    c="For it to rise, some component would have to fall apart. Which way between its voxels would have closed?",
    d="Not always: think of a mask of one single voxel.",
)


def recalled_rois():
    """As `recalled`, for the lessons that need three ROIs: those here and in lesson 08."""
    return recalled_if(lambda subject, made: np.max(made.labels_img.dataobj) >= 3)


def sizes_of(img):
    """How many voxels each of SciPy's labels has."""
    return np.bincount(ndimage.label(np.asarray(img.dataobj))[0].ravel())[1:]


def by_size(sizes):
    """SciPy's labels in the order of our ROIs: the largest first."""
    return np.argsort(-sizes, kind="stable") + 1


@number(
    "the number of an ROI, 1 or more",
    "Label made.intersected_img twice, with ndimage.label and with rl.label, which orders by size.",
    "ours[scipys == 3] are the ordered numbers where SciPy's label is 3; they are all alike.",
    otherwise="Look up one voxel of made.intersected_img: which number has it in rl.label's image where SciPy's label is 3?",
)
def scipys_label_three():
    sizes = sizes_of(recalled_rois()[1].intersected_img)
    labels, size = by_size(sizes), sizes[2]
    right = labels.tolist().index(3) + 1
    yield right, f"SciPy's label 3 holds {size} voxels. From the largest on, that is number {right}."
    yield size, "That is how many voxels it has. At which place is it, from the largest on?"
    yield right - 1, "One too low: argsort counts positions from 0, ROIs are counted from 1."
    yield labels[2], "The other way round: that is the label that SciPy gave to the third largest."
    yield 3, "That would be so if SciPy ordered by size. It numbers them as it meets them."
    yield len(sizes) + 1 - right, "That is its place counted from the smallest. Our ROI 1 is the largest."


@number(
    "a whole number of ROIs",
    "The steps in their order: rl.threshold, rl.dilate, then ndimage.label or rl.label.",
    "ndimage.label returns two things; the second is the number of components. In rl.label's image it is the maximum.",
    otherwise="Three steps: threshold at 6, dilate once, label by 6-connectivity. No AND this time.",
)
def rois_at_six():
    subject, made = recalled_rois()
    at_six = rl.threshold(made.log_p_img, 6)
    sizes = sizes_of(rl.dilate(at_six))
    background = "One too many: 0 is in the image too, and it is background. np.unique and np.bincount count it."
    yield len(sizes), "A higher threshold leaves fewer regions. It does not say which of them are real."
    yield len(sizes_of(rl.dilate(made.thresholded_img))), "That is the number at a threshold of 5. Start again from the map."
    yield len(sizes) + 1, background
    yield len(sizes_of(at_six)), "You counted before the dilation. It joins what lies close together."
    yield (
        len(sizes_of(rl.dilate(rl.intersect(at_six, subject.mask_vt)))),
        "These are the components in the VT mask. Leave it out.",
    )
    yield sizes.sum(), "That is how many voxels the mask has. Now take it apart."
    yield sizes.max(), "That is the size of the largest. How many are there?"

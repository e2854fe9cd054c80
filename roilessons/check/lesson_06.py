"""Exercises of lesson 06, dilation."""

import nibabel as nib
import numpy as np
from scipy import ndimage

from roilessons import catch_up, load_subject
from roilessons.check.judging import Right, Wrong, choice, exercise, number, recalled


@exercise(
    "a whole number of voxels",
    "After one round with the cube, which shape is it? How long are its edges?",
    "Every round makes each edge longer by two voxels, one at either end.",
)
def two_rounds_of_cubes(answer):
    answer = number(answer)
    if answer == (1 + 2 + 2) ** 3:
        return Right("A cube stays a cube: its edges are 1, 3, then 5 voxels long.")
    if answer == 25:
        return Wrong("That is two rounds by face, the diamond. With the cube the corners come in too.")
    if answer == 3**3:
        return Wrong("That is the cube after one round. One more.")
    if answer == 3**3 * 3**3:
        return Wrong("You multiplied: but the cubes around neighbouring voxels overlap, and a voxel counts once.")
    if answer == 2 * 3**3 - 1:
        return Wrong("You added as many in the second round as in the first. The surface has grown, so more come in.")
    if answer == 5**2:
        return Wrong("That is one plane of it. Count all planes.")
    return Wrong("Try it: ndimage.generate_binary_structure(3, 3) is the cube, the second argument of binary_dilation.")


@exercise(
    "a whole number of voxels",
    "Two steps: dilate, then keep what is also in the VT mask. The order matters.",
    "An AND after the dilation takes the leak away: &, or rl.intersect with subject.mask_vt.",
)
def dilated_within_vt(answer):
    subject, made = recalled()
    if not np.any(made.intersected_img.dataobj):  # nothing to dilate: the lesson goes on with the simulated subject
        subject = load_subject("simulated")
        made = catch_up(subject, "intersection")
    vt = np.asarray(nib.load(subject.mask_vt).dataobj) > 0
    thresholded, mask = np.asarray(made.thresholded_img.dataobj) > 0, np.asarray(made.intersected_img.dataobj) > 0
    dilated = ndimage.binary_dilation(mask)
    answer = number(answer)
    if answer == np.sum(dilated & vt):
        return Right("Grown, and yet inside: dilate first, AND last. Each new voxel is next to a strong one and in VT.")
    if answer == dilated.sum():
        return Wrong("That is the dilated mask with its leak. The VT mask is forgotten.")
    if answer == mask.sum():
        return Wrong("That is the mask before it grew, or you dilated and then kept only what was there before.")
    if answer == np.sum(dilated & ~vt):
        return Wrong("These are the voxels that leaked. You want the others.")
    if answer == np.sum(dilated & vt & ~mask):
        return Wrong("These are the new voxels alone. Count the old ones too.")
    if answer == np.sum(ndimage.binary_dilation(thresholded) & vt):
        return Wrong("You dilated before the first AND: voxels outside VT have grown into it. Start from the mask of lesson 05.")
    if answer == np.sum(ndimage.binary_dilation(mask, iterations=2) & vt):
        return Wrong("That is two rounds of dilation. Do one.")
    return Wrong("Start from the mask of lesson 05, dilate it once, and AND it with the VT mask.")


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Write down the three values that n takes.",
    "Look at the section with the trap: how many voxels are there in the whole image?",
)
def largest_first(answer):
    return {
        "a": Wrong("A dilation is an OR of the mask with copies of itself: what is in stays in."),
        "b": Right("range(3) is 0, 1, 2, and with 0 SciPy goes on until the whole image is full."),
        "c": Wrong("It does count them, but in all three numbers alike. What is special about the first?"),
        "d": Wrong("The same mask goes into all three. What differs between them is n."),
    }[choice(answer)]

"""Exercises of lesson 06, dilation."""

import nibabel as nib
import numpy as np
from scipy import ndimage

from roilessons.check.judging import choice, number, recalled_if


@number(
    "a whole number of voxels",
    "After one round with the cube, which shape is it? How long are its edges?",
    "Every round makes each edge longer by two voxels, one at either end.",
    otherwise="Try it: ndimage.generate_binary_structure(3, 3) is the cube, the second argument of binary_dilation.",
)
def two_rounds_of_cubes():
    once, twice = 1 + 2, 1 + 2 + 2  # voxels along an edge
    yield twice**3, f"A cube stays a cube: its edges are 1, {once}, then {twice} voxels long."
    yield 25, "That is two rounds by face, the diamond. With the cube the corners come in too. Or it is one plane of the cube."
    yield once**3, "That is the cube after one round. One more."
    yield once**3 * once**3, "You multiplied: but the cubes around neighbouring voxels overlap, and a voxel counts once."
    yield 2 * once**3 - 1, "You added as many in the second round as in the first. The surface has grown, so more come in."


@number(
    "a whole number of voxels",
    "Two steps: dilate, then keep what is also in the VT mask. The order matters.",
    "An AND after the dilation takes the leak away: &, or rl.intersect with subject.mask_vt.",
    otherwise="Start from the mask of lesson 05, dilate it once, and AND it with the VT mask.",
)
def dilated_within_vt():
    subject, made = recalled_if(lambda subject, made: np.any(made.intersected_img.dataobj))
    vt, thresholded, mask = (
        np.asarray(img.dataobj) > 0 for img in (nib.load(subject.mask_vt), made.thresholded_img, made.intersected_img)
    )
    dilated = ndimage.binary_dilation(mask)
    too_early = "You dilated before the first AND: voxels outside VT have grown into it. Start from the mask of lesson 05."
    yield (
        np.sum(dilated & vt),
        "Grown, and yet inside: dilate first, AND last. Each new voxel is next to a strong one and in VT.",
    )
    yield np.sum(dilated), "That is the dilated mask with its leak. The VT mask is forgotten."
    yield np.sum(mask), "That is the mask before it grew, or you dilated and then kept only what was there before."
    yield np.sum(dilated & ~vt), "These are the voxels that leaked. You want the others."
    yield np.sum(dilated & vt & ~mask), "These are the new voxels alone. Count the old ones too."
    yield np.sum(ndimage.binary_dilation(thresholded) & vt), too_early
    yield np.sum(ndimage.binary_dilation(mask, iterations=2) & vt), "That is two rounds of dilation. Do one."


largest_first = choice(
    "b",
    "range(3) is 0, 1, 2, and with 0 SciPy goes on until the whole image is full.",
    "Write down the three values that n takes.",
    "Look at the section with the trap: how many voxels are there in the whole image?",
    a="A dilation is an OR of the mask with copies of itself: what is in stays in.",
    c="It does count them, but in all three numbers alike. What is special about the first?",
    d="The same mask goes into all three. What differs between them is n.",
)

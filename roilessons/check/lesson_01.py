"""Exercises of lesson 01, coordinates and data."""

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

from roilessons.check.judging import choice, number, the_subject

VOXEL = (5, 30, 20)  # of the first exercise
PLACE = (-20, -44, -10)  # mm, of the second


def _affine():
    return nib.load(the_subject().func).affine


side_of_voxel = choice(
    lambda: "b" if apply_affine(_affine(), VOXEL)[0] > 0 else "a",
    "The sign of its x tells the side. The index alone would not have told: the step along the first axis may be negative.",
    "Which way does x run when the first index grows? The sign of the first step in the affine tells.",
    "The first row of the affine gives x: multiply the step by the index and add the last column. Is x above or below 0?",
    a="A small index need not mean left: look at the sign of the step along the first axis.",
    b="A small index need not mean right: look at the sign of the step along the first axis.",
    c="The middle of the head has x = 0. Work out the x of this voxel.",
    d="They do: the affine turns indices into x, and the sign of x says which side.",
)


@number(
    "three whole numbers, (i, j, k)",
    "The affine leads from indices to millimetres. Which matrix leads the other way?",
    "apply_affine(np.linalg.inv(affine), ...) with x, y and z in this order, then the nearest whole numbers.",
    otherwise="Apply the inverse of the affine to the three coordinates, and round each to the nearest whole number.",
    length=3,
)
def voxel_of_place():
    affine = _affine()
    back = np.linalg.inv(affine)
    exact, (x, y, z) = apply_affine(back, PLACE), PLACE
    nearest = np.rint(exact)

    def rounded_or_not(matrix, place):
        found = apply_affine(matrix, place)
        return found, np.rint(found), np.floor(found)

    yield nearest, "The inverse of the affine, and then the nearest voxel: its middle is less than half a voxel away."
    yield exact, "The place is right, but it lies between voxels, and an array takes whole numbers. Which is the nearest?"
    yield np.floor(exact), "Cut off after the point: int() does not round. The nearest voxel is what np.rint gives."
    yield rounded_or_not(back, (y, x, z)), "x and y are swapped: coordinates come in the order x, y, z."
    yield (
        rounded_or_not(affine, PLACE),
        "That is the affine itself, which takes indices. From millimetres to indices leads its inverse.",
    )
    yield (
        rounded_or_not(back, (-x, y, z)),
        "That is the mirror image, in the other hemisphere. Did the minus of x, or of the step, get lost?",
    )
    yield nearest[::-1], "Right numbers, reversed: the first index belongs to x, the last to z."


@number(
    "a number of seconds",
    "Count the volumes whose label is 'house'. How long does one volume take?",
    "(labels['labels'] == 'house').sum() is the number of volumes; subject.t_r is the seconds for each.",
    otherwise="Count the rows whose label is 'house', and multiply by the seconds that a volume takes.",
    decimals=1,
)
def seconds_of_houses():
    subject = the_subject()
    conditions, t_r = subject.conditions, subject.t_r
    volumes, runs = (conditions == "house").sum(), len(np.unique(subject.runs))
    yield volumes * t_r, "One block in each run, and each volume of it counts for the repetition time."
    yield volumes, f"That is the number of volumes. Each takes {t_r:g} seconds."
    yield volumes * t_r / runs, "That is one run. There are more."
    yield volumes / runs, "That is the volumes of one block. Count them in all the runs, and make them seconds."
    yield len(conditions) * t_r, "That is the whole session. Only the volumes labelled 'house' count."
    yield volumes / t_r, "Divided, where it should be multiplied: every volume takes t_r seconds."

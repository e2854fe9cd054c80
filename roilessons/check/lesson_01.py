"""Exercises of lesson 01, coordinates and data."""

import math

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

from roilessons.check.judging import Right, Wrong, choice, exercise, number, recalled

VOXEL = (5, 30, 20)  # of the first exercise
PLACE = (-20, -44, -10)  # mm, of the second


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Which way does x run when the first index grows? The sign of the first step in the affine tells.",
    "The first row of the affine gives x: multiply the step by the index and add the last column. Is x above or below 0?",
)
def side_of_voxel(answer):
    answer = choice(answer)
    right = "b" if apply_affine(_affine(), VOXEL)[0] > 0 else "a"
    if answer == right:
        return Right("The sign of its x tells the side. The index alone would not have told: the step along the first axis may be negative.")
    return {
        "a": Wrong("A small index need not mean left: look at the sign of the step along the first axis."),
        "b": Wrong("Look at the sign of the step along the first axis: here x grows with the index."),
        "c": Wrong("The middle of the head has x = 0. Work out the x of this voxel."),
        "d": Wrong("They do: the affine turns indices into x, and the sign of x says which side."),
    }[answer]


@exercise(
    "three whole numbers, (i, j, k)",
    "The affine leads from indices to millimetres. Which matrix leads the other way?",
    "apply_affine(np.linalg.inv(affine), ...) with x, y and z in this order, then the nearest whole numbers.",
)
def voxel_of_place(answer):
    answer = np.asarray(answer, dtype=float)
    if answer.shape != (3,):
        raise TypeError
    affine = _affine()
    back = np.linalg.inv(affine)
    exact = apply_affine(back, PLACE)
    x, y, z = PLACE
    if np.array_equal(answer, np.rint(exact)):
        return Right("The inverse of the affine, and then the nearest voxel: its middle is less than half a voxel away.")
    if np.allclose(answer, exact, atol=0.01):
        return Wrong("The place is right, but it lies between voxels, and an array takes whole numbers. Which is the nearest?")
    if np.array_equal(answer, np.floor(exact)):
        return Wrong("Cut off after the point: int() does not round. The nearest voxel is what np.rint gives.")
    if np.allclose(answer, apply_affine(back, (y, x, z)), atol=0.51):
        return Wrong("x and y are swapped: coordinates come in the order x, y, z.")
    if np.allclose(answer, apply_affine(affine, PLACE), atol=0.51):
        return Wrong("That is the affine itself, which takes indices. From millimetres to indices leads its inverse.")
    if np.allclose(answer, apply_affine(back, (-x, y, z)), atol=0.51):
        return Wrong("That is the mirror image, in the other hemisphere. Did the minus of x, or of the step, get lost?")
    if np.array_equal(answer, np.rint(exact)[::-1]):
        return Wrong("Right numbers, reversed: the first index belongs to x, the last to z.")
    return Wrong("Apply the inverse of the affine to the three coordinates, and round each to the nearest whole number.")


@exercise(
    "a number of seconds",
    "Count the volumes whose label is 'house'. How long does one volume take?",
    "(labels['labels'] == 'house').sum() is the number of volumes; subject.t_r is the seconds for each.",
)
def seconds_of_houses(answer):
    subject = recalled()[0]
    answer, labels = number(answer), subject.labels
    volumes, runs = (labels["labels"] == "house").sum(), labels["chunks"].nunique()
    if math.isclose(answer, volumes * subject.t_r):
        return Right("One block in each run, and each volume of it counts for the repetition time.")
    if math.isclose(answer, volumes):
        return Wrong("That is the number of volumes. Each takes more than a second.")
    if math.isclose(answer, volumes * subject.t_r / runs):
        return Wrong("That is one run. There are more.")
    if math.isclose(answer, volumes / runs):
        return Wrong("That is the volumes of one block. Count them in all the runs, and make them seconds.")
    if math.isclose(answer, len(labels) * subject.t_r):
        return Wrong("That is the whole session. Only the volumes labelled 'house' count.")
    if math.isclose(answer, volumes / subject.t_r):
        return Wrong("Divided, where it should be multiplied: every volume takes t_r seconds.")
    return Wrong("Count the rows whose label is 'house', and multiply by the seconds that a volume takes.")


def _affine():
    return nib.load(recalled()[0].func).affine

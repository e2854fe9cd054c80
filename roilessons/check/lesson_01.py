"""Exercises of lesson 01, coordinates and data."""

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

from roilessons.check.judging import choice, function, number, the_subject

VOXEL = (5, 30, 20)  # of the first exercise
PLACE = (-20, -44, -10)  # mm, of the second
LOOK, STEP = (33, -47, -13), 7  # mm, of the prediction


def _affine():
    return nib.load(the_subject().func).affine


@number(
    "the first index, a whole number",
    "7 mm are two voxels of 3.5 mm.",
    "Move x in the explorer by as much, and read the first index.",
    otherwise="7 mm are two voxels. The question is to which side the index grows.",
    minutes=2,
    task="predict",
    close=0,
)
def index_further_right():
    back = np.linalg.inv(_affine())
    before, after = (np.rint(apply_affine(back, np.add(LOOK, (mm, 0, 0))))[0] for mm in (0, STEP))
    yield after, "An index need not grow to the right: in this file it grows to the left." if after < before else "Here it grows to the right."
    yield 2 * before - after, "You counted two voxels, to the other side."
    yield before, "The place has moved by two voxels."
    yield before + STEP, "You added millimetres to an index."


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
    "The anatomical image has an affine of its own: anat_img.affine. It leads from indices to millimetres. What leads back?",
    "apply_affine(np.linalg.inv(anat_img.affine), ...) with x, y and z in this order, then the nearest whole numbers with np.rint.",
    otherwise="Apply the inverse of anat_img.affine to the three coordinates, and round each to the nearest whole number.",
    length=3,
    minutes=4,
    task="transfer",
)
def voxel_of_anatomy():
    subject = the_subject()
    affine = nib.load(subject.anat or subject.func).affine
    back = np.linalg.inv(affine)
    exact, (x, y, z) = apply_affine(back, PLACE), PLACE
    nearest = np.rint(exact)

    def rounded_or_not(matrix, place):
        found = apply_affine(matrix, place)
        return found, np.rint(found), np.floor(found)

    yield nearest, "Another grid, other indices, and the same place in the head."
    yield rounded_or_not(np.linalg.inv(_affine()), PLACE), "That is the voxel of the series. The anatomical image has its own affine."
    yield exact, "The place is right, but it lies between voxels, and an array takes whole numbers. Which is the nearest?"
    yield np.floor(exact), "Cut off after the point: int() does not round. The nearest voxel is what np.rint gives."
    yield rounded_or_not(back, (y, x, z)), "x and y are swapped: coordinates come in the order x, y, z."
    yield (
        rounded_or_not(affine, PLACE),
        "That is the affine itself, which takes indices. From millimetres to indices leads its inverse.",
    )
    yield rounded_or_not(back, (-x, y, z)), "That is the mirror image, in the other hemisphere. Did the minus of x get lost?"
    yield nearest[::-1], "Right numbers, reversed: the first index belongs to x, the last to z."


def _seconds(conditions, name, t_r):
    return np.sum(conditions == name) * t_r


_NAMES = np.array(["rest", "rest", "face", "face", "face", "rest", "house", "house", "rest", "face"])

seconds_of = function(
    "a function that takes conditions, a name and the seconds for each volume, and returns a number",
    "conditions == name is True for each volume with that label, and np.sum counts the True ones.",
    "Each of these volumes takes t_r seconds: return np.sum(conditions == name) * t_r.",
    cases={
        "faces in ten volumes of 2.5 s": ((_NAMES, "face", 2.5), "Count the volumes of the condition, also in a second block."),
        "houses in ten volumes of 2.2 s": ((_NAMES, "house", 2.2), "Use the name and the t_r that the function is given."),
        "a name that does not come up": ((_NAMES, "cat", 2.5), "No volume, no seconds: 0."),
    },
    value=_seconds,
    why="A volume counts for as long as it takes. So a count of labels becomes a duration.",
    mistakes=[
        (lambda conditions, name, t_r: np.sum(conditions == name), "That counts volumes. Each takes t_r seconds."),
        (lambda conditions, name, t_r: np.sum(conditions == name) / t_r, "You divide by the seconds of a volume. Two volumes take longer than one."),
        (lambda conditions, name, t_r: len(conditions) * t_r, "That is how long all the volumes take. Only those with the name count."),
        (lambda conditions, name, t_r: np.sum(conditions != name) * t_r, "Those are the volumes with another name."),
        (lambda conditions, name, t_r: np.sum(conditions == "face") * t_r, "It counts faces, whatever name it is given."),
    ],
    otherwise="Count the volumes whose label is the name, and multiply by the seconds that a volume takes.",
    minutes=4,
)


def _value(volume, affine, place):
    return volume[tuple(np.rint(apply_affine(np.linalg.inv(affine), place)).astype(int))]


_VOLUME = np.arange(6 * 7 * 8).reshape(6, 7, 8)
_GRIDS = {
    "voxels of 2 mm": np.array([[2.0, 0, 0, -6], [0, 2, 0, -6], [0, 0, 2, -6], [0, 0, 0, 1]]),
    "voxels of 3 mm, the first index to the left": np.array([[-3.0, 0, 0, 9], [0, 3, 0, -9], [0, 0, 3, -12], [0, 0, 0, 1]]),
    "a tilted grid": np.array([[2.4, -0.9, 0, -4], [0.7, 1.9, 0, -5], [0, 0, 3, -9], [0, 0, 0, 1]]),
}
_SYMPTOM = "It gives the number of another voxel, and no error message. A place with x = y would come out right."

value_at = function(
    "a function that takes a volume, an affine and a place (x, y, z) in mm, and returns a number",
    "Take a place whose voxel you know, such as one from the lesson, and follow it line by line. Where does it change?",
    "In which order does a place have its coordinates, and in which order does apply_affine get them?",
    cases={
        "voxels of 2 mm": ((_VOLUME, _GRIDS["voxels of 2 mm"], (-4.0, 4.0, 2.3)), ""),
        "voxels of 3 mm, the first index to the left": (
            (_VOLUME, _GRIDS["voxels of 3 mm, the first index to the left"], (6.4, -2.2, 6.1)),
            "The affine knows to which side the index grows, and how large voxels are.",
        ),
        "a tilted grid": ((_VOLUME, _GRIDS["a tilted grid"], (-1.1, 1.4, 5.0)), "Use the whole affine, with np.linalg.inv and apply_affine."),
    },
    value=_value,
    why="x first, y second, z third: in millimetres as in indices.",
    mistakes=[
        (lambda volume, affine, place: _value(volume, affine, (place[1], place[0], place[2])), _SYMPTOM),
        (
            lambda volume, affine, place: volume[tuple(apply_affine(np.linalg.inv(affine), place).astype(int))],
            "The indices are cut off, not rounded. The nearest voxel is what np.rint gives.",
        ),
        (lambda volume, affine, place: volume[tuple(np.rint(place).astype(int))], "Those are millimetres, used as indices. The affine is forgotten."),
    ],
    otherwise="From the place to indices with the inverse of the affine, rounded; then the number of the volume there.",
    minutes=5,
    task="repair",
)

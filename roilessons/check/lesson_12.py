"""Exercises of lesson 12, your own data."""

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine

from roilessons.check.judging import Right, Wrong, choice, exercise, number
from roilessons.datasets import events

ONSET, DURATION, LENGTH = 30.0, 16.0, 60  # of the trial asked about, seconds; volumes
CENTRE, RADIUS = (28, -44, 6), 16  # of the sphere asked for, mm


def _first(delay):
    trial = pd.DataFrame([(ONSET, DURATION, "music")], columns=events.COLUMNS)
    return events.labels_from_events(trial, LENGTH, events.T_R, delay)["labels"].tolist().index("music")


@exercise(
    "the number of a volume, counted from 0",
    "When is the trial seen in the signal? Add the delay to its onset; that is still in seconds.",
    "Volume v is acquired at v times 2 s. Which is the first one at 35 s or later?",
)
def first_volume(answer):
    answer, right = number(answer), _first(events.DELAY)
    if answer == right:
        return Right("Onset plus delay, divided by the time between volumes, and up to the next whole volume.")
    if answer == _first(0):
        return Wrong("That is when the sound starts. The signal follows after the delay.")
    if answer == right - 1:
        return Wrong("That volume was acquired a second too early: round up, not down.")
    if answer == right + 1:
        return Wrong("One too late. The first volume has the number 0, at 0 s.")
    if answer == ONSET + events.DELAY:
        return Wrong("That is a time in seconds. Which volume is acquired then?")
    if answer == (ONSET + events.DELAY) / events.T_R:
        return Wrong("There is no half a volume. Which whole one is the first that is not too early?")
    if answer == _first(0) + events.DELAY:
        return Wrong("The delay is 5 seconds, not 5 volumes.")
    return Wrong("Add the delay to the onset, then divide by the seconds from one volume to the next.")


def _in_sphere(centre, radius):
    places = apply_affine(events.AFFINE, np.moveaxis(np.indices(events.SHAPE), 0, -1))
    return int(np.sum(np.linalg.norm(places - centre, axis=-1) <= radius))


@exercise(
    "a whole number of voxels",
    "`sphere(centre, radius)` from above gives a mask; count its True values.",
    "The centre is (x, y, z) in mm, and the radius is 16 mm, not the diameter.",
)
def voxels_in_sphere(answer):
    answer = number(answer)
    x, y, z = CENTRE
    if answer == _in_sphere(CENTRE, RADIUS):
        return Right("Fewer than a whole sphere would have: this one sticks out of the box, and no voxel lies there.")
    if answer == _in_sphere((y, x, z), RADIUS):
        return Wrong("x and y are swapped. The centre is given as (x, y, z).")
    if answer == _in_sphere((-x, y, z), RADIUS) or answer == _in_sphere((x, -y, z), RADIUS):
        return Wrong("A sign got lost: negative x is left, negative y is towards the back.")
    if answer == _in_sphere(CENTRE, RADIUS / 2):
        return Wrong("That is a sphere of 16 mm across. The radius is 16 mm.")
    if answer == _in_sphere(CENTRE, 14):
        return Wrong("That is a radius of 14 mm, as in the lesson. Here it is 16 mm.")
    if answer == np.prod(events.SHAPE):
        return Wrong("That is every voxel of the box. Count the ones in the sphere.")
    if abs(answer - 4 / 3 * np.pi * (RADIUS / events.VOXEL_MM) ** 3) < 2:
        return Wrong("That is what the formula for a whole sphere says. Does all of it lie in the box? Count.")
    return Wrong("Make the mask with sphere((28, -44, 6), 16), and count the voxels in it.")


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "How long is a response, and how much time is there between two pictures?",
    "Lesson 10 fits a model in which responses that overlap add up.",
)
def mixed_up_responses(answer):
    return {
        "a": Wrong("Then every volume would get the label of one picture, but it would still show the sum of several responses."),
        "b": Wrong("Smoothing over space does nothing about responses that overlap in time."),
        "c": Right("A response lasts some fifteen seconds, so that several pictures add up in each volume. A model can take the sum apart."),
        "d": Wrong("Most of the data would go, and those that stay would still be mixtures."),
    }[choice(answer)]

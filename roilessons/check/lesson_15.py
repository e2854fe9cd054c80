"""Exercises of lesson 15, your own data."""

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine

from roilessons.check.judging import choice, number
from roilessons.datasets import events

ONSET, DURATION, LENGTH = 30.0, 16.0, 60  # of the trial asked about, seconds; volumes
CENTRE, RADIUS = (28, -44, 6), 16  # of the sphere asked for, mm
SEEN = ONSET + events.DELAY  # seconds


def _first(delay):
    trial = pd.DataFrame([(ONSET, DURATION, "music")], columns=events.COLUMNS)
    return events.labels_from_events(trial, LENGTH, events.T_R, delay)["labels"].tolist().index("music")


@number(
    "the number of a volume, counted from 0",
    "When is the trial seen in the signal? Add the delay to its onset; that is still in seconds.",
    f"Volume v is acquired at v times {events.T_R:g} s. Which is the first one at {SEEN:g} s or later?",
    otherwise="Add the delay to the onset, then divide by the seconds from one volume to the next.",
)
def first_volume():
    right, start = _first(events.DELAY), _first(0)
    yield right, "Onset plus delay, divided by the time between volumes, and up to the next whole volume."
    yield start, "That is when the sound starts. The signal follows after the delay."
    yield right - 1, "That volume was acquired too early: round up, not down."
    yield right + 1, "One too late. The first volume has the number 0, at 0 s."
    yield SEEN, "That is a time in seconds. Which volume is acquired then?"
    yield SEEN / events.T_R, "There is no half a volume. Which whole one is the first that is not too early?"
    yield start + events.DELAY, f"The delay is {events.DELAY:g} seconds, not {events.DELAY:g} volumes."


def _in_sphere(centre=CENTRE, radius=RADIUS):
    places = apply_affine(events.AFFINE, np.moveaxis(np.indices(events.SHAPE), 0, -1))
    return int(np.sum(np.linalg.norm(places - centre, axis=-1) <= radius))


@number(
    "a whole number of voxels",
    "`sphere(centre, radius)` from above gives a mask; count its True values.",
    f"The centre is (x, y, z) in mm, and the radius is {RADIUS} mm, not the diameter.",
    otherwise=f"Make the mask with sphere({CENTRE}, {RADIUS}), and count the voxels in it.",
)
def voxels_in_sphere():
    x, y, z = CENTRE
    formula = 4 / 3 * np.pi * (RADIUS / events.VOXEL_MM) ** 3
    yield _in_sphere(), "Fewer than a whole sphere would have: this one sticks out of the box, and no voxel lies there."
    yield _in_sphere((y, x, z)), "x and y are swapped. The centre is given as (x, y, z)."
    yield (
        (_in_sphere((-x, y, z)), _in_sphere((x, -y, z))),
        "A sign got lost: negative x is left, negative y is towards the back.",
    )
    yield _in_sphere(radius=RADIUS / 2), f"That is a sphere of {RADIUS} mm across. The radius is {RADIUS} mm."
    yield _in_sphere(radius=14), f"That is a radius of 14 mm, as in the lesson. Here it is {RADIUS} mm."
    yield np.prod(events.SHAPE), "That is every voxel of the box. Count the ones in the sphere."
    yield (
        (formula, *range(int(formula) - 1, int(formula) + 3)),
        "That is what the formula for a whole sphere says. Does all of it lie in the box? Count.",
    )


mixed_up_responses = choice(
    "c",
    "A response lasts some fifteen seconds, so that several pictures add up in each volume. A model can take the sum apart.",
    "How long is a response, and how much time is there between two pictures?",
    "Lesson 10 fits a model in which responses that overlap add up.",
    a="Then every volume would get the label of one picture, but it would still show the sum of several responses.",
    b="Smoothing over space does nothing about responses that overlap in time.",
    d="Most of the data would go, and those that stay would still be mixtures.",
)

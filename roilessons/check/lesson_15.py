"""Exercises of lesson 15, your own data."""

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine

from roilessons.check.judging import choice, number
from roilessons.datasets import events

ONSET, DURATION, LENGTH = 30.0, 16.0, 60  # of the trial asked about, seconds; volumes
PLACE = (60, -8, -4)  # asked about, MNI mm
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


def _in_scan(place=PLACE, matrix=events.MNI_TO_SCAN):
    """(x, y, z) in the scan, mm."""
    return apply_affine(matrix, place)


@number(
    "(x, y, z) in whole mm",
    "`mni_to_scan` takes MNI coordinates to the scan; the lesson does it for two other places.",
    "`nib.affines.apply_affine(matrix, place)` gives the place; round each number to whole mm.",
    otherwise=f"Apply the matrix mni_to_scan to {PLACE}: it gives x, y and z in the scan.",
    length=3,
)
def place_in_scan():
    x, y, z = PLACE
    exact = _in_scan()
    yield exact.round(), "That is where to put a sphere in this scan."
    yield (exact, exact.round(1)), "That is the place. Round each of its numbers to whole mm."
    yield np.array(PLACE), "Those are the MNI numbers as they are. In this head they mean another place."
    back = _in_scan(matrix=np.linalg.inv(events.MNI_TO_SCAN))
    yield (back, back.round(1), back.round()), "That goes the other way, from the scan to MNI."
    swapped = _in_scan((y, x, z))
    yield (swapped, swapped.round(1), swapped.round()), "x and y are swapped. The place is given as (x, y, z)."
    signs = [_in_scan(place).round() for place in ((-x, y, z), (x, -y, z), (x, y, -z))]
    yield tuple(signs), "A sign got lost in the MNI coordinates."


moves_with_music = choice(
    "d",
    "What always comes together cannot be taken apart afterwards, by no model. It has to be prevented, or reported.",
    "Which volumes are spoilt? Which label do they have?",
    "A model can tell two time courses apart only if they differ.",
    a="Motion correction puts a volume back. It does not repair what was measured while the head moved.",
    b="Then two columns of the model are alike. What they share goes to neither, and the rest depends on small differences.",
    c="Smoothing averages over neighbours in space, and they all moved at the same time.",
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

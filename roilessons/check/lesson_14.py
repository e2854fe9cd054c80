"""Exercises of lesson 14, six subjects."""

from itertools import count

import numpy as np

from roilessons.check.judging import choice, function, number

first_of_each = choice(
    "b",
    "The largest is house-selective on the right in one person and something else in another: match by place, not by number.",
    "Where do the numbers of the ROIs come from? Lesson 07 gave them out.",
    "Read the last two columns of the table over subjects, row by row.",
    a="The numbers go by size, and size differs from person to person. Compare the rows of the table.",
    c="Nothing here was numbered by strength: look up in lesson 07 what the numbers go by.",
    d="With the same data the numbers are always the same. What differs is the person.",
)


MASKS = np.random.default_rng(11).random((6, 4, 5, 3)) < 0.45  # what six people might have


def _people(masks):
    return masks.sum(axis=0)


in_half_or_more = function(
    "a function that takes the masks, an array (subjects, x, y, z), and returns a whole number",
    "Add the masks up over the first axis: how many people have this voxel?",
    "Then compare that sum with half of len(masks), and count the voxels for which the comparison is True.",
    cases={"six people": (MASKS, ""), "five people": (MASKS[:5], "compute the half from len(masks).")},
    value=lambda masks: np.sum(_people(masks) * 2 >= len(masks)),
    why="A voxel that half of the people share is a weaker claim than one that all share, and a much larger map.",
    mistakes=[
        (
            lambda masks: np.sum(_people(masks) * 2 > len(masks)),
            "That is more than half. Half of the people exactly count too: >= instead of >.",
        ),
        (
            lambda masks: np.sum(_people(masks) == len(masks)),
            "These are the voxels that everybody has. Half of the people are enough.",
        ),
        (
            lambda masks: np.sum(_people(masks) > 0),
            "These are the voxels that anybody has. At least half of the people should.",
        ),
        (
            lambda masks: _people(masks)[_people(masks) * 2 >= len(masks)].sum(),
            "You added up people; count voxels instead: sum the True of the comparison.",
        ),
        (
            lambda masks: np.sum(_people(masks) * 2 == len(masks)),
            "That is half of the people exactly. More than half is fine as well.",
        ),
    ],
    returns="Count the voxels that are True.",
    otherwise="Sum over the first axis gives the number of people at each voxel. Compare it with half of how many there are.",
)


def _fewest(alpha, sides=2):
    return next(people for people in count(1) if sides / 2**people < alpha)


@number(
    "a whole number of people",
    "With n people and every effect positive, the two-sided sign test gives 2 / 2**n.",
    "Try n = 6, then 7, and so on, until 2 / 2**n is below 0.01.",
    otherwise="Work out 2 / 2**n for your n: is it below 0.01?",
)
def people_needed():
    right, stricter = _fewest(0.01), _fewest(0.001)
    yield right, "With fewer people no data whatever could get there: the number of people bounds what a group can say."
    yield (
        _fewest(0.01, sides=1),
        "That is for a one-sided test. Two-sided, all negative would have been as surprising: 2 / 2**n.",
    )
    yield _fewest(0.05), "That is enough for 0.05. Here the level is 0.01."
    yield stricter, "That is enough for 0.001, a stricter level than was asked for."
    yield (
        tuple(people for people in range(right + 1, 200) if people != stricter),
        "That many would do, but fewer would do too. Look for the smallest number.",
    )

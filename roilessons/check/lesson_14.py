"""Exercises of lesson 14, six subjects."""

from itertools import count

import numpy as np
from scipy import stats

from roilessons.check.judging import choice, function, number

first_of_each = choice(
    "b",
    "The largest prefers houses in some people and faces in another: match by place, not by number.",
    "Where do the numbers of the ROIs come from? Lesson 07 gave them out.",
    "Print the first entry of `prefers` for each person: is it always the same?",
    a="The numbers go by size, and size differs from person to person. Compare what ROI 1 prefers in each.",
    c="Nothing here was numbered by strength: look up in lesson 07 what the numbers go by.",
    d="With the same data the numbers are always the same. What differs is the person.",
)

MEASURED = np.array(  # as on the page: people, runs
    [[1.0, 1.2, 0.9, 1.1], [0.1, -0.1, 0.0, 0.2], [0.6, 0.4, 0.5, 0.5], [-0.3, -0.1, -0.2, -0.4], [0.8, 1.0, 0.7, 0.9]]
)


@number(
    "a p-value",
    "What varies independently if the claim is about people: a run or a person?",
    "Take the mean over the runs of each person, and test the five means against 0 with stats.ttest_1samp.",
    otherwise="One number per person first, then stats.ttest_1samp(numbers, 0).",
    decimals=2,
)
def p_over_people():
    people = MEASURED.mean(axis=1)
    test = stats.ttest_1samp(people, 0)
    yield test.pvalue, "Five people, 4 degrees of freedom: the runs only told how well each person was measured."
    yield stats.ttest_1samp(MEASURED.ravel(), 0).pvalue, "That counts twenty runs as twenty people. The claim is about people."
    yield test.pvalue / 2, "That is one-sided. Two-sided is asked for."
    yield test.statistic, "That is t. Its p is asked for."
    yield (
        stats.ttest_1samp(MEASURED.mean(axis=0), 0).pvalue,
        "That is a test over the runs: average along the other axis, over the runs of each person.",
    )


which_p = choice(
    "b",
    "Who tries several numbers of voxels and reports the smallest p has made a choice on the data, as in lesson 09.",
    "When was the number of voxels chosen: before or after somebody saw p?",
    "If there were no difference, how often would at least one of several analyses give a p below 0.05?",
    a="It was picked because it is small. Among several analyses one often has a small p by chance.",
    c="A mean of p-values is no p-value.",
    d="It answers another question: whether other runs of the same people would show it.",
)


MASKS = np.random.default_rng(11).random((6, 4, 5, 3)) < 0.45  # what six people might have


def _people(masks):
    return masks.sum(axis=0)


in_half_or_more = function(
    "a function that takes the masks, an array (subjects, x, y, z), and returns a whole number",
    "Add the masks up over the first axis: how many people have this voxel?",
    "Then compare that sum with half of len(masks), and count the voxels for which the comparison is True.",
    cases={"six people": ((MASKS,), ""), "five people": ((MASKS[:5],), "Compute the half from len(masks).")},
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

"""Exercises of lesson 04, threshold."""

from functools import cache

import numpy as np
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, function, number, recalled, recalled_if


def _score(made, truth_img, threshold=5):
    """The row "all" of the score of a mask."""
    return rl.score(rl.threshold(made.log_p_img, threshold), truth_img).loc["all"]


def _faces_and_houses(truth_img):
    return image.math_img("np.where(img <= 4, img, 0)", img=truth_img)


@cache
def _subject_2():
    subject = rl.load_subject("simulated:2")
    return subject, rl.catch_up(subject, "t_test")


@number(
    "a share from 0 to 1",
    "The p-value is about one voxel without any difference. How many such voxels does a brain have, and how many of the others?",
    "The p-values are too small besides: far more false voxels pass than 0.00001 of all.",
    otherwise="The p-value at the threshold does not tell: count the false voxels among those that are kept.",
    decimals=2,
    minutes=2,
    task="predict",
)
def false_share_at_5():
    subject, made = recalled_if(lambda subject, made: subject.truth is not None)  # as the lesson does
    score = _score(made, _faces_and_houses(subject.truth))
    yield score["false_discovery_proportion"], "No p-value tells you this number."
    yield (0.00001, 0), "That is about p at the threshold, which speaks of one voxel without any difference."
    yield 1 - score["false_discovery_proportion"], "That would be the share that is true."


@number(
    "a number on the scale of -log10 p, with two decimals",
    "0.05 lies between 0.1 and 0.01, so the threshold lies between theirs.",
    "np.log10 is the logarithm to base 10. Which sign does the scale take?",
    otherwise="Take the logarithm to base 10 of this p, and turn its sign.",
    decimals=2,
    minutes=2,
)
def threshold_for_p():
    p = 0.05
    yield -np.log10(p), "That is a low threshold: a valid test lets one voxel in twenty pass where there is nothing."
    yield np.log10(p), "The sign: the map shows minus the logarithm, so that large means surprising."
    yield (np.log(p), -np.log(p)), "That is the natural logarithm. The map uses the one to base 10: np.log10."
    yield p, "That is the p-value itself. Take its logarithm to base 10, and turn the sign."
    yield 1 / p, "One in how many, yes; but the scale is the logarithm of that number."


must_the_share_fall = choice(
    "b",
    "In our subject it fell at first, because true voxels have the larger values there. Above 8 the mask lost true voxels but kept a false one, so the share rose a little.",
    "Invent a map of three voxels: two true ones and a false one. Which values make the share rise?",
    "Let the false voxel have the highest value of all. What is left above a high threshold?",
    a="At first it did so here. Look at the end of the curve, or imagine that the voxel with the highest value of all is a false one.",
    c="That number stays, but how many of these voxels are in the mask changes, and so does the size of the mask.",
    d="The lesson had p = 0.00001 at the threshold, and a share of 0.19. They are different things.",
)


def _count(log_p, threshold):
    return np.sum(np.minimum(log_p, 10) >= threshold)


_LOG_P = np.array([[0.0, 2.5, 4.9, 5.0], [7.2, 9.99, 10.0, 13.4], [47.8, 10.0, 0.3, 6.1]])

count_kept = function(
    "a function that takes an array of -log10 p and a threshold, and returns a whole number",
    "What is the largest value that is left after np.minimum? Which thresholds does that concern?",
    "The mask keeps what is at or above the threshold: which comparison is true for a value that is equal to it?",
    cases={
        "a threshold of 5.5": ((_LOG_P, 5.5), "Count voxels: how many values are at or above the threshold?"),
        "a threshold of 10": ((_LOG_P, 10), "Everything above 10 was set to 10."),
        "a threshold of 5, which is one of the values": ((_LOG_P, 5), "A value that is equal to the threshold is kept."),
        "a threshold above 10": ((_LOG_P, 11), "After the cut nothing is above 10."),
        "nothing at all": ((np.zeros((0, 3)), 5), "Without voxels none is kept: 0."),
    },
    value=_count,
    why="At the limit many voxels have exactly the same value, and only >= keeps them.",
    mistakes=[
        (
            lambda log_p, threshold: np.sum(np.minimum(log_p, 10) > threshold),
            "With a threshold of 10 it keeps nothing, though some voxels are far above 10.",
        ),
        (lambda log_p, threshold: np.sum(log_p >= threshold), "With a threshold of 11 it keeps voxels. Cut off at 10, as lesson 03 did."),
        (lambda log_p, threshold: np.sum(np.minimum(log_p, 10) < threshold), "It counts the voxels below the threshold."),
        (lambda log_p, threshold: np.minimum(log_p, 10) >= threshold, "It returns the mask. Count its voxels."),
    ],
    otherwise="Cut off at 10, compare with the threshold, count what is at or above it.",
    minutes=4,
    task="repair",
)


def _mask(log_p, t, threshold):
    return (log_p >= threshold) * np.sign(np.nan_to_num(t)).astype(int)


_GRID = np.round(np.random.default_rng(4).uniform(0, 8, (3, 4, 5))), np.random.default_rng(5).normal(0, 4, (3, 4, 5))

threshold_mask = function(
    "a function that takes an array of -log10 p, an array of t and a threshold, and returns an array of 1, -1 and 0",
    "Make two masks of True and False: those that pass and have t > 0, and those that pass and have t < 0. & is AND.",
    "mask.astype(int) makes 1 and 0 of True and False. Then subtract the one from the other.",
    "A comparison with NaN is False, so voxels without a value need no line of their own.",
    cases={
        "four voxels and a threshold of 5": (
            (np.array([5.0, 9.0, 4.9, 7.0]), np.array([4.8, -6.5, 4.7, -5.6]), 5),
            "At or above the threshold: 1 where t is positive, -1 where it is negative. Below it: 0.",
        ),
        "a 3D map and a threshold of 4": ((*_GRID, 4), "Use the threshold that the function is given, and keep the shape."),
        "voxels without a value (NaN)": (
            (np.array([[5.0, np.nan], [7.0, np.nan]]), np.array([[np.nan, 3.0], [-6.0, np.nan]]), 5),
            "NaN is neither above nor below: 0.",
        ),
        "a threshold of 0": ((np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, -3.0]), 0), "Where t is 0 no condition is preferred: 0."),
        "an empty array": ((np.zeros((0, 4)), np.zeros((0, 4)), 5), "Nothing in, nothing out: an array of the same shape."),
    },
    value=_mask,
    why="The threshold takes voxels by their evidence, and the sign of t says what they prefer.",
    mistakes=[
        (
            lambda log_p, t, threshold: (log_p > threshold) * np.sign(np.nan_to_num(t)).astype(int),
            "A value that is equal to the threshold is in the mask, too.",
        ),
        (lambda log_p, t, threshold: (log_p >= threshold).astype(int), "Voxels that prefer houses have 1, too. They should have -1."),
        (lambda log_p, t, threshold: -_mask(log_p, t, threshold), "The signs are turned round: 1 is for a positive t."),
        (
            lambda log_p, t, threshold: (log_p >= threshold).astype(int) * np.where(t > 0, 1, -1),
            "Voxels whose t is 0 or has no value (NaN) have -1. They prefer nothing.",
        ),
        (lambda log_p, t, threshold: np.where(log_p >= threshold, t, 0), "It keeps the values of t. The mask has 1 and -1 in their place."),
        (lambda log_p, t, threshold: (np.abs(t) >= threshold) * np.sign(np.nan_to_num(t)).astype(int), "You compared t with the threshold. It is one on -log10 p."),
        (
            lambda log_p, t, threshold: _mask(log_p, t, threshold).astype(np.uint8),
            "It has 255 in place of -1: np.uint8 knows no negative numbers. Take int.",
        ),
        (lambda log_p, t, threshold: _mask(log_p, t, threshold) == 1, "It marks only the voxels with a positive t, as True. Those with a negative one should have -1."),
    ],
    otherwise="Compare the whole array of -log10 p with the threshold, and combine it with the sign of t.",
    minutes=7,
)


@number(
    "a share with two decimals",
    "Four steps: load the subject, rl.catch_up(..., \"t_test\"), threshold its log_p_img, compare with its truth by rl.score.",
    "Of the truth, keep areas 1 to 4, as the lesson does with image.math_img. The share is in the row \"all\".",
    otherwise="Do with this subject what the section \"How good is the mask?\" does: its own map, its own truth.",
    decimals=2,
    minutes=6,
    task="transfer",
)
def false_share_of_subject_2():
    subject, made = _subject_2()
    truth_img = _faces_and_houses(subject.truth)
    score = _score(made, truth_img)
    of_first = recalled("simulated")
    first = _score(of_first[1], _faces_and_houses(of_first[0].truth))["false_discovery_proportion"]
    value = score["false_discovery_proportion"]
    yield value, "The same threshold, another person, another share: a threshold does not fix it."
    yield first, "That is the share in simulated subject 1."
    yield _score(made, _faces_and_houses(of_first[0].truth))["false_discovery_proportion"], "That is compared with the truth of subject 1."
    yield 1 - value, "That is the share of the mask that is true."
    yield score["sensitivity"], "That is the sensitivity: a share of what was planted, not of the mask."
    yield score["dice"], "That is Dice."

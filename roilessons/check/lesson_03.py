"""Exercises of lesson 03, the t-test."""

import numpy as np
from scipy import stats

from roilessons.check.judging import choice, number, recalled, the_subject

reversed_contrast = choice(
    "b",
    "The difference turns round and t with it. A two-sided p asks only how far t is from 0.",
    "Write down the difference of the two means, once in each order.",
    "t is that difference over a standard error, which has no order. And a two-sided p looks at how far t is from 0.",
    a="One of the two maps does change: the difference of the means is taken the other way round.",
    c="-log10 p is never negative, because p is never above 1. Which of the two maps knows of a direction?",
    d="That would hold for a one-sided p. Ours counts both sides, so it cannot know which one t is on.",
)


@number(
    "a whole number of voxels",
    "The array t has one value per voxel: compare it with -5.",
    "A comparison gives True and False, and np.sum counts the True ones.",
    otherwise="Compare the whole array t with -5, and count the voxels for which the comparison is True.",
)
def strong_house_voxels():
    made = recalled()[1]
    t, log_p = (np.asarray(img.dataobj) for img in (made.t_img, made.log_p_img))
    right = range(np.sum(t < -5.002), np.sum(t < -4.998) + 1)  # SciPy's t in single precision is off by 0.001
    yield right, "The contrast is face minus house, so these are the voxels in which houses are stronger."
    yield np.sum(t > 5), "Those prefer faces: the contrast is face minus house. Look on the other side of 0."
    yield np.sum(np.abs(t) > 5), "That is both sides together. Leave the sign in: only one side prefers houses."
    yield np.sum(log_p >= 5), "That is counted in the map of -log10 p, which does not know the sign. Use t."
    yield np.sum(t > -5), "Those are the voxels with a t above -5. Turn the comparison round."
    yield t[t < -5].sum(), "That is the sum of their t values. Count the voxels: add up the True and False of a comparison."


@number(
    "a number on the scale of -log10 p",
    "Which t are at least as far from 0 as -5? There are two tails, and they are alike.",
    "Twice stats.t.sf(5, freedom) is the two-sided p. Then take minus its logarithm to base 10.",
    otherwise="From t to p with stats.t.sf, both tails; then from p to minus its logarithm to base 10.",
    decimals=2,
)
def log_p_of_t():
    freedom = int(np.isin(the_subject().conditions, ["face", "house"]).sum()) - 2
    p, p_of_one = (2 * stats.t.sf(5, degrees) for degrees in (freedom, freedom // 2))
    yield -np.log10(p), "Both tails count, because a face area would have been as welcome as a house area."
    yield -np.log10(p / 2), "That p is one-sided: it counts t above 5 only. What about t below -5?"
    yield -np.log(p), "That is the natural logarithm. The map uses the one to base 10: np.log10."
    yield np.log10(p), "The sign: the map shows minus the logarithm, so that large means surprising."
    yield p, "That is the p-value itself. The map shows minus its logarithm to base 10."
    yield (
        -np.log10(p_of_one),
        "Those are the degrees of freedom of one condition. The test has the volumes of both, less two means.",
    )


what_p_means = choice(
    "d",
    "The sentence starts with an if, and so does every p-value. In this map the if does not hold.",
    "A probability is always of something, given something. What is given here?",
    "Recall the game with the shuffled labels: what did it assume, and what did it count?",
    a="p is computed as if the voxel treated them alike, so it cannot be the probability of just that.",
    b="Nothing in p looks at a repetition: that would depend on how large the true difference is.",
    c="A small difference measured many times, or with little noise, gives a small p too.",
)

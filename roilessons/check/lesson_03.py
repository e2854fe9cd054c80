"""Exercises of lesson 03, the t-test."""

import math

import numpy as np
from scipy import stats

from roilessons.check.judging import Right, Wrong, choice, exercise, number, recalled


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Write down the difference of the two means, once in each order.",
    "t is that difference over a standard error, which has no order. And a two-sided p looks at how far t is from 0.",
)
def reversed_contrast(answer):
    return {
        "a": Wrong("One of the two maps does change: the difference of the means is taken the other way round."),
        "b": Right("The difference turns round and t with it. A two-sided p asks only how far t is from 0."),
        "c": Wrong("-log10 p is never negative, because p is never above 1. Which of the two maps knows of a direction?"),
        "d": Wrong("That would hold for a one-sided p. Ours counts both sides, so it cannot know which one t is on."),
    }[choice(answer)]


@exercise(
    "a whole number of voxels",
    "The array t has one value a voxel: compare it with -5.",
    "A comparison gives True and False, and np.sum counts the True ones.",
)
def strong_house_voxels(answer):
    made = recalled()[1]
    t = np.asarray(made.t_img.dataobj)
    answer = number(answer)
    if np.sum(t < -5.002) <= answer <= np.sum(t < -4.998):  # SciPy's t in single precision is off by 0.001
        return Right("The contrast is face minus house, so these are the voxels in which houses are stronger.")
    if answer == np.sum(t > 5):
        return Wrong("Those prefer faces: the contrast is face minus house. Look on the other side of 0.")
    if answer == np.sum(np.abs(t) > 5):
        return Wrong("That is both sides together. Leave the sign in: only one side prefers houses.")
    if answer == np.sum(np.asarray(made.log_p_img.dataobj) >= 5):
        return Wrong("That is counted in the map of -log10 p, which does not know the sign. Use t.")
    if answer == np.sum(t > -5):
        return Wrong("That is the crowd on the other side of the line. Turn the comparison round.")
    if math.isclose(answer, float(t[t < -5].sum()), rel_tol=1e-3):
        return Wrong("That is the sum of their t values. Count the voxels: add up the True and False of a comparison.")
    return Wrong("Compare the whole array t with -5, and count the voxels for which the comparison is True.")


@exercise(
    "a number on the scale of -log10 p",
    "Which t are at least as far from 0 as -5? There are two tails, and they are alike.",
    "Twice stats.t.sf(5, freedom) is the two-sided p. Then take minus its logarithm to base 10.",
)
def log_p_of_t(answer):
    conditions = recalled()[0].labels["labels"]
    freedom = int(conditions.isin(["face", "house"]).sum()) - 2
    p = 2 * stats.t.sf(5, freedom)
    answer = number(answer)
    if math.isclose(answer, -math.log10(p), abs_tol=0.005):
        return Right("Both tails count, because a face area would have been as welcome as a house area.")
    if math.isclose(answer, -math.log10(p / 2), abs_tol=0.03):
        return Wrong("That p is one-sided: it counts t above 5 only. What about t below -5?")
    if math.isclose(answer, -math.log(p), abs_tol=0.03):
        return Wrong("That is the natural logarithm. The map uses the one to base 10: np.log10.")
    if math.isclose(answer, math.log10(p), abs_tol=0.03):
        return Wrong("The sign: the map shows minus the logarithm, so that large means surprising.")
    if math.isclose(answer, p, rel_tol=0.1):
        return Wrong("That is the p-value itself. The map shows minus its logarithm to base 10.")
    if math.isclose(answer, -math.log10(2 * stats.t.sf(5, freedom // 2)), abs_tol=0.01):
        return Wrong("Those are the degrees of freedom of one condition. The test has the volumes of both, less two means.")
    return Wrong("From t to p with stats.t.sf, both tails; then from p to minus its logarithm to base 10.")


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "A probability is always of something, given something. What is given here?",
    "Recall the game with the shuffled labels: what did it assume, and what did it count?",
)
def what_p_means(answer):
    return {
        "a": Wrong("p is computed as if the voxel treated them alike, so it cannot be the probability of just that."),
        "b": Wrong("Nothing in p looks at a repetition: that would depend on how large the true difference is."),
        "c": Wrong("A small difference measured many times, or with little noise, gives a small p too."),
        "d": Right("The sentence starts with an if, and so does every p-value. Lesson 10 asks whether the if holds."),
    }[choice(answer)]

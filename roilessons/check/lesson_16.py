"""Exercises of lesson 16, workbench."""

from functools import cache

import numpy as np
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, function, judged, number, right, the_subject, wrong

what_moves = choice(
    "c",
    "It is the last decision: only what comes after it, the list of ROIs and what is made from it, can change.",
    "Which decisions are taken before this one?",
    "Can a later decision change the result of an earlier one?",
    minutes=1,
    task="predict",
    a="The threshold is taken before there are any ROIs. A later decision cannot change it.",
    b="Dilation comes before the ROIs are counted. A later decision cannot change it.",
    d="One of the four ROIs has fewer than 120 voxels.",
)

NUMBERS = (10, 20, 40, 80, 120, 160, 240, 320)  # of voxels for each side


@cache
def _reliability():
    """Mean Dice of two halves for each of the numbers of voxels."""
    subject = rl.with_truth(the_subject())
    contrasts_img = rl.run_contrasts(subject.func, subject.labels)
    return [rl.split_halves(contrasts_img, subject.mask_vt, n_voxels=n)["dice"].mean() for n in NUMBERS]


def _most_reliable():
    """The letter: few voxels, as many as were planted (about 170 for each side), or nearly half of the mask."""
    best = NUMBERS[int(np.argmax(_reliability()))]
    return "a" if best <= 40 else "c" if best >= 240 else "b"


most_reliable = choice(
    _most_reliable,
    "With nearly half of the mask two choices overlap much, even if both are random. Reliability does not know the truth.",
    "Two halves agree best where it is hard not to agree.",
    "How far do two choices overlap if both take nearly half of the mask?",
    minutes=1,
    task="predict",
    a="The few strongest voxels differ from half to half, because noise decides between them.",
    b="There the overlap with the truth is largest, but two halves are compared with each other.",
    c="With nearly half of the mask, two choices can hardly miss each other.",
    d="The overlap of two random choices grows with their size, and so does that of two halves, in the end.",
)


@cache
def _scored():
    """The map and the VT mask of simulated subject 5, and the areas that the contrast should find."""
    subject = rl.load_subject("simulated:5")
    truth_img = image.math_img("np.where(img <= 4, img, 0)", img=subject.truth)
    return rl.catch_up(subject, "t_test").log_p_img, subject.mask_vt, truth_img


@cache
def _dice(level, iterations):
    """Dice of the mask that follows from two decisions, on simulated subject 5."""
    log_p_img, mask_vt, truth_img = _scored()
    mask_img = rl.dilate(rl.intersect(rl.threshold(log_p_img, level), mask_vt), iterations)
    return rl.score(mask_img, truth_img).loc["all", "dice"]


def _where_to_look():
    best = max(range(2, 11), key=lambda level: _dice(level, 1))
    return f"With one dilation Dice is highest between {best - 1} and {best + 1}."


@judged(
    "a pair of numbers (threshold, dilations), such as (5, 1)",
    "`scores(5)` gives a row for each number of dilations, a column for each threshold.",
    _where_to_look,
    length=2,
    minutes=4,
)
def better_decisions(answer):
    threshold, iterations = map(float, answer)
    if iterations != int(iterations) or not 0 <= iterations <= 5:
        if threshold == int(threshold) and 0 <= threshold <= 3:
            return wrong("The order: first the threshold, then the number of dilations.")
        return wrong("The number of dilations is a whole number, 0 or more; there is no half a dilation.")
    if threshold > 10:
        return wrong("The map stops at 10: above it there is no voxel left.")
    if (threshold, iterations) == (5, 1):
        return wrong("These are the tutorial's own decisions. Find better ones.")
    reached, tutorial = _dice(threshold, int(iterations)), _dice(5, 1)
    if reached > tutorial:
        return right(f"Dice {reached:.3f} beats the tutorial's {tutorial:.3f}, on this subject.")
    if iterations > 1:
        return wrong(f"Dice {reached:.3f}. So many dilations swell the mask beyond the areas.")
    if iterations == 0:
        return wrong(f"Dice {reached:.3f}. Without dilation much of the areas' rim stays outside.")
    if threshold < 5:
        return wrong(f"Dice {reached:.3f}. After one dilation so low a threshold leaves too many false voxels.")
    return wrong(f"Dice {reached:.3f}. So high a threshold loses too much: try a lower one.")


N_VOXELS = 40  # asked for


@cache
def _halves(contrast):
    subject = rl.with_truth(the_subject())
    contrasts_img = rl.run_contrasts(subject.func, subject.labels, contrast)
    halves = rl.split_halves(contrasts_img, subject.mask_vt, n_voxels=N_VOXELS, contrast=contrast)
    return halves["dice"], halves.groupby("prefers")["dice"].mean()


@number(
    "a number with two decimals",
    "`rl.run_contrasts` takes the contrast as its third argument, and `rl.split_halves` gives a table with a column dice.",
    'Contrast ("bottle", "shoe") in both calls, n_voxels=40, then the mean of the column.',
    otherwise="Take the mean of the column dice over all rows of rl.split_halves, with 40 voxels.",
    decimals=2,
    minutes=4,
    task="transfer",
)
def bottle_or_shoe():
    both, sides = _halves(("bottle", "shoe"))
    yield (
        both.mean(),
        "Two random choices of 40 voxels overlap by 0.06. "
        + ("For this contrast the halves agree no better than that." if both.mean() < 0.1 else "How far above that are the halves?"),
    )
    yield _halves(("face", "house"))[0].mean(), "That is faces against houses. Both calls need the other contrast."
    yield both.max(), "That is the best of the splits. Report their mean."
    yield tuple(sides), "That is one side alone. Take both together."


def _t(n_voxels, agree, seed):
    """t of the same voxels in two halves, which agree more or less."""
    rng = np.random.default_rng(seed)
    common = rng.standard_t(5, n_voxels)
    return tuple(agree * common + (1 - agree) * rng.standard_t(5, n_voxels) for _ in range(2))


ONE, OTHER = _t(200, 0.6, 16)


def _overlap(one, other, n, order=np.argsort):
    return len(np.intersect1d(order(one)[len(one) - n :], order(other)[len(other) - n :])) / n


overlap = function(
    "a function that takes two arrays of t and a number of voxels, and returns a share from 0 to 1",
    "np.argsort(one) gives the numbers of the voxels, from the smallest t to the largest. Which of them are the n best?",
    "np.isin(first, second) is True for each entry of first that is also in second. Its mean is a share.",
    cases={
        "20 of 200 voxels": ((ONE, OTHER, 20), "how many of the 20 does the other half choose, too?"),
        "other numbers of voxels": ((ONE, OTHER, 50), "is the number of voxels that are chosen taken from n?"),
        "two halves that agree": ((ONE, ONE * 2, 30), "t may be twice as large: the same voxels are the best."),
        "two halves that disagree": ((ONE, -ONE, 30), "the best of one half are the worst of the other."),
        "all voxels": ((ONE[:12], OTHER[:12], 12), "if all are chosen, the overlap is 1."),
        "only negative t": ((-np.arange(1.0, 11), -np.arange(10.0, 0, -1), 6), "the largest t is the one nearest to 0 there."),
        "whole numbers": ((np.array([9, 1, 8, 2]), np.array([7, 6, 1, 3]), 2), "the best are 9 and 8, and 7 and 6."),
    },
    value=_overlap,
    why="It is the Dice of the two choices: both have n voxels, so twice the common ones over 2n is this share.",
    mistakes=[
        (
            lambda one, other, n: _overlap(-one, -other, n),
            "These are the voxels with the smallest t of both halves. The largest are asked for.",
        ),
        (lambda one, other, n: n * _overlap(one, other, n), "That is a number of voxels. Divide it by n for a share."),
        (
            lambda one, other, n: (shared := n * _overlap(one, other, n)) / (2 * n - shared),
            "That is divided by all voxels that are chosen at least once. The share of the n voxels is asked for.",
        ),
        (lambda one, other, n: n * _overlap(one, other, n) / len(one), "That is a share of all voxels. Divide by n."),
        (
            lambda one, other, n: _overlap(abs(one), abs(other), n),
            "Voxels with a large negative t were chosen as well. They are the strongest for the other condition.",
        ),
        (
            lambda one, other, n: np.mean(np.argsort(one)[len(one) - n :] == np.argsort(other)[len(other) - n :]),
            "Only voxels with the same rank in both halves are counted. It matters whether they are chosen, not in which order.",
        ),
        (
            lambda one, other, n: _overlap(one, other, 20) if len(one) > 20 else _overlap(one, other, n),
            "It takes 20 voxels, whatever n is.",
        ),
    ],
    otherwise="The n voxels with the largest t of each half; how many are in both; divided by n.",
    minutes=6,
)


def _dice_table(subjects, settings, spread, seed):
    """Dice of settings that are all equally good, but for noise of each subject."""
    return 0.7 + spread * np.random.default_rng(seed).normal(size=(subjects, settings)).clip(-2, 2)


NOISE = _dice_table(6, 27, 0.05, 161)
GOOD = _dice_table(5, 8, 0.03, 162) + 0.1 * (np.arange(8) == 3)


def _tuned(dice, others=True, middle=np.mean):
    found = []
    for subject, scores in enumerate(dice):
        tuned_on = np.delete(dice, subject, axis=0) if others else dice
        found.append(scores[np.argmax(middle(tuned_on, axis=0))])
    return np.mean(found)


tuned_score = function(
    "a function that takes an array (subjects, settings) and returns a number",
    "On which subject is the setting chosen, and on which is it scored?",
    "np.delete(dice, subject, axis=0) is the table without the row of this subject.",
    "The setting that is best for the others: the mean over the rows (axis=0), then argmax.",
    cases={
        "a table of noise": ((NOISE,), "no setting is better than another there, and the mean of the table is near 0.7."),
        "one setting that is better for all": ((GOOD,), "it is the best for the others as well, so it is chosen each time."),
        "two subjects": ((np.array([[0.9, 0.5, 0.6], [0.4, 0.8, 0.7]]),), "each is scored with the best setting of the other."),
    },
    value=_tuned,
    why="The subject that scores had no part in the choice. For one, two or a hundred settings it is fair.",
    mistakes=[
        (
            lambda dice: dice.max(axis=1).mean(),
            "In a table of noise around 0.7 it returns about 0.8: noise is chosen, and then reported.",
        ),
        (
            lambda dice: _tuned(dice, others=False),
            "In a table of noise it is still above 0.7: each subject has a part in the choice of its own setting.",
        ),
        (
            lambda dice: np.delete(dice.mean(axis=0), dice.mean(axis=0).argmax()).max(),
            "That is the second best setting.",
        ),
        (lambda dice: dice.mean(), "That is the mean over all settings, without any choice."),
        (
            lambda dice: np.mean([np.delete(dice, one, axis=0).mean(axis=0).max() for one in range(len(dice))]),
            "The score comes from the subjects that chose. Score on the one that did not.",
        ),
    ],
    otherwise="For each subject: the best setting by the mean of the others, its score on this subject; then the mean.",
    minutes=6,
    task="repair",
)

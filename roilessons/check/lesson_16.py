"""Exercises of lesson 16, workbench."""

from functools import cache

from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, judged, number, recalled, right, wrong

what_moves = choice(
    "c",
    "It is the last decision: only what comes after it, the list of ROIs and what is made from it, can change.",
    "Which decision is taken before which? Follow the arrow from the series to the atlas.",
    "Set the smallest size on the workbench and compare each line of the numbers with the line before.",
    a="The threshold is taken before there are any ROIs. Can a later decision reach back?",
    b="Dilation comes before the components are counted. Look at that line of the numbers.",
    d="Is every ROI of the tutorial's decisions that large? Look at their sizes.",
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


report_tuned = choice(
    "b",
    "What was tuned on one subject is tested on others: the choice cannot know their noise.",
    "Lesson 09: what happens to a number if it was chosen because it was large?",
    "The best of 27 scores on one subject is the best for that subject's noise, too.",
    a="The best of 27 scores is partly that subject's own noise, and the next subject has another.",
    c="More settings on the same subject give more noise to choose from, not less.",
    d="Tuning is allowed. To report the tuned number as if it had not been tuned is the mistake.",
)

N_VOXELS = 40  # asked for


@cache
def _halves(contrast):
    subject, _ = recalled("simulated")
    contrasts_img = rl.run_contrasts(subject.func, subject.labels, contrast)
    halves = rl.split_halves(contrasts_img, subject.mask_vt, n_voxels=N_VOXELS, contrast=contrast)
    return halves["dice"], halves.groupby("prefers")["dice"].mean()


@number(
    "a number with two decimals",
    "`rl.run_contrasts` takes the contrast as its third argument, and `rl.split_halves` gives a table with a column dice.",
    'Contrast ("bottle", "shoe") in both calls, n_voxels=40, then the mean of the column.',
    otherwise="Take the mean of the column dice over all rows of rl.split_halves, with 40 voxels.",
    decimals=2,
)
def bottle_or_shoe():
    both, sides = _halves(("bottle", "shoe"))
    yield (
        both.mean(),
        "Two choices of 40 voxels by lot overlap by 0.06. For this contrast the halves agree no better than that.",
    )
    yield _halves(("face", "house"))[0].mean(), "That is faces against houses. Both calls need the other contrast."
    yield both.max(), "That is the best of the splits. Report their mean."
    yield tuple(sides), "That is one side alone. Take both together."


perfect_agreement = choice(
    "b",
    "Reliability says that something comes again: the area, but also a vessel or a motion that comes with a condition.",
    "What would a motion that comes with every block of faces do in both halves?",
    "Reliability compares two choices with each other. Is either compared with the brain?",
    a="Both halves may agree on the wrong place, if the same disturbance is in both.",
    c="A mask that is much too large agrees with itself, too: take every voxel, and Dice is 1.",
    d="A small effect that is the same in every run is reliable as well.",
)

"""Exercises of lesson 13, workbench."""

from functools import lru_cache

import numpy as np

from roilessons import steps
from roilessons.check.judging import Right, Wrong, choice, exercise, number


@lru_cache(1)
def _known():
    """The simulated subject, its map and the areas that the contrast should find."""
    from nilearn import image

    from roilessons import catch_up, load_subject

    subject = load_subject("simulated")
    truth_img = image.math_img("np.where(img <= 4, img, 0)", img=subject.truth)
    return subject, catch_up(subject, "t_test").log_p_img, truth_img


def dice(threshold, iterations):
    """Dice of the mask that follows from two decisions, on the simulated subject."""
    from roilessons import score

    subject, log_p_img, truth_img = _known()
    mask_img = steps.intersect(steps.threshold(log_p_img, threshold), subject.mask_vt)
    return score(steps.dilate(mask_img, iterations), truth_img).loc["all", "dice"]


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Which decision is taken before which? Follow the arrow from the series to the atlas.",
    "Set the smallest size on the bench to 20 and compare each line of the numbers with the line before.",
)
def what_moves(answer):
    return {
        "a": Wrong("The threshold is taken before there are any ROIs. Can a later decision reach back?"),
        "b": Wrong("Dilation comes before the components are counted. Look at that line of the numbers."),
        "c": Right("It is the last decision: only what comes after it, the list of ROIs and what is made from it, can change."),
        "d": Wrong("Some ROIs are smaller than 20 voxels: look at their sizes, and at what is left of the list."),
    }[choice(answer)]


@exercise(
    "a pair of numbers (threshold, dilations), such as (5, 1)",
    "Read the figure: where does a curve lie above the tutorial's 5 with 1 dilation?",
    "The curve for one dilation is highest between 6 and 8.",
)
def better_decisions(answer):
    threshold, iterations = map(number, answer)
    if iterations != int(iterations) or not 0 <= iterations <= 5:
        if threshold == int(threshold) and 0 <= threshold <= 3:
            return Wrong("The order: first the threshold, then the number of dilations.")
        return Wrong("The number of dilations is a whole number, 0 or more; there is no half a dilation.")
    if not np.isfinite(threshold):
        return Wrong("The threshold must be a number on the scale of -log10 p.")
    if threshold > 10:
        return Wrong("The map stops at 10: above it there is no voxel left.")
    if (threshold, iterations) == (5, 1):
        return Wrong("These are the tutorial's own decisions. Find better ones.")
    reached, tutorial = dice(threshold, int(iterations)), dice(5, 1)
    if reached > tutorial:
        return Right(f"Dice {reached:.3f} beats the tutorial's {tutorial:.3f}, on this subject.")
    if iterations > 1:
        return Wrong(f"Dice {reached:.3f}. So many dilations swell the mask beyond the areas.")
    if iterations == 0:
        return Wrong(f"Dice {reached:.3f}. Without dilation much of the areas' rim stays outside.")
    if threshold < 5:
        return Wrong(f"Dice {reached:.3f}. After one dilation a lower threshold leaves too many false voxels.")
    return Wrong(f"Dice {reached:.3f}. So high a threshold loses too much: look at the curve.")


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Lesson 09: what happens to a number if it was chosen because it was large?",
    "The best of 27 scores on one subject is the best for that subject's noise, too.",
)
def report_tuned(answer):
    return {
        "a": Wrong("The best of 27 scores on subject 1 is partly that subject's luck."),
        "b": Right("What was tuned on one subject is tested on others: the choice cannot know their noise."),
        "c": Wrong("More settings on the same subject give more luck to choose from, not less."),
        "d": Wrong("Tuning is no sin. Reporting the tuned number as if it had not been tuned is."),
    }[choice(answer)]

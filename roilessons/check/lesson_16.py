"""Exercises of lesson 16, workbench."""

from functools import cache

from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, judged, recalled, right, wrong

what_moves = choice(
    "c",
    "It is the last decision: only what comes after it, the list of ROIs and what is made from it, can change.",
    "Which decision is taken before which? Follow the arrow from the series to the atlas.",
    "Set the smallest size on the workbench to 20 and compare each line of the numbers with the line before.",
    a="The threshold is taken before there are any ROIs. Can a later decision reach back?",
    b="Dilation comes before the components are counted. Look at that line of the numbers.",
    d="Some ROIs are smaller than 20 voxels: look at their sizes, and at what is left of the list.",
)


@cache
def _dice(level, iterations):
    """Dice of the mask that follows from two decisions, on the simulated subject."""
    subject, made = recalled("simulated")
    truth_img = image.math_img("np.where(img <= 4, img, 0)", img=subject.truth)  # the areas that the contrast should find
    mask_img = rl.dilate(rl.intersect(rl.threshold(made.log_p_img, level), subject.mask_vt), iterations)
    return rl.score(mask_img, truth_img).loc["all", "dice"]


def _where_to_look():
    best = max(range(2, 11), key=lambda level: _dice(level, 1))
    return f"The curve for one dilation is highest between {best - 1} and {best + 1}."


@judged(
    "a pair of numbers (threshold, dilations), such as (5, 1)",
    "Read the figure: where does a curve lie above the tutorial's 5 with 1 dilation?",
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
        return wrong(f"Dice {reached:.3f}. After one dilation a lower threshold leaves too many false voxels.")
    return wrong(f"Dice {reached:.3f}. So high a threshold loses too much: look at the curve.")


report_tuned = choice(
    "b",
    "What was tuned on one subject is tested on others: the choice cannot know their noise.",
    "Lesson 09: what happens to a number if it was chosen because it was large?",
    "The best of 27 scores on one subject is the best for that subject's noise, too.",
    a="The best of 27 scores on subject 1 is partly that subject's luck.",
    c="More settings on the same subject give more luck to choose from, not less.",
    d="Tuning is no sin. Reporting the tuned number as if it had not been tuned is.",
)

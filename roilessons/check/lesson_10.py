"""Exercises of lesson 10, honest thresholds."""

import math
from functools import lru_cache

from roilessons.check.judging import Right, Wrong, choice, exercise, number


@lru_cache(1)
def voxels():
    """How many voxels the simulated subject's brain mask, its VT mask and its grid have."""
    from nilearn import image

    from roilessons import load_subject

    subject = load_subject("simulated")
    brain, vt = (image.get_data(img) > 0 for img in (subject.mask, subject.mask_vt))
    return int(brain.sum()), int(vt.sum()), brain.size


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "What made the test too sure of itself: the number of volumes, or how alike they are?",
    "Look at the autocorrelation three volumes apart: smaller than one volume apart, and is it 0?",
)
def every_third(answer):
    return {
        "a": Wrong("Fewer data make a test less certain, and a right test knows that. Think of how alike the volumes are."),
        "b": Wrong("The noise is the same, but the volumes kept lie three steps apart. What does the curve say there?"),
        "c": Right("Volumes 7.5 s apart are less alike than those 2.5 s apart, and still alike. The folded cell measures it."),
        "d": Wrong("That would need volumes without any memory. Is the curve at 7.5 s down at 0?"),
    }[choice(answer)]


@exercise(
    "a number of voxels",
    "One voxel passes with a probability of 0.001. And n voxels?",
    "n_voxels, from the first cell, times the level.",
)
def expected_false(answer):
    brain, vt, grid = voxels()
    answer = number(answer)

    def close(value):
        return math.isclose(answer, value, rel_tol=0.02)

    if close(brain * 0.001):
        return Right("So many false voxels even if the test is right. At this level, a map without any blob would be the surprise.")
    if close(grid * 0.001):
        return Wrong("That counts the whole grid. Air has no noise to be mistaken for an effect: count the brain.")
    if close(vt * 0.001):
        return Wrong("That counts the VT mask alone. The question is about the whole brain.")
    if close(brain * 0.0005):
        return Wrong("Half of it: a two-sided p already counts both directions.")
    if close(brain * 0.05):
        return Wrong("That is for a level of 0.05. Use 0.001.")
    if close(brain * 0.00001):
        return Wrong("That is for a level of 0.00001, as in the lesson. Use 0.001.")
    if close(0.001 / brain):
        return Wrong("Divided. A level divided by n is Bonferroni's; the expected number is a product.")
    return Wrong("Multiply the number of voxels of the brain by the level.")


@exercise(
    "a number on the scale of -log10 p",
    "How many questions are asked? One for each voxel of subject.mask_vt.",
    "The level is 0.05 divided by that number; then take -np.log10 of it.",
)
def bonferroni_in_vt(answer):
    brain, vt, grid = voxels()
    answer = number(answer)

    def close(value):
        return math.isclose(answer, value, abs_tol=0.006)

    if close(-math.log10(0.05 / vt)):
        return Right("Lower than 5: who asks fewer questions may be less strict. Asking must come before looking, though.")
    if answer == round(-math.log10(0.05 / vt), 1):
        return Wrong("Nearly: give it with two decimals.")
    if close(-math.log10(0.05 / brain)):
        return Wrong("That is for the whole brain. Only the VT mask is asked about.")
    if close(-math.log10(0.05 / grid)):
        return Wrong("That counts the whole grid, air included. Count the voxels of the VT mask.")
    if close(-math.log10(0.05 * vt)):
        return Wrong("Multiplied. More questions need a smaller level each: divide.")
    if close(-math.log(0.05 / vt)):
        return Wrong("That is the natural logarithm. Our scale uses the one to base 10.")
    if close(math.log10(0.05 / vt)):
        return Wrong("The sign: our scale is minus the logarithm.")
    if close(-math.log10(0.025 / vt)):
        return Wrong("Half the level: our p-values are two-sided already, so the 5 % need no halving.")
    if close(math.log10(vt)):
        return Wrong("That divides 1 by the number of voxels. Divide the 5 %.")
    if math.isclose(answer, 0.05 / vt, rel_tol=0.01):
        return Wrong("That is the level as a p-value. Translate it to -log10.")
    return Wrong("Divide 0.05 by the number of voxels in the VT mask, and take minus the logarithm to base 10.")


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Is it a promise about one voxel, about one mask, or about masks in the long run?",
    "'Rate' and 'expected' are words about many masks.",
)
def what_fdr_says(answer):
    return {
        "a": Wrong("The voxels of one mask are not alike: one with a tiny p is safer than one that just made it."),
        "b": Wrong("That would be Bonferroni's promise. With 200 voxels kept, some false ones are likely, and allowed."),
        "c": Wrong("Nobody can count them in a single mask: it may hold none, or many more."),
        "d": Right("It is a promise about the method in the long run, and it holds only if the p-values do."),
    }[choice(answer)]

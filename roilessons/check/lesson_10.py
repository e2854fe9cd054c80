"""Exercises of lesson 10, time."""

from functools import cache

import numpy as np
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, number


@cache
def _voxels():
    """How many voxels the simulated subject's brain mask, its VT mask and its grid have."""
    subject = rl.load_subject("simulated")
    brain, vt = (image.get_data(img) > 0 for img in (subject.mask, subject.mask_vt))
    return int(brain.sum()), int(vt.sum()), brain.size


every_third = choice(
    "c",
    "Volumes 7.5 s apart are less alike than those 2.5 s apart, and still alike. The folded cell measures it.",
    "What made the test too sure of itself: the number of volumes, or how alike they are?",
    "Look at the autocorrelation three volumes apart: smaller than one volume apart, and is it 0?",
    a="Fewer data make a test less certain, and a right test knows that. Think of how alike the volumes are.",
    b="The noise is the same, but the volumes kept lie three steps apart. What does the curve say there?",
    d="That would need volumes without any memory. Is the curve at 7.5 s down at 0?",
)


@number(
    "a number of voxels",
    "One voxel passes with a probability of 0.001. And n voxels?",
    "n_voxels, from the first cell, times the level.",
    otherwise="Multiply the number of voxels of the brain by the level.",
    decimals=0,
)
def expected_false():
    (brain, vt, grid), level = _voxels(), 0.001
    why = "So many false voxels even if the test is right. At this level, a map without any blob would be the surprise."
    yield brain * level, why
    yield grid * level, "That counts the whole grid. Air has no noise to be mistaken for an effect: count the brain."
    yield vt * level, "That counts the VT mask alone. The question is about the whole brain."
    yield brain * level / 2, "Half of it: a two-sided p already counts both directions."
    yield brain * 0.05, "That is for a level of 0.05. Use 0.001."
    yield brain * 0.00001, "That is for a level of 0.00001, as in the lesson. Use 0.001."
    yield level / brain, "Divided. A level divided by n is Bonferroni's; the expected number is a product."


@number(
    "a number on the scale of -log10 p",
    "How many questions are asked? One for each voxel of subject.mask_vt.",
    "The level is 0.05 divided by that number; then take -np.log10 of it.",
    otherwise="Divide 0.05 by the number of voxels in the VT mask, and take minus the logarithm to base 10.",
    decimals=2,
)
def bonferroni_in_vt():
    (brain, vt, grid), level = _voxels(), 0.05
    right, lower = -np.log10(level / vt), "Lower than 5: who asks fewer questions may be less strict."
    yield right, f"{lower if right < 5 else 'Fewer questions, a lower threshold.'} Asking must come before looking, though."
    yield -np.log10(level / brain), "That is for the whole brain. Only the VT mask is asked about."
    yield -np.log10(level / grid), "That counts the whole grid, air included. Count the voxels of the VT mask."
    yield -np.log10(level * vt), "Multiplied. More questions need a smaller level each: divide."
    yield -np.log(level / vt), "That is the natural logarithm. Our scale uses the one to base 10."
    yield -right, "The sign: our scale is minus the logarithm."
    yield -np.log10(level / 2 / vt), "Half the level: our p-values are two-sided already, so the 5 % need no halving."
    yield np.log10(vt), "That divides 1 by the number of voxels. Divide the 5 %."
    yield level / vt, "That is the level as a p-value. Translate it to -log10."


what_fdr_says = choice(
    "d",
    "It is a promise about the method in the long run, and it holds only if the p-values do.",
    "Is it a promise about one voxel, about one mask, or about masks in the long run?",
    "'Rate' and 'expected' are words about many masks.",
    a="The voxels of one mask are not alike: one with a tiny p is safer than one that just made it.",
    b="That would be Bonferroni's promise. With 200 voxels kept, some false ones are likely, and allowed.",
    c="Nobody can count them in a single mask: it may hold none, or many more.",
)

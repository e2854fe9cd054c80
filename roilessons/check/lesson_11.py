"""Exercises of lesson 11, many tests."""

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


@number(
    "a number of voxels",
    "One voxel passes with a probability of 0.0001. And n voxels?",
    "n_voxels, from the first cell, times the level.",
    otherwise="Multiply the number of voxels of the brain by the level.",
    decimals=1,
)
def expected_false():
    (brain, vt, grid), level = _voxels(), 0.0001
    why = "So many false voxels even if the test is right. At this level, a map without any blob would be the surprise."
    yield brain * level, why
    yield grid * level, "That counts the whole grid. Air has no noise to be mistaken for an effect: count the brain."
    yield vt * level, "That counts the VT mask alone. The question is about the whole brain."
    yield brain * level / 2, "Half of it: a two-sided p already counts both directions."
    yield brain * 0.05, "That is for a level of 0.05. Use 0.0001."
    yield brain * 0.001, "That is for a level of 0.001, as in the table. Use 0.0001."
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


@cache
def _face_against_cat():
    """In how many voxels faces and cats differ: corrected in the VT mask and in the brain, and uncorrected in the VT mask."""
    subject = rl.load_subject("simulated")
    contrasts_img = rl.run_contrasts(subject.func, subject.labels, contrast=("face", "cat"))
    _, log_p_img = rl.t_across_runs(contrasts_img)
    maps = [rl.sign_flip(contrasts_img, mask_img).log_p_img for mask_img in (subject.mask_vt, subject.mask)]
    in_vt, in_brain = (int(np.sum(image.get_data(img) >= -np.log10(0.05))) for img in maps)
    vt = image.get_data(subject.mask_vt) > 0
    return in_vt, in_brain, int(np.sum(image.get_data(log_p_img)[vt] >= -np.log10(0.05)))


@number(
    "a number of voxels",
    "Two calls: rl.run_contrasts with contrast=(..., ...), then rl.sign_flip with a mask.",
    "A voxel is kept where the corrected -log10 p is at least -np.log10(0.05).",
    otherwise="Make the contrasts of the runs for faces and cats, flip the signs in subject.mask_vt, and count what is kept.",
)
def face_against_cat():
    in_vt, in_brain, uncorrected = _face_against_cat()
    yield in_vt, "Fewer than for houses: a face area answers to cats as well, only less. Two like conditions are hard to tell apart."
    yield in_brain, "That is for the whole brain. Search the VT mask, and fewer questions are asked."
    yield uncorrected, "That is p <= 0.05 in each voxel, not corrected. Use the corrected p of rl.sign_flip."


what_a_cluster_says = choice(
    "b",
    "A cluster's p speaks of the cluster. To claim both gyri, test each of them.",
    "What was tested: each voxel, or the size of the cluster?",
    "Could chance make a cluster this large if one gyrus responds and the other is noise beside it?",
    a="The correction was made for the size of clusters. No voxel was tested on its own.",
    c="Size is what was tested, and it passed. The fault is in what is concluded.",
    d="The cluster-forming threshold need not be corrected: the sign flips take it into account.",
)

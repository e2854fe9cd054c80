"""Exercises of lesson 11, many tests."""

from functools import cache

import numpy as np
from nilearn import image
from scipy import stats

import roilessons as rl
from roilessons.check.judging import choice, function, number


@number(
    "a number of voxels",
    "One voxel passes with a probability of 0.001. And n voxels?",
    "n_voxels, from the first cell, times the level.",
    otherwise="Multiply the number of voxels of the brain by the level.",
    minutes=1,
    task="predict",
)
def false_voxels():
    noise = rl.load_subject("noise")
    brain, vt = (image.get_data(img) > 0 for img in (noise.mask, noise.mask_vt))
    log_p = image.get_data(rl.t_across_runs(rl.run_contrasts(noise.func, noise.labels)).log_p_img)
    yield int(np.sum(log_p[brain] >= 3)), "The number of voxels times the level is what to expect. The count itself varies."
    yield 0, "That would need a test that is never wrong. A right p of 0.001 is wrong once in a thousand voxels."
    yield int(np.sum(log_p[vt] >= 3)), "That counts the VT mask alone. The question is about the whole brain."
    yield int(np.sum(log_p[brain] >= 2)), "That is for a level of 0.01. Use 0.001."


what_fdr_says = choice(
    "d",
    "To promise something about the amygdala, correct in the amygdala alone: a small volume, chosen before the data are seen.",
    "Is it a promise about each voxel, about a part of the list, or about whole lists in the long run?",
    "Suppose that the other 190 lie in one strong region, and are all true. Where are the false ones, if there are any?",
    minutes=2,
    a="The voxels of one list are not alike: one with a tiny p is safer than one that just passed.",
    b="That would be the promise of the family-wise error, for the whole list. FDR lets false voxels in.",
    c="The 5 % are those of all that is kept, on average over studies. The false ones need not be spread evenly.",
)

what_a_cluster_says = choice(
    "b",
    "A cluster's p speaks of the cluster. To claim both gyri, test each of them.",
    "What was tested: each voxel, or the size of the cluster?",
    "Could chance make a cluster this large if one gyrus responds and the other is noise beside it?",
    minutes=2,
    a="The correction was made for the size of clusters. No voxel was tested on its own.",
    c="Size is what was tested, and it passed. The fault is in what is concluded.",
    d="The cluster-forming threshold need not be corrected: the sign flips take it into account.",
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
    minutes=4,
    task="transfer",
)
def face_against_cat():
    in_vt, in_brain, uncorrected = _face_against_cat()
    yield (
        in_vt,
        "Fewer than for houses: a face area answers to cats as well, only less. Two like conditions are hard to tell apart.",
    )
    yield in_brain, "That is for the whole brain. Search the VT mask, and fewer questions are asked."
    yield uncorrected, "That is p <= 0.05 in each voxel, not corrected. Use the corrected p of rl.sign_flip."


def _blocks(n_runs, n_volumes, n_voxels, seed, effect=0.0):
    """Faces and houses (runs, volumes, voxels): the volumes of a block share noise, and those of a run a level."""
    random = np.random.default_rng(seed)
    level = 3 * random.normal(size=(n_runs, 1, n_voxels))
    faces, houses = (
        level + random.normal(size=(n_runs, 1, n_voxels)) + 0.5 * random.normal(size=(n_runs, n_volumes, n_voxels))
        for _ in range(2)
    )
    return faces + effect * (np.arange(n_voxels) < n_voxels // 2), houses


def _differences(faces, houses):
    return faces.mean(axis=1) - houses.mean(axis=1)


def _n_kept(p, rate=0.05):
    return int(np.sum(stats.false_discovery_control(p) <= rate))


def _in_one_list(blocks):
    return blocks.reshape(-1, blocks.shape[-1])


n_discovered = function(
    "a function of two arrays (runs, volumes, voxels)",
    "How many observations does this t-test count, and how many are independent?",
    "faces.mean(axis=1) is the mean of each run's block: an array (runs, voxels).",
    "Subtract the means of the houses from those of the faces, and test the differences against 0 with stats.ttest_1samp.",
    minutes=5,
    task="repair",
    cases={
        "noise that the volumes of a block share": (
            _blocks(12, 9, 400, 1),
            "nothing is there, and nearly nothing should be kept.",
        ),
        "a strong effect in half of the voxels": (
            _blocks(12, 9, 60, 2, 3.0),
            "a level that differs between runs should not hide it.",
        ),
        "eight runs of five volumes": (_blocks(8, 5, 80, 3, 2.5), "the numbers of runs and volumes may be others."),
        "a weak effect": (_blocks(10, 9, 200, 4, 1.5), "FDR compares all p-values, with limits that rise."),
    },
    value=lambda *given: _n_kept(stats.ttest_1samp(_differences(*given), 0).pvalue),
    why="FDR was right all along; its p-values were not. One difference per run gives p-values that it can use.",
    mistakes=[
        (
            lambda *given: _n_kept(stats.ttest_ind(*map(_in_one_list, given)).pvalue),
            "In noise it still keeps a great many voxels.",
        ),
        (
            lambda *given: _n_kept(stats.ttest_rel(*map(_in_one_list, given)).pvalue),
            "In noise it keeps even more than before: nine volumes of a block still count as nine.",
        ),
        (
            lambda *given: _n_kept(stats.ttest_ind(*(blocks.mean(axis=1) for blocks in given)).pvalue),
            "In noise it keeps none. But a strong effect is missed, too, where the runs differ in their level.",
        ),
        (
            lambda *given: int(np.sum(stats.ttest_1samp(_differences(*given), 0).pvalue <= 0.05)),
            "In noise one voxel in twenty is kept: the correction is gone.",
        ),
        (
            lambda *given: int(np.sum(stats.ttest_1samp(_differences(*given), 0).pvalue * given[0].shape[-1] <= 0.05)),
            "It keeps fewer than FDR does: that is Bonferroni's rule.",
        ),
    ],
    otherwise="One difference of block means per run, a t-test of these against 0, and then FDR as it stands.",
)


def _below(p, rate, first=1):
    return np.sort(p) <= rate * (np.arange(len(p)) + first) / len(p)


_MIXED = np.array([0.8, 0.001, 0.5, 0.002, 0.9, 0.004, 0.3, 0.7])
_STEP = np.array([0.6, 0.012, 0.5, 0.018, 0.02])
_MANY = np.random.default_rng(6).uniform(size=500) ** np.where(np.arange(500) % 3, 1, 8)

n_kept = function(
    "a function of an array of p-values and a rate",
    "np.sort(p) sorts; the limit of the first is rate * 1 / len(p), that of the second rate * 2 / len(p).",
    "Begin with kept = 0. In a loop, for number, value in enumerate(np.sort(p), start=1): compare value with its limit.",
    "Where value is at or below its limit, set kept = number. What is in kept after the loop?",
    minutes=9,
    task="write",
    cases={
        "a few small ones among large ones": ((_MIXED, 0.05), "count those that are kept."),
        "a first one above its limit": ((_STEP, 0.05), "a p above its limit is kept if a later one is below its own."),
        "nothing to keep": ((np.array([0.9, 0.2, 0.4, 0.06]), 0.05), "then the number is 0."),
        "everything to keep": ((np.array([0.04, 0.001, 0.03]), 0.05), "the limit of the largest is the rate itself."),
        "another rate": ((_MIXED, 0.7), "take the rate that is given."),
        "some that are exactly at their limits": ((np.array([0.25, 0.9, 0.5, 0.125]), 0.5), "at its limit a p is kept, too."),
        "five hundred": ((_MANY, 0.05), "sort, compare each with its limit, keep up to the last one below."),
    },
    value=_n_kept,
    why="That is the rule of Benjamini and Hochberg, whole: SciPy's function counts the same.",
    mistakes=[
        (
            lambda p, rate: int(np.sum(_below(p, rate))),
            "Counted are the p-values below their limits. Those before the last of them are kept, too.",
        ),
        (
            lambda p, rate: int(np.argmin([*_below(p, rate), False])),
            "It stops at the first p above its limit. A later one may be below its own.",
        ),
        (
            lambda p, rate: int(np.sum(p <= rate / len(p))),
            "All p-values have the same limit, the first one: that is Bonferroni's rule.",
        ),
        (lambda p, rate: int(np.sum(p <= rate)), "That is no correction: one in twenty passes where nothing is."),
        (
            lambda p, rate: max([0, *(np.flatnonzero(p <= rate * np.arange(1, len(p) + 1) / len(p)) + 1)]),
            "In another order the same p-values give another number.",
        ),
        (
            lambda p, rate: max([0, *(np.flatnonzero(_below(p, rate, 0)) + 1)]),
            "The first limit is 0 here. The numbers go from 1 to n.",
        ),
        (lambda p, rate: _n_kept(p, rate) - 1, "One too few: what is counted from 0 has to be counted from 1."),
        (lambda p, rate: _n_kept(p, 0.05), "It does not change with the rate."),
        (lambda p, rate: _n_kept(p, rate - 1e-9), "A p that is exactly at its limit is not kept. It should be."),
    ],
    otherwise="Sort, compare the i-th p with rate * i / n, and count all up to the last one that is at or below its limit.",
)

"""Exercises of lesson 14, six subjects."""

from functools import cache
from itertools import count

import numpy as np
from nibabel.affines import apply_affine
from nilearn import image
from scipy import stats

import roilessons as rl
from roilessons.check.judging import choice, function, number
from roilessons.inference.contrasts import contrasts_image, run_weights, sums_of_runs
from roilessons.steps import FWHM, mean_image
from roilessons.volumes.one_pass import Means, one_pass
from roilessons.volumes.reading import open_series

PEOPLE, RUNS, STUDIES = 6, 12, 2000
RUN_SD, PERSON_SD = 0.43, 0.35  # % of the mean, as the lesson measures and rounds them


@number(
    "a percentage, from 0 to 100",
    "With 5 % the test would keep its promise. Does it, if the runs of a person are alike?",
    "The mean of 72 runs is the mean of 6 people, so it varies as much. The test treats it as the mean of 72 independent numbers.",
    otherwise="Far more than 5 %: the test counts the runs of a person as if they were other people.",
    decimals=1,
    minutes=1,
    task="predict",
    close=0.25,
)
def false_differences():
    rng = np.random.default_rng(0)
    studies = rng.normal(0, PERSON_SD, (STUDIES, PEOPLE, 1)) + rng.normal(0, RUN_SD, (STUDIES, PEOPLE, RUNS))
    p_runs, p_people = (
        stats.ttest_1samp(values, 0, axis=1).pvalue for values in (studies.reshape(STUDIES, -1), studies.mean(axis=2))
    )
    share, promised = (100 * np.mean(p <= 0.05) for p in (p_runs, p_people))
    yield share, "The test counts twelve runs of one person as twelve people, so it is far too sure of the mean."
    yield (5, promised), "That is what the test promises. It holds if the observations are independent, and here they are not."
    yield share / 100, "That is a share. Give a percentage, from 0 to 100."
    yield 100 - share, "That is how often the test is right."


which_p = choice(
    "b",
    "Who tries several numbers of voxels and reports the smallest p has made a choice on the data, as in lesson 09.",
    "When was the number of voxels chosen: before or after somebody saw p?",
    "If there were no difference, how often would at least one of several analyses give a p below 0.05?",
    minutes=2,
    a="It was picked because it is small. Among several analyses one often has a small p by chance.",
    c="A mean of p-values is no p-value.",
    d="It answers another question: whether other runs of the same people would show it.",
)


def _fewest(alpha, sides=2):
    return next(people for people in count(1) if sides / 2**people < alpha)


@number(
    "a whole number of people",
    "With n people and every effect positive, the two-sided sign test gives 2 / 2**n.",
    "Try n = 6, then 7, and so on, until 2 / 2**n is below 0.01.",
    otherwise="Work out 2 / 2**n for your n: is it below 0.01?",
    minutes=3,
)
def people_needed():
    right, stricter = _fewest(0.01), _fewest(0.001)
    yield right, "With fewer people no data could get there: the number of people limits what a group can say."
    yield (
        _fewest(0.01, sides=1),
        "That is for a one-sided test. Two-sided, all negative would have been as surprising: 2 / 2**n.",
    )
    yield _fewest(0.05), "That is enough for 0.05. Here the level is 0.01."
    yield stricter, "That is enough for 0.001, a stricter level than was asked for."
    yield (
        tuple(people for people in range(right + 1, 200) if people != stricter),
        "That many would do, but fewer would do too. Look for the smallest number.",
    )


MASKS = np.random.default_rng(11).random((6, 4, 5, 3)) < 0.45  # what six people might have


def _people(masks):
    return np.asarray(masks, int).sum(axis=0)


in_half_or_more = function(
    "a function that takes the masks, an array (subjects, x, y, z), and returns a whole number",
    "Add the masks up over the first axis: how many people have this voxel?",
    "Then compare that sum with half of len(masks), and count the voxels for which the comparison is True.",
    cases={
        "six people": ((MASKS,), "count the voxels that three or more of the six have."),
        "five people": ((MASKS[:5],), "compute the half from len(masks)."),
        "masks of 0 and 1": ((MASKS[:4].astype(np.uint8),), "it should work for numbers as for True and False."),
        "masks without a voxel": ((np.zeros((6, 2, 2, 2), bool),), "nobody has a voxel there, so it is 0."),
    },
    value=lambda masks: np.sum(_people(masks) * 2 >= len(masks)),
    why="A voxel that half of the people share is a weaker claim than one that all share, and a much larger map.",
    mistakes=[
        (
            lambda masks: np.sum(_people(masks) * 2 > len(masks)),
            "Voxels that exactly half of the people have are missing. They count too.",
        ),
        (
            lambda masks: np.sum(_people(masks) == len(masks)),
            "These are the voxels that everybody has. Half of the people are enough.",
        ),
        (
            lambda masks: np.sum(_people(masks) > 0),
            "These are the voxels that anybody has. At least half of the people should.",
        ),
        (
            lambda masks: _people(masks)[_people(masks) * 2 >= len(masks)].sum(),
            "You added up people. Count voxels instead: the sum of the comparison's True.",
        ),
        (
            lambda masks: np.sum(_people(masks) * 2 == len(masks)),
            "That is half of the people exactly. More than half is fine as well.",
        ),
        (lambda masks: np.sum(_people(masks) >= 3), "Half of the people is taken for three, whatever their number."),
    ],
    otherwise="The sum over the first axis gives the number of people at each voxel. Compare it with half of how many there are.",
    minutes=5,
)

MEASURED = np.array(  # people, runs
    [[1.0, 1.6, 0.9, 1.1], [0.1, -0.1, 0.0, 0.2], [0.6, 0.1, 0.5, 0.5], [-0.3, -0.1, -0.2, -0.4], [0.8, 1.0, 0.7, 0.9]]
)
LOST = np.where(
    [[False, False, True, False], [False] * 4, [True, True, False, False], [False] * 4, [False] * 4], np.nan, MEASURED
)


def _p(values):
    return stats.ttest_1samp(values, 0).pvalue


p_over_people = function(
    "a function that takes an array (people, runs) and returns a p-value",
    "What varies independently if the claim is about people: a run or a person?",
    "One number per person first: the mean over the runs, along axis 1.",
    "np.nanmean leaves the lost runs out. Test the means against 0 with stats.ttest_1samp.",
    cases={
        "five people with four runs": ((MEASURED,), "what is the number of observations for a claim about people?"),
        "the same people, every run measured twice": (
            (np.repeat(MEASURED, 2, axis=1),),
            "the same runs counted again say nothing new about people.",
        ),
        "people with lost runs": ((LOST,), "a person with a lost run has a mean of the others."),
        "eight people with two runs": (
            (np.random.default_rng(14).normal(0.2, 0.5, (8, 2)),),
            "rows are people, columns are runs.",
        ),
    },
    value=lambda measured: _p(np.nanmean(measured, axis=1)),
    why="The runs of a person only tell how well this person was measured.",
    mistakes=[
        (
            lambda measured: _p(measured[~np.isnan(measured)]),
            "When every run of the same five people is counted twice, p becomes much smaller. It should not change.",
        ),
        (
            lambda measured: _p(np.nanmean(measured, axis=0)),
            "With two runs and eight people it behaves as if there were two observations.",
        ),
        (lambda measured: _p(measured.mean(axis=1)), "Where a run was lost, no p comes out."),
        (
            lambda measured: _p(measured[~np.isnan(measured).any(axis=1)].mean(axis=1)),
            "Where a run was lost, a whole person is lost with it. Keep the other runs.",
        ),
        (lambda measured: _p(np.nan_to_num(measured).mean(axis=1)), "A lost run counts as a run in which nothing was found."),
        (
            lambda measured: _p(np.nanmedian(measured, axis=1)),
            "It is near, but not equal: take the mean of each person's runs.",
        ),
        (
            lambda measured: _p(np.nanmean(measured, axis=1)) / 2,
            "All p are half as large as they should be: two-sided is asked for.",
        ),
        (
            lambda measured: stats.ttest_1samp(np.nanmean(measured, axis=1), 0).statistic,
            "That is t. Return its p.",
        ),
    ],
    otherwise="One number per person first, then stats.ttest_1samp of these numbers against 0, and its p.",
    minutes=5,
    task="repair",
)

N_VOXELS = 20


@cache
def _in_vt():
    """Face minus house of the six people, in % of the mean, (runs, voxels of the VT mask) each; x of these voxels, mm."""
    found = []
    for person in range(1, PEOPLE + 1):
        subject = rl.load_subject(f"simulated:{person}")
        series, labels = open_series(subject.func), subject.labels
        sums, mean = sums_of_runs(labels, run_weights(labels)), Means(np.zeros(len(labels), int))
        one_pass(series, sums, mean)  # one for both: a learner waits
        in_vt = image.get_data(subject.mask_vt) > 0
        contrasts, mean_img = contrasts_image(sums, series, FWHM), mean_image(mean, series, FWHM)
        found.append(100 * image.get_data(contrasts)[in_vt].T / image.get_data(mean_img)[in_vt])
    return found, apply_affine(series.affine, np.argwhere(in_vt))[:, 0]


def _held_out(percent, n_voxels=N_VOXELS):
    effects = []
    for run, measured in enumerate(percent):
        others = np.delete(percent, run, axis=0)
        best = np.argsort(stats.ttest_1samp(others, 0).statistic)[-n_voxels:]
        effects.append(measured[best].mean())
    return np.mean(effects)


def _circular(percent):
    return percent.mean(axis=0)[np.argsort(stats.ttest_1samp(percent, 0).statistic)[-N_VOXELS:]].mean()


@number(
    "a percentage of the mean signal",
    "`held_out` takes the voxels with the largest t. Where are houses against faces large, if `percent` is face minus house?",
    'Give it `-person["percent"]` of each side: house minus face. Then one mean per person and side.',
    otherwise="held_out of minus percent for each person and side, the mean over runs, right minus left, and the mean of the six.",
    decimals=2,
    minutes=6,
    task="transfer",
)
def houses_right_minus_left():
    people, x = _in_vt()

    def difference(measure, sign=-1):
        return np.mean([measure(sign * percent[:, x > 0]) - measure(sign * percent[:, x < 0]) for percent in people])

    yield difference(_held_out), "The same function answers it: house minus face is face minus house with the other sign."
    yield difference(_held_out, sign=1), "That is for faces, as in the lesson. What has to change for houses?"
    yield -difference(_held_out), "That is left minus right, or face minus house. Mind both signs."
    yield difference(_circular), "Here the same runs choose the voxels and measure them."
    yield np.mean([_held_out(-percent[:, x > 0]) for percent in people]), "That is the right side alone. Subtract the left one."
    yield (
        np.mean([_held_out(-percent[:, x < 0]) for percent in people]),
        "That is the left side alone. Right minus left is asked for.",
    )
    first = people[0]
    yield _held_out(-first[:, x > 0]) - _held_out(-first[:, x < 0]), "That is subject 1 alone. Take the mean of the six."

"""Exercises of lesson 03, the t-test."""

import nibabel as nib
import numpy as np
from scipy import stats

import roilessons as rl
from roilessons.check.judging import choice, function, number, the_subject


@number(
    "a whole number of voxels",
    "Volumes that are 2.5 s apart are alike. Does the test then count too many independent measurements, or too few?",
    "It counts too many, so small p-values come up too often. How much too often, where 0.3 would be right?",
    otherwise="Small p-values come up far too often, because volumes are not independent.",
    minutes=2,
    task="predict",
    close=0.5,
)
def false_in_noise():
    noise = rl.load_subject("noise")
    log_p = np.asarray(rl.t_test(noise.func, noise.labels["labels"], fwhm=6).log_p_img.dataobj)
    inside = np.asarray(nib.load(noise.mask).dataobj) > 0
    many = "The test takes volumes for independent, and they are not."
    yield np.sum(log_p[inside] >= 5), "None of them prefers anything. " + many
    yield (0, 0.3, 1e-5 * inside.sum()), "So few would be right if the p-values were."
    yield inside.sum(), "That is every voxel of the brain."


one_sided_p = choice(
    "b",
    "A one-sided p counts only differences at least so far towards faces, and nearly all are. Such a test cannot find a house voxel.",
    "p is the share of differences, were there none, that are at least so far in the direction that is asked about.",
    "The voxel's difference lies far on the house side. Of all differences that chance makes, which share lies further towards faces?",
    a="The two-sided p counts both tails, so it is small for houses, too. This one counts one tail.",
    c="That is what a voxel gets that prefers faces: of its two tails one is left.",
    d="A p is a share of cases. It lies between 0 and 1.",
)

four_times_the_volumes = choice(
    "b",
    "The standard error is divided by the square root of 4. So t grows with the square root of the number of volumes.",
    "t is the difference of the means over its standard error. Which of the two changes?",
    "The standard error of a mean is the standard deviation over the square root of the number of values. What is the square root of 4?",
    a="The difference is the same, but it is known better: what happens to its standard error?",
    c="The number of volumes goes into the standard error by its square root.",
    d="The standard error is smaller if there are more values, and t is divided by it.",
)


@number(
    "a whole number of voxels",
    'The lesson makes its maps with one call, rl.t_test, and says contrast=("face", "house"). Which contrast is asked for?',
    "From its t_img to an array with image.get_data; then compare with 5, and count with np.sum.",
    otherwise='Make the maps with contrast=("cat", "bottle"), and count the voxels whose t is above 5.',
    minutes=4,
    task="transfer",
)
def cat_voxels():
    subject = the_subject()
    conditions = subject.labels["labels"]

    def maps(first, second, fwhm=6):
        made = rl.t_test(subject.func, conditions, contrast=(first, second), fwhm=fwhm)
        return np.asarray(made.t_img.dataobj), np.asarray(made.log_p_img.dataobj)

    t, log_p = maps("cat", "bottle")
    faces_and_houses, _ = maps("face", "house")
    value = range(np.sum(t > 5.002), np.sum(t > 4.998) + 1)  # in single precision t is off by 0.001
    few = "Cats against bottles is a weaker difference than faces against houses: fewer voxels pass."
    yield value, few if value[0] < np.sum(faces_and_houses > 5) else "The same step, another question."
    yield np.sum(faces_and_houses > 5), "Those are the voxels that prefer faces to houses. Make the map for cat minus bottle."
    yield np.sum(t < -5), "Those prefer bottles: t is below -5 there."
    yield np.sum(np.abs(t) > 5), "That is both sides together. Above 5 are only those that prefer cats."
    yield np.sum(log_p >= 5), "That is counted in the map of -log10 p, which does not know the sign. Use t."
    yield np.sum(maps("cat", "bottle", 0)[0] > 5), "That is without smoothing. The lesson smooths by 6 mm."


def _log_p(t, freedom):
    return -np.log10(2 * stats.t.sf(np.abs(t), freedom))


log_p_of_t = function(
    "a function that takes an array of t and the degrees of freedom, and returns an array",
    "Try it with t = 5 and with t = -5. What should be the same for both?",
    "A two-sided p asks how far t is from 0, on either side: np.abs(t) is that distance.",
    cases={
        "t above 0": ((np.array([0.5, 2.0, 5.0]), 214), "Both tails count: twice the probability of a t above this one."),
        "t below 0": ((np.array([-0.5, -2.0, -5.0]), 214), "How far is it from 0?"),
        "few degrees of freedom": ((np.array([[2.0, -3.0], [0.0, 1.0]]), 10), "Use the degrees of freedom that the function is given."),
    },
    value=_log_p,
    why="How far from 0, on either side: the sign of t has no part in a two-sided p.",
    mistakes=[
        (
            lambda t, freedom: -np.log10(2 * stats.t.sf(t, freedom)),
            "For t = -5 it gives a value below 0, as if p were above 1. All that prefers houses would be lost.",
        ),
        (lambda t, freedom: -np.log10(stats.t.sf(np.abs(t), freedom)), "That p is one-sided. Both tails count."),
        (lambda t, freedom: -np.log(2 * stats.t.sf(np.abs(t), freedom)), "That is the natural logarithm. The map takes the one to base 10."),
        (lambda t, freedom: np.abs(-np.log10(2 * stats.t.sf(t, freedom))), "The minus is gone, but for t below 0 p is still wrong: it is near 2."),
        (lambda t, freedom: 2 * stats.t.sf(np.abs(t), freedom), "That is p itself. The map shows minus its logarithm to base 10."),
    ],
    otherwise="Twice the probability of a t that is at least as far from 0, and of that minus the logarithm to base 10.",
    minutes=4,
    task="repair",
)


def _t_map(first, second):
    first, second = np.asarray(first, float), np.asarray(second, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(stats.ttest_ind(first, second, axis=-1).statistic, nan=0)


def _by_hand(first, second, freedom_lost=1, lost=2, axis=-1):
    """Student's t with some of its details changed; NaN stays."""
    n, m = first.shape[axis], second.shape[axis]
    squares = (n - freedom_lost) * first.var(axis, ddof=freedom_lost) + (m - freedom_lost) * second.var(axis, ddof=freedom_lost)
    return (first.mean(axis) - second.mean(axis)) / np.sqrt(squares / (n + m - lost) * (1 / n + 1 / m))


def _welch(first, second):
    error = first.var(-1, ddof=1) / first.shape[-1] + second.var(-1, ddof=1) / second.shape[-1]
    return np.nan_to_num((first.mean(-1) - second.mean(-1)) / np.sqrt(error), nan=0)


_RNG = np.random.default_rng(3)
_FIRST, _SECOND = _RNG.normal(400, 5, (3, 4, 2, 12)), _RNG.normal(402, 7, (3, 4, 2, 9))
_WHOLE = _RNG.integers(300, 500, (5, 10), dtype=np.int16), _RNG.integers(300, 500, (5, 10), dtype=np.int16)
_SILENT = np.where(np.arange(4)[:, None] % 2, _RNG.normal(0, 1, (4, 8)), 0.0), np.where(
    np.arange(4)[:, None] % 2, _RNG.normal(1, 1, (4, 8)), 0.0
)  # fmt: skip

t_map = function(
    "a function that takes two arrays with the volumes along the last axis, and returns an array of t",
    "Go through t_by_hand line by line: wherever it takes a mean or a sum over all values, take it along axis=-1. How many volumes "
    "are there? first.shape[-1].",
    "first.var(axis=-1) is the mean of the squares; times first.shape[-1] it is their sum. At the end np.where(error > 0, t, 0) puts 0 "
    "where there is no variance.",
    cases={
        "five voxels and two groups of ten whole numbers": (_WHOLE, "Compare each voxel's t with stats.ttest_ind(..., axis=-1)."),
        "a 3D grid and groups of 12 and 9": (
            (_FIRST, _SECOND),
            "The groups may have different numbers of volumes, and the voxels may lie in three axes.",
        ),
        "voxels that are 0 in all volumes": (_SILENT, "There the variance is 0, and t should be 0."),
    },
    value=_t_map,
    why="One line per step, and all voxels at once: this is what the lesson's map is made of.",
    mistakes=[
        (_by_hand, "It is right but for voxels that never change: 0 / 0 is NaN, and t should be 0 there."),
        (lambda first, second: _t_map(second, first), "The sign is the other way round: t is first minus second."),
        (_welch, "With groups of different size it is another t: that is Welch's. Student's takes the variance of both groups together."),
        (
            lambda first, second: np.nan_to_num(_by_hand(first, second, 0, 0), nan=0),
            "It is a little too large everywhere. The degrees of freedom are the volumes less two.",
        ),
        (lambda first, second: stats.ttest_ind(first, second, axis=None).statistic, "It makes one number of everything. Take means along axis=-1."),
        (lambda first, second: np.nan_to_num(_t_map(first, second) ** 2), "Those are the squares of t: is there a square root missing, or too many?"),
    ],
    otherwise="The difference of the means along the last axis, over its standard error, as in t_by_hand.",
    minutes=8,
)

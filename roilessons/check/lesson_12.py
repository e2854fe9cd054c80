"""Exercises of lesson 12, the pipeline again: what each step makes, in a box around the VT mask or on the whole grid."""

from functools import cache, partial
from itertools import product
from typing import NamedTuple

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import ndimage, stats

import roilessons as rl
from roilessons.check.judging import array, choice, close, function, number

MARGIN = 4  # voxels around the VT mask: smoothing reaches three, one dilation one more
LEVEL = -np.log10(0.05)


class Start(NamedTuple):
    """What the steps start from: the subject, its VT mask, the box around it, the mask in the box and with its neighbours."""

    subject: object
    vt_img: object
    box: tuple
    vt: np.ndarray
    near: np.ndarray


@cache
def _start():
    subject = rl.load_subject("simulated")
    vt_img = nib.load(subject.mask_vt)
    whole = image.get_data(vt_img) > 0
    inside = np.argwhere(whole)
    box = tuple(slice(low - MARGIN, high + MARGIN + 1) for low, high in zip(inside.min(0), inside.max(0), strict=True))
    return Start(subject, vt_img, box, whole[box], ndimage.binary_dilation(whole[box]))


def _boxed(values):
    """What is given on the whole grid is cut to the box."""
    start = _start()
    return values[start.box] if values.shape[:3] == start.vt_img.shape else values


def _close_near_vt(answer, value):
    """At the border of the box smoothing lacks the voxels outside it, so only the mask and what touches it are compared."""
    near = _start().near
    if answer.shape[:3] == near.shape:
        return close(answer[near], value[near])
    return close(answer[..., near], value[..., near]) if answer.shape[-3:] == near.shape else close(answer, value)


@array(
    "an array (x, y, z, 12) or a 4D image",
    "Three lines for one run: image.new_img_like(boxed_img, boxed[..., run == number]), image.smooth_img, image.get_data.",
    "shown = condition[run == number] is what the run's volumes showed. Each column is an array with one number per volume.",
    "np.column_stack([...]).astype(float) is the model. Take the first estimate minus the second, and append it to differences.",
    otherwise="For each run: its own volumes, smoothed by 6 mm; six columns; the estimate for faces minus that for houses.",
    agree=_close_near_vt,
    same=_close_near_vt,
    cut=_boxed,
    minutes=10,
    task="write",
)
def twelve_differences():
    start = _start()
    img = nib.load(start.subject.func).slicer[start.box]
    series, labels = image.get_data(img), start.subject.labels
    found = {}
    for run, part in labels.groupby("chunks"):
        raw = series[..., part.index[0] : part.index[-1] + 1]
        smoothed = image.get_data(image.smooth_img(image.new_img_like(img, raw), 6))
        for name, values in _variants(raw, smoothed, part["labels"].to_numpy()).items():
            found.setdefault(name, []).append(values)
        if not run:
            found["copies"] = [found["right"][0]] * labels["chunks"].nunique()
    stacked = {name: np.stack(values, axis=-1) for name, values in found.items()}
    right = stacked["right"]
    yield right, "It agrees with rl.run_contrasts: twelve observations per voxel, nearly independent of each other."
    yield -right, "The sign: these are house minus face."
    yield np.moveaxis(right, -1, 0), "The runs come first here. Stack them along the last axis: axis=-1."
    yield stacked["copies"], "These are twelve copies of run 0. Let the run change in the loop."
    yield right.mean(axis=-1), "That is their mean. The test needs all twelve."
    yield stacked["raw"], "The differences of the volumes as they were measured. Smooth them first."
    yield stacked["faces"], "These are the estimates for faces against rest. Subtract those for houses."
    yield stacked["no bend"], "The drift may bend: the model needs time ** 2, too."
    yield stacked["no others"], "The third column is missing: what the other pictures do would count as rest."
    yield (
        stacked["means"],
        "These are differences of block means, with the drift still in them: the model needs time and time ** 2, too.",
    )
    yield (
        stacked["detrended"],
        "You removed the drift first, and a part of the difference with it. Fit all six columns at once.",
    )


def _variants(raw, smoothed, shown):
    """The difference of one run, right and wrong in several ways."""
    time = np.linspace(-1, 1, len(shown))
    face, house = ((shown == name).astype(float) for name in ("face", "house"))
    others, drift = ~np.isin(shown, ["face", "house", "rest"]) * 1.0, [time**0, time, time**2]
    between = face / face.sum() - house / house.sum()

    def estimates(*columns, of=smoothed):
        return of @ np.linalg.pinv(np.column_stack(columns)).T

    def minus(*columns, of=smoothed):
        found = estimates(*columns, of=of)
        return found[..., 0] - found[..., 1]

    return {
        "right": minus(face, house, others, *drift),
        "raw": minus(face, house, others, *drift, of=raw),
        "faces": estimates(face, house, others, *drift)[..., 0],
        "no bend": minus(face, house, others, *drift[:2]),
        "no others": minus(face, house, *drift),
        "means": smoothed @ between,
        "detrended": (smoothed - estimates(*drift) @ np.array(drift)) @ between,
    }


def _t(differences, axis=0):
    n = differences.shape[axis]
    return differences.mean(axis=axis) / differences.std(axis=axis, ddof=1) * np.sqrt(n)


def _flipped(differences):
    """t of every sign flip: an array (flips, voxels); the first is that of the data as they are."""
    signs = [(1, *signs) for signs in product([1, -1], repeat=len(differences) - 1)]
    return np.array([_t(differences * np.array(one)[:, np.newaxis]) for one in signs])


def _survive(differences, size=np.abs, largest=lambda t: t.max(axis=1)[:, np.newaxis], reaches=np.greater_equal):
    t = size(_flipped(differences))
    return np.mean(reaches(largest(t), t[0]), axis=0) <= 0.05


def _p(differences):
    return stats.ttest_1samp(differences, 0).pvalue


def _above_quantile(differences):
    t = np.abs(_flipped(differences))
    return t[0] > np.quantile(t.max(axis=1), 0.95)


def _runs(n_runs, n_voxels, seed, effect=0.0):
    """Differences (runs, voxels); a third of the voxels has the effect, a third its negative."""
    side = np.arange(n_voxels) % 3 - 1
    return np.random.default_rng(seed).normal(size=(n_runs, n_voxels)) + effect * side


survivors = function(
    "a function of an array (runs, voxels)",
    "Write first a function t_of(differences): the mean over axis 0, divided by its standard error (ddof=1).",
    "In a loop over the signs: flipped = differences * np.array([1, *signs])[:, np.newaxis]; append np.abs(t_of(flipped)).max().",
    "For each voxel: np.mean(np.array(largest) >= abs(its t)) is its corrected p.",
    minutes=8,
    task="write",
    cases={
        "eight runs of noise": (
            (_runs(8, 60, 1),),
            "there may be any number of runs; the corrected p counts the flips whose largest |t| reaches the voxel's.",
        ),
        "effects of both signs": ((_runs(8, 60, 2, 3.0),), "a voxel that prefers houses survives, too: |t|."),
        "seven runs": ((_runs(7, 30, 3, 2.0),), "there may be any number of runs."),
        "six runs": ((_runs(6, 40, 4, 4.0),), "six runs have 32 flips, and the share must be at most 0.05."),
        "five runs": (
            (_runs(5, 12, 5, 5.0),),
            "five runs have 16 flips, so no corrected p is below 1 in 16: nothing survives.",
        ),
    },
    value=_survive,
    why="That is the same as rl.sign_flip: the chance of one false voxel or more is at most 5 %.",
    mistakes=[
        (lambda differences: _p(differences) <= 0.05, "It is not corrected: in noise one voxel in twenty survives."),
        (
            lambda differences: _p(differences) <= 0.05 / differences.shape[1],
            "That is Bonferroni's rule. It holds, too, but flip signs.",
        ),
        (
            lambda differences: stats.false_discovery_control(_p(differences)) <= 0.05,
            "That is a false discovery rate of 5 %: it allows some false voxels, and the claim allows none.",
        ),
        (partial(_survive, largest=np.array), "Each voxel is compared with itself alone. Compare it with the largest |t| anywhere."),
        (partial(_survive, size=np.array), "Only voxels that prefer faces survive: take the largest |t|, not the largest t."),
        (
            partial(_survive, reaches=np.greater),
            "With few runs it keeps too many: a flip also counts if its largest |t| is just the voxel's own, as in the data as they are.",
        ),
        (lambda differences: ~_survive(differences), "These are the voxels that do not survive."),
        (
            _above_quantile,
            "With few flips np.quantile lets voxels in whose corrected p is above 0.05. Compute the share for each voxel.",
        ),
    ],
    otherwise="For each flip the largest |t|; for each voxel the share of flips that reach its own |t|; True where that is at most 0.05.",
)


@cache
def _tested(source):
    """The run contrasts of a subject, -log10 p, and what survives in its VT mask."""
    subject = rl.load_subject(source)
    contrasts_img = rl.run_contrasts(subject.func, subject.labels)
    vt = image.get_data(subject.mask_vt) > 0
    log_p = image.get_data(rl.t_across_runs(contrasts_img).log_p_img)
    kept = image.get_data(rl.sign_flip(contrasts_img, subject.mask_vt).log_p_img) >= LEVEL
    return subject, contrasts_img, vt, log_p, kept


@number(
    "a whole number",
    "Which of the two promises is the stricter one?",
    "No false voxel at all, or at most 5 % of those kept: which one keeps more? In lesson 11 it was twice as many in the whole brain.",
    otherwise="A few false voxels are allowed, so more voxels are kept than with the family-wise error, but far from all.",
    minutes=1,
    task="predict",
)
def discovered_in_vt():
    _, _, vt, log_p, kept = _tested("simulated")
    q = stats.false_discovery_control(10.0 ** -log_p[vt])
    yield int(np.sum(q <= 0.05)), "More than with the family-wise error: the promise is a weaker one."
    yield int(kept.sum()), "That many are kept with the family-wise error. The false discovery rate allows some false voxels, so it keeps more."
    yield int(vt.sum()), "That is every voxel of the mask. Not all of it prefers faces or houses."
    yield int(np.sum(log_p[vt] >= LEVEL)), "That many pass 0.05 without a correction."


def _by_size(*masks, structure=None):
    found = [labels == number for labels, n in (ndimage.label(mask, structure) for mask in masks) for number in range(1, n + 1)]
    ordered = sorted(found, key=np.sum, reverse=True)
    return sum(((number + 1) * region for number, region in enumerate(ordered)), start=np.zeros(masks[0].shape, int))


def _sides(kept, t, iterations=1):
    """The two masks, dilated apart; a voxel that both reach goes to the side of its own t."""
    sides = kept & (t > 0), kept & (t < 0)
    first, second = (ndimage.binary_dilation(side, iterations=iterations) if side.any() else side for side in sides)
    return first & ~(second & (t < 0)), second & ~(first & (t >= 0))


def _in_order_of_place(kept, t):
    (first, n), (second, _) = map(ndimage.label, _sides(kept, t))
    return np.where(second > 0, second + n, first)


def _faces_win(kept, t):
    first, second = (ndimage.binary_dilation(kept & side) for side in (t > 0, t < 0))
    return _by_size(first, second & ~first)


def _map(*blocks, shape=(12, 9, 7)):
    """`kept` and `t` with blocks of kept voxels: (start, end, t) each."""
    t, kept = np.random.default_rng(3).normal(size=shape), np.zeros(shape, bool)
    for start, end, value in blocks:
        place = tuple(slice(*ends) for ends in zip(start, end, strict=True))
        t[place], kept[place] = value, True
    return kept, t


_CASES = {
    "a face and a house region apart": (
        _map(((1, 1, 1), (3, 3, 3), 8), ((7, 4, 2), (10, 7, 5), -9)),
        "number by size, whichever comes first.",
    ),
    "a face region beside a house region": (
        _map(((2, 2, 2), (5, 5, 4), 8), ((5, 2, 2), (9, 6, 5), -9)),
        "they are dilated apart and stay apart; a voxel that both reach goes to the side of its own t.",
    ),
    "two face regions that touch at an edge": (
        _map(((1, 1, 1), (3, 3, 2), 8), ((6, 6, 3), (9, 8, 5), 7), ((4, 4, 1), (5, 5, 2), 6)),
        "with a connectivity of 6 voxels touch by a face, not by an edge.",
    ),
    "only houses": (_map(((3, 3, 3), (6, 5, 5), -7)), "there may be no face region."),
    "nothing kept": (_map(), "then every label is 0."),
}

regions_of_one_preference = function(
    "a function of two arrays (x, y, z), kept and t",
    "Make two masks, kept & (t > 0) and kept & (t < 0), and dilate each by itself with ndimage.binary_dilation.",
    "Where both are True: take the voxel out of the face side if its t is below 0, else out of the house side.",
    "numbered, n = ndimage.label(side); put the masks numbered == 1, 2, ... of both sides into one list and sort it: key=np.sum, reverse=True.",
    minutes=8,
    task="write",
    cases=_CASES,
    value=lambda kept, t: _by_size(*_sides(kept, t)),
    why="No region mixes preferences. rl.label_by_sign does the same.",
    mistakes=[
        (lambda kept, t: _by_size(ndimage.binary_dilation(kept)), "A face region and a house region that touch become one."),
        (lambda kept, t: _by_size(kept & (t > 0), kept & (t < 0)), "The regions are not dilated."),
        (lambda kept, t: _by_size(*_sides(kept, t, 2)), "The regions are larger than after one dilation."),
        (_in_order_of_place, "The right regions, but the largest is not always number 1."),
        (lambda kept, t: np.logical_or(*_sides(kept, t)), "That is one mask. Give each region a number of its own."),
        (lambda kept, t: _by_size(_sides(kept, t)[0]), "The regions that prefer houses are missing."),
        (lambda kept, t: _by_size(_sides(kept, t)[1]), "The regions that prefer faces are missing."),
        (_faces_win, "Where both sides reach a voxel, it goes to the faces, whatever its t is."),
        (
            lambda kept, t: _by_size(*_sides(kept, t), structure=np.ones((3, 3, 3))),
            "Regions that touch only at an edge are one here.",
        ),
    ],
    otherwise="Two sides, each dilated once and labelled by itself; then all regions numbered by size, 1 for the largest.",
)


def _left_out(percent, n_voxels, chosen=lambda one, others, every: others, measured=lambda one, others, every: one):
    rows = []
    for run in range(len(percent)):
        parts = percent[run : run + 1], np.delete(percent, run, axis=0), percent
        order = np.argsort(_t(chosen(*parts)))
        values = measured(*parts)
        rows.append([values[:, order[-n_voxels:]].mean(), -values[:, order[:n_voxels]].mean()])
    return np.array(rows)


left_out = function(
    "a function of an array (runs, voxels) and a number of voxels",
    "A loop over the runs; np.delete(percent, number, axis=0) are the others, percent[number] is the one left out.",
    "order = np.argsort(t of the others): order[-n_voxels:] are the voxels with the largest t, order[:n_voxels] those with the smallest.",
    "Append [mean of the face voxels, minus the mean of the house voxels] to a list, and return np.array(list).",
    minutes=7,
    task="write",
    cases={
        "twelve runs of noise": ((_runs(12, 80, 11), 10), "the run that is measured may not choose."),
        "effects of both signs": ((_runs(12, 60, 12, 1.0), 8), "house voxels show house minus face."),
        "seven runs": ((_runs(7, 30, 13, 0.5), 3), "there may be any number of runs."),
        "one voxel": ((_runs(9, 40, 14), 1), "n_voxels may be 1."),
    },
    value=_left_out,
    why="No run had a part in choosing the voxels that it measures.",
    mistakes=[
        (
            lambda *given: _left_out(*given) * (1, -1),
            "The second column is face minus house. House voxels are to show house minus face.",
        ),
        (lambda *given: _left_out(*given)[:, ::-1], "The columns are swapped: the face voxels come first."),
        (lambda *given: _left_out(*given).T, "The runs should be the rows: turn it round."),
        (
            lambda *given: _left_out(*given, chosen=lambda one, others, every: every),
            "In noise the means are above 0 on average: the run that is measured had a part in the choice.",
        ),
        (
            lambda *given: _left_out(*given, measured=lambda one, others, every: others),
            "In noise the means are far above 0: measured are the runs that chose.",
        ),
        (lambda *given: _left_out(*given).mean(axis=0), "That is the mean over runs. Return one row per run."),
        (lambda percent, n_voxels: _left_out(percent, 20), "It does not change with n_voxels."),
    ],
    otherwise="For each run: t across the others, the voxels at either end, and their mean in the run left out.",
)


@number(
    "a whole number",
    "rl.load_subject('simulated:2') has the same files: func, labels, mask_vt.",
    "rl.run_contrasts, then rl.sign_flip with its own mask_vt; count where the corrected -log10 p is at least -np.log10(0.05).",
    otherwise="One contrast per run of simulated subject 2, sign flips in its VT mask, and a count of corrected p <= 0.05.",
    minutes=3,
    task="transfer",
)
def another_subject():
    subject, contrasts_img, vt, log_p, kept = _tested("simulated:2")
    yield int(kept.sum()), "The steps are the same for any subject: nothing in them was chosen for the first one."
    yield int(_tested("simulated")[-1].sum()), "That is subject 1. Load the other one, and give its files to each step."
    yield int(np.sum(log_p[vt] >= LEVEL)), "That is p <= 0.05 in each voxel, not corrected."
    q = 10.0 ** -image.get_data(rl.fdr(rl.t_across_runs(contrasts_img).log_p_img, subject.mask_vt))
    yield int(np.sum(q[vt] <= 0.05)), "That is a false discovery rate of 5 %. Control the family-wise error, by sign flips."
    in_brain = image.get_data(rl.sign_flip(contrasts_img, subject.mask).log_p_img) >= LEVEL
    yield int(in_brain.sum()), "That is corrected in the whole brain. Ask about the VT mask alone."


what_to_write = choice(
    "c",
    "It names the observation, the volume that was searched, what is controlled, and where the sizes come from.",
    "What was one observation? Over which voxels was corrected, and which error? Which runs measured?",
    "One sentence claims for every voxel what was found for the mask; one measures where it chose.",
    minutes=2,
    a="Volumes of a block are no independent observations. Nobody can tell from this what the p-value is worth.",
    b="A family-wise p speaks of any false voxel in the mask. It gives no voxel a probability of being true.",
    d="The voxels were chosen in these very runs, so their size is circular.",
)

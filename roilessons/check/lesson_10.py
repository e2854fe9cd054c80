"""Exercises of lesson 10, time."""

from functools import cache

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import stats

import roilessons as rl
from roilessons.check.judging import choice, function, number
from roilessons.inference.contrasts import t_across_runs

N_RUNS, N_VOLUMES, MARGIN = 12, 121, 3  # of the simulated noise; voxels around the VT mask
PAIRS = (("face", "house"), ("cat", "bottle"), ("chair", "scissors"), ("shoe", "scrambledpix"))


@number(
    "a share, a number between 0 and 1",
    "By what does t divide? What is in it when runs differ in their level?",
    "Without the jumps between runs the standard deviation is smaller, the difference is not. What does t do?",
    otherwise="The jumps between runs make the standard deviation large, and so t small. They are gone now.",
    decimals=2,
    minutes=2,
    task="predict",
)
def cleaned_noise():
    noise = rl.load_subject("noise")
    inside = np.argwhere(image.get_data(noise.mask_vt))
    box = tuple(
        slice(max(low - MARGIN, 0), high + MARGIN + 1) for low, high in zip(inside.min(axis=0), inside.max(axis=0), strict=True)
    )
    series = image.get_data(image.smooth_img(nib.load(noise.func).slicer[box], 6))[image.get_data(noise.mask)[box] > 0]
    runs = series.T.reshape(N_RUNS, N_VOLUMES, -1)
    shown = noise.labels["labels"].to_numpy().reshape(N_RUNS, N_VOLUMES)

    def share(runs):
        return np.mean([stats.ttest_ind(runs[shown == first], runs[shown == second]).pvalue <= 0.05 for first, second in PAIRS])

    yield (
        share(runs - runs.mean(axis=1, keepdims=True)),
        "The jumps between runs were in the standard deviation and not in the difference. Without them t is larger.",
    )
    yield share(runs), "That is as many as in the raw noise. But t divides by a smaller standard deviation now."
    yield 0.05, "That is what is promised. Removing the means leaves the volumes as dependent on their neighbours as they were."
    yield 0.0, "Some voxels pass by chance in any case."


faster_scanner = choice(
    "c",
    "Volumes that lie closer in time are more alike, so twice as many say hardly more, and the test counts them all.",
    "Does the brain's noise change faster because it is looked at more often?",
    "How alike are two volumes 1.25 s apart, compared with two 2.5 s apart? And how many does the test count?",
    minutes=2,
    a="More volumes make the test surer of itself. Are they as many more independent measurements?",
    b="The noise is the same, but the test counts twice as many volumes. By what does it divide?",
    d="That would need independent volumes. Are volumes 1.25 s apart less alike than volumes 2.5 s apart?",
)

honest_delay = choice(
    "c",
    "Pictures against rest does not favour faces or houses, so the choice does not favour the test that comes after it.",
    "Which of these choices looks at the difference that is tested afterwards?",
    "In lesson 09: which comparison did the omnibus F not favour?",
    minutes=2,
    a="That choice is made by the contrast that is tested. On noise, too, one of six delays has the most voxels.",
    b="That choice is made by the contrast that is tested. On noise, too, one of six delays has the largest t.",
    d="To say how many were tried is honest, but the p-value is still that of the best of six tries.",
)


@cache
def _log_p(contrast):
    """-log10 p across the simulated subject's runs, and its VT mask."""
    subject = rl.load_subject("simulated")
    contrasts_img = rl.run_contrasts(subject.func, subject.labels, contrast)
    return image.get_data(t_across_runs(contrasts_img).log_p_img), image.get_data(subject.mask_vt) > 0


@number(
    "a whole number",
    "The function across_runs takes a pair of names; so does rl.run_contrasts.",
    "across_runs(series['subject'][..., vt], shown, ..., ...) has a pvalue for each voxel of the VT mask: count those <= 0.001.",
    otherwise="One difference cat minus bottle per run, t across runs, and a count of p <= 0.001 inside the VT mask.",
    minutes=3,
    task="transfer",
)
def cats_and_bottles():
    log_p, vt = _log_p(("cat", "bottle"))

    def passed(log_p=log_p, mask=vt, least=3):
        return int(np.sum(log_p[mask] >= least))

    yield passed(), "The face areas answer to cats, too, only less: not every area is for one category."
    yield passed(_log_p(("face", "house"))[0]), "That is faces minus houses. Give the other pair of names."
    yield passed(least=5), "That is p <= 0.00001. The question is about 0.001."
    yield passed(least=-1), "That is the whole VT mask. Count only where p <= 0.001."
    brain = image.get_data(rl.load_subject("simulated").mask) > 0
    yield (
        (passed(mask=np.ones(vt.shape, bool)), passed(mask=brain)),
        "That is counted outside the VT mask, too. Count inside it.",
    )


def _scan(n_runs, shown, seed, effect=0.0):
    """A voxel's signal, with a level of its own in each run; what its volumes showed; their run."""
    random = np.random.default_rng(seed)
    names = np.array(shown.split() * n_runs)
    runs = np.repeat(np.arange(n_runs), len(shown.split()))
    signal = random.normal(size=len(names)) + 3 * random.normal(size=n_runs)[runs] + effect * (names == "face")
    return signal, names, runs


def _differences(signal, names, runs):
    where = [(names == name) & (runs == run) for run in np.unique(runs) for name in ("face", "house")]
    means = np.array([signal[volumes].mean() for volumes in where])
    return means[::2], means[1::2]


def _paired(signal, names, runs):
    faces, houses = _differences(signal, names, runs)
    return stats.ttest_1samp(faces - houses, 0)


def _of_volumes(signal, names, runs):
    return stats.ttest_ind(signal[names == "face"], signal[names == "house"]).pvalue


_BLOCK = "rest face face face rest house house house rest"
_SHUFFLED = [values[np.random.default_rng(5).permutation(8 * 9)] for values in _scan(8, _BLOCK, 5, 1.0)]

p_of_voxel = function(
    "a function of three arrays: signal, names and runs",
    "How many observations does this test count, and how many runs are there?",
    "In a loop over np.unique(runs), take the volumes of one run and one condition: signal[(names == ...) & (runs == ...)].",
    "Append each run's mean of faces minus mean of houses to a list; stats.ttest_1samp(list, 0).pvalue is the p.",
    minutes=5,
    task="repair",
    cases={
        "twelve runs of noise": (_scan(12, _BLOCK, 1), "one difference per run, then a t-test of these against 0."),
        "six runs with an effect": (_scan(6, _BLOCK, 2, 2.0), "there may be any number of runs."),
        "runs with more faces than houses": (
            _scan(9, "face face face rest house", 3),
            "a run counts once: take means, not sums.",
        ),
        "volumes in another order": (tuple(_SHUFFLED), "look runs up in `runs`, not by their place."),
        "runs that begin with 1": (
            (*_scan(5, _BLOCK, 4)[:2], _scan(5, _BLOCK, 4)[2] + 1),
            "np.unique(runs) has their numbers.",
        ),
    },
    value=lambda *given: _paired(*given).pvalue,
    why="It counts runs, which are nearly independent, and the level of a run cancels in its difference.",
    mistakes=[
        (_of_volumes, "It still finds too much in noise whose volumes resemble their neighbours."),
        (
            lambda *given: stats.ttest_ind(*_differences(*given)).pvalue,
            "It counts runs now, but the p gets larger when the runs differ in their level, and it should not.",
        ),
        (lambda *given: _paired(*given).pvalue / 2, "In noise it is never above 0.5: p should count both directions."),
        (lambda *given: _paired(*given).statistic, "It returns t. Return p."),
        (
            lambda *given: 2 * stats.norm.sf(abs(_paired(*given).statistic)),
            "Where there are few runs it is too small: t of few runs has heavier tails than the normal distribution.",
        ),
    ],
    otherwise="One difference of two means per run, and a t-test of these differences against 0.",
)


def _later(names, runs, name, delay, within=True):
    found = np.flatnonzero(names == name) + delay
    found = found[(found >= 0) & (found < len(names))]
    return found[runs[found] == runs[found - delay]] if within else found


def _labelled(text, n_runs):
    names = np.array(text.split())
    return names, np.repeat(np.arange(n_runs), len(names) // n_runs)


_MIDDLE = _labelled("rest face face rest rest house house rest rest rest", 1)
_LATE = _labelled("rest rest face face face rest rest rest face face face rest", 2)
_LAST = _labelled("rest face face rest rest rest face face", 2)

volumes_of = function(
    "a function of two arrays, a name and a delay",
    "The response to what volume 5 shows comes `delay` volumes later: in which volume?",
    "Add the delay to the numbers. Which of the new numbers lie in another run, or behind the last volume?",
    "In a loop over the old numbers, keep volume + delay if it is below len(runs) and runs[volume + delay] == runs[volume].",
    minutes=5,
    task="repair",
    cases={
        "a block in the middle": ((*_MIDDLE, "face", 2), "the numbers should be larger by the delay."),
        "a delay of 0": ((*_MIDDLE, "house", 0), "nothing is moved then."),
        "a block near the end of a run": ((*_LATE, "face", 2), "a volume of the next run has nothing to do with this block."),
        "a block at the end of the last run": ((*_LAST, "face", 1), "behind the last volume there is none."),
    },
    value=_later,
    why="Labels moved by a delay stay within their run, and what would lie behind its end is left out.",
    mistakes=[
        (lambda names, runs, name, delay: np.flatnonzero(names == name), "Whatever the delay is, it returns the same volumes."),
        (
            lambda names, runs, name, delay: np.flatnonzero(np.roll(names, delay) == name),
            "The end of a block that is cut off turns up at the beginning of another run.",
        ),
        (lambda *given: _later(*given, within=False), "The end of a block at the end of a run turns up in the next run."),
        (
            lambda names, runs, name, delay: np.flatnonzero(names == name) + delay,
            "It returns volumes of the next run, and numbers that no volume has.",
        ),
        (
            lambda names, runs, name, delay: _later(names, runs, name, -delay),
            "It returns earlier volumes. The response comes later than the picture.",
        ),
    ],
    otherwise="Add the delay to the number of each volume that shows `name`, and keep what is in the same run.",
)

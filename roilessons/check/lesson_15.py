"""Exercises of lesson 15, your own data."""

import numpy as np
from nibabel.affines import apply_affine

from roilessons.check.judging import choice, function, number
from roilessons.datasets import events, listening

outside_when_unbalanced = choice(
    "d",
    "Each half of the session has its own level, everywhere in the head. The test takes that for a difference between sounds.",
    "Look at the levels of the runs. Which runs does each condition come from?",
    "The mean of speech and the mean of music come from different halves. How do the levels of the halves differ?",
    minutes=1,
    task="predict",
    a="Speech and music come from different runs, and the runs differ in level everywhere, whatever was played.",
    b="The level of a run changes in the whole head. Do more of its voxels lie inside these places or outside?",
    c="The level of a run changes in the whole head, and far more of its voxels lie outside these places than inside.",
)

ONSET, T_R, DROPPED = 42.0, 2.5, 4  # of the block asked about: s, s, volumes


def _volume(onset=ONSET, delay=events.DELAY, dropped=DROPPED, t_r=T_R):
    """Where in the file a block begins; not a whole number."""
    return (onset + delay) / t_r - dropped


@number(
    "the number of a volume, counted from 0",
    "First stay in seconds: when does the block show in the signal, counted from the first volume that was kept?",
    f"Volume v of the file is taken v times {T_R} s after the first one that was kept. Which is the first one that is late enough?",
    otherwise="Add the delay to the onset, subtract the seconds that were thrown away, and divide by the seconds per volume.",
    minutes=3,
)
def first_volume():
    right = int(np.ceil(_volume()))
    yield (
        right,
        "Onset plus delay, minus what was thrown away, divided by the time between volumes, and up to the next whole volume.",
    )
    yield right - 1, "That volume was taken too early. Round up, not down."
    yield right + 1, "One too late. The first volume of the file has the number 0."
    yield _volume(), "There is no part of a volume. Which whole one is the first that is not too early?"
    for place in (np.ceil(_volume(dropped=0)), _volume(dropped=0)):
        yield place, "That is its number in the scanner. The file has fewer volumes."
    for place in (np.ceil(_volume(dropped=-DROPPED)), np.floor(_volume(dropped=-DROPPED))):
        yield place, "The volumes that were thrown away came first. So the numbers in the file are smaller, not larger."
    yield np.ceil(_volume(delay=0)), "That is when the music starts. The signal follows after the delay."
    yield np.ceil(_volume(onset=ONSET - DROPPED, dropped=0)), "Four volumes are not four seconds."
    yield np.ceil(_volume(delay=0)) + events.DELAY, f"The delay is {events.DELAY:g} seconds, not {events.DELAY:g} volumes."


PLACE = (60, -8, -4)  # asked about, MNI mm


def _in_scan(place=PLACE, matrix=listening.MNI_TO_SCAN):
    """(x, y, z) in the scan, mm."""
    return apply_affine(matrix, place)


@number(
    "(x, y, z) in whole mm",
    "`mni_to_scan` takes MNI coordinates to the scan. The lesson does it for two other places.",
    "`nib.affines.apply_affine(matrix, place)` gives the place. Round each number to whole mm.",
    otherwise=f"Apply the matrix mni_to_scan to {PLACE}: it gives x, y and z in the scan.",
    length=3,
    minutes=3,
    task="transfer",
)
def place_in_scan():
    x, y, z = PLACE
    exact = _in_scan()
    yield exact.round(), "That is where to put a sphere in this scan."
    yield (exact, exact.round(1)), "That is the place. Round each of its numbers to whole mm."
    yield np.array(PLACE), "Those are the MNI numbers as they are. In this head they mean another place."
    back = _in_scan(matrix=np.linalg.inv(listening.MNI_TO_SCAN))
    yield (back, back.round(1), back.round()), "That goes the other way, from the scan to MNI."
    swapped = _in_scan((y, x, z))
    yield (swapped, swapped.round(1), swapped.round()), "x and y are swapped. The place is given as (x, y, z)."
    signs = [_in_scan(place).round() for place in ((-x, y, z), (x, -y, z), (x, y, -z))]
    yield tuple(signs), "A sign got lost in the MNI coordinates."


speech_always_first = choice(
    "b",
    "Speech is always early in a run and music always late. Drift, fatigue and learning give the same difference, in every run.",
    "What else differs between the first half of a run and its second half?",
    "The test across runs asks whether the difference comes again in every run. Which differences do?",
    minutes=2,
    a="Equal numbers are not enough. What else differs between the blocks of speech and those of music, in every run?",
    c="A correction for many voxels is about chance. This difference may be real, and have nothing to do with sounds.",
    d="More runs with the same order repeat the same confusion. It then only looks more certain.",
)

RADIUS = 50  # mm, of the sphere on which a turn is measured


def _displacement(motion, radius=RADIUS, size=np.abs):
    """Framewise displacement in mm of every volume, 0 for the first one (Power and others, 2012)."""
    steps = size(np.diff(motion, axis=0)) * ([1] * 3 + [radius] * 3)
    return np.insert(steps.sum(axis=1), 0, 0)


def _motion():
    """Motion parameters that somebody might have: one jump, and turns as large as shifts."""
    rng = np.random.default_rng(15)
    motion = np.cumsum(rng.normal(0, [0.05] * 3 + [0.001] * 3, (12, 6)), axis=0)
    motion[7:] += [0.4, -0.3, 0.6, 0.004, -0.01, 0.002]
    return motion


framewise_displacement = function(
    "a function that takes the motion parameters, an array (volumes, 6), and returns one number per volume",
    "np.diff(motion, axis=0) is each volume minus the one before. It has one row less than motion.",
    "np.abs makes each change positive. The columns :3 are shifts, the columns 3: are turns; multiply the turns by 50.",
    "np.insert(values, 0, 0) puts a 0 in front: the first volume has none before it.",
    cases={
        "a head that moves once": ((_motion(),), "look at the volume in which it moves."),
        "a head that only turns": (
            (_motion() * ([0] * 3 + [1] * 3),),
            "a turn in radians times 50 mm is the way of a point of the sphere.",
        ),
        "a head that lies still": ((np.zeros((5, 6)),), "every volume is displaced by 0 mm."),
        "a head that moves much": ((_motion() * 10,), "the six columns change by different amounts."),
        "a run of one volume": ((np.ones((1, 6)),), "it has one value, 0."),
    },
    value=_displacement,
    why="It is the same sum that is in the tables of fMRIPrep.",
    mistakes=[
        (lambda motion: _displacement(motion)[1:], "There is one value less than there are volumes. The first volume gets 0."),
        (
            lambda motion: np.insert(_displacement(motion)[1:], 0, np.nan),
            "The first volume has NaN, as in the lesson's figure. Here it gets 0.",
        ),
        (
            lambda motion: np.append(_displacement(motion)[1:], 0),
            "The values come one volume too early: the last one has 0, and the first one should.",
        ),
        (
            lambda motion: _displacement(motion, size=lambda steps: steps),
            "Some displacements are negative or too small: a step to the left takes back one to the right.",
        ),
        (
            lambda motion: np.abs(_displacement(motion, size=lambda steps: steps)),
            "Some displacements are too small: in one volume a step to the left takes back one upwards.",
        ),
        (
            lambda motion: _displacement(motion, radius=1),
            "Turns hardly count. They are in radians: how far does a point at 50 mm go?",
        ),
        (
            lambda motion: _displacement(motion, radius=RADIUS * np.pi / 180),
            "Turns count too little. They are in radians already, and not in degrees.",
        ),
        (lambda motion: _displacement(motion) / 6, "All values are six times too small: add the changes up, without a mean."),
        (
            lambda motion: np.abs(motion * ([1] * 3 + [RADIUS] * 3)).sum(axis=1),
            "That is how far each volume is from the start. How far did the head move since the volume before?",
        ),
        (
            lambda motion: _displacement(motion[:, [3, 4, 5, 0, 1, 2]]),
            "The shifts were taken for turns. The first three columns are shifts, in mm.",
        ),
    ],
    otherwise="For every volume: the six changes since the volume before, as positive numbers, turns times 50, added up.",
    minutes=7,
)


def _study(*, both, sounds=(0.0, 0.0), level=2.0, drop=(), first=0, longer=0, seed=15):
    """Signal, labels and runs of a study.

    `both`: share of speech in each run; `sounds`: how much each raises the signal; `drop`: (run, sound) that is not played;
    `first`: number of the first run; `longer`: blocks by which each run is longer than the one before.
    """
    rng = np.random.default_rng(seed)
    signal, labels, runs = [], [], []
    for run, share in enumerate(both):
        played = 12 + 4 * longer * run
        n_speech = round(share * played)
        kinds = ["speech"] * n_speech + ["music"] * (played - n_speech) + ["rest"] * 4
        kinds = ["rest" if (run, kind) in drop else kind for kind in kinds]
        of = {"speech": sounds[0] * (1 + run / 4), "music": sounds[1], "rest": -1.0}
        signal += [100 + level * run + of[kind] + rng.normal(0, 0.1) for kind in kinds]
        labels += kinds
        runs += [first + 2 * run] * len(kinds)
    order = rng.permutation(len(labels))
    return np.array(signal)[order], np.array(labels)[order], np.array(runs)[order]


def _within(signal, labels, runs, weigh=lambda speech, music: 1):
    """Speech minus music within each run that has both, averaged over these runs."""
    differences, weights = [], []
    for run in np.unique(runs):
        speech, music = (signal[(runs == run) & (labels == sound)] for sound in ("speech", "music"))
        if len(speech) and len(music):
            differences.append(speech.mean() - music.mean())
            weights.append(weigh(speech, music))
    return np.average(differences, weights=weights)


def _over_volumes(signal, labels, runs=None):
    return signal[labels == "speech"].mean() - signal[labels == "music"].mean()


def _levels_off(signal, labels, runs):
    """The level of each run is taken off first; but the mean of a run depends on what was played in it."""
    return _over_volumes(signal - np.array([signal[runs == run].mean() for run in runs]), labels)


def _runs_from_0(signal, labels, runs):
    """Right if the runs are numbered 0, 1, 2, ..."""
    numbers = range(len(np.unique(runs)))
    return _within(signal[np.isin(runs, numbers)], labels[np.isin(runs, numbers)], runs[np.isin(runs, numbers)])


def _means_of_runs(signal, labels, runs):
    """Speech averaged over its runs minus music averaged over its own."""
    means = [
        np.mean([signal[(runs == run) & (labels == sound)].mean() for run in np.unique(runs[labels == sound])])
        for sound in ("speech", "music")
    ]
    return means[0] - means[1]


speech_minus_music = function(
    "a function that takes signal, labels and runs, one entry per volume each, and returns a number",
    "Which runs do the volumes of speech come from, and which those of music? What else differs between these runs?",
    "Loop over np.unique(runs). In each run: the mean of speech minus the mean of music, of the volumes of that run alone.",
    "Collect the differences in a list, but only of runs with both sounds (`len` is above 0), and return their mean.",
    cases={
        "a balanced study": (_study(both=[0.5] * 6, sounds=(3, 1)), "there every run has as many volumes of both sounds."),
        "runs that differ in level": (
            _study(both=[0.25, 0.25, 0.25, 0.75, 0.75, 0.75]),
            "nothing responds there, and runs with a higher level have more speech.",
        ),
        "runs with one of the sounds alone": (
            _study(both=[0.5] * 4, sounds=(2, 1), drop=[(0, "speech"), (3, "music")]),
            "a run without speech, or without music, does not count.",
        ),
        "runs with the numbers 1, 3 and 5": (
            _study(both=[0.25, 0.5, 0.75], sounds=(1, 3), first=1),
            "are the numbers of the runs taken from `runs`?",
        ),
        "runs that get longer": (
            _study(both=[0.5, 0.5, 0.25], sounds=(2, 0), level=1, longer=3, seed=16),
            "long runs and short runs should count the same.",
        ),
    },
    value=_within,
    why="What a run adds to all of its volumes, it adds to both sounds, and the difference within the run loses it.",
    mistakes=[
        (_over_volumes, "In a study in which nothing responds to sounds it still finds a difference, of more than 1."),
        (
            _levels_off,
            "In runs with more speech than music it finds too small an effect: the mean of a whole run contains the effect.",
        ),
        (
            lambda *study: _within(*study, weigh=lambda speech, music: len(speech) + len(music)),
            "Runs with more volumes count more. Every run should count the same.",
        ),
        (_means_of_runs, "Where some runs have only one of the sounds, the levels of these runs are still in the result."),
        (lambda *study: -_within(*study), "The sign is wrong: where speech is stronger, the result should be positive."),
        (_runs_from_0, "It takes runs for numbered 0, 1, 2 and so on. Runs may have any numbers."),
    ],
    otherwise="The difference within each run that has both sounds, and then the mean of these differences.",
    minutes=6,
    task="repair",
)

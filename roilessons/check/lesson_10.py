"""Exercises of lesson 10, time."""

from functools import cache

import numpy as np
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, number
from roilessons.inference.contrasts import t_across_runs

faster_scanner = choice(
    "c",
    "Volumes that lie closer in time are more alike, so twice as many say hardly more, and the test counts them all.",
    "Does the brain's noise change faster because it is looked at more often?",
    "How alike are two volumes 1.25 s apart, compared with two 2.5 s apart? And how many does the test count?",
    a="More volumes make the test surer of itself. Are they as many more independent measurements?",
    b="The noise is the same, but the test counts twice as many volumes. By what does it divide?",
    d="That would need independent volumes. Are volumes 1.25 s apart less alike than volumes 2.5 s apart?",
)


@cache
def _in_vt(contrast):
    """Run contrasts of the simulated subject and its VT mask."""
    subject = rl.load_subject("simulated")
    return rl.run_contrasts(subject.func, subject.labels, contrast), image.get_data(subject.mask_vt) > 0


def _log_p(contrasts_img):
    return image.get_data(t_across_runs(contrasts_img).log_p_img)


def _passed(log_p, mask, least=3):
    return int(np.sum(log_p[mask] >= least))


@number(
    "a whole number",
    "rl.run_contrasts has an argument for the contrast: a pair of names.",
    "rl.t_across_runs of it gives log_p_img; count where it is 3 or more, inside subject.mask_vt.",
    otherwise="Make the run contrasts of ('cat', 'bottle'), t_across_runs, and count log_p_img >= 3 inside the VT mask.",
)
def cats_and_bottles():
    contrasts_img, vt = _in_vt(("cat", "bottle"))
    cats = _log_p(contrasts_img)
    yield _passed(cats, vt), "The face areas answer to cats, too, only less: not every area is for one category."
    yield (
        _passed(_log_p(_in_vt(("face", "house"))[0]), vt),
        "That is faces minus houses. Give the pair of names to run_contrasts.",
    )
    yield _passed(cats, vt, 5), "That is with a threshold of 5. p <= 0.001 is 3 on this scale."
    yield _passed(cats, vt, -1), "That is the whole VT mask. Count only where log_p_img is 3 or more."
    brain = image.get_data(rl.load_subject("simulated").mask) > 0
    places = _passed(cats, np.ones(vt.shape, bool)), _passed(cats, brain)
    yield places, "That is counted outside the VT mask, too. Count inside it."


@number(
    "a whole number",
    "image.index_img(contrasts_img, slice(0, 6)) takes the first six volumes, and a volume is a run here.",
    "Give them to rl.t_across_runs, and count where log_p_img is 3 or more, inside subject.mask_vt.",
    otherwise="Take the first six volumes of contrasts_img, t_across_runs, and count log_p_img >= 3 inside the VT mask.",
)
def six_runs():
    contrasts_img, vt = _in_vt(("face", "house"))
    first, last, five = (_log_p(image.index_img(contrasts_img, slice(*runs))) for runs in ((0, 6), (6, 12), (0, 5)))
    why = "Half of the runs give fewer than half of the voxels: with 5 degrees of freedom p gets small only where t is very large."
    right, every = _passed(first, vt), _passed(_log_p(contrasts_img), vt)
    yield right, why if right < every / 2 else "With 5 degrees of freedom p gets small only where t is very large."
    yield every, "That is from all twelve runs. Take the first six volumes of contrasts_img."
    yield _passed(last, vt), "These are the last six runs. Runs 0 to 5 are the first six."
    yield _passed(five, vt), "These are five runs: slice(0, 5) ends before 5."
    yield _passed(first, vt, 5), "That is with a threshold of 5. p <= 0.001 is 3 on this scale."
    brain = image.get_data(rl.load_subject("simulated").mask) > 0
    places = _passed(first, np.ones(vt.shape, bool)), _passed(first, brain)
    yield places, "That is counted outside the VT mask, too. Count inside it."


honest_delay = choice(
    "c",
    "Pictures against rest does not favour faces or houses, so the choice does not favour the test that comes after it.",
    "Which of these choices looks at the difference that is tested afterwards?",
    "In lesson 09: which comparison did the omnibus F not favour?",
    a="That choice is made by the contrast that is tested. On noise, too, one of six delays has the most voxels.",
    b="That choice is made by the contrast that is tested. On noise, too, one of six delays has the largest t.",
    d="To say it is honest, but the p-value is still that of the best of six tries.",
)

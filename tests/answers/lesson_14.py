"""Right and typical wrong answers of lesson 14."""

import numpy as np
from scipy import stats

from roilessons.check import lesson_14


def held_out(percent):
    """Mean over runs of the effect in the 20 voxels whose t over the other runs is largest."""
    found = []
    for run in range(12):
        others = percent[[other for other in range(12) if other != run]]
        t = others.mean(axis=0) / others.std(axis=0, ddof=1)
        found.append(percent[run][np.argsort(t)[-20:]].mean())
    return np.mean(found)


def circular(percent):
    t = percent.mean(axis=0) / percent.std(axis=0)
    return percent[:, np.argsort(t)[-20:]].mean()


def of_people():
    """House minus face in % of the mean, right and left, (runs, voxels) of six people."""
    people, x = lesson_14._in_vt()  # each person's series is read once
    return [(-percent[:, x > 0], -percent[:, x < 0]) for percent in people]


def p_of(values):
    values = np.asarray(values)
    t = values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))
    return 2 * stats.t.sf(abs(t), len(values) - 1)


def person_by_person(measured, middle=np.mean):
    return p_of([middle([value for value in runs if value == value]) for runs in measured])


def answers(subject, made):
    def people(masks):
        return np.sum(masks, axis=0)

    pairs = of_people()
    sides = np.array([[held_out(right), held_out(left)] for right, left in pairs])
    faces = np.mean([held_out(-right) - held_out(-left) for right, left in pairs])
    same = np.mean([circular(right) - circular(left) for right, left in pairs])
    houses = np.mean(sides[:, 0] - sides[:, 1])

    # the same 2,000 studies as on the page, tested by hand
    rng = np.random.default_rng(0)
    studies = (rng.normal(0, 0.35, (2000, 6, 1)) + rng.normal(0, 0.43, (2000, 6, 12))).reshape(2000, 72)
    t = studies.mean(axis=1) / studies.std(axis=1, ddof=1) * np.sqrt(72)
    false = 100 * np.mean(abs(t) >= stats.t.isf(0.025, 71))
    return {
        "false_differences": (false, [5, false / 100, 100 - false, 90]),
        "which_p": ("b", ["a", "c", "d"]),
        "people_needed": (8, [7, 6, 11, 100, 2]),
        "in_half_or_more": (
            lambda masks: (people(masks) >= len(masks) / 2).sum(),
            [
                lambda masks: (people(masks) > len(masks) / 2).sum(),
                lambda masks: masks.all(axis=0).sum(),
                lambda masks: masks.any(axis=0).sum(),
                lambda masks: people(masks)[people(masks) >= len(masks) / 2].sum(),
                lambda masks: (people(masks) == len(masks) / 2).sum(),
                lambda masks: (people(masks) >= 3).sum(),
                lambda masks: masks.no_such_thing,
            ],
        ),
        "p_over_people": (
            person_by_person,
            [
                lambda measured: p_of(measured[np.isfinite(measured)]),
                lambda measured: person_by_person(measured.T),
                lambda measured: p_of(measured.mean(axis=1)),
                lambda measured: person_by_person([runs for runs in measured if np.isfinite(runs).all()]),
                lambda measured: p_of([np.nansum(runs) / len(runs) for runs in measured]),
                lambda measured: person_by_person(measured, np.median),
                lambda measured: person_by_person(measured) / 2,
                lambda measured: stats.ttest_1samp(np.nanmean(measured, axis=1), 0).statistic,
                lambda measured: np.nanmean(measured),
            ],
        ),
        "houses_right_minus_left": (
            houses,
            [faces, -houses, same, sides[:, 0].mean(), sides[:, 1].mean(), sides[0, 0] - sides[0, 1], 3],
        ),
    }

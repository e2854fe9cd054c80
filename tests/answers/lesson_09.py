"""Right and typical wrong answers of lesson 09."""

import numpy as np
from nilearn import image
from scipy import stats

import roilessons as rl


def answers(subject, made):
    return {
        "noise_at_three": noise_at_three(),
        "which_is_circular": ("c", ["a", "b", "d"]),
        "not_favoured": ("c", ["a", "b", "d"]),
        "mean_difference": (
            lambda faces, houses: sum(face - house for face, house in zip(faces, houses, strict=True)) / len(faces),
            [
                lambda faces, houses: faces[1::2].mean(0) - houses[::2].mean(0),
                lambda faces, houses: faces[::2].mean(0) - houses[1::2].mean(0),
                lambda faces, houses: houses.mean(0) - faces.mean(0),
                lambda faces, houses: faces[1::2].mean(0) - houses[1::2].mean(0),
                lambda faces, houses: faces.sum(0) - houses.sum(0),
                lambda faces, houses: faces.mean() - houses.mean(),
                lambda faces, houses: (faces - houses).mean(1),
            ],
        ),
        "held_out": (
            lambda runs, n: runs[len(runs) // 2 :, best(runs[: len(runs) // 2], n)].mean(),
            [
                lambda runs, n: runs[len(runs) // 2 :, best(runs, n)].mean(),
                lambda runs, n: runs[len(runs) // 2 :, best(runs[len(runs) // 2 :], n)].mean(),
                lambda runs, n: runs[: len(runs) // 2, best(runs[: len(runs) // 2], n)].mean(),
                lambda runs, n: runs[: len(runs) // 2, best(runs[len(runs) // 2 :], n)].mean(),
                lambda runs, n: runs[:, best(runs[: len(runs) // 2], n)].mean(),
                lambda runs, n: runs[len(runs) // 2 :, best(-runs[: len(runs) // 2], n)].mean(),
                lambda runs, n: runs[6:, best(runs[:6], n)].mean(),
            ],
        ),
        "circular_and_held_out": (
            loop,
            [
                lambda *given: loop(*given)[::-1],
                lambda *given: loop(*given, measured=lambda order: order),
                lambda *given: loop(*given, chosen=lambda order: order),
                lambda *given: [loop(*given)[0]] * 2,
                lambda runs, orders, n: loop(runs, orders[:1], n),
                lambda runs, orders, n: loop(runs, orders[-1:], n),
                lambda runs, orders, n: loop(runs, [range(len(runs))], n),
                lambda *given: loop(*given, chosen=second_half, first=second_half, measured=first_half),
                lambda runs, orders, n: -loop(-runs, orders, n),
                lambda *given: loop(*given, pick=lambda runs, n: np.argsort(runs.mean(0) / runs.std(0))[-n:]),  # NaN is last
            ],
        ),
    }  # fmt: skip


def best(runs, n):
    """The columns with the largest t, of those that vary."""
    spread = runs.std(axis=0, ddof=1)
    t = np.where(spread > 0, runs.mean(axis=0) / np.where(spread > 0, spread, 1), -np.inf)
    return np.argsort(-t)[:n]


def first_half(order):
    return order[: len(order) // 2]


def second_half(order):
    return order[len(order) // 2 :]


def loop(runs, orders, n, chosen=first_half, first=first_half, measured=second_half, pick=best):
    means = []
    for order in map(list, orders):
        voxels = pick(runs[chosen(order)], n)
        means.append([runs[part(order)][:, voxels].mean() for part in (first, measured)])
    return np.mean(means, axis=0)


def noise_at_three():
    noise = rl.load_subject("noise")
    shown = noise.labels[noise.labels["labels"] != "rest"]
    brain = image.get_data(noise.mask) > 0
    mean = image.get_data(image.smooth_img(image.mean_img(image.index_img(noise.func, shown.index.to_numpy())), 6))[brain]
    series = {
        name: image.get_data(image.smooth_img(image.index_img(noise.func, np.flatnonzero(noise.conditions == name)), 6))[brain]
        for name in ("face", "house")
    }
    test = stats.ttest_ind(series["face"], series["house"], axis=1)
    difference = 100 * (series["face"].mean(axis=1) - series["house"].mean(axis=1)) / mean  # nine volumes in each run
    at_3, at_1 = (difference[(test.statistic > 0) & (test.pvalue <= p)].mean() for p in (0.001, 0.1))
    houses = difference[(test.statistic < 0) & (test.pvalue <= 0.001)].mean()
    return at_3, [at_1, 0.0, houses]

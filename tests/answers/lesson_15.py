"""Right and typical wrong answers of lesson 15."""

import numpy as np
import pandas as pd


def displaced(motion):
    table = pd.DataFrame(motion * np.array([1, 1, 1, 50, 50, 50]))
    return table.diff().abs().fillna(0).sum(axis=1).to_numpy()


def steps(motion, turns=50, absolute=np.abs):
    moved = np.zeros(len(motion))
    for volume in range(1, len(motion)):
        change = [absolute(now - before) for now, before in zip(motion[volume], motion[volume - 1], strict=True)]
        moved[volume] = sum(change[:3]) + turns * sum(change[3:])
    return moved


def table_of(signal, labels, runs):
    return pd.DataFrame({"signal": signal, "labels": labels, "runs": runs})


def by_run(signal, labels, runs):
    means = table_of(signal, labels, runs).groupby(["runs", "labels"])["signal"].mean().unstack()
    return (means["speech"] - means["music"]).mean()  # a run without one of them is missing, and left out


def means_of_runs(signal, labels, runs):
    means = table_of(signal, labels, runs).groupby(["labels", "runs"])["signal"].mean()
    return means["speech"].mean() - means["music"].mean()


def pooled(signal, labels, runs):
    return np.mean(signal[labels == "speech"]) - np.mean(signal[labels == "music"])


def levels_off(signal, labels, runs):
    table = table_of(signal, labels, runs)
    return pooled(signal - table.groupby("runs")["signal"].transform("mean").to_numpy(), labels, runs)


def by_size(signal, labels, runs):
    table = table_of(signal, labels, runs)
    table = table[table["labels"] != "rest"].groupby("runs").filter(lambda run: run["labels"].nunique() == 2)
    means = table.groupby(["runs", "labels"])["signal"].mean().unstack()
    size = table.groupby("runs").size()
    return ((means["speech"] - means["music"]) * size).sum() / size.sum()


def counted_from_0(signal, labels, runs):
    few = runs < len(set(runs))
    return by_run(signal[few], labels[few], runs[few])


def answers(subject, made):
    turn, shift = np.array([[0.93, 0, 0], [0, 0.916, -0.161], [0, 0.161, 0.916]]), np.array([3, 7, -6])

    def place(x, y, z):
        return (turn @ (x, y, z) + shift).round()

    back = np.linalg.solve(turn, np.array([60, -8, -4]) - shift).round()
    places = [(60, -8, -4), back, place(-8, 60, -4), place(-60, -8, -4), (58.8, 0.3, -11.0), (0, 0, 0)]
    return {
        "outside_when_unbalanced": ("d", ["a", "b", "c"]),
        # 42 s + 5 s - 4 volumes of 2.5 s = 37 s; 37 / 2.5 = 14.8
        "first_volume": (15, [14, 16, 14.8, 19, 23, 13, 18, 0]),
        "place_in_scan": (place(60, -8, -4), places),
        "speech_always_first": ("b", ["a", "c", "d"]),
        "framewise_displacement": (
            displaced,
            [
                lambda motion: displaced(motion)[1:],
                lambda motion: np.roll(displaced(motion), -1),
                lambda motion: np.where(np.arange(len(motion)) > 0, displaced(motion), np.nan),
                lambda motion: steps(motion, absolute=float),
                lambda motion: abs(steps(motion, absolute=float)),
                lambda motion: steps(motion, turns=1),
                lambda motion: steps(motion, turns=50 * np.pi / 180),
                lambda motion: displaced(motion) / 6,
                lambda motion: displaced(np.vstack([np.zeros(6), motion]))[1:],
                lambda motion: np.abs(motion) @ [1, 1, 1, 50, 50, 50],
                lambda motion: displaced(motion[:, ::-1]),
                lambda motion: displaced(motion).sum(),
            ],
        ),
        "speech_minus_music": (
            by_run,
            [pooled, levels_off, by_size, means_of_runs, lambda *study: -by_run(*study), counted_from_0, lambda *study: 0.0],
        ),
    }

"""Right and typical wrong answers of lesson 16."""

import nibabel as nib
import numpy as np
from scipy import stats

import roilessons as rl


def dice_of_halves(subject, contrast, n_voxels):
    """Mean and largest Dice over 200 random halves, and the mean of each side; the splits are those of a fixed seed."""
    contrasts = rl.run_contrasts(subject.func, subject.labels, contrast).get_fdata()[nib.load(subject.mask_vt).get_fdata() > 0]
    rng, found = np.random.default_rng(0), []
    for _ in range(200):
        halves = np.split(rng.permutation(contrasts.shape[1]), 2)
        one, other = (np.argsort(stats.ttest_1samp(contrasts[:, half], 0, axis=1).statistic) for half in halves)
        found.append([len({*one[side]} & {*other[side]}) / n_voxels for side in (slice(-n_voxels, None), slice(n_voxels))])
    return np.mean(found), np.max(found), *np.mean(found, axis=0)


def answers(subject, made):
    simulated = rl.load_subject("simulated")
    mean, largest, *sides = dice_of_halves(simulated, ("bottle", "shoe"), 40)
    faces = dice_of_halves(simulated, ("face", "house"), 40)[0]
    numbers = (10, 20, 40, 80, 120, 160, 240, 320)
    most = max(numbers, key=lambda n: dice_of_halves(simulated, ("face", "house"), n)[0])

    def best(t, n):
        """The voxels with the n largest t: True or False for each."""
        return t >= np.sort(t)[::-1][n - 1]

    def shared(one, other, n):
        return np.sum(best(one, n) & best(other, n))

    def ranks(one, other, n):
        return np.mean(one.argsort()[::-1][:n] == other.argsort()[::-1][:n])

    def tuned(dice, without=True):
        found = []
        for row in range(len(dice)):
            used = [other for other in range(len(dice)) if other != row or not without]
            found.append(dice[row, dice[used].sum(axis=0).argmax()])
        return sum(found) / len(found)

    def where_chosen(dice):
        means = [(dice.sum(axis=0) - row) / (len(dice) - 1) for row in dice]
        return np.mean([mean.max() for mean in means])

    return {
        "what_moves": ("c", ["a", "b", "d"]),
        "most_reliable": ("c" if most == 320 else "?", ["a", "b", "d"]),
        "better_decisions": ((3, 1), [(5, 1), (1, 7), (5, 2), (5, 0), (1, 1), (9, 1), (11, 1), (5, 1.5)]),
        "bottle_or_shoe": (round(mean, 2), [round(faces, 2), largest, sides[0], 0.99]),
        "overlap": (
            lambda one, other, n: shared(one, other, n) / n,
            [
                lambda one, other, n: shared(-one, -other, n) / n,
                shared,
                lambda one, other, n: shared(one, other, n) / np.sum(best(one, n) | best(other, n)),
                lambda one, other, n: np.mean(best(one, n) & best(other, n)),
                lambda one, other, n: shared(np.abs(one), np.abs(other), n) / n,
                ranks,
                lambda one, other, n: (
                    shared(one, other, min(20, len(one))) / min(20, len(one)) if len(one) > 20 else shared(one, other, n) / n
                ),
                lambda one, other, n: 0.5,
            ],
        ),
        "tuned_score": (
            tuned,
            [
                lambda dice: np.mean([max(row) for row in dice]),
                lambda dice: tuned(dice, without=False),
                lambda dice: np.sort(dice.mean(axis=0))[-2],
                np.mean,
                where_chosen,
                lambda dice: 0.7,
            ],
        ),
    }

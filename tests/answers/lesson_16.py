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
    return {
        "what_moves": ("c", ["a", "b", "d"]),
        "better_decisions": ((3, 1), [(5, 1), (1, 7), (5, 2), (5, 0), (1, 1), (9, 1), (11, 1), (5, 1.5)]),
        "report_tuned": ("b", ["a", "c", "d"]),
        "bottle_or_shoe": (round(mean, 2), [round(faces, 2), largest, sides[0], 0.99]),
        "perfect_agreement": ("b", ["a", "c", "d"]),
    }

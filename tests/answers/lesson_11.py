"""Right and typical wrong answers of lesson 11."""

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import stats

import roilessons as rl


def answers(subject, made):
    known = rl.load_subject("simulated")
    return {
        "false_voxels": false_voxels(),
        "what_fdr_says": ("d", ["a", "b", "c"]),
        "what_a_cluster_says": ("b", ["a", "c", "d"]),
        "face_against_cat": faces_and_cats(known),
        "n_discovered": (
            lambda faces, houses: step_up(p_of_runs(faces, houses), 0.05),
            [
                lambda faces, houses: step_up(stats.ttest_ind(np.vstack(faces), np.vstack(houses)).pvalue, 0.05),
                lambda faces, houses: step_up(stats.ttest_rel(np.vstack(faces), np.vstack(houses)).pvalue, 0.05),
                lambda faces, houses: step_up(stats.ttest_ind(faces.mean(1), houses.mean(1)).pvalue, 0.05),
                lambda faces, houses: np.sum(p_of_runs(faces, houses) < 0.05),
                lambda faces, houses: np.sum(p_of_runs(faces, houses) < 0.05 / faces.shape[-1]),
                lambda faces, houses: step_up(p_of_runs(faces, houses), 0.05) + 1,
            ],
        ),
        "n_kept": (
            step_up,
            [
                lambda p, rate: sum(x <= rate * i / len(p) for i, x in enumerate(sorted(p), 1)),
                lambda p, rate: next((i for i, x in enumerate(sorted(p)) if x > rate * (i + 1) / len(p)), len(p)),
                lambda p, rate: sum(x <= rate / len(p) for x in p),
                lambda p, rate: sum(x <= rate for x in p),
                lambda p, rate: max((i for i, x in enumerate(p, 1) if x <= rate * i / len(p)), default=0),
                lambda p, rate: max((i + 1 for i, x in enumerate(sorted(p)) if x <= rate * i / len(p)), default=0),
                lambda p, rate: step_up(p, rate) - 1,
                lambda p, rate: step_up(p, 0.05),
                lambda p, rate: max((i for i, x in enumerate(sorted(p), 1) if x < rate * i / len(p)), default=0),
                lambda p, rate: len(p) - step_up(p, rate),
            ],
        ),
    }


def p_of_runs(faces, houses):
    difference = np.array([face.mean(0) - house.mean(0) for face, house in zip(faces, houses, strict=True)])
    t = difference.mean(0) / difference.std(0, ddof=1) * np.sqrt(len(difference))
    return 2 * stats.t.cdf(-abs(t), len(difference) - 1)


def step_up(p, rate):
    ordered = sorted(p)
    while ordered and ordered[-1] > rate * len(ordered) / len(p):
        ordered.pop()
    return len(ordered)


def false_voxels():
    noise = rl.load_subject("noise")
    brain, vt = (nib.load(path).get_fdata() > 0 for path in (noise.mask, noise.mask_vt))
    p = stats.ttest_1samp(image.get_data(rl.run_contrasts(noise.func, noise.labels)).astype(float), 0, axis=-1).pvalue
    counts = [int(np.sum(p[where] <= level)) for where, level in ((brain, 0.001), (vt, 0.001), (brain, 0.01))]
    return counts[0], [0, *counts[1:]]


def faces_and_cats(known):
    """Voxels above the largest |t| of the sign flips, flip by flip; the same in the brain; and without correction."""
    contrasts = image.get_data(rl.run_contrasts(known.func, known.labels, contrast=("face", "cat"))).astype(float)
    signs = 1.0 - 2 * np.array([[number >> run & 1 for run in range(12)] for number in range(2048)])
    counts, uncorrected = [], []
    for path in (known.mask_vt, known.mask):
        values = contrasts[nib.load(path).get_fdata() > 0].T
        squares = np.sum(values**2, axis=0)

        def t(means, squares=squares):
            return np.abs(means) / np.sqrt((squares / 12 - means**2) / 11)

        largest = np.sort([np.max(t(signs[i] @ values / 12)) for i in range(len(signs))])
        counts.append(int(np.sum(t(values.mean(axis=0)) >= largest[-102])))  # 102 of 2048 are 5 %
        uncorrected.append(int(np.sum(stats.ttest_1samp(values, 0).pvalue <= 0.05)))
    return counts[0], [counts[1], uncorrected[0], uncorrected[1]]

"""Right and typical wrong answers of lesson 11."""

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import stats

import roilessons as rl


def answers(subject, made):
    known = rl.load_subject("simulated")
    brain, vt = (np.count_nonzero(nib.load(path).dataobj) for path in (known.mask, known.mask_vt))
    grid = np.prod(nib.load(known.func).shape[:3])
    expected = [grid * 0.0001, vt * 0.0001, brain * 0.00005, brain * 0.05, brain * 0.001, 0.0001 / brain]
    return {
        "expected_false": (brain * 0.0001, expected),
        "bonferroni_in_vt": (
            -np.log10(0.05 / vt),
            [-np.log10(0.05 / brain), -np.log10(0.05 / grid), -np.log10(0.05 * vt), -np.log(0.05 / vt), np.log10(0.05 / vt),
             -np.log10(0.025 / vt), np.log10(vt), 0.05 / vt],
        ),
        "what_fdr_says": ("d", ["a", "b", "c"]),
        "face_against_cat": faces_and_cats(known),
        "what_a_cluster_says": ("b", ["a", "c", "d"]),
    }  # fmt: skip


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

"""Right and typical wrong answers of lesson 10."""

import nibabel as nib
import numpy as np

import roilessons as rl


def answers(subject, made):
    known = rl.load_subject("simulated")
    brain, vt = (np.count_nonzero(nib.load(path).dataobj) for path in (known.mask, known.mask_vt))
    grid = np.prod(nib.load(known.func).shape[:3])
    right = -np.log10(0.05 / vt)
    expected = [grid * 0.001, vt * 0.001, brain * 0.0005, brain * 0.05, brain * 0.00001, 0.001 / brain]
    return {
        "every_third": ("c", ["a", "b", "d"]),
        "expected_false": (brain * 0.001, expected),
        "bonferroni_in_vt": (
            right,
            [-np.log10(0.05 / brain), -np.log10(0.05 / grid), -np.log10(0.05 * vt), -np.log(0.05 / vt), -right,
             -np.log10(0.025 / vt), np.log10(vt), 0.05 / vt],
        ),
        "what_fdr_says": ("d", ["a", "b", "c"]),
    }  # fmt: skip

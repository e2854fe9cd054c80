"""Right and typical wrong answers of lesson 10."""

import numpy as np

from roilessons.check.lesson_10 import voxels


def answers(subject, made):
    brain, vt, grid = voxels()
    right = -np.log10(0.05 / vt)
    return {
        "every_third": ("c", ["a", "b", "d"]),
        "expected_false": (
            brain * 0.001, [grid * 0.001, vt * 0.001, brain * 0.0005, brain * 0.05, brain * 0.00001, 0.001 / brain],
        ),
        "bonferroni_in_vt": (
            right,
            [-np.log10(0.05 / brain), -np.log10(0.05 / grid), -np.log10(0.05 * vt), -np.log(0.05 / vt), -right,
             -np.log10(0.025 / vt), np.log10(vt), 0.05 / vt, round(right, 1)],
        ),
        "what_fdr_says": ("d", ["a", "b", "c"]),
    }  # fmt: skip

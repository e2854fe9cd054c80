"""Right and typical wrong answers of lesson 09."""

import numpy as np
from nilearn import image
from scipy import stats

import roilessons as rl


def answers(subject, made):
    noise = rl.load_subject("noise")
    shown = noise.labels[noise.labels["labels"].isin(["face", "house"])]
    condition, run = (shown[column].to_numpy() for column in ("labels", "chunks"))
    smoothed_img = image.smooth_img(image.index_img(noise.func, shown.index.to_numpy()), 6)
    smoothed = image.get_data(smoothed_img)[image.get_data(noise.mask) > 0]
    face, house = (
        np.stack([smoothed[:, (condition == name) & (run == r)].mean(axis=1) for r in range(12)]) for name in ("face", "house")
    )
    difference = 100 * (face - house) / ((face + house) / 2).mean(axis=0)
    parts = {"even": [0, 2, 4, 6, 8, 10], "odd": [1, 3, 5, 7, 9, 11], "all": list(range(12))}
    tests = {
        name: stats.ttest_ind(
            *(smoothed[:, (condition == c) & np.isin(run, runs)].astype(float) for c in ("face", "house")), axis=1
        )
        for name, runs in parts.items()
    }

    def effect(chosen_in, measured_in, side=1):
        test = tests[chosen_in]
        chosen = (-np.log10(test.pvalue) >= 5) & (test.statistic * side >= 0)
        return difference[parts[measured_in]][:, chosen].mean()

    right = effect("even", "odd")
    wrong = [effect(*pair) for pair in (("odd", "even"), ("even", "even"), ("all", "odd"), ("even", "all"), ("all", "all"))]
    return {
        "stricter_elsewhere": ("b", ["a", "c", "d"]),
        "swapped_halves": (right, [*wrong, effect("even", "odd", -1), effect("even", "odd", 0), -right]),
        "which_is_circular": ("c", ["a", "b", "d"]),
    }

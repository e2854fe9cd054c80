"""Right and typical wrong answers of lesson 09."""

import numpy as np
from nilearn import image
from scipy import stats

import roilessons as rl


def answers(subject, made):
    noise = rl.load_subject("noise")
    shown = noise.labels[noise.labels["labels"] != "rest"]
    condition, run = (shown[column].to_numpy() for column in ("labels", "chunks"))
    smoothed_img = image.smooth_img(image.index_img(noise.func, shown.index.to_numpy()), 6)
    brain, vt = (image.get_data(img) > 0 for img in (noise.mask, noise.mask_vt))
    smoothed = image.get_data(smoothed_img)[brain]
    face, house = (
        np.stack([smoothed[:, (condition == name) & (run == r)].mean(axis=1) for r in range(12)]) for name in ("face", "house")
    )
    difference = 100 * (face - house) / smoothed.mean(axis=1)
    parts = {"even": [0, 2, 4, 6, 8, 10], "odd": [1, 3, 5, 7, 9, 11], "all": list(range(12))}
    in_vt = difference[:, vt[brain]]

    def effect(chosen_in, measured_in, sign=1, runs=in_vt):
        t = sign * stats.ttest_1samp(runs[parts[chosen_in]].astype(float), 0).statistic
        return runs[parts[measured_in]][:, np.argsort(t)[-20:]].mean()

    right = effect("even", "odd")
    pairs = [("even", "even"), ("odd", "even"), ("all", "odd"), ("even", "all"), ("all", "all"), ("odd", "odd")]
    wrong = [*(effect(*pair) for pair in pairs), effect("even", "odd", -1), effect("even", "odd", 1, difference), -right]
    return {
        "fewer_voxels": ("b", ["a", "c", "d"]),
        "swapped_halves": (right, wrong),
        "which_is_circular": ("c", ["a", "b", "d"]),
        "not_favoured": ("c", ["a", "b", "d"]),
    }

"""Right and typical wrong answers of lesson 05."""

import nibabel as nib
import numpy as np
from nilearn import image

import roilessons as rl


def answers(subject, made):
    log_p, vt = np.asarray(made.log_p_img.dataobj), np.asarray(nib.load(subject.mask_vt).dataobj) > 0
    keep = log_p >= 4
    truth_img = image.math_img("np.where(img <= 4, img, 0)", img=subject.truth)
    thresholds = np.arange(1, 10.01, 0.5)
    masks = [rl.threshold(made.log_p_img, value) for value in thresholds]
    alone = [rl.score(mask, truth_img).loc["all", "dice"] for mask in masks]
    in_vt = [rl.score(rl.intersect(mask, subject.mask_vt), truth_img).loc["all", "dice"] for mask in masks]
    return {
        "mask_first": ("c", ["a", "b", "d"]),
        "voxels_in_both": (
            np.sum(keep & vt),
            [np.sum(keep), np.sum(keep | vt), np.sum(keep & ~vt), np.sum(vt), np.sum((log_p >= 5) & vt),
             float(log_p[keep & vt].sum()), np.sum(keep) + np.sum(vt)],
        ),
        "best_in_vt": (
            thresholds[np.argmax(in_vt)],
            [thresholds[np.argmax(alone)], max(in_vt), np.argmax(in_vt), thresholds[np.argmin(in_vt)]],
        ),
        "honest_mask": ("c", ["a", "b", "d"]),
        "which_conjunction": ("d", ["a", "b", "c"]),
    }  # fmt: skip

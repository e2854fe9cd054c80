"""Right and typical wrong answers of lesson 04."""

import numpy as np
from nilearn import image


def answers(subject, made):
    log_p = np.asarray(made.log_p_img.dataobj)
    brain = image.get_data(subject.mask) == 1
    outside = (image.get_data(made.mean_img) != 0) & ~brain
    found, expected = np.count_nonzero(log_p[outside] >= 3), np.count_nonzero(outside) / 1000
    outside_at_5 = np.count_nonzero(log_p[outside] >= 5) * 1e5 / np.count_nonzero(outside)
    brain_at_3 = 1000 * np.mean(log_p[brain] >= 3)
    return {
        "lower_threshold": ("c", ["a", "b", "d"]),
        "voxels_at_cap": (np.sum(log_p >= 10), [0, np.sum(log_p >= 5), log_p.size, 10 * np.sum(log_p >= 10)]),
        "threshold_for_p": (1.30103, [-1.30103, 2.99573, 0.05, 20]),
        "times_outside": (
            found / expected,
            [found, expected, expected / found, outside_at_5, brain_at_3, found / (0.001 * np.sum(~brain))],
        ),
        "best_on_real_data": ("c", ["a", "b", "d"]),
    }

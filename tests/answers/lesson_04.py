"""Right and typical wrong answers of lesson 04."""

import numpy as np


def answers(subject, made):
    log_p = np.asarray(made.log_p_img.dataobj)
    return {
        "lower_threshold": ("c", ["a", "b", "d"]),
        "voxels_at_cap": (np.sum(log_p >= 10), [0, np.sum(log_p >= 5), log_p.size, 10 * np.sum(log_p >= 10)]),
        "threshold_for_p": (-np.log10(0.001), [-3, 6.9078, 0.001, 1000]),
        "best_on_real_data": ("c", ["a", "b", "d"]),
    }

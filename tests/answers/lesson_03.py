"""Right and typical wrong answers of lesson 03."""

import numpy as np
from scipy import stats


def answers(subject, made):
    t, log_p = (np.asarray(img.dataobj) for img in (made.t_img, made.log_p_img))
    p = 2 * stats.t.sf(5, 214)
    return {
        "reversed_contrast": ("b", ["a", "c", "d"]),
        "strong_house_voxels": (
            np.sum(t < -5),
            [np.sum(t > 5), np.sum(np.abs(t) > 5), np.sum(log_p >= 5), np.sum(t > -5), t[t < -5].sum()],
        ),
        "log_p_of_t": (
            -np.log10(p),
            [-np.log10(p / 2), -np.log(p), np.log10(p), p, -np.log10(2 * stats.t.sf(5, 107))],
        ),
        "what_p_means": ("d", ["a", "b", "c"]),
    }

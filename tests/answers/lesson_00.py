"""Right and typical wrong answers of lesson 00."""

import numpy as np
from nilearn import image


def answers(subject, made):
    labels = list(subject.labels["labels"])
    log_p = np.sort(image.get_data(made.log_p_img), axis=None)
    at = {threshold: log_p.size - np.searchsorted(log_p, threshold) for threshold in (5, 6, 7, 8, 10)}
    rest = labels.count("rest")
    return {
        "why_a_region": ("b", ["a", "c", "d"]),
        "voxels_at_7": (at.pop(7), [*at.values(), log_p.size]),
        "picture_volumes": (len(labels) - rest, [rest, len(labels), labels.count("face"), len({*labels})]),
    }

"""Right and typical wrong answers of lesson 04."""

import numpy as np
from nilearn import image

import roilessons as rl


def count_kept(log_p, threshold):
    return sum(min(value, 10) >= threshold for value in log_p.ravel())


def threshold_mask(log_p, t, threshold):
    mask = np.zeros(log_p.shape, int)
    passes = ~np.isnan(log_p) & ~(log_p < threshold)
    mask[passes & (t > 0)] = 1
    mask[passes & (t < 0)] = -1
    return mask


def answers(subject, made):
    other = rl.load_subject("simulated:2")
    kept = [image.get_data(img) >= 5 for img in (made.log_p_img, rl.catch_up(other, "t_test").log_p_img)]
    planted = [np.isin(image.get_data(one.truth), [1, 2, 3, 4]) for one in (subject, other)]

    def false(mask, true):
        return np.sum(mask & ~true) / np.sum(mask)

    found = np.sum(kept[1] & planted[1])
    return {
        "false_share_at_5": (false(kept[0], planted[0]), [0.00001, 1 - false(kept[0], planted[0])]),
        "threshold_for_p": (1.30103, [-1.30103, 2.99573, 0.05, 20]),
        "must_the_share_fall": ("b", ["a", "c", "d"]),
        "count_kept": (
            count_kept,
            [
                lambda log_p, threshold: np.sum(np.minimum(log_p, 10) > threshold),
                lambda log_p, threshold: np.sum(log_p >= threshold),
                lambda log_p, threshold: np.sum(np.minimum(log_p, 10) < threshold),
                lambda log_p, threshold: np.minimum(log_p, 10) >= threshold,
                lambda log_p, threshold: log_p.no_such_thing,
            ],
        ),
        "threshold_mask": (
            threshold_mask,
            [
                lambda log_p, t, threshold: np.where(log_p > threshold, threshold_mask(log_p, t, threshold), 0),
                lambda log_p, t, threshold: np.where(log_p >= threshold, 1, 0),
                lambda log_p, t, threshold: threshold_mask(log_p, -t, threshold),
                lambda log_p, t, threshold: np.where(log_p >= threshold, np.where(t > 0, 1, -1), 0),
                lambda log_p, t, threshold: np.where(log_p >= threshold, t, 0),
                lambda log_p, t, threshold: np.where(t >= threshold, 1, 0) - np.where(-t >= threshold, 1, 0),
                lambda log_p, t, threshold: np.array(threshold_mask(log_p, t, threshold) % 256, np.uint8),
                lambda log_p, t, threshold: threshold_mask(log_p, t, threshold) > 0,
                lambda log_p, t, threshold: threshold_mask(log_p, t, 5),
            ],
        ),
        "false_share_of_subject_2": (
            false(kept[1], planted[1]),
            [
                false(kept[0], planted[0]),
                false(kept[1], planted[0]),
                1 - false(kept[1], planted[1]),
                found / np.sum(planted[1]),
                2 * found / (np.sum(kept[1]) + np.sum(planted[1])),
            ],
        ),
    }

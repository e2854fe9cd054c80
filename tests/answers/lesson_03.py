"""Right and typical wrong answers of lesson 03."""

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import ndimage, stats

import roilessons as rl


def log_p_of_t(t, freedom):
    return -np.log10(2 * stats.t.cdf(-np.abs(t), freedom))


def t_map(first, second):
    n, m = first.shape[-1], second.shape[-1]
    squares = ((first - first.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    squares = squares + ((second - second.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    error = np.sqrt(squares / (n + m - 2) * (1 / n + 1 / m))
    difference = first.mean(axis=-1) - second.mean(axis=-1)
    return np.divide(difference, error, out=np.zeros_like(error), where=error > 0)


def with_nan(first, second):
    return stats.ttest_ind(first, second, axis=-1).statistic


def of_whole_variance(first, second):
    n, m = first.shape[-1], second.shape[-1]
    variance = (n * first.var(axis=-1) + m * second.var(axis=-1)) / (n + m)
    return np.nan_to_num((first.mean(axis=-1) - second.mean(axis=-1)) / np.sqrt(variance / n + variance / m))


def answers(subject, made):
    series = nib.load(subject.func, keep_file_open=True)
    wanted = {condition: np.flatnonzero(subject.labels["labels"] == condition) for condition in ("face", "house", "cat", "bottle")}
    volumes = {condition: [] for condition in wanted}
    for volume in sorted(np.concatenate([*wanted.values()])):
        volumes[subject.labels["labels"][volume]].append(series.dataobj[..., volume].astype(np.float32))

    def t_of(first, second, fwhm=6):
        sigma = fwhm / 2.354820045 / np.array([3.5, 3.75, 3.75])
        smoothed = ([ndimage.gaussian_filter(one, sigma) for one in volumes[condition]] for condition in (first, second))
        return np.nan_to_num(stats.ttest_ind(*(np.stack(each) for each in smoothed)).statistic)

    t, of_faces = t_of("cat", "bottle"), t_of("face", "house")
    log_p = image.get_data(rl.t_test(subject.func, subject.labels["labels"], contrast=("cat", "bottle")).log_p_img)
    return {
        "false_in_noise": (49, [0, 30278]),
        "one_sided_p": ("b", ["a", "c", "d"]),
        "four_times_the_volumes": ("b", ["a", "c", "d"]),
        "cat_voxels": (
            np.sum(t > 5),
            [np.sum(of_faces > 5), np.sum(t < -5), np.sum(np.abs(t) > 5), np.sum(log_p >= 5), np.sum(t_of("cat", "bottle", 0) > 5)],
        ),
        "log_p_of_t": (
            log_p_of_t,
            [
                lambda t, freedom: -np.log10(2 * stats.t.sf(t, freedom)),
                lambda t, freedom: -np.log10(stats.t.sf(np.abs(t), freedom)),
                lambda t, freedom: -np.log(2 * stats.t.sf(np.abs(t), freedom)),
                lambda t, freedom: np.abs(np.log10(2 * stats.t.sf(t, freedom))),
                lambda t, freedom: 2 * stats.t.sf(np.abs(t), freedom),
                lambda t, freedom: log_p_of_t(t, 214),
            ],
        ),
        "t_map": (
            t_map,
            [
                with_nan,
                lambda first, second: -t_map(first, second),
                lambda first, second: np.nan_to_num(stats.ttest_ind(first, second, axis=-1, equal_var=False).statistic),
                of_whole_variance,
                lambda first, second: stats.ttest_ind(first.ravel(), second.ravel()).statistic,
                lambda first, second: t_map(first, second) ** 2,
                lambda first, second: first.no_such_thing,
            ],
        ),
    }

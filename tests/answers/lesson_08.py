"""Right and typical wrong answers of lesson 08."""

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn import image
from scipy import ndimage
from scipy.stats import ttest_ind

import roilessons as rl


def roi_means(data, labels, numbers=None, mean=np.mean):
    """Voxel by voxel, as a table of pandas."""
    voxels = pd.DataFrame(data.reshape(-1, data.shape[-1])).groupby(labels.ravel())
    means = voxels.agg({np.mean: "mean", np.sum: "sum", np.median: "median"}[mean])
    return means.reindex(sorted(set(means.index) - {0}) if numbers is None else numbers).to_numpy().T


def of_two(labels, table, count=2):
    sizes = pd.Series(labels[labels > 0]).value_counts(sort=False).sort_index()
    columns = sorted(range(len(sizes)), key=lambda column: -sizes.iloc[column])
    return np.column_stack([table[:, column] for column in columns[:count]])


def by_label(labels, table):
    numbers = pd.Series(labels[labels > 0]).value_counts().index[:2]
    return np.column_stack([table[:, min(number - 1, table.shape[1] - 1)] for number in numbers])


def answers(subject, made):
    signals = made.signals
    own_rest = signals[signals["condition"] == "rest"].groupby("run")["ROI 2"].mean()

    def change(condition):
        volumes = signals[signals["condition"] == condition]
        return np.mean(100 * (volumes["ROI 2"].to_numpy() / own_rest.loc[volumes["run"]].to_numpy() - 1))

    second = rl.load_subject("simulated:2")
    vt = np.asarray(nib.load(second.mask_vt).dataobj) > 0
    faces, houses = (
        image.get_data(image.smooth_img(image.index_img(str(second.func), second.conditions == condition), 6))
        for condition in ("face", "house")
    )
    with np.errstate(all="ignore"):
        log_p = -np.log10(ttest_ind(faces, houses, axis=-1).pvalue)

    def difference(mask, place=0):
        labels, n = ndimage.label(mask)
        largest = sorted(range(1, n + 1), key=lambda number: -np.sum(labels == number))[place]
        return faces[labels == largest].mean(dtype=float) - houses[labels == largest].mean(dtype=float)

    def dilated(mask, iterations=1):
        return ndimage.binary_dilation(mask, iterations=iterations)

    passed = log_p >= 5
    right = difference(dilated(passed & vt))
    of_first = signals.groupby("condition")["ROI 1"].mean()
    alone = [
        -right, difference(dilated(passed & vt), 1), of_first["face"] - of_first["house"], difference(passed & vt),
        difference(dilated(passed & vt, 2)), difference(dilated(passed)), difference(dilated(passed) & vt),
        difference(dilated((log_p >= 4) & vt)), difference(dilated((log_p >= 3) & vt)),
    ]  # fmt: skip

    def sorted_by_size(data, labels):
        numbers = pd.Series(labels[labels > 0]).value_counts().index
        return roi_means(data, labels, numbers)

    return {
        "chairs_in_roi_2": (change("chair"), [change("face"), change("house"), 5.0]),
        "labels_with_a_gap": ("c", ["a", "b", "d"]),
        "roi_means": (
            roi_means,
            [
                lambda data, labels: roi_means(data, labels).T,
                lambda data, labels: roi_means(data, labels, sorted(set(labels.ravel()))),
                lambda data, labels: roi_means(data, labels, mean=np.sum),
                lambda data, labels: roi_means(data, labels, mean=np.median),
                lambda data, labels: roi_means(data, labels).mean(axis=0),
                sorted_by_size,
                lambda data, labels: roi_means(data, labels, range(1, len(set(labels[labels > 0])) + 1)),
                lambda data, labels: roi_means(data, labels, range(1, labels.max() + 1)),
            ],
        ),
        "signals_of_two_largest": (
            of_two,
            [
                lambda labels, table: np.column_stack([table[:, 0], table[:, 1]]), by_label,
                lambda labels, table: of_two(labels, table)[:, [1, 0]], lambda labels, table: of_two(labels, table).T,
            ],
        ),
        "alone_from_series_to_signals": (right, alone),
    }  # fmt: skip

"""ROIs that prefer one condition each, how well two halves of the runs agree, and all steps with the test across runs."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pandas as pd

from roilessons.inference.contrasts import (
    DELAY,
    contrasts_image,
    read_contrasts,
    run_weights,
    sums_of_runs,
    t_across_runs,
    t_of_rows,
)
from roilessons.inference.corrections import CORRECTIONS, THRESHOLDS, check_runs, fdr, sign_flip, sign_flip_clusters
from roilessons.numbers import check_number
from roilessons.steps import (
    CONTRAST,
    FWHM,
    ITERATIONS,
    CaughtUp,
    dilate,
    intersect,
    label,
    mean_image,
    roi_table,
    signals_table,
)
from roilessons.steps import threshold as keep_above
from roilessons.volumes.images import load_image, load_on_one_grid, new_image, opened, read_array, read_mask, read_mask_array
from roilessons.volumes.one_pass import KeptVoxels, Means, one_pass, roi_means
from roilessons.volumes.reading import open_series, say_what_memory
from roilessons.volumes.smoothing import check_fwhm

N_VOXELS, N_SPLITS = 20, 200

SignedLabels = namedtuple("SignedLabels", "labels_img prefers")


@dataclass(frozen=True)
class AcrossRuns(CaughtUp):
    """What `rois_across_runs` has made: all that `roilessons.catch_up` does, and the contrast of each run."""

    contrasts_img: object = None


def label_by_sign(mask_img, t_img, contrast=CONTRAST, iterations=ITERATIONS, connectivity=6, minimum_size=1):
    """Dilate and label the voxels that prefer one condition apart from those that prefer the other.

    So that no ROI joins the two, however much it is dilated. A voxel that both sides' dilations reach goes to the side of
    its own t. A voxel of the mask whose t is 0 prefers neither.

    Parameters
    ----------
    mask_img : path or 3D image
        Before dilation.
    t_img : path or 3D image
        Above 0 where the contrast's first condition is stronger.
    contrast : pair of str
    iterations : int
        Of dilation, as in `roilessons.dilate`.
    connectivity, minimum_size
        As in `roilessons.label`.

    Returns
    -------
    SignedLabels
        `labels_img`, ROI 1 is the largest of both sides; `prefers`, the condition that each ROI prefers, in their order.

    Raises
    ------
    ValueError
        If the images are on different grids, or as in `roilessons.dilate` and `roilessons.label`.
    """
    mask_img, t_img = load_on_one_grid(mask_img, t_img)
    t, mask = read_array(t_img), read_mask_array(mask_img)
    sides = [mask & (t > 0), mask & (t < 0)]
    first, second = (read_array(dilate(new_image(side, mask_img, np.uint8), iterations)) > 0 for side in sides)
    sides = [first & ~(second & (t < 0)), second & ~(first & (t >= 0))]
    rois = [read_array(label(new_image(side, mask_img, np.uint8), connectivity, minimum_size)) for side in sides]
    sizes = [np.bincount(found.ravel())[1:] for found in rois]
    order = np.argsort(-np.concatenate(sizes), kind="stable")
    number = np.zeros(len(order) + 1, np.int32)
    number[order + 1] = np.arange(1, len(order) + 1)
    apart = np.where(rois[1] > 0, rois[1] + len(sizes[0]), rois[0])
    prefers = np.repeat(np.array(contrast, object), list(map(len, sizes)))[order]
    return SignedLabels(new_image(number[apart], mask_img, np.int32), prefers.tolist())


def preference_table(signed, t_img, log_p_img, contrast=CONTRAST):
    """`roilessons.roi_table` of ROIs that prefer one condition each: peaks are sought among voxels that prefer it, too.

    Parameters
    ----------
    signed : SignedLabels
    t_img, log_p_img : path or 3D image
    contrast : pair of str
        As it was for `label_by_sign`.

    Returns
    -------
    DataFrame
        As `roilessons.roi_table`, with a column `prefers` after `label`.
    """
    t_img, rois = load_image(t_img), read_array(signed.labels_img)
    prefers, tables = np.array(["", *signed.prefers], object), []
    for sign, condition in zip((1, -1), contrast, strict=True):
        side = np.where(prefers[rois] == condition, rois, 0)
        t_of_side = np.where(sign * read_array(t_img) > 0, read_array(t_img), 0)
        images = new_image(side, signed.labels_img, np.int32), new_image(t_of_side, t_img, np.float32)
        tables.append(roi_table(*images, log_p_img))
    table = pd.concat(tables).sort_values("label", ignore_index=True)
    table.insert(1, "prefers", signed.prefers)
    return table


def dice(mask_img, other_img):
    """Overlap of two masks: twice the voxels in both over the sum of their sizes; NaN if both are empty.

    Parameters
    ----------
    mask_img, other_img : path or 3D image
        Voxels above 0 are in the mask; a label image will do.

    Returns
    -------
    float
        From 0, no voxel in common, to 1, the same voxels.

    Raises
    ------
    ValueError
        If the images are on different grids.
    """
    mask_img, other_img = load_on_one_grid(mask_img, other_img)
    mask, other = read_mask_array(mask_img), read_mask_array(other_img)
    size = mask.sum() + other.sum()
    return float(2 * np.sum(mask & other) / size) if size else float("nan")


def split_halves(contrasts_img, mask_img, n_voxels=N_VOXELS, n_splits=N_SPLITS, contrast=CONTRAST, truth_img=None):
    """Choose voxels in a random half of the runs and measure them in both halves, many times over.

    A half chooses the `n_voxels` voxels of the mask with the largest t across its runs for first minus second, and as
    many for second minus first: with six runs, t has 5 degrees of freedom, and a threshold on p would often keep none.
    Their mean contrast in the runs that chose them is circular; in the other runs it is not.

    Parameters
    ----------
    contrasts_img : path or 4D image, one volume per run
        Four runs or more.
    mask_img : path or 3D image
    n_voxels : int
    n_splits : int
        With a fixed seed: the same splits each time.
    contrast : pair of str
    truth_img : path, 3D image or 4D image like `contrasts_img`, optional
        The true contrast, where it is known.

    Returns
    -------
    DataFrame
        Two rows per split: `split`, from 0; `prefers`, the condition that the voxels were chosen for; `circular` and
        `held_out`, the mean of that condition minus the other, in the units of `contrasts_img`; `dice`, the overlap
        with the voxels that the other half chooses. With `truth_img` also `truth`, its mean in the same voxels (and, in
        a 4D image, the held-out runs).

    Raises
    ------
    ValueError
        If there are fewer than four runs or than `n_voxels` voxels, or as in `sign_flip`.
    """
    contrasts, img = read_contrasts(contrasts_img, mask_img)
    n_voxels = check_number(n_voxels, "The number of voxels", least=1, whole=True)
    n_splits = check_number(n_splits, "The number of splits", least=1, whole=True)
    n_runs = len(contrasts)
    if n_runs < 4:
        raise ValueError(f"Halves of two runs or more take four runs or more, not {n_runs}.")
    if n_voxels > contrasts.shape[1]:
        raise ValueError(f"The mask has {contrasts.shape[1]} voxels, fewer than the {n_voxels} to be chosen.")
    truth = None if truth_img is None else _truth(truth_img, mask_img, img)
    rng, rows = np.random.default_rng(0), []
    for split in range(n_splits):
        order = rng.permutation(n_runs)
        choosing, measuring = order[: n_runs // 2], order[n_runs // 2 :]
        t_chosen, t_other = t_of_rows(contrasts[choosing]), t_of_rows(contrasts[measuring])
        for sign, condition in zip((1, -1), contrast, strict=True):
            voxels, others = (np.argpartition(-sign * t, n_voxels - 1)[:n_voxels] for t in (t_chosen, t_other))
            row = {"split": split, "prefers": condition}
            row["circular"] = sign * contrasts[np.ix_(choosing, voxels)].mean()
            row["held_out"] = sign * contrasts[np.ix_(measuring, voxels)].mean()
            row["dice"] = np.isin(voxels, others).mean()
            if truth is not None:
                row["truth"] = sign * truth[np.ix_(measuring, voxels)].mean()
            rows.append(row)
    return pd.DataFrame(rows)


def _truth(truth_img, mask_img, img):
    """The true contrast in the mask, (runs, voxels)."""
    truth_img = opened(truth_img)
    values = read_array(truth_img)[read_mask(mask_img, truth_img)]
    return np.broadcast_to(values.T, (img.shape[3], len(values)))


@say_what_memory
def rois_across_runs(
    subject, *, contrast=CONTRAST, fwhm=FWHM, delay=DELAY, correct="fwe", threshold=None, iterations=ITERATIONS, weights=None,
    also=(),
):  # fmt: skip
    """All steps with the test across runs, in one pass over the file: what `roilessons.catch_up` is to the tutorial's test.

    Parameters
    ----------
    subject : Subject
    contrast, fwhm, delay
        As in `run_contrasts`.
    correct : one of `CORRECTIONS`
        For the many voxels of the VT mask: "fdr" (`fdr`), "fwe" (`sign_flip`), "cluster" (`sign_flip_clusters`) or "none".
    threshold : float, optional
        Least -log10 of the corrected p; by default `THRESHOLDS[correct]`.
    iterations : int
        Of dilation, in which ROIs that prefer different conditions stay apart (`label_by_sign`).
    weights : array of shape (volumes,), optional
        Of every volume in its run's contrast, in place of those of `run_weights`.
    also : sequence of accumulators
        What else is to be fed in the pass (see `roilessons.volumes.one_pass`).

    Returns
    -------
    AcrossRuns
        `log_p_img` is corrected, so 0 outside the VT mask, unless `correct` is "none".
    prefers : list of str
        The condition that each ROI prefers.

    Raises
    ------
    ValueError
        If there is no such correction, if no voxel could pass it with so few runs, or as in the functions of the steps.
    """
    if correct not in CORRECTIONS:
        raise ValueError(f"There is no correction {correct!r}; there are {', '.join(CORRECTIONS)}.")
    threshold = THRESHOLDS[correct] if threshold is None else threshold
    fwhm, labels, series = check_fwhm(fwhm), subject.labels, open_series(subject.func)
    sums = sums_of_runs(labels, run_weights(labels, contrast, delay) if weights is None else weights)
    check_runs(len(sums.weights), correct, threshold)
    mean = Means(np.zeros(len(labels), int))
    kept = KeptVoxels(dilate(subject.mask_vt, iterations), fwhm)
    one_pass(series, sums, mean, kept, *also)
    contrasts_img = contrasts_image(sums, series, fwhm)
    t_img, log_p_img = t_across_runs(contrasts_img)
    if correct == "fdr":
        log_p_img = fdr(log_p_img, subject.mask_vt)
    elif correct != "none":
        flip = sign_flip if correct == "fwe" else sign_flip_clusters
        log_p_img = flip(contrasts_img, subject.mask_vt).log_p_img
    thresholded_img = keep_above(log_p_img, threshold)
    intersected_img = intersect(thresholded_img, subject.mask_vt)
    signed = label_by_sign(intersected_img, t_img, contrast, iterations)
    made = AcrossRuns(
        mean_img=mean_image(mean, series, fwhm),
        t_img=t_img,
        log_p_img=log_p_img,
        thresholded_img=thresholded_img,
        intersected_img=intersected_img,
        dilated_img=new_image(read_array(signed.labels_img) > 0, series, np.uint8),
        labels_img=signed.labels_img,
        signals=signals_table(roi_means(series, signed.labels_img, fwhm, kept), labels),
        contrasts_img=contrasts_img,
    )
    return made, signed.prefers

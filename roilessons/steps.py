"""The steps from a BOLD series to ROIs and their signals: one pure function per step, images in and images out.

A file name is accepted wherever an image is. Masks are images of 0 and 1, labels images of 0, 1, 2, ...
"""

import math
import os
from collections import namedtuple
from dataclasses import dataclass

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.special import stdtr

from roilessons.numbers import check_number
from roilessons.volumes.images import (
    check_same_grid,
    load_image,
    load_on_one_grid,
    new_image,
    read_array,
    read_label_array,
    read_mask_array,
)
from roilessons.volumes.one_pass import ConditionStatistics, KeptVoxels, Means, one_pass, roi_means
from roilessons.volumes.reading import open_series, say_what_memory
from roilessons.volumes.smoothing import check_fwhm, smooth

FWHM = 6  # mm, width of the smoothing filter
THRESHOLD = 5  # -log10 p
ITERATIONS = 1  # of dilation
CAP = 10  # largest -log10 p; beyond it the t distribution's tail says nothing more of use
CONTRAST = ("face", "house")
CONNECTIVITY = {6: 1, 18: 2, 26: 3}  # neighbours of a voxel: by face; by edge too; by corner too

TTest = namedtuple("TTest", "t_img log_p_img")

REMEMBERED = 2  # subjects or contrasts whose maps a process keeps, in single precision: 4 MB of a subject here, 24 MB at 2 mm
_remembered = {}


@say_what_memory
def mean_epi(func, fwhm=FWHM):
    """Mean of the smoothed series, in one pass over the file.

    Parameters
    ----------
    func : path or 4D image
    fwhm : float
        Full width at half maximum of the Gaussian filter, mm; 0 or None for none.

    Returns
    -------
    3D image, in the units of `func`

    Raises
    ------
    ValueError
        If `func` is not a 4D series or is damaged, or `fwhm` is no width.
    """
    fwhm, series = check_fwhm(fwhm), open_series(func)
    mean = Means(np.zeros(series.n_volumes, int))
    one_pass(series, mean)
    return mean_image(mean, series, fwhm)


def mean_image(mean, series, fwhm):
    """The smoothed mean of a series from its `Means`."""
    return new_image(smooth(mean.mean(), series.affine, fwhm), series, np.float32)


@say_what_memory
def t_test(func, labels, contrast=CONTRAST, fwhm=FWHM):
    """Two-sample t-test, voxel by voxel, between the smoothed volumes of two conditions.

    Student's test with pooled variance, as `scipy.stats.ttest_ind`. It takes the volumes as independent of each other,
    which volumes 2.5 s apart are not: see lesson 10.

    Parameters
    ----------
    func : path or 4D image
    labels : sequence of str
        The condition of every volume.
    contrast : pair of str
        (first, second): the sign of t is that of first minus second.
    fwhm : float, mm

    Returns
    -------
    TTest
        `t_img`, t statistic (0 where it is not defined); `log_p_img`, -log10 of the two-sided p, capped at 10 (0 where
        p is not defined).

    Raises
    ------
    ValueError
        If a condition has fewer than two volumes, or as in `mean_epi`.
    """
    series = open_series(func)
    conditions = _each_condition(series, labels, contrast, fwhm)
    one_pass(series, *conditions)
    return t_maps(*(condition.statistics() for condition in conditions), series)


def _each_condition(series, labels, contrast, fwhm):
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError("labels must be the condition of every volume, such as subject.conditions.")
    check_contrast(labels, contrast)
    _check_length(labels, series)
    return [ConditionStatistics(labels == condition, series, fwhm) for condition in contrast]


def _check_length(labels, series):
    if len(labels) != series.n_volumes:
        raise ValueError(f"There are {len(labels)} labels, but {series.name} has {series.n_volumes} volumes.")


def check_pair(contrast):
    """ValueError unless `contrast` is two different conditions."""
    if isinstance(contrast, str) or len(contrast) != 2 or contrast[0] == contrast[1]:
        raise ValueError(f"A contrast is two different conditions, such as ('face', 'house'), not {contrast!r}.")


def check_contrast(conditions, contrast):
    """ValueError unless `contrast` is two different conditions with two volumes or more each."""
    check_pair(contrast)
    for condition in contrast:
        if _check_condition(conditions, condition) < 2:
            raise ValueError(f"Only one volume has the condition {condition!r}; a t-test needs two or more.")


def _check_condition(conditions, condition):
    """How many volumes have a condition; ValueError if none has."""
    count = int(np.sum(np.asarray(conditions) == condition))
    if not count:
        known = ", ".join(sorted(set(map(str, conditions))))
        raise ValueError(f"No volume has the condition {condition!r}; there are: {known}.")
    return count


def t_maps(first, second, like):
    """The t-test between two conditions.

    Parameters
    ----------
    first, second : roilessons.volumes.one_pass.Statistics
        How many volumes, their mean and the sum of their squared differences from it, per voxel.
    like : image or Series
        What the maps are in the space of.

    Returns
    -------
    TTest
    """
    freedom = first.n + second.n - 2
    variance = (first.squares_about_mean + second.squares_about_mean) / freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (first.mean - second.mean) / np.sqrt(variance * (1 / first.n + 1 / second.n))
        log_p = -np.log10(2 * stdtr(freedom, -np.abs(t)))
    log_p = np.minimum(np.where(np.isnan(log_p), 0, log_p), CAP)
    t = np.nan_to_num(t, nan=0.0)
    return TTest(new_image(t, like, np.float32), new_image(log_p, like, np.float32))


def subject_maps(subject, contrast=CONTRAST, fwhm=FWHM, *accumulators):
    """What `mean_epi` and `t_test` make of a subject, in one pass over its series; the last ones are remembered.

    So an explorer or a check does not read again what the lesson has read.

    Parameters
    ----------
    subject : Subject
    contrast, fwhm
        As in `t_test`.
    accumulators : see `roilessons.volumes.one_pass`
        What else is wanted of the series. Then it is read in any case, for them alone if the maps are remembered.

    Returns
    -------
    mean_img, t_img, log_p_img : 3D images, which nobody else has
    """
    fwhm, series = check_fwhm(fwhm), open_series(subject.func)
    files = [os.stat(path) for path in (subject.func if isinstance(subject.func, tuple) else (subject.func,))]
    key = (subject.func, *((file.st_mtime_ns, file.st_size) for file in files), subject.rows, tuple(contrast), fwhm)
    made = _remembered.get(key)
    if made is not None and accumulators:
        one_pass(series, *accumulators)
    elif made is None:
        mean, conditions = Means(np.zeros(series.n_volumes, int)), _each_condition(series, subject.conditions, contrast, fwhm)
        one_pass(series, mean, *conditions, *accumulators)
        made = (mean_image(mean, series, fwhm), *t_maps(*(condition.statistics() for condition in conditions), series))
        _remembered[key] = made
        for oldest in [*_remembered][:-REMEMBERED]:
            _remembered.pop(oldest, None)  # another thread may have been faster
    return tuple(new_image(np.array(img.dataobj), img, np.float32) for img in made)


def threshold(log_p_img, threshold=THRESHOLD):
    """Mask of the voxels whose value is at or above the threshold.

    Parameters
    ----------
    log_p_img : path or 3D image
    threshold : float
        In the units of the image: 5 in a -log10 p map keeps p <= 0.00001.

    Returns
    -------
    3D image of 0 and 1

    Raises
    ------
    ValueError
        If `threshold` is not a number.
    """
    try:
        value = float(threshold)
    except (TypeError, ValueError):
        value = np.nan
    if np.isnan(value):
        raise ValueError(f"The threshold must be a number, not {threshold!r}.")
    img = load_image(log_p_img)
    with np.errstate(over="ignore"):  # in the image's precision, a threshold beyond all its numbers is infinite
        above = read_array(img) >= value
    return new_image(above, img, np.uint8)


def intersect(mask_img, mask_vt):
    """Mask of the voxels that are in both masks (AND).

    Parameters
    ----------
    mask_img, mask_vt : path or 3D image
        Voxels above 0 are in the mask.

    Returns
    -------
    3D image of 0 and 1

    Raises
    ------
    ValueError
        If the masks are on different grids.
    """
    mask_img, mask_vt = load_on_one_grid(mask_img, mask_vt)
    return new_image(read_mask_array(mask_img) & read_mask_array(mask_vt), mask_img, np.uint8)


def dilate(mask_img, iterations=ITERATIONS):
    """Mask grown by its neighbours by face, `iterations` times over.

    Parameters
    ----------
    mask_img : path or 3D image
    iterations : int
        0 or more; 0 leaves the mask as it is.

    Returns
    -------
    3D image of 0 and 1

    Raises
    ------
    ValueError
        If `iterations` is not a whole number, 0 or more.
    """
    iterations = check_number(iterations, "The number of dilations", least=0, whole=True)
    img = load_image(mask_img)
    mask = read_mask_array(img)
    if iterations:  # SciPy takes 0 for "until nothing changes"; as many as there are planes fill any grid
        mask = ndimage.binary_dilation(mask, iterations=min(iterations, sum(mask.shape)))
    return new_image(mask, img, np.uint8)


def label(mask_img, connectivity=6, minimum_size=1):
    """Label image of a mask's connected components, by size: ROI 1 is the largest.

    Components of one size come in the order of their first voxel.

    Parameters
    ----------
    mask_img : path or 3D image
    connectivity : 6, 18 or 26
        Neighbours of a voxel: by face; by face or edge; by face, edge or corner.
    minimum_size : int
        Smaller components are left out, in voxels.

    Returns
    -------
    3D image of int32: 0 outside, 1, 2, ... in the ROIs

    Raises
    ------
    ValueError
        If `connectivity` or `minimum_size` is none of these.
    """
    if connectivity not in tuple(CONNECTIVITY):  # which, unlike the dictionary, takes a list or text
        raise ValueError(f"connectivity must be 6, 18 or 26 neighbours, not {connectivity!r}.")
    minimum_size = check_number(minimum_size, "The minimum size", least=1, whole=True)
    img = load_image(mask_img)
    found, n = ndimage.label(read_mask_array(img), ndimage.generate_binary_structure(3, CONNECTIVITY[connectivity]))
    sizes = np.bincount(found.ravel(), minlength=n + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] >= minimum_size]
    rank = np.zeros(n + 1, np.int32)
    rank[order + 1] = np.arange(1, len(order) + 1)
    return new_image(rank[found], img, np.int32)


@say_what_memory
def signals(func, labels_img, labels, fwhm=FWHM):
    """Mean of the smoothed series over each ROI at every volume.

    Parameters
    ----------
    func : path or 4D image
    labels_img : path or 3D image
        Label image on the grid of `func`.
    labels : DataFrame
        One row per volume, with columns `labels` (condition) and `chunks` (run).
    fwhm : float, mm

    Returns
    -------
    DataFrame
        One row per volume: `volume` (from 0), `run`, `condition`, and a column "ROI 1", "ROI 2", ... for each label, in
        the units of `func`.

    Raises
    ------
    ValueError
        If the label image is on another grid, there are not as many labels as volumes, or as in `mean_epi`.
    """
    fwhm, series = check_fwhm(fwhm), open_series(func)
    labels_img = load_image(labels_img)
    check_same_grid(labels_img, series.img)
    check_table(labels, series)
    return signals_table(roi_means(series, labels_img, fwhm), labels)


def check_table(labels, series=None):
    """ValueError unless `labels` is a table of conditions and runs, with one row per volume of `series`."""
    if not {"labels", "chunks"} <= set(getattr(labels, "columns", ())):
        raise ValueError("labels must be a table with the columns labels and chunks, such as subject.labels.")
    if series is not None:
        _check_length(labels, series)


def signals_table(means, labels):
    """What `signals` returns, from `roilessons.volumes.one_pass.roi_means` and the labels."""
    design = pd.DataFrame({"volume": range(len(labels)), "run": list(labels["chunks"]), "condition": list(labels["labels"])})
    return design.join(pd.DataFrame({f"ROI {number}": values for number, values in means.items()}))


@say_what_memory
def block_means(func, labels, conditions=CONTRAST, fwhm=FWHM):
    """Mean of the smoothed volumes of each block, in one pass over the file.

    Averages come before the smoothing, which is linear: the smoothed mean is the mean of the smoothed volumes.

    Parameters
    ----------
    func : path or 4D image
    labels : DataFrame
        One row per volume, with columns `labels` (condition) and `chunks` (run). A block is a stretch of successive
        volumes of one run and one condition.
    conditions : sequence of str
        Those whose blocks are wanted.
    fwhm : float, mm

    Returns
    -------
    means_img : 4D image
        One volume per block, in order of time and in the units of `func`.
    design : DataFrame
        One row per block: `run`, `condition`, `volumes` (how many were averaged).

    Raises
    ------
    ValueError
        If a condition has no volume, there are not as many labels as volumes, or as in `mean_epi`.
    """
    fwhm, series = check_fwhm(fwhm), open_series(func)
    check_table(labels, series)
    rows = labels[["chunks", "labels"]].reset_index(drop=True)
    for condition in conditions:
        _check_condition(rows["labels"], condition)
    change = rows.ne(rows.shift()).any(axis=1).cumsum()  # 1, 2, 3, ...: goes up where run or condition changes
    blocks, _ = pd.factorize(change.where(rows["labels"].isin(conditions)))  # 0, 1, 2, ...; -1 for the other volumes
    means = Means(blocks)
    one_pass(series, means)
    design = rows.groupby(blocks).agg(run=("chunks", "first"), condition=("labels", "first"), volumes=("labels", "size"))
    design = design[design.index >= 0].reset_index(drop=True)
    smoothed = np.empty((*series.img.shape[:3], len(design)), np.float32)
    for block in design.index:
        smoothed[..., block] = smooth(means.mean(block), series.affine, fwhm)
    return new_image(smoothed, series, np.float32), design


def roi_table(labels_img, t_img, log_p_img):
    """Where each ROI is, how large it is and how strong its peak.

    Parameters
    ----------
    labels_img : path or 3D image
        From `label`.
    t_img, log_p_img : path or 3D image
        Maps of t and of -log10 p, on the same grid.

    Returns
    -------
    DataFrame
        One row per ROI: `label`, `voxels`, `mm3`, `hemisphere` (of its centre: left is x < 0), `peak_x`, `peak_y`,
        `peak_z` in mm (where |t| is largest), `peak_log10_p` (-log10 p there) and `sign` (1 where the contrast's first
        condition is stronger at the peak, -1 where the second is).

    Raises
    ------
    ValueError
        If the images are on different grids.
    """
    labels_img, t_img, log_p_img = load_on_one_grid(labels_img, t_img, log_p_img)
    rois, t, log_p = read_label_array(labels_img), read_array(t_img), read_array(log_p_img)
    voxel_mm3, decimals = voxel_volume(labels_img.affine)
    columns = "label voxels mm3 hemisphere peak_x peak_y peak_z peak_log10_p sign"
    rows = []
    voxels = np.argwhere(rois > 0)
    numbers = rois[tuple(voxels.T)]
    for number in np.unique(numbers):
        inside = voxels[numbers == number]
        centre_x = nib.affines.apply_affine(labels_img.affine, inside.mean(axis=0))[0]
        peak = tuple(inside[np.abs(t[tuple(inside.T)]).argmax()])
        place = nib.affines.apply_affine(labels_img.affine, peak).round(2).tolist()
        rows.append((int(number), len(inside), round(len(inside) * voxel_mm3, decimals), "left" if centre_x < 0 else "right",
                     *place, round(float(log_p[peak]), 4), int(np.sign(t[peak]))))  # fmt: skip
    return pd.DataFrame(rows, columns=columns.split())


def voxel_volume(affine):
    """A voxel's volume in mm3, and how many decimals a multiple of it is given with: of small voxels, too, enough digits."""
    mm3 = float(abs(np.linalg.det(affine[:3, :3])))
    return mm3, 1 if mm3 >= 10 else 4 - math.floor(math.log10(mm3))


def score(mask_img, truth_img):
    """Compare a mask with the areas that were planted.

    Parameters
    ----------
    mask_img : path or 3D image
        Voxels above 0 are in the mask; a label image will do.
    truth_img : path or 3D image
        Label image of the planted areas, on the same grid.

    Returns
    -------
    DataFrame
        One row per area, indexed by its name, and a row "all" for their union: `planted` and `found`, voxels of the area
        and of these in the mask; `sensitivity`, found / planted; `dice`, twice the common voxels over the sum of both
        sizes (Dice 1945, Ecology 26:297); `false_discovery_proportion`, the share of the mask's voxels that lie in no
        planted area (the same in each row: a false voxel belongs to none). A share of nothing is NaN.

    Raises
    ------
    ValueError
        If the images are on different grids.
    """
    from roilessons.datasets.simulate import AREAS

    mask_img, truth_img = load_on_one_grid(mask_img, truth_img)
    mask, truth = read_mask_array(mask_img), read_array(truth_img)
    areas = {AREAS.get(int(number), f"area {int(number)}"): truth == number for number in np.unique(truth[truth > 0])}
    areas["all"] = truth > 0
    size = mask.sum()
    false_proportion = _share(np.sum(mask & (truth == 0)), size)
    rows = {}
    for name, area in areas.items():
        planted, found = area.sum(), np.sum(mask & area)
        rows[name] = (int(planted), int(found), _share(found, planted), _share(2 * found, planted + size), false_proportion)
    columns = ["planted", "found", "sensitivity", "dice", "false_discovery_proportion"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _share(part, whole):
    return float(part / whole) if whole else float("nan")


@dataclass(frozen=True)
class CaughtUp:
    """What the lessons up to a step have made; None for what comes after it."""

    mean_img: object = None
    t_img: object = None
    log_p_img: object = None
    thresholded_img: object = None
    intersected_img: object = None
    dilated_img: object = None
    labels_img: object = None
    signals: object = None


_threshold = threshold  # `catch_up` has a parameter of that name
STEPS = ("smoothing", "t_test", "threshold", "intersection", "dilation", "components", "signals")


@say_what_memory
def catch_up(subject, step, *, contrast=CONTRAST, fwhm=FWHM, threshold=THRESHOLD, iterations=ITERATIONS):
    """All results of the lessons up to and including `step` make, for a lesson that is run on its own.

    Parameters
    ----------
    subject : Subject
    step : one of "smoothing", "t_test", "threshold", "intersection", "dilation", "components", "signals"
    contrast, fwhm, threshold, iterations
        As in the functions of the steps.

    Returns
    -------
    CaughtUp

    Raises
    ------
    ValueError
        If there is no such step, or as in the functions of the steps.
    """
    if step not in STEPS:
        raise ValueError(f"There is no step {step!r}; the steps are {', '.join(STEPS)}.")
    last, made = STEPS.index(step), {}
    if last == 0:
        return CaughtUp(mean_img=mean_epi(subject.func, fwhm))
    fwhm = check_fwhm(fwhm)
    kept = [KeptVoxels(dilate(subject.mask_vt, iterations), fwhm)] if step == "signals" else []
    made["mean_img"], made["t_img"], made["log_p_img"] = subject_maps(subject, contrast, fwhm, *kept)
    if last >= 2:
        made["thresholded_img"] = _threshold(made["log_p_img"], threshold)
    if last >= 3:
        made["intersected_img"] = intersect(made["thresholded_img"], subject.mask_vt)
    if last >= 4:
        made["dilated_img"] = dilate(made["intersected_img"], iterations)
    if last >= 5:
        made["labels_img"] = label(made["dilated_img"])
    if last >= 6:
        made["signals"] = signals_table(roi_means(open_series(subject.func), made["labels_img"], fwhm, *kept), subject.labels)
    return CaughtUp(**made)

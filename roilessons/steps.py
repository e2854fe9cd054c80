"""The steps from a BOLD series to ROIs and their signals: one pure function a step, images in and images out.

A file name is accepted wherever an image is. Masks are images of 0 and 1, labels images of 0, 1, 2, ...
"""

import math
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.special import stdtr

from roilessons.volumes import series as _series
from roilessons.volumes.nifti import check_header, grid_difference, open_image
from roilessons.volumes.nifti import read_array as _array

FWHM = 6  # mm, width of the smoothing filter
THRESHOLD = 5  # -log10 p
ITERATIONS = 1  # of dilation
CAP = 10  # largest -log10 p; beyond it the t distribution's tail says nothing more of use
CONTRAST = ("face", "house")
CONNECTIVITY = {6: 1, 18: 2, 26: 3}  # neighbours of a voxel: by face; by edge too; by corner too

TTest = namedtuple("TTest", "t_img log_p_img")


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
    series = _series.open_series(func)
    return _image(_series.pass_over(series, fwhm=_series.check_fwhm(fwhm)).mean.T, series, np.float32)


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
    series = _series.open_series(func)
    moments = _one_pass(series, labels, contrast, fwhm)
    return _t_test(series, moments, contrast)


def _one_pass(series, labels, contrast, fwhm, keep=None):
    conditions = np.asarray(labels)
    if conditions.ndim != 1:
        raise ValueError("labels must be the condition of every volume, such as subject.labels['labels'].")
    check_contrast(conditions, contrast)
    if len(conditions) != series.n_volumes:
        raise ValueError(f"There are {len(conditions)} labels, but {series.name} has {series.n_volumes} volumes.")
    return _series.pass_over(series, conditions, contrast, _series.check_fwhm(fwhm), keep)


def check_contrast(conditions, contrast):
    """ValueError unless `contrast` is two different conditions with two volumes or more each."""
    if isinstance(contrast, str) or len(contrast) != 2 or contrast[0] == contrast[1]:
        raise ValueError(f"A contrast is two different conditions, such as ('face', 'house'), not {contrast!r}.")
    for condition in contrast:
        count = int(np.sum(np.asarray(conditions) == condition))
        if not count:
            known = ", ".join(sorted(set(map(str, conditions))))
            raise ValueError(f"No volume has the condition {condition!r}; there are: {known}.")
        if count < 2:
            raise ValueError(f"Only one volume has the condition {condition!r}; a t-test needs two or more.")


def _t_test(series, moments, contrast):
    first, second = (moments.groups[condition] for condition in contrast)
    freedom = first.n + second.n - 2
    variance = (first.squares_about_mean + second.squares_about_mean) / freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (first.mean - second.mean) / np.sqrt(variance * (1 / first.n + 1 / second.n))
        log_p = -np.log10(2 * stdtr(freedom, -np.abs(t)))
    log_p = np.minimum(np.where(np.isnan(log_p), 0, log_p), CAP)
    t = np.nan_to_num(t, nan=0.0)
    return TTest(_image(t.T, series, np.float32), _image(log_p.T, series, np.float32))


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
    img = _load(log_p_img)
    return _image(_array(img) >= value, img, np.uint8)


def intersect(mask_img, mask_vt):
    """Mask of the voxels that are in both masks (AND, a conjunction).

    Raises
    ------
    ValueError
        If the masks are on different grids.
    """
    mask_img, mask_vt = _load(mask_img), _load(mask_vt)
    check_same_grid(mask_img, mask_vt)
    return _image((_array(mask_img) > 0) & (_array(mask_vt) > 0), mask_img, np.uint8)


def dilate(mask_img, iterations=ITERATIONS):
    """Mask grown by its neighbours by face, `iterations` times over.

    Parameters
    ----------
    mask_img : path or 3D image
    iterations : int
        0 or more; 0 leaves the mask as it is.

    Raises
    ------
    ValueError
        If `iterations` is not a whole number, 0 or more.
    """
    iterations = _whole(iterations, 0, "The number of dilations")
    img = _load(mask_img)
    mask = _array(img) > 0
    if iterations:  # SciPy takes 0 for "until nothing changes"; as many as there are planes fill any grid
        mask = ndimage.binary_dilation(mask, iterations=min(iterations, sum(mask.shape)))
    return _image(mask, img, np.uint8)


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
    minimum_size = _whole(minimum_size, 1, "The minimum size")
    img = _load(mask_img)
    found, n = ndimage.label(_array(img) > 0, ndimage.generate_binary_structure(3, CONNECTIVITY[connectivity]))
    sizes = np.bincount(found.ravel(), minlength=n + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] >= minimum_size]
    rank = np.zeros(n + 1, np.int32)
    rank[order + 1] = np.arange(1, len(order) + 1)
    return _image(rank[found], img, np.int32)


def signals(func, labels_img, labels, fwhm=FWHM):
    """Mean of the smoothed series over each ROI at every volume.

    Parameters
    ----------
    func : path or 4D image
    labels_img : path or 3D image
        Label image on the grid of `func`.
    labels : DataFrame
        One row a volume, with columns `labels` (condition) and `chunks` (run).
    fwhm : float, mm

    Returns
    -------
    DataFrame
        One row a volume: `volume` (from 0), `run`, `condition`, and a column "ROI 1", "ROI 2", ... for each label, in
        the units of `func`.

    Raises
    ------
    ValueError
        If the label image is on another grid, there are not as many labels as volumes, or as in `mean_epi`.
    """
    series = _series.open_series(func)
    labels_img = _load(labels_img)
    check_same_grid(labels_img, series.img)
    return _signals(series, labels_img, labels, _series.check_fwhm(fwhm))


def _signals(series, labels_img, labels, fwhm, kept=None):
    if not {"labels", "chunks"} <= set(getattr(labels, "columns", ())):
        raise ValueError("labels must be a table with the columns labels and chunks, such as subject.labels.")
    if len(labels) != series.n_volumes:
        raise ValueError(f"There are {len(labels)} labels, but {series.name} has {series.n_volumes} volumes.")
    rois = _array(labels_img).T
    numbers = [int(number) for number in np.unique(rois) if number > 0]
    means = _series.roi_means(series, [rois == number for number in numbers], fwhm, kept)
    design = pd.DataFrame({"volume": range(len(labels)), "run": list(labels["chunks"]), "condition": list(labels["labels"])})
    return design.join(pd.DataFrame(means, columns=[f"ROI {number}" for number in numbers]))


def roi_table(labels_img, t_img, log_p_img):
    """Where each ROI is, how large it is and how strong its peak.

    Returns
    -------
    DataFrame
        One row an ROI: `label`, `voxels`, `mm3`, `hemisphere` (of its centre: left is x < 0), `peak_x`, `peak_y`,
        `peak_z` in mm (where |t| is largest), `peak_log10_p` (-log10 p there) and `sign` (1 where the contrast's first
        condition is stronger at the peak, -1 where the second is).

    Raises
    ------
    ValueError
        If the images are on different grids.
    """
    labels_img, t_img, log_p_img = _load(labels_img), _load(t_img), _load(log_p_img)
    check_same_grid(labels_img, t_img)
    check_same_grid(labels_img, log_p_img)
    rois, t, log_p = _array(labels_img), _array(t_img), _array(log_p_img)
    voxel_mm3 = abs(np.linalg.det(labels_img.affine[:3, :3]))
    decimals = 1 if voxel_mm3 >= 10 else 4 - math.floor(math.log10(voxel_mm3))  # of small voxels, too, enough digits
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


def catch_up(subject, step, *, contrast=CONTRAST, fwhm=FWHM, threshold=THRESHOLD, iterations=ITERATIONS):
    """Everything that the lessons up to and including `step` make, for who comes late.

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
    last = STEPS.index(step)
    labels, made = subject.labels, {}
    if last == 0:
        return CaughtUp(mean_img=mean_epi(subject.func, fwhm))
    series = _series.open_series(subject.func)
    keep = _within_reach(subject.mask_vt, iterations, fwhm) if step == "signals" else None
    moments = _one_pass(series, labels["labels"], contrast, fwhm, keep)
    made["mean_img"] = _image(moments.mean.T, series, np.float32)
    made["t_img"], made["log_p_img"] = _t_test(series, moments, contrast)
    if last >= 2:
        made["thresholded_img"] = _threshold(made["log_p_img"], threshold)
    if last >= 3:
        made["intersected_img"] = intersect(made["thresholded_img"], subject.mask_vt)
    if last >= 4:
        made["dilated_img"] = dilate(made["intersected_img"], iterations)
    if last >= 5:
        made["labels_img"] = label(made["dilated_img"])
    if last >= 6:
        made["signals"] = _signals(series, made["labels_img"], labels, _series.check_fwhm(fwhm), moments.kept)
    return CaughtUp(**made)


def _within_reach(mask_vt, iterations, fwhm):
    """Voxels, in the order of the file, that the signals of any ROI in the dilated VT mask can depend on."""
    img = dilate(mask_vt, iterations)
    return _series.smooth(_array(img).T, img.affine, fwhm) > 0


def check_same_grid(img, other):
    """ValueError unless the images' first three axes and affines are the same."""
    if difference := grid_difference(img, other):
        two = "The images" if not (img.get_filename() or other.get_filename()) else f"{_name(img)} and {_name(other)}"
        raise ValueError(
            f"{two} are on different grids: {difference}; "
            "resample one with nilearn.image.resample_to_img(..., interpolation='nearest')."
        )


def _name(img):
    return img.get_filename() or "an image"


def _load(img):
    if isinstance(img, (str, Path)):
        img = open_image(img)
    else:
        check_header(img, _name(img))
    if len(img.shape) != 3:
        raise ValueError(f"{_name(img)} is not a 3D image: its shape is {img.shape}.")
    return img


def _image(array, like, dtype):
    with np.errstate(over="ignore"):  # beyond single precision is infinite
        return nib.Nifti1Image(np.ascontiguousarray(array, dtype=dtype), like.affine)


def _whole(value, least, what):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{what} must be a whole number, {least} or more, not {value!r}.")
    return int(value)

"""One contrast per run, and a t-test across the runs. See lesson 10.

`contrasts_img` is everywhere what `run_contrasts` makes: a 4D image with one volume per run.
"""

import warnings

import numpy as np
import pandas as pd
from scipy.special import stdtr

from roilessons.numbers import check_number
from roilessons.steps import CAP, CONTRAST, FWHM, TTest, check_contrast, check_pair, check_table
from roilessons.volumes.images import new_image, opened, read_array, read_mask
from roilessons.volumes.one_pass import WeightedSums, one_pass, too_large_is_infinite
from roilessons.volumes.reading import open_series, say_what_memory
from roilessons.volumes.smoothing import check_fwhm, smooth

DELAY = 0  # volumes; the labels of Haxby et al. (2001) begin with the response, not with the pictures
DEGREE = 2  # of the polynomial that models the drift of a run
REST = "rest"
TUTORIAL = (  # advice where there are too few runs, and what is wrong with that test
    "The tutorial's test (--test volumes) takes one run, too, but it takes volumes as independent, which they are not: far "
    "more false voxels pass than its p says."
)


def run_weights(labels, contrast=CONTRAST, delay=DELAY, degree=DEGREE):
    """The weight of every volume in its run's contrast, by least squares.

    The model of a run has a box (1 where shown, 0 elsewhere) for the first condition, one for the second, one for all
    other conditions together except "rest", and a polynomial in time for the drift. Its estimate of first minus second is
    a weighted sum of the volumes, the same weights for every voxel: the contrast's row of the model's pseudo-inverse.

    Why this model: it is unbiased, which a difference of block means after detrending is not (the detrending takes
    3 to 30 % of a difference with it, depending on the order of the blocks), and a box for each of the other conditions
    costs precision. On a slice of subject 1 of Haxby et al. (2001) it keeps 101 voxels with the family-wise error
    controlled at 5 %, against 98 for detrended block means and 86 with a box for each condition.

    Parameters
    ----------
    labels : DataFrame
        One row per volume, with columns `labels` (condition) and `chunks` (run).
    contrast : pair of str
        (first, second): the contrast is first minus second.
    delay : int
        Volumes by which the labels are moved to later times (to earlier ones if negative), within each run.
    degree : int
        Degree of the polynomial drift; 0 takes the run's mean out and no more.

    Returns
    -------
    array of shape (volumes,)
        Within a run the weights sum to 0; they are 0 in a run that does not show both conditions, with a warning.

    Raises
    ------
    ValueError
        If a condition is unknown, or fewer than two runs can tell the two conditions apart.
    """
    weights, without = weights_of_runs(labels, contrast, delay, degree)
    if without:
        warnings.warn(say_left_out(without, contrast), stacklevel=4)
    return weights


def weights_of_runs(labels, contrast, delay=DELAY, degree=DEGREE):
    """What `run_weights` returns, and the runs that are left out."""
    check_table(labels)
    runs, conditions = labels["chunks"].to_numpy(), labels["labels"].to_numpy()
    check_contrast(conditions, contrast)
    delay = check_delay(delay)
    degree = check_number(degree, "The degree of the drift", least=0, whole=True)
    weights, without = np.zeros(len(runs)), []
    for run in pd.unique(runs):
        here = np.flatnonzero(runs == run)
        moved = conditions[here[np.clip(np.arange(len(here)) - delay, 0, len(here) - 1)]]
        weights[here], found = _weights_of_a_run(moved, contrast, degree)
        if not found:
            without.append(run)
    if np.count_nonzero(~np.isin(pd.unique(runs), without)) < 2:
        raise ValueError(
            f"A test across runs needs two runs or more in which both {contrast[0]} and {contrast[1]} are shown. {TUTORIAL}"
        )
    return weights, without


def weights_of_models(models, contrast, kept):
    """The weight of every volume in its run's contrast, for a design matrix per run: what `weights_of_runs` is to labels.

    The least-squares estimate of first minus second, as nilearn's `FirstLevelModel` with ``noise_model="ols"`` gives it. A
    run is left out where its model cannot tell the two apart: one is not shown, or too few volumes are kept.

    Parameters
    ----------
    models : sequence of DataFrame or None
        Of each run: one row per volume, one column per condition, and others. None for a run without events.
    contrast : pair of str
    kept : sequence of boolean array
        Of each run: volumes that are not left out.

    Returns
    -------
    weights : array of shape (volumes,)
        Of all runs, one after the other; 0 in runs and at volumes that are left out.
    left_out : list of int
        Which runs, from 0.

    Raises
    ------
    ValueError
        If a condition is in no model, or fewer than two runs can tell the two apart.
    """
    check_pair(contrast)
    known = sorted({name for model in models if model is not None for name in model.attrs["conditions"]})
    for condition in contrast:
        if condition not in known:
            raise ValueError(f"No run has the condition {condition!r}; there are: {', '.join(known) or 'none'}.")
    parts, left_out = [], []
    for run, (model, here) in enumerate(zip(models, kept, strict=True)):
        weights = np.zeros(len(here))
        found = model is not None and set(contrast) <= set(model.attrs["conditions"])
        if found:
            rows = model.to_numpy(np.float64)[here]
            scale = np.linalg.norm(rows, axis=0)
            rows = rows / np.where(scale > 0, scale, 1)  # so that no unit of a confound decides what counts as rounding
            wanted = np.zeros(rows.shape[1])
            for sign, condition in zip((1, -1), contrast, strict=True):
                column = list(model.columns).index(condition)
                wanted[column] = sign / scale[column] if scale[column] else sign
            # With as many columns as volumes nothing is left of which the noise could be told.
            own = wanted @ np.linalg.pinv(rows)
            found = np.allclose(own @ rows, wanted, atol=1e-6 * np.abs(wanted).max()) and np.linalg.matrix_rank(rows) < len(rows)
            weights[here] = own if found else 0
        if not found:
            left_out.append(run)
        parts.append(weights)
    if len(models) - len(left_out) < 2:
        raise ValueError(
            f"A test across runs needs two runs or more in which both {contrast[0]} and {contrast[1]} are shown and can be told apart; "
            f"here are {len(models) - len(left_out)} of {len(models)}."
        )
    return np.concatenate(parts), left_out


def say_left_out(runs, contrast):
    """A sentence on the runs without both conditions."""
    what = f"{contrast[0]} minus {contrast[1]}"
    return f"Left out, because {what} cannot be estimated there: run {', '.join(map(str, runs))}."


def check_delay(delay):
    """`delay` as it is; ValueError unless it is a whole number of volumes, negative or not."""
    return check_number(delay, "The delay", "number of volumes, such as 1 or -1", whole=True)


def _weights_of_a_run(conditions, contrast, degree):
    """Weights of first minus second, and whether the run can estimate it."""
    first, second = (conditions == condition for condition in contrast)
    others = ~(first | second | (conditions == REST))
    drift = np.vander(np.linspace(-1, 1, len(conditions)), degree + 1)
    model = np.column_stack([first, second, others, drift]).astype(float)
    wanted = np.zeros(model.shape[1])
    wanted[:2] = 1, -1
    weights = wanted @ np.linalg.pinv(model)
    if first.any() and second.any() and np.allclose(weights @ model, wanted, atol=1e-6):
        return weights, True
    return np.zeros(len(conditions)), False


@say_what_memory
def run_contrasts(func, labels, contrast=CONTRAST, fwhm=FWHM, delay=DELAY, degree=DEGREE):
    """First minus second in every run, from the smoothed series, in one pass over the file.

    A contrast is a weighted sum of volumes (see `run_weights`), so the volumes are summed first and the sums smoothed.

    Parameters
    ----------
    func : path or 4D image
    labels, contrast, delay, degree
        As in `run_weights`.
    fwhm : float, mm

    Returns
    -------
    4D image, in the units of `func`
        One volume per run that shows both conditions, in the order of the file.

    Raises
    ------
    ValueError
        As in `run_weights` and `roilessons.mean_epi`.
    """
    fwhm, series = check_fwhm(fwhm), open_series(func)
    check_table(labels, series)
    sums = sums_of_runs(labels, run_weights(labels, contrast, delay, degree))
    one_pass(series, sums)
    return contrasts_image(sums, series, fwhm)


def sums_of_runs(labels, weights):
    """An accumulator for the contrast of each run."""
    runs = labels["chunks"].to_numpy()
    return WeightedSums([np.where(runs == run, weights, 0) for run in pd.unique(runs[weights != 0])])


@too_large_is_infinite
def contrasts_image(sums, series, fwhm):
    """The smoothed contrasts, a volume per run: 0, no evidence, where one is too large for single precision."""
    smoothed = np.stack([smooth(total, series.affine, fwhm).astype(np.float32) for total in sums.sums()], axis=-1)
    smoothed[~np.isfinite(smoothed).all(axis=-1)] = 0
    return new_image(smoothed, series, np.float32)


def t_across_runs(contrasts_img):
    """t-test across runs, voxel by voxel: is the mean of the runs' contrasts other than 0?

    Runs are independent of each other, as volumes are not. As `scipy.stats.ttest_1samp`.

    Parameters
    ----------
    contrasts_img : path or 4D image, one volume per run

    Returns
    -------
    TTest
        `t_img`, t with runs - 1 degrees of freedom (0 where it is not defined); `log_p_img`, -log10 of the two-sided p,
        capped at 10.

    Raises
    ------
    ValueError
        If the image is not 4D, with two volumes or more.
    """
    img = open_contrasts(contrasts_img)
    # Plane by plane: in double precision, the contrasts of many runs would take several times the memory of all else.
    t = np.stack([t_of_rows(np.moveaxis(plane, -1, 0).astype(np.float64)) for plane in read_array(img)])
    with np.errstate(divide="ignore"):
        log_p = np.minimum(-np.log10(2 * stdtr(img.shape[3] - 1, -np.abs(t))), CAP)
    return TTest(new_image(t, img, np.float32), new_image(np.maximum(log_p, 0), img, np.float32))


def open_contrasts(contrasts_img):
    """The image of run contrasts; ValueError unless it is 4D, with two volumes or more."""
    img = opened(contrasts_img)
    if len(img.shape) != 4 or img.shape[3] < 2:
        raise ValueError(f"Run contrasts are a 4D image with a volume for each of two runs or more, not of shape {img.shape}.")
    return img


def read_contrasts(contrasts_img, mask_img):
    """Contrasts in a mask, (runs, voxels), and the image."""
    img = open_contrasts(contrasts_img)
    return np.moveaxis(read_array(img), -1, 0)[:, read_mask(mask_img, img)].astype(np.float64), img


def t_of_rows(contrasts):
    """t of the mean over the first axis of an array (runs, ...), 0 where nothing varies."""
    n, mean = len(contrasts), contrasts.mean(axis=0)
    squares = np.square(contrasts - mean).sum(axis=0)
    varies = squares > 1e-12 * np.square(contrasts).sum(axis=0)  # less is rounding
    return np.divide(mean, np.sqrt(squares / (n * (n - 1))), out=np.zeros_like(mean), where=varies)

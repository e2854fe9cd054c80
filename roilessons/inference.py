"""From a series to a claim that holds: one observation per run, a test across the runs, a correction for many voxels.

The steps of lessons 10 to 12, beside the tutorial's in `roilessons.steps`: images in, images out. `contrasts_img` is
everywhere what `run_contrasts` makes: a 4D image with one volume per run.
"""

import warnings
from collections import namedtuple
from itertools import product

import numpy as np
import pandas as pd
from scipy import sparse, stats
from scipy.special import stdtr

from roilessons.steps import (
    CAP,
    CONTRAST,
    FWHM,
    ITERATIONS,
    CaughtUp,
    TTest,
    check_contrast,
    check_table,
    dilate,
    intersect,
    label,
    roi_table,
    signals_table,
    whole_number,
)
from roilessons.steps import threshold as keep_above
from roilessons.volumes.images import (
    check_header,
    check_same_grid,
    load_image,
    new_image,
    open_image,
    read_array,
    read_mask_array,
)
from roilessons.volumes.one_pass import KeptVoxels, Means, WeightedSums, one_pass, roi_means, too_large_is_infinite
from roilessons.volumes.reading import open_series, say_what_memory
from roilessons.volumes.smoothing import check_fwhm, smooth

DELAY = 0  # volumes; the labels of Haxby et al. (2001) begin with the response, not with the pictures
DEGREE = 2  # of the polynomial that follows the drift of a run
REST = "rest"
ALPHA = 0.05
FLIPS = 2048  # every way to flip the signs of 12 runs, up to a flip of all
FORMING = 3  # -log10 p that forms clusters
TUTORIAL = (  # the way out for who has too few runs, and what it is worth
    "The tutorial's test (--test volumes) takes one run, too, but it takes volumes as independent, which they are not: far "
    "more false voxels pass than its p says."
)
# The least -log10 p that is kept by default: 0.05 where it is corrected for many voxels, 0.001 where it is not.
THRESHOLDS = {"fdr": -np.log10(ALPHA), "fwe": -np.log10(ALPHA), "cluster": -np.log10(ALPHA), "none": 3.0}
CORRECTIONS = tuple(THRESHOLDS)
N_VOXELS, N_SPLITS = 20, 200
ROUNDING = 1e-5  # of the sums of flips

FamilyWise = namedtuple("FamilyWise", "log_p_img threshold")
SignedLabels = namedtuple("SignedLabels", "labels_img prefers")


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
    runs, conditions = _runs_and_conditions(labels)
    check_contrast(conditions, contrast)
    delay = check_delay(delay)
    degree = whole_number(degree, 0, "The degree of the drift")
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


def say_left_out(runs, contrast):
    """A sentence on the runs without both conditions."""
    what = f"{contrast[0]} minus {contrast[1]}"
    return f"Left out, because {what} cannot be estimated there: run {', '.join(map(str, runs))}."


def check_runs(n_runs, correct, threshold):
    """ValueError if no voxel could pass: so few sign flips, or so high a threshold."""
    n_flips = min(2 ** (n_runs - 1), FLIPS)
    if correct not in ("fwe", "cluster") or threshold < np.log10(n_flips) + 1e-6:
        return
    enough = THRESHOLDS[correct] < np.log10(n_flips)
    change = f"Take a threshold below {np.log10(n_flips):.1f} (1.3 is p = 0.05)" if enough else "Take more runs (6 for p = 0.05)"
    raise ValueError(
        f"No voxel can pass: sign flips of {n_runs} runs give no corrected p below {1 / n_flips:.2g}, and the threshold of "
        f"{threshold:.3g} asks for {10.0**-threshold:.2g}. {change}, or the correction fdr (--correct fdr). {TUTORIAL}"
    )


def check_delay(delay):
    """`delay` as it is; ValueError unless it is a whole number of volumes, negative or not."""
    if isinstance(delay, bool) or not isinstance(delay, (int, np.integer)):
        raise ValueError(f"The delay must be a whole number of volumes, such as 1 or -1, not {delay!r}.")
    return int(delay)


def _runs_and_conditions(labels):
    if not {"labels", "chunks"} <= set(getattr(labels, "columns", ())):
        raise ValueError("labels must be a table with the columns labels and chunks, such as subject.labels.")
    return labels["chunks"].to_numpy(), labels["labels"].to_numpy()


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
    sums = _contrasts_of_runs(labels, contrast, delay, degree)
    one_pass(series, sums)
    return contrasts_image(sums, series, fwhm)


def _contrasts_of_runs(labels, contrast, delay, degree):
    return sums_of_runs(labels, run_weights(labels, contrast, delay, degree))


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
    contrasts, img = _contrasts(contrasts_img)
    t = t_of_rows(contrasts)
    with np.errstate(divide="ignore"):
        log_p = np.minimum(-np.log10(2 * stdtr(len(contrasts) - 1, -np.abs(t))), CAP)
    return TTest(new_image(t, img, np.float32), new_image(np.maximum(log_p, 0), img, np.float32))


def _contrasts(contrasts_img, mask_img=None):
    """Contrasts with the runs first, and the image: (runs, x, y, z), or with a mask (runs, voxels)."""
    img = contrasts_img if hasattr(contrasts_img, "dataobj") else open_image(contrasts_img)
    check_header(img, img.get_filename() or "The image of run contrasts")
    if len(img.shape) != 4 or img.shape[3] < 2:
        raise ValueError(f"Run contrasts are a 4D image with a volume for each of two runs or more, not of shape {img.shape}.")
    contrasts = np.moveaxis(read_array(img), -1, 0).astype(np.float64)
    return (contrasts, img) if mask_img is None else (contrasts[:, _mask(mask_img, img)], img)


def _mask(mask_img, img):
    mask_img = load_image(mask_img)
    check_same_grid(mask_img, img)
    mask = read_mask_array(mask_img)
    if not mask.any():
        raise ValueError("The mask has no voxel.")
    return mask


def t_of_rows(contrasts):
    """t of the mean over the first axis of an array (runs, ...), 0 where nothing varies."""
    n, mean = len(contrasts), contrasts.mean(axis=0)
    squares = np.square(contrasts - mean).sum(axis=0)
    varies = squares > 1e-12 * np.square(contrasts).sum(axis=0)  # less is rounding
    return np.divide(mean, np.sqrt(squares / (n * (n - 1))), out=np.zeros_like(mean), where=varies)


def fdr(log_p_img, mask_img):
    """-log10 of the false discovery rate at which a voxel of the mask would just be kept (Benjamini and Hochberg, 1995).

    Parameters
    ----------
    log_p_img : path or 3D image of -log10 p
    mask_img : path or 3D image
        The voxels that are tested.

    Returns
    -------
    3D image, 0 outside the mask
    """
    img = load_image(log_p_img)
    mask = _mask(mask_img, img)
    q = np.ones(mask.shape)
    q[mask] = stats.false_discovery_control(10.0 ** -read_array(img)[mask])
    return _log_image(q, img)


def _log_image(p, like):
    return new_image(-np.log10(p) + 0.0, like, np.float32)  # + 0.0: no -0


def sign_flip(contrasts_img, mask_img, alpha=ALPHA, n_flips=FLIPS):
    """Family-wise corrected p by sign flips: how often does the largest |t| of the mask reach this voxel's, by chance?

    Where nothing differs, a run's contrast is as likely to be its negative. So the signs of whole runs are flipped, which
    keeps voxels as alike as they are, and the largest |t| of each flip is noted (Nichols and Holmes, 2002, Human Brain
    Mapping 15:1). As `nilearn.mass_univariate.permuted_ols` with an intercept alone, with every flip taken once where
    there are few runs.

    Parameters
    ----------
    contrasts_img : path or 4D image, one volume per run
    mask_img : path or 3D image
        The voxels that are tested.
    alpha : float
        Chance of one false voxel or more that `threshold` allows.
    n_flips : int
        All flips are taken if there are no more than this, 2 ** (runs - 1) of them; else so many random ones, with a
        fixed seed, among them the data as they are.

    Returns
    -------
    FamilyWise
        `log_p_img`, -log10 of the corrected p, 0 outside the mask; `threshold`, corrected p <= alpha where |t| is larger
        (infinite where there are too few flips for that: 5 runs have 16).

    Raises
    ------
    ValueError
        If the images are on different grids, the mask is empty, or as in `t_across_runs`.
    """
    contrasts, img = _contrasts(contrasts_img, mask_img)
    unit, n = _unit(contrasts), len(contrasts)
    flips = sign_flips(n, n_flips)
    largest = np.concatenate([_largest(sums) for sums in _sums_of_flips(flips, unit)])
    p = _corrected(np.abs(unit.sum(axis=0)), largest)
    return FamilyWise(_in_mask(p, mask_img, img), float(_t_of_sum(_limit(largest, alpha), n)))


def sign_flips(n_runs, n_flips=FLIPS):
    """Signs of the runs in each flip, (flips, runs) of 1 and -1; the first row flips none, no row flips all.

    All 2 ** (n_runs - 1) ways, or `n_flips` random ones if that is fewer.
    """
    n_flips = whole_number(n_flips, 1, "The number of flips")
    if 2 ** (n_runs - 1) <= n_flips:
        return np.array([(1.0, *signs) for signs in product((1.0, -1.0), repeat=n_runs - 1)])
    flips = np.random.default_rng(0).choice((1.0, -1.0), (n_flips, n_runs))
    flips[0] = 1
    return flips


def _sums_of_flips(flips, unit):
    """flips @ unit, a few rows at a time: single precision is twice as fast, and five digits of t are enough."""
    unit = unit.astype(np.float32)
    for some in np.array_split(flips.astype(np.float32), len(flips) // 32 + 1):
        yield some @ unit


def _largest(sums):
    return np.maximum(sums.max(axis=1), -sums.min(axis=1))


def _unit(contrasts):
    """Contrasts of each voxel over their root sum of squares, which no flip changes.

    With these, s = flips @ unit, and t = s sqrt((n - 1) / (n - s^2)): larger |s| is larger |t|.
    """
    root = np.sqrt(np.square(contrasts).sum(axis=0))
    return np.divide(contrasts, root, out=np.zeros_like(contrasts), where=(root > 0) & (t_of_rows(contrasts) != 0))


def _t_of_sum(s, n):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(s**2 < n, s * np.sqrt((n - 1) / (n - s**2)), np.inf)


def _sum_of_t(t, n):
    return t * np.sqrt(n / (n - 1 + t**2))


def _corrected(values, largest):
    """Share of the flips whose largest value is as large as each of `values`."""
    reached = np.searchsorted(np.sort(largest), values - ROUNDING)  # equal ones differ by it
    return 1 - reached / len(largest)


def _limit(largest, alpha):
    """The value that must be exceeded for a corrected p <= alpha."""
    allowed = int(alpha * len(largest) + 1e-9)
    return np.sort(largest)[::-1][allowed] if allowed else np.inf


def _in_mask(p, mask_img, img):
    volume = np.ones(img.shape[:3])
    volume[_mask(mask_img, img)] = p
    return _log_image(volume, img)


def sign_flip_clusters(contrasts_img, mask_img, forming=FORMING, alpha=ALPHA, n_flips=FLIPS):
    """Family-wise corrected p of clusters by sign flips: how often does chance make one as large?

    A cluster is a set of voxels that touch by face, pass the forming threshold and prefer the same condition.

    Parameters
    ----------
    contrasts_img, mask_img, n_flips
        As in `sign_flip`.
    forming : float
        -log10 of the two-sided p, of a single voxel and not corrected, that forms clusters.
    alpha : float
        Chance of one false cluster or more that `threshold` allows.

    Returns
    -------
    FamilyWise
        `log_p_img`, -log10 of the corrected p of the cluster that the voxel is in, 0 in none; `threshold`, corrected
        p <= alpha for clusters of more voxels than this.

    Raises
    ------
    ValueError
        As in `sign_flip`, or if `forming` is not above 0.
    """
    contrasts, img = _contrasts(contrasts_img, mask_img)
    if not (isinstance(forming, (int, float)) and 0 < forming < np.inf):
        raise ValueError(f"The forming threshold must be a number above 0 (it is a -log10 p), not {forming!r}.")
    mask, unit, n = _mask(mask_img, img), _unit(contrasts), len(contrasts)
    limit = _sum_of_t(stats.t.isf(10.0**-forming / 2, n - 1), n)
    flips, largest = sign_flips(n, n_flips), []
    for sums in _sums_of_flips(flips, unit):
        rows, _, sizes = _clusters(sums, limit, mask)
        largest.append(np.zeros(len(sums)))
        np.maximum.at(largest[-1], rows, sizes)
    largest = np.concatenate(largest)
    p = np.ones(mask.sum())
    _, voxels, sizes = _clusters(flips[:1] @ unit, limit, mask)
    p[voxels] = _corrected(sizes, largest)
    return FamilyWise(_in_mask(p, mask_img, img), float(_limit(largest, alpha)))


def _clusters(values, limit, mask):
    """Which voxels pass a limit upwards or downwards, in many maps at once, and the size of the cluster each is in.

    Parameters
    ----------
    values : array of shape (maps, voxels of the mask)
    limit : float
    mask : boolean array of shape (x, y, z)

    Returns
    -------
    maps, voxels, sizes : arrays with an element per voxel that passes
    """
    maps, voxels = np.nonzero(np.abs(values) >= limit)
    grid = np.add(mask.shape, 1)  # one more along each axis, so that the last voxel of a row does not touch the next row
    place = np.ravel_multi_index(np.nonzero(mask), grid)[voxels]
    place = place + (2 * maps + (values[maps, voxels] > 0)) * grid.prod()  # each map and direction in a grid of its own
    order = np.argsort(place)
    maps, voxels, place = maps[order], voxels[order], place[order]
    pairs = []
    for step in (1, grid[2], grid[1] * grid[2]):  # to the neighbour along z, y and x
        _, one, other = np.intersect1d(place + step, place, assume_unique=True, return_indices=True)
        pairs.append((one, other))
    one, other = np.concatenate(pairs, axis=1)
    touching = sparse.coo_array((np.ones(len(one), bool), (one, other)), shape=(len(place), len(place)))
    _, number = sparse.csgraph.connected_components(touching, directed=False)
    return maps, voxels, np.bincount(number)[number]


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
    mask_img, t_img = load_image(mask_img), load_image(t_img)
    check_same_grid(mask_img, t_img)
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

    Raises
    ------
    ValueError
        If the images are on different grids.
    """
    mask_img, other_img = load_image(mask_img), load_image(other_img)
    check_same_grid(mask_img, other_img)
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
    contrasts, img = _contrasts(contrasts_img, mask_img)
    n_voxels, n_splits = whole_number(n_voxels, 1, "The number of voxels"), whole_number(n_splits, 1, "The number of splits")
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
    truth_img = truth_img if hasattr(truth_img, "dataobj") else open_image(truth_img)
    values = read_array(truth_img)[_mask(mask_img, truth_img)]
    return np.broadcast_to(values.T, (img.shape[3], len(values)))


@say_what_memory
def rois_across_runs(
    subject, *, contrast=CONTRAST, fwhm=FWHM, delay=DELAY, correct="fwe", threshold=None, iterations=ITERATIONS
):
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

    Returns
    -------
    CaughtUp
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
    sums = _contrasts_of_runs(labels, contrast, delay, DEGREE)
    check_runs(len(sums.weights), correct, threshold)
    mean = Means(np.zeros(len(labels), int))
    kept = KeptVoxels(dilate(subject.mask_vt, iterations), fwhm)
    one_pass(series, sums, mean, kept)
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
    made = CaughtUp(
        mean_img=new_image(smooth(mean.mean(), series.affine, fwhm), series, np.float32),
        t_img=t_img,
        log_p_img=log_p_img,
        thresholded_img=thresholded_img,
        intersected_img=intersected_img,
        dilated_img=new_image(read_array(signed.labels_img) > 0, series, np.uint8),
        labels_img=signed.labels_img,
        signals=signals_table(roi_means(series, signed.labels_img, fwhm, kept), labels),
    )
    return made, signed.prefers

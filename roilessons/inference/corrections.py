"""p-values corrected for the many voxels that are tested: false discovery rate, family-wise error. See lesson 11."""

from collections import namedtuple
from itertools import product

import numpy as np
from scipy.special import stdtrit

from roilessons.inference.contrasts import TUTORIAL, read_contrasts, t_of_rows
from roilessons.numbers import check_number
from roilessons.volumes.images import load_image, new_image, read_array, read_mask

ALPHA = 0.05
FLIPS = 2048  # every way to flip the signs of 12 runs, up to a flip of all
FORMING = 3  # -log10 p that forms clusters
# The least -log10 p that is kept by default: 0.05 where it is corrected for many voxels, 0.001 where it is not.
THRESHOLDS = {"fdr": -np.log10(ALPHA), "fwe": -np.log10(ALPHA), "cluster": -np.log10(ALPHA), "none": 3.0}
CORRECTIONS = tuple(THRESHOLDS)
ROUNDING = 1e-5  # of the sums of flips

FamilyWise = namedtuple("FamilyWise", "log_p_img threshold")


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
    from scipy.stats import false_discovery_control  # here: it takes half a second to import

    img = load_image(log_p_img)
    mask = read_mask(mask_img, img)
    q = np.ones(mask.shape)
    q[mask] = false_discovery_control(10.0 ** -read_array(img)[mask])
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
    contrasts, img = read_contrasts(contrasts_img, mask_img)
    unit, n = _unit(contrasts), len(contrasts)
    flips = sign_flips(n, n_flips)
    largest = np.concatenate([_largest(sums) for sums in _sums_of_flips(flips, unit)])
    p = _corrected(np.abs(unit.sum(axis=0)), largest)
    return FamilyWise(_in_mask(p, mask_img, img), float(_t_of_sum(_limit(largest, alpha), n)))


def sign_flips(n_runs, n_flips=FLIPS):
    """Signs of the runs in each flip, (flips, runs) of 1 and -1; the first row flips none, no row flips all.

    All 2 ** (n_runs - 1) ways, or `n_flips` random ones if that is fewer.
    """
    n_flips = check_number(n_flips, "The number of flips", least=1, whole=True)
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
    volume[read_mask(mask_img, img)] = p
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
    contrasts, img = read_contrasts(contrasts_img, mask_img)
    forming = check_number(forming, "The forming threshold", "-log10 p", above=0)
    mask, unit, n = read_mask(mask_img, img), _unit(contrasts), len(contrasts)
    limit = _sum_of_t(-stdtrit(n - 1, 10.0**-forming / 2), n)
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
    from scipy.sparse import coo_array  # here: 13 MiB, which the tutorial's test does not need
    from scipy.sparse.csgraph import connected_components

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
    touching = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(place), len(place)))
    _, number = connected_components(touching, directed=False)
    return maps, voxels, np.bincount(number)[number]

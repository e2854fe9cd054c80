"""One volume a block: the average of the volumes in which one picture category was shown without a break."""

import numpy as np
import pandas as pd

from roilessons import steps
from roilessons.volumes import series as _series


def block_means(func, labels, conditions=steps.CONTRAST, fwhm=steps.FWHM):
    """Mean of the smoothed volumes of each block, in one pass over the file.

    Averages come before the smoothing, which is linear: the smoothed mean is the mean of the smoothed volumes.

    Parameters
    ----------
    func : path or 4D image
    labels : DataFrame
        One row a volume, with columns `labels` (condition) and `chunks` (run). A block is a stretch of successive
        volumes of one run and one condition.
    conditions : sequence of str
        Those whose blocks are wanted.
    fwhm : float, mm

    Returns
    -------
    means_img : 4D image
        One volume a block, in order of time and in the units of `func`.
    design : DataFrame
        One row a block: `run`, `condition`, `volumes` (how many were averaged).

    Raises
    ------
    ValueError
        If a condition has no volume, there are not as many labels as volumes, or as in `roilessons.mean_epi`.
    """
    fwhm = _series.check_fwhm(fwhm)
    source = _series.open_series(func)
    if len(labels) != source.n_volumes:
        raise ValueError(f"There are {len(labels)} labels, but {source.name} has {source.n_volumes} volumes.")
    rows = labels[["chunks", "labels"]].reset_index(drop=True)
    if missing := [condition for condition in conditions if condition not in set(rows["labels"])]:
        raise ValueError(f"No volume has the condition {missing[0]!r}; there are: {', '.join(sorted(set(rows['labels'])))}.")
    block = rows.ne(rows.shift()).any(axis=1).cumsum()  # 1, 2, 3, ...: goes up where run or condition changes
    wanted = block.where(rows["labels"].isin(conditions))
    numbers = wanted.dropna().unique()
    totals = {number: 0.0 for number in numbers}
    for first, volumes in _series.blocks(source):
        here = wanted.to_numpy()[first : first + len(volumes)]
        for number in np.unique(here[~np.isnan(here)]):
            totals[number] = totals[number] + volumes[here == number].sum(axis=0, dtype=np.float64)
    design = pd.DataFrame(
        [(rows["chunks"][block == n].iloc[0], rows["labels"][block == n].iloc[0], int((block == n).sum())) for n in numbers],
        columns=["run", "condition", "volumes"],
    )
    means = np.empty((*source.shape[::-1], len(numbers)), np.float32)
    for i, (total, n) in enumerate(zip(totals.values(), design["volumes"], strict=True)):
        means[..., i] = _series.smooth(total / n, source.affine, fwhm).T
    return steps._image(means, source, np.float32), design

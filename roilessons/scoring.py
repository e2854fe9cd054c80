"""How good a mask is, where the truth is known."""

import numpy as np
import pandas as pd

from roilessons import steps


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
        One row an area, indexed by its name, and a row "all" for their union: `planted` and `found`, voxels of the area
        and of these in the mask; `sensitivity`, found / planted; `dice`, twice the common voxels over the sum of both
        sizes (Dice 1945, Ecology 26:297); `false_share`, the share of the mask's voxels that lie in no planted area
        (the same in each row: a false voxel belongs to none). A share of nothing is NaN.

    Raises
    ------
    ValueError
        If the images are on different grids.
    """
    from roilessons.datasets.simulate import AREAS

    mask_img, truth_img = steps._load(mask_img), steps._load(truth_img)
    steps.check_same_grid(mask_img, truth_img)
    mask, truth = steps._array(mask_img) > 0, steps._array(truth_img)
    areas = {AREAS.get(int(number), f"area {int(number)}"): truth == number for number in np.unique(truth[truth > 0])}
    areas["all"] = truth > 0
    size = mask.sum()
    false_share = _share(np.sum(mask & (truth == 0)), size)
    rows = {}
    for name, area in areas.items():
        planted, found = area.sum(), np.sum(mask & area)
        rows[name] = (int(planted), int(found), _share(found, planted), _share(2 * found, planted + size), false_share)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["planted", "found", "sensitivity", "dice", "false_share"])


def _share(part, whole):
    return float(part / whole) if whole else float("nan")

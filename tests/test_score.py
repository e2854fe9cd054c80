"""`score` against counts made by hand."""

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE

import roilessons as rl
from roilessons.datasets.simulate import AREAS


def img(values):
    return nib.Nifti1Image(np.array(values, np.uint8).reshape(-1, 1, 1), AFFINE)


def test_counts_by_hand():
    table = rl.score(img([1, 1, 1, 0, 0, 1, 1, 0, 0, 0]), img([1, 1, 0, 1, 1, 3, 0, 0, 3, 0]))
    assert list(table.index) == [AREAS[1], AREAS[3], "all"]
    assert table.loc[AREAS[1]].tolist() == [4, 2, 0.5, pytest.approx(4 / 9), pytest.approx(2 / 5)]
    assert table.loc[AREAS[3]].tolist() == [2, 1, 0.5, pytest.approx(2 / 7), pytest.approx(2 / 5)]
    assert table.loc["all"].tolist() == [6, 3, 0.5, pytest.approx(6 / 11), pytest.approx(2 / 5)]


def test_a_perfect_mask_and_an_empty_one():
    truth = img([0, 1, 2, 0])
    assert rl.score(truth, truth).loc["all", ["sensitivity", "dice", "false_discovery_proportion"]].tolist() == [1, 1, 0]
    empty = rl.score(img([0, 0, 0, 0]), truth).loc["all"]
    assert empty["sensitivity"] == empty["dice"] == 0 and np.isnan(empty["false_discovery_proportion"])


def test_other_grids_are_refused():
    with pytest.raises(ValueError, match="different grids"):
        rl.score(img([1, 0]), img([1, 0, 0]))

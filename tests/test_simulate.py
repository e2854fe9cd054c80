"""The simulated subject: laid out like the real download, calibrated on the real slice, the same each time."""

import hashlib
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, stats

from roilessons.datasets import simulate
from roilessons.datasets.cache import simulated_folder
from roilessons.volumes.reading import chunks, open_series

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import calibrate  # noqa: E402

FILES = {"bold.nii.gz", "labels.txt", "mask4_vt.nii.gz", "anat.nii.gz", "truth.nii.gz"}
FACE_AREAS, HOUSE_AREAS = (1, 2), (3, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return simulate.make_subject(1, tmp_path_factory.mktemp("first") / "kept" / "subj1", progress=False)


@pytest.fixture(scope="module")
def series(folder):
    return np.asarray(nib.load(folder / "bold.nii.gz").dataobj)


@pytest.fixture(scope="module")
def labels(folder):
    return pd.read_csv(folder / "labels.txt", sep=" ")


@pytest.fixture(scope="module")
def plans():
    return [simulate.plan(number) for number in range(1, 7)]


def load(path):
    return np.asarray(nib.load(path).dataobj)


def checksums(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def test_layout_of_the_real_download(folder, labels):
    assert {path.name for path in folder.iterdir()} == FILES
    assert {path.name for path in folder.parent.iterdir()} == {"subj1", "mask.nii.gz"}
    assert (folder / "bold.nii.gz").stat().st_size < 120e6
    assert (folder / "anat.nii.gz").stat().st_size < 3e6
    assert (folder / "labels.txt").read_bytes().startswith(b"labels chunks\nrest 0\n")
    assert list(labels.columns) == ["labels", "chunks"]


def test_geometry_of_the_real_subject(folder, series):
    img = nib.load(folder / "bold.nii.gz")
    assert img.shape == (40, 64, 64, 1452)
    assert img.get_data_dtype() == np.int16
    assert img.header.get_slope_inter() == (None, None)
    np.testing.assert_allclose(img.header.get_zooms(), (3.5, 3.75, 3.75, 2.5))
    assert img.header.get_xyzt_units() == ("mm", "sec")
    np.testing.assert_allclose(img.affine, simulate.AFFINE)
    for other in (folder / "mask4_vt.nii.gz", folder / "truth.nii.gz", folder.parent / "mask.nii.gz"):
        assert nib.load(other).shape == img.shape[:3]
        np.testing.assert_allclose(nib.load(other).affine, img.affine)
    head = series[..., 0] > 0
    assert not series[~head].any(), "outside the head all is zero"
    assert series[head].min() > 0
    assert (load(folder.parent / "mask.nii.gz") > 0)[~head].sum() == 0


def test_anatomy_lies_under_the_series(folder):
    anat = nib.load(folder / "anat.nii.gz")
    brain = nib.load(folder.parent / "mask.nii.gz")
    centres = [
        nib.affines.apply_affine(img.affine, np.argwhere(np.asarray(img.dataobj) > floor).mean(0))
        for img, floor in ((anat, 60), (brain, 0))
    ]
    np.testing.assert_allclose(*centres, atol=2)
    assert 900e3 < (load(folder.parent / "mask.nii.gz") > 0).sum() * 3.5 * 3.75 * 3.75 < 1700e3  # mm3, a brain


def test_block_design_of_the_real_data(labels, real_slice):
    real = pd.read_csv(real_slice / "labels.txt", sep=" ")
    assert (labels.chunks == real.chunks).all()
    assert ((labels.labels == "rest") == (real.labels == "rest")).all()
    assert labels.labels.value_counts().to_dict() == real.labels.value_counts().to_dict()
    orders = {tuple(run[run != "rest"][::9]) for _, run in labels.labels.groupby(labels.chunks)}
    assert len(orders) == 12, "the order changes from run to run"
    assert all(len(set(order)) == 8 for order in orders)


def test_the_measure_gives_the_figures_of_the_real_slice(real_slice):
    measured = calibrate.measure(real_slice)
    for group, figures in calibrate.REAL.items():
        for name, value in figures.items():
            assert measured[group][name] == pytest.approx(value, rel=0.02, abs=0.006), (group, name)
    readme = {"null": [0.087, 0.034, 0.0101, 0.00125], "lags, trend removed": [0.32, 0.17, -0.04]}  # of other scripts
    for name, value in readme.items():
        assert measured["plain"][name] == pytest.approx(value, rel=0.02, abs=0.006), name
    survivors = [69, 84, 98, 87, 68, 44]  # smoothed by nilearn, in double precision: a voxel or two at the threshold
    assert measured["effects"]["survivors"] == pytest.approx(survivors, abs=2)


def test_unsmoothed_noise_in_three_directions(series, labels):
    figures = calibrate.noise_before(series[:, :, 26:36], labels)
    assert 80 < figures["tsnr"] < 130
    assert len(figures["neighbours"]) == 3
    assert all(0.15 < r < 0.40 for r in figures["neighbours"])


@pytest.mark.parametrize("number", range(1, 7))
def test_a_subject_is_calibrated_on_the_real_slice(number):
    """Before the smoothing of the lessons and after it; the mean over eight planes."""
    found, real = calibrate.measure(simulated_folder(number, progress=False)), calibrate.REAL
    for stage in ("plain", "smoothed"):
        rate = np.divide(found[stage]["null"], real[stage]["null"])
        assert (np.maximum(rate, 1 / rate) < (1.5, 1.5, 2, 2)).all(), (stage, rate)
        for removed in ("means", "trend"):
            lags = f"lags, {removed} removed"
            np.testing.assert_allclose(found[stage][lags], real[stage][lags], atol=0.06, err_msg=f"{stage} {lags}")
    assert found["smoothed"]["worth"] == pytest.approx(real["smoothed"]["worth"], rel=0.2)
    low, middle, high = np.divide(found["smoothed"]["spread of t"], real["smoothed"]["spread of t"])
    assert low < 1.25 and 0.85 < middle < 1.15 and high > 0.85, "some voxels mislead far more than others"
    before = found["before"]
    assert 80 < before["tsnr"] < 130
    assert all(0.15 < r < 0.40 for r in before["neighbours"])
    assert 1 < before["run means"] < 3
    spread = np.divide(before["spread of sd"], calibrate.REAL["before"]["spread of sd"])
    assert (np.maximum(spread, 1 / spread) < 1.6).all(), "no voxel is noisier than real ones are"
    assert 1.6 < before["raw to detrended"] < 2.8
    effects = found["effects"]
    assert effects["peak, 6 mm"] > effects["peak, plain"], "smoothing takes more from noise than from so large an area"
    assert effects["kept, 6 mm"] > 1.1 * effects["kept, plain"]
    survivors = effects["survivors"]
    assert max(survivors) in survivors[2:4], "most survive with the labels as they are, or one volume later"
    assert survivors[0] <= survivors[1] <= survivors[2] and survivors[3] >= survivors[4] > survivors[5]
    assert 0.5 < max(survivors) / effects["kept, 6 mm"] < 1.5, "across runs, corrected, about as many as uncorrected"


@pytest.mark.parametrize("number", range(1, 7))
def test_responses_are_graded_as_in_the_real_slice(number):
    folder = simulated_folder(number, progress=False)
    truth = load(folder / "truth.nii.gz")
    condition = pd.read_csv(folder / "labels.txt", sep=" ").labels.to_numpy()
    series = np.concatenate([volumes[:, truth.T > 0] for _, volumes in chunks(open_series(folder / "bold.nii.gz"))]).T

    def strongest(areas, preferred, other, n=15):
        """Per cent over rest for each category, in the voxels that tell `preferred` from `other` best."""
        voxels = series[np.isin(truth.T[truth.T > 0], areas)]
        t = stats.ttest_ind(voxels[:, condition == preferred], voxels[:, condition == other], axis=1).statistic
        voxels = voxels[np.argsort(-t)[:n]]
        rest = voxels[:, condition == "rest"].mean(1)
        return {c: 100 * np.median(voxels[:, condition == c].mean(1) / rest - 1) for c in simulate.CONDITIONS}

    house, face = strongest(HOUSE_AREAS, "house", "face"), strongest(FACE_AREAS, "face", "house")
    assert 2 < house["house"] < 3
    assert -0.2 < house["face"] < 0.6
    assert house["house"] > house["chair"] > house["face"]
    assert 1.5 < face["face"] < 2.8
    assert face["face"] > face["cat"] > face["house"]


def test_the_tutorial_gives_a_sensible_lesson(folder, series, labels):
    """Smoothing 6 mm, face against house, -log10 p >= 5, AND VT, one dilation, components."""
    sigma = [6 / np.sqrt(8 * np.log(2)) / size for size in (3.5, 3.75, 3.75)]
    smoothed = [
        ndimage.gaussian_filter(series[..., labels.labels == c].astype(np.float32), [*sigma, 0], mode="constant")
        for c in ("face", "house")
    ]
    inside = series[..., 0] > 0
    t, p = stats.ttest_ind(*(s[inside] for s in smoothed), axis=1)
    above, sign = np.zeros(inside.shape, bool), np.zeros(inside.shape)
    above[inside], sign[inside] = p <= 1e-5, np.sign(t)
    vt, truth = load(folder / "mask4_vt.nii.gz") > 0, load(folder / "truth.nii.gz")
    kept = above & vt
    dilated = ndimage.binary_dilation(kept)
    components, n = ndimage.label(dilated)
    assert 4 <= n <= 8
    found = [set(np.unique(truth[kept & (components == roi)])) - {0} for roi in range(1, n + 1)]
    assert {3} in found and {4} in found, "both house areas, each a component of its own"
    assert {1} in found or {2} in found, "a face area"
    # No component of noise alone is asked for: a mask of 658 voxels holds about one false voxel at this threshold.
    assert (above & (truth == 0) & ~vt).sum() > 10, "false voxels elsewhere in the head"
    assert (dilated & ~vt).any() and (dilated & (truth == 0)).sum() > (kept & (truth == 0)).sum(), "dilation leaks"
    assert (sign[kept & np.isin(truth, FACE_AREAS)] > 0).all()
    assert (sign[kept & np.isin(truth, HOUSE_AREAS)] < 0).all()


def test_same_bytes_each_time_and_no_network(folder, tmp_path, no_network):
    again = simulate.make_subject(1, tmp_path / "subj1", progress=False)
    assert checksums(again) == checksums(folder)
    assert checksums(again.parent) == checksums(folder.parent)  # the mask beside the subjects


def figures(series, plans):
    """Figures that change with whatever changes a subject, and not with how a processor rounds."""
    slab, first = series[14].astype(float), plans[0]
    run_means = slab.reshape(*slab.shape[:2], simulate.N_RUNS, -1).mean(-1)
    return [
        *(slab.mean(), slab.std(-1).mean(), np.diff(slab).std(-1).mean(), run_means.std(-1).mean()),
        *(series[first.truth == area].std(-1).mean() for area in simulate.AREAS),
        *(first.mean.sum(dtype=float), first.brain.sum(), first.vt.sum(), first.anat.get_fdata().sum()),
        *(plan.weights.sum(dtype=float) for plan in plans),
    ]


FIGURES = {  # of each recipe there has been: who changes the subjects raises simulate.RECIPE and adds a line
    1: [107.69411, 2.3835586, 1.3076205, 1.7619869, 8.56159, 11.859139, 10.532387, 9.6446694, 8.4642265, 9.5364534,
        13376982, 30278, 658, 33524304, 278.46909, 325.67158, 315.89974, 337.59777, 347.82416, 260.69235],
    2: [107.59006, 4.3072847, 1.8201127, 3.5933156, 12.859836, 16.939555,
        18.116701, 18.106836, 14.298421, 17.095543, 13376982, 30278,
        658, 33524304, 474.78989, 544.42547, 534.86723, 576.22601, 600.16311, 440.0422],
    3: [107.58989, 3.5837259, 1.600859, 3.0038205, 11.411215, 16.01912,
        15.225509, 16.165078, 12.338479, 14.240151, 13376982, 30278,
        658, 33524304, 474.78989, 544.42547, 534.86723, 576.22601, 600.16311, 440.0422],
}  # fmt: skip


def test_a_change_of_the_subjects_raises_the_recipe(series, plans):
    assert max(FIGURES) == simulate.RECIPE
    assert figures(series, plans) == pytest.approx(FIGURES[simulate.RECIPE], rel=1e-5)


def test_six_subjects_differ_and_share_a_head(plans):
    assert len({plan.truth.tobytes() for plan in plans}) == 6
    assert len({plan.order.tobytes() for plan in plans}) == 6
    assert len({plan.brain.tobytes() for plan in plans}) == 1
    x = simulate.AFFINE[0, 0] * np.arange(40) + simulate.AFFINE[0, 3]
    for plan in plans:
        assert set(np.unique(plan.truth)) == {0, *simulate.AREAS}
        assert 500 <= plan.vt.sum() <= 900
        size = np.bincount(plan.truth.ravel())
        assert size[1] > size[2], "the right face area is the larger one"
        for area, side in ((1, 1), (2, -1), (3, 1), (4, -1)):
            where = plan.truth == area
            assert (side * x[np.argwhere(where)[:, 0]] > 0).all(), "x grows to the right"
            assert 0.4 < (where & plan.vt).sum() / where.sum(), "half the area is in the VT mask; its slopes reach beyond"
        assert plan.brain[plan.truth > 0].all() and plan.brain[plan.vt].all()


def test_without_effects_only_the_response_is_missing():
    with_effects, without = simulate.plan(2), simulate.plan(2, effects=False)
    assert not without.truth.any() and not without.weights.any()
    np.testing.assert_array_equal(without.vt, with_effects.vt)
    head = with_effects.mean > 0
    first_house = list(with_effects.order[0]).index("house")
    volumes = []
    for plan in (with_effects, without):
        ones = np.ones(head.sum(), np.float32)
        strengths = simulate.Strengths(ones, ones, ones, ones)
        run = simulate._run(np.random.default_rng(0), plan.mean[head], plan.weights[:, head], strengths, head, plan.order[0])
        volumes.append([next(run) for _ in range(simulate.BLOCK_STARTS[first_house] + 5)][-1])
    planted = with_effects.truth[head] > 0
    np.testing.assert_array_equal(volumes[0][~planted], volumes[1][~planted])
    house_area = with_effects.truth[head] == 3
    assert (volumes[0] / volumes[1])[house_area].max() > 1.015


@pytest.mark.parametrize("number", [0, 7, "1", 1.5])
def test_unknown_subjects_are_refused(tmp_path, number):
    with pytest.raises(ValueError, match="subjects 1 to 6"):
        simulate.make_subject(number, tmp_path / "subj", progress=False)
    assert list(tmp_path.iterdir()) == []

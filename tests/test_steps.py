"""The steps against nilearn and SciPy on the whole series, and what they refuse."""

import sys
import warnings

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import AFFINE, ROOT, array, small_series, write_subject
from scipy import ndimage

import roilessons as rl
from roilessons import steps
from roilessons.batch.extract import extract
from roilessons.explorer.subject_maps import SubjectMaps
from roilessons.volumes import reading

sys.path.insert(0, str(ROOT / "benchmarks"))
from plain import plain  # noqa: E402

FILES = {
    "int16 gzip": {},
    "int16 plain": {"name": "bold.nii"},
    "uint8": {"dtype": np.uint8},
    "float32": {"dtype": np.float32},
    "float64 plain": {"dtype": np.float64, "name": "bold.nii"},
    "scaled": {"slope": 0.25, "inter": -30},
    "big-endian": {"byte_order": ">"},
    "big-endian float": {"dtype": np.float32, "byte_order": ">", "name": "bold.nii"},
    "one run": {"runs": 1},
}


def relabelled(labels):
    """SciPy's labels by size, the plain way."""
    sizes = np.bincount(labels.ravel())[1:]
    new = np.zeros_like(labels)
    for rank, old in enumerate(sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)), start=1):
        new[labels == old + 1] = rank
    return new


def assert_same(made, reference, *, exact_t=True):
    np.testing.assert_allclose(array(made.mean_img), reference.mean, rtol=1e-5)
    if exact_t:
        np.testing.assert_allclose(array(made.t_img), np.nan_to_num(reference.t), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(array(made.log_p_img), reference.log_p, rtol=1e-5, atol=1e-7)
    for img, expected in zip((made.thresholded_img, made.intersected_img, made.dilated_img), reference[3:6], strict=True):
        np.testing.assert_array_equal(array(img) > 0, expected)
    new = relabelled(reference.labels)
    np.testing.assert_array_equal(array(made.labels_img), new)
    order = [reference.labels[new == rank][0] - 1 for rank in range(1, new.max() + 1)]
    np.testing.assert_allclose(made.signals.iloc[:, 3:].to_numpy(), reference.signals[:, order], rtol=1e-5)


@pytest.mark.parametrize("fwhm", [0, 6])
@pytest.mark.parametrize("file", FILES)
def test_as_on_the_whole_series(tmp_path, file, fwhm):
    how = dict(FILES[file])
    data, conditions, runs = small_series(how.pop("dtype", np.int16), how.pop("runs", 3))
    folder = write_subject(tmp_path, data, conditions, runs, **how)
    made = steps.catch_up(rl.load_subject(folder), "signals", fwhm=fwhm)
    assert len(made.signals.columns) > 4, "a test without ROIs proves little"
    assert_same(made, plain(folder, fwhm=fwhm, double=True))


def test_not_finite_and_constant_voxels_are_as_in_nilearn(tmp_path):
    data, conditions, runs = small_series(np.float32)
    data[0, 0, 0], data[5, 5, 5, 7], data[3, 4, 3, 10] = 17.0, np.nan, np.inf
    folder = write_subject(tmp_path, data, conditions, runs)
    for fwhm in (0, 6):
        made = steps.catch_up(rl.load_subject(folder), "signals", fwhm=fwhm)
        assert np.isfinite(array(made.t_img)).all() and np.isfinite(made.signals.iloc[:, 3:]).all(axis=None)
        assert_same(made, plain(folder, fwhm=fwhm, double=True))


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_every_chunk_of_a_series_has_one_byte_order(tmp_path, monkeypatch, name, dtype, byte_order, value):
    """A voxel without a number in a later chunk changes no other number, whoever reads the series."""
    monkeypatch.setattr(reading, "CHUNK_BYTES", 30_000)
    data, conditions, runs = small_series(dtype)
    data[4, 4, 4, 47] = value
    subject = rl.load_subject(write_subject(tmp_path / "subj", data, conditions, runs, name=name, byte_order=byte_order))
    made = rl.catch_up(subject, "signals")
    rois = array(made.labels_img)
    sigmas = [6 / (np.sqrt(8 * np.log(2)) * mm) for mm in (3.5, 3.75, 3.75)]
    smoothed = ndimage.gaussian_filter(np.where(np.isfinite(data), data, 0).astype(float), [*sigmas, 0])
    expected = np.array([smoothed[rois == number].mean(axis=0) for number in range(1, rois.max() + 1)]).T
    written = extract(subject.func.parent, tmp_path / "out", test="volumes").out / "signals.tsv"
    in_explorer = SubjectMaps(subject, smoothing=True, reach=(1, 6))
    np.testing.assert_allclose(array(in_explorer.maps(6).t_img), array(made.t_img), rtol=1e-5, atol=1e-5)
    for table in (
        rl.signals(subject.func, made.labels_img, subject.labels), made.signals, in_explorer.signals(made.labels_img, 6),
        SubjectMaps(subject, reach=(1, 6)).signals(made.labels_img, 6), pd.read_csv(written, sep="\t"),
    ):  # fmt: skip
        np.testing.assert_allclose(table.iloc[:, 3:].to_numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("fwhm", [0, 6])
def test_as_on_the_whole_real_slice(real_slice, fwhm):
    made = steps.catch_up(rl.load_subject(real_slice), "signals", fwhm=fwhm)
    assert_same(made, plain(real_slice, fwhm=fwhm, double=True))
    assert_same(made, plain(real_slice, fwhm=fwhm), exact_t=False)  # nilearn's own single precision: the same masks


@pytest.mark.parametrize(
    ("fwhm", "t_range", "in_mask", "sizes"),
    [(0, (-20.17, 5.27), 41, [39, 34, 22, 13, 5, 5, 5, 5, 4, 4]), (6, (-23.81, 3.62), 91, [64, 54, 42, 14, 8])],
)
def test_known_numbers_of_the_real_slice(real_slice, fwhm, t_range, in_mask, sizes):
    made = steps.catch_up(rl.load_subject(real_slice), "components", fwhm=fwhm)
    t = array(made.t_img)
    assert (round(float(t.min()), 2), round(float(t.max()), 2)) == t_range
    assert array(made.intersected_img).sum() == in_mask
    assert np.bincount(array(made.labels_img).ravel())[1:].tolist() == sizes


def test_one_step_at_a_time_is_the_same(small_folder):
    """A notebook's helper calls, one a lesson, and `catch_up` give the same."""
    subject = rl.load_subject(small_folder)
    made = rl.catch_up(subject, "signals")
    labels = subject.labels
    t_img, log_p_img = rl.t_test(subject.func, labels["labels"])
    thresholded = rl.threshold(log_p_img)
    intersected = rl.intersect(thresholded, subject.mask_vt)
    dilated = rl.dilate(intersected)
    labels_img = rl.label(dilated)
    by_hand = (rl.mean_epi(subject.func), t_img, log_p_img, thresholded, intersected, dilated, labels_img)
    for img, caught_up in zip(by_hand, vars(made).values(), strict=False):
        np.testing.assert_array_equal(array(img), array(caught_up))
    by_hand = rl.signals(subject.func, labels_img, labels)
    np.testing.assert_allclose(by_hand.iloc[:, 3:], made.signals.iloc[:, 3:], rtol=1e-12)
    assert by_hand.iloc[:, :3].equals(made.signals.iloc[:, :3])
    assert list(by_hand["condition"]) == list(labels["labels"]) and list(by_hand["run"]) == list(labels["chunks"])


def test_an_image_in_memory_is_as_good_as_a_file(small_folder):
    subject = rl.load_subject(small_folder)
    held = nib.Nifti1Image(np.asarray(nib.load(subject.func).dataobj), AFFINE)
    by_file, by_image = (rl.t_test(func, subject.labels["labels"]) for func in (subject.func, held))
    np.testing.assert_array_equal(array(by_file.t_img), array(by_image.t_img))


def test_catch_up_stops_where_it_should(small_folder):
    subject = rl.load_subject(small_folder)
    for count, step in enumerate(steps.STEPS, start=1):
        there = [value is not None for value in vars(rl.catch_up(subject, step)).values()]
        assert there == [True] * max(1, count + (count > 1)) + [False] * (8 - count - (count > 1))
    with pytest.raises(ValueError, match="the steps are smoothing, t_test"):
        rl.catch_up(subject, "smothing")


def test_a_series_that_was_read_is_not_read_again_unless_its_file_is_another(small_folder, monkeypatch):
    passes, one_pass = [], steps.one_pass
    monkeypatch.setattr(steps, "one_pass", lambda *given: passes.append(1) or one_pass(*given))

    def maps():
        return [array(img) for img in steps.subject_maps(rl.load_subject(small_folder))]

    first = maps()
    for values in rl.catch_up(rl.load_subject(small_folder), "t_test").t_img, SubjectMaps(rl.load_subject(small_folder)).maps(6).t_img:
        np.asanyarray(values.dataobj)[:] = 0  # as a learner may; nobody else sees it
    np.testing.assert_array_equal(maps(), first)
    assert len(passes) == 1

    func = nib.load(small_folder / "bold.nii.gz")
    nib.save(nib.Nifti1Image(np.asarray(func.dataobj)[..., ::-1], func.affine, func.header), small_folder / "bold.nii.gz")
    subject = rl.load_subject(small_folder)
    expected = [rl.mean_epi(subject.func), *rl.t_test(subject.func, subject.conditions)]
    np.testing.assert_array_equal(maps(), [array(img) for img in expected])
    assert not np.array_equal(first, maps())


def test_the_sign_of_t_is_first_minus_second(small_folder):
    subject = rl.load_subject(small_folder)
    t = array(rl.t_test(subject.func, subject.labels["labels"]).t_img)
    assert t[3, 4, 3] > 5 and t[8, 4, 3] < -5
    turned = array(rl.t_test(subject.func, subject.labels["labels"], ("house", "face")).t_img)
    np.testing.assert_allclose(turned, -t, rtol=1e-5, atol=1e-6)


def img3d(array_, affine=AFFINE):
    return nib.Nifti1Image(np.asarray(array_), affine)


def test_a_threshold_beyond_all_numbers_keeps_nothing_and_does_not_warn():
    largest = nib.Nifti1Image(np.full((2, 2, 2), np.finfo(np.float32).max), AFFINE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not array(rl.threshold(largest, 1e308)).any()


def test_threshold_keeps_what_is_equal():
    values = img3d(np.array([[[4.99, 5.0, 5.01, np.nan]]], np.float32))
    assert array(rl.threshold(values)).tolist() == [[[0, 1, 1, 0]]]
    assert array(rl.threshold(values, 5.005)).tolist() == [[[0, 0, 1, 0]]]


def test_dilation_counts():
    point = np.zeros((7, 7, 7), np.uint8)
    point[3, 3, 3] = 1
    sizes = [int(array(rl.dilate(img3d(point), n)).sum()) for n in range(4)]
    assert sizes == [1, 7, 25, 63]


def test_labels_by_size_then_position_and_connectivity():
    mask = np.zeros((6, 6, 6), np.uint8)
    mask[0, 0, 0] = 1  # touches the next by an edge
    mask[1, 1, 0] = 1  # touches the next by a corner
    mask[2, 2, 1] = 1
    mask[4:6, 4:6, 4] = 1
    by_face = array(rl.label(img3d(mask)))
    assert by_face.max() == 4 and by_face[4, 4, 4] == 1
    assert [int(by_face[place]) for place in ((0, 0, 0), (1, 1, 0), (2, 2, 1))] == [2, 3, 4]
    assert array(rl.label(img3d(mask), 18)).max() == 3 and array(rl.label(img3d(mask), 26)).max() == 2
    assert array(rl.label(img3d(mask), 6, minimum_size=2)).max() == 1


def test_nothing_above_the_threshold_goes_on(small_folder):
    made = rl.catch_up(rl.load_subject(small_folder), "signals", threshold=11)
    assert array(made.labels_img).max() == 0 and list(made.signals.columns) == ["volume", "run", "condition"]
    assert rl.roi_table(made.labels_img, made.t_img, made.log_p_img).empty


def test_roi_table(small_folder):
    made = rl.catch_up(rl.load_subject(small_folder), "components", fwhm=0, iterations=0)
    table = rl.roi_table(made.labels_img, made.t_img, made.log_p_img)
    assert list(table["voxels"]) == sorted(table["voxels"], reverse=True)
    np.testing.assert_allclose(table["mm3"], table["voxels"] * 3.5 * 3.75 * 3.75, atol=0.06)
    face, house = table[table["sign"] == 1].iloc[0], table[table["sign"] == -1].iloc[0]
    # Planted around voxels (3, 4, 3) and (8, 4, 3): x = 20 - 3.5 i
    assert abs(face["peak_x"] - 9.5) <= 3.5 and abs(house["peak_x"] + 8) <= 3.5
    assert (face["hemisphere"], house["hemisphere"]) == ("right", "left")


BAD = {
    "fwhm negative": (lambda s: rl.mean_epi(s.func, -1), "fwhm must be a width"),
    "fwhm text": (lambda s: rl.mean_epi(s.func, "wide"), "fwhm must be a width"),
    "fwhm nan": (lambda s: rl.mean_epi(s.func, float("nan")), "fwhm must be a width"),
    "threshold text": (lambda s: rl.threshold(s.mask_vt, "five"), "threshold must be a number"),
    "threshold nan": (lambda s: rl.threshold(s.mask_vt, float("nan")), "threshold must be a number"),
    "dilate -1": (lambda s: rl.dilate(s.mask_vt, -1), "whole number, 0 or more"),
    "dilate 1.5": (lambda s: rl.dilate(s.mask_vt, 1.5), "whole number, 0 or more"),
    "connectivity": (lambda s: rl.label(s.mask_vt, 8), "must be 6, 18 or 26"),
    "minimum size": (lambda s: rl.label(s.mask_vt, 6, 0), "whole number, 1 or more"),
    "condition": (lambda s: rl.t_test(s.func, s.labels["labels"], ("face", "horse")), "'horse'; there are: cat, face"),
    "one condition": (lambda s: rl.t_test(s.func, s.labels["labels"], ("face", "face")), "two different conditions"),
    "3D for 4D": (lambda s: rl.mean_epi(s.mask_vt), "not a 4D series"),
    "4D for 3D": (lambda s: rl.threshold(s.func), "not a 3D image"),
    "labels": (lambda s: rl.t_test(s.func, ["face", "face", "house", "house"]), "4 labels, but .* 60 volumes"),
    "grid": (lambda s: rl.intersect(s.mask_vt, img3d(np.ones((3, 3, 3), np.uint8))), "different grids"),
    "affine": (lambda s: rl.intersect(s.mask_vt, img3d(array(nib.load(s.mask_vt)), np.eye(4))), "different grids"),
    "no file": (lambda s: rl.threshold("nowhere.nii.gz"), "nowhere.nii.gz is not there"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(small_folder, case):
    wrong, words = BAD[case]
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        wrong(rl.load_subject(small_folder))

"""The explorer without a browser: what the controls decide, over their whole range, and what is refused."""

import dataclasses
import gc
import io
import subprocess
import sys
import weakref

import ipywidgets
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import AFFINE, array, small_series, write_subject
from nilearn import image
from PIL import Image
from scipy import ndimage, stats

import roilessons as rl
from roilessons import figures, steps
from roilessons.datasets.simulate import kinds
from roilessons.explorer import controls, pictures, screen
from roilessons.explorer import decisions as d
from roilessons.explorer.subject_maps import SubjectMaps
from roilessons.inference.regions import SignedLabels
from roilessons.volumes import one_pass


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return rl.load_subject(write_subject(tmp_path_factory.mktemp("explorer") / "subj", *small_series()))


@pytest.fixture(scope="module")
def maps(subject):
    return SubjectMaps(subject).maps(6)


# ---- decisions ----


REFUSED = {
    "fwhm": (-1, float("nan"), float("inf"), "six", None, [6], True),
    "threshold": (-0.1, float("nan"), float("inf"), "five", None, False),
    "intersection": (1, "yes", None),
    "iterations": (-1, 1.5, float("nan"), "1", None, True),
    "connectivity": (0, 4, 8, 27, "6", None, [6]),
    "minimum_size": (0, -3, 2.5, "20", None, True),
    "test": ("run", None, 1, True, ["runs"]),
}


def test_what_cannot_be_is_refused_in_a_sentence():
    assert set(REFUSED) == set(d.NAMES)
    for name, values in REFUSED.items():
        for value in values:
            with pytest.raises(ValueError, match=r"^\S.* not .*\.$"):
                d.Decisions(**{name: value})
                pytest.fail(f"{name} may be {value!r}")


def by_scipy(log_p, vt, wanted):
    """Thresholded mask, mask, dilated mask and labels that follow from decisions: NumPy and SciPy alone."""
    thresholded = log_p >= wanted.threshold
    mask = thresholded & vt if wanted.intersection else thresholded
    dilated = ndimage.binary_dilation(mask, iterations=wanted.iterations) if wanted.iterations else mask
    found, n = ndimage.label(dilated, ndimage.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[wanted.connectivity]))
    rois = sorted((np.flatnonzero(found == number) for number in range(1, n + 1)), key=len, reverse=True)
    labels = np.zeros(mask.shape, int)
    for number, voxels in enumerate(rois, start=1):
        labels.flat[voxels] = number * (len(voxels) >= wanted.minimum_size)
    return thresholded, mask, dilated, labels


def test_masks_and_rois_are_those_of_scipy(subject, maps):
    vt = array(nib.load(subject.mask_vt)) > 0
    for name, values, others in (
        ("threshold", (0, 2, 5, 7.5, 10), {}),
        ("intersection", (True, False), {"threshold": 1}),
        ("iterations", range(controls.MOST + 1), {}),
        ("connectivity", (6, 18, 26), {"threshold": 2, "iterations": 0, "intersection": False}),
        ("minimum_size", (1, 2, 20, 50, 100, 200), {}),
    ):
        different = set()
        for value in values:
            wanted = d.Decisions(**{name: value} | others)
            result = d.decide(maps, subject.mask_vt, wanted)
            expected = by_scipy(array(maps.log_p_img), vt, wanted)
            for img, should_be in zip(result[:4], expected, strict=True):
                np.testing.assert_array_equal(array(img), should_be)
            sizes = np.bincount(expected[3].ravel())[1:].tolist()
            assert result.table["voxels"].tolist() == sizes
            text = d.describe(result, wanted)
            assert f"{expected[0].sum():,} voxel" in text and f"{len(sizes)} ROI" in text
            different.add(expected[3].tobytes())
        assert len(different) > 1, f"{name} makes no difference here, so nothing is tested"


def test_sentences():
    empty = nib.Nifti1Image(np.zeros((2, 2, 2), np.uint8), AFFINE)
    one = nib.Nifti1Image(np.array([[[1, 1], [0, 0]], [[0, 0], [0, 0]]], np.uint8), AFFINE)
    table = rl.roi_table(steps.label(one), one, one)
    result = d.Result(one, empty, one, steps.label(one), table)
    text = d.describe(result, d.Decisions(threshold=4.5, intersection=False, iterations=0, minimum_size=2))
    assert text.split("\n") == [
        "Threshold 4.5: 2 voxels at or above it.", "No VT mask: 0 voxels.", "After 0 dilations: 2 voxels.",
        "1 ROI of 2 voxels or more by 6-connectivity: 2 voxels.",
    ]  # fmt: skip
    assert d.describe(result, d.Decisions(), "log_p") == "Threshold 5: 2 voxels at or above it."
    assert d.describe(result, d.Decisions(fwhm=0), "mean") == "Not smoothed."


# ---- maps and signals of a subject ----


def test_any_width_of_smoothing_is_what_nilearn_and_scipy_give(subject):
    study, func = SubjectMaps(subject, smoothing=True), nib.load(subject.func)
    exact = nib.Nifti1Image(array(func).astype(float), func.affine)
    for fwhm in (0, 1, 4.5, 6, controls.WIDEST):
        maps, smoothed = study.maps(fwhm), array(image.smooth_img(exact, fwhm or None))
        expected = stats.ttest_ind(*(smoothed[..., subject.conditions == name] for name in ("face", "house")), axis=-1)
        np.testing.assert_allclose(array(maps.mean_img), smoothed.mean(axis=-1), rtol=1e-6)
        np.testing.assert_allclose(array(maps.t_img), expected.statistic, rtol=1e-4, atol=1e-5)
        log_p = np.minimum(-np.log10(expected.pvalue), 10)
        np.testing.assert_allclose(array(maps.log_p_img), log_p, rtol=1e-4, atol=1e-5)
        assert study.maps(fwhm) is maps


@pytest.mark.parametrize("dtype, scaling", [(np.float32, {}), (np.int16, {"slope": 0.5, "inter": 100})])
def test_other_ways_of_storing(tmp_path, dtype, scaling):
    subject = rl.load_subject(write_subject(tmp_path / "subj", *small_series(dtype), **scaling))
    expected = rl.t_test(subject.func, subject.labels["labels"], fwhm=4)
    assert np.allclose(array(SubjectMaps(subject, smoothing=True).maps(4).t_img), array(expected.t_img), rtol=1e-5, atol=1e-5)


def test_signals_inside_and_outside_the_voxels_kept(subject, maps):
    study = SubjectMaps(subject, reach=(1, 6))
    for decisions in (d.Decisions(), d.Decisions(intersection=False, iterations=4, threshold=2)):
        labels_img = d.decide(maps, subject.mask_vt, decisions).labels_img
        expected = rl.signals(subject.func, labels_img, subject.labels)
        assert np.allclose(study.signals(labels_img, 6).iloc[:, 3:], expected.iloc[:, 3:], rtol=1e-8)


def test_one_pass_is_enough_for_every_width_and_the_signals(subject, maps, monkeypatch):
    passes, chunks = [], one_pass.chunks
    monkeypatch.setattr(one_pass, "chunks", lambda series: passes.append(series) or chunks(series))
    of_subject = SubjectMaps(subject, smoothing=True, reach=(1, 6))
    of_subject.maps(3), of_subject.maps(6)
    of_subject.signals(d.decide(maps, subject.mask_vt, d.Decisions()).labels_img, 6)
    assert len(passes) == 1


# ---- the test across runs ----


def across_runs(subject, decisions):
    """What `rl` gives for decisions: t, -log10 p, labelled ROIs and the conditions that they prefer."""
    t_img, log_p_img = rl.t_across_runs(rl.run_contrasts(subject.func, subject.labels, fwhm=decisions.fwhm))
    mask = rl.threshold(log_p_img, decisions.threshold)
    mask = rl.intersect(mask, subject.mask_vt) if decisions.intersection else mask
    how = decisions.iterations, decisions.connectivity, decisions.minimum_size
    return t_img, log_p_img, *rl.label_by_sign(mask, t_img, ("face", "house"), *how)


def test_both_tests_at_every_width_in_one_pass(subject, monkeypatch):
    passes, chunks = [], one_pass.chunks
    monkeypatch.setattr(one_pass, "chunks", lambda series: passes.append(series) or chunks(series))
    study, single = SubjectMaps(subject, smoothing=True, runs=True), SubjectMaps(subject, fwhm=4, runs=True)
    found = [of.maps(fwhm, test) for of, fwhm in ((study, 0), (study, 6), (single, 4)) for test in ("volumes", "runs")]
    assert len(passes) == 2 and all(a.mean_img is b.mean_img for a, b in zip(found[::2], found[1::2], strict=True))
    for fwhm, maps in zip((0, 6, 4), found[1::2], strict=True):
        t_img, log_p_img, *_ = across_runs(subject, d.Decisions(fwhm=fwhm))
        np.testing.assert_allclose(array(maps.t_img), array(t_img), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(array(maps.log_p_img), array(log_p_img), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(array(SubjectMaps(subject).maps(6, "runs").t_img), array(found[3].t_img))  # not said before


@pytest.mark.parametrize("change", [{}, {"fwhm": 3}, {"iterations": 5}, {"intersection": False, "connectivity": 26}, {"minimum_size": 60}])
def test_the_control_of_the_test(subject, change):
    explorer = rl.explore(subject, "test", "fwhm", "threshold", "iterations", "connectivity", threshold=2, **change)
    wanted, before = explorer.decisions, explorer.readout.value
    explorer.test.value = "runs"
    assert explorer.decisions == dataclasses.replace(wanted, test="runs")
    t_img, log_p_img, labels_img, prefers = across_runs(subject, wanted)
    np.testing.assert_array_equal(array(explorer.result.labels_img), array(labels_img))
    table = explorer.result.table
    assert table["prefers"].tolist() == prefers and {*prefers} == {"face", "house"}
    assert table["voxels"].tolist() == np.bincount(array(labels_img).ravel())[1:].tolist()
    expected = rl.preference_table(SignedLabels(labels_img, prefers), t_img, log_p_img)
    pd.testing.assert_frame_equal(table, expected, rtol=1e-4)
    assert "at or above it by the test across runs, p not corrected.\n" in explorer.readout.value
    explorer.test.value = "volumes"
    assert explorer.readout.value == before and "prefers" not in explorer.result.table
    explorer.close()


def test_too_few_runs_are_said_where_the_numbers_are(tmp_path, recwarn):
    data, conditions, runs = small_series(runs=3)
    one = np.where((runs > 0) & (conditions == "face"), "cat", conditions)
    two = np.where((runs == 1) & (conditions == "face"), "cat", conditions)
    with pytest.raises(ValueError, match="needs two runs or more in which both face and house are shown"):
        rl.explore(rl.load_subject(write_subject(tmp_path / "one", data, one, runs)), "threshold", test="runs")
    explorer = rl.explore(rl.load_subject(tmp_path / "one"), "test", "threshold")
    before = explorer.readout.value
    explorer.test.value = "runs"
    assert explorer.readout.value.startswith("A test across runs needs two runs or more")
    explorer.test.value = "volumes"
    assert explorer.readout.value == before and explorer.decisions.test == "volumes"
    explorer.close()
    explorer = rl.explore(rl.load_subject(write_subject(tmp_path / "two", data, two, runs)), "threshold", test="runs")
    assert explorer.readout.value.endswith("Left out, because face minus house cannot be estimated there: run 1.")
    assert not recwarn.list
    explorer.close()


def test_a_contrast_that_is_none_is_refused(subject):
    with pytest.raises(ValueError, match="'dog'"):
        rl.explore(subject, "threshold", contrast=("face", "dog"))


# ---- coordinates ----

OBLIQUE = np.array([[0, -3.0, 0.4, 50], [3.5, 0, 0, -60], [0.2, 0.5, -4, 40], [0, 0, 0, 1]])


@pytest.mark.parametrize("affine", [AFFINE, np.diag([2, 2, 2, 1.0]), OBLIQUE])
def test_places(affine):
    shape = (12, 14, 9)
    for voxel in [(0, 0, 0), (11, 13, 8), (3, 10, 2)]:
        mm = nib.affines.apply_affine(affine, voxel)
        assert d.nearest_voxel(affine, shape, mm) == voxel
    assert d.nearest_voxel(affine, shape, (1e6, 1e6, 1e6)) in {(i, j, k) for i in (0, 11) for j in (0, 13) for k in (0, 8)}


@pytest.mark.parametrize("wrong", [(1, 2), (1, 2, float("nan")), "right", None, 5, (1, 2, "z")])
def test_no_place(wrong):
    with pytest.raises(ValueError, match="cut_coords must be three numbers"):
        d.nearest_voxel(AFFINE, (12, 14, 9), wrong)


def test_limits_are_voxel_centres():
    assert d.limits(AFFINE, (12, 14, 9)) == [(-18.5, 20.0, 3.5), (-30.0, 18.75, 3.75), (-15.0, 15.0, 3.75)]


@pytest.mark.parametrize("affine", [AFFINE, np.diag([2, 2, 2, 1.0]), OBLIQUE])
def test_a_still_has_right_on_the_right_and_up_above(affine):
    """A region in the corner that is right, in front and above is so in all three views, and of its size."""
    image = lambda array: nib.Nifti1Image(array.astype(np.float32), affine)  # noqa: E731
    shape = np.array([12, 14, 9])
    mm = nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    low, high = mm.min(axis=(0, 1, 2)), mm.max(axis=(0, 1, 2))
    corner = (mm > low + 0.55 * (high - low)).all(axis=-1)
    place = nib.affines.apply_affine(affine, np.argwhere(corner)[len(np.argwhere(corner)) // 2])
    expected = [corner.take(index, axis).mean() for axis, index in enumerate(d.nearest_voxel(affine, shape, place))]
    views = [int(nib.io_orientation(affine)[:, 0].tolist().index(axis)) for axis in (1, 0, 2)]  # y is cut, then x, then z
    mean = np.full(shape, 900.0)
    for layers, colour in (
        ({"labels": image(corner)}, figures.COLOURS_OF_ROIS[0]), ({"truth": image(corner)}, "#EAEAEA"), ({"log_p": image(5 * corner)}, "#21918c"),
        ({"log_p": image(4.99 * corner)}, None),
    ):  # fmt: skip
        picture, _ = pictures.cuts({"mean": image(mean)} | layers, place, 5)
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
        starts = np.flatnonzero(np.diff(np.r_[0, pixels.any(axis=(0, 2)), 0]))  # a view's first column, and the first of the gap after it
        assert len(starts) == 6
        found = (np.abs(pixels - [*bytes.fromhex((colour or "#21918c")[1:])]) < 8).all(axis=-1)
        if colour is None:
            assert not found.any()
            continue
        for axis, left, right in zip(views, starts[::2], starts[1::2], strict=True):
            view, drawn = found[:, left:right], pixels[:, left:right].any(axis=(1, 2))
            rows, columns = np.nonzero(view)
            middle = np.flatnonzero(drawn).mean()
            assert rows.mean() < middle and columns.mean() > (right - left) / 2
            assert len(rows) / (drawn.sum() * (right - left)) == pytest.approx(expected[axis], abs=0.06)


# ---- the explorer itself ----

ALL = ("cut_coords", "layers", "fwhm", "test", "threshold", "intersection", "iterations", "connectivity", "minimum_size", "signals")


@pytest.fixture
def explorer(subject):
    made = rl.explore(subject, *ALL)
    yield made
    made.close()


@pytest.mark.parametrize(
    "name, values",
    [
        ("fwhm", range(controls.WIDEST + 1)), ("threshold", np.arange(10, 101, 3) / 10), ("intersection", (False, True)),
        ("iterations", range(controls.MOST + 1)), ("connectivity", (6, 18, 26)), ("minimum_size", (1, 2, 10, 50, 200)),
    ],
)  # fmt: skip
def test_each_control_over_its_range(subject, explorer, name, values):
    study = SubjectMaps(subject, smoothing=True)
    for value in values:
        getattr(explorer, name).value = value
        decisions = d.Decisions(**{name: float(value) if name in ("fwhm", "threshold") else value})
        expected = d.decide(study.maps(decisions.fwhm), subject.mask_vt, decisions)
        assert explorer.decisions == decisions
        assert explorer.readout.value == d.describe(expected, decisions)
        assert explorer.result.table.equals(expected.table)
        for found, should_be in zip(explorer.result[:4], expected[:4], strict=True):
            assert (array(found) == array(should_be)).all()


def test_what_the_readout_would_say_is_told_without_moving_anything(subject, explorer):
    before = explorer.decisions, explorer.readout.value, explorer.location.value
    for changed in ({"threshold": 8.0}, {"intersection": False, "iterations": 2}, {"connectivity": 26}, {"test": "runs"}, {"fwhm": 3}, {}):
        twin = rl.explore(subject, *ALL, **changed)
        assert explorer.describe(**changed) == twin.readout.value
        twin.close()
    assert explorer.look((-8.0, 0.0, 0.0)).startswith("x -8.0, y 0.0, z 0.0 mm · voxel 8, 8, 4 ·")
    assert (explorer.decisions, explorer.readout.value, explorer.location.value) == before
    with pytest.raises(ValueError, match="no decision 'treshold'"):
        explorer.describe(treshold=8)


def test_place_from_sliders_and_from_the_canvas(explorer):
    explorer.x.value, explorer.y.value, explorer.z.value = 6.0, -7.5, 3.75
    assert explorer.location.value.startswith("x 6.0, y -7.5, z 3.8 mm · voxel 4, 6, 5 · mean EPI ")
    explorer.x.set_state({"value": -8.0})  # as a page does that was clicked in
    assert explorer.location.value.startswith("x -8.0, y -7.5, z 3.8 mm · voxel 8, 6, 5 · mean EPI ")


@pytest.mark.parametrize("wrong", [["a", "b", "c"], [float("nan")] * 3, [1, 2], None, {"x": 1}, "here", [1, 2, [3]]])
def test_a_place_from_a_page(subject, wrong):
    explorer = rl.explore(subject, "threshold")
    before = explorer.location.value
    explorer.screen.set_state({"place": wrong})
    assert explorer.location.value == before
    explorer.screen.set_state({"place": [-8, 0, 0]})
    assert explorer.location.value.startswith("x -8.0, y 0.0, z 0.0 mm · voxel 8, 8, 4 ·")
    explorer.close()


def test_the_crosshair_opens_on_a_region(explorer):
    assert explorer.location.value.endswith("ROI: 1")


# ---- what the page gets, and may ask for ----


def unpacked(packed, name, dtype, shape):
    inside = np.unpackbits(np.frombuffer(packed["inside"], np.uint8), count=np.prod(shape)).astype(bool)
    volume = np.zeros(np.prod(shape), dtype)
    volume[inside] = np.frombuffer(packed[name], dtype)
    return volume.reshape(shape)


def test_arrays_come_whole(explorer, subject, maps):
    data, shape = explorer.screen.data, maps.mean_img.shape
    for name, img in (("mean", maps.mean_img), ("log_p", maps.log_p_img), ("t", maps.t_img)):
        assert (unpacked(data["maps"], name, np.float32, shape) == array(img)).all()
    assert (unpacked(data["mask_vt"], "mask_vt", np.uint8, shape) == array(nib.load(subject.mask_vt))).all()


def asked(explorer, question):
    """What the kernel answers a page's question, as (content, buffers)."""
    sent, explorer.screen.send = [], lambda content, buffers=None: sent.append((content, buffers))
    explorer.screen._handle_custom_msg(question, [])
    del explorer.screen.send
    (answer,) = sent
    assert answer[0]["question"] == question
    return answer


def test_maps_of_another_width_and_test(explorer, subject):
    for fwhm, test in ((3, "volumes"), (3, "runs"), (0, "runs")):
        content, buffers = asked(explorer, {"ask": "maps", "fwhm": fwhm, "test": test})
        assert content["maps"] == {"fwhm": fwhm, "test": test, "note": ""}
        expected = SubjectMaps(subject, smoothing=True, runs=True).maps(fwhm, test)
        packed = dict(zip(content["names"], buffers, strict=True))
        for name, img in (("mean", expected.mean_img), ("log_p", expected.log_p_img), ("t", expected.t_img)):
            assert (unpacked(packed, name, np.float32, img.shape) == array(img)).all()


def test_what_box_plots_are_drawn_from(explorer, subject):
    decisions = d.Decisions(iterations=2)
    content, _ = asked(explorer, {"ask": "boxes", "decisions": dataclasses.asdict(decisions)})
    labels_img = d.decide(SubjectMaps(subject).maps(6), subject.mask_vt, decisions).labels_img
    signals = rl.signals(subject.func, labels_img, subject.labels)
    for roi in content["rois"]:
        assert [box["condition"] for box in roi["boxes"]][:2] == ["face", "house"] and roi["boxes"][-1]["condition"] == "rest"
        assert [box["colour"] for box in roi["boxes"]][:2] == [rl.COLOURS["face"], rl.COLOURS["house"]]
        for box in roi["boxes"]:
            values = signals.loc[signals["condition"] == box["condition"].replace("scrambled", "scrambledpix"), roi["roi"]]
            quartiles = np.percentile(values, [25, 50, 75])
            np.testing.assert_allclose([box["q1"], box["median"], box["q3"]], quartiles, rtol=1e-6)
            reach = 1.5 * (quartiles[2] - quartiles[0])
            within = values[(values >= quartiles[0] - reach) & (values <= quartiles[2] + reach)]
            np.testing.assert_allclose([box["low"], box["high"]], [within.min(), within.max()], rtol=1e-6)
            assert len(box["beyond"]) == len(values) - len(within)
    expected = figures.describe_signals(signals[[*signals.columns[:3], *(roi["roi"] for roi in content["rois"])]])
    assert " ".join(roi["description"] for roi in content["rois"]) == expected.replace("; ", ". ")


@pytest.mark.parametrize(
    "question, said",
    [
        ({"ask": "maps", "fwhm": "wide", "test": "volumes"}, "fwhm must be"), ({"ask": "maps", "fwhm": 1e9, "test": "volumes"}, "fwhm goes up to"),
        ({"ask": "maps", "fwhm": 6, "test": "/etc/passwd"}, "The test must be"), ({"ask": "boxes", "decisions": {}}, "KeyError"),
        ({}, "KeyError"), ([], "TypeError"), (None, "TypeError"),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_answered_in_a_sentence(explorer, question, said):
    content, buffers = asked(explorer, question)
    assert content["error"].startswith(said) and not buffers


# ---- what a page says names no file ----


def sent_by_a_page(widget, **data):
    """What a widget sends back for a message from a page, in one string of bytes."""
    sent = []
    widget.comm.send = lambda data=None, metadata=None, buffers=None: sent.append((data, buffers))
    widget._handle_msg({"content": {"data": data}, "buffers": []})
    return b"".join(bytes(buffer) for _, buffers in sent for buffer in buffers or []) + repr(sent).encode()


def test_no_message_from_a_page_makes_the_kernel_read_a_file(explorer, tmp_path):
    secret = tmp_path / "secret.nii"
    secret.write_bytes(b"the secret of this machine")
    path = str(secret)
    for name in explorer.screen.keys:  # a place alone is taken
        before = getattr(explorer.screen, name)
        assert b"the secret" not in sent_by_a_page(explorer.screen, method="update", state={name: path}), name
        assert getattr(explorer.screen, name) == before
    for question in ({"ask": path}, {"ask": "maps", "fwhm": path, "test": path}, {"ask": "boxes", "decisions": {"test": path}}, {"path": path}):
        said = sent_by_a_page(explorer.screen, method="custom", content=question)
        assert b"the secret" not in said + sent_by_a_page(explorer.screen, method="request_state")


def test_the_head_in_3d_follows_and_reads_no_file(explorer, tmp_path):
    secret = tmp_path / "secret.nii"
    secret.write_bytes(b"the secret of this machine")
    path, state = str(secret), dataclasses.asdict(explorer.decisions)
    before = open_widgets()
    assert asked(explorer, {"ask": "turn", "on": True, "decisions": state})[0] == {"question": {"ask": "turn", "on": True, "decisions": state}}
    (head,) = explorer._turn.children
    known = open_widgets()
    some = head.volumes[1]
    for widget in (head, some):
        for name in widget.keys:  # whatever else a widget has, or a later release of ipyniivue adds
            assert b"the secret" not in sent_by_a_page(widget, method="update", state={name: path}), name
    for event in ("add_volume", "add_mesh", "image_loaded", "mesh_loaded", "document_loaded", "volume_added_from_url"):
        for data in ({"path": path}, {"path": path, "layers": [{"path": path}]}, {"paired_img_path": path, "path": path}):
            for key in ({}, {"id": some.id}, {"volumes": [], "meshes": []}):
                said = sent_by_a_page(head, method="custom", content={"event": event, "data": data | key})
                assert b"the secret" not in said + sent_by_a_page(some, method="request_state"), event
    assert (some.path, some.paired_img_path, some.url, some.paired_img_url) == (None,) * 4
    assert open_widgets() == known and not head.meshes
    labels = head._by_name["labels"]
    labels.img = np.zeros(explorer.result.labels_img.shape, np.uint8).ravel()  # what the page says that it has read
    asked(explorer, {"ask": "turn", "on": True, "decisions": state | {"iterations": 3}})
    expected = d.decide(SubjectMaps(explorer._of_subject.subject).maps(6), explorer._of_subject.mask_vt, d.Decisions(iterations=3)).labels_img
    assert explorer._turn.children == (head,) and ((labels.img > 0) == (array(expected).ravel(order="F") > 0)).all()
    asked(explorer, {"ask": "turn", "on": False, "decisions": state})
    assert explorer._turn.children == () and open_widgets() == before


def test_what_goes_wrong_is_said_and_then_forgotten(explorer, monkeypatch):
    before = explorer.readout.value
    explorer.threshold.value = float("nan")
    assert explorer.readout.value == "The threshold must be a -log10 p, 0 or more, not nan."
    explorer.threshold.value = 5
    assert explorer.readout.value == before
    monkeypatch.setattr(d, "decide", lambda *_: 1 / 0)
    explorer.iterations.value = 3
    assert explorer.readout.value == "ZeroDivisionError: division by zero"
    explorer.iterations.value = 1
    assert explorer.readout.value == before


def test_nothing_above_the_threshold(explorer):
    explorer.threshold.value, explorer.minimum_size.value = 10, 200
    assert explorer.readout.value.endswith("0 ROIs of 200 voxels or more by 6-connectivity.")
    assert explorer.result.table.empty and not array(explorer.result.labels_img).any()
    assert explorer._repr_mimebundle_()["text/plain"]


def test_the_output_is_a_widget_a_picture_and_a_text(explorer):
    bundle = explorer._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "image/png", "text/plain"} == set(bundle)
    assert bundle["image/png"].startswith("iVBOR") and explorer.readout.value in bundle["text/plain"]
    assert 'alt="' in bundle["text/html"]
    assert explorer._repr_mimebundle_()["text/plain"] == bundle["text/plain"]


def test_only_the_controls_asked_for(subject):
    explorer = rl.explore(subject, "threshold", threshold=3)
    assert explorer.threshold.value == 3 and explorer.readout.value.startswith("Threshold 3:")
    with pytest.raises(AttributeError, match="no 'iterations'; its controls are: threshold"):
        explorer.iterations  # noqa: B018
    explorer.close()


def test_the_mean_alone_needs_no_contrast(tmp_path):
    data, _, runs = small_series()
    folder = write_subject(tmp_path / "subj", data, ["rest"] * len(runs), runs)
    explorer = rl.explore(rl.load_subject(folder), "fwhm", "cut_coords")
    explorer.fwhm.value = 0
    assert explorer.readout.value == "Not smoothed." and explorer.result.labels_img is None
    packed = explorer.answer({"ask": "maps", "fwhm": 0, "test": "volumes"})
    mean = unpacked(dict(zip(packed[0]["names"], packed[1], strict=True)), "mean", np.float32, data.shape[:3])
    assert np.allclose(mean, data.mean(axis=-1), rtol=1e-6)
    explorer.close()


@pytest.mark.parametrize(
    "call, named",
    [
        ((("treshold",), {}), "no control 'treshold'"), ((("threshold",), {"layers": ["maks"]}), "no layer 'maks'"),
        ((("threshold",), {"width": 6}), "no decision 'width'"), ((("threshold",), {"threshold": "5!"}), "not '5!'"),
    ],
)  # fmt: skip
def test_what_there_is_not_is_refused(subject, call, named):
    with pytest.raises(ValueError, match=named):
        rl.explore(subject, *call[0], **call[1])


def test_roilessons_stays_light():
    code = "import sys, roilessons; print([m for m in ('ipywidgets', 'ipyniivue', 'anywidget', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


# ---- memory is given back ----


def open_widgets():
    return len(ipywidgets.widgets.widget._instances)


def test_a_closed_explorer_keeps_nothing(subject):
    before, held = open_widgets(), []
    for wanted in (ALL, ("threshold",), ("fwhm", "score")):
        explorer = rl.explore(subject, *wanted)
        held.append(explorer)  # as IPython's Out does
        parts = (explorer, explorer._of_subject, explorer.screen, explorer.widget)
        gone = [weakref.ref(part) for part in parts[1:]]
        del parts
        explorer.close()
        gc.collect()
        assert [ref for ref in gone if ref() is not None] == []
        assert open_widgets() == before
    with pytest.raises(AttributeError, match="This explorer is closed"):
        explorer.result  # noqa: B018
    explorer.close()  # a second time does no harm
    gone = weakref.ref(held.pop())
    del explorer
    gc.collect()
    assert gone() is None


def test_one_subject_after_another_on_one_workbench(bench, tmp_path):
    maps_held, counts = weakref.WeakSet(), set()
    for number in range(6):
        bench.subject.value = str(write_subject(tmp_path / f"s{number}", *small_series(seed=number)))
        bench.load()
        maps_held.add(bench.explorer._of_subject)
        gc.collect()
        counts.add(open_widgets())
        assert len(maps_held) == 1
    assert len(counts) == 1
    before = open_widgets()
    bench.close()
    assert open_widgets() < before - 50


# ---- the workbench ----


@pytest.fixture
def bench(subject, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = rl.workbench(subject)
    yield made
    made.close()


def test_another_contrast_and_another_subject(bench, tmp_path):
    bench.first.value, bench.second.value = "house", "cat"
    assert bench.load() == f"Loaded {bench.subject.value}, house against cat."
    expected = rl.t_test(bench._loaded.func, bench._loaded.labels["labels"], ("house", "cat"))
    assert bench.readout.value.startswith(f"Threshold 5: {int((array(expected.log_p_img) >= 5).sum())} voxels")
    folder = write_subject(tmp_path / "another", *small_series(seed=5))
    bench.subject.value = str(folder)
    assert bench.load() == "Loaded another, house against cat."
    for subject, second, told in (
        ("nobody", "cat", "nobody is no folder"), ("haxby:2", "cat", "haxby:2 is not on this machine"),
        ("haxby", "cat", "haxby is not on this machine"), (str(folder), "house", "A contrast is two different conditions"),
    ):  # fmt: skip
        bench.subject.value, bench.second.value = subject, second
        press(bench, "Load")
        assert bench.message.value.startswith(told) and bench._loaded.name == "another"


def press(bench, name):
    """As a page does it."""
    button = next(one for one in bench.widget.children[0].children if one.description == name)
    button.click()


def test_the_list_names_what_is_here_and_fills_the_field(bench, subject, monkeypatch, tmp_path):
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path / "data"))
    real = tmp_path / "data/haxby2001"
    (real / "subj3").mkdir(parents=True)
    for name in ("bold.nii.gz", "labels.txt", "mask4_vt.nii.gz"):
        (real / "subj3" / name).touch()
    (real / "subj2").mkdir()
    (real / "subj2/bold.nii.gz").touch()  # a download that stopped
    another = rl.workbench(subject)
    subjects = another.widget.children[0].children[0]
    assert subjects.options == ("choose ...", *(f"simulated:{n}" for n in range(1, 7)), "haxby:3")
    subjects.value = "simulated:2"
    assert another.subject.value == "simulated:2"
    subjects.value = "choose ..."
    assert another.subject.value == "simulated:2"
    another.close()


def test_conditions_of_ones_own(bench, tmp_path):
    data, labels, runs = small_series()
    own = {"face": "speech", "house": "music"}
    folder = write_subject(tmp_path / "study", data, [own.get(label, label) for label in labels], runs)
    bench.subject.value = str(folder)
    assert bench.load() == "Loaded study, cat against music."
    assert {"speech", "music"} < {*bench.first.options} and "face" not in bench.first.options
    bench.first.value, bench.second.value = "speech", "music"
    assert bench.load() == "Loaded study, speech against music."
    kept = rl.load_subject(folder, conditions=None)
    for given in (kept, folder):
        another = rl.workbench(given)
        assert (another.first.value, another.second.value) == ("cat", "music")
        another.close()


def test_a_changed_folder_is_read_again(bench, tmp_path):
    folder = write_subject(tmp_path / "study", *small_series(seed=1))
    for given in (str(folder), rl.load_subject(folder)):
        write_subject(folder, *small_series(seed=1))
        if isinstance(given, str):
            bench.subject.value = given
            bench.load()
        else:
            bench = rl.workbench(given)  # noqa: PLW2901
        before = bench.result.table
        data, labels, runs = small_series(seed=7)
        swapped = [{"face": "cat", "cat": "face"}.get(label, label) for label in labels]
        write_subject(folder, data, swapped, runs)
        assert bench.load() == "Loaded study, face against house."
        assert bench._loaded.labels["labels"].tolist() == swapped
        assert not bench.result.table.equals(before)
    bench.close()


def test_a_contrast_with_rest_draws_rest_once(bench):
    bench.first.value, bench.second.value = "face", "rest"
    bench.load()
    bench.threshold.value = 1
    rois = screen.box_statistics(bench.signals, ("face", "rest"))
    names = [[box["condition"] for box in roi["boxes"]] for roi in rois]
    assert names and all(of_roi[:2] == ["face", "rest"] and of_roi.count("rest") == 1 for of_roi in names)


@pytest.mark.parametrize("contrast, areas, called", [
    (("face", "house"), {1, 2, 3, 4}, "face and house areas"), (("cat", "house"), {1, 2, 3, 4}, "face and house areas"),
    (("face", "cat"), {1, 2}, "face areas"), (("chair", "shoe"), {3, 4}, "house areas"), (("bottle", "shoe"), set(), ""),
    (("chair", "rest"), {1, 2, 3, 4, 5, 6}, "face, house, object and early visual areas"),
])  # fmt: skip
def test_a_score_is_against_what_the_contrast_should_find(contrast, areas, called):
    known = rl.load_subject("simulated:1")
    explorer = rl.explore(known, "threshold", "score", contrast=contrast)
    truth, all_areas = explorer._of_subject.truth, array(known.truth)
    assert {*np.unique(array(truth))} - {0} == areas and kinds(truth) == called
    found = array(explorer.result.thresholded_img) > 0
    assert all(found[all_areas == area].mean() < 0.05 for area in {*range(1, 7)} - areas), "left out, and found"
    score = f"Against the planted {called}: " if called else "No score: no planted area differs enough between these two."
    assert explorer.readout.value.splitlines()[-1].startswith(score)
    explorer.close()


# ---- one table of colours ----


def test_conditions_have_their_colours_in_any_contrast():
    colours = rl.COLOURS
    assert len({*colours.values(), *figures.COLOURS_OF_ROIS}) == len(colours) + len(figures.COLOURS_OF_ROIS)
    for contrast, pair in ((("face", "house"), "face house"), (("house", "face"), "house face"), (("cat", "face"), "house face"),
                           (("house", "cat"), "house face"), (("cat", "rest"), "face house")):  # fmt: skip
        assert [figures.condition_colour(name, contrast) for name in contrast] == [colours[name] for name in pair.split()]
    assert figures.condition_colour("shoe") == colours["other"] and figures.condition_colour("rest") == colours["rest"]

"""The browser's functions (decisions.js), run in Node, give what Python's give: voxels, labels, tables, numbers, sentences."""

import base64
import dataclasses
import itertools
import json
import shutil
import subprocess
import zlib
from pathlib import Path

import nibabel as nib
import nibabel.processing
import numpy as np
import playwright
from conftest import AFFINE, ROOT

import roilessons as rl
from roilessons.app.book import live
from roilessons.datasets.simulate import kinds
from roilessons.explorer import decisions as d
from roilessons.explorer import screen
from roilessons.explorer.controls import CONTROLS, MOST, NEIGHBOURS
from roilessons.explorer.subject_maps import Maps, SubjectMaps
from roilessons.volumes.images import new_image, read_array

CONTRAST, PEAK = ("face", "house"), ("peak_x", "peak_y", "peak_z")
OBLIQUE = np.array([[0.3, -3.0, 0.4, 20], [3.5, 0.1, 0, -20], [0.2, 0.5, -4, 15], [0, 0, 0, 1]])
SMALL_VOXELS = np.array([[-0.45, 0, 0, 3.3], [0, -0.3, 0, 1.7], [0, 0, 0.37, -2.2], [0, 0, 0, 1]])
NODE = shutil.which("node") or str(Path(playwright.__file__).parent / "driver/node")


class Study:
    """Maps of both tests, the VT mask and the truth on one grid, for Python and as they are sent to Node."""

    def __init__(self, mean, maps, vt, truth, affine):
        image = lambda array, dtype: nib.Nifti1Image(np.ascontiguousarray(array, dtype), affine)  # noqa: E731
        self.mean_img, self.vt_img, self.truth_img = image(mean, np.float32), image(vt, np.uint8), image(truth, np.uint8)
        self.maps = {test: Maps(self.mean_img, image(t, np.float32), image(log_p, np.float32)) for test, (t, log_p) in maps.items()}
        self.limits = d.limits(affine, mean.shape)

    def sent(self):
        maps = {test: (read_array(maps.t_img), read_array(maps.log_p_img)) for test, maps in self.maps.items()}
        maps["runs"] = live.short(*maps["runs"]), maps["runs"][1]  # as the web book has it
        maps = {test: {"t": sent(t), "logP": sent(log_p)} for test, (t, log_p) in maps.items()}
        return {"grid": screen.grid(self.mean_img), "contrast": CONTRAST, "maps": maps, "maskVt": sent(self.vt_img.dataobj),
                "truth": sent(self.truth_img.dataobj), "areas": kinds(self.truth_img), "mean": sent(self.mean_img.dataobj)}  # fmt: skip


def sent(array):
    array = np.ascontiguousarray(array)
    return {"dtype": array.dtype.name, "bytes": base64.b64encode(array.tobytes()).decode()}


def check(studies, cases):
    """Decide every case, (name of a study, decisions, place), in Node and in Python."""
    asked = {"studies": {name: study.sent() for name, study in studies.items()},
             "cases": [{"study": name, "decisions": dataclasses.asdict(decisions), "place": [*place]} for name, decisions, place in cases]}  # fmt: skip
    command = [NODE, str(ROOT / "tests/agreement.mjs"), str(ROOT / "roilessons/explorer/decisions.js")]
    run = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout)
    assert len(answers) == len(cases)
    before = {}
    for (name, decisions, place), answer in zip(cases, answers, strict=True):
        study, told = studies[name], f"{name}, {decisions}"
        maps = study.maps[decisions.test]
        result = d.decide(maps, study.vt_img, decisions, CONTRAST)
        for key, img, dtype in (("mask", result.mask_img, np.uint8), ("dilated", result.dilated_img, np.uint8), ("labels", result.labels_img, np.int32)):
            found = np.frombuffer(zlib.decompress(base64.b64decode(answer[key])), dtype).reshape(img.shape)
            np.testing.assert_array_equal(found, np.asarray(img.dataobj), err_msg=told)
        labels = np.asarray(result.labels_img.dataobj)
        assert answer["matches"] == matches(labels, before.get(name, labels)), told
        before[name] = labels
        if answer["file"]:
            file = nib.Nifti1Image.from_bytes(zlib.decompress(base64.b64decode(answer["file"])))
            np.testing.assert_array_equal(np.asarray(file.dataobj), labels, err_msg=told)
            np.testing.assert_allclose(file.affine, study.mean_img.affine, rtol=1e-6, err_msg=told)
            assert file.header.get_xyzt_units()[0] == "mm"
            np.testing.assert_allclose(file.header.get_zooms(), nib.affines.voxel_sizes(file.affine), rtol=1e-6)
        rows = [{"peak_log10_p": row.pop("logP"), **dict(zip(PEAK, row.pop("peak"), strict=True)), **row} for row in answer["table"]]
        assert rows == result.table.to_dict("records"), told
        assert answer["said"] == [d.describe(result, decisions, upto) for upto in ("mean", "log_p", "mask", "dilated", "labels")], told
        assert answer["score"] == d.describe_score(result.labels_img, study.truth_img, kinds(study.truth_img)), told
        layers = {"mean EPI": study.mean_img, "VT mask": study.vt_img, "-log10 p": new_image(read_array(maps.log_p_img), study.mean_img, np.float32), "dilated mask": result.dilated_img,
                  "ROI": result.labels_img, "planted area": study.truth_img}  # fmt: skip
        assert answer["place"] == d.look(place, layers), told


def matches(labels, others):
    """For each ROI the one of another label image with most voxels of it."""
    found = []
    for roi in range(1, labels.max() + 1):
        shares = np.bincount(others[labels == roi], minlength=2)
        shares[0] = 0
        best, most = int(shares.argmax()), int(shares.max())
        sizes = np.count_nonzero(labels == roi) + np.count_nonzero(others == best)
        found.append({"label": best if most else 0, "common": most, "dice": 2 * most / sizes if most else 0})
    return found


def every_value(fwhm=6.0):
    """Every value of every control, the others being the tutorial's; and with a low threshold, where much is kept."""
    values = {
        "threshold": np.round(np.arange(10, 101) / 10, 1).tolist(), "intersection": [True, False], "iterations": range(MOST + 1),
        "connectivity": [number for _, number in NEIGHBOURS], "minimum_size": range(1, CONTROLS["minimum_size"][2]["max"] + 1),
    }  # fmt: skip
    for test, low, (name, of_name) in itertools.product(("volumes", "runs"), ({}, {"threshold": 1.0, "intersection": False}), values.items()):
        for value in of_name:
            yield d.Decisions(**{"fwhm": fwhm, "test": test} | low | {name: value})


def any_decisions(random):
    return d.Decisions(
        fwhm=float(random.integers(13)), threshold=float(random.choice([0, *np.arange(10, 101) / 10])), intersection=bool(random.integers(2)),
        iterations=int(random.integers(7)), connectivity=int(random.choice([6, 18, 26])), minimum_size=int(random.choice([1, 1, 2, 5, 30])),
        test=str(random.choice(["volumes", "runs"])),
    )  # fmt: skip


def any_place(random, study):
    """A voxel's centre or a place between voxels, also outside."""
    return tuple(float(random.choice([mm := random.uniform(low - 9, high + 9), round(mm / step) * step])) for low, high, step in study.limits)


def smooth_noise(random, shape, size):
    return nib.processing.smooth_image(nib.Nifti1Image(random.normal(size=shape), np.eye(4)), size, mode="wrap").get_fdata()


def small_study(random, affine, shape=(9, 8, 7), nan=False, vt=0.5):
    maps = {}
    for test in ("volumes", "runs"):
        t = smooth_noise(random, shape, 1.6)
        t = (4 * t / (t.std() or 1)).astype(np.float32)
        t[np.abs(t) < 0.2] = 0
        log_p = np.minimum(np.abs(t) ** 1.5, 10).astype(np.float32)
        if nan:
            log_p[random.random(shape) < 0.1] = np.nan
            t[np.isnan(log_p)] = 0
        maps[test] = t, log_p
    mean = random.uniform(0, 900, shape)
    if nan:
        mean[random.random(shape) < 0.1] = np.nan
    truth = (random.random(shape) < 0.1) * random.integers(1, 7, shape)
    return Study(mean, maps, random.random(shape) < vt, truth, affine)


def test_a_few_thousand_random_combinations():
    random = np.random.default_rng(0)
    studies = {
        "usual": small_study(random, AFFINE), "oblique": small_study(random, OBLIQUE), "small voxels": small_study(random, SMALL_VOXELS),
        "NaN": small_study(random, AFFINE, nan=True), "no VT mask": small_study(random, AFFINE, vt=0), "flat": small_study(random, AFFINE, (12, 1, 9)),
        "one voxel": small_study(random, np.diag([-2, 2, 2, 1.0]), (1, 1, 1), vt=1), "nothing": Study(*nothing(), AFFINE),
    }  # fmt: skip
    cases = [(name, any_decisions(random), any_place(random, study)) for name, study in studies.items() for _ in range(375)]
    check(studies, cases)


def nothing(shape=(5, 4, 3)):
    zero = np.zeros(shape)
    return zero, {test: (zero, zero) for test in ("volumes", "runs")}, zero, zero


def test_hundreds_of_components_of_one_size():
    shape = (30, 24, 10)
    t = np.zeros(shape)
    t[::3, ::3, ::2] = 9  # 400 voxels, none beside another
    t[1::3, ::3, ::2] = -9
    log_p = np.minimum(np.abs(t), 10)
    maps = {"volumes": (t, log_p), "runs": (np.roll(t, 1, axis=1), np.roll(log_p, 1, axis=1))}
    study = Study(np.ones(shape), maps, np.ones(shape), t > 0, AFFINE)
    cases = [("many", dataclasses.replace(decisions, iterations=0), (0.0, 0.0, 0.0)) for decisions in every_value()]
    check({"many": study}, cases[::7])


def of_subject(subject):
    of = SubjectMaps(subject, smoothing=True, runs=True)
    maps = {test: of.maps(6, test) for test in ("volumes", "runs")}
    truth = of.truth if of.truth is not None else of.mask_vt
    arrays = {test: (read_array(m.t_img), read_array(m.log_p_img)) for test, m in maps.items()}
    return Study(np.asarray(maps["volumes"].mean_img.dataobj), arrays, read_array(of.mask_vt), read_array(truth), of.mask_vt.affine)


def test_every_value_of_every_control_on_a_simulated_subject():
    random = np.random.default_rng(1)
    study = of_subject(rl.load_subject("simulated:1"))
    # Of the smallest sizes each tenth: one case of this grid takes Python 20 ms.
    singly = [decisions for decisions in every_value() if decisions.minimum_size % 10 in (1, 2)]
    check({"simulated:1": study}, [("simulated:1", decisions, any_place(random, study)) for decisions in singly])


def test_the_real_slice(real_slice):
    random = np.random.default_rng(2)
    study = of_subject(rl.load_subject(real_slice))
    check({"slice": study}, [("slice", any_decisions(random), any_place(random, study)) for _ in range(150)])

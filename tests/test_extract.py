"""`roilessons extract`, from Python and from the shell."""

import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import array, small_series, write_subject

import roilessons as rl
from roilessons.batch.extract import OUTPUTS, checksum, extract
from roilessons.inference import corrections


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "roilessons.app.cli", *map(str, arguments)], capture_output=True, text=True)


def test_the_tutorials_numbers_on_the_real_slice(real_slice, tmp_path):
    done = run("extract", real_slice, "--out", tmp_path / "out", "--test", "volumes")
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    counts = [summary[key] for key in ("voxels_above_threshold", "voxels_in_mask", "voxels_dilated", "n_rois", "roi_sizes")]
    assert counts == [91, 91, 182, 5, [64, 54, 42, 14, 8]]
    assert summary["inputs"]["bold.nii.gz"]["sha256"] == checksum(real_slice / "bold.nii.gz")
    assert "64" in done.stdout and "hemisphere" in done.stdout
    assert summary["settings"]["test"] == "volumes" and "take volumes as independent, which volumes are not" in done.stdout


def test_what_is_right_is_the_default(real_slice, tmp_path):
    """On the real slice 100 voxels of the VT mask; the tutorial's test keeps 91."""
    done = run("extract", real_slice, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    settings = {key: summary["settings"][key] for key in ("test", "delay", "correct")}
    assert settings == {"test": "runs", "delay": 0, "correct": "fwe"} and summary["runs_left_out"] == []
    assert summary["p_values"].startswith("The p-values are corrected in the mask: "), "whatever mask it is"
    assert summary["voxels_in_mask"] == 100 and summary["roi_sizes"] == [76, 56, 50, 5, 5]
    table = pd.read_csv(tmp_path / "out/rois.tsv", sep="\t")
    assert table["prefers"].tolist() == ["house", "house", "house", "face", "house"]
    assert "family-wise error of voxels, by sign flips of runs" in done.stdout


def with_runs(folder, n_runs, without=()):
    """A subject of so many runs, in some of which no face was shown."""
    data, conditions, runs = small_series(runs=n_runs)
    return write_subject(folder, data, np.where(np.isin(runs, without) & (conditions == "face"), "cat", conditions), runs)


@pytest.mark.parametrize(
    ("n_runs", "without", "arguments", "words"),
    [
        (5, (), (), "sign flips of 5 runs give no corrected p below 0.062, and the threshold of 1.3 asks for 0.05. Take more runs (6 for"),
        (6, (2,), ("--correct", "cluster"), "sign flips of 5 runs give no corrected p below 0.062"),
        (6, (), ("--threshold", 5), "asks for 1e-05. Take a threshold below 1.5 (1.3 is p = 0.05), or the correction fdr (--correct fdr)"),
        (1, (), (), "needs two runs or more in which both face and house are shown"),
        (3, (0, 2), (), "needs two runs or more in which both face and house are shown"),
    ],
)  # fmt: skip
def test_too_few_runs_end_in_a_sentence_that_says_what_to_do(tmp_path, n_runs, without, arguments, words, shell):
    folder = with_runs(tmp_path / "subj", n_runs, without)
    done = shell("extract", folder, "--out", tmp_path / "out", *arguments)
    assert done.code == 1 and len(done.errors) == 1 and not done.out
    assert words in done.errors[0] and "(--test volumes) takes one run, too, but it takes volumes as independent" in done.errors[0]
    assert not (tmp_path / "out").exists()
    for way_out in (["--test", "volumes"], ["--correct", "fdr"]):
        done = shell("extract", folder, "--out", tmp_path / way_out[1], *way_out)
        assert done.code == (1 if "two runs" in words and "fdr" in way_out else 0), done.errors


@pytest.mark.parametrize(("n_runs", "possible"), [(5, False), (6, True), (12, True), (20, True)])
def test_few_runs_are_refused_only_where_no_voxel_could_pass(n_runs, possible):
    """The smallest corrected p is that of contrasts which are all alike but for a little noise."""
    rng = np.random.default_rng(0)
    contrasts = nib.Nifti1Image(10 + rng.normal(0, 0.1, (2, 2, 2, n_runs)), np.eye(4))
    best = array(rl.sign_flip(contrasts, nib.Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4))).log_p_img).max()
    assert (best >= corrections.THRESHOLDS["fwe"]) == possible
    corrections.check_runs(n_runs, "fwe", float(best) - 1e-5)
    with pytest.raises(ValueError, match="No voxel can pass"):
        corrections.check_runs(n_runs, "fwe", float(best) + 1e-5)


@pytest.mark.filterwarnings("error:Left out")  # it is printed, not warned of
def test_a_run_that_is_left_out_is_said(tmp_path, shell):
    done = shell("extract", with_runs(tmp_path / "subj", 8, without=(2, 5)), "--out", tmp_path / "out")
    assert (done.code, done.errors) == (0, [])
    assert "Left out, because face minus house cannot be estimated there: run 2, 5.\nThe p-values are" in done.out
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["runs_left_out"] == [2, 5] and summary["n_rois"] > 0


@pytest.mark.parametrize("correct", ["fwe", "fdr", "cluster", "none"])
def test_the_test_across_runs_from_the_shell(real_slice, tmp_path, correct, shell):
    done = shell("extract", real_slice, "--out", tmp_path / "out", "--test", "runs", "--correct", correct, "--delay", "1")
    assert done.code == 0, done.errors
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    settings = {key: summary["settings"][key] for key in ("test", "delay", "correct")}
    assert settings == {"test": "runs", "delay": 1, "correct": correct}
    subject = rl.load_subject(real_slice)
    contrasts_img = rl.run_contrasts(subject.func, subject.labels, delay=1)
    t_img, log_p_img = rl.t_across_runs(contrasts_img)
    log_p_img = {
        "fwe": lambda: rl.sign_flip(contrasts_img, subject.mask_vt).log_p_img,
        "fdr": lambda: rl.fdr(log_p_img, subject.mask_vt),
        "cluster": lambda: rl.sign_flip_clusters(contrasts_img, subject.mask_vt).log_p_img,
        "none": lambda: log_p_img,
    }[correct]()
    mask_img = rl.intersect(rl.threshold(log_p_img, 3 if correct == "none" else -np.log10(0.05)), subject.mask_vt)
    signed = rl.label_by_sign(mask_img, t_img)
    assert summary["voxels_in_mask"] == array(mask_img).sum() > 50
    np.testing.assert_array_equal(array(nib.load(tmp_path / "out/mask_atlas.nii.gz")), array(signed.labels_img))
    table = pd.read_csv(tmp_path / "out/rois.tsv", sep="\t")
    assert table["prefers"].tolist() == signed.prefers and table["voxels"].tolist() == summary["roi_sizes"]
    signals = pd.read_csv(tmp_path / "out/signals.tsv", sep="\t")
    expected = rl.signals(subject.func, signed.labels_img, subject.labels)
    np.testing.assert_allclose(signals.iloc[:, 3:], expected.iloc[:, 3:], rtol=1e-6)
    assert "one contrast per run" in done.out and ("not corrected" in done.out) == (correct == "none")


def test_what_is_written_is_what_the_steps_give(six_runs, tmp_path):
    out = tmp_path / "results of Zoë"
    result = extract(six_runs, out, threshold=4, dilate=2, test="volumes")
    assert sorted(path.name for path in out.iterdir()) == sorted(OUTPUTS)
    subject = rl.load_subject(six_runs)
    made = rl.catch_up(subject, "signals", threshold=4, iterations=2)
    atlas = nib.load(out / "mask_atlas.nii.gz")
    np.testing.assert_array_equal(array(atlas), array(made.labels_img))
    np.testing.assert_array_equal(atlas.affine, nib.load(subject.func).affine)
    signals = pd.read_csv(out / "signals.tsv", sep="\t")
    assert list(signals.columns) == list(made.signals.columns)
    np.testing.assert_allclose(signals.iloc[:, 3:], made.signals.iloc[:, 3:], rtol=1e-7)
    table = pd.read_csv(out / "rois.tsv", sep="\t")
    assert table.equals(result.table) and list(table["voxels"]) == result.summary["roi_sizes"]
    assert result.summary["settings"]["dilate"] == 2


@pytest.mark.parametrize("unit", [1e-9, 1e6])
def test_numbers_are_written_whatever_their_unit(tmp_path, unit):
    """A series in small units, and voxels of 0.2 mm: neither may be rounded to nothing."""
    data, conditions, runs = small_series(np.float32)
    folder = write_subject(tmp_path / "subj", data * np.float32(unit), conditions, runs)
    tiny = np.diag([0.2, 0.2, 0.25, 1])
    for path in (folder / "bold.nii.gz", folder / "mask4_vt.nii.gz"):
        nib.save(nib.Nifti1Image(array(nib.load(path)), tiny), path)
    result = extract(folder, tmp_path / "out", threshold=4, fwhm=0, test="volumes")
    subject = rl.load_subject(folder)
    expected = rl.catch_up(subject, "signals", threshold=4, fwhm=0).signals.iloc[:, 3:]
    assert expected.size and expected.min().min() > 500 * unit
    np.testing.assert_allclose(pd.read_csv(result.out / "signals.tsv", sep="\t").iloc[:, 3:], expected, rtol=1e-7)
    table = pd.read_csv(result.out / "rois.tsv", sep="\t")
    np.testing.assert_allclose(table["mm3"], table["voxels"] * 0.01, rtol=1e-3)


@pytest.mark.parametrize(("subject", "out"), [("", "out"), (" ", "out"), ("{folder}", ""), ("{folder}", " ")])
def test_an_empty_name_is_no_subject_and_no_folder(six_runs, tmp_path, monkeypatch, subject, out, shell):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = shell("extract", subject.format(folder=six_runs), "--out", out)
    assert done.code == 1 and len(done.errors) == 1 and not done.out
    assert ("A subject needs a name" if out == "out" else "--out must name a folder") in done.errors[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_tilde_is_the_home_folder(six_runs, tmp_path, monkeypatch, shell):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(six_runs)
    done = shell("extract", "~/subj", "--out=~/results")
    assert done.code == 0, done.errors
    assert (tmp_path / "results/rois.tsv").is_file() and not (six_runs / "~").exists()
    assert f"Written to {tmp_path / 'results'}" in done.out


def test_an_earlier_result_is_kept(six_runs, tmp_path, shell):
    extract(six_runs, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    done = shell("extract", six_runs, "--out", tmp_path / "out", "--threshold", 3)
    assert done.code == 1 and "already holds" in done.errors[0]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_failure_while_writing_leaves_nothing(six_runs, tmp_path, monkeypatch):
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        extract(six_runs, tmp_path / "out")
    assert not (tmp_path / "out").exists()

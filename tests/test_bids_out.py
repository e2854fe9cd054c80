"""From a BIDS dataset to derivatives and a report, from Python and from the shell, of one person and of everybody."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import array
from test_group import dask, dask_cluster, end_tree
from waiting import PATIENCE, until

import roilessons as rl
from roilessons.batch import extract_bids as extract_bids_module
from roilessons.batch import report
from roilessons.batch.extract import checksum
from roilessons.batch.extract_bids import extract_bids, extract_everybody
from roilessons.datasets.listening import ATLAS, SPACE
from roilessons.inference.contrasts import weights_of_models

VALIDATOR = sys.executable, "-c", "from bids_validator_deno import cli; cli()"
MASK = f"derivatives/atlas/tpl-{SPACE}/{ATLAS}.nii.gz"
HOW = {"contrast": ("speech", "music"), "correct": "fdr"}
OPTIONS = ("--contrast", "speech", "music", "--correct", "fdr", "--mask", MASK)
PREFIX = f"sub-02_task-sounds_space-{SPACE}"


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "roilessons.app.cli", "extract", *map(str, arguments)], capture_output=True, text=True, cwd=cwd
    )


@pytest.fixture(scope="module")
def result(made, tmp_path_factory):
    """The result of person 2."""
    return extract_bids(rl.Bids(made, sub="02", mask=made / MASK), tmp_path_factory.mktemp("out") / "rois", **HOW)


def everybody(folder, out, **settings):
    return extract_everybody(rl.Bids(folder, sub="all", mask=folder / MASK), out, **HOW | settings)


def contents(folder):
    """Name -> checksum of every file: pytest would show for minutes how two reports differ."""
    return {str(path.relative_to(folder)): checksum(path) for path in folder.rglob("*") if path.is_file()}


def spoil(path, change):
    path.write_text(change(path.read_text()))


# ---- derivatives ----


def test_the_derivatives_are_bids(result):
    done = subprocess.run(
        [*VALIDATOR, "--ignoreWarnings", "--format", "json", result.folder.parents[1]], capture_output=True, text=True
    )
    errors = [one for one in json.loads(done.stdout)["issues"]["issues"] if one["severity"] == "error"]
    assert done.returncode == 0 and not errors, errors


def test_what_is_written_is_what_the_steps_give(made, result):
    subject = rl.load_subject(rl.Bids(made, sub="02", mask=made / MASK))
    weights, _ = weights_of_models(subject.models, HOW["contrast"], [one.kept for one in subject.recordings])
    found, prefers = rl.rois_across_runs(subject, weights=weights, **HOW)
    image = lambda name: array(nib.load(result.folder / f"{PREFIX}_{name}.nii.gz"))  # noqa: E731
    np.testing.assert_array_equal(image("desc-roi_dseg"), array(found.labels_img))
    np.testing.assert_array_equal(image("desc-roi_mask"), array(found.intersected_img))
    np.testing.assert_array_equal(image("desc-tested_mask"), array(subject.mask_vt))
    np.testing.assert_array_equal(image("desc-roi_stat-t_statmap"), array(found.t_img))
    table = pd.read_csv(result.folder / f"{PREFIX}_desc-roi_dseg.tsv", sep="\t")
    assert table["prefers"].tolist() == prefers and table["index"].tolist() == list(range(1, len(prefers) + 1))
    assert table["color"].str.fullmatch("#[0-9A-F]{6}").all() and table["name"].iloc[0] == "ROI 1"
    parts = [pd.read_csv(path, sep="\t") for path in sorted(result.folder.glob("*_timeseries.tsv"))]
    assert [len(part) for part in parts] == [84, 80, 92]
    written = pd.concat(parts, ignore_index=True)
    np.testing.assert_allclose(written[table["name"]], found.signals[table["name"]], rtol=1e-7)
    assert written["condition"].tolist() == subject.conditions.tolist() and not written["left_out"].any()


def test_the_sidecar_says_of_what_the_regions_were_made(made, result):
    told = json.loads((result.folder / f"{PREFIX}_desc-roi_dseg.json").read_text())
    links = json.loads((result.folder.parents[1] / "dataset_description.json").read_text())["DatasetLinks"]
    for source in told["Sources"]:
        _, dataset, name = source.split(":")
        assert (result.folder.parents[1] / links[dataset] / name).is_file(), source
    assert len(told["Sources"]) == 6 and told["Settings"]["confounds"] == ["motion=basic"]
    assert told["Numbers"]["volumes"] == 256 and told["Numbers"]["voxels_tested"] == (array(nib.load(made / MASK)) > 0).sum()
    assert told["Warnings"][0].startswith("Only 3 runs: t has 2 degrees of freedom")


# ---- the report ----


def test_the_report_is_one_file_that_says_all(result):
    text = (result.folder / f"{PREFIX}_desc-roi_report.html").read_text()
    assert not re.search(r"<script|<link|<iframe|javascript:|\son\w+=|@import|url\(", text)
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(sources) == 5 + len(result.table) + 1 and all(source.startswith("data:image/png;base64,") for source in sources)
    assert text.count('<img alt="') == len(sources) and "default-src 'none'" in text
    for words in (
        "Only 3 runs", "run-1", "sub-02_task-sounds_run-3_space", "2 music, 2 noise, 2 speech", "Temporal SNR", "framewise displacement above 0.5 mm",
        "the false discovery rate was controlled", "in 344 voxels", "Not measured: halves of the runs take four runs", "circular",
        *(f"ROI {row.label}, {row.hemisphere}, stronger for {row.prefers}: {row.voxels} voxels" for row in result.table.itertuples()),
    ):  # fmt: skip
        assert words in text, words
    # On a telephone a table moves, not the page.
    assert 'name="viewport"' in text and text.count("<table>") == text.count('<div class="wide" tabindex="0" role="group" aria-label="Table"><table>') == 4
    assert text.count("<h2>") == 9 and str(Path.home()) not in text


def spoilt_motion(dataset):
    """Person 2 without motion, but for a volume; two volumes of large DVARS, near each other; and a first volume that is not steady."""
    for path in (dataset / "derivatives/fmriprep/sub-02/func").glob("*-confounds_timeseries.tsv"):
        table = pd.read_csv(path, sep="\t").assign(framewise_displacement=0.1, std_dvars=1.0)
        if "_run-1_" in path.name:
            table["non_steady_state_outlier00"] = (table.index == 0).astype(int)
            table.loc[60, "framewise_displacement"] = 0.7
            table.loc[[40, 43], "std_dvars"] = 1.6
        table.to_csv(path, sep="\t", index=False, na_rep="n/a")


NOT_STEADY = "volumes that fMRIPrep marks as not steady"
SCRUB = "mm or a standardized DVARS above 1.5, stretches of fewer than {} volumes between such (nilearn's scrub), and " + NOT_STEADY


@pytest.mark.parametrize(
    ("asked", "words", "left_out"),
    [
        ({}, f"volumes with a framewise displacement above 0.5 mm, and {NOT_STEADY}", [0, 60]),
        ({"motion_limit": None}, f"{NOT_STEADY}, and none for motion", [0]),
        ({"confounds": ("motion", "scrub")}, f"volumes with a framewise displacement above 0.5 {SCRUB.format(5)}", [0, 40, 41, 42, 43, 60]),
        ({"confounds": ("scrub=5",), "motion_limit": None}, f"volumes with a framewise displacement above 0.5 {SCRUB.format(5)}", [0, 40, 41, 42, 43, 60]),
        ({"confounds": ("scrub=2",), "motion_limit": 0.9}, f"volumes with a framewise displacement above 0.9 {SCRUB.format(2)}", [0, 40, 43]),
    ],
)
def test_the_methods_say_which_volumes_were_left_out(dataset, monkeypatch, asked, words, left_out):
    monkeypatch.setattr(report, "page", lambda *result: "")  # pictures take most of the time
    spoilt_motion(dataset)
    made = extract_bids(rl.Bids(dataset, sub="02", mask=dataset / MASK, **asked), dataset.parent / "out", **HOW)
    part = pd.read_csv(next(made.folder.glob("*_run-1_*timeseries.tsv")), sep="\t")
    assert np.flatnonzero(part["left_out"]).tolist() == left_out
    assert f"Left out were {words}: {len(left_out)} of the 256 volumes of 3 runs." in report.methods(made.told)


def test_the_methods_name_the_runs_the_mask_and_the_limit_of_clusters(dataset, monkeypatch):
    monkeypatch.setattr(report, "page", lambda *result: "")
    spoil(dataset / "sub-02/func/sub-02_task-sounds_run-3_events.tsv", lambda text: text.replace("music", "noise"))
    source = rl.Bids(dataset, sub="02", mask=f"{dataset / MASK}:left auditory")
    made = extract_bids(source, dataset.parent / "out", contrast=HOW["contrast"], correct="cluster", threshold=0.2)
    text = report.methods(made.told)
    for words in (
        "Each of 2 runs, those of 3 in which speech minus music can be estimated, was modelled",
        f"in 172 voxels (mask: {ATLAS}.nii.gz:left auditory; space: {SPACE})", "each with an uncorrected p <= 0.001) was controlled by 2 flips", "passed at a corrected p <= 0.63",
    ):  # fmt: skip
        assert words in text, (words, text)


def test_the_mean_of_a_condition_without_volumes_is_not_that_of_the_other(dataset, monkeypatch):
    """Brief events: no volume is taken 5 s after one."""
    monkeypatch.setattr(report, "MOST_ROIS", 0)  # pictures take most of the time
    for path in (dataset / "sub-02/func").glob("*_events.tsv"):
        table = pd.read_csv(path, sep="\t")
        brief = table["trial_type"] == "speech"
        table.assign(duration=table["duration"].where(~brief, 0.2), onset=table["onset"] + 0.5 * brief).to_csv(path, sep="\t", index=False)
    made = extract_bids(rl.Bids(dataset, sub="02", mask=dataset / MASK), dataset.parent / "out", contrast=HOW["contrast"], correct="none", threshold=1)
    text = next(made.folder.glob("*_report.html")).read_text()
    parts = pd.concat([pd.read_csv(path, sep="\t").assign(run=path.name) for path in made.folder.glob("*_timeseries.tsv")])
    assert not (parts["condition"] == "speech").any()
    mean = (100 * (parts["ROI 1"] / parts.groupby("run")["ROI 1"].transform("mean") - 1))[parts["condition"] == "music"].mean()
    assert f"ROI 1: no volume for speech, {mean:+.2f} % for music;" in text


def test_names_cannot_put_anything_into_the_page(dataset):
    evil = '<img src=x onerror=alert(1)>"&\''
    for one in (dataset / "sub-02/func").glob("*_events.tsv"):
        table = pd.read_csv(one, sep="\t")
        table["trial_type"] = table["trial_type"].replace("speech", evil)
        table.to_csv(one, sep="\t", index=False, quoting=3)
    mask = dataset / "<script>mask.nii.gz"
    shutil.copy(dataset / MASK, mask)
    made = extract_bids(rl.Bids(dataset, sub="02", mask=mask), dataset.parent / "out", contrast=(evil, "music"), correct="fdr")
    text = next(made.folder.glob("*_report.html")).read_text()
    assert "<script" not in text and "<img src=x" not in text and evil not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text and "&lt;script&gt;mask" in text


def test_a_report_without_regions_and_without_confounds(dataset):
    for one in dataset.rglob("*_desc-confounds_timeseries.tsv"):
        one.unlink()
    source = rl.Bids(dataset, sub="02", mask=dataset / MASK, confounds=())
    made = extract_bids(source, dataset.parent / "out", threshold=9, **HOW)
    text = next(made.folder.glob("*_report.html")).read_text()
    assert "No region: no voxel passed." in text and "The motion is not known" in text and len(made.table) == 0


def test_what_a_reviewer_should_know_is_warned_of(dataset):
    func = dataset / "sub-02/func"
    spoil(func / "sub-02_task-sounds_run-1_events.tsv", lambda text: text.replace("noise", "music"))
    spoil(func / "sub-02_task-sounds_run-3_events.tsv", lambda text: text.replace("music", "noise"))
    subject = rl.load_subject(rl.Bids(dataset, sub="02", mask=dataset / MASK))
    for index, one in enumerate(subject.recordings):
        path = one.files.confounds
        table = pd.read_csv(path, sep="\t")
        labels = subject.conditions[subject.runs == one.number]
        table["framewise_displacement"] = table["framewise_displacement"].where(labels != "music", 0.45).fillna(0)
        if index == 1:
            table.loc[:19, "framewise_displacement"] = 3
        table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    brain = dataset / f"derivatives/fmriprep/sub-02/func/sub-02_task-sounds_run-2_space-{SPACE}_desc-brain_mask.nii.gz"
    voxels, affine = array(nib.load(brain)).copy(), nib.load(brain).affine
    voxels[:5] = 0
    nib.save(nib.Nifti1Image(voxels, affine), brain)
    made = extract_bids(rl.Bids(dataset, sub="02", mask=dataset / MASK), dataset.parent / "out", **HOW)
    said = " ".join(made.told["Warnings"])
    for words in (
        "Only 2 runs: t has 1 degrees of freedom", "speech minus music cannot be estimated there: run-3", "run-1 is not balanced: 2 events of speech and 4 of music",
        "run-2: 25% of its volumes are left out", "The head moves more in one condition than in the other", "voxels of the mask lie outside the brain mask of some run",
        "The brain reaches the edge of the images (right,",
    ):  # fmt: skip
        assert words in said, (words, said)
    assert made.told["Numbers"]["runs_left_out"] == ["run-3"]
    assert "run-3" in next(made.folder.glob("*_report.html")).read_text()


def test_voxels_without_signal_are_counted_before_they_are_smoothed(dataset, monkeypatch):
    """The filter fills them from their neighbours, so that the smoothed mean shows none of them."""
    monkeypatch.setattr(report, "page", lambda *result: "")
    empty = np.argwhere(array(nib.load(dataset / MASK)) == 1)[:40]
    path = dataset / f"derivatives/fmriprep/sub-02/func/sub-02_task-sounds_run-2_space-{SPACE}_desc-preproc_bold.nii.gz"
    img = nib.load(path)
    series = array(img).copy()
    series[tuple(empty.T)] = 0
    nib.save(nib.Nifti1Image(series, img.affine, img.header), path)
    made = extract_bids(rl.Bids(dataset, sub="02", mask=dataset / MASK), dataset.parent / "out", **HOW)
    assert "40 of the tested voxels have no signal in some run: they are empty, or never change." in made.told["Warnings"]


def test_halves_agree_in_a_longer_study(tmp_path):
    study = rl.example_bids(tmp_path / "study", subjects=1, runs=8)
    made = extract_bids(rl.Bids(study, sub="01", mask=study / MASK), tmp_path / "out", contrast=HOW["contrast"])
    halves = made.told["Numbers"]["split_halves"]
    assert halves["dice"] > 3 * halves["by_chance"] and halves["circular"] > halves["held_out"] > 0
    assert made.told["Numbers"]["volumes_left_out"] == 2 and made.table["prefers"].tolist() == ["speech", "music"]
    assert made.table["hemisphere"].tolist() == ["left", "right"]


# ---- the shell ----


def test_one_command_from_a_dataset_to_a_report(made, tmp_path, shell, monkeypatch):
    monkeypatch.chdir(made)
    done = run("--bids", made, "--sub", "01", "--out", tmp_path / "out", *OPTIONS, cwd=made)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("run-2: 80 volumes, 2 left out; brain mask, confounds, events\n", ", sub-01_task-sounds_run-2_events.tsv\n", "Warning: Only 3 runs", "peak_x", "false discovery rate", "Written to"):
        assert words in done.stdout, words
    assert len(list((tmp_path / "out/sub-01/func").glob("*_report.html"))) == 1
    before = contents(tmp_path / "out")
    for more, words in ((), "was made with these settings and is kept"), (("--fwhm", 5), "was made with other settings or files"):
        done = shell("extract", "--bids", made, "--sub", "01", "--out", tmp_path / "out", *OPTIONS, *more)
        assert done.code == 1 and words in done.errors[0] and len(done.errors) == 1
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bids", "."], "name one person with --sub, or take everybody with --all"),
        (["--bids", ".", "--sub", "01", "--all"], "name one person with --sub, or take everybody with --all"),
        (["simulated", "--bids", ".", "--sub", "01"], "Name either SUBJECT_DIR or, with --bids, a BIDS dataset."),
        (["simulated", "--sub", "01"], "--sub is for BIDS datasets (--bids DIR)."),
        ([], "Name either SUBJECT_DIR or, with --bids, a BIDS dataset."),
        (["--bids", ".", "--sub", "01", "--test", "volumes"], "are for SUBJECT_DIR"),
        (["--bids", ".", "--sub", "01", "--jobs", "2"], "--jobs and --dask are for --all."),
        (["--bids", ".", "--all", "--jobs", "0"], "--jobs must be how many processes, 1 or more, not 0."),
        (["--bids", ".", "--sub", "01", "--motion-limit", "0"], "must be a number of mm above 0"),
        (["--bids", ".", "--sub", "01"], "No run has the condition 'face'; there are: music, noise, speech."),
        (["--bids", ".", "--sub", "01", "--contrast", "speech", "music"], "Take more runs (6 for p = 0.05), or the correction fdr"),
        (["--bids", "sub-01", "--sub", "01"], "is no BIDS dataset"),
        (["--bids", ".", "--sub", "01", "--out", "derivatives/fmriprep", *OPTIONS], "is a dataset of something else than"),
        (["--bids", ".", "--sub", "01", "--out", "sub-01", *OPTIONS], "sub-01 holds func, which is not of"),
    ],
)
def test_the_shell_says_what_does_not_fit(made, tmp_path, arguments, words, shell, monkeypatch):
    monkeypatch.chdir(made)
    before = sorted(made.rglob("*"))
    done = shell("extract", "--out", tmp_path / "out", *arguments)
    assert done.code == 1 and words in done.errors[0] and len(done.errors) == 1, done.errors
    assert "--test volumes) takes one run" not in done.errors[0]
    assert not (tmp_path / "out").exists() and sorted(made.rglob("*")) == before


# ---- everybody ----


def test_everybody_is_done_once_and_failures_are_said(dataset, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(dataset / "derivatives/fmriprep/sub-02", dataset / "derivatives/fmriprep/sub-03")
    done = everybody(dataset, out)
    assert list(done.failed) == ["sub-03"] and done.skipped == 0 and "has no series *_desc-preproc_bold.nii.gz of sub-03" in done.failed["sub-03"]
    assert done.group["participant_id"].tolist() == ["sub-01", "sub-02"]
    failed = pd.read_csv(out / "failed.tsv", sep="\t")
    assert failed["who"].tolist() == ["sub-03"]
    rois = pd.read_csv(out / "rois.tsv", sep="\t")
    assert rois["participant_id"].value_counts().to_dict() == dict(zip(done.group["participant_id"], done.group["rois"], strict=True))

    before, times = contents(out), {path: path.stat().st_mtime_ns for path in out.glob("sub-*/func/*")}
    shutil.rmtree(dataset / "derivatives/fmriprep/sub-03")
    again = everybody(dataset, out)
    assert again.skipped == 2 and not again.failed and not (out / "failed.tsv").exists()
    assert {path: path.stat().st_mtime_ns for path in out.glob("sub-*/func/*")} == times

    next((out / "sub-02/func").glob("*_run-1_*timeseries.tsv")).unlink()  # not whole any more
    assert everybody(dataset, out).skipped == 1
    assert contents(out) == {name: content for name, content in before.items() if name != "failed.tsv"}

    one = dataset / "sub-01/func/sub-01_task-sounds_run-1_events.tsv"
    spoil(one, lambda text: text.replace("10.0", "12.0"))  # of the same length
    assert everybody(dataset, out).skipped == 1
    changed = {name for name, content in contents(out).items() if before[name] != content}
    assert changed and not any("sub-02" in name for name in changed)
    assert everybody(dataset, out, fwhm=5).skipped == 0
    assert not list(out.rglob(".draft*"))


def test_any_file_of_the_mask_that_changes_makes_a_result_anew(dataset, tmp_path):
    """Two masks may have one name, and the table of an atlas says what a name stands for."""
    shutil.rmtree(dataset / "derivatives/fmriprep/sub-01")
    one, two, atlas = (dataset / name for name in ("one/mask.nii.gz", "two/mask.nii.gz", "atlas.nii.gz"))
    for copy in (one, two, atlas):
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(dataset / MASK, copy)
    shutil.copy((dataset / MASK).with_name(f"{ATLAS}.tsv"), dataset / "atlas.tsv")
    source = rl.Bids(dataset, sub="all", mask=(one, two, f"{atlas}:left auditory"), run=("1", "2"))
    skipped = lambda: extract_everybody(source, tmp_path / "out", **HOW).skipped  # noqa: E731
    assert [skipped(), skipped()] == [0, 1]
    spoil(dataset / "atlas.tsv", lambda text: text.replace("1\tleft", "2\tleft"))
    assert skipped() == 0
    nib.save(nib.Nifti1Image((array(nib.load(atlas)) == 1).astype(np.uint8), nib.load(atlas).affine), one)
    assert skipped() == 0


def test_a_file_that_changes_while_it_is_at_work_makes_a_result_anew(dataset, tmp_path, monkeypatch):
    shutil.rmtree(dataset / "derivatives/fmriprep/sub-01")
    compute, events = extract_bids_module.compute, dataset / "sub-02/func/sub-02_task-sounds_run-1_events.tsv"

    def compute_meanwhile(subject, settings):
        spoil(events, lambda text: text.replace("10.0", "12.0"))
        return compute(subject, settings)

    monkeypatch.setattr(report, "page", lambda *result: "")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(extract_bids_module, "compute", compute_meanwhile)
        everybody(dataset, tmp_path / "out")
    assert [everybody(dataset, tmp_path / "out").skipped for _ in range(2)] == [0, 1]


def test_of_everybody_in_a_session_only_its_tasks_are_looked_for(dataset, tmp_path):
    for place in (dataset, dataset / "derivatives/fmriprep"):
        for session, copy in (("a", shutil.copytree), ("b", shutil.move)):
            func = place / f"sub-01/ses-{session}/func"
            func.parent.mkdir(parents=True)
            copy(place / "sub-01/func", func)
            for path in list(func.iterdir()):
                name = path.name.replace("sub-01", f"sub-01_ses-{session}")
                path.rename(func / (name.replace("sounds", "rest") if session == "b" else name))
    source = rl.Bids(dataset, sub="all", ses="a", mask=dataset / MASK)
    done = extract_everybody(source, tmp_path / "out", **HOW)
    assert done.group["task"].tolist() == ["sounds"]
    assert list(done.failed) == ["sub-02_ses-a"] and "has no series" in done.failed["sub-02_ses-a"]


def test_a_series_that_is_empty_costs_no_other(dataset, tmp_path):
    next((dataset / "derivatives/fmriprep/sub-01/func").glob("*_run-2_*preproc_bold.nii.gz")).write_bytes(b"")
    done = everybody(dataset, tmp_path / "out")
    assert list(done.failed) == ["sub-01_task-sounds"] and "cannot be read as a NIfTI image" in done.failed["sub-01_task-sounds"]


@pytest.mark.parametrize("who", [("--sub", "01"), ("--all",)])
def test_a_folder_that_cannot_be_written_is_said_before_the_work(made, tmp_path, shell, monkeypatch, who):
    monkeypatch.chdir(made)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    monkeypatch.setattr(extract_bids_module, "load_subject", lambda source: pytest.fail("it began to work"))
    monkeypatch.setattr(extract_bids_module, "each_subject", lambda *arguments: pytest.fail("it began to work"))
    done = shell("extract", "--bids", ".", *who, "--out", tmp_path / "out", *OPTIONS)
    assert done.code == 1 and done.errors[0].endswith(f"{tmp_path} may not be written to by this user.") and len(done.errors) == 1


def test_results_are_the_same_wherever_they_are_made(dataset, tmp_path):
    everybody(dataset, tmp_path / "one")
    everybody(dataset, tmp_path / "two", n_jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def whole(out):
    """Names of the people whose results are there."""
    return {path.parents[1].name for path in out.glob("sub-*/func/*_dseg.json")}


@pytest.fixture(scope="module")
def five(made, tmp_path_factory):
    """A dataset of five people, four of whom are alike, and their results as one process makes them."""
    folder = tmp_path_factory.mktemp("five")
    dataset = Path(shutil.copytree(made, folder / "study"))
    for sub in range(3, 6):
        for place in (dataset, dataset / "derivatives/fmriprep"):
            copy = Path(shutil.copytree(place / "sub-02", place / f"sub-{sub:02d}"))
            for path in list((copy / "func").iterdir()):
                path.rename(path.with_name(path.name.replace("sub-02", copy.name)))
    everybody(dataset, folder / "straight")
    return dataset, contents(folder / "straight")


def results_in(files):
    """Of the contents of a folder those that are results of one person."""
    return {name: content for name, content in files.items() if name.startswith("sub-")}


@pytest.mark.parametrize("end", ["SIGINT", "SIGKILL"])
@pytest.mark.skipif(os.name == "nt", reason="processes are not ended by signals on Windows")
def test_who_is_stopped_loses_no_more_than_what_was_under_way(five, tmp_path, end):
    dataset, straight = five
    beside = Path(shutil.copytree(dataset, tmp_path / "study"))  # results name the dataset as seen from their folder
    out = tmp_path / "straight"
    command = [sys.executable, "-m", "roilessons.app.cli", "extract", "--bids", ".", "--all", "--out", out, *OPTIONS]
    with open(tmp_path / "said", "w") as said:
        process = subprocess.Popen(command, cwd=beside, start_new_session=True, stdout=said, stderr=said)
        try:
            until(lambda: whole(out) or process.poll() is not None)
            os.killpg(process.pid, getattr(signal, end))
            code = process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    there = whole(out)
    assert 1 <= len(there) < 5, there
    assert {name for name in results_in(contents(out)) if ".draft" not in name} <= set(straight)
    if end == "SIGINT":
        assert code == 130 and "what was finished is kept" in (tmp_path / "said").read_text()
        assert len(pd.read_csv(out / "group.tsv", sep="\t")) == len(there)
    done = everybody(beside, out)  # the masks' path is another one here
    assert done.skipped == len(there) and len(done.group) == 5 and not done.failed
    assert contents(out) == straight


# ---- a cluster ----


@contextmanager
def in_a_thread(function):
    """Run a function in a thread; its result, or the exception that ended it, is in the list that is yielded."""
    ended = []

    def call():
        try:
            ended.append(function())
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    yield ended
    thread.join(2 * PATIENCE)
    assert not thread.is_alive() and len(ended) == 1


def on_dask(five, tmp_path, disturb):
    """Five people on a scheduler and two workers, while something is done to these; then what is missing, on this machine."""
    dataset, straight = five
    beside, out = Path(shutil.copytree(dataset, tmp_path / "study")), tmp_path / "straight"
    with dask_cluster(tmp_path, "--no-nanny") as (scheduler, client):
        address, workers = client.scheduler.address, list(client.run(os.getpid).values())
        with in_a_thread(lambda: everybody(beside, out, dask=address)) as ended:
            until(lambda: whole(out) or ended)
            disturb(scheduler, workers, tmp_path)
    before, done = whole(out), ended[0]  # no worker is left that could go on
    assert not isinstance(done, BaseException) or isinstance(done, OSError), repr(done)
    again = everybody(beside, out)
    assert again.skipped == len(before) and not again.failed and contents(out) == straight
    return done


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed by signals on Windows")
def test_a_dask_worker_is_killed(five, tmp_path):
    done = on_dask(five, tmp_path, lambda scheduler, workers, _: os.kill(workers[0], signal.SIGKILL))
    assert len(done.group) + len(done.failed) == 5 and len(done.failed) <= 1
    assert all("killed" in why for why in done.failed.values())


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed by signals on Windows")
def test_all_dask_workers_are_killed_and_one_comes_back(five, tmp_path, monkeypatch):
    late = []
    monkeypatch.setattr(extract_bids_module, "PATIENCE", PATIENCE)

    def disturb(scheduler, workers, folder):
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        late.append(dask(folder, "worker", "--no-nanny"))

    try:
        done = on_dask(five, tmp_path, disturb)
    finally:
        for process in late:
            end_tree(process)
    assert len(done.failed) <= 2 and len(done.group) + len(done.failed) == 5


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed by signals on Windows")
def test_the_dask_scheduler_is_killed(five, tmp_path, monkeypatch):
    monkeypatch.setattr(extract_bids_module, "PATIENCE", 30)
    done = on_dask(five, tmp_path, lambda scheduler, workers, _: scheduler.kill())
    assert done.failed and len(done.group) + len(done.failed) == 5


def test_no_dask_scheduler_there(made, tmp_path, shell, monkeypatch):
    monkeypatch.chdir(made)
    done = shell("extract", "--bids", ".", "--all", "--out", tmp_path / "out", "--dask", "tcp://127.0.0.1:1", *OPTIONS)
    assert done.code == 1 and len(done.errors) == 1
    assert "No Dask scheduler answers at tcp://127.0.0.1:1" in done.errors[0]

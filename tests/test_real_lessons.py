"""An instructor may switch a whole class to other data with ROILESSONS_SUBJECT: every lesson runs on them to its end."""

import re

import nbformat
import numpy as np
import pytest
from conftest import ROOT, small_series, write_subject
from nbclient import NotebookClient
from waiting import PATIENCE

import roilessons as rl

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FOLLOW = [path for path in LESSONS if "rl.load_subject()" in path.read_text(encoding="utf-8")]  # the others bring their own data
NEED_VOXELS = ("00", "06", "07", "08")  # go on with the simulated subject if nothing is found


def lessons(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def test_the_first_nine_lessons_and_the_workbench_follow_the_class():
    assert [path.stem[:2] for path in FOLLOW] == ["00", "01", "02", "03", "04", "05", "06", "07", "08", "16"]


def run_on(folder, path, monkeypatch):
    """The lesson run from the top in a fresh kernel on the subject in `folder`; what it printed."""
    monkeypatch.setenv("ROILESSONS_SUBJECT", str(folder))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=PATIENCE, startup_timeout=PATIENCE, resources={"metadata": {"path": str(path.parent)}}).execute()  # raises what a cell raises
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    assert "Not yet." not in printed, "a folded solution is wrong on these data"
    return printed


@lessons(FOLLOW)
def test_on_the_real_slice(path, real_slice, monkeypatch):
    printed = run_on(real_slice, path, monkeypatch)
    if path.stem == "08_roi_signals":
        assert re.search(r"^subj1: 5 ROIs of \[64, 54, 42, 14, 8\] voxels, 1,452 volumes$", printed, re.M)


@lessons([path for path in FOLLOW if "04" <= path.stem[:2] <= "08" or path.stem[:2] == "00"])
def test_on_a_small_scan_of_noise_without_a_mask_of_the_brain(path, tmp_path, monkeypatch):
    data, conditions, runs = small_series()
    data = np.random.default_rng(0).normal(1000, 8, data.shape).astype(data.dtype)
    printed = run_on(write_subject(tmp_path / "visitor", data, conditions, runs), path, monkeypatch)
    assert ("the simulated subject." in printed) == (path.stem[:2] in NEED_VOXELS)


def test_the_patterns_that_lesson_13_tells(real_slice, capsys):
    """Its figures of the real slice, by its own cells."""
    cells = [cell.source for cell in nbformat.read(LESSONS[13], as_version=4).cells if cell.cell_type == "code"]
    subject = rl.load_subject(real_slice)
    names = {"subject": subject, "contrasts_img": rl.run_contrasts(subject.func, subject.labels), "truths": {1: np.zeros((40, 20, 1))}}
    imports = cells[0].partition("subject =")[0]
    for source in (imports, *(source for source in cells if "def correlate" in source or "kinds = {" in source)):
        exec(source, names)
    printed = capsys.readouterr().out
    assert re.search(r"^all of VT +530 voxels .* told apart 0.91,", printed, re.M), printed
    assert re.search(r"^p > 0.05 for face - house +262 voxels +within +0.21 .* told apart 0.84,", printed, re.M), printed

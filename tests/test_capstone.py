"""The capstone: its solution, which takes no step from the package, passes on real and simulated subjects; each fault fails its point."""

import ast
import re
import shutil
from pathlib import Path

import nbformat
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from roilessons import check, load_subject
from roilessons.check.reading import NUMBERS
from roilessons.check.rubric import points

NOTEBOOK = ROOT / "notebooks/17_capstone.ipynb"


def solution():
    (cell,) = (cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if "solution" in cell.metadata.get("tags", []))
    return re.search(r"```python\n(.+?)\n```", cell.source, re.S)[1]


def hand_in(subject, folder):
    """What the notebook's solution makes of a subject, in a folder."""
    code = solution().replace('Path("my_capstone")', f"Path({str(folder)!r})")
    code = code[: code.index("answer = out")]
    files = {"func": subject.func, "labels_file": subject.func.parent / "labels.txt", "mask_vt": subject.mask_vt}
    exec(code, {"Path": Path, **files})
    return folder


def failed(folder, subject):
    return {point.name: point.sentence for point in points(folder, subject) if not point.passed}


@pytest.fixture(scope="module")
def real(real_slice):
    return str(real_slice)


@pytest.fixture(scope="module")
def handed_in(real, tmp_path_factory):
    return hand_in(load_subject(real), tmp_path_factory.mktemp("capstone") / "work")


def test_the_solution_takes_no_step_from_the_package():
    names = {node.id for node in ast.walk(ast.parse(solution())) if isinstance(node, ast.Name)}
    imported = {(node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
                for node in ast.walk(ast.parse(solution())) if isinstance(node, (ast.Import, ast.ImportFrom))}  # fmt: skip
    assert "rl" not in names and imported == {"nibabel", "numpy", "pandas", "nilearn", "scipy"}


def test_the_solution_passes_on_the_real_slice(handed_in, real, capsys):
    assert failed(handed_in, real) == {}
    check.capstone(handed_in, real)
    assert "All 7 points" in capsys.readouterr().out
    assert check.capstone.verdict((handed_in, real)).right is True


def test_the_solution_passes_on_a_simulated_subject(tmp_path):
    """On the one whose halves agree least; the teachers' edition runs it on the one that the lesson takes."""
    assert failed(hand_in(load_subject("simulated:6"), tmp_path / "work"), "simulated:6") == {}


def change_atlas(name, change):
    def changed(folder):
        img = nib.load(folder / name)
        data = np.asarray(img.dataobj).copy()
        result = change(data)
        data, affine = (data if result is None else result), img.affine
        new = nib.Nifti1Image(data, affine)
        (folder / name).unlink()
        nib.save(new, folder / name)

    return changed


def change_table(name, change):
    def changed(folder):
        table = pd.read_csv(folder / name, sep="\t")
        change(table).to_csv(folder / name, sep="\t", index=False)

    return changed


def moved(folder):
    img = nib.load(folder / "atlas.nii.gz")
    nib.save(nib.Nifti1Image(np.asarray(img.dataobj).copy(), img.affine @ np.diag([-1, 1, 1, 1])), folder / "atlas.nii.gz")


def swap(data):
    one, two = data == 1, data == 2
    data[one], data[two] = 2, 1


def split(data):
    data[tuple(np.argwhere(data == 0)[0])] = data.max()


def mix(data):
    """One region of the second one's voxels, which prefer faces, and of as many that prefer houses."""
    faces, houses = np.argwhere(data == 2), np.argwhere(data == 1)
    data[:] = 0
    for voxel in [*faces, *houses[: len(faces)]]:
        data[tuple(voxel)] = 1


FAULTS = {  # what is done to the folder -> (the points that fail, what one sentence says)
    "no atlas": (lambda folder: (folder / "atlas.nii.gz").unlink(), {"grid"}, "atlas.nii.gz is not there"),
    "flipped grid": (moved, {"grid"}, "on another grid"),
    "empty": (change_atlas("atlas_odd_runs.nii.gz", np.zeros_like), {"grid"}, "has no region"),
    "fractions": (change_atlas("atlas.nii.gz", lambda data: data * 0.5), {"grid"}, "whole numbers"),
    "a huge label": (change_atlas("atlas.nii.gz", lambda data: data.astype(np.int32) * 10**8), {"grid"}, "are believed"),
    "labels not by size": (change_atlas("atlas_even_runs.nii.gz", swap), {"labels"}, "larger than the one before"),
    "a gap": (change_atlas("atlas_even_runs.nii.gz", lambda data: np.where(data > 1, data + 1, data).astype(np.int16)), {"labels"}, "without a gap"),
    "two pieces": (change_atlas("atlas_even_runs.nii.gz", split), {"labels"}, "pieces"),
    "columns of the table": (change_table("rois.tsv", lambda t: t.drop(columns="x")), {"table"}, "has the columns"),
    "rows of the table": (change_table("rois.tsv", lambda t: t[1:]), {"table"}, "one row per region"),
    "sizes": (change_table("rois.tsv", lambda t: t.assign(voxels=t["voxels"] + 1)), {"table"}, "another number"),
    "a place elsewhere": (change_table("rois.tsv", lambda t: t.assign(x=t["x"] + 300)), {"table"}, "is not in it"),
    "no place": (change_table("rois.tsv", lambda t: t.assign(x="left")), {"table"}, ""),
    "preference": (change_table("rois.tsv", lambda t: t.assign(prefers="face")), {"table"}, "is said to prefer"),
    "signals of even runs": (change_table("signals.tsv", lambda t: t.assign(run=t["run"] - 1)), {"signals", "split"}, "helped to choose"),
    "a run is missing": (change_table("signals.tsv", lambda t: t[t["run"] != 3]), {"split"}, "lacks run 3"),
    "smoothed signals": (change_table("signals.tsv", lambda t: t.assign(**{"ROI 1": t["ROI 1"] * 1.01})), {"signals"}, "not smoothed"),
    "a column too many": (change_table("signals.tsv", lambda t: t.assign(extra=1)), {"signals"}, "should have the columns"),
    "no run": (change_table("signals.tsv", lambda t: t.drop(columns="run")), {"signals", "split"}, "has no column run"),
    "values between commas": (
        lambda folder: pd.read_csv(folder / "signals.tsv", sep="\t").to_csv(folder / "signals.tsv", index=False), {"signals", "split"},
        "between tabs"),
    "a row twice": (change_table("signals.tsv", lambda t: pd.concat([t, t[:1]])), {"signals"}, "twice"),
    "an unknown condition": (change_table("signals.tsv", lambda t: t.assign(condition="tree")), {"signals"}, ""),
    "one half for both": (
        lambda folder: shutil.copy(folder / "atlas_even_runs.nii.gz", folder / "atlas_odd_runs.nii.gz"), {"split"}, "same voxels"),
    "halves that do not agree": (
        change_atlas("atlas_odd_runs.nii.gz", lambda data: np.where(data > 1, data - 1, 0).astype(np.int16)), {"reliability"}, "a Dice of"),
    "few words": (lambda folder: (folder / "methods.md").write_text("We did it."), {"methods"}, "words"),
    "numbers left out": (
        lambda folder: (folder / "methods.md").write_text(re.sub(r"\d+ regions", "some regions", (folder / "methods.md").read_text())),
        {"methods"}, "how many regions"),
    "no smoothing": (
        lambda folder: (folder / "methods.md").write_text((folder / "methods.md").read_text().replace("mm", "")), {"methods"}, "by how many mm"),
    "no text": (lambda folder: (folder / "methods.md").write_bytes(b"\xff\xfe\x00" * 99), {"methods"}, "UTF-16"),
    "a huge table": (lambda folder: (folder / "rois.tsv").write_bytes(b"0" * 2_000_000), {"table"}, "too large"),
    "no table": (lambda folder: (folder / "rois.tsv").write_text('a\tb\n"1'), {"table"}, ""),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_point(fault, handed_in, real, tmp_path):
    spoil, spoilt, words = FAULTS[fault]
    folder = tmp_path / "work"
    shutil.copytree(handed_in, folder)
    spoil(folder)
    found = failed(folder, real)
    depends = {"labels", "table", "signals", "split", "reliability", "methods"} if spoilt == {"grid"} else set()
    assert spoilt <= found.keys() <= spoilt | depends | ({"signals"} if "labels" in spoilt else set()), found
    assert any(words in sentence for sentence in found.values()), found


def test_small_numbers_may_be_words(handed_in, real, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(handed_in, folder)
    text = (folder / "methods.md").read_text()
    regions = re.search(r"(\d+) regions of", text)[1]
    for number, word in (("12", "Twelve"), (regions, NUMBERS[int(regions)])):
        text = re.sub(rf"\b{number} (?=runs|regions)", f"{word} ", text)
    assert "Twelve runs" in text and f"{regions} regions" not in text
    (folder / "methods.md").write_text(text)
    assert failed(folder, real) == {}


def test_a_region_that_mixes_preferences_is_found(handed_in, real, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(handed_in, folder)
    change_atlas("atlas.nii.gz", mix)(folder)
    data = np.asarray(nib.load(folder / "atlas.nii.gz").dataobj)
    table = pd.read_csv(folder / "rois.tsv", sep="\t")[1:2].assign(roi=1, voxels=int((data == 1).sum()))
    table.to_csv(folder / "rois.tsv", sep="\t", index=False)
    assert "mixes" in failed(folder, real)["table"]


def test_no_folder_is_one_sentence(capsys):
    check.capstone("no such folder")
    assert "There is no folder no such folder." in capsys.readouterr().out

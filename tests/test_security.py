"""What the package never does, read from its source and seen while it runs."""

import ast
import socket
import tarfile
import zipfile

import pytest
from conftest import ROOT

import roilessons as rl
from roilessons.batch import extract
from roilessons.datasets import simulate

SOURCES = sorted((ROOT / "roilessons").rglob("*.py"))
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "tarfile", "zipfile", "telnetlib", "ftplib"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    ("os", "system"), ("os", "popen"), ("subprocess", "getoutput"), ("subprocess", "getstatusoutput"),
    ("shutil", "unpack_archive"), ("joblib", "load"), ("joblib", "dump"), ("pd", "read_pickle"), ("yaml", "load"),
}  # fmt: skip


def never(tree):
    """Lines of a syntax tree that do what the package must not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and {alias.name.split(".")[0] for alias in node.names} & MODULES:
            yield node.lineno, "imports what can run or unpack what it reads"
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield node.lineno, "imports what can run or unpack what it reads"
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in CALLS:
            yield node.lineno, f"calls {called.id}"
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            if (called.value.id, called.attr) in METHODS:
                yield node.lineno, f"calls {called.value.id}.{called.attr}"
        for keyword in node.keywords:
            if keyword.arg in {"shell", "allow_pickle"} and not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            ):
                yield node.lineno, f"{keyword.arg} is not False"


def test_source_runs_nothing_from_input():
    found = {path.name: list(never(ast.parse(path.read_text(encoding="utf-8")))) for path in SOURCES}
    assert SOURCES and not {name: lines for name, lines in found.items() if lines}
    for line in (
        "import pickle", "from tarfile import open", "eval(text)", "subprocess.run(text, shell=True)", "os.system(text)",
        "np.load(path, allow_pickle=True)",
    ):  # fmt: skip
        assert list(never(ast.parse(line))), f"{line} is not seen"


def test_no_socket_is_made_with_the_simulated_subject(tmp_path, monkeypatch):
    """From an empty folder to a figure and an atlas: nothing is sent, nothing listens, no archive is opened."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    def refuse(*_, **__):
        raise AssertionError("a socket was made, or an archive opened")

    for name in ("NILEARN_DATA", "HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("NILEARN_SHARED_DATA", raising=False)
    monkeypatch.setattr(simulate, "N_RUNS", 1)
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(tarfile, "open", refuse)
    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    subject = rl.load_subject()
    assert subject.func.is_relative_to(tmp_path)
    made = rl.catch_up(subject, "signals")
    rl.roi_table(made.labels_img, made.t_img, made.log_p_img)
    rl.score(made.labels_img, subject.truth)
    figure = plt.figure()
    figure.add_subplot().imshow(made.mean_img.dataobj[:, :, 20])
    rl.show(figure, "the mean")
    extract.extract("simulated", tmp_path / "out", test="volumes")


def everything(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_names_in_the_input_are_never_names_of_files(six_runs, tmp_path):
    """A condition may be called ../../escaped: it is a word in a table, and what is written stays in the folder."""
    path = six_runs / "labels.txt"
    path.write_text(path.read_text().replace("cat ", "../../escaped ").replace("house ", "/tmp/$(id) "))
    before = everything(tmp_path)
    result = extract.extract(six_runs, tmp_path / "out", contrast=("face", "/tmp/$(id)"), conditions=["../../escaped"])
    assert everything(tmp_path) - before == {"out", *(f"out/{name}" for name in extract.OUTPUTS)}
    assert result.summary["settings"]["contrast"] == ["face", "/tmp/$(id)"]


def test_a_link_in_the_output_folder_is_not_followed(six_runs, tmp_path):
    """Someone else's rois.tsv, linked into the folder, is neither read nor written."""
    (tmp_path / "out").mkdir()
    (tmp_path / "theirs.tsv").write_text("theirs")
    (tmp_path / "out/rois.tsv").symlink_to(tmp_path / "theirs.tsv")
    with pytest.raises(FileExistsError, match="already holds rois.tsv"):
        extract.extract(six_runs, tmp_path / "out")
    (tmp_path / "theirs.tsv").unlink()  # now the link leads nowhere, and must not be filled
    with pytest.raises(FileExistsError, match="already holds rois.tsv"):
        extract.extract(six_runs, tmp_path / "out")
    assert everything(tmp_path / "out") == {"rois.tsv"} and not (tmp_path / "theirs.tsv").exists()

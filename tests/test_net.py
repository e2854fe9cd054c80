"""The nets hold: a helper that gives other answers turns notebooks red, and both comparers see each kind of change."""

import os
import re
import shutil
import subprocess
import sys
from itertools import islice

import nbformat
import pytest
from comparer import differences
from conftest import ROOT
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook, new_output

CAUGHT_BY = ("04_threshold", "05_intersection", "06_dilation", "07_connected_components", "08_roi_signals")


@pytest.mark.parametrize(("right", "wrong"), [("THRESHOLD = 5", "THRESHOLD = 4.5"), ("FWHM = 6", "FWHM = 5")])
def test_a_changed_default_is_caught(tmp_path, right, wrong):
    copy = tmp_path / "roilessons"
    shutil.copytree(ROOT / "roilessons", copy, ignore=shutil.ignore_patterns("__pycache__"))
    steps = (copy / "steps.py").read_text(encoding="utf-8")
    assert steps.count(f"\n{right} ") == 1
    (copy / "steps.py").write_text(steps.replace(f"\n{right} ", f"\n{wrong} "), encoding="utf-8")
    red = islice((lesson for lesson in CAUGHT_BY if turns_red(lesson, tmp_path)), 4)
    assert len(list(red)) == 4, "at most one lesson may not see it"


def nbval(path, *options, **settings):
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "--nbval", "--nbval-current-env"]
    command += ["--nbval-sanitize-with=tests/nbval_sanitize.cfg", *options, str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **settings)


def turns_red(lesson, path):
    done = nbval(f"notebooks/{lesson}.ipynb", "-x", env=os.environ | {"PYTHONPATH": str(path)})
    return done.returncode == 1 and "mismatch" in done.stdout


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def displayed(**data):
    return new_output("display_data", {kind.replace("_", "/"): text for kind, text in data.items()})


TABLE = "display({'text/html': '<td>212</td>', 'text/plain': '212'}, raw=True)"
FIGURE = "display({'text/html': '<img alt=\"3 voxels\" src=\"data:image/png;base64,AAAA\">', 'text/plain': '3 voxels'}, raw=True)"
SEEDED = {  # the code, and what is stored that it does not show
    "a number": ("print(0.318)", [printed("0.319\n")]),
    "a digit of an array": ("print([1.5, 2.25])", [printed("[1.5, 2.26]\n")]),
    "a result": ("40 + 2", [new_output("execute_result", {"text/plain": "43"}, execution_count=1)]),
    "a table": (TABLE, [displayed(text_html="<td>213</td>", text_plain="212")]),
    "the description of a figure": (FIGURE, [displayed(text_html='<img alt="4 voxels" src="data:image/png;base64,AAAA">', text_plain="3 voxels")]),
    "a form is gone": (TABLE, [displayed(text_html="<td>212</td>", text_plain="212", text_latex="212")]),
    "a form is new": (TABLE, [displayed(text_plain="212")]),
    "an output is gone": ("pass", [printed("212\n")]),
    "an output is new": ("print(212)", []),
    "an output more": (f"{TABLE}\n{TABLE}", [displayed(text_html="<td>212</td>", text_plain="212")]),
    "another order": ("print(1)\nprint(2)", [printed("2\n1\n")]),
    "another stream": ("print(212)", [printed("212\n", "stderr")]),
    "a warning": ("import sys\nprint(212)\nprint('deprecated', file=sys.stderr)", [printed("212\n")]),
    "an error": ("1 / 0", []),
}  # fmt: skip
ALIKE = {
    "the same": ("print(0.318)", [printed("0.318\n")]),
    "an address": ("print('<object at 0x7f0011223344>')", [printed("<object at 0x7f55667788aa>\n")]),
    "the pixels of a figure": (FIGURE, [displayed(text_html='<img alt="3 voxels" src="data:image/png;base64,BBBB">', text_plain="3 voxels")]),
}  # fmt: skip


def test_two_comparers_see_each_kind_of_change(tmp_path):
    cells = [new_code_cell(code, outputs=stored, execution_count=1) for code, stored in (SEEDED | ALIKE).values()]
    stored = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nbformat.write(stored, tmp_path / "seeded.ipynb")
    done = nbval(tmp_path / "seeded.ipynb", "-rf")
    assert [list(SEEDED | ALIKE)[int(cell)] for cell in re.findall(r"^FAILED .*::Cell (\d+)", done.stdout, re.M)] == list(SEEDED), done.stdout

    ran = NotebookClient(nbformat.read(tmp_path / "seeded.ipynb", as_version=4), allow_errors=True).execute()
    assert list(differences(stored, ran)) == list(range(len(SEEDED)))

"""Every number in a lesson's prose is one that the lesson has: `tools/prose_numbers.py` reads both."""

import copy
import re
import sys

import nbformat
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import prose_numbers  # noqa: E402 (its folder is known only now)

LESSONS = sorted((ROOT / "notebooks").glob("[01]*.ipynb"))[:17]  # the capstone and the quizzes compute nothing
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


@every_lesson
def test_every_number_is_supported(path):
    owed = prose_numbers.constants(path.stem, "owed")
    wrong = prose_numbers.unsupported(read(path), path.stem)
    assert not [f"{claim.text}: {claim.sentence}" for claim in wrong if abs(claim.value) not in owed]


@every_lesson
def test_what_is_listed_is_needed(path):
    """A constant that the prose no longer has, or a debt that is paid, leaves the list."""
    notebook, constants = read(path), prose_numbers.constants(path.stem)
    assert set(constants) <= {abs(claim.value) for claim in prose_numbers.claims(notebook)}
    wrong = {abs(claim.value) for claim in prose_numbers.unsupported(notebook, path.stem)}
    assert set(prose_numbers.constants(path.stem, "owed")) <= wrong
    assert len(constants) <= 12, "print it in the lesson"


@every_lesson
def test_no_number_is_owed(path):
    owed = prose_numbers.constants(path.stem, "owed")
    if owed:
        pytest.xfail(f"the lesson should print {owed}")


def test_the_list_names_lessons():
    listed = prose_numbers.tomllib.loads(prose_numbers.CONSTANTS.read_text(encoding="utf-8"))
    assert set(listed) <= {path.stem for path in LESSONS}
    assert all(set(kinds) <= {"constants", "owed"} for kinds in listed.values())


def spoilt(notebook):
    """A copy in which every supported number with decimals or three digits is another, and the number of those."""
    wrong, n_spoilt = copy.deepcopy(notebook), 0
    numbers = set().union(*prose_numbers.evidence(notebook))
    for claim in reversed(prose_numbers.claims(notebook)):
        match = re.match(r"[-−]?(\d[\d,]*\.\d+|\d{3,}|\d{1,3}(?:,\d{3})+)", claim.text)
        if match and any(prose_numbers.supports(claim, number) for number in numbers):
            source, last = wrong.cells[claim.cell].source, claim.start + match.end() - 1
            assert source[last].isdigit()
            digit = str((int(source[last]) + 3) % 10)
            wrong.cells[claim.cell].source = source[:last] + digit + source[last + 1 :]
            n_spoilt += 1
    return wrong, n_spoilt


@every_lesson
def test_a_wrong_number_is_noticed(path):
    """Also one that is off by three in its last digit; not each, because some other number of the lesson may be just that."""
    notebook = read(path)
    wrong, n_spoilt = spoilt(notebook)
    before = prose_numbers.unsupported(notebook, path.stem)
    noticed = len(prose_numbers.unsupported(wrong, path.stem)) - len(before)
    assert n_spoilt >= 2
    assert noticed > 0.5 * n_spoilt


@pytest.mark.parametrize(
    ("prose", "printed", "supported"),
    [
        ("It has 1,452 volumes.", "1,452", True),
        ("It has 1,452 volumes.", "1453", False),
        ("t is −9.8 there.", "-9.83", True),
        ("t is −9.8 there.", "9.83", False),
        ("It fell by 9.8.", "-9.83", True),
        ("It fell by 9.8.", "-9.86", False),
        ("A share of 12 % passed.", "0.118", True),
        ("A share of 12 per cent passed.", "0.128", False),
        ("A share of 0.12 passed.", "12 %", True),
        ("There are 41 voxels.", "40.7", False),
        ("There are about 41 voxels.", "40.7", True),
        ("There are 4,400 voxels.", "4,375", False),
        ("There are about 4,400 voxels.", "4,375", True),
        ("There are nearly 4,400 voxels.", "4,405", False),
        ("There are more than 4,300 voxels.", "4,375", True),
        ("There are more than 4,400 voxels.", "4,375", False),
        ("p is 1.1 · 10⁻¹² here.", "1.1e-12", True),
        ("p is 1.1 · 10⁻¹² here.", "1.1e-11", False),
        ("From 4 to 9.", "4 9", True),
        ("From 4 to 9.", "4 8", False),
        ("Four in five voxels are false.", "0.81", True),
        ("Four in five voxels are false.", "0.61", False),
        ("Nine volumes are worth less.", "9", True),
        ("Nine volumes are worth less.", "8", False),
        ("It is half as large.", "0.496", True),
        ("It is half as large.", "0.7", False),
        ("Twenty-five voxels.", "25", True),
        ("Twenty-five voxels.", "20 5", False),
        ("More than a thousand times too many.", "1,350", True),
        ("More than a thousand times too many.", "2,350", False),
        ("Every two and a half seconds.", "2.5", True),
        ("Every two and a half seconds.", "2", False),
        ("**Lesson 09** in [four](09_x.ipynb#5) cells: `int16`, 4D, `mask4_vt`; Glover, 1999, *NeuroImage* 9:416.", "4", True),
    ],
)
def test_how_a_number_is_read(prose, printed, supported):
    code = nbformat.v4.new_code_cell("show()", outputs=[nbformat.v4.new_output("stream", text=printed)])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(prose), code])
    assert prose_numbers.claims(notebook), "nothing was read"
    assert not prose_numbers.unsupported(notebook, "none") == supported


def test_what_depends_on_the_machine_supports_nothing():
    output = nbformat.v4.new_output("stream", text="731")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("It took 731 ms.")])
    notebook.cells.append(nbformat.v4.new_code_cell("# NBVAL_IGNORE_OUTPUT\nshow()", outputs=[output]))
    assert prose_numbers.unsupported(notebook, "none")
    notebook.cells[1].source = "show()"
    assert not prose_numbers.unsupported(notebook, "none")

"""The lessons as they are stored: clean, complete, readable without sight, and their links lead somewhere."""

import getpass
import re
import tempfile
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
COURSE = (
    "00_start_here", "01_coordinates_and_data", "02_smoothing", "03_t_test", "04_threshold", "05_intersection", "06_dilation",
    "07_connected_components", "08_roi_signals", "09_double_dipping", "10_time", "11_many_tests",
    "12_the_pipeline_again", "13_other_roads", "14_six_subjects", "15_your_own_data", "16_workbench",
)  # fmt: skip
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def printed(notebook):
    """What a cell prints or shows as text, without the cells whose output depends on the machine."""
    cells = [cell for cell in notebook.cells if "NBVAL_IGNORE_OUTPUT" not in cell.source]
    found = [output for cell in cells for output in cell.get("outputs", ())]
    return "\n".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in found)


def test_the_course_is_whole():
    assert tuple(path.stem for path in LESSONS) == COURSE


@every_lesson
def test_stored_executed_and_clean(path):
    notebook = read(path)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert set(notebook.metadata) == {"kernelspec", "language_info"}, "no widget state"
    for output in outputs(notebook):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.get("text")
    places = [str(ROOT.parent), str(Path.home()), tempfile.gettempdir(), f"/{getpass.getuser()}/", "/tmp/"]
    for cell in notebook.cells:
        if "NBVAL_IGNORE_OUTPUT" not in cell.source:
            text = "\n".join(str(output.get("text", "")) + str({k: v for k, v in output.get("data", {}).items() if k.startswith("text")})
                             for output in cell.get("outputs", ()))  # fmt: skip
            assert not [place for place in places if place + "/" in text or (place.endswith("/") and place in text)]
    assert path.stat().st_size < 2_000_000


@every_lesson
def test_every_figure_can_be_read_without_being_seen(path):
    figures = [output for output in outputs(read(path)) if "image/png" in output.get("data", {})]
    for figure in figures:
        description = figure.data["text/plain"]
        assert re.search(r"\d", description) and len(description) > 30, description
        alt = re.search(r'alt="([^"]+)"', figure.data["text/html"])
        assert alt and f"<figcaption>{alt[1]}</figcaption>" in figure.data["text/html"]
    if path.stem[:2] not in ("00", "16"):
        assert len(figures) >= 2
    assert figures


@every_lesson
def test_opening_and_closing(path):
    notebook = read(path)
    opening, text = notebook.cells[0].source, prose(notebook)
    assert opening.startswith(f"# {path.stem[:2]} · ")
    for words in ("**You will be able to**", "**You need**", "**Minutes**"):
        assert words in opening, words
    assert "## What you saw" in text and "misconception" in text.lower()
    number = int(path.stem[:2])
    if number < 16:
        assert f"({COURSE[number + 1]}.ipynb)" in notebook.cells[-1].source, "a link on"


@every_lesson
def test_enough_to_read_and_to_compare(path):
    notebook = read(path)
    numbers = re.findall(r"\d[\d,.]*", printed(notebook))
    assert len(numbers) >= 4
    if path.stem[:2] not in ("00", "16"):
        assert len(re.findall(r"[A-Za-z]{2,}", prose(notebook))) >= 600


def anchors(markdown):
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", markdown, re.M)}


PAGES = [*(ROOT / "notebooks").glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]


@pytest.mark.parametrize("path", [*LESSONS, *sorted(PAGES)], ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    text = prose(read(path)) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        assert linked.exists(), target
        if anchor:
            content = prose(read(linked)) if linked.suffix == ".ipynb" else linked.read_text(encoding="utf-8")
            assert anchor in anchors(content), target


def test_the_readme_lists_every_lesson():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"(notebooks/{name}.ipynb)" in text for name in COURSE)


def test_the_minutes_agree():
    """Those at the top of a lesson add up to those in the two tables of lessons."""
    for table in (prose(read(LESSONS[0])), (ROOT / "README.md").read_text(encoding="utf-8")):
        for path in LESSONS:
            listed = re.search(rf"^\| \[.*{path.name}\) \|.*\| (\d+) \|$", table, re.M)
            told = re.search(r"\*\*Minutes\*\*:\s((?:.|\n)*)", read(path).cells[0].source)
            assert sum(map(int, re.findall(r"\d+", told[1]))) == int(listed[1]), path.name


def test_terms_are_explained_at_first_use():
    """Whoever uses a glossary word in its lesson links it."""
    glossary = anchors((ROOT / "notebooks/glossary.md").read_text(encoding="utf-8"))
    wanted = "voxel bold affine fwhm t-statistic p-value mask conjunction dilation connectivity roi run contrast hrf autocorrelation fdr circular-analysis"
    assert set(wanted.split()) <= glossary
    linked = set(re.findall(r"glossary\.md#([\w-]+)", "\n".join(prose(read(path)) for path in LESSONS)))
    assert set(wanted.split()) <= linked

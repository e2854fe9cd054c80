"""The lessons as they are stored: clean, complete, readable without sight, and their links lead somewhere."""

import getpass
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
from reading_minutes import minutes  # noqa: E402 (its folder is known only now)

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
COURSE = (
    "00_start_here", "01_coordinates_and_data", "02_smoothing", "03_t_test", "04_threshold", "05_intersection", "06_dilation",
    "07_connected_components", "08_roi_signals", "09_double_dipping", "10_time", "11_many_tests",
    "12_the_pipeline_again", "13_other_roads", "14_six_subjects", "15_your_own_data", "16_workbench",
    "17_capstone", "quiz_1_tutorial", "quiz_2_inference", "quiz_3_practice",
)  # fmt: skip
QUIZ_AFTER = {"08": "quiz_1_tutorial", "13": "quiz_2_inference", "16": "quiz_3_practice"}
NOT_COMPARED = {"00_start_here": "print(rl.machine_report())"}


def read(path):
    return nbformat.read(path, as_version=4)


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def tags(cell):
    return cell.metadata.get("tags", [])


def is_ignored(cell):
    """Whether nbval does not compare what this cell shows."""
    return "NBVAL_IGNORE_OUTPUT" in cell.source or "nbval-ignore-output" in tags(cell)


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_the_course_is_whole():
    assert tuple(path.stem for path in LESSONS) == COURSE


def faults_of_storage(notebook):
    """What a stored lesson should not have."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if [cell.execution_count for cell in cells] != list(range(1, len(cells) + 1)):
        yield "its cells are not numbered 1, 2, 3, ..."
    if set(notebook.metadata) != {"kernelspec", "language_info"}:
        yield f"its metadata are {sorted(notebook.metadata)}"  # such as the state of widgets
    folders = [str(ROOT.parent), str(Path.home()), tempfile.gettempdir(), f"/{getpass.getuser()}/", "/tmp/"]
    for cell in cells:
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"it shows an error or a warning: {output}"
            data = {kind: text for kind, text in output.get("data", {}).items() if kind.startswith("text")}
            text = str(output.get("text", "")) + str(data)
            if not is_ignored(cell):
                yield from (f"it names {place}" for place in folders if place.rstrip("/") + "/" in text)


def test_stored_executed_and_clean():
    faults = [f"{path.stem}: {fault}" for path in LESSONS for fault in faults_of_storage(read(path))]
    faults += [f"{path.stem} is too large" for path in LESSONS if path.stat().st_size >= 2_000_000]
    assert not faults


def test_what_is_not_compared_is_listed_here():
    """Every other output is compared with the stored one."""
    found = {}
    for path in LESSONS:
        for cell in read(path).cells:
            other_ways = "NBVAL_(?!IGNORE_OUTPUT)|raises-exception|nbval-(?!ignore-output)"
            if cell.cell_type == "code" and re.search(other_ways, f"{cell.source}{cell.metadata}"):
                found[path.stem] = "other ways to be left out"
            elif cell.cell_type == "code" and is_ignored(cell):
                assert path.stem not in found, "one cell is enough"
                found[path.stem] = next(line for line in cell.source.split("\n") if "NBVAL_IGNORE_OUTPUT" not in line)
    assert found == NOT_COMPARED


def faults_of_figures(notebook, needed):
    figures = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    if len(figures) < needed:
        yield f"it has {len(figures)} figures"
    for figure in figures:
        description, html = figure.data["text/plain"], figure.data["text/html"]
        if not re.search(r"\d", description) or len(description) <= 30:
            yield f"a figure is described as {description!r}"
        alt = re.search(r'alt="([^"]+)"', html)
        if not alt or f"<figcaption>{alt[1]}</figcaption>" not in html:
            yield f"a figure has no alternative text: {description}"


def test_every_figure_can_be_read_without_being_seen():
    needed = {path: {"00": 1, "16": 1, "17": 0, "qu": 0}.get(path.stem[:2], 2) for path in LESSONS}
    assert not [f"{path.stem}: {fault}" for path in LESSONS for fault in faults_of_figures(read(path), needed[path])]


def test_opening_and_closing():
    missing = []
    for number, path in enumerate(LESSONS):
        notebook = read(path)
        opening, text, closing = notebook.cells[0].source, prose(notebook), notebook.cells[-1].source
        wanted = [(word, opening) for word in ("**You will be able to**", "**You need**", "**Minutes**")]
        wanted += [
            ("## What you saw", text),
            ("misconception", text.lower()),
            ("# Takeaway and quiz " if path.stem[0] == "q" else f"# {path.stem[:2]} · ", opening),
        ]
        wanted += [(f"({COURSE[number + 1]}.ipynb)", closing)] if number < 17 else []
        wanted += [(f"({QUIZ_AFTER[path.stem[:2]]}.ipynb)", closing)] if path.stem[:2] in QUIZ_AFTER else []
        missing += [f"{path.stem}: {word}" for word, where in wanted if word not in where]
    assert not missing


def anchors(markdown):
    return {
        re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", markdown, re.M)
    }


PAGES = [*(ROOT / "notebooks").glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]


def test_a_learner_sees_no_page_that_no_lesson_leads_to():
    """What is for teachers lies elsewhere."""
    linked = set(re.findall(r"\]\(([\w-]+\.md)", "\n".join(prose(read(path)) for path in LESSONS)))
    assert {path.name for path in (ROOT / "notebooks").rglob("*.md")} == linked


def text_of(path):
    return prose(read(path)) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")


def test_links_lead_somewhere():
    broken = []
    for path in [*LESSONS, *PAGES]:
        for target in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
            name, _, anchor = target.partition("#")
            linked = path.parent / name if name else path
            if not target.startswith("http") and not (linked.exists() and (not anchor or anchor in anchors(text_of(linked)))):
                broken.append(f"{path.name}: {target}")
    assert not broken


def test_the_readme_lists_every_lesson():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"(notebooks/{name}.ipynb)" in text for name in COURSE)


def told(path):
    """The minutes that a lesson says it takes: to read, for the exercises."""
    opening = re.search(r"\*\*Minutes\*\*:\s+(\d+) to read and run,\s+(\d+) for", read(path).cells[0].source)
    return int(opening[1]), int(opening[2])


def test_the_minutes_of_reading_are_counted():
    wrong = {path.stem: (told(path)[0], round(minutes(read(path)), 1)) for path in LESSONS}
    assert not {name: pair for name, pair in wrong.items() if abs(pair[0] - pair[1]) > 1}


def test_reading_is_counted_as_the_guide_says():
    code, markdown, folded = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell, {"jupyter": {"source_hidden": True}}
    cells = [
        markdown("word " * 300 + "**Predict** (2 minutes). " + "word " * 300),  # 2 minutes, and an exercise
        code("prediction = ...\ncheck.it.predict(prediction)"),
        code("check.it.compare()"), code("x = 1", metadata=folded), code("# yours"),  # 1 + 0.5
        markdown("## Exercises\n" + "word " * 300), code("x = 1"), markdown("## What you saw\n" + "word " * 147),  # 1
    ]  # fmt: skip
    assert round(minutes(nbformat.v4.new_notebook(cells=cells)), 2) == 4.5


def test_the_minutes_agree():
    """Those at the top of a lesson add up to those in the two tables of lessons, and to those of the parts in the guide."""
    for table in (prose(read(LESSONS[0])), (ROOT / "README.md").read_text(encoding="utf-8")):
        for path in (path for path in LESSONS if path.stem[0] != "q"):
            listed = re.search(rf"^\| \[.*{path.name}\) \|.*\| (\d+) \|$", table, re.M)
            assert sum(told(path)) == int(listed[1]), path.name
    guide = (ROOT / "docs/instructor_guide.md").read_text(encoding="utf-8")
    parts = re.findall(r"^\| \*\*.+ \| (\d\d)(?: to (\d\d))?(?:, quiz (\d))? \| (\d+) \| (\d+) \|$", guide, re.M)
    assert len(parts) == 4
    for first, last, quiz, *sums in parts:
        found = [path for path in LESSONS if first <= path.stem[:2] <= (last or first) or quiz and path.stem.startswith(f"quiz_{quiz}")]
        assert [sum(one) for one in zip(*map(told, found), strict=True)] == [int(one) for one in sums], first


def test_terms_are_explained_at_first_use():
    """Whoever uses a glossary word in its lesson links it."""
    glossary = anchors((ROOT / "notebooks/glossary.md").read_text(encoding="utf-8"))
    wanted = "voxel bold affine fwhm t-statistic p-value mask conjunction dilation connectivity roi run contrast hrf autocorrelation fdr circular-analysis"
    assert set(wanted.split()) <= glossary
    linked = set(re.findall(r"glossary\.md#([\w-]+)", "\n".join(prose(read(path)) for path in LESSONS)))
    assert set(wanted.split()) <= linked

"""Editions: nothing is given away in the student's, the teacher's solves itself, handouts need no other file and no network."""

import re
from copy import deepcopy
from html.parser import HTMLParser

import nbformat
import pytest
from comparer import differences
from conftest import ROOT
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from waiting import PATIENCE

from roilessons import check
from roilessons.app import cli
from roilessons.app.editions import editions, handout, key, solution_code, student, teacher

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
FIGURE = '<figure><img alt="A map: 3 voxels" src="data:image/png;base64,AAAA"><figcaption>A map: 3 voxels</figcaption></figure>'


def read(path):
    return nbformat.read(path, as_version=4)


def tags(cell):
    return cell.metadata.get("tags", [])


@pytest.fixture
def small():
    """A notebook with a cell of each kind."""
    drawn = new_output("display_data", {"text/html": FIGURE, "text/plain": "A map: 3 voxels"})
    printed = new_output("stream", name="stdout", text="You made no prediction. It is <212>.\n")
    ask = "## Exercises\n\nRun the cell. A solution is folded in below;\nopen it at the end. Good luck.\n\n**1. Choose** (2 minutes)."
    return new_notebook(
        cells=[
            new_markdown_cell("# 04 · Threshold\n\n[mask](glossary.md#mask), [next](05_intersection.ipynb), ![](images/steps.png)"),
            new_code_cell("# Figure: a map\ndraw()", metadata={"tags": ["figure"], "jupyter": {"source_hidden": True}}, outputs=[drawn]),
            new_code_cell("prediction = ...\ncheck.voxels.predict(prediction)"),
            new_code_cell(
                "check.voxels.compare()", metadata={"tags": ["reveals"], "jupyter": {"outputs_hidden": True}}, outputs=[printed, drawn]
            ),
            new_markdown_cell(ask),
            new_code_cell(f"answer = ...\ncheck.{next(iter(check.all_checks()))}(answer)"),
            new_markdown_cell(
                '<details><summary>A solution</summary>\n\n```python\nanswer = "z"\ncheck.x(answer)\n```\n\n</details>',
                metadata={"tags": ["solution"]},
            ),
        ]
    )


def test_the_student_gets_no_solution_and_no_answer(small):
    before = deepcopy(small)
    text = nbformat.writes(student(small))
    assert small == before
    for given_away in ("solution", "212", 'answer = \\"z\\"', "outputs_hidden", "open it at the end"):
        assert given_away not in text
    assert "Run the cell. Good luck." in text and "A map: 3 voxels" in text and "check.voxels.compare()" in text


def test_the_teacher_gets_code_to_run_and_a_key(small):
    made = teacher(small)
    nbformat.validate(made)
    assert [cell.source for cell in made.cells if "solution" in tags(cell)] == ['answer = "z"\ncheck.x(answer)']
    asked = next(iter(check.all_checks().values()))
    assert [cell.source for cell in made.cells if "key" in tags(cell)] == [key(asked)]
    places = [number for number, cell in enumerate(made.cells) if tags(cell) and tags(cell)[0] in ("key", "solution")]
    assert places == [6, 7]


def test_a_key_has_the_answer_the_hints_and_the_mistakes():
    for name, exercise in check.all_checks().items():
        if exercise.place == "lesson_09" and exercise.task == "choose":
            text = key(exercise).replace("\\", "")
            letter, why = exercise.reveal()
            assert f"**{letter}**. {why}" in text and all(hint in text for hint in exercise.hints), name
            assert all(f"- {given}: {sentence}" in text for given, sentence in exercise.mistakes()), name


def test_a_key_says_why_it_cannot_be_computed():
    def unreachable():
        raise OSError("/data is not there.")

    asked = next(one for one in check.all_checks().values() if one.place == "lesson_09" and one.task == "choose")
    from dataclasses import replace

    assert "cannot be computed here: /data is not there." in key(replace(asked, reveal=unreachable))


class Page(HTMLParser):
    """What a page of HTML asks for, and what of it is folded."""

    def __init__(self, text):
        super().__init__()
        self.asked, self.folded, self.text, self.depth, self.ids, self.links = [], "", "", 0, set(), []
        self.images, self.skip = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.depth += tag == "details"
        self.skip = tag in ("style", "script")
        if tag in ("script", "link", "img", "iframe", "source"):
            self.asked += [value for name, value in attributes if name in ("src", "href")]
        if tag == "img":
            self.images.append(given.get("alt"))
        if re.fullmatch(r"h\d", tag):
            self.ids.add(given.get("id"))
        if tag == "a":
            self.links.append(given.get("href", ""))

    def handle_endtag(self, tag):
        self.depth -= tag == "details"
        self.skip = False

    def handle_data(self, data):
        if self.skip:
            return
        if self.depth:
            self.folded += data
        else:
            self.text += data


def test_a_handout_folds_what_gives_an_answer_away_and_asks_for_nothing(small):
    page = Page(handout(small, ROOT / "notebooks/04_threshold.ipynb"))
    assert page.depth == 0 and all(url.startswith("data:") for url in page.asked)
    assert "<212>" in page.folded and '"z"' in page.folded
    assert "<212>" not in page.text and '"z"' not in page.text and "draw()" not in page.text
    assert {"glossary.html#mask", "05_intersection.html"} <= set(page.links)
    assert page.images.count("A map: 3 voxels") == 2


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Editions of a small course."""
    folder = tmp_path_factory.mktemp("course")
    source, out = folder / "notebooks", folder / "new" / "out"
    (source / "images").mkdir(parents=True)
    (source / "images/steps.png").write_bytes((ROOT / "notebooks/images/steps.png").read_bytes())
    (source / "glossary.md").write_text("# Glossary\n\n## t-statistic\nA number.\n", encoding="utf-8")
    (source / "00_a.ipynb").write_text(nbformat.writes(new_notebook(cells=[new_markdown_cell("# A")])), encoding="utf-8")
    said = []
    editions(source, out, said.append)
    return source, out, said


def test_three_folders_are_written(course):
    source, out, said = course
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    notebooks = {f"{edition}/{name}" for edition in ("student", "teacher") for name in ("00_a.ipynb", "glossary.md", "images/steps.png")}
    assert files == notebooks | {"handout/00_a.html", "handout/glossary.html"} and said == ["00_a"]
    assert "t-statistic" in Page((out / "handout/glossary.html").read_text(encoding="utf-8")).ids


def test_what_is_there_already_is_kept(course, tmp_path, capsys):
    source, _, _ = course
    (tmp_path / "mine.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "mine.txt"):
        assert cli.main(["editions", str(out)]) == 1
        assert capsys.readouterr().err == f"roilessons: {out} is there already and is kept; choose another name.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def own_lines(notebook):
    """The lines of each solution that the lesson has nowhere else; the whole of one that only leaves something out."""
    elsewhere = "\n".join(cell.source for cell in notebook.cells if "solution" not in tags(cell))
    found = []
    for code in (solution_code(cell) for cell in notebook.cells if "solution" in tags(cell)):
        lines = [line.strip() for line in code.splitlines() if len(line.strip()) >= 12]
        found.append([line for line in lines if line not in elsewhere] or [code])
    return found


@every_lesson
def test_no_solution_is_left_in_a_students_lesson(path):
    notebook = read(path)
    text = "\n".join(cell.source + str(cell.get("outputs", "")) for cell in student(notebook).cells)
    solutions = [cell for cell in notebook.cells if "solution" in tags(cell)]
    assert (solutions or not path.stem[:2].isdigit()) and "details" not in text and "solution" not in re.sub(r"\bdis?solution", "", text.partition("## Exercises")[2])
    for own in own_lines(notebook):
        assert not [line for line in own if line in text]
    for exercise in check.all_checks().values():
        if exercise.place == check.module_of(path.stem) and exercise.task == "choose":
            assert exercise.reveal()[1] not in text


@every_lesson
def test_every_handout_is_whole(path):
    page = Page(handout(read(path), path))
    assert page.depth == 0 and all(url.startswith("data:") for url in page.asked)
    assert all(page.images), "a picture without alternative text"
    for own in own_lines(read(path)):
        assert all(line in page.folded and line not in page.text for line in own)


@every_lesson
def test_the_teachers_lesson_passes_every_check(path, tmp_path):
    """And shows all that the stored lesson shows: a second comparer beside nbval (`test_net.py` seeds changes into both)."""
    made = teacher(read(path))
    NotebookClient(made, timeout=PATIENCE, startup_timeout=PATIENCE, coalesce_streams=True, resources={"metadata": {"path": str(tmp_path)}}).execute()  # raises what a cell raises
    for cell in made.cells:
        if cell.cell_type == "code" and "solution" in tags(cell):
            shown = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
            assert "✓ Right." in shown, (cell.source, shown)
    score = r"\d+ of (\d+ in this lesson right)", r"_ of \1"  # here the solutions were given, too
    assert not differences(read(path), made, score)

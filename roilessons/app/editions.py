"""``roilessons editions``: the lessons for students, for teachers, and as pages to hand out, from one source.

A cell's tags say what it is: `solution`, a folded text cell with the code that solves the exercise above it; `reveals`, a cell
whose output answers a prediction asked before it; `figure`, a cell whose code only draws.
"""

import re
import shutil
from base64 import b64encode
from copy import deepcopy
from html import escape
from pathlib import Path

import nbformat
import numpy as np
from nbconvert import HTMLExporter
from nbconvert.preprocessors import Preprocessor
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from roilessons.check import all_checks
from roilessons.check.reading import written
from roilessons.files import new_folder

TEMPLATES = Path(__file__).resolve().parent / "jupyter/nbconvert/templates"
TITLES = {
    "predict": "Predict", "choose": "Choose", "compute": "Compute", "write": "Write a function", "repair": "Repair",
    "transfer": "Transfer",
}  # fmt: skip


def editions(source, out, say=print):
    """Write the editions of all lessons to OUT/student, OUT/teacher and OUT/handout.

    Parameters
    ----------
    source, out : path
        The folder of the lessons; a new or an empty folder.
    say : function
        Gets a line of text for each lesson that is done.

    Raises
    ------
    FileExistsError
        If there is something in the folder already. It is kept.
    """
    with new_folder(out) as draft:
        for path in sorted(Path(source).iterdir()):
            if path.suffix == ".ipynb":
                notebook = nbformat.read(path, as_version=4)
                write(student(notebook), draft / "student" / path.name)
                write(teacher(notebook), draft / "teacher" / path.name)
                write_text(handout(notebook, path), draft / "handout" / f"{path.stem}.html")
                say(path.stem)
            elif path.suffix == ".md":
                text = path.read_text(encoding="utf-8")
                for edition in ("student", "teacher"):
                    write_text(text, draft / edition / path.name)
                write_text(handout(new_notebook(cells=[new_markdown_cell(text)]), path), draft / "handout" / f"{path.stem}.html")
            elif path.is_dir() and not path.name.startswith("."):
                for edition in ("student", "teacher"):
                    shutil.copytree(path, draft / edition / path.name, ignore=shutil.ignore_patterns(".*"))


def write(notebook, path):
    write_text(nbformat.writes(notebook), path)


def write_text(text, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def has_tag(cell, tag):
    return tag in cell.metadata.get("tags", ())


def solution_code(cell):
    """The code in a cell with a solution."""
    return re.search(r"^```python\n(.*?)^```", cell.source, re.S | re.M)[1].rstrip()


def exercises_in(cell):
    """The names of the exercises that a cell of code asks for."""
    return re.findall(r"\bcheck\.(\w+)(?:\.predict)?\(", cell.source) if cell.cell_type == "code" else []


def student(notebook):
    """A copy without solutions, and without the outputs between a prediction and its comparison; later ones may have its number."""
    notebook = deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if not has_tag(cell, "solution")]
    for cell in notebook.cells:
        if has_tag(cell, "reveals"):
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("jupyter", None)  # nothing is left to be folded
        elif cell.cell_type == "markdown" and "## Exercises" in cell.source:
            cell.source = re.sub(r"(?:(?<=[.:]\s)|^)[^.\n][^.]*?\bsolution\b[^.]*\.[ ]?", "", cell.source, flags=re.M).rstrip()
    return notebook


def teacher(notebook):
    """A copy with the solutions as code to be run, and a key below each exercise: right answer, hints, known mistakes."""
    notebook, checks, cells = deepcopy(notebook), all_checks(), []
    for cell in notebook.cells:
        if has_tag(cell, "solution"):
            cell = new_code_cell(solution_code(cell), id=cell.id, metadata={"tags": ["solution"]})
        cells.append(cell)
        for name in exercises_in(cell) if not has_tag(cell, "solution") else ():
            if name in checks:
                cells.append(new_markdown_cell(key(checks[name]), id=f"key-{len(cells)}", metadata={"tags": ["key"]}))
    notebook.cells = cells
    return notebook


def key(check):
    """What a teacher wants to know of an exercise, as Markdown."""
    lines = [f"**Key.** {TITLES[check.task]}, {check.minutes} minute{'s' * (check.minutes != 1)}: {plain(check.kind)}."]
    try:
        if check.reveal:
            value, why = check.reveal()
            lines.append(f"Right: **{plain(value)}**. {plain(why)}")
        hints = [plain(hint() if callable(hint) else hint) for hint in check.hints]
        mistakes = [(answer_in_words(value), plain(sentence)) for value, sentence in check.mistakes()]
    except Exception as error:  # the subject is out of reach, and the rest of the edition is not
        return "\n\n".join([*lines, f"The key cannot be computed here: {plain(error)}"])
    lines.append("\n".join(["Hints:", "", *(f"{number}. {hint}" for number, hint in enumerate(hints, start=1))]))
    if mistakes:
        lines.append("\n".join(["Known mistakes, and what is said of them:", "", *(f"- {given}{text}" for given, text in mistakes)]))
    return "\n\n".join(lines)


def answer_in_words(value):
    if isinstance(value, (tuple, range)) and len(value):
        value = value[0]
    if isinstance(value, str):
        return f"{plain(value)}: "
    if callable(value) or np.ndim(value) or not np.isfinite(value):
        return ""
    return f"{written(value) if value % 1 == 0 or abs(value) >= 1e6 else f'{value:.4g}'}: "


def plain(text):
    """Text that Markdown takes as it is."""
    return re.sub(r"([\\`*_<>#|~$\[\]])", r"\\\1", str(text))


class Tags(Preprocessor):
    """For whoever reads and does not run: code that only draws is left out, and what answers a prediction is folded."""

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type == "code":
            if has_tag(cell, "figure") or cell.metadata.get("jupyter", {}).get("source_hidden"):
                cell.metadata["transient"] = {"remove_source": True}
            if has_tag(cell, "reveals") and cell.outputs:
                shown = "".join(map(as_html, cell.outputs))
                html = f"<details><summary>What this shows: open it after your prediction</summary>{shown}</details>"
                cell.outputs = [new_output("display_data", {"text/html": html})]
        else:
            folder = Path(resources["metadata"]["path"])
            text = re.sub(r"\]\(([\w-]+)\.(?:ipynb|md)(#[^)\s]*)?\)", r"](\1.html\2)", cell.source)
            cell.source = re.sub(r"\]\((images/[\w./-]+\.png)\)", lambda match: f"]({as_url(folder / match[1])})", text)
        return cell, resources


def as_html(output):
    data = output.get("data", {})
    if "text/html" in data:
        return data["text/html"]
    return f"<pre>{escape(output.get('text', '') or data.get('text/plain', ''))}</pre>"


def as_url(picture):
    return f"data:image/png;base64,{b64encode(picture.read_bytes()).decode()}"


def anchors(html):
    """Headings are found by the links of the lessons, which are in small letters."""
    return re.sub(r'(<h\d id=")([^"]+)"', lambda match: match[1] + re.sub(r"[^\w-]", "", match[2].lower()) + '"', html)


def handout(notebook, path):
    """A lesson as one page of HTML that needs no other file and no network; solutions are folded."""
    exporter = HTMLExporter(template_name="roilessons_handout", extra_template_basedirs=[str(TEMPLATES)], preprocessors=[Tags])
    resources = {"metadata": {"name": path.stem.replace("_", " "), "path": str(path.parent)}}
    return anchors(exporter.from_notebook_node(deepcopy(notebook), resources)[0])

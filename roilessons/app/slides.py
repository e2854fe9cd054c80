"""``roilessons slides``: a deck of slides for each part of the course, from the lessons' own figures and questions.

The slides of a lesson follow its order, so a question stands before its answer: its title; each question that asks for a
prediction, or that the text ends with before a figure; each figure with its description; what a prediction is compared with;
the questions with choices; and what was seen. Solutions are no slides. A cell with the tag `no-slide` is left out.
"""

import re
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from roilessons.app.editions import TEMPLATES, as_url, exercises_in, has_tag, plain, write_text
from roilessons.check import all_checks
from roilessons.files import new_folder

REVEAL = Path(__file__).resolve().parent / "jupyter/reveal.js"
PARTS = {  # the deck's file: its title, its first lesson, its last
    "1_tutorial": ("The tutorial, step by step", 0, 8),
    "2_inference": ("What the numbers are worth", 9, 13),
    "3_practice": ("Six subjects, your own data, the workbench", 14, 16),
}


def slides(source, out, say=print):
    """Write a deck for each part to `out`.

    As `roilessons.app.editions.editions`.
    """
    lessons = [path for path in sorted(Path(source).glob("*.ipynb")) if re.match(r"\d\d_", path.name)]
    with new_folder(out) as draft:
        for name, (title, first, last) in PARTS.items():
            if part := [path for path in lessons if first <= int(path.name[:2]) <= last]:
                write_text(deck(title, part), draft / f"{name}.html")
                say(name)


def deck(title, paths):
    """A part of the course as one page of HTML that needs no other file and no network.

    Parameters
    ----------
    title : str
    paths : list of Path
        Its lessons, in order.
    """
    cells, names = [], []
    for path in paths:
        made = slides_of(nbformat.read(path, as_version=4), path.parent)
        names.append(re.search(r"^# (.+)$", made[0].source, re.M)[1])
        cells += made
    opening = slide(f"# {title}\n\n" + "\n".join(f"- {name}" for name in names), "slide")
    exporter = SlidesExporter(template_name="roilessons_slides", extra_template_basedirs=[str(TEMPLATES)])
    resources = {
        "metadata": {"name": title},
        "reveal_js": (REVEAL / "reveal.js").read_text(encoding="utf-8"),
        "reveal_css": (REVEAL / "reveal.css").read_text(encoding="utf-8"),
    }
    return exporter.from_notebook_node(new_notebook(cells=[opening, *cells]), resources)[0]


def slides_of(notebook, folder):
    """The cells of a lesson's slides.

    Parameters
    ----------
    notebook : notebook
    folder : Path
        Where its pictures are.

    Returns
    -------
    list of cells
        Each begins a slide ("slide": that of a lesson; "subslide"), or goes on with the one before it ("-").
    """
    checks, cells = all_checks(), notebook.cells
    opening = cells[0].source.partition("**You will be able to**")[0]
    found, heading, n_questions = [slide(readable(opening, folder), "slide")], "", 0
    for before, cell in zip(cells, cells[1:], strict=False):
        if has_tag(cell, "no-slide") or has_tag(cell, "solution"):
            continue
        if cell.cell_type == "markdown":
            if seen := re.search(r"^## What you saw\n(.*)", cell.source, re.S | re.M):
                text = "\n\n".join(part for part in seen[1].strip().split("\n\n") if not re.match(r"\[Next|→", part))
                found.append(slide(f"## What you saw\n\n{readable(text, folder)}"))
            headings = re.findall(r"^## (.+)$", cell.source, re.M)
            heading = headings[-1] if headings else heading
            continue
        text = before.source if before.cell_type == "markdown" else ""
        for name in exercises_in(cell):
            if name in checks and "predict(" in cell.source:
                found.append(slide(f"## Predict\n\n{readable(question(text), folder)}"))
            elif name in checks and checks[name].task == "choose":
                n_questions += 1
                asked = re.split(r"^(?=\*\*\d+\. )", text, flags=re.M)[-1]
                asked = re.sub(r"^\*\*\d+\. (.+?)\*\*( \(\d+ minutes?\)\.?)?\s*", "", asked, count=1) or asked
                found.append(slide(f"## Question {n_questions}\n\n{readable(asked, folder)}"))
        for output in cell.get("outputs", ()):
            html = output.get("data", {}).get("text/html", "")
            if "<img" in html:
                last = text.strip().split("\n\n")[-1]
                if last.endswith("?") and not exercises_in(cell) and not last.startswith("#"):
                    found.append(slide(f"## {heading}\n\n{readable(last, folder)}" if heading else readable(last, folder)))
                found.append(slide(f"## {heading}"))
                shown = new_output("display_data", {"text/html": html})
                figure = new_code_cell("", outputs=[shown], metadata={"transient": {"remove_source": True}})
                figure.metadata["slideshow"] = {"slide_type": "-"}
                found.append(figure)
            elif compared := re.search(r"You made no prediction\. (.*)", output.get("text", ""), re.S):
                found.append(slide(f"## What it is\n\n{plain(' '.join(compared[1].split()))}"))
    return found


def slide(text, kind="subslide"):
    return new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def question(text):
    """From the paragraph that asks for a prediction to the end of a text."""
    parts = text.strip().split("\n\n")
    asking = [number for number, part in enumerate(parts) if "**Predict" in part]
    text = "\n\n".join(parts[asking[-1] if asking else -1 :])
    return re.sub(r"\*\*Predict[^*]*\*\*\s*(\(\d+ minutes?\)\.?:?)?\s*", "", text)


def readable(text, folder):
    """Text for a slide: links become words, pictures become part of the page."""
    text = re.sub(r"!\[([^\]]*)\]\((images/[\w./-]+\.png)\)", lambda match: f"![{match[1]}]({as_url(folder / match[2])})", text)
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!data:)[^)]*\)", r"\1", text).strip()

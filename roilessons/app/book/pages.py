"""A stored notebook as a page of the book: questions that answer there, terms with their explanation, folded answers."""

import json
import re
from copy import deepcopy
from html import escape

from nbformat.v4 import new_markdown_cell

from roilessons import __version__
from roilessons.app.book.live import calls_in, export, live_still
from roilessons.check import all_checks
from roilessons.explorer.explorer import STILL

BINDER = f"https://mybinder.org/v2/gh/roilessons/roilessons/v{__version__}?urlpath=lab/tree/notebooks/"
PARTS = {
    "The tutorial": ("00", "01", "02", "03", "04", "05", "06", "07", "08", "quiz_1"),
    "Inference": ("09", "10", "11", "12", "13", "quiz_2"),
    "Practice": ("14", "15", "16", "quiz_3", "17"),
}
CALL = re.compile(r"\bcheck\.(\w+?)(?:\.(predict|compare))?\(")


def title_of(notebook):
    return re.match(r"# (.+)", notebook.cells[0].source)[1].strip()


def minutes_of(notebook):
    """The minutes that a lesson states, its exercises included."""
    told = re.search(r"\*\*Minutes\*\*:((?:.|\n)*)", notebook.cells[0].source)[1]
    return sum(map(int, re.findall(r"\d+", told)))


def objectives_of(notebook):
    """What one will be able to do, as Markdown lines without the marks."""
    listed = re.search(r"\*\*You will be able to\*\*\n\n(.+?)\n\n", notebook.cells[0].source, re.S)[1]
    return [" ".join(item.split()) for item in re.split(r"^- ", listed, flags=re.M)[1:]]


def glossary_terms(text):
    """{anchor: explanation in plain words} of the glossary."""
    terms = {}
    for title, body in re.findall(r"^#+ (.+)\n+((?:(?!#).*\n?)+)", text, re.M):
        anchor = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        first = body.strip().split("\n\n")[0]
        plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", first).replace("*", "").replace("`", "").replace('"', "'")
        terms[anchor] = " ".join(plain.split())
    return terms


def with_capitals(glossary):
    """The glossary with headings as they are written in text: BOLD, Affine, t statistic. Links to them stay the same."""

    def heading(match):
        term, text = match.groups()
        written = text[: len(term)]  # an abbreviation is explained in capitals
        if written.lower() != term:
            written = term[0].upper() + term[1:] if term[1].isalpha() else term
        return f"## {written}\n{text}"

    return re.sub(r"^## (.+)\n(.+)", heading, glossary, flags=re.M)


def judged_by_page(stems):
    """{stem: names of the exercises, no predictions, that its page judges}."""
    judged = [check for check in all_checks().values() if check.on_page and check.task != "predict"]
    return {stem: names for stem in stems if (names := [one.name for one in judged if stem.startswith(one.place.removeprefix("lesson_"))])}


def book_page(notebook, stem, terms, store):
    """A copy of a notebook for the book; what its explorers need is put into the store.

    Links to the glossary carry the explanation as their title. A cell that asks for a letter or a number becomes a question that
    is judged on the page; one that asks for code says where it can be answered. Outputs that answer a prediction, and code that
    only draws, are folded.
    """
    page, checks = deepcopy(notebook), all_checks()
    cells = []
    for cell in page.cells:
        tags = cell.metadata.get("tags", [])
        if cell.source.strip() == "from roilessons import check":
            continue  # the page judges without it
        if cell.cell_type == "markdown":
            cell.source = with_explanations(for_readers(cell.source), terms)
            cells.append(cell)
            continue
        cell.metadata["tags"] = sorted(
            {*tags, *(["hide-output"] if "reveals" in tags else []), *(["hide-input"] if "figure" in tags else [])}
        )
        asked = [(name, step) for name, step in CALL.findall(cell.source) if name in checks]
        judged_here = [(name, step) for name, step in asked if checks[name].on_page]
        if asked and not any(step == "compare" for _, step in asked):
            name, step = asked[0]
            code = "" if judged_here else cell.source
            if code:
                cell.outputs = []
                cells.append(cell)
            cells.append(new_markdown_cell(question(checks[name], step or "answer", stem)))
            continue
        cells.append(cell)
        still = [output for output in cell.outputs if STILL in output.get("data", {}).get("text/html", "")]
        if still and (call := calls_in(cell.source)):
            cell.outputs = [output for output in cell.outputs if output is not still[0]]
            cells.append(new_markdown_cell(live_still(still[0].data["text/html"].replace(STILL, ""), export(store, *call)[0])))
        for name, _ in judged_here:
            without_verdict(cell, checks[name].on_page())
        cells += [new_markdown_cell(question(checks[name], step, stem)) for name, step in judged_here]
    page.cells = cells
    page.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    return page


def without_verdict(cell, asked):
    """Take from a stored output what the page tells each reader: what was predicted, and what it is."""
    told = f"You made no prediction. It is {asked['written']}. {asked['why']}".split()
    for output in cell.outputs:
        if "text" in output:
            output.text = re.sub(r"\s+".join(map(re.escape, told)) + r"\n?", "", output.text)


def for_readers(text):
    """Text without what it says of cells to be run."""
    return "\n\n".join(map(_for_readers, text.split("\n\n")))


def _for_readers(paragraph):
    if not re.search(r"`\.\.\.`\s.*\brun\s+the\s+cell", paragraph, re.S):
        return paragraph
    said = re.split(r"(?<=[.!?])\s+(?=[A-Z`])", paragraph)
    below = "Answer below each question." if paragraph.startswith("Replace") else ""
    return " ".join([below, *(one for one in said if not re.search(r"`\.\.\.`|\.hint\(\)", one))]).strip()


def with_explanations(text, terms):
    def explained(match):
        meaning = terms.get(match[2])
        return match[0] if meaning is None else f'[{match[1]}](glossary.md#{match[2]} "{meaning}")'

    return re.sub(r"\[([^\]]+)\]\(glossary\.md#([\w-]+)\)", explained, text)


def question(check, step, stem):
    """One exercise as HTML; static/questions.js makes a form of it."""
    link = f'<a href="{BINDER}{stem}.ipynb">Open this lesson on Binder</a>'
    if not check.on_page:
        return f'<p class="in-notebook">This exercise asks for code. {link}, or run it on your machine, to have your answer checked.</p>'
    data = {"name": check.name, "page": stem, "task": check.task, "step": step, "kind": check.kind, **check.on_page()}
    data["hints"] = [hint() if callable(hint) else hint for hint in check.hints]
    inside = json.dumps(data, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
    return (
        f'<div class="question" data-exercise="{escape(check.name)}"><p class="in-notebook">{link} to have your answer checked.</p>'
        f'<script type="application/json">{inside}</script></div>'
    )


def by_part(notebooks):
    """[(part, [stem, ...]), ...] in the order of the course."""
    return [
        (part, [stem for start in starts for stem in notebooks if stem.startswith(start)]) for part, starts in PARTS.items()
    ]


def table_of_contents(notebooks, teaching):
    """What Sphinx reads as the order of the pages."""
    trees = []
    for caption, pages in [*by_part(notebooks), ("Words and teaching", ["glossary", *teaching])]:
        trees.append("\n".join(["```{toctree}", f":caption: {caption}", ":hidden:", "", *pages, "```"]))
    return "\n\n".join(trees)


def front_page(notebooks, contents, brain):
    """The first page: the question, a live brain, three ways in, and what is taught where."""
    lines = []
    for part, stems in by_part(notebooks):
        lines += [f"### {part}", "", "| page | you will be able to | minutes |", "|---|---|---|"]
        for stem in stems:
            aims = "; ".join(aim.rstrip(".;") for aim in objectives_of(notebooks[stem])[:2])
            lines.append(f"| [{title_of(notebooks[stem])}]({stem}.ipynb) | {aims} | {minutes_of(notebooks[stem])} |")
        lines.append("")
    hours = round(sum(minutes_of(one) for stem, one in notebooks.items() if not stem.startswith("17")) / 60)
    return FRONT.format(
        binder=f"{BINDER}00_start_here.ipynb", hours=hours, lessons="\n".join(lines), contents=contents, brain=brain
    )


FRONT = """# Which part of this brain tells faces from houses, and how sure can you be?

A course on one subject: computing a region of interest (ROI) from fMRI data, step by step, from the raw series to the signals of each region; and
then once more, so that the result holds.

**For whom:** students who know variables, functions and arrays in Python, and nothing yet of fMRI. **How long:** about {hours} hours with all exercises, and the capstone.
Each lesson stands alone and takes less than an hour.

Here is the brain of the course's simulated subject. Coloured is where it responds differently to faces and to houses. Move the threshold, look only where
anatomy says, let the mask grow: which regions would you believe?

{brain}

## Three ways in

<div class="ways"><div>

**Read here.** Every lesson with its figures. Questions that need a letter or a number are judged on the page; what you have solved is kept in this browser
and sent nowhere.

<a class="begin" href="00_start_here.html">Begin with lesson 00</a>

</div><div>

**In the browser, with code.** The lessons as notebooks that run. Nothing is installed. It takes a minute or two to start.

<a class="begin" href="{binder}">Open the lessons on Binder</a>

</div><div>

**On your machine.** With Python 3.11 or newer, in a copy of the [repository](https://github.com/roilessons/roilessons):

```
python -m roilessons lab
```

installs what is needed and opens the lessons. After that no network is needed.

</div></div>

<div id="progress"></div>

## Six steps, and then the question what they are worth

![Six steps on one brain, from the mean image to the regions of interest](images/steps.png)

## The lessons

{lessons}

## For teachers

Plans, questions and what students get wrong: the [instructor guide](instructor_guide.md). To take away, without a network:
<a href="slides/1_tutorial.html">slides of the tutorial</a>, <a href="slides/2_inference.html">of inference</a>, <a href="slides/3_practice.html">of practice</a>;
<a href="student.zip">the lessons without solutions</a>. `python -m roilessons editions` makes the teachers' edition.

{contents}
"""

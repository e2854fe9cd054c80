"""Slides: a question stands before its answer, no solution is shown, every figure is described, no network is needed."""

import re

import nbformat
import pytest
from browser import browser_page, find_chromium
from conftest import ROOT, need
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from test_editions import Page

from roilessons import check
from roilessons.app import cli
from roilessons.app.slides import PARTS, slides, slides_of

LESSONS = sorted(path for path in (ROOT / "notebooks").glob("*.ipynb") if re.match(r"\d\d_", path.name))
FIGURE = '<figure><img alt="A map: 3 voxels" src="data:image/png;base64,AAAA"><figcaption>A map: 3 voxels</figcaption></figure>'
CHOICE = next(name for name, exercise in check.all_checks().items() if exercise.task == "choose")


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    """The decks by name, as text."""
    out = tmp_path_factory.mktemp("slides") / "decks"
    slides(ROOT / "notebooks", out, say=lambda name: None)
    return {path.stem: path.read_text(encoding="utf-8") for path in out.iterdir()}


def test_every_lesson_is_in_one_part():
    in_parts = [number for _, first, last in PARTS.values() for number in range(first, last + 1)]
    numbers = [int(path.name[:2]) for path in LESSONS if check.module_of(path.stem).startswith("lesson")]
    assert in_parts == numbers


def test_what_becomes_a_slide():
    drawn = new_output("display_data", {"text/html": FIGURE, "text/plain": "A map: 3 voxels"})
    compared = new_output("stream", name="stdout", text="voxels: 212\nYou made no prediction. It is 212. A *high* threshold\nkeeps few.\n")
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# 04 · Threshold\n\nA [mask](glossary.md#mask) of yes and no.\n\n**You will be able to**\n\n- count"),
            new_markdown_cell("## Where are they?\n\nLong prose.\n\nWhich of them lie outside?"),
            new_code_cell("draw()", outputs=[drawn]),
            new_markdown_cell("More prose.\n\n**Predict** (2 minutes). How many at 8?"),
            new_code_cell("prediction = ...\ncheck.NAME.predict(prediction)".replace("NAME", CHOICE)),
            new_code_cell(f"check.{CHOICE}.compare()", outputs=[compared], metadata={"tags": ["reveals"]}),
            new_code_cell("draw()", outputs=[drawn], metadata={"tags": ["no-slide"]}),
            new_markdown_cell("## Exercises\n\nReplace.\n\n**1. Choose** (2 minutes). Which one?\n\n- **a** this\n- **b** that"),
            new_code_cell(f"answer = ...\ncheck.{CHOICE}(answer)"),
            new_markdown_cell('<details>answer = "a"</details>', metadata={"tags": ["solution"]}),
            new_markdown_cell("## What you saw\n\nMuch.\n\n[Next: 05](05_intersection.ipynb)"),
        ]
    )
    made = slides_of(notebook, ROOT / "notebooks")
    assert [(cell.metadata.slideshow.slide_type, cell.source) for cell in made] == [
        ("slide", "# 04 · Threshold\n\nA mask of yes and no."),
        ("subslide", "## Where are they?\n\nWhich of them lie outside?"),
        ("subslide", "## Where are they?"),
        ("-", ""),
        ("subslide", "## Predict\n\nHow many at 8?"),
        ("subslide", "## What it is\n\nIt is 212. A \\*high\\* threshold keeps few."),
        ("subslide", "## Question 1\n\nWhich one?\n\n- **a** this\n- **b** that"),
        ("subslide", "## What you saw\n\nMuch."),
    ]
    assert made[3].outputs[0].data["text/html"] == FIGURE


def test_decks_are_whole_and_need_no_network(decks):
    assert sorted(decks) == sorted(PARTS)
    for name, text in decks.items():
        page = Page(text)
        assert all(url.startswith("data:") for url in page.asked), name
        assert page.images and all(page.images), "a figure without a description"
        assert "A solution" not in text and "check." not in page.text
        _, first, last = PARTS[name]
        for path in LESSONS[first : last + 1]:
            title = nbformat.read(path, as_version=4).cells[0].source.partition("\n")[0].removeprefix("# ")
            assert page.text.count(title) >= 2  # in the list, and on its own slide


def test_answers_come_after_questions(decks):
    """What a prediction is compared with is on a later slide than the question, and no choice has its reason on any."""
    pages = {name: " ".join(Page(text).text.split()) for name, text in decks.items()}
    for exercise in check.all_checks().values():
        if exercise.task == "choose" and exercise.place.startswith("lesson_"):
            assert not [name for name, text in pages.items() if exercise.reveal()[1] in text], exercise.name
    for text in pages.values():
        kinds = re.findall(r"¶(Predict|What it is)¶|\b(Predict|What it is)¶", text)
        order = [first or second for first, second in kinds]
        assert all(order[place - 1] == "Predict" for place, one in enumerate(order) if one == "What it is")


def test_decks_are_not_written_over_what_is_there(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.main(["slides", str(tmp_path)]) == 1
    assert "is kept" in capsys.readouterr().err and [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_slides_turn_and_fit_in_a_browser(decks, tmp_path):
    need(find_chromium(), "Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, browser_page(playwright) as page:
        for name, text in decks.items():
            deck = tmp_path / f"{name}.html"
            deck.write_text(text, encoding="utf-8")
            page.goto(deck.as_uri())
            page.wait_for_function("window.Reveal && Reveal.isReady()")
            total, seen = page.evaluate("Reveal.getTotalSlides()"), []
            for _ in range(total):
                seen.append(page.evaluate("Reveal.getCurrentSlide().innerText"))
                height = page.evaluate("Reveal.getCurrentSlide().scrollHeight")
                assert height <= 720, f"{name}: a slide does not fit: {seen[-1][:200]}"
                page.keyboard.press("Space")
            assert len({*seen}) > 0.8 * total and all(text.strip() for text in seen), name
        assert not page.strangers and not page.errors

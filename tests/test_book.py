"""The course as a site: every page, its questions and its explorers, without a kernel and without other hosts."""

import contextlib
import functools
import gzip
import http.server
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import axe_playwright_python
import nbformat
import nibabel as nib
import numpy as np
import playwright
import pytest
from browser import QUIET, find_chromium
from conftest import ROOT, need
from playwright.sync_api import sync_playwright
from waiting import PATIENCE

import roilessons as rl
from roilessons import check, figures
from roilessons.app import cli
from roilessons.app.book.build import build_book
from roilessons.app.book.live import calls_in
from roilessons.app.book.pages import judged_by_page
from roilessons.check.judging import choice, number
from roilessons.explorer import decisions

NODE = shutil.which("node") or str(Path(playwright.__file__).parent / "driver/node")
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The book, built while no other machine can be reached."""

    def refuse(self, address):
        raise AssertionError(f"something tried to reach {address}")

    out = tmp_path_factory.mktemp("book") / "site"
    with pytest.MonkeyPatch.context() as cut:
        cut.setattr(socket.socket, "connect", refuse)
        cut.setattr(socket.socket, "connect_ex", refuse)
        build_book(ROOT / "notebooks", out, ROOT / "docs", say=lambda _: None)
    return out


@contextlib.contextmanager
def serving(site):
    """Serve the site until the end, and then no more."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def address(site):
    with serving(site) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=need(find_chromium(), "Chromium"), args=QUIET, timeout=PATIENCE * 1000)
        yield browser
        browser.close()


def new_context(chromium, **options):
    context = chromium.new_context(**options)
    context.set_default_timeout(PATIENCE * 1000)
    return context


@pytest.fixture(scope="module")
def visitor(chromium, address):
    """Opens a page of a new visitor; that it asks no other host and logs no error is checked at its end."""

    @contextlib.contextmanager
    def visit():
        context = new_context(chromium, viewport={"width": 1366, "height": 768})
        page, strangers, errors = context.new_page(), [], []
        page.on("request", lambda request: request.url.startswith((address, "data:", "blob:")) or strangers.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        yield page
        assert not strangers and not errors
        context.close()

    return visit


@pytest.fixture
def page(visitor):
    with visitor() as page:
        yield page


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.loads, self.ids, self.open = [], [], set(), []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids.add(given.get("id"))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("script", "img", "iframe") and given.get("src") or tag == "link" and "stylesheet" in given.get("rel", ""):
            self.loads.append(given.get("src") or given["href"])
        if tag == "details" and "open" in given:
            self.open.append(given)


def read(path):
    links = Links()
    links.feed(path.read_text(encoding="utf-8"))
    return links


def test_every_page_is_there_and_every_link_leads_somewhere(site):
    pages = {path.relative_to(site).as_posix(): read(path) for path in site.glob("*.html")}
    assert {f"{path.stem}.html" for path in NOTEBOOKS} | {
        "index.html",
        "glossary.html",
        "instructor_guide.html",
        "hub.html",
    } <= pages.keys()
    broken = []
    for name, page in pages.items():
        assert not [one for one in page.loads if urlsplit(one).netloc], name
        for link in page.links:
            parts = urlsplit(link)
            if source := re.search(r"/edit/main/(.+)|urlpath=lab/tree/(.+)", link):
                assert (ROOT / (source[1] or source[2])).is_file(), link
            if parts.scheme or parts.netloc:
                continue
            target = site / unquote(parts.path) if parts.path else site / name
            inside = pages.get(target.name) if target.suffix == ".html" else None
            if not target.exists() or inside and parts.fragment and unquote(parts.fragment) not in inside.ids:
                broken.append(f"{name}: {link}")
    assert not broken


def test_icons_are_drawn_in_the_page(site):
    assert not list(site.rglob("fontawesome.js"))
    html = (site / "04_threshold.html").read_text(encoding="utf-8")
    assert len(re.findall(r'<svg class="[^"]*fa-rocket[^>]*><path [^>]*d="M[^"]{100,}"', html)) == 1
    assert not re.search(r'<(i|span) class="[^"]*\bfa-', html)


def test_solutions_are_closed_and_what_answers_a_prediction_is_folded(site):
    for path in NOTEBOOKS:
        html = (site / f"{path.stem}.html").read_text(encoding="utf-8")
        assert not read(site / f"{path.stem}.html").open, path.stem
        solutions = [cell for cell in nbformat.read(path, as_version=4).cells if "solution" in cell.metadata.get("tags", [])]
        assert html.count("<summary>A solution</summary>") == len(solutions)
        outside = re.sub(r"<details.*?</details>", "", html, flags=re.S)
        assert "<summary>A solution" not in outside and "You made no prediction" not in re.sub(
            r"<script.*?</script>", "", outside, flags=re.S
        ), path.stem


@number("a number", "first", "second", otherwise="Otherwise.", decimals=2)
def hard_number():
    yield 0.125, "Why."
    yield (0.135, 12.5), "Two that count alike."
    yield 0.000853, "A thousandth."
    yield float("nan"), "Not to be had."
    yield 5.0, "One mistake."
    yield 5.0001, "Another, the same number."


@number("a whole number", "first", "second", otherwise="Otherwise.")
def hard_count():
    yield 108, "Why."
    yield range(200, 300), "Too many."
    yield 17.5, "Half."
    yield -3, "Negative."


letter = choice("b", "Why.", "first", "second", a="A.", c="C.")


def answers_to(data):
    """Answers near and far from what a question knows."""
    if "letters" in data:
        return ["a", "b", "c", "d", "(B)", "b.", "e", ""]
    known = [data["right"], *(value for value, _ in data["mistakes"])]
    values = [0.0, 1.0, -1.0, 0.1, 2.675, 1e-5, 123456.789]
    for value in known:
        values += (
            value if isinstance(value, list) else [value["start"], value["start"] + 1] if isinstance(value, dict) else [value]
        )
    digits = data["decimals"] or 0
    near = {value + by * 10.0**-digits for value in values for by in (0, 1.1, -0.9, 0.501, -0.499, 1.9, -1.9, 2.2, 3)}
    rounded = {round(value, places) for value in values for places in range(digits + 3)}
    return sorted(map(repr, map(float, near | rounded | {-value for value in values}))) + ["many", "nan", "1,5", "0x10", "3 mm"]


def test_questions_are_judged_as_in_python():
    """Each that a page can judge, with many answers: the same code and the same sentence."""
    exercises = [one for one in check.all_checks().values() if one.on_page] + [hard_number, hard_count, letter]
    asked = []
    for exercise in exercises:
        data = json.loads(json.dumps(exercise.on_page() | {"kind": exercise.kind}, allow_nan=False))
        asked += [(exercise, {"question": data, "given": given}) for given in answers_to(data)]
    script = [NODE, str(ROOT / "tests/judging.mjs"), str(ROOT / "roilessons/app/book/static/judging.js")]
    run = subprocess.run(script, input=json.dumps([one for _, one in asked]), capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    assert len(asked) > 2000
    different = []
    for (exercise, one), found in zip(asked, json.loads(run.stdout), strict=True):
        try:
            given = one["given"] if "letters" in one["question"] else float(one["given"])
        except ValueError:
            given = one["given"]
        verdict = exercise.verdict(given)
        if found["code"] != verdict.code or found["code"] != "unreadable" and found["sentence"] != verdict.sentence:
            different.append((exercise.name, one["given"], found, verdict))
    assert not different, different[:5]


def violations(page, rules=("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")):
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, preload: false}).then(all => all.violations)", list(rules)
    )
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}" for one in found]


def use(page):
    """Answer all questions of a page, open all that is folded, and move its explorers."""
    for form in page.locator(".question form").all():
        field = form.locator("input").first
        field.check() if field.get_attribute("type") == "radio" else field.fill("1")
        form.locator("button[type=submit]").click()
    for button in page.locator(".question > button").all():
        button.click()
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    for place in page.locator(".live-explorer").all():
        place.scroll_into_view_if_needed()
        place.locator(".roilessons-readout").wait_for()
        place.locator("input").last.press("ArrowRight")


def test_every_page_is_light_fits_every_screen_and_is_accessible(visitor, address, site):
    faults = []
    for path in sorted(site.glob("*.html")):
        with visitor() as page:
            sizes = {}
            page.on(
                "response",
                lambda response, sizes=sizes: sizes.update({response.url: int(response.headers.get("content-length", 0))}),
            )
            page.goto(f"{address}/{path.name}")
            page.wait_for_load_state("networkidle")
            weight = sum(size for url, size in sizes.items() if "/explorers/" not in url)
            if not 300_000 < weight <= 1_000_000:
                faults.append(f"{path.name} weighs {weight} bytes")
            for width in (360, 768, 1366):
                page.set_viewport_size({"width": width, "height": 768})
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    faults.append(f"{path.name} is wider than {width}")
            use(page)
            page.add_style_tag(content="* { transition: none !important; animation: none !important; }")  # else axe may see colours on their way
            for theme in ("light", "dark"):
                page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
                faults += [f"{path.name}, {theme}: {one}" for one in violations(page)]
    assert not faults


def explorers(path):
    """The explorers of a notebook: ("explore" or "workbench", positional, keyword arguments)."""
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return [found for source in code if (found := calls_in(source))]


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if explorers(path)], ids=lambda path: path.stem)
def test_explorers_give_the_numbers_of_python(path, page, address):
    page.goto(f"{address}/{path.stem}.html")
    for place_number, (made, given, named) in enumerate(explorers(path), start=1):
        place = page.locator(f"#explorer-{place_number}")
        place.scroll_into_view_if_needed()
        readout = place.locator(".roilessons-readout")
        readout.wait_for()
        explorer = getattr(rl, made)(rl.load_subject("simulated"), *given, **named)
        for changes in ({}, {"threshold": 8.0}, {"threshold": 2.0}, {"intersection": False}, {"iterations": 3}, {"connectivity": 26}, {"minimum_size": 30},
                        {"fwhm": 3.0}, {"test": "runs"}):  # fmt: skip
            if changes and not hasattr(explorer, *changes):
                continue
            for name, value in changes.items():
                control = place.locator(f"#live-{place_number}-controls-{name}")
                if isinstance(value, bool):
                    control.set_checked(value)
                elif control.evaluate("node => node.tagName") == "SELECT":
                    values = [one for _, one in getattr(explorer, name).options]
                    control.select_option(index=values.index(value))
                else:
                    control.fill(str(value))
            wanted = explorer.describe(**changes)
            page.wait_for_function(
                "([node, text]) => node.textContent === text", arg=[readout.element_handle(), wanted]
            )
            place.get_by_role("button", name="Reset").click() if changes else None
        explorer.close()
    assert page.locator(".roilessons-explorer").count() == len(explorers(path))


def test_the_workbench_has_its_box_plots_and_files(page, address):
    page.goto(f"{address}/16_workbench.html")
    place = page.locator("#explorer-1")
    place.scroll_into_view_if_needed()
    bench = rl.workbench(rl.load_subject("simulated"))
    for name, values in (("threshold", (5.0, 7.5)), ("fwhm", (9.0,)), ("iterations", (0,)), ("minimum_size", (120,))):
        for value in values:
            place.locator(f"#live-1-controls-{name}").fill(str(value))
            getattr(bench, name).value = value
            plotted = bench.signals.columns[3:7]
            wanted = " ".join(figures.describe_signals(bench.signals[["condition", roi]]) for roi in plotted)
            place.get_by_text(wanted, exact=True).wait_for()
            assert place.locator(".roilessons-plots svg").count() == len(plotted)
        if name == "minimum_size":
            with page.expect_download() as download:
                place.get_by_role("button", name="Download atlas").click()
            atlas = nib.Nifti1Image.from_bytes(gzip.decompress(download.value.path().read_bytes()))
            assert (np.asarray(atlas.dataobj) == np.asarray(bench.result.labels_img.dataobj)).all()
        place.get_by_role("button", name="Reset").click()
        getattr(bench, name).value = getattr(decisions.Decisions(), name)
    place.locator("#live-1-controls-threshold").fill("5.3")
    place.get_by_text("This page holds the box plots of the presets").wait_for()
    bench.close()


def test_every_explorer_is_a_described_picture_until_it_lives(site):
    for path in NOTEBOOKS:
        html = (site / f"{path.stem}.html").read_text(encoding="utf-8")
        stills = re.findall(r'<div class="live-explorer" [^>]*><figure[^>]*><img alt="[^"]{30,}"', html)
        assert len(stills) == len(explorers(path)), path.stem


def test_the_front_page_has_a_live_brain(page, address):
    page.goto(f"{address}/index.html")
    place = page.locator("#explorer-1")
    place.scroll_into_view_if_needed()
    place.locator(".roilessons-readout").wait_for()
    place.locator("#live-1-controls-threshold").fill("8")
    subject = rl.load_subject("simulated")
    kept = np.count_nonzero(rl.threshold(rl.t_test(subject.func, subject.labels["labels"]).log_p_img, 8).dataobj)
    page.get_by_text(f"Threshold 8: {kept} voxels").wait_for()


def test_a_link_carries_the_state(page, address):
    page.goto(f"{address}/04_threshold.html?explorer=1&threshold=8&x=abc&nonsense=1#explorer-1")
    explorer = rl.explore(rl.load_subject("simulated"), *explorers(ROOT / "notebooks/04_threshold.ipynb")[0][1])
    page.get_by_text(explorer.describe(threshold=8)).wait_for()
    explorer.close()


def test_the_whole_course_is_answered_in_a_browser(page, address, tmp_path):
    """Every question that needs no code, first wrongly and then rightly: told as in Python, kept, ticked and saved as a file."""
    from roilessons.check import results

    checks, told, answered = check.all_checks(), {}, {}
    for path in NOTEBOOKS:
        page.goto(f"{address}/{path.stem}.html")
        for rightly in (False, True):
            for box in page.locator(".question").all():
                name = box.get_attribute("data-exercise")
                given = an_answer(checks[name].on_page(), rightly)
                verdict = checks[name].verdict(given)
                if box.locator("form").count() == 0:
                    box.get_by_role("button").click()
                    assert f"You said {given}, it is" in box.inner_text(), name
                    assert ("A good prediction." in box.inner_text()) == rightly, name
                elif isinstance(given, str):
                    box.locator(f"input[value={given}]").check()
                else:
                    box.locator("input").fill(str(given))
                if box.locator("form").count():
                    box.get_by_role("button", name="Hint").click()
                    assert box.locator(".verdict").inner_text().startswith("Hint"), name
                    box.locator("button[type=submit]").click()
                if box.get_by_text("Your prediction").count():
                    assert f"Kept: you predict {given}." in box.inner_text(), name
                    continue
                if box.locator("form").count():
                    assert " ".join(verdict.sentence.split()) in " ".join(box.inner_text().split()), name
                    answered.setdefault(path.stem, set()).add(name)
                told.setdefault(name, []).append(verdict.code)
    assert {stem: {*names} for stem, names in judged_by_page([path.stem for path in NOTEBOOKS]).items()} == answered
    assert {*told} == {name for name, one in checks.items() if one.on_page}
    page.goto(f"{address}/index.html")
    for place in (".bd-sidebar-primary", ".bd-article table"):
        assert page.locator(place).get_by_text("✓").count() == len(answered)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save my results as a file").click()
    download.value.save_as(tmp_path / "my_results.json")
    assert results.read(tmp_path / "my_results.json") == {name: {"right": True, "tries": tries} for name, tries in told.items()}
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget them").click()
    assert page.get_by_text("✓").count() == 0


def an_answer(data, rightly):
    """A letter or a number, right or far from right."""
    if "letters" in data:
        return data["right"] if rightly else data["mistakes"][0][0]
    right = data["right"][0] if isinstance(data["right"], list) else data["right"]["start"] if isinstance(data["right"], dict) else data["right"]
    return round(float(right), data["decimals"] or 0) if rightly else 7 * abs(right) + 1000


def test_by_keyboard_alone(page, address):
    def reach(selector):
        for _ in range(150):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return page.locator(":focus")
        raise AssertionError(f"{selector} is not reached")

    page.goto(f"{address}/quiz_1_tutorial.html")
    page.locator(".question form").first.wait_for()
    reach(".question input")
    for key in ("Space", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert "Right." in page.locator(".question .verdict").first.inner_text()

    page.goto(f"{address}/04_threshold.html")
    page.locator(".live-explorer").scroll_into_view_if_needed()
    readout = page.locator(".roilessons-readout")
    readout.wait_for()
    before = readout.text_content()
    reach("#live-1-controls-threshold")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([node, text]) => node.textContent !== text", arg=[readout.element_handle(), before]
    )


def test_without_javascript_the_pictures_and_the_text_stay(chromium, address, site):
    context = new_context(chromium, java_script_enabled=False)
    page = context.new_page()
    for path in sorted(site.glob("*.html")):
        page.goto(f"{address}/{path.name}")
        for place in page.locator(".live-explorer").all():
            assert place.locator("img").get_attribute("alt") and place.locator("img").is_visible(), path.name
        for question in page.locator(".question").all():
            assert question.get_by_text("to have your answer checked").is_visible(), path.name
    context.close()


def test_what_was_seen_is_there_when_the_server_is_gone(chromium, site):
    with serving(site) as address:
        context = new_context(chromium)
        page = context.new_page()
        for name in ("06_dilation", "04_threshold"):
            page.goto(f"{address}/{name}.html")
            page.locator(".live-explorer").first.scroll_into_view_if_needed()
            page.locator(".roilessons-readout").first.wait_for()
            page.wait_for_function(
                """async () => (await Promise.all([location, ...performance.getEntriesByType("resource")].map(
                    (one) => caches.match(one.name ?? one.href)))).every(Boolean)"""
            )  # fmt: skip
    for name in ("06_dilation", "04_threshold"):
        page.goto(f"{address}/{name}.html")
        page.locator(".live-explorer").first.scroll_into_view_if_needed()
        page.locator(".roilessons-readout").first.wait_for()
    context.close()


def test_nothing_else_is_replaced(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is kept"):
        build_book(ROOT / "notebooks", tmp_path / "site", say=lambda _: None)
    assert (tmp_path / "site/mine.txt").read_text() == "mine"


def test_what_the_book_needs_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sphinx_book_theme", None)
    assert cli.main(["book", str(tmp_path / "site")]) == 1
    assert capsys.readouterr().err == "roilessons: The book needs sphinx_book_theme: python -m pip install sphinx myst-nb sphinx-book-theme\n"
    assert not list(tmp_path.iterdir())

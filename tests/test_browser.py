"""The explorer in JupyterLab and Voila, in a real browser: what is seen is what the pure functions say."""

import ast
import dataclasses
import gzip
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import axe_playwright_python
import nbformat
import nibabel as nib
import numpy as np
import pandas as pd
import psutil
import pytest
from browser import (
    NO_WEBGL,
    ROOT,
    again,
    browser_page,
    find_chromium,
    idle,
    jupyterlab,
    run_all,
    server,
    write_notebook,
)
from conftest import array, need, small_series, write_subject
from test_lab import answer, copied_clone, printed_address
from waiting import PATIENCE, until

import roilessons as rl
from roilessons import steps
from roilessons.explorer import decisions as d
from roilessons.explorer import screen
from roilessons.explorer.controls import CONTROLS, TESTS

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
NAMES = {description: name for name, (_, description, _) in CONTROLS.items()} | {f"{axis}, mm": axis for axis in "xyz"}
CALL = re.compile(r"rl\.(?:explore|workbench)\(")
LESSONS = sorted(p for p in ROOT.glob("notebooks/*.ipynb") if CALL.search(p.read_text(encoding="utf-8")))
HEAD = ".roilessons-turn canvas"
SETUP = "import roilessons as rl\nsubject = rl.load_subject()"


@pytest.fixture(scope="module")
def playwright():
    need(find_chromium(), "Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def subject():
    return rl.load_subject()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, playwright):
    folder = tmp_path_factory.mktemp("lab")
    with jupyterlab(folder) as address:
        yield folder, address


@pytest.fixture
def page(playwright):
    with browser_page(playwright) as page:
        yield page
    assert page.strangers == [], "the page asked another machine"
    assert page.errors == []


# ---- what a page shows ----


def explorers(page):
    return page.locator(".roilessons-explorer")


def drawn(explorer):
    """Wait until the canvas shows the brain, and the page has come to rest."""
    explorer.locator("canvas[style*=height]").first.wait_for()
    rest(explorer.page)


def rest(page, ms=300):
    """Wait until the page, by its own clock, had time for what it has under way."""
    page.evaluate("ms => new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), ms))", ms)


def ran(page, cells):
    """Wait until so many cells have run, and the last has its number; the page then knows all that the kernel said before."""
    page.wait_for_function("n => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].at(-1)?.textContent.includes(n)", arg=f"[{cells}]")


def save(page):
    """Save the notebook; returns when it is saved."""
    page.evaluate("document.activeElement.blur()")  # an explorer keeps keys to itself
    with page.expect_response(lambda one: one.request.method == "PUT" and "/api/contents/" in one.url):
        page.keyboard.press("Control+s")


def text(explorer, part):
    return explorer.locator(f".roilessons-{part}").inner_text()


def expect_text(explorer, part, wanted):
    until(lambda: text(explorer, part) == wanted, lambda: f"{text(explorer, part)!r} is not {wanted!r}")


def picture(explorer, of="canvas"):
    """What a canvas shows; a screenshot where it is WebGL's, which forgets."""
    return explorer.locator(of).screenshot() if of == HEAD else explorer.locator(of).evaluate("canvas => canvas.toDataURL()")


def settled(explorer, of="canvas"):
    """The picture, once half a second has not changed it: the numbers may be there before it is drawn."""
    before = None
    while (now := picture(explorer, of)) != before:
        before = now
        rest(explorer.page, 500)
    return now


def expect_change(explorer, before, why="the canvas did not change", of="canvas"):
    until(lambda: picture(explorer, of) != before, lambda: why)


def controls(explorer):
    """Every control on the page as (name, locator); each is found by its accessible name."""
    for description, name in NAMES.items():
        for role in ("slider", "checkbox", "combobox"):
            found = explorer.get_by_role(role, name=description, exact=True)
            if found.count():
                yield name, role, found.first


def chosen(combobox):
    """The value of what a combobox shows: a test, or the number of neighbours that its text begins with."""
    shown = combobox.evaluate("select => select.selectedOptions[0].textContent").replace("\xa0", " ")
    return dict(TESTS)[shown] if shown in dict(TESTS) else int(shown.split(",")[0])


def move(role, control):
    """Move a control by the keyboard alone; returns its new value."""
    control.focus()
    if role == "slider":
        at_the_end = control.get_attribute("aria-valuenow") == control.get_attribute("aria-valuemax")
        control.press("Home" if at_the_end else "End")
        return float(control.get_attribute("aria-valuetext"))
    if role == "checkbox":
        control.press("Space")
        return control.is_checked()
    control.press("ArrowDown")
    return chosen(control)


def take_over(explorer, twin):
    """Set the twin's controls to where those on the page are; returns these."""
    found = list(controls(explorer))
    for name, role, control in found:
        twin.controls[name].value = (
            control.is_checked() if role == "checkbox"
            else float(control.get_attribute("aria-valuetext")) if role == "slider"
            else chosen(control)
        )  # fmt: skip
    return found


def what_is_cut(explorer):
    """The voxels that the three views show, layer by layer, of an explorer without a page."""
    layers = explorer._layers(*explorer._follow(explorer.decisions))
    grid = layers["mean"]
    voxel = d.nearest_voxel(grid.affine, grid.shape, explorer._place)
    seen = [np.array(explorer._place).tobytes()]
    for name, img in layers.items():
        layer = array(img)
        if name == "log_p":
            layer = np.where(layer >= explorer.decisions.threshold, layer, 0)
        for axis, (index, (first, last)) in enumerate(zip(voxel, screen.grid(grid)["box"], strict=True)):
            seen.append(layer.take(index, axis).tobytes() if first <= index <= last else b"")
    return b"".join(seen)


def calls(notebook):
    """The explorers that a lesson makes, as functions of the subject, read from its code."""
    for cell in nbformat.read(notebook, 4).cells:
        if cell.cell_type != "code" or not CALL.search(cell.source):
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and CALL.match(ast.unparse(node)):
                arguments = [ast.literal_eval(argument) for argument in node.args[1:]]
                keywords = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
                yield lambda subject, f=node.func.attr, a=arguments, k=keywords: getattr(rl, f)(subject, *a, **k)


# ---- every lesson ----


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_every_control_of_a_lesson_does_what_the_functions_say(lab, page, subject, lesson):
    folder, address = lab
    copy, notebook = folder / f"{lesson.stem}_{time.time_ns()}.ipynb", nbformat.read(lesson, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for cell in code:
        cell.execution_count = None
    nbformat.write(notebook, copy)
    run_all(page, address, copy.name)
    expected = [call(subject) for call in calls(lesson)]
    ran(page, len(code))
    for shown, twin in zip(explorers(page).all(), expected, strict=True):
        shown.scroll_into_view_if_needed()
        drawn(shown)
        found = take_over(shown, twin)
        assert {name for name, _, _ in found} == set(twin.controls)
        expect_text(shown, "readout", twin.readout.value)
        for name, role, control in found:
            before, cut = picture(shown), what_is_cut(twin)
            twin.controls[name].value = move(role, control)
            expect_text(shown, "readout", twin.readout.value)
            expect_text(shown, "location", twin.location.value)
            if what_is_cut(twin) != cut:
                expect_change(shown, before, f"{name} was moved and the canvas did not change")
        twin.close()


# ---- one explorer with everything ----


@pytest.fixture
def notebook(lab, page):
    """Runs cells in a fresh notebook; returns its first explorer and the notebook's path."""
    folder, address = lab

    def open_(*cells):
        path = write_notebook(folder / f"cells_{time.time_ns()}.ipynb", SETUP, *cells)
        run_all(page, address, path.name)
        drawn(explorers(page).first)
        ran(page, 1 + len(cells))
        return explorers(page).first, path

    return open_


def test_a_click_comes_back_in_mm(notebook, page, subject):
    explorer, _ = notebook("explorer = rl.explore(subject, 'cut_coords')\nexplorer")
    box = explorer.locator("canvas").bounding_box()
    page.evaluate('''() => {
        const location = document.querySelector(".roilessons-location");
        window.places = [];
        new MutationObserver(() => places.push(location.innerText)).observe(location, { childList: true, characterData: true, subtree: true });
    }''')
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.4)
    page.wait_for_function("places.length")
    rest(page)
    assert page.evaluate("places.length") == 1, "three sliders move, and no place in between is shown"
    x, y, z, i, j, k, value = map(float, re.findall(r"-?\d+(?:\.\d+)?", text(explorer, "location").replace(",", "")))
    mean = rl.mean_epi(subject.func)
    mm = [float(explorer.get_by_role("slider", name=f"{axis}, mm").get_attribute("aria-valuetext")) for axis in "xyz"]
    assert np.allclose((x, y, z), mm, atol=0.051)
    assert d.nearest_voxel(mean.affine, mean.shape, mm) == (i, j, k)
    assert value == pytest.approx(float(array(mean)[int(i), int(j), int(k)]), abs=0.006)
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.48, box["y"] + box["height"] * 0.65, steps=10)
    page.mouse.up()
    until(lambda: f"x {x:.1f}, y {y:.1f}, z {z:.1f}" not in text(explorer, "location"))


COUNTED = "sent, send = [], explorer.screen.send\nexplorer.screen.send = lambda *answer: (send(*answer), sent.append(answer))"
WHO = "import os, pathlib\nif sent:\n    pathlib.Path('kernel').write_text(str(os.getpid()))"


@pytest.fixture
def busy(lab):
    """Stops the kernel of a notebook whose last cell was WHO; its `resume()` lets it go on.

    A cell that sleeps would not do: JupyterLab sends what widgets say to a second thread of the kernel.
    """
    stopped = []

    def stop():
        kernel = psutil.Process(int((lab[0] / "kernel").read_text()))
        kernel.suspend()
        stopped.append(kernel)
        return kernel

    yield stop
    for kernel in stopped:
        kernel.resume()


ALL = "'cut_coords', 'test', 'threshold', 'intersection', 'iterations', 'connectivity', 'minimum_size'"


def rerun_last(page):
    """Run the last cell again; returns when it has run."""
    prompt = page.locator(".jp-CodeCell .jp-InputPrompt").last
    before = prompt.inner_text()
    page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    until(lambda: re.search(r"\d", now := prompt.inner_text()) and now != before)


def test_everything_answers_while_the_kernel_is_suspended(notebook, busy, page, subject):
    explorer, path = notebook(f"explorer = rl.explore(subject, {ALL})\n{COUNTED}\nexplorer", WHO)
    until(lambda: rerun_last(page) or path.with_name("kernel").exists(), lambda: "the other test's maps do not come by themselves")
    twin = rl.explore(subject, *ast.literal_eval(f"({ALL})"))
    kernel = busy()
    for name, role, control in take_over(explorer, twin):
        before, cut = picture(explorer), what_is_cut(twin)
        twin.controls[name].value = move(role, control)
        expect_text(explorer, "readout", twin.readout.value)
        expect_text(explorer, "location", twin.location.value)
        assert rows(explorer) == [table_row(row) for row in twin.result.table.to_dict("records")]
        if what_is_cut(twin) != cut:
            expect_change(explorer, before)
    kernel.resume()
    twin.close()


def rows(explorer):
    """The table on the page, as lists of texts."""
    return explorer.locator("tbody tr").evaluate_all("rows => rows.map((row) => [...row.children].map((cell) => cell.textContent))")


def table_row(row):
    """A row of an ROI table as it is written on the page."""
    mm = ", ".join(f"{row[axis]:.1f}" for axis in ("peak_x", "peak_y", "peak_z"))
    log_p = "10 (capped)" if row["peak_log10_p"] >= 10 else f"{row['peak_log10_p']:.2f}"
    prefers = {1: "face > house", -1: "house > face"}[row["sign"]]
    return [str(row["label"]), f"{row['voxels']:,}", f"{row['mm3']:,.0f}", row["hemisphere"], mm, log_p, prefers]


def test_python_learns_what_was_decided(notebook, page, subject):
    tell = "print('again' in globals() and (explorer.decisions.threshold, explorer.readout.value, explorer.location.value))\nagain = True"
    explorer, _ = notebook("explorer = rl.explore(subject, 'threshold', 'cut_coords')\nexplorer", tell)
    explorer.get_by_role("slider", name="Threshold, -log10 p").press("End")
    explorer.locator("canvas").press("PageUp")
    rerun_last(page)
    page.wait_for_function("[...document.querySelectorAll('.jp-OutputArea-output')].at(-1).innerText.startsWith('(')")
    told = ast.literal_eval(page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output").inner_text())
    assert told == (10.0, text(explorer, "readout"), text(explorer, "location"))


def test_code_moves_the_crosshair(notebook, page):
    up = "explorer.z.value += 7.5 if 'again' in globals() else 0\nagain = True"
    explorer, _ = notebook("explorer = rl.explore(subject, 'cut_coords')\nexplorer", up)
    before = picture(explorer)
    rerun_last(page)
    expect_change(explorer, before)


STORM = """async (handle) => {
  const start = performance.now();
  for (let i = 0; i < 200; i++) {
    handle.dispatchEvent(new KeyboardEvent("keydown", {key: i % 50 < 25 ? "ArrowRight" : "ArrowLeft", bubbles: true}));
    const wait = start + (i + 1) * 10 - performance.now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
  }
  handle.dispatchEvent(new KeyboardEvent("keydown", {key: "Home", bubbles: true}));
}"""


def test_a_storm_ends_on_the_last_value(notebook, page, subject):
    explorer, _ = notebook("explorer = rl.explore(subject, 'threshold', 'iterations', 'minimum_size')\nexplorer")
    twin = rl.explore(subject, "threshold", "iterations", "minimum_size")
    for description, name, last in (("Threshold, -log10 p", "threshold", 1), ("Smallest ROI, voxels", "minimum_size", 1)):
        explorer.get_by_role("slider", name=description).evaluate(STORM)
        getattr(twin, name).value = last
        expect_text(explorer, "readout", twin.readout.value)
    shown = settled(explorer)
    save(page)
    page.reload()  # the same state, drawn from the start, is the same picture
    drawn(explorers(page).first)
    expect_text(explorers(page).first, "readout", twin.readout.value)
    assert settled(explorers(page).first) == shown
    twin.close()


def test_two_tabs_show_the_same(notebook, lab, page):
    explorer, path = notebook("explorer = rl.explore(subject, 'iterations')\nexplorer")
    save(page)
    with browser_page(page.context.browser.browser_type) as other_page:
        other_page.goto(f"{lab[1]}/lab/tree/{path.name}?reset")
        other = explorers(other_page).first
        drawn(other)
        for here, there, key, start in ((other, explorer, "End", "After 5"), (explorer, other, "Home", "After 0")):
            before = picture(there)
            here.get_by_role("slider", name="Dilations").press(key)
            here.page.wait_for_function(SAYS, arg=start)
            expect_text(there, "readout", text(here, "readout"))
            expect_change(there, before)
        assert other_page.strangers == []


SAYS = "start => document.querySelector('.roilessons-readout')?.innerText.includes(start)"


def test_a_kernel_restarted_under_an_explorer(playwright, lab):
    folder, address = lab
    path = write_notebook(folder / f"restart_{time.time_ns()}.ipynb", SETUP, "rl.explore(subject, 'threshold', 'iterations')")
    with browser_page(playwright) as page:  # Jupyter itself complains on the console of what the old kernel took along
        run_all(page, address, path.name)
        drawn(explorers(page).first)
        ran(page, 2)
        restart(page, "Restart Kernel…")
        shown = explorers(page).first
        shown.get_by_role("slider", name="Dilations").press("End")  # Python does not answer; the page does, and says so
        page.wait_for_function(SAYS, arg="After 5 dilations")
        assert "Run the cell again" in text(shown, "note")
        again(page)
        page.wait_for_function(SAYS, arg="After 1 dilation")
        drawn(explorers(page).first)
        explorers(page).first.get_by_role("slider", name="Dilations").press("End")
        page.wait_for_function(SAYS, arg="After 5 dilations")
        assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
        assert page.strangers == []


def restart(page, entry):
    page.get_by_text("Kernel", exact=True).click()
    page.get_by_text(entry, exact=True).click()
    with page.expect_response(lambda one: "/restart" in one.url):
        page.locator(".jp-Dialog .jp-mod-accept").click()
    idle(page)


def test_layers_can_be_switched(notebook, page):
    explorer, _ = notebook("explorer = rl.explore(subject, 'layers', layers=['mask_vt', 'labels'])\nexplorer")
    for name in ("Show VT mask", "Show ROI"):
        with_it = picture(explorer)
        explorer.get_by_role("checkbox", name=name).press("Space")
        expect_change(explorer, with_it)
        without = picture(explorer)
        explorer.get_by_role("checkbox", name=name).press("Space")
        expect_change(explorer, without)


def test_what_is_saved_can_be_seen_without_a_kernel(notebook, lab, page):
    _, path = notebook("explorer = rl.explore(subject, 'threshold', 'intersection')\nexplorer")
    save(page)
    saved = nbformat.read(path, 4)
    assert "widgets" not in saved.metadata
    bundle = saved.cells[1].outputs[0].data
    assert {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"} <= set(bundle)
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--stdout", path.name]
    html = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=True).stdout
    assert bundle["image/png"].strip()[:200] in html and "model not found" not in html
    # A fresh clone is opened without its signature: its pictures are there before anything is run.
    saved.cells[1].source += "  # as cloned"
    nbformat.write(saved, path.with_name(f"clone_{path.name}"))
    page.goto(f"{lab[1]}/lab/tree/clone_{path.name}?reset")
    page.locator(".jp-OutputArea figure img").wait_for()
    assert page.locator(".jp-OutputArea figure img").get_attribute("alt")


def test_all_is_drawn_without_webgl(playwright, lab, subject):
    folder, address = lab
    cell = "rl.explore(subject, 'threshold', 'cut_coords')"
    path = write_notebook(folder / f"blind_{time.time_ns()}.ipynb", SETUP, *[cell] * 20)  # browsers hold 16 WebGL contexts
    with browser_page(playwright, *NO_WEBGL) as page:
        run_all(page, address, path.name)
        ran(page, 21)
        for number in (0, 19):
            explorer = explorers(page).nth(number)
            explorer.scroll_into_view_if_needed()
            drawn(explorer)
            before = picture(explorer)
            explorer.get_by_role("slider", name="Threshold, -log10 p").press("End")
            expect_change(explorer, before)
            assert text(explorer, "readout").startswith("Threshold 10:")
        assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
        assert page.strangers == [] and page.errors == []


# ---- a whole life ----


def test_a_saved_lesson_opened_with_a_fresh_kernel_shows_its_picture(notebook, lab, page):
    explorer, path = notebook("explorer = rl.explore(subject, 'threshold')\nexplorer")
    save(page)
    page.reload()  # its kernel lives on: so does the explorer, and its controls have names
    drawn(explorer)
    explorer.get_by_role("slider", name="Threshold, -log10 p").press("End")
    page.wait_for_function(SAYS, arg="Threshold 10:")
    save(page)
    page.evaluate("async () => { for (const s of await (await fetch('/api/sessions')).json()) await fetch('/api/sessions/' + s.id, { method: 'DELETE', headers: { 'X-XSRFToken': document.cookie.match(/_xsrf=([^;]*)/)?.[1] ?? '' } }); }")
    with browser_page(page.context.browser.browser_type) as tomorrow:
        tomorrow.goto(f"{lab[1]}/lab/tree/{path.name}?reset")
        still = tomorrow.locator(".jp-OutputArea figure img")
        still.wait_for()
        idle(tomorrow)
        assert tomorrow.get_by_text("model not found").count() == 0
        assert tomorrow.get_by_text("Run this cell (Shift + Enter) to make it live").is_visible() and still.get_attribute("alt")
        again(tomorrow)
        drawn(explorers(tomorrow).first)
        assert still.count() == 0


def test_an_explorer_shown_twice(notebook, page):
    notebook("explorer = rl.explore(subject, 'threshold', 'minimum_size')\nexplorer", "explorer")
    for shown in (both := [explorers(page).nth(0), explorers(page).nth(1)]):
        shown.scroll_into_view_if_needed()
        drawn(shown)
    before = [picture(shown) for shown in both]
    both[1].get_by_role("slider", name="Threshold, -log10 p").press("End")
    for shown, was in zip(both, before, strict=True):
        expect_change(shown, was)
        assert text(shown, "readout").startswith("Threshold 10:")
        assert shown.locator("canvas").count() == 1 and shown.locator("tbody tr").count()


def canvases(page):
    """How many canvases the page has not let go of, after a collection."""
    session = page.context.new_cdp_session(page)
    prototype = session.send("Runtime.evaluate", {"expression": "HTMLCanvasElement.prototype"})["result"]["objectId"]
    found = session.send("Runtime.queryObjects", {"prototypeObjectId": prototype})["objects"]["objectId"]
    count = {"objectId": found, "functionDeclaration": "function () { return this.length; }", "returnByValue": True}
    number = session.send("Runtime.callFunctionOn", count)["result"]["value"]
    session.detach()  # it would keep what it has counted
    return number


def test_a_cell_run_again_gives_back_what_the_page_held(notebook, page):
    notebook("explorer = rl.explore(subject, 'threshold')\nexplorer")
    session, scripts = page.context.new_cdp_session(page), []
    session.on("Debugger.scriptParsed", lambda script: scripts.append(script["length"]) if script["url"].startswith("blob:") else None)
    session.send("Debugger.enable")  # tells of the scripts that are there, too
    ours = len(screen.code())
    assert scripts.count(ours) == 1
    for run in range(5):
        if run == 1:  # from here on a page may hold the run before the last
            before = canvases(page)
        rerun_last(page)
        drawn(explorers(page).first)
    until(lambda: canvases(page) - before < 4)  # one for each run, were they kept; a busy page lets go later
    assert scripts.count(ours) == 1 and len(scripts) > 5, "no page lets go of a module: ours is loaded once"


def test_no_key_in_an_explorer_reaches_the_notebook(notebook, page):
    explorer, _ = notebook("explorer = rl.explore(subject, 'threshold', 'cut_coords')\nexplorer")
    cells, before = page.locator(".jp-CodeCell").count(), settled(explorer)
    for part in (explorer.locator("canvas"), explorer.get_by_role("slider", name="Threshold, -log10 p")):
        for key in ("x", "v", "c", "a", "b", "d", "d", "m", "Shift+V"):
            part.press(key)
    explorer.locator("canvas").click(button="right")
    page.keyboard.press("Escape")
    assert page.locator(".jp-CodeCell").count() == cells and page.locator(".jp-MarkdownCell").count() == 0
    explorer.locator("canvas").evaluate("canvas => canvas.blur()")
    assert settled(explorer) == before


def test_back_forth_and_reset(notebook, page):
    explorer, _ = notebook("explorer = rl.explore(subject, 'threshold', 'iterations', 'connectivity', 'minimum_size')\nexplorer")
    button = lambda name: explorer.get_by_role("button", name=name, exact=True)  # noqa: E731
    said = [text(explorer, "readout")]
    for name in ("Dilations", "Threshold, -log10 p"):
        explorer.get_by_role("slider", name=name).press("End")
        until(lambda: button("Undo").is_enabled())  # where it was is remembered
        said.append(until(lambda: (now := text(explorer, "readout")) != said[-1] and now))
    for name, then in (("Undo", 1), ("Undo", 0), ("Redo", 1), ("Redo", 2), ("Reset", 0)):
        button(name).click()
        expect_text(explorer, "readout", said[then])
    button("Strict").click()
    page.wait_for_function(SAYS, arg="Threshold 8:")
    button("Copy as code").click()
    code = explorer.locator(".roilessons-code").inner_text()
    assert "threshold=8, iterations=0, minimum_size=20)" in code
    button("Reset").click()
    twin = rl.explore(rl.load_subject(), "threshold", "iterations", "connectivity", "minimum_size")
    kept = {}
    for name in ("table", "decisions", "atlas"):
        with page.expect_download() as got:
            button(f"Download {name}").click()
        kept[name] = got.value.path()
    pd.testing.assert_frame_equal(pd.read_csv(kept["table"]), twin.result.table, check_dtype=False)
    assert json.loads(kept["decisions"].read_text()) == dataclasses.asdict(twin.decisions)
    atlas = nib.Nifti1Image.from_bytes(gzip.decompress(kept["atlas"].read_bytes()))
    assert (array(atlas) == array(twin.result.labels_img)).all()
    twin.close()
    explorer.locator("tbody button").nth(1).click()
    until(lambda: text(explorer, "location").endswith("ROI: 2"))
    assert explorer.locator("tbody tr[aria-current]").count() == 1


def test_the_head_in_3d_is_there_while_it_is_wanted(notebook, page):
    explorer, _ = notebook("explorer = rl.explore(subject, 'threshold', 'iterations')\nexplorer")
    for _ in range(2):
        explorer.get_by_role("button", name="Turn in 3D").click()
        explorer.locator(HEAD).wait_for()
        rest(page, 3000)  # it asks for its parts one after the other
        straight = settled(explorer, HEAD)
        box = explorer.locator(HEAD).bounding_box()
        page.mouse.move(box["x"] + 200, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 300, box["y"] + 160, steps=4)
        page.mouse.up()
        expect_change(explorer, straight, "it does not turn", HEAD)
        before = settled(explorer, HEAD)
        explorer.get_by_role("slider", name="Dilations").press("End")
        expect_change(explorer, before, "it does not follow", HEAD)
        explorer.get_by_role("button", name="Close 3D").click()
        explorer.locator(HEAD).wait_for(state="detached")
        explorer.get_by_role("button", name="Reset").click()


# ---- the workbench as a page ----


def focused_by_tab(page, most=80):
    """Names and roles of what the tabulator key reaches, from the top of the page."""
    names = """() => { const it = document.activeElement; return it.labels?.[0]?.textContent || it.ariaLabel || it.textContent; }"""
    page.evaluate("document.activeElement.blur()")
    for _ in range(most):
        page.keyboard.press("Tab")
        yield page.evaluate(names)


def test_the_workbench_under_voila(playwright, tmp_path, subject):
    command = ("roilessons.app.cli", "workbench", "--token=word")
    with server(tmp_path, *command) as address, browser_page(playwright, width=1366, height=768) as page:
        page.goto(f"{address}/?token=word", wait_until="commit")
        page.get_by_text("Starting ...").wait_for()
        explorer = explorers(page).first
        drawn(explorer)
        twin = rl.workbench(subject)
        expect_text(explorer, "readout", twin.readout.value)
        assert page.title() == "Workbench" and page.locator("main h1").inner_text() == "Workbench"
        assert page.locator(".cm-content, .jp-CodeCell .jp-InputArea").count() == 0
        page.locator(".roilessons-plots figure[aria-label*='median']").wait_for()
        for part in ("main h1", "canvas", ".roilessons-readout", "tbody tr >> nth=3", ".roilessons-controls > * >> nth=-1", ".roilessons-plots svg >> nth=0"):
            box = page.locator(part).first.bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 768 and box["x"] + box["width"] <= 1366, part
        picture, slider = (page.locator(one).first.bounding_box() for one in ("canvas", ".roilessons-controls .widget-slider"))
        assert picture["x"] + picture["width"] < slider["x"] and slider["y"] < picture["y"] + picture["height"]
        reached = [name.replace("\xa0", " ") for name in focused_by_tab(page)]
        for name in (*NAMES, "Subjects", "Subject or folder", "First condition", "Second condition", "Load", "Show ROI", "Keep as A", "Download atlas"):
            assert name in reached, name
        page.evaluate(AXE.read_text(encoding="utf-8"))
        plain = settled(explorer)
        page.get_by_role("button", name="Keep as A").press("Enter")
        expect_change(explorer, plain, "no outline of A")
        was = twin.result
        for description, name in (("Smoothing (FWHM), mm", "fwhm"), ("Dilations", "iterations")):
            getattr(twin, name).value = move("slider", explorer.get_by_role("slider", name=description))
            expect_text(explorer, "readout", twin.readout.value)
        page.wait_for_function(
            "n => document.querySelectorAll('.roilessons-numbers tbody tr').length === n", arg=len(twin.result.table)
        )
        compared = explorer.locator(".roilessons-compared")
        dice = rl.score(twin.result.labels_img, was.labels_img).loc["all", "dice"]
        compared.get_by_text(f"All ROIs together, A and now: Dice {dice:.2f}.").wait_for()
        said = rows(compared)
        assert ["ROIs", str(len(was.table)), str(len(twin.result.table))] in said
        assert ["Dilations", str(steps.ITERATIONS), str(twin.iterations.value)] in said
        assert [row[1] for row in said[-len(was.table):]] == [f"{voxels:,}" for voxels in was.table["voxels"]]
        found = page.evaluate("axe.run(document, {preload: false}).then(({violations}) => violations.map(({id, nodes}) => [id, nodes[0].html]))")
        assert found == []
        page.get_by_label("Second condition").select_option("face")
        page.get_by_role("button", name="Load", exact=True).press("Enter")
        message = page.get_by_text("A contrast is two different conditions")
        message.wait_for()
        button, said = (one.bounding_box() for one in (page.get_by_role("button", name="Load", exact=True), message))
        assert abs(button["y"] - said["y"]) < 40
        page.get_by_label("Subjects").select_option("simulated:2")
        page.get_by_label("Second condition").select_option("house")
        page.get_by_role("button", name="Load", exact=True).press("Enter")
        page.get_by_text("Loaded simulated subject 2, face against house.").wait_for()
        assert page.strangers == [] and page.errors == []
        twin.close()


EVIL, BOGUS, CLOSING = "<img/src=x/onerror=window.ran=1>", r"$\bogus$", "</script><script>window.ran=2</script>"


def test_names_that_are_html_or_formulas_are_text_wherever_they_are_shown(page, lab):
    folder, address = lab
    data, conditions, runs = small_series(runs=6)
    conditions = [{"face": EVIL, "house": BOGUS, "cat": CLOSING}.get(name, name) for name in conditions]
    name = "<img src=x onerror=window.ran=3>"
    write_subject(folder / name, data, conditions, runs)
    controls = ("test", "threshold", "iterations", "connectivity", "minimum_size", "signals")
    write_notebook(
        folder / "html.ipynb",
        f"{SETUP.replace('load_subject()', f'load_subject({name!r}, conditions=None)')}\ncontrast = {EVIL!r}, {BOGUS!r}\n"
        f"rl.explore(subject, *{controls}, test='runs', threshold=1.3, contrast=contrast)",
        "bench = rl.workbench(subject, contrast=contrast)\nbench.subject.value += '?'\nbench._load()\nbench",
        "subject.labels.head(9)",
        f"from roilessons import check\ncheck.first_volume({EVIL!r})",
        "raise ValueError(contrast)",
    )
    run_all(page, address, "html.ipynb")
    page.locator(".jp-RenderedText", has_text="ValueError").last.wait_for()
    for words, times in ((f"median highest for {BOGUS}", 2), (f"{name}? is no folder", 1), (f"the text '{EVIL}'", 1)):
        found = page.get_by_text(words)
        found.first.wait_for(state="attached")
        assert found.count() >= times, words
    page.wait_for_timeout(2000)
    assert page.evaluate("[window.ran, document.querySelectorAll('[src=x]').length]") == [None, 0]


# ---- a first start ----


def test_a_first_start_shows_lesson_00_without_a_question_and_its_links_work(page, tmp_path):
    """On a machine where Jupyter was never started. Our other servers have settings of their own."""
    clone, home, log = copied_clone(tmp_path / "clone"), tmp_path / "home", tmp_path / "said.txt"
    home.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    environ |= {"HOME": str(home), "USERPROFILE": str(home), "PYTHONPATH": str(clone), "PYTHONUTF8": "1"}
    environ["NILEARN_DATA"] = str(rl.load_subject().func.parents[2])
    command = [sys.executable, "-m", "roilessons.app.cli", "lab", "--no-browser", "--allow-root", "--port=0"]
    with log.open("w") as said:
        started = subprocess.Popen(command, cwd=clone, env=environ, stdout=said, stderr=subprocess.STDOUT)
    try:
        address = printed_address(started, log, r"http://127\.0\.0\.1:[1-9]\S+token=\w+\n")
        assert answer(address[0].strip())[0] == 200  # it is printed before it can be reached
        page.goto(address[0].strip())
        idle(page)
        page.wait_for_timeout(3000)  # the question for news comes when all else is there
        assert page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts() == []
        for tab in ("glossary.md", "01_coordinates_and_data.ipynb"):
            page.locator(f".jp-MarkdownOutput a[href*='{tab}']").first.click()
            page.locator(f".lm-TabBar-tabLabel:text-is('{tab}')").wait_for()
            page.locator(".lm-TabBar-tabLabel:text-is('00_start_here.ipynb')").click()
    finally:
        page.close()  # it would miss its server
        started.terminate()
        started.wait(PATIENCE)

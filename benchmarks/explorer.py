"""How fast the explorer answers, beside a plain interactive_output + plot_stat_map cell, in headless Chromium.

Prints a Markdown table of medians, the one in docs/benchmarks.md. Times are from the key press, in the page: until the drawn
pixels (and, where numbers change, the ROI table) differ from before. Run it on a machine with nothing else to do:
python benchmarks/explorer.py
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import browser_page, idle, jupyterlab, run_all, write_notebook  # noqa: E402

from roilessons.app import lab  # noqa: E402

os.environ["JUPYTER_PATH"] = str(lab.SETTINGS)  # kernels start as those of `roilessons lab`

SETUP = "import roilessons as rl\nsubject = rl.load_subject()"
THRESHOLD = "explorer = rl.explore(subject, 'threshold', threshold=2)\nexplorer"
WHO = "import os, pathlib\npathlib.Path('kernel').write_text(str(os.getpid()))"
ALL = "explorer = rl.explore(subject, 'threshold', 'intersection', 'iterations', 'connectivity', 'minimum_size', 'test', 'cut_coords', threshold=2)\nexplorer"
SMOOTHING = "explorer = rl.explore(subject, 'fwhm', layers=['log_p', 'labels'])\nexplorer"
PLAIN = """
import ipywidgets
from IPython.display import display
from nilearn import plotting
from nilearn.image import math_img
made = rl.catch_up(subject, 't_test')
def draw(threshold, iterations):
    mask = rl.intersect(rl.threshold(made.log_p_img, threshold), subject.mask_vt)
    labels_img = rl.label(rl.dilate(mask, iterations))
    inside = math_img("log_p * (labels > 0)", log_p=made.log_p_img, labels=labels_img)
    plotting.plot_stat_map(inside, made.mean_img, threshold=0.01, cut_coords=subject.cut_coords)
    plotting.show()
    display(rl.roi_table(labels_img, made.t_img, made.log_p_img))
threshold = ipywidgets.FloatSlider(2, min=1, max=10, step=0.1, description='Threshold, -log10 p')
iterations = ipywidgets.IntSlider(1, min=0, max=5, description='Dilations')
box = ipywidgets.VBox([threshold, iterations, ipywidgets.interactive_output(draw, dict(threshold=threshold, iterations=iterations))])
box.add_class('plain')
box
"""
DRAWN = """(() => {  // says when a canvas was drawn: pixels are looked at only then
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...args) {
    window.draws = (window.draws ?? 0) + 1;
    window.drawnAt = performance.now();
    return draw.apply(this, args);
  };
})()"""
PRESS = """async ([inside, label, key, table]) => {
  const root = document.querySelector(inside), canvas = root.querySelector("canvas");
  const row = [...root.querySelectorAll(".widget-slider, .widget-checkbox, .widget-dropdown")].find((s) => s.textContent.includes(label));
  const control = row.querySelector(".noUi-handle, input, select");
  let draws, seen;
  const look = () => {
    if (!canvas) return root.querySelector("img")?.src;
    if (draws === window.draws) return seen;
    draws = window.draws;
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (let i = 0; i < pixels.length; i += 4) sum = (sum * 31 + pixels[i] + 3 * pixels[i + 1] + 7 * pixels[i + 2]) | 0;
    return (seen = sum);
  };
  const read = () => (table ? root.querySelector("tbody, table")?.textContent : null);
  const picture = look(), text = read(), start = performance.now();
  control.focus();
  if (control.type === "checkbox") control.click();
  else if (control.tagName === "SELECT") {
    control.selectedIndex = (control.selectedIndex + 1) % control.options.length;
    control.dispatchEvent(new Event("change", { bubbles: true }));
  } else control.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  let drawn = false, written = !table;
  while (performance.now() - start < 4000) {
    drawn ||= look() !== picture && look() !== undefined;
    written ||= ![text, undefined].includes(read());
    if (drawn && written) return performance.now() - start;
    await new Promise((done) => setTimeout(done, 1));
  }
  return null;  // nothing in sight changed
}"""
STORM = """async (label) => {
  const root = document.querySelector(".roilessons-explorer");
  const slider = [...root.querySelectorAll(".widget-slider")].find((s) => s.textContent.includes(label));
  const handle = slider.querySelector(".noUi-handle"), start = performance.now();
  for (let i = 0; i < 200; i++) {
    const key = i === 199 ? "Home" : i % 50 < 25 ? "ArrowRight" : "ArrowLeft";
    handle.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    const wait = start + (i + 1) * 10 - performance.now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
  }
  const end = performance.now();
  let [last, at] = [root.querySelector(".roilessons-readout").textContent, end];
  while (performance.now() - end < 1500) {
    const now = root.querySelector(".roilessons-readout").textContent;
    if (now !== last) [last, at] = [now, performance.now()];
    await new Promise((done) => setTimeout(done, 2));
  }
  return Math.max(0, Math.max(at, window.drawnAt) - end);
}"""
EXPLORER = ".roilessons-explorer"


def press(page, label, keys, *, inside=EXPLORER, table=False, rest=250):
    """Times of key presses, ms; those that changed nothing in sight are left out."""
    times = []
    for key in keys:
        times.append(page.evaluate(PRESS, [inside, label, key, table]))
        page.wait_for_timeout(rest)
    return [time for time in times if time is not None]


def measure(playwright, folder, address, number, cells, what):
    """Run cells in a fresh notebook and page, then `what(page)`."""
    with browser_page(playwright) as page:
        page.add_init_script(DRAWN)
        run_all(page, address, write_notebook(folder / f"bench_{number}.ipynb", SETUP, *cells).name)
        page.locator(f"{EXPLORER} canvas, .plain img").first.wait_for(timeout=120_000)
        idle(page)
        page.wait_for_timeout(3000)
        return what(page)


def suspended(folder, what):
    """`what` while the kernel's process does not run."""

    def measured(page):
        kernel = psutil.Process(int((folder / "kernel").read_text()))
        kernel.suspend()
        try:
            return what(page)
        finally:
            kernel.resume()

    return measured


def first_picture(playwright, folder, address, number):
    """From running an explorer's cell to its picture, ms; and the bytes that the page received meanwhile."""
    times, sizes = [], []
    for again in range(3):
        with browser_page(playwright) as page:
            received = []
            page.on("websocket", lambda socket, received=received: socket.on("framereceived", lambda frame: received.append(len(frame))))
            run_all(page, address, write_notebook(folder / f"first_{number}_{again}.ipynb", SETUP, "1 + 1").name)
            idle(page)
            page.locator(".jp-CodeCell .cm-content").last.click()
            page.keyboard.press("Control+a")
            page.keyboard.type(THRESHOLD)
            received.clear()
            start = time.perf_counter()
            page.keyboard.press("Control+Enter")
            page.locator(f"{EXPLORER} canvas[style*=height]").wait_for()
            times.append(1000 * (time.perf_counter() - start))
            idle(page)
            sizes.append(sum(received))
    print(f"An explorer's start sends {statistics.median(sizes) / 1e3:,.0f} kB to the page.\n", flush=True)
    return times


def run_all_settled(playwright, folder, address, lesson):
    """From Run All to an idle kernel and nothing in the notebook that changes any more, ms."""
    copy = folder / f"settled_{lesson.name}"
    copy.write_bytes(lesson.read_bytes())
    with browser_page(playwright) as page:
        page.goto(f"{address}/lab/tree/{copy.name}?reset")
        idle(page)
        page.get_by_text("Run", exact=True).click()
        start = time.perf_counter()
        page.get_by_text("Run All Cells", exact=True).click()
        page.wait_for_function("!document.querySelector('#jp-main-statusbar')?.textContent.includes('| Idle')")
        idle(page)
        page.wait_for_function("[...document.querySelectorAll('.jp-InputPrompt')].every((prompt) => !prompt.textContent.includes('*'))")
        return [1000 * (time.perf_counter() - start)]


def main():
    from playwright.sync_api import sync_playwright

    there_and_back = ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"] * 5
    plain = {"inside": ".plain", "table": True, "rest": 700}
    lessons = Path(__file__).parents[1] / "notebooks"
    with tempfile.TemporaryDirectory() as name, jupyterlab(Path(name)) as address, sync_playwright() as playwright:
        folder = Path(name)
        each = [("threshold", "Threshold", ["ArrowRight"] * 20), ("AND", "Only voxels", [""] * 20), ("dilations", "Dilations", there_and_back),
                ("neighbours", "Neighbours", [""] * 21), ("smallest ROI", "Smallest ROI", ["End", "Home"] * 10), ("t-test", "t-test", [""] * 20)]  # fmt: skip
        plan = [(f"{called}: canvas, numbers, table", "20", [ALL, WHO], lambda p, label=label, keys=keys: press(p, label, keys, table=True))
                for called, label, keys in each]  # fmt: skip
        plan += [(f"{called}, kernel suspended", "20", [ALL, WHO], suspended(folder, lambda p, label=label, keys=keys: press(p, label, keys, table=True)))
                 for called, label, keys in each]  # fmt: skip
        plan += [
            ("crosshair (z)", "20", [ALL], lambda p: press(p, "z, mm", ["ArrowUp"] * 10)),
            ("200 events in 2 s, then the final state", "17", [ALL], lambda p: [p.evaluate(STORM, "Threshold") for _ in range(3)]),
            ("plain cell: threshold", "", [PLAIN], lambda p: press(p, "Threshold", ["ArrowRight"] * 10, **plain)),
            ("plain cell: dilations, table", "", [PLAIN], lambda p: press(p, "Dilations", there_and_back[:10], **plain)),
            ("smoothing, a width's first time", "1000", [SMOOTHING], lambda p: press(p, "Smoothing", ["ArrowRight"] * 5, rest=900)),
            ("smoothing, known widths", "20", [SMOOTHING], lambda p: [press(p, "Smoothing", keys, rest=900) for keys in (["ArrowRight"] * 4, ["ArrowLeft"] * 4)][1]),  # fmt: skip
        ]
        first = first_picture(playwright, folder, address, 0)
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.system()}, no graphics card\n")
        print("| from the key press to | target, ms | median, ms | slowest, ms | presses |\n|---|---|---|---|---|")
        tell("first picture, from running the cell", "1500", first)
        for number, (name, target, cells, what) in enumerate(plan):
            tell(name, target, measure(playwright, folder, address, number, cells, what))
        for lesson, target in (("04_threshold", "3000"), ("08_roi_signals", "6000")):
            tell(f"*Run All* of lesson {lesson[:2]}", target, run_all_settled(playwright, folder, address, lessons / f"{lesson}.ipynb"))


def tell(name, target, times):
    middle, slowest = (f"{f(times):.0f}" if times else "-" for f in (statistics.median, max))
    print(f"| {name} | {target} | {middle} | {slowest} | {len(times)} |", flush=True)


if __name__ == "__main__":
    main()

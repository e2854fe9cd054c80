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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import browser_page, idle, jupyterlab, run_all, write_notebook  # noqa: E402

SETUP = "import roilessons as rl\nsubject = rl.load_subject()"
THRESHOLD = "explorer = rl.explore(subject, 'threshold', threshold=2)\nexplorer"
SLEEP = "import time\ntime.sleep(0 if 'again' not in globals() else 25)\nagain = True"
STEPS = "explorer = rl.explore(subject, 'threshold', 'iterations', layers=['labels'])\nexplorer"
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
READABLE = """(() => {  // a drawn canvas stays readable, and says when it was drawn: pixels are looked at only then
  const get = HTMLCanvasElement.prototype.getContext, draw = WebGL2RenderingContext.prototype.drawElements;
  HTMLCanvasElement.prototype.getContext = function (kind, options) {
    return get.call(this, kind, kind === "webgl2" ? { ...options, preserveDrawingBuffer: true } : options);
  };
  WebGL2RenderingContext.prototype.drawElements = function (...args) {
    window.draws = (window.draws ?? 0) + 1;
    return draw.apply(this, args);
  };
})()"""
PRESS = """async ([inside, label, key, table]) => {
  const root = document.querySelector(inside), canvas = root.querySelector("canvas");
  const slider = [...root.querySelectorAll(".widget-slider")].find((s) => s.textContent.includes(label));
  const handle = slider.querySelector(".noUi-handle");
  let draws, seen;
  const look = () => {
    if (!canvas) return root.querySelector("img")?.src;
    if (draws === window.draws) return seen;
    draws = window.draws;
    const gl = canvas.getContext("webgl2"), pixels = new Uint8Array(4 * canvas.width * canvas.height);
    gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    let sum = 0;
    for (let i = 0; i < pixels.length; i += 4) sum = (sum * 31 + pixels[i] + 3 * pixels[i + 1] + 7 * pixels[i + 2]) | 0;
    return (seen = sum);
  };
  const read = () => (table ? root.querySelector("table")?.textContent : null);
  const picture = look(), text = read(), start = performance.now();
  handle.focus();
  handle.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
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
  let last = root.innerText, at = end;
  while (performance.now() - end < 2500) {
    if (root.innerText !== last) [last, at] = [root.innerText, performance.now()];
    await new Promise((done) => setTimeout(done, 2));
  }
  return at - end;
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
        page.add_init_script(READABLE)
        run_all(page, address, write_notebook(folder / f"bench_{number}.ipynb", SETUP, *cells).name)
        page.locator(f"{EXPLORER} canvas, .plain img").first.wait_for(timeout=120_000)
        idle(page)
        page.wait_for_timeout(3000)
        return what(page)


def blocked(page):
    cell = page.locator(".jp-CodeCell").last
    cell.locator(".cm-content").click()
    page.wait_for_timeout(300)
    page.keyboard.press("Control+Enter")
    cell.get_by_text("[*]:").wait_for()
    times = press(page, "Threshold", ["ArrowRight"] * 20)
    assert cell.get_by_text("[*]:").count(), "the kernel was free again before the last press"
    return times


def main():
    from playwright.sync_api import sync_playwright

    there_and_back = ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"] * 5
    plain = {"inside": ".plain", "table": True, "rest": 700}
    plan = [
        ("threshold, kernel idle", "50", [THRESHOLD], lambda p: press(p, "Threshold", ["ArrowRight"] * 20)),
        ("threshold, kernel in `time.sleep`", "50", [THRESHOLD, SLEEP], blocked),
        ("plain cell: threshold", "", [PLAIN], lambda p: press(p, "Threshold", ["ArrowRight"] * 10, **plain)),
        ("dilations: canvas and table", "100", [STEPS], lambda p: press(p, "Dilations", there_and_back, table=True)),
        ("plain cell: dilations, table", "", [PLAIN], lambda p: press(p, "Dilations", there_and_back[:10], **plain)),
        ("200 events in 2 s, then the final state", "300", [STEPS], lambda p: [p.evaluate(STORM, "Threshold") for _ in range(3)]),
        ("smoothing, a width's first time", "1000", [SMOOTHING], lambda p: press(p, "Smoothing", ["ArrowRight"] * 5, rest=900)),
        ("smoothing, known widths", "100", [SMOOTHING], lambda p: [press(p, "Smoothing", keys, rest=900) for keys in (["ArrowRight"] * 4, ["ArrowLeft"] * 4)][1]),  # fmt: skip
    ]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.system()}; WebGL drawn in software\n")
    print("| from the key press to | target, ms | median, ms | slowest, ms | presses |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, jupyterlab(Path(folder)) as address, sync_playwright() as playwright:
        for number, (name, target, cells, what) in enumerate(plan):
            times = measure(playwright, Path(folder), address, number, cells, what)
            middle, slowest = (f"{f(times):.0f}" if times else "-" for f in (statistics.median, max))
            print(f"| {name} | {target} | {middle} | {slowest} | {len(times)} |", flush=True)


if __name__ == "__main__":
    main()

"""How heavy and how fast the book's pages are, in headless Chromium on this machine.

`python benchmarks/book.py [SITE]` prints a Markdown table, the one in docs/benchmarks.md; without a folder the site is built first.
Each page is opened by a new visitor: what is transferred without the explorers' own files, when the first picture is drawn, when its
first explorer answers after it was scrolled to, and how far the page has shifted while it loaded (CLS: below 0.1 is good).
"""

import functools
import http.server
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import QUIET, find_chromium  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from roilessons.app.book.build import build_book  # noqa: E402

ROOT = Path(__file__).parents[1]
WATCH = """
window.shifted = 0; window.painted = null;
new PerformanceObserver(list => { for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value; })
  .observe({type: "layout-shift", buffered: true});
new PerformanceObserver(list => { window.painted = list.getEntries().at(-1).startTime; }).observe({type: "largest-contentful-paint", buffered: true});
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def visit(browser, address, name):
    """(requests, bytes, ms to the largest picture or text, ms to a live explorer or None, layout shift) of a page."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, service_workers="block")
    page, sizes = context.new_page(), []
    page.on(
        "response",
        lambda response: "/explorers/" in response.url or sizes.append(int(response.headers.get("content-length", 0))),
    )
    page.add_init_script(WATCH)
    page.goto(f"{address}/{name}")
    page.wait_for_load_state("networkidle")
    requests, transferred, painted, shifted = (
        len(sizes),
        sum(sizes),
        page.evaluate("window.painted"),
        page.evaluate("window.shifted"),
    )
    live = None
    if page.locator(".live-explorer").count():
        start = time.perf_counter()
        page.locator(".live-explorer").first.scroll_into_view_if_needed()
        page.locator(".roilessons-readout").first.wait_for(timeout=30_000)
        live = 1000 * (time.perf_counter() - start)
    context.close()
    return requests, transferred, painted, live, shifted


def main(site):
    handler = functools.partial(Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("| page | requests | kB | drawn, ms | explorer live, ms | layout shift |\n|---|---|---|---|---|---|")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=find_chromium(), args=QUIET)
        for path in sorted(site.glob("*.html")):
            requests, size, painted, live, shifted = visit(browser, f"http://127.0.0.1:{server.server_port}", path.name)
            print(
                f"| {path.stem} | {requests} | {size / 1000:,.0f} | {painted:.0f} | {'' if live is None else f'{live:.0f}'} | {shifted:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            build_book(ROOT / "notebooks", Path(folder) / "site", ROOT / "docs", say=lambda _: None)
            main(Path(folder) / "site")

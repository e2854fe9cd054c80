"""Takes the README's picture of an explorer in JupyterLab, docs/images/explorer.png: `python tools/draw_explorer.py`."""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from browser import browser_page, jupyterlab, run_all, write_notebook  # noqa: E402

CODE = """import roilessons as rl

subject = rl.load_subject("simulated")
rl.explore(subject, "threshold", "intersection", "cut_coords")"""

with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
    write_notebook(Path(folder) / "explorer.ipynb", CODE)
    with jupyterlab(Path(folder)) as address, browser_page(playwright, width=1250, height=900) as page:
        run_all(page, address, "explorer.ipynb")
        page.locator(".roilessons-explorer canvas[style*=height]").first.wait_for(timeout=120_000)
        page.keyboard.press("Control+b")  # the list of files is closed
        page.wait_for_timeout(3000)  # the picture follows the new width
        taken = Image.open(io.BytesIO(page.locator(".jp-Cell").first.screenshot()))
taken.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(ROOT / "docs/images/explorer.png", optimize=True)

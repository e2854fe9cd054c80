"""JupyterLab, Voila and Chromium for tests and benchmarks: everything on this machine, nothing kept."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from waiting import PATIENCE, free_port, until

from roilessons.app.lab import QUIET as QUIET_LAB
from roilessons.app.lab import SETTINGS

ROOT = Path(__file__).parents[2]
QUIET = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
WEBGL = ["--enable-unsafe-swiftshader"]  # without a graphics card, as Chromium does it there: WebGL by SwiftShader, the page itself not
NO_WEBGL = ["--disable-3d-apis"]


def find_chromium():
    """Path of Chromium or Chrome on this machine, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
             r"C:\Program Files\Google\Chrome\Application\chrome.exe")  # fmt: skip
    return next(filter(None, map(shutil.which, names)), None)


def write_notebook(path, *cells):
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


@contextmanager
def server(folder, *command):
    """Run a Jupyter server on a free port of this machine, in a folder; yields its address."""
    state = folder / ".jupyter"
    (state / "labconfig").mkdir(parents=True, exist_ok=True)
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    (state / "labconfig/default_setting_overrides.json").write_text(json.dumps(quiet))
    extension = "jupyter_server_config.d"  # as a wheel puts it where Jupyter looks
    shutil.copytree(SETTINGS / extension, state / extension, dirs_exist_ok=True)
    places = {f"JUPYTER_{kind}_DIR": str(state / kind.lower()) for kind in ("RUNTIME", "DATA")}
    lab = {"JUPYTERLAB_SETTINGS_DIR": str(state / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | places | lab | {"JUPYTER_CONFIG_DIR": str(state), "PYTHONPATH": path}
    log = open(state / "log.txt", "w")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *command, f"--port={port}", "--no-browser"],
        cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    def answers():
        try:
            urllib.request.urlopen(address, timeout=PATIENCE).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            assert process.poll() is None, (state / "log.txt").read_text()
            return False
        return True

    try:
        until(answers, lambda: (state / "log.txt").read_text())
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)
        log.close()


def jupyterlab(folder):
    """JupyterLab in a folder, as a learner starts it who has installed roilessons; yields its address."""
    own = [f"--{name}={value}" for name, value in QUIET_LAB.items()]
    return server(folder, "jupyterlab", "--allow-root", "--IdentityProvider.token=", "--ServerApp.port_retries=0", *own)


@contextmanager
def browser_page(playwright, *arguments, width=1300, height=1100):
    """A page of a fresh browser; yields it, with what it asked of other machines and what went wrong in it."""
    options = {"executable_path": find_chromium(), "timeout": PATIENCE * 1000}
    browser = getattr(playwright, "chromium", playwright).launch(**options, args=[*QUIET, *(arguments or WEBGL)])
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(PATIENCE * 1000)
    page.strangers, page.errors = [], []

    def note(url):
        if urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).hostname != "127.0.0.1":
            page.strangers.append(url)

    page.on("request", lambda request: note(request.url))
    page.on("websocket", lambda socket: note(socket.url))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    try:
        yield page
    finally:
        browser.close()


def run_all(page, address, notebook):
    """Open a notebook in JupyterLab, run all of it and wait for its first explorer's picture."""
    page.goto(f"{address}/lab/tree/{notebook}?reset")
    idle(page)
    again(page)


def again(page):
    """Run all of the notebook that is open."""
    page.get_by_text("Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


def idle(page):
    """Wait until the kernel is idle."""
    page.wait_for_function("document.querySelector('#jp-main-statusbar')?.textContent.includes('| Idle')", timeout=PATIENCE * 1000)

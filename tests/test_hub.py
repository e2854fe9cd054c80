"""A class on one server: faults that one learner has and others do not notice, and doors that stay shut.

A real JupyterHub with its proxy, by the configuration of deploy/ as it is shipped: a trial, in which all processes are one user's.
What systemd or containers enforce is not tried here.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from browser import QUIET, find_chromium, idle
from conftest import need
from hub import FIRST, PASSWORD, PATIENCE, Failed, Hub, Learner, install
from playwright.sync_api import sync_playwright
from tornado.httpclient import HTTPClientError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the hub of deploy/ is for Linux")
NAMES = ("anna", "ben")
COUNTING = "import time\nfor number in range(40):\n    print(number, flush=True)\n    time.sleep(0.2)"
PID = "import os\nprint(os.getpid())"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    need(shutil.which("npm"), "npm")
    return install(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def hub(environment):
    with TemporaryDirectory() as folder, Hub(Path(folder), NAMES, environment) as running:
        yield running


async def here(hub):
    """Anna and Ben, each with lesson 00 open, its first cell run, and a line of their own saved in it."""
    learners = [Learner(hub, name) for name in NAMES]
    for learner in learners:
        assert await learner.log_in()
    pages = await asyncio.gather(*(learner.lab() for learner in learners))
    for learner, page in zip(learners, pages, strict=True):
        assert page == f"/user/{learner.name}/lab/tree/{FIRST}"
        await learner.open(FIRST)
        await write(learner)
    return learners


async def write(learner):
    notebook = await learner.notebook(FIRST)
    notebook["cells"][1]["source"] = f"# {learner.name} was here"
    await learner.save(FIRST, notebook)


async def has_written(learner):
    return (await learner.notebook(FIRST))["cells"][1]["source"] == f"# {learner.name} was here"


async def printed(learner, code):
    lines = []
    await learner.run(code, lambda content: lines.append(content["text"]))
    return "".join(lines)


async def goes_on(learner, task):
    """Another learner's cell has run to its end, all that it printed was seen, and what they saved is there."""
    assert (await task).split() == [str(number) for number in range(40)]
    assert await has_written(learner)


def test_a_kernel_that_is_killed_is_one_learners(hub):
    async def go():
        anna, ben = await here(hub)
        pid = int(await printed(anna, PID))
        bens = asyncio.create_task(printed(ben, COUNTING))
        counts = asyncio.Event()
        annas = asyncio.create_task(anna.run(COUNTING, lambda content: counts.set()))
        await asyncio.wait_for(counts.wait(), PATIENCE)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Failed, match="died"):
            await annas
        assert await has_written(anna)
        assert int(await printed(anna, PID)) != pid, "a new kernel, without a click"
        await goes_on(ben, bens)

    asyncio.run(go())


def test_a_notebook_that_eats_memory_ends_alone(hub):
    async def go():
        anna, ben = await here(hub)
        bens = asyncio.create_task(printed(ben, COUNTING))
        with pytest.raises(Failed, match="MemoryError"):
            await anna.run("held = []\nfor _ in range(64):  # 4 GiB\n    held.append(bytearray(1 << 26))")
        assert await printed(anna, "print(len(held) < 32)") == "True\n", "2 GiB are the limit; the kernel lives"
        await goes_on(ben, bens)

    asyncio.run(go())


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_hub_is_started_again_in_the_middle(hub, sent):
    async def go():
        anna, ben = await here(hub)
        bens = asyncio.create_task(printed(ben, COUNTING))
        pid = int(await printed(anna, PID))
        await asyncio.to_thread(hub.end, sent)
        assert int(await printed(anna, PID)) == pid, "without a hub, too"
        await write(anna)
        await asyncio.to_thread(hub.start)
        await goes_on(ben, bens)
        assert int(await printed(anna, PID)) == pid and await has_written(anna)
        again = Learner(hub, "anna")
        assert await again.log_in() and (await again.lab()).endswith(FIRST)
        assert str(pid) in {str(process.pid) for process in hub.processes()}, "the same kernel"

    asyncio.run(go())


def test_a_server_without_activity_for_an_hour_is_ended(hub):
    async def go():
        anna, ben = await here(hub)
        bens = asyncio.create_task(printed(ben, COUNTING))
        await asyncio.to_thread(hub.end)
        with closing(sqlite3.connect(hub.folder / "jupyterhub.sqlite")) as kept, kept:  # as if the hour had passed
            earlier = "UPDATE spawners SET last_activity = datetime('now', '-61 minutes') WHERE user_id ="
            assert kept.execute(f"{earlier} (SELECT id FROM users WHERE name = 'anna')").rowcount == 1
        annas = [process for process in hub.processes() if process.cwd().endswith("/anna")]
        await asyncio.to_thread(hub.start)
        _, left = await asyncio.to_thread(psutil.wait_procs, annas, PATIENCE)
        assert annas and not left, "server and kernel"
        await goes_on(ben, bens)
        back = Learner(hub, "anna")
        assert await back.log_in() and (await back.lab()).endswith(FIRST) and await has_written(back)

    asyncio.run(go())


def test_doors_stay_shut(hub):
    async def go():
        anna, ben = await here(hub)
        for path in (f"/user/anna/api/contents/{FIRST}", f"/user/anna/files/{FIRST}", "/user/anna/api/kernels",
                     f"/user/anna/api/kernels/{anna.kernel}", "/user/anna/api/terminals"):  # fmt: skip
            assert (await anna.ask("GET", path)).status_code == 200, path
            assert (await ben.ask("GET", path, follow_redirects=True)).status_code in (403, 404), path
            page = httpx.get(f"{hub.address}{path}", follow_redirects=True)
            assert page.status_code == 403 or page.url.path == "/hub/login", "without a token"
        for method, path in (("PUT", f"/user/anna/api/contents/{FIRST}"), ("POST", f"/user/anna/api/kernels/{anna.kernel}/interrupt"),
                             ("DELETE", f"/user/anna/api/kernels/{anna.kernel}"), ("DELETE", "/hub/api/users/anna/server"),
                             ("POST", "/hub/api/users/anna/tokens"), ("GET", "/hub/api/users/anna"), ("GET", "/hub/api/users")):  # fmt: skip
            assert (await ben.ask(method, path, json={})).status_code in (403, 404), path
        for way in ("..%2Fanna%2F", "%2E%2E/anna/", "..%5Canna%5C"):
            assert (await ben.ask("GET", f"/user/ben/api/contents/{way}{FIRST}")).status_code in (400, 403, 404), way
        told = [json.loads(path.read_text()) for path in hub.folder.glob("learners/*/.run/kernel-*.json")]
        assert told and {each["transport"] for each in told} == {"ipc"}, "no port that two kernels could take"
        ben.kernel, ben.base = anna.kernel, anna.base
        with pytest.raises(HTTPClientError, match="403"):
            await ben.listen()
        assert await printed(anna, "print(1)") == "1\n" and await has_written(anna)

    asyncio.run(go())


def test_who_is_not_of_the_class_stays_outside(hub):
    async def go():
        assert not await Learner(hub, "anna").log_in("two regions")
        assert not await Learner(hub, "zoe").log_in()

    asyncio.run(go())


def test_two_learners_in_two_browsers(hub):
    def noted(page):
        page.wrong = []
        page.on("request", lambda request: page.wrong.append(request.url) if urlsplit(request.url).netloc not in ("", urlsplit(hub.address).netloc) else None)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        return page

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need(find_chromium(), "Chromium"), args=QUIET)
        pages = [noted(browser.new_context(viewport={"width": 1300, "height": 1000}).new_page()) for _ in NAMES]
        for page, name in zip(pages, NAMES, strict=True):
            page.goto(hub.address)
            page.get_by_label("Username").fill(name)
            page.get_by_role("textbox", name="Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
        for page, name in zip(pages, NAMES, strict=True):
            page.wait_for_url(f"**/user/{name}/lab/tree/{FIRST}*", timeout=PATIENCE * 1000)
            idle(page)
            page.locator(".jp-CodeCell").first.click()
            page.keyboard.press("Shift+Enter")
        for page in pages:
            page.locator(".jp-CodeCell .jp-InputPrompt").first.get_by_text(re.compile(r"\[\d+\]:")).wait_for(timeout=PATIENCE * 1000)
            idle(page)
            assert not page.locator(".jp-Dialog, .Toastify__toast").count() and not page.wrong
            page.get_by_text("File", exact=True).click()
            assert page.get_by_text("Hub Control Panel").is_visible()
            page.keyboard.press("Escape")
        browser.close()

"""A JupyterHub of deploy/ on this machine, and learners who use it over HTTP and websockets: for tests and the load test.

What a hub needs is no part of the lessons' environment: where it is missing it is installed into a folder.
"""

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx
import psutil
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

ROOT = Path(__file__).parents[2]
PROXY = "configurable-http-proxy"
PASSWORD = "three regions"
FIRST, SECOND = "00_start_here.ipynb", "04_threshold.ipynb"
CONFIG = """
load_subconfig({shipped!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.Spawner.args = ["--allow-root"]
"""


def install(folder):
    """What a hub needs beyond the lessons' environment, in `folder` where it is not there already; returns its environment variables."""
    path, packages = [str(Path(sys.executable).parent), os.environ["PATH"]], [str(ROOT), os.environ.get("PYTHONPATH", "")]
    if not importlib.util.find_spec("jupyterhub") or not shutil.which(PROXY):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "-r", ROOT / "deploy/requirements.txt"]
        subprocess.run([*pip, "-c", ROOT / "binder/requirements.txt"], check=True)
        subprocess.run(["npm", "install", "--silent", "--prefix", folder, f"{PROXY}@5"], check=True)
        path, packages = [str(folder / "node_modules/.bin"), *path], [packages[0], str(folder), *packages[1:]]
    return {"PATH": os.pathsep.join(path), "PYTHONPATH": os.pathsep.join(filter(None, packages))}


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Hub:
    """The hub with its proxy, in a folder of the class; `stop` ends all that it started."""

    def __init__(self, folder, names, environment):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.environment = folder.resolve(), os.environ | environment
        port, hub_port, proxy_port = free_ports(3)
        self.address = f"http://127.0.0.1:{port}"
        (folder / "class.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        (folder / "password.txt").write_text(PASSWORD + "\n", encoding="utf-8")
        shipped = str(ROOT / "deploy/jupyterhub_config.py")
        text = CONFIG.format(shipped=shipped, port=port, hub_port=hub_port, proxy_port=proxy_port)
        (folder / "jupyterhub_config.py").write_text(text, encoding="utf-8")
        self.log = folder / "log.txt"
        self.process = None

    def start(self):
        """Start the hub, and return when it answers through its proxy."""
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub"], cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )  # fmt: skip
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                if self.process.poll() is None and httpx.get(f"{self.address}/hub/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"The hub does not answer:\n{self.log.read_text(encoding='utf-8')[-3000:]}")

    def end(self, sent=signal.SIGTERM):
        """End the hub's own process: its proxy and the learners' servers go on."""
        self.process.send_signal(sent)
        self.process.wait(60)

    def processes(self):
        """Every process that works in this class's folder: hub, proxy, culler, servers and kernels."""
        found = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()).is_relative_to(self.folder):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def stop(self):
        if self.process.poll() is None:
            self.end()
        for kill in (psutil.Process.terminate, psutil.Process.kill):
            left = self.processes()
            for process in left:
                try:
                    kill(process)
                except psutil.Error:
                    continue
            psutil.wait_procs(left, timeout=10)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()


class Failed(Exception):
    """A cell that raised, or an answer that was not what a learner needs."""


class Learner:
    """One who logs in by the page's form, then does what JupyterLab does for them."""

    def __init__(self, hub, name):
        self.hub, self.name, self.base = hub, name, f"/user/{name}"
        self.http = httpx.AsyncClient(base_url=hub.address, follow_redirects=True, timeout=300)
        self.headers, self.socket, self.session = {}, None, uuid.uuid4().hex

    async def log_in(self, password=PASSWORD):
        """Log in, and have the server started; False if the hub refuses."""
        await self.http.get("/hub/login")
        form = {"username": self.name, "password": password, "_xsrf": self._xsrf()}
        answer = await self.http.post("/hub/login", data=form)
        return answer.status_code < 400

    def _xsrf(self):
        return self.http.cookies.get("_xsrf", path="/hub/")

    async def lab(self):
        """The page that opens when the server is ready; its path."""
        end = time.monotonic() + 400
        while time.monotonic() < end:
            answer = await self.http.get(f"/hub/api/users/{self.name}", headers={"X-XSRFToken": self._xsrf()})
            servers = answer.raise_for_status().json()["servers"]
            if servers and servers[""]["ready"]:
                break
            if not servers:  # it has just been ended: one more click
                await self.http.get("/hub/spawn")
            await asyncio.sleep(0.5)
        page = await self.http.get(f"{self.base}/")
        asked = await self.http.post(f"/hub/api/users/{self.name}/tokens", headers={"X-XSRFToken": self._xsrf()})
        self.headers = {"Authorization": f"token {asked.raise_for_status().json()['token']}"}
        if page.status_code != 200:
            raise Failed(f"the lab of {self.name} answered {page.status_code}")
        return page.url.path

    async def ask(self, method, path, **options):
        """A request of the learner's own server, with the learner's token alone."""
        async with httpx.AsyncClient(base_url=self.hub.address, timeout=300, headers=self.headers) as http:
            return await http.request(method, path, **options)

    async def api(self, method, path, **options):
        answer = await self.ask(method, f"{self.base}/api/{path}", **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def notebook(self, name):
        return (await self.api("GET", f"contents/{name}"))["content"]

    async def save(self, name, notebook):
        await self.api("PUT", f"contents/{name}", json={"type": "notebook", "format": "json", "content": notebook})

    async def open(self, name):
        """Start the kernel of a notebook and listen to it; returns its code cells."""
        notebook = await self.notebook(name)
        model = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        self.kernel = (await self.api("POST", "sessions", json=model))["kernel"]["id"]
        await self._listen_again()
        return [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]

    async def listen(self):
        url = f"{self.hub.address}{self.base}/api/kernels/{self.kernel}/channels?session_id={self.session}"
        request = HTTPRequest(url.replace("http", "ws", 1), headers=self.headers, connect_timeout=300, request_timeout=300)
        self.socket = await websocket_connect(request, max_message_size=1 << 28)

    async def close(self):
        """Shut the kernel down."""
        self.socket.close()
        await self.api("DELETE", f"kernels/{self.kernel}")

    async def run(self, code, seen=None):
        """Run a cell; calls `seen` with the content of each output. Listens again, as JupyterLab does, where the connection breaks.

        Returns
        -------
        seconds : float
            Until the kernel is idle again.
        """
        start, number = time.perf_counter(), uuid.uuid4().hex
        header = {
            "msg_id": number,
            "msg_type": "execute_request",
            "session": self.session,
            "username": self.name,
            "version": "5.3",
        }
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
        try:
            await self.socket.write_message(json.dumps(message))
        except WebSocketClosedError:
            await self._listen_again()
            await self.socket.write_message(json.dumps(message))
        waits, error = {"execute_reply", "idle"}, None
        while waits:
            received = await asyncio.wait_for(self.socket.read_message(), 300)
            if received is None:
                await self._listen_again()
                continue
            if isinstance(received, bytes):  # a widget's picture
                continue
            received = json.loads(received)
            kind, content = received["header"]["msg_type"], received["content"]
            if kind == "status" and content["execution_state"] in ("restarting", "dead"):
                raise Failed("the kernel died")
            if received["parent_header"].get("msg_id") != number:
                continue
            if kind == "execute_reply":
                waits.discard(kind)
                if content["status"] != "ok":
                    error = f"{content.get('ename')}: {content.get('evalue')}"
            elif kind == "status":
                waits.discard(content["execution_state"])
            elif seen and kind in ("stream", "display_data", "execute_result"):
                seen(content)
        if error:
            raise Failed(error)
        return time.perf_counter() - start

    async def _listen_again(self):
        for _ in range(120):
            try:
                return await self.listen()
            except (OSError, HTTPClientError):
                await asyncio.sleep(0.5)
        raise Failed("the connection to the kernel was lost")

"""A JupyterHub of deploy/ on this machine, and learners who use it over HTTP and websockets: for tests and the load test.

What a hub needs is no part of the lessons' environment: where it is missing it is installed into a folder.
"""

import asyncio
import importlib.util
import json
import os
import re
import secrets
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
PATIENCE = 300  # seconds; who waits longer says that something is wrong
CONFIG = """
load_subconfig({shipped!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.Spawner.args += ["--allow-root"]
# A test writes into the hub's database when a server was used last: nothing else writes there meanwhile.
c.Spawner.environment["JUPYTERHUB_ACTIVITY_INTERVAL"] = "86400"
c.JupyterHub.last_activity_interval = 86400
"""


def install(folder):
    """What a hub needs beyond the lessons' environment, in `folder` where it is not there already; returns its environment variables."""
    path, packages = [str(Path(sys.executable).parent), os.environ["PATH"]], [str(ROOT), os.environ.get("PYTHONPATH", "")]
    if not importlib.util.find_spec("jupyterhub") or not shutil.which(PROXY):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "-r", ROOT / "deploy/requirements.txt"]
        for command in ([*pip, "-c", ROOT / "binder/requirements.txt"], ["npm", "install", "--silent", "--prefix", folder, f"{PROXY}@5"]):
            if subprocess.run(command).returncode:  # a registry may be out of reach for a moment
                time.sleep(10)
                subprocess.run(command, check=True)
        path, packages = [str(folder / "node_modules/.bin"), *path], [packages[0], str(folder), *packages[1:]]
    return {"PATH": os.pathsep.join(path), "PYTHONPATH": os.pathsep.join(filter(None, packages))}


def free_ports(count):
    """Ports that nobody uses, below those that Linux gives to whoever asks for any."""
    probes = []
    while len(probes) < count:
        try:
            probes.append(socket.create_server(("127.0.0.1", 10_000 + secrets.randbelow(22_768))))
        except OSError:
            continue
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Hub:
    """The hub and its proxy, in a folder of the class with a short path; `stop` ends all that they started."""

    def __init__(self, folder, names, environment):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.environment = folder.resolve(), os.environ | environment
        port, hub_port, proxy_port = free_ports(3)
        self.address = f"http://127.0.0.1:{port}"
        (folder / "class.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        (folder / "password.txt").write_text(PASSWORD + "\n", encoding="utf-8")
        (folder / "proxy-token.txt").write_text(uuid.uuid4().hex + "\n", encoding="utf-8")
        ports = {"8000": port, "8001": proxy_port, "8081": hub_port}
        text = re.sub("|".join(ports), lambda shipped: str(ports[shipped[0]]), (ROOT / "deploy/proxy.sh").read_text(encoding="utf-8"))
        (folder / "proxy.sh").write_text(text, encoding="utf-8")
        shipped = str(ROOT / "deploy/jupyterhub_config.py")
        text = CONFIG.format(shipped=shipped, port=port, hub_port=hub_port, proxy_port=proxy_port)
        (folder / "jupyterhub_config.py").write_text(text, encoding="utf-8")
        self.log = folder / "log.txt"

    def launch(self, command):
        with open(self.log, "a", encoding="utf-8") as log:
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True)

    def start(self):
        """Start the hub, and return when it answers through the proxy."""
        self.process = self.launch([sys.executable, "-m", "jupyterhub"])
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            try:
                if httpx.get(f"{self.address}/hub/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"The hub does not answer:\n{self.log.read_text(encoding='utf-8')[-3000:]}")

    def end(self, sent=signal.SIGTERM):
        """End the hub's own process: the proxy and the learners' servers go on."""
        self.process.send_signal(sent)
        self.process.wait(PATIENCE)

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
        self.launch(["sh", "proxy.sh"])
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error):
        self.stop()


class Failed(Exception):
    """A cell that raised, or an answer that was not what a learner needs."""


class Learner:
    """One who logs in by the page's form, then does what JupyterLab does for them."""

    def __init__(self, hub, name):
        self.hub, self.name, self.base = hub, name, f"/user/{name}"
        self.http = httpx.AsyncClient(base_url=hub.address, follow_redirects=True, timeout=PATIENCE)
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
        end = time.monotonic() + PATIENCE
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
        async with httpx.AsyncClient(base_url=self.hub.address, timeout=PATIENCE, headers=self.headers) as http:
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
        """Connect to the kernel. As in a browser, what comes is taken at once, whether anybody waits for it or not."""
        self.received = asyncio.Queue()
        url = f"{self.hub.address}{self.base}/api/kernels/{self.kernel}/channels?session_id={self.session}"
        request = HTTPRequest(url.replace("http", "ws", 1), headers=self.headers, connect_timeout=PATIENCE, request_timeout=PATIENCE)
        self.socket = await websocket_connect(request, on_message_callback=self.received.put_nowait, max_message_size=1 << 28)

    async def close(self):
        """Shut the kernel down."""
        self.socket.close()
        await self.api("DELETE", f"kernels/{self.kernel}")

    async def run(self, code, seen=None):
        """Run a cell; calls `seen` with the content of each output.

        Where the connection breaks it listens again in the same session, and the server sends what came meanwhile; then it asks the kernel
        for its state, as JupyterLab does. A kernel answers one thing after another, so a cell whose end was not seen before is lost.

        Returns
        -------
        seconds : float
            Until the kernel is idle again.
        """
        start, error = time.perf_counter(), None
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        cell = await self._send("execute_request", content)
        waits = {cell: {"execute_reply", "idle"}}
        while all(waits.values()):
            received = await asyncio.wait_for(self.received.get(), PATIENCE)
            if received is None:
                await self._listen_again()
                waits[await self._send("kernel_info_request", {})] = {"kernel_info_reply", "idle"}
                continue
            if isinstance(received, bytes):  # a widget's picture
                continue
            received = json.loads(received)
            kind, content, about = received["header"]["msg_type"], received["content"], received["parent_header"].get("msg_id")
            if kind == "status" and content["execution_state"] in ("restarting", "dead"):
                raise Failed("the kernel died")
            if about not in waits:
                continue
            waits[about] -= {kind, content.get("execution_state")}
            if kind == "execute_reply" and content["status"] != "ok":
                error = f"{content.get('ename')}: {content.get('evalue')}"
            elif about == cell and seen and kind in ("stream", "display_data", "execute_result"):
                seen(content)
        if waits[cell]:
            error = "what the kernel sent was lost with the connection"
        if error:
            raise Failed(error)
        return time.perf_counter() - start

    async def _send(self, kind, content):
        """Send a message to the kernel; its number."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": self.session, "username": self.name, "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
        try:
            await self.socket.write_message(json.dumps(message))
        except WebSocketClosedError:
            await self._listen_again()
            await self.socket.write_message(json.dumps(message))
        return header["msg_id"]

    async def _listen_again(self):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return await self.listen()
            except (OSError, HTTPClientError) as error:
                if time.monotonic() > end:
                    raise Failed(f"the connection to the kernel was lost: {error!r}") from error
                await asyncio.sleep(0.5)

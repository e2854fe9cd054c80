"""The workbench as a page, and what a stranger on the same machine can do with it."""

import json
import re
import time
import urllib.error
import urllib.request
from contextlib import suppress
from http.cookiejar import CookieJar

import pytest
import websocket
from browser import server, write_notebook
from conftest import ROOT, small_series, write_subject
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1
from waiting import PATIENCE, until

SECRET = b"the secret of this machine"
CELL = "import roilessons as rl\nrl.workbench('subject')"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Folder, address and log file of a page that shows a small subject on the workbench."""
    folder = tmp_path_factory.mktemp("served")
    write_subject(folder / "subject", *small_series())
    (folder / "secret.nii").write_bytes(SECRET)
    (folder / "picture.png").write_bytes(SECRET)
    write_notebook(folder / "page.ipynb", CELL)
    with server(folder, "roilessons.app.cli", "workbench", "page.ipynb") as address:
        yield folder, address


def token(folder):
    """The token in the address that the server prints."""
    log = folder / ".jupyter/log.txt"
    return until(lambda: re.search(r"http://\S+\?token=(\w+)\s", log.read_text()), log.read_text)[1]


def visit(served):
    """What an invited visitor's browser then has: its cookies, and the id of its page's kernel."""
    folder, address = served
    cookies = CookieJar()
    visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    page = visitor.open(f"{address}/?token={token(folder)}", timeout=PATIENCE).read().decode()
    return visitor, cookies, re.search(r'"kernelId":\s*"([0-9a-f-]+)"', page)[1]


@pytest.fixture(scope="module")
def kernel(served):
    """The id of the kernel that an invited visitor's page runs."""
    return visit(served)[2]


def status(address):
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as reply:
            return reply.status, reply.geturl()
    except urllib.error.HTTPError as error:
        return error.code, address


def test_the_page_is_for_those_who_have_its_token(served, kernel):
    folder, address = served
    assert "login" in status(address)[1] and "login" in status(f"{address}/?token=wrong")[1]
    assert status(f"{address}/api/kernels/{kernel}")[0] == 403
    for private in ("picture.png", "secret.nii", "page.ipynb", "subject/labels.txt"):
        assert status(f"{address}/voila/files/{private}")[0] == 403
        assert status(f"{address}/voila/files/{private}?token={token(folder)}")[0] == 403
    for extra in ("", "?token=", "?token=wrong"):
        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            websocket.create_connection(f"ws{address[4:]}/api/kernels/{kernel}/channels{extra}", timeout=PATIENCE)


def test_a_page_that_is_left_ends_its_kernel(served):
    visitor, cookies, kernel = visit(served)
    end = f"{served[1]}/voila/api/shutdown/{kernel}"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        visitor.open(end, data=b"", timeout=PATIENCE)  # as another site would, in the same browser
    known = next(cookie.value for cookie in cookies if cookie.name == "_xsrf")
    assert visitor.open(end, data=f"_xsrf={known}".encode(), timeout=PATIENCE).status == 204


class Attacker:
    """A raw websocket to a kernel: comm messages go out, all bytes that come back are kept."""

    def __init__(self, address):
        # Voila takes a message with bytes for this protocol's, whichever was agreed on.
        self.socket = websocket.create_connection(address, timeout=PATIENCE, subprotocols=["v1.kernel.websocket.jupyter.org"])
        self.socket.settimeout(2)
        self.heard = b""

    def send(self, kind, **content):
        header = {"msg_id": f"{time.time_ns()}", "msg_type": kind, "username": "", "session": "attack", "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        self.socket.send_binary(serialize_msg_to_ws_v1(message, "shell", lambda part: json.dumps(part).encode()))

    def listen(self):
        """(type, content) of the messages that come, until there is none for two seconds; all that came stays in `heard`."""
        messages = []
        with suppress(websocket.WebSocketTimeoutException):
            while frame := self.socket.recv():
                self.heard += frame
                _, (header, _, _, content, *_) = deserialize_msg_from_ws_v1(frame)
                messages.append((json.loads(header)["msg_type"], json.loads(content)))
        return messages


def test_a_visitor_reads_no_file_through_a_widget(served, kernel):
    folder, address = served
    visitor = Attacker(f"ws{address[4:]}/api/kernels/{kernel}/channels?token={token(folder)}")

    def widgets():
        visitor.send("comm_info_request", target_name="jupyter.widget")
        return next((content["comms"] for kind, content in visitor.listen() if kind == "comm_info_reply" and len(content["comms"]) > 40), None)

    comms = until(widgets)  # the cell has run
    path = str(folder / "secret.nii")
    for comm in comms:
        for name in ("path", "paired_img_path"):
            visitor.send("comm_msg", comm_id=comm, data={"method": "update", "state": {name: path}, "buffer_paths": []})
        for event in ("add_volume", "add_mesh"):
            visitor.send("comm_msg", comm_id=comm, data={"method": "custom", "content": {"event": event, "data": {"path": path}}})
    for made in ({"_model_module": "anywidget", "_model_name": "AnyModel"}, {"_model_module": "ipyniivue", "_model_name": "Volume"}):
        state = made | {"_model_module_version": "*", "_view_module": "", "_view_module_version": "", "_view_name": "", "path": path}
        visitor.send("comm_open", comm_id=f"own{time.time_ns()}", target_name="jupyter.widget", data={"state": state}, metadata={"version": "2.1.0"})
    visitor.send("comm_info_request", target_name="jupyter.widget")
    kinds = []

    def looked():
        kinds.extend(kind for kind, _ in visitor.listen())
        return "comm_info_reply" in kinds and kinds.count("status") > 4 * len(comms)

    until(looked, lambda: f"the kernel has not looked at each message: {kinds}")
    assert SECRET not in visitor.heard and b"dGhlIHNlY3JldC" not in visitor.heard
    visitor.socket.close()


def test_the_lessons_own_names_for_the_command(served):
    said = (ROOT / "notebooks/16_workbench.ipynb").read_text() + (ROOT / "README.md").read_text()
    assert said.count("python -m roilessons workbench") >= 2 and "roilessons.app.served" not in said

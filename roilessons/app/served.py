"""``roilessons workbench``: the workbench of lesson 16 as a page without code, by Voila."""

import os
import threading
import webbrowser
from pathlib import Path

from traitlets import Bool
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler

TEMPLATES = Path(__file__).resolve().parent / "jupyter"  # Voila's page without its links to another machine
WORKBENCH = TEMPLATES / "workbench.ipynb"  # short, because a page is shown when its notebook has run


class Visit(TornadoVoilaHandler):
    """One visit of the page."""

    async def get(self, path=None):
        self.xsrf_token  # noqa: B018  sets the cookie without which the page may not end its kernel when it is left
        await super().get(path)


class Page(Voila):
    """Voila, for those alone who have the address with its token; of the folder beside the notebook it serves nothing."""

    auto_token = Bool(True, help="Whether the address has a token; `--token=WORD` sets one.").tag(config=True)

    def init_handlers(self):
        return [
            (pattern, Visit if handler is TornadoVoilaHandler else handler, *options)
            for pattern, handler, *options in super().init_handlers()
        ]

    def launch_browser(self):
        """Open the address with its token, by a file that this user alone can read: others see what a browser is started with."""
        opened = Path(self.connection_dir) / "open.html"
        token = self.identity_provider.token
        address = self.connection_url + (f"?token={token}" if token else "")
        opened.write_text(f'<meta http-equiv="refresh" content="0; url={address}">', encoding="utf-8")
        threading.Thread(target=webbrowser.open, args=[opened.as_uri()], daemon=True).start()


def start(arguments):
    """Serve a notebook, the workbench unless another is named, on this machine; returns when the server ends.

    Parameters
    ----------
    arguments : list of str
        A notebook and options, passed on to Voila.
    """
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(TEMPLATES), os.environ.get("JUPYTER_PATH")]))
    os.environ["ROILESSONS_WORKBENCH"] = os.getcwd()
    named = any(argument.endswith(".ipynb") for argument in arguments)
    notebook = [] if named else [str(WORKBENCH)]
    Page.launch_instance([*notebook, "--template=roilessons", "--VoilaConfiguration.file_denylist=.*", *arguments])
    return 0

"""Lesson 16 as a page without code, by Voila: ``python -m roilessons.app.served``."""

import os
import sys
from pathlib import Path

from roilessons.app.lab import lessons_folder

TEMPLATES = Path(__file__).resolve().parent / "jupyter"  # Voila's page without its links to another machine
WORKBENCH = "16_workbench.ipynb"


def start(arguments):
    """Serve a notebook, the workbench unless another is named, on this machine; returns when the server ends.

    Parameters
    ----------
    arguments : list of str
        A notebook and options, passed on to Voila.
    """
    from voila.app import main as voila

    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(TEMPLATES), os.environ.get("JUPYTER_PATH")]))
    named = any(argument.endswith(".ipynb") for argument in arguments)
    notebook = [] if named else [str(lessons_folder() / WORKBENCH)]
    voila([*notebook, "--template=roilessons", *arguments])


if __name__ == "__main__":
    start(sys.argv[1:])

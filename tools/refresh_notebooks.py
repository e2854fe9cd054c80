"""Run notebooks from the top in a fresh kernel and store them clean: `python tools/refresh_notebooks.py [NOTEBOOK ...]`.

Without names: every lesson. A notebook that fails is left as it was. Stored are the outputs and the cell numbers 1 to n;
not stored are widget state, widget views (they cannot be opened again; their picture stays) and timings.
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LESSONS = Path(__file__).parents[1] / "notebooks"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def clean(notebook):
    """Drop in place what changes from run to run or from machine to machine."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02d}"
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data.pop(WIDGET_VIEW, None)
    return notebook


def refresh(path):
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, record_timing=False, store_widget_state=False, coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    client.execute()
    draft = path.with_suffix(".draft")
    nbformat.write(clean(notebook), draft)
    os.replace(draft, path)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:] or sorted(LESSONS.glob("*.ipynb"))):
        print(path.name, flush=True)
        refresh(path.resolve())

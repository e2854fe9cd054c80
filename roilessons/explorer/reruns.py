"""What a cell has shown is closed when the cell is run again; ipywidgets alone would keep it, and its data, for good."""

import gc

from IPython import get_ipython
from ipywidgets import Widget

_shown = {}  # cell -> (its last run, the `close` of everything that run made)


def close_when_rerun(close):
    """Call `close` once the cell that is running now has been run again and has made something in place of this.

    Jupyter's pages say which cell they run; elsewhere, as in Voila, a cell is known by its text. What a deleted cell has
    made stays open, and so does anything made by a plain script.

    Parameters
    ----------
    close : callable without arguments
    """
    request = getattr(get_ipython(), "get_parent", dict)()
    if request.get("header", {}).get("msg_type") != "execute_request":  # such as a button's click, or no kernel at all
        return
    run = request["header"]["msg_id"]
    cell = request.get("metadata", {}).get("cellId") or request["content"]["code"]
    last_run, earlier = _shown.get(cell, (run, []))
    if last_run != run:
        for close_earlier in earlier:
            close_earlier()
        earlier = []
    _shown[cell] = run, [*earlier, close]


def close_all(*widgets):
    """Close widgets and all widgets that they are made of, and give back what they hold."""
    for widget in widgets:
        _close(widget)
    gc.collect()  # widgets refer to each other, and Python's own collection seldom reaches objects as old as these


def _close(widget):
    if widget.comm is None:
        return
    parts = [getattr(widget, name) for name in widget.keys]
    widget.close()
    widget.unobserve_all()
    for part in parts:
        for one in part if isinstance(part, (list, tuple)) else [part]:
            if isinstance(one, Widget):
                _close(one)

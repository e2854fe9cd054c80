"""Explorers that live on a page without a kernel: their arrays and settings as files, shared between the pages of a site.

The code that computes and draws is the explorer's own; static/live.js stands in for the kernel and for the widgets.
"""

import ast
import gzip
import hashlib
import itertools
import json
from html import escape

import numpy as np

import roilessons as rl
from roilessons.explorer import screen
from roilessons.explorer.explorer import STILL
from roilessons.steps import CAP

WIDTHS = [0, 3, 6, 9, 12]  # mm: the widths of smoothing that a page can have, as each is a file of its own
FEW = 36  # so many states have their box plots computed beforehand; of more, those with one decision changed, and the presets
COARSE = 0.5  # steps of the threshold that then have box plots


class Store:
    """Writes what pages share, each content once, under a name made of the content."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, content, ending):
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{ending}"
        (self.folder / name).write_bytes(content)
        return name

    def pack(self, packed):
        """The names of the files with a pack of arrays."""
        if "t" in packed:
            t, log_p = (np.frombuffer(packed[name], np.float32) for name in ("t", "log_p"))
            packed = packed | {"t": short(t, log_p).tobytes()}
        return {name: self.put(gzip.compress(array, mtime=0), "bin") for name, array in packed.items()}


def short(t, log_p):
    """What a page needs of t, made to be compressed: its sign, and its size where -log10 p is capped and no longer tells it."""
    return np.where(log_p < CAP, np.sign(t), t)


def calls_in(source):
    """("explore" or "workbench", positional, keyword arguments) where a cell makes one of a subject; None if it makes none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("rl.explore", "rl.workbench") and node.args:
            try:
                given = [ast.literal_eval(one) for one in node.args[1:]]
                named = {one.arg: ast.literal_eval(one.value) for one in node.keywords}
            except ValueError:
                return None
            return node.func.attr, given, named
    return None


def export(store, made, given, named):
    """Write an explorer of simulated subject 1; returns the name of its file of settings, and its picture as HTML."""
    explorer = getattr(rl, made)(rl.load_subject("simulated"), *given, **named)
    try:
        setup, controls = explorer.screen.setup, explorer.controls
        settings = {
            "setup": setup, "place": explorer.screen.place, "data": {name: store.pack(packed) for name, packed in explorer.screen.data.items()},
            "controls": {name: control_in_words(control, name) for name, control in controls.items()},
            "switches": {name: control_in_words(switch, name) for name, switch in explorer.switches.items()},
            "maps": [*maps_of(explorer, store, setup, controls)], "boxes": [*boxes_of(explorer, store, setup)],
        }  # fmt: skip
        picture = explorer._repr_mimebundle_()["text/html"]
        return store.put(json.dumps(settings, allow_nan=False).encode(), "json"), picture.replace(STILL, "")
    finally:
        explorer.close()


def maps_of(explorer, store, setup, controls):
    """What a kernel would send of the other widths of smoothing and tests, as names of files."""
    widths = WIDTHS if "fwhm" in controls else [setup["decisions"]["fwhm"]]
    for fwhm, test in itertools.product(widths, setup["values"].get("test", [setup["decisions"]["test"]])):
        content, buffers = explorer.answer({"ask": "maps", "fwhm": fwhm, "test": test})
        if buffers:
            yield {"fwhm": fwhm, "test": test, "content": content, "files": [*store.pack(dict(zip(content["names"], buffers, strict=True))).values()]}


def boxes_of(explorer, store, setup):
    """What box plots are drawn from, as (decisions, name of the file): for all states of the controls where these are few."""
    values = setup["values"] | {"minimum_size": [1]}  # of the ROIs of a state the page leaves out those that are too small
    states = [setup["decisions"] | dict(zip(values, chosen, strict=True)) for chosen in itertools.islice(itertools.product(*values.values()), FEW + 1)]
    if len(states) > FEW:
        held = {"fwhm": WIDTHS, "threshold": [value for value in values.get("threshold", ()) if value % COARSE == 0]}
        start = setup["decisions"] | {"minimum_size": 1}
        states = [start | {name: value} for name in values for value in held.get(name, values[name])]
        states += [preset | {"minimum_size": 1} for preset in setup["presets"].values()]
    for decisions in states if setup["signals"] else ():
        content, _ = explorer.answer({"ask": "boxes", "decisions": decisions})
        yield decisions, store.put(json.dumps(content["rois"]).encode(), "json")


def control_in_words(control, name):
    """A widget as an element of a page: its label, its value, and what it can be."""
    words = {"label": control.description, "value": control.value}
    if hasattr(control, "options"):
        return words | {"options": [label for label, _ in control.options], "index": control.index}
    if hasattr(control, "min"):
        step = WIDTHS[1] if name == "fwhm" else getattr(control, "step", 1)
        return words | {"min": control.min, "max": control.max, "step": step}
    return words


def live_still(still, name):
    """The place of an explorer on a page: its picture, until the live one stands there."""
    return f'<div class="live-explorer" data-explorer="_static/explorers/{escape(name)}">{still}</div>'


def code():
    """The explorer's own module and style, as files of a site."""
    return screen.code(), screen.Screen._css

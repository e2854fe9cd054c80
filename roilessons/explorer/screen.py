"""What a page needs of an explorer: its arrays, once, and the code that computes from them what the controls decide."""

import re
import uuid
from pathlib import Path

import anywidget
import ipywidgets
import nibabel as nib
import numpy as np
import traitlets

from roilessons import figures, steps
from roilessons.explorer import decisions as _decisions
from roilessons.explorer import pictures
from roilessons.volumes.images import read_array

MODULES = ("decisions.js", "pictures.js", "screen.js")


def read(name):
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def code():
    """The browser's modules as one."""
    text = "\n".join(map(read, MODULES))
    return re.sub(r"^import .*\n|^export (?!default)", "", text, flags=re.MULTILINE)


class Screen(anywidget.AnyWidget):
    """The explorer's picture and numbers on a page: computed and drawn there.

    Attributes
    ----------
    setup : dict
        What stays: the grid, layers, colours, and the decisions in the beginning.
    data : dict
        "maps", "mask_vt", "truth" -> what `pack` has made of them.
    controls, switches : dict
        Name of a decision, an axis or a layer -> its widget.
    place : (x, y, z) in mm
    """

    _esm = read("loader.js")  # as text: anywidget keeps every widget whose `_esm` is a file for good
    _css = read("screen.css")
    code = traitlets.Unicode(code()).tag(sync=True)
    setup = traitlets.Dict().tag(sync=True)
    data = traitlets.Dict().tag(sync=True)
    controls = traitlets.Dict().tag(sync=True, **ipywidgets.widget_serialization)
    switches = traitlets.Dict().tag(sync=True, **ipywidgets.widget_serialization)
    place = traitlets.List().tag(sync=True)
    key = traitlets.Unicode().tag(sync=True)

    def __init__(self, **state):
        super().__init__(key=uuid.uuid4().hex, **state)

    def set_state(self, state):
        """Of all that a page may send, the place alone is taken, if it is one."""
        try:
            x, y, z = map(float, state["place"])
        except (KeyError, TypeError, ValueError):
            return
        if np.isfinite([x, y, z]).all():
            super().set_state({"place": [x, y, z]})


def grid(img):
    """A grid in the words of decisions.js and pictures.js."""
    affine, shape = img.affine, img.shape
    turned = nib.io_orientation(affine)
    limits = _decisions.limits(affine, shape)
    mm3, decimals = steps.voxel_volume(affine)
    return {
        "shape": [*shape], "affine": affine.tolist(), "inverse": np.linalg.inv(affine).tolist(), "voxelMm3": mm3,
        "decimals": decimals, "axes": [[int(axis), int(turned[axis][1])] for axis in np.argsort(turned[:, 0])],
        "spacing": [step for _, _, step in limits], "limits": [[low, high] for low, high, _ in limits],
        "box": pictures.box(img).T.tolist(),
    }  # fmt: skip


def pack(dtype, **images):
    """Arrays without the voxels that are 0 in all of them: these are many.

    Parameters
    ----------
    dtype : np.float32 or np.uint8
    **images : 3D images on one grid

    Returns
    -------
    dict
        `inside`, a bit per voxel; and by name the values of the voxels inside, in the order of an array (x, y, z). As bytes.
    """
    arrays = {name: np.asarray(img.dataobj) if name == "mean" else read_array(img) for name, img in images.items()}
    inside = np.any([array != 0 for array in arrays.values()], axis=0)
    values = {name: array[inside].astype(dtype).tobytes() for name, array in arrays.items()}
    return {"inside": np.packbits(inside.ravel()).tobytes(), **values}


def box_statistics(signals, contrast):
    """What box plots of ROIs are drawn from: quartiles, whiskers (1.5 times their distance) and what lies beyond.

    Parameters
    ----------
    signals : DataFrame
        From `roilessons.signals`.
    contrast : pair of str

    Returns
    -------
    list of dict
    """
    from matplotlib.cbook import boxplot_stats

    keys = {"low": "whislo", "q1": "q1", "median": "med", "q3": "q3", "high": "whishi"}
    present = set(signals["condition"])
    conditions = [*contrast, *sorted(present - {*contrast, "rest"}), *(present & {"rest"} - {*contrast})]
    rois = []
    for roi in [name for name in signals.columns if name.startswith("ROI ")]:
        boxes = []
        for condition in conditions:
            (stats,) = boxplot_stats(signals.loc[signals["condition"] == condition, roi])
            named = {"condition": "scrambled" if condition == "scrambledpix" else condition, "colour": figures.condition_colour(condition, contrast)}
            boxes.append(named | {name: float(stats[key]) for name, key in keys.items()} | {"beyond": stats["fliers"].tolist()})
        rois.append({"roi": roi, "boxes": boxes, "description": figures.describe_signals(signals[["condition", roi]])})
    return rois

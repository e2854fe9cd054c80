"""Controls of an explorer, labelled, and what else its page is made of."""

import anywidget
import ipywidgets
import numpy as np
import traitlets

from roilessons.explorer import decisions as _decisions

WIDEST = 12  # mm of smoothing
MOST = 5  # dilations
NEIGHBOURS = (("6, by face", 6), ("18, by edge too", 18), ("26, by corner too", 26))
TESTS = (("between volumes, as in the tutorial: p too small", "volumes"), ("across runs, one contrast per run", "runs"))
LOOKS = {"layout": {"width": "calc(100% - 8px)", "max_width": "42em"}, "style": {"description_width": "13em"}}
CONTROLS = {  # by decision: kind, name, options
    "fwhm": (ipywidgets.FloatSlider, "Smoothing (FWHM), mm", {"min": 0, "max": WIDEST, "step": 1, "readout_format": ".0f"}),
    "test": (ipywidgets.Dropdown, "t-test", {"options": TESTS}),
    "threshold": (ipywidgets.FloatSlider, "Threshold, -log10 p", {"min": 1, "max": 10, "step": 0.1, "readout_format": ".1f"}),
    "intersection": (ipywidgets.Checkbox, "Only voxels in the VT mask", {"indent": False}),
    "iterations": (ipywidgets.IntSlider, "Dilations", {"min": 0, "max": MOST}),
    "connectivity": (ipywidgets.Dropdown, "Neighbours of a voxel", {"options": NEIGHBOURS}),
    "minimum_size": (ipywidgets.IntSlider, "Smallest ROI, voxels", {"min": 1, "max": 200}),
}


def make_controls(wanted, decisions, mean_img, cut_coords):
    """A labelled widget for every control that is wanted, by name; "cut_coords" gives `x`, `y` and `z`."""
    made = {}
    if "cut_coords" in wanted:
        limits = _decisions.limits(mean_img.affine, mean_img.shape)
        for axis, mm, (low, high, step) in zip("xyz", cut_coords, limits, strict=True):
            made[axis] = ipywidgets.FloatSlider(mm, min=low, max=high, step=step, description=f"{axis}, mm", readout_format=".1f", **LOOKS)
    for name, (kind, description, options) in CONTROLS.items():
        if name in wanted:
            made[name] = kind(value=getattr(decisions, name), description=description, **LOOKS, **options)
    return made


def make_switches(names):
    """A check box for each of the layers, given as name -> what it is called."""
    layout = {"width": "auto", "margin": "2px 1em 2px 2px"}
    return {name: ipywidgets.Checkbox(True, description=f"Show {called}", indent=False, layout=layout) for name, called in names.items()}


def values_of(control):
    """All values that the control of a decision can take."""
    if hasattr(control, "options"):
        return [value for _, value in control.options]
    if not hasattr(control, "min"):
        return [True, False]
    count = round((control.max - control.min) / control.step) + 1
    return np.round(control.min + control.step * np.arange(count), 6).tolist()


class SpokenText(anywidget.AnyWidget):
    """Text that a screen reader speaks when it changes."""

    _esm = """
    export default { render({ model, el }) {
      const say = () => { el.textContent = model.get("value"); };
      el.setAttribute("role", "status");
      Object.assign(el.style, { whiteSpace: "pre-line", color: "var(--jp-ui-font-color1)", padding: "2px" });
      model.on("change:value", say);
      say();
    } }
    """
    value = traitlets.Unicode().tag(sync=True)

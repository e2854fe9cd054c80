"""What is on the explorer's page beside the canvas: labelled controls, spoken text, and what runs in the browser."""

from pathlib import Path

import anywidget
import ipywidgets
import traitlets

from roilessons.explorer import decisions as _decisions

WIDEST = 12  # mm of smoothing
MOST = 5  # dilations
NEIGHBOURS = (("6, by face", 6), ("18, by edge too", 18), ("26, by corner too", 26))
TESTS = (("between volumes, as in the tutorial: p too small", "volumes"), ("across runs, one contrast per run", "runs"))
NAME_WIDTH, WIDE = "13em", {"width": "calc(100% - 8px)", "max_width": "42em"}
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
    made, wide, style = {}, ipywidgets.Layout(**WIDE), {"description_width": NAME_WIDTH}
    if "cut_coords" in wanted:
        limits = _decisions.limits(mean_img.affine, mean_img.shape)
        for axis, mm, (low, high, step) in zip("xyz", cut_coords, limits, strict=True):
            made[axis] = ipywidgets.FloatSlider(mm, min=low, max=high, step=step, description=f"{axis}, mm", layout=wide, style=style)
    for name, (kind, description, options) in CONTROLS.items():
        if name in wanted:
            value = getattr(decisions, name)
            made[name] = kind(value=value, description=description, layout=wide, style=style, **options)
    return made


def make_switches(names):
    """A check box for each of the layers, given as name -> what it is called."""
    layout = {"width": "auto", "margin": "2px 1em 2px 2px"}
    return {
        name: ipywidgets.Checkbox(True, description=f"Show {called}", indent=False, layout=layout)
        for name, called in names.items()
    }


SCROLLS = '<div style="overflow-x:auto;line-height:1.5">'  # sideways, where the page is narrow


def table_html(table, caption):
    """A DataFrame as an HTML table."""
    html = table.to_html(index=False, border=0, justify="left")
    html = html.replace("<table", '<table style="border-collapse:separate;border-spacing:1em 0.3em"', 1)
    html = html.replace("<thead>", f"<caption>{caption}</caption><thead>", 1)
    return f"{SCROLLS}{html}</div>"


def fitted(html, least="0em"):
    """HTML with a picture that shrinks where the page is narrow, but not below the width `least`."""
    html = html.replace("<img ", f'<img style="max-width:max(100%, {least})" ', 1)
    return f"{SCROLLS}{html}</div>"


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


class Page(anywidget.AnyWidget):
    """The explorer's own part in the browser.

    Attributes
    ----------
    slider, volume : Widget or None
        The volume's `cal_min` follows the slider's value, with no kernel in between.
    axes, canvas, to_fractions : list of Widget, Widget or None, 3 rows of 4 numbers
        The canvas's crosshair follows the sliders of x, y and z, with no kernel in between.
    place : (x, y, z) in mm
        Where the kernel has found the sliders: the crosshair follows if code has set them and they are still there.
    answer, seen : int
        How many answers the kernel has sent, and the last that the page has shown.
    blind : bool
        Whether the page cannot draw for want of WebGL.
    """

    _esm = Path(__file__).with_name("page.js").read_text(encoding="utf-8")  # as text: see canvas.PageNiiVue
    slider = traitlets.Instance(ipywidgets.Widget, allow_none=True).tag(sync=True, **ipywidgets.widget_serialization)
    volume = traitlets.Instance(ipywidgets.Widget, allow_none=True).tag(sync=True, **ipywidgets.widget_serialization)
    axes = traitlets.List(traitlets.Instance(ipywidgets.Widget)).tag(sync=True, **ipywidgets.widget_serialization)
    canvas = traitlets.Instance(ipywidgets.Widget, allow_none=True).tag(sync=True, **ipywidgets.widget_serialization)
    to_fractions = traitlets.List().tag(sync=True)
    place = traitlets.List().tag(sync=True)
    answer = traitlets.Int(0).tag(sync=True)
    seen = traitlets.Int(0).tag(sync=True)
    blind = traitlets.Bool(False).tag(sync=True)

"""The explorer's thin shell: controls, canvas and read-outs around the functions of decisions.py."""

import asyncio
import dataclasses
from base64 import b64encode
from html import escape

import ipywidgets

from roilessons import figures, files, steps
from roilessons.explorer import decisions as _decisions
from roilessons.explorer import pictures
from roilessons.explorer.canvas import Canvas
from roilessons.explorer.latest import Latest, running_loop
from roilessons.explorer.page import (
    MOST,
    WIDEST,
    Page,
    SpokenText,
    fitted,
    make_controls,
    make_switches,
    table_html,
)
from roilessons.explorer.reruns import close_all, close_when_rerun
from roilessons.explorer.subject_maps import SubjectMaps
from roilessons.inference.contrasts import say_left_out
from roilessons.volumes.reading import TooLittleMemory

CONTROLS = (
    "cut_coords", "layers", "fwhm", "test", "threshold", "intersection", "iterations", "connectivity", "minimum_size", "signals", "score",
)  # fmt: skip
SHOWN = {  # the layers that a control is about
    "test": ("log_p",), "threshold": ("log_p",), "intersection": ("mask_vt", "log_p", "mask"), "iterations": ("mask_vt", "dilated", "mask"),
    "connectivity": ("labels",), "minimum_size": ("labels",), "signals": ("labels",), "score": ("labels",),
}  # fmt: skip
PLOTTED = 4  # ROIs with box plots: the largest
STILL = 0.3  # seconds without a change before box plots are drawn


def explore(subject, *controls, layers=None, contrast=steps.CONTRAST, **decisions):
    """An interactive view of a subject: three cuts through its brain, and the controls that a lesson is about.

    Parameters
    ----------
    subject : Subject
    *controls : str
        Which to show: "cut_coords", "layers", "fwhm", "test" (between volumes or across runs), "threshold", "intersection",
        "iterations", "connectivity", "minimum_size", "signals" (box plots), "score" (against the truth, where there is one).
    layers : sequence of str, optional
        What to lay over the mean EPI: "mask_vt", "log_p", "dilated", "mask", "labels", "truth". By default what the
        controls are about.
    contrast : pair of str
    **decisions
        Where controls start, and what stays fixed: `fwhm`, `test`, `threshold`, `intersection`, `iterations`,
        `connectivity`, `minimum_size`; see `roilessons.explorer.decisions.Decisions`.

    Returns
    -------
    Explorer
        Displays itself as a cell's last line. Each control is an attribute with a `value` that can be set from code:
        `threshold`, `fwhm`, ...; `x`, `y`, `z` in mm. `readout.value` and `location.value` are the texts, `result`
        the images and the ROI table, `signals` the signals. When its cell is run again it is closed, and keeps nothing.

    Raises
    ------
    ValueError
        If there is no such control, layer or decision, or a decision cannot be.
    """
    for kind, wanted, known in (
        ("control", controls, CONTROLS),
        ("layer", layers or (), tuple(pictures.LAYERS)),
        ("decision", decisions, _decisions.NAMES),
    ):
        if unknown := [name for name in wanted if name not in known]:
            raise ValueError(f"There is no {kind} {unknown[0]!r}; there are: {', '.join(known)}.")
    explorer = make(subject, controls, layers, contrast, decisions)
    close_when_rerun(explorer.close)
    return explorer


def make(subject, controls, layers, contrast, decisions):
    """As `explore`, for a caller that closes the explorer itself."""
    if layers is None:
        layers = {name for control in controls for name in SHOWN.get(control, ())}
    decisions = _decisions.Decisions(**decisions)
    maps_wanted = {"log_p", "mask", "dilated", "labels"} & {*layers}
    subject_maps = SubjectMaps(
        subject,
        contrast if maps_wanted else (),
        smoothing="fwhm" in controls,
        reach=(MOST, WIDEST if "fwhm" in controls else decisions.fwhm) if "signals" in controls else None,
        fwhm=decisions.fwhm,
        runs="test" in controls or decisions.test == "runs",
    )
    with subject_maps.memory():
        return Explorer(subject_maps, controls, layers, decisions)


CLOSED = "This explorer is closed: its cell was run again. Use the one that the cell has made since."


class Explorer:
    """What `explore` returns: see there."""

    def __init__(self, subject_maps, wanted, layers, decisions):
        self._of_subject, self._wanted, self._fixed = subject_maps, wanted, decisions
        self._place = tuple(subject_maps.subject.cut_coords)
        self._names = [name for name in pictures.LAYERS if name == "mean" or name in layers]
        self._upto = next((name for name in ("labels", "dilated", "mask", "log_p") if name in layers), "mean")
        self._clicked, self._drawing, self._latest = None, None, Latest(self._answer)
        self._decide(decisions)
        self._controls = make_controls(wanted, decisions, self._maps.mean_img, self._place)
        layers = self._layers()
        self.switches = make_switches({n: pictures.LAYERS[n] for n in layers if n != "mean"} if "layers" in wanted else {})
        self.canvas = Canvas(layers, self._place, decisions.threshold, self._on_click, self._on_drawn)
        self._axes = [self._controls[axis] for axis in "xyz" if axis in self._controls]
        self._page = Page(
            slider=self._controls.get("threshold"), volume=self.canvas.volumes.get("log_p"),
            axes=self._axes, canvas=self.canvas.widget, to_fractions=self.canvas.to_fractions.tolist(),
        )  # fmt: skip
        self._readout, self._location = SpokenText(), SpokenText()
        self._still, self._table, self._plots = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.widget = self._lay_out()
        self._tell()
        self._draw_slowly()
        for control in self._controls.values():
            control.observe(lambda _: self._latest.ask(), "value")
        for name, switch in self.switches.items():
            switch.observe(lambda change, name=name: self.canvas.switch(name, change["new"]), "value")
        self._page.observe(lambda _: self._latest.seen(), "seen")

    def __getattr__(self, name):
        controls = self.__dict__.get("_controls", {})
        if name in controls:
            return controls[name]
        if not self.__dict__:
            raise AttributeError(CLOSED)
        raise AttributeError(f"This explorer has no {name!r}; its controls are: {', '.join(controls)}.")

    def _lay_out(self):
        switches = ipywidgets.HBox([*self.switches.values()], layout=ipywidgets.Layout(flex_flow="row wrap"))
        rows = [self._still, self.canvas.widget, self._location, switches, *self._controls.values(), self._readout]
        rows += [self._table] if self._upto == "labels" else []
        rows += [self._plots] if "signals" in self._wanted else []
        box = ipywidgets.VBox([*rows, self._page])
        box.add_class("roilessons-explorer")
        for name in ("still", "location", "readout"):  # what a page or a test finds them by
            getattr(self, f"_{name}").add_class(f"roilessons-{name}")
        return box

    # What follows from the decisions -------------------------------------------------------------------------------

    def _decide(self, decisions):
        maps = self._of_subject.maps(decisions.fwhm, decisions.test)
        self._result = _decisions.decide(maps, self._of_subject.mask_vt, decisions, self._of_subject.contrast)
        self._maps = maps
        self._decisions = decisions

    def _layers(self):
        images = _decisions.layers(self._maps, self._result, self._of_subject)
        return {name: images[name] for name in self._names if images[name] is not None}

    def _say(self, result, decisions):
        text = _decisions.describe(result, decisions, self._upto)
        if decisions.test == "runs" and (left_out := self._of_subject.runs_left_out):
            text += "\n" + say_left_out(left_out, self._of_subject.contrast)
        if "score" in self._wanted and (truth := self._of_subject.truth) is not None:
            text += "\n" + _decisions.describe_score(result.labels_img, truth)
        return text

    def describe(self, **changed):
        """What the read-out would say with some decisions changed, without moving anything on the page.

        Parameters
        ----------
        **changed
            As in `explore`: `threshold=8`, `intersection=False`, ...
        """
        if unknown := [name for name in changed if name not in _decisions.NAMES]:
            raise ValueError(f"There is no decision {unknown[0]!r}; there are: {', '.join(_decisions.NAMES)}.")
        decisions = dataclasses.replace(self.decisions, **changed)
        maps = self._of_subject.maps(decisions.fwhm, decisions.test)
        return self._say(_decisions.decide(maps, self._of_subject.mask_vt, decisions, self._of_subject.contrast), decisions)

    def look(self, cut_coords):
        """What is at a place, (x, y, z) in mm, as text, without moving the crosshair on the page."""
        return _decisions.look(cut_coords, {pictures.LAYERS[n]: img for n, img in self._layers().items()})

    def _tell(self):
        self._readout.value = self._say(self._result, self._decisions)
        self._location.value = self.look(self._place)
        if self._upto == "labels":
            self._table.value = table_html(self._result.table, "ROIs")

    @property
    def readout(self):
        """The numbers of the decisions taken, as text in `value`."""
        self._latest.settle()
        return self._readout

    @property
    def location(self):
        """What is at the crosshair, as text in `value`."""
        self._latest.settle()
        return self._location

    @property
    def decisions(self):
        """The decisions taken, as `roilessons.explorer.decisions.Decisions`."""
        self._latest.settle()
        return self._decisions

    @property
    def result(self):
        """The images and the ROI table that follow, as `roilessons.explorer.decisions.Result`."""
        self._latest.settle()
        return self._result

    @property
    def signals(self):
        """Signals of the ROIs: see `roilessons.signals`."""
        return self._of_subject.signals(self.result.labels_img, self._decisions.fwhm)

    def close(self):
        """Take the explorer from the page and let go of its memory, also where something still refers to it."""
        if not self.__dict__:
            return
        self._latest.stop()
        if self._drawing is not None and not self._drawing.done():
            self._drawing.get_loop().call_soon_threadsafe(self._drawing.cancel)
        parts = self.widget, self._table, self._plots  # the last two are not on every page
        self.__dict__.clear()
        close_all(*parts)

    # Changes -------------------------------------------------------------------------------------------------------

    def _on_click(self, cut_coords):
        self._clicked = cut_coords
        self._latest.ask()

    def _answer(self):
        """Follow the controls to where they are now."""
        try:
            self._follow_place()
            taken = {name: self._controls[name].value for name in _decisions.NAMES if name in self._controls}
            decisions = dataclasses.replace(self._fixed, **taken)
            if decisions != self._decisions:
                before = self._layers()
                self._decide(decisions)
                self._tell()  # first: while a page draws without a graphics card, nothing else reaches it
                for name, img in self._layers().items():
                    if img is not before[name]:
                        self.canvas.replace(name, img)
                self._draw_slowly()
            else:
                self._tell()
        except Exception as error:  # a learner sees it where the numbers would be
            self._readout.value = sentence(error)
        self._page.answer += 1

    def _follow_place(self):
        if self._clicked is not None:
            self._place, self._clicked = self._clicked, None
            for slider, mm in zip(self._axes, self._place, strict=False):
                slider.value = mm
            self._place = tuple(slider.value for slider in self._axes) or self._place  # a slider ends where the image does
        elif self._axes and (place := tuple(slider.value for slider in self._axes)) != self._place:
            self._place = place
            self._page.place = [*place]

    # Pictures take longer: they are drawn once nothing changes any more, box plots in a thread ---------------------------

    def _draw_slowly(self):
        if running_loop() is None:
            self._draw_plots(self._result, self._decisions)
        elif self._drawing is None or self._drawing.done():
            self._drawing = running_loop().create_task(self._draw_last())

    async def _draw_last(self):
        drawn = None
        while drawn is not self._result:
            await asyncio.sleep(STILL)
            drawn = self._result
            if self._page.blind:
                self._still.value = fitted(figures.html(*self._cuts()))
            await asyncio.to_thread(self._draw_plots, drawn, self._decisions)

    def _draw_plots(self, result, decisions):
        of_subject = self.__dict__.get("_of_subject")
        if of_subject is None or "signals" not in self._wanted:  # it may have been closed meanwhile
            return
        try:
            signals = of_subject.signals(_decisions.largest(result.labels_img, PLOTTED), decisions.fwhm)
            html = fitted(figures.html(*pictures.box_plots(signals, of_subject.contrast)), "44em")
        except Exception as error:
            html = escape(sentence(error))
        if result is self.__dict__.get("_result"):
            self._plots.value = html

    def _cuts(self):
        picture, description = pictures.cuts(self._layers(), self._place, self._decisions.threshold)
        return picture, f"{description} {self._readout.value}"

    def _on_drawn(self):
        self._still.value = ""

    def _repr_mimebundle_(self, **_kwargs):
        """The live widget, and for pages without a kernel the same as a picture and as text."""
        if not self.__dict__:
            return {"text/plain": CLOSED}
        self._latest.settle()
        picture, description = self._cuts()
        still = figures.html(picture, description)
        if self._page.seen == 0 and not self.canvas.drawn:
            self._still.value = fitted(still)  # until the canvas is drawn, and for good where it cannot be
        live = self.widget._repr_mimebundle_()
        return {
            **{kind: data for kind, data in live.items() if kind.startswith("application/")},
            "text/html": still,
            "image/png": b64encode(picture).decode(),
            "text/plain": description,
        }


def sentence(error):
    """What to tell a learner of an exception."""
    if isinstance(error, MemoryError):
        return str(error) if isinstance(error, TooLittleMemory) else "There is too little memory; close other notebooks."
    return files.sentence(error) if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {error}"

"""The explorer: controls and a screen that follows them by itself; Python computes what code asks for."""

import dataclasses
from base64 import b64encode

import ipywidgets
import numpy as np
from nibabel.affines import apply_affine

from roilessons import figures, files, steps
from roilessons.explorer import decisions as _decisions
from roilessons.explorer import pictures, screen
from roilessons.explorer.controls import MOST, WIDEST, make_controls, make_switches, values_of
from roilessons.explorer.reruns import close_all, close_when_rerun
from roilessons.explorer.subject_maps import SubjectMaps, kinds
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
STILL = "<p>A still picture. Run this cell (Shift + Enter) to make it live.</p>"


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
        shown = {name for control in controls for name in SHOWN.get(control, ())}
    else:
        shown = layers
    decisions = _decisions.Decisions(**decisions)
    maps_wanted = {"log_p", "mask", "dilated", "labels"} & {*shown}
    subject_maps = SubjectMaps(
        subject,
        contrast if maps_wanted else (),
        smoothing="fwhm" in controls,
        reach=(MOST, WIDEST if "fwhm" in controls else decisions.fwhm) if "signals" in controls else None,
        fwhm=decisions.fwhm,
        runs="test" in controls or decisions.test == "runs",
    )
    with subject_maps.memory():
        return Explorer(subject_maps, controls, shown, decisions, layers)


CLOSED = "This explorer is closed: its cell was run again. Use the one that the cell has made since."


class Explorer:
    """What `explore` returns: see there.

    A page computes and draws by itself, from arrays that it was sent once; the controls alone are here and there. What
    follows from them is computed here when code asks for it, by the functions of `roilessons.steps`.
    """

    def __init__(self, subject_maps, wanted, layers, decisions, given=None):
        self._of_subject, self._wanted, self._fixed, self._made = subject_maps, wanted, decisions, {}
        self._names = [name for name in pictures.LAYERS if name == "mean" or name in layers]
        self._upto = next((name for name in ("labels", "dilated", "mask", "log_p") if name in layers), "mean")
        maps, result = self._follow(decisions)
        place = self._opening(maps, result)
        self._controls = make_controls(wanted, decisions, maps.mean_img, place)
        shown = self._layers(maps, result)
        self.switches = make_switches({n: pictures.LAYERS[n] for n in shown if n != "mean"} if "layers" in wanted else {})
        self._axes = [self._controls[axis] for axis in "xyz" if axis in self._controls]
        truth = subject_maps.truth
        self._screen = screen.Screen(
            setup={
                "grid": screen.grid(maps.mean_img), "layers": [screen.layer(name) for name in shown], "upto": self._upto,
                "contrast": [*subject_maps.contrast], "decisions": dataclasses.asdict(decisions), "signals": "signals" in wanted,
                "score": {"areas": kinds(truth)} if "score" in wanted and truth is not None else None, "wanted": [*wanted], "layers_given": given and [*given],
                "presets": {name: dataclasses.asdict(preset) for name, preset in _decisions.PRESETS.items()}, "maps": self._note(decisions),
                "options": {n: [v for _, v in c.options] for n, c in self._controls.items() if hasattr(c, "options")},
                "values": values_of(self._controls), **screen.colours(maps.mean_img),
            },
            data={
                "maps": self._pack(maps),
                "mask_vt": screen.pack(np.uint8, mask_vt=subject_maps.mask_vt),
                **({} if truth is None else {"truth": screen.pack(np.uint8, truth=truth)}),
            },
            controls=self._controls, switches=self.switches, place=[*place],
        )  # fmt: skip
        self._screen.on_msg(self._answer)
        self.readout, self.location = Text(self._read), Text(lambda: self.look(self._place))
        self.widget = self._lay_out()

    def __getattr__(self, name):
        controls = self.__dict__.get("_controls", {})
        if name in controls:
            return controls[name]
        if not self.__dict__:
            raise AttributeError(CLOSED)
        raise AttributeError(f"This explorer has no {name!r}; its controls are: {', '.join(controls)}.")

    def _opening(self, maps, result):
        """Where the crosshair is first: where the subject is cut, or on the largest ROI if there is none there."""
        place = tuple(self._of_subject.subject.cut_coords)
        voxel = _decisions.nearest_voxel(maps.mean_img.affine, maps.mean_img.shape, place)
        if self._upto != "labels" or result.table.empty or result.labels_img.dataobj[voxel]:
            return place
        peak = result.table.loc[0, ["peak_x", "peak_y", "peak_z"]].astype(float)
        affine = maps.mean_img.affine
        return tuple(apply_affine(affine, _decisions.nearest_voxel(affine, maps.mean_img.shape, peak)).tolist())

    def _lay_out(self):
        switches = ipywidgets.HBox([*self.switches.values()])
        controls = ipywidgets.VBox([switches, *self._controls.values()])
        self._turn, numbers, below = ipywidgets.Box(), ipywidgets.Box(), ipywidgets.Box()  # the page fills the last two
        parts = {"screen": self._screen, "turn": self._turn, "controls": controls, "numbers": numbers, "below": below}
        box = ipywidgets.VBox([*parts.values()])
        for name, part in (*parts.items(), ("switches", switches), ("explorer", box)):
            part.add_class(f"roilessons-{name}")
        return box

    # What follows from the decisions -------------------------------------------------------------------------------

    @property
    def decisions(self):
        """The decisions taken, as `roilessons.explorer.decisions.Decisions`."""
        taken = {name: self._controls[name].value for name in _decisions.NAMES if name in self._controls}
        return dataclasses.replace(self._fixed, **taken)

    def _follow(self, decisions):
        """Maps and result of decisions; the last are kept."""
        if decisions not in self._made:
            maps = self._of_subject.maps(decisions.fwhm, decisions.test)
            result = _decisions.decide(maps, self._of_subject.mask_vt, decisions, self._of_subject.contrast)
            self._made = {decisions: (maps, result)}
        return self._made[decisions]

    @property
    def result(self):
        """The images and the ROI table that follow, as `roilessons.explorer.decisions.Result`."""
        return self._follow(self.decisions)[1]

    @property
    def signals(self):
        """Signals of the ROIs: see `roilessons.signals`."""
        return self._of_subject.signals(self.result.labels_img, self.decisions.fwhm)

    @property
    def _place(self):
        return tuple(slider.value for slider in self._axes) or tuple(self._screen.place)

    def _layers(self, maps, result):
        images = _decisions.layers(maps, result, self._of_subject)
        return {name: images[name] for name in self._names if images[name] is not None}

    def _read(self):
        try:
            return self.describe()
        except Exception as error:  # a learner reads it where the numbers would be
            return sentence(error)

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
        _, result = self._follow(decisions)
        text = _decisions.describe(result, decisions, self._upto)
        if note := self._note(decisions)["note"]:
            text += "\n" + note
        if "score" in self._wanted and (truth := self._of_subject.truth) is not None:
            text += "\n" + _decisions.describe_score(result.labels_img, truth, kinds(truth))
        return text

    def _note(self, decisions):
        left_out = decisions.test == "runs" and self._of_subject.runs_left_out
        note = say_left_out(left_out, self._of_subject.contrast) if left_out else ""
        return {"fwhm": decisions.fwhm, "test": decisions.test, "note": note}

    def look(self, cut_coords):
        """What is at a place, (x, y, z) in mm, as text, without moving the crosshair on the page."""
        layers = self._layers(*self._follow(self.decisions))
        return _decisions.look(cut_coords, {pictures.LAYERS[name]: img for name, img in layers.items()})

    # What a page asks for -------------------------------------------------------------------------------------------

    def _pack(self, maps):
        wanted = {"mean": maps.mean_img, "log_p": maps.log_p_img, "t": maps.t_img if self._upto == "labels" else None}
        return screen.pack(np.float32, **{name: img for name, img in wanted.items() if img is not None})

    def _answer(self, _screen, question, _buffers):
        content, buffers = self.answer(question)
        if self.__dict__:  # not closed meanwhile
            self._screen.send(content, buffers)

    def answer(self, question):
        """Maps of another width or test, or what box plots are drawn from, as (content, buffers); refused in a sentence."""
        try:
            answers = {"maps": self._answer_maps, "boxes": self._answer_boxes, "turn": self._answer_turn}
            content, buffers = answers[question["ask"]](question)
        except Exception as error:
            content, buffers = {"error": sentence(error)}, []
        return {"question": question} | content, buffers

    def for_page(self):
        """What a page without a kernel needs: (setup, data, place) of the screen, and the controls and switches by name."""
        shown = self._screen
        return (shown.setup, shown.data, shown.place), self._controls, self.switches

    def _answer_maps(self, question):
        decisions = dataclasses.replace(self._fixed, fwhm=question["fwhm"], test=question["test"])
        if decisions.fwhm > WIDEST:
            raise ValueError(f"fwhm goes up to {WIDEST} mm here, not {decisions.fwhm:g}.")
        packed = self._pack(self._of_subject.maps(decisions.fwhm, decisions.test))
        return {"maps": self._note(decisions), "names": [*packed]}, [*packed.values()]

    def _asked(self, question):
        """Decisions in a page's words, and the maps and result that follow."""
        decisions = _decisions.Decisions(**{name: question["decisions"][name] for name in _decisions.NAMES})
        if decisions.fwhm > WIDEST:
            raise ValueError(f"fwhm goes up to {WIDEST} mm here, not {decisions.fwhm:g}.")
        maps = self._of_subject.maps(decisions.fwhm, decisions.test)
        return decisions, maps, _decisions.decide(maps, self._of_subject.mask_vt, decisions, self._of_subject.contrast)

    def _answer_turn(self, question):
        """Show the head in 3D, show another state of it, or close it."""
        shown = self._turn.children
        if not question["on"]:
            self._turn.children = ()
            close_all(*shown)
        else:
            decisions, maps, result = self._asked(question)
            layers = self._layers(maps, result)
            if shown:
                shown[0].follow(layers, decisions.threshold)
            else:
                from roilessons.explorer.head import Head

                self._turn.children = (Head(layers, decisions.threshold),)
        return {}, []

    def _answer_boxes(self, question):
        decisions, _, result = self._asked(question)
        signals = self._of_subject.signals(_decisions.largest(result.labels_img, PLOTTED), decisions.fwhm)
        return {"rois": screen.box_statistics(signals, self._of_subject.contrast, PLOTTED)}, []

    # ----------------------------------------------------------------------------------------------------------------

    def close(self):
        """Take the explorer from the page and let go of its memory, also where something still refers to it."""
        if not self.__dict__:
            return
        widget, shown = self.widget, self._screen
        shown.on_msg(self._answer, remove=True)
        self.__dict__.clear()
        close_all(widget)

    def _repr_mimebundle_(self, **_kwargs):
        """The live widget, and for pages without a kernel the same as a picture and as text."""
        if not self.__dict__:
            return {"text/plain": CLOSED}
        decisions = self.decisions
        picture, shown = pictures.cuts(self._layers(*self._follow(decisions)), self._place, decisions.threshold)
        description = f"{shown} {self.readout.value}"
        live = self.widget._repr_mimebundle_()
        return {
            **{kind: data for kind, data in live.items() if kind.startswith("application/")},
            "text/html": figures.html(picture, description) + STILL,
            "image/png": b64encode(picture).decode(),
            "text/plain": description,
        }


class Text:
    """Text computed when its `value` is read."""

    def __init__(self, read):
        self._read = read

    @property
    def value(self):
        return self._read()


def sentence(error):
    """What to tell a learner of an exception."""
    if isinstance(error, MemoryError):
        return str(error) if isinstance(error, TooLittleMemory) else "There is too little memory; close other notebooks."
    return files.sentence(error) if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {error}"

"""The explorer: controls and a screen that follows them by itself; Python computes what code asks for."""

import dataclasses
from base64 import b64encode
from types import SimpleNamespace

import ipywidgets
import numpy as np
from nibabel.affines import apply_affine

from roilessons import figures, files, steps
from roilessons.datasets.simulate import kinds
from roilessons.explorer import decisions as _decisions
from roilessons.explorer import pictures, screen
from roilessons.explorer.controls import MOST, WIDEST, make_controls, make_switches, values_of
from roilessons.explorer.reruns import close_all, close_when_rerun
from roilessons.explorer.subject_maps import SubjectMaps
from roilessons.inference.contrasts import say_left_out
from roilessons.volumes.images import new_image, read_array
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
    explorer = Explorer(subject, controls, layers, contrast, decisions)
    close_when_rerun(explorer.close)
    return explorer


def check_names(kind, names, known):
    """ValueError if there is a name that is not known."""
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"There is no {kind} {unknown[0]!r}; there are: {', '.join(known)}.")


CLOSED = "This explorer is closed: its cell was run again. Use the one that the cell has made since."


class Explorer:
    """What `explore` returns: see there.

    A page computes and draws by itself, from arrays that it was sent once; the controls alone are here and there. What
    follows from them is computed here when code asks for it, by the functions of `roilessons.steps`.
    """

    def __init__(self, subject, wanted, layers, contrast, decisions):
        check_names("control", wanted, CONTROLS)
        check_names("layer", layers or (), pictures.LAYERS)
        check_names("decision", decisions, _decisions.NAMES)
        shown = {name for control in wanted for name in SHOWN.get(control, ())} if layers is None else layers
        self._wanted, self._fixed, self._made = wanted, _decisions.Decisions(**decisions), None
        self._names = [name for name in pictures.LAYERS if name == "mean" or name in shown]
        self._upto = next((name for name in ("labels", "dilated", "mask", "log_p") if name in shown), "mean")
        self._of_subject = SubjectMaps(
            subject,
            () if self._upto == "mean" else contrast,
            smoothing="fwhm" in wanted,
            reach=(MOST, WIDEST if "fwhm" in wanted else self._fixed.fwhm) if "signals" in wanted else None,
            fwhm=self._fixed.fwhm,
            runs="test" in wanted or self._fixed.test == "runs",
        )
        with self._of_subject.memory():
            self._make_page(layers)

    def _make_page(self, layers):
        decisions, truth, asdict = self._fixed, self._of_subject.truth, dataclasses.asdict
        maps, result = self._follow(decisions)
        shown, place = self._layers(maps, result), self._opening(maps, result)
        self.controls = make_controls(self._wanted, decisions, maps.mean_img, place)
        self.switches = make_switches({n: pictures.LAYERS[n] for n in shown if n != "mean"} if "layers" in self._wanted else {})
        values = {name: values_of(control) for name, control in self.controls.items() if name in _decisions.NAMES}
        self.screen = screen.Screen(
            setup={
                "grid": screen.grid(maps.mean_img), "layers": [*map(pictures.look_of, shown)], "upto": self._upto,
                "contrast": [*self._of_subject.contrast], "decisions": asdict(decisions), "signals": "signals" in self._wanted,
                "score": {"areas": kinds(truth)} if "score" in self._wanted and truth is not None else None,
                "wanted": [*self._wanted], "layers_given": layers and [*layers], "maps": self._note(decisions),
                "presets": {name: asdict(preset) for name, preset in _decisions.PRESETS.items()}, "values": values,
                "brightest": pictures.brightest(maps.mean_img), "palette": pictures.PALETTE, "map": pictures.viridis(),
            },
            data={
                "maps": self._pack(maps),
                "mask_vt": screen.pack(np.uint8, mask_vt=self._of_subject.mask_vt),
                **({} if truth is None else {"truth": screen.pack(np.uint8, truth=truth)}),
            },
            controls=self.controls, switches=self.switches, place=[*place],
        )  # fmt: skip
        self.screen.on_msg(self._answer)
        self._turn, numbers, below = ipywidgets.Box(), ipywidgets.Box(), ipywidgets.Box()  # the page fills the last two
        switches = ipywidgets.HBox([*self.switches.values()])
        controls = ipywidgets.VBox([switches, *self.controls.values()])
        parts = {"screen": self.screen, "turn": self._turn, "controls": controls, "numbers": numbers, "below": below}
        self.widget = ipywidgets.VBox([*parts.values()])
        for name, part in (*parts.items(), ("switches", switches), ("explorer", self.widget)):
            part.add_class(f"roilessons-{name}")

    def __getattr__(self, name):
        if not self.__dict__:
            raise AttributeError(CLOSED)
        controls = self.__dict__.get("controls", {})
        if name in controls:
            return controls[name]
        raise AttributeError(f"This explorer has no {name!r}; its controls are: {', '.join(controls)}.")

    def _opening(self, maps, result):
        """Where the crosshair is first: where the subject is cut, or on the largest ROI if there is none there."""
        place, affine, shape = tuple(self._of_subject.subject.cut_coords), maps.mean_img.affine, maps.mean_img.shape
        if self._upto != "labels" or result.table.empty or result.labels_img.dataobj[_decisions.nearest_voxel(affine, shape, place)]:
            return place
        peak = result.table.loc[0, ["peak_x", "peak_y", "peak_z"]].astype(float)
        return tuple(apply_affine(affine, _decisions.nearest_voxel(affine, shape, peak)).tolist())

    # What follows from the decisions -------------------------------------------------------------------------------

    @property
    def decisions(self):
        """The decisions taken, as `roilessons.explorer.decisions.Decisions`."""
        taken = {name: control.value for name, control in self.controls.items() if name in _decisions.NAMES}
        return dataclasses.replace(self._fixed, **taken)

    def _follow(self, decisions):
        """Maps and result of decisions; the last are kept."""
        made = self._made
        if made is None or made[0] != decisions:
            of = self._of_subject
            maps = of.maps(decisions.fwhm, decisions.test)
            made = self._made = decisions, maps, _decisions.decide(maps, of.mask_vt, decisions, of.contrast)
        return made[1:]

    @property
    def result(self):
        """The images and the ROI table that follow, as `roilessons.explorer.decisions.Result`."""
        return self._follow(self.decisions)[1]

    @property
    def signals(self):
        """Signals of the ROIs: see `roilessons.signals`."""
        return self._of_subject.signals(self.result.labels_img, self.decisions.fwhm)

    @property
    def readout(self):
        """The numbers that the page shows: its `value`."""
        try:
            return SimpleNamespace(value=self.describe())
        except Exception as error:  # a learner reads it where the numbers would be
            return SimpleNamespace(value=sentence(error))

    @property
    def location(self):
        """What is under the crosshair: its `value`."""
        return SimpleNamespace(value=self.look(self._place))

    @property
    def _place(self):
        return tuple(self.controls[axis].value for axis in "xyz") if "x" in self.controls else tuple(self.screen.place)

    def _layers(self, maps, result):
        images = {
            "mean": maps.mean_img, "mask_vt": self._of_subject.mask_vt, "log_p": maps.log_p_img, "dilated": result.dilated_img,
            "mask": result.mask_img, "labels": result.labels_img, "truth": self._of_subject.truth,
        }  # fmt: skip
        return {name: images[name] for name in self._names if images[name] is not None}

    def describe(self, **changed):
        """What the read-out would say with some decisions changed, without moving anything on the page.

        Parameters
        ----------
        **changed
            As in `explore`: `threshold=8`, `intersection=False`, ...
        """
        check_names("decision", changed, _decisions.NAMES)
        decisions = dataclasses.replace(self.decisions, **changed)
        _, result = self._follow(decisions)
        said, truth = [_decisions.describe(result, decisions, self._upto)], self._of_subject.truth
        if note := self._note(decisions)["note"]:
            said.append(note)
        if "score" in self._wanted and truth is not None:
            said.append(_decisions.describe_score(result.labels_img, truth, kinds(truth)))
        return "\n".join(said)

    def _note(self, decisions):
        """Which maps are those of decisions, and what is to be said of them."""
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
            self.screen.send(content, buffers)

    def answer(self, question):
        """What a page asks for, as (content, buffers): maps, what box plots are drawn from, the head in 3D; refused in a sentence.

        The head is shown, shown in another state, or closed.
        """
        content, buffers = {}, []
        try:
            if question["ask"] == "turn" and not question["on"]:
                shown, self._turn.children = self._turn.children, ()
                close_all(*shown)
                return {"question": question}, []
            given, names = (question, ("fwhm", "test")) if question["ask"] == "maps" else (question["decisions"], _decisions.NAMES)
            decisions = dataclasses.replace(self._fixed, **{name: given[name] for name in names})
            if decisions.fwhm > WIDEST:
                raise ValueError(f"fwhm goes up to {WIDEST} mm here, not {decisions.fwhm:g}.")
            if question["ask"] == "maps":
                packed = self._pack(self._of_subject.maps(decisions.fwhm, decisions.test))
                content, buffers = {"maps": self._note(decisions), "names": [*packed]}, [*packed.values()]
            elif question["ask"] == "boxes":
                content = {"rois": self._boxes(decisions)}
            elif question["ask"] == "turn":
                self._show_head(decisions)
            else:
                raise KeyError(question["ask"])
        except Exception as error:
            content = {"error": sentence(error)}
        return {"question": question} | content, buffers

    def _boxes(self, decisions):
        labels_img = self._follow(decisions)[1].labels_img
        labels = read_array(labels_img)
        largest = new_image(np.where(labels <= PLOTTED, labels, 0), labels_img, np.int32)
        return screen.box_statistics(self._of_subject.signals(largest, decisions.fwhm), self._of_subject.contrast)

    def _show_head(self, decisions):
        layers = self._layers(*self._follow(decisions))
        if self._turn.children:
            self._turn.children[0].follow(layers, decisions.threshold)
        else:
            from roilessons.explorer.head import Head

            self._turn.children = (Head(layers, decisions.threshold),)

    # ----------------------------------------------------------------------------------------------------------------

    def close(self):
        """Take the explorer from the page and let go of its memory, also where something still refers to it."""
        if not self.__dict__:
            return
        widget = self.widget
        self.screen.on_msg(self._answer, remove=True)
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


def sentence(error):
    """What to tell a learner of an exception."""
    if isinstance(error, MemoryError):
        return str(error) if isinstance(error, TooLittleMemory) else "There is too little memory; close other notebooks."
    return files.sentence(error) if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {error}"

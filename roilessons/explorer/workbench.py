"""Lesson 16's workbench: every decision of the pipeline at once, on any subject."""

from dataclasses import replace

import ipywidgets

from roilessons import steps
from roilessons.datasets.cache import real_subjects
from roilessons.explorer.controls import SpokenText
from roilessons.explorer.explorer import CONTROLS, Explorer, sentence
from roilessons.explorer.reruns import close_all, close_when_rerun
from roilessons.subject import CONDITIONS, N_SIMULATED, Subject, load_subject

SIMULATED = [f"simulated:{number}" for number in range(1, N_SIMULATED + 1)]


def workbench(subject=None, contrast=None):
    """All decisions over the whole pipeline, the ROIs, their table and signals, and the score where truth is known.

    Parameters
    ----------
    subject : Subject, str or Path, optional
        A subject, or what `load_subject` takes. Another one can be loaded on the page.
    contrast : pair of str, optional
        By default faces against houses, or the first two conditions of a subject who saw none.

    Returns
    -------
    Workbench
        Displays itself as a cell's last line. Beside what an `Explorer` has: `subject`, `first` and `second` (the
        contrast), `load()` and its `message`; `close()`.
    """
    made = Workbench(subject if isinstance(subject, Subject) else load_subject(subject, conditions=None), contrast)
    close_when_rerun(made.close)
    return made


def usual_contrast(subject):
    """Faces against houses, where the subject saw both, else the first two conditions of the alphabet, rest last."""
    known = sorted(set(subject.conditions.tolist()), key=lambda condition: (condition == "rest", condition))
    return steps.CONTRAST if {*steps.CONTRAST} <= {*known} else tuple(known[:2])


class Workbench:
    """What `workbench` returns: an explorer, with a choice of subject above."""

    def __init__(self, subject, contrast):
        choice = {"layout": {"width": "auto"}, "style": {"description_width": "auto"}}
        self._here = [*SIMULATED, *real_subjects()]
        subjects = ipywidgets.Dropdown(options=["choose ...", *self._here], description="Subjects", **choice)
        self.subject = ipywidgets.Text(subject.name, description="Subject or folder", **choice)
        subjects.observe(lambda change: change.new in self._here and self.subject.set_trait("value", change.new), "value")
        self.first, self.second = (
            ipywidgets.Dropdown(options=CONDITIONS, description=name, **choice) for name in ("First condition", "Second condition")
        )
        load, self.message, self._stage = ipywidgets.Button(description="Load", layout={"width": "auto"}), SpokenText(layout={"flex": "1 1 15em"}), ipywidgets.VBox()
        load.on_click(lambda _: self._load())
        row = ipywidgets.HBox([subjects, self.subject, self.first, self.second, load, self.message], layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox([row, self._stage])
        self.explorer, self._given = None, subject
        self._open(subject, contrast or usual_contrast(subject))

    def __getattr__(self, name):
        return getattr(self.__dict__["explorer"], name)

    def _open(self, subject, contrast):
        layers = ["mask_vt", "log_p", "labels", *(["truth"] if subject.truth is not None else [])]
        explorer = Explorer(subject, CONTROLS, layers, contrast, {})
        for name in {"mask_vt", "truth"} & {*layers}:
            explorer.switches[name].value = False
        if self.explorer is not None:
            self.explorer.close()
        self.explorer, self._loaded = explorer, subject
        known = sorted(set(subject.conditions.tolist()))
        for choice, condition in zip((self.first, self.second), contrast, strict=True):
            choice.options, choice.value = known, condition
        self._stage.children = [explorer.widget]

    def load(self):
        """Load the subject and contrast that the page names, from its files as they are now.

        A subject without these conditions is opened with its own. Nothing is downloaded. Returns a sentence on what was loaded.
        """
        named, contrast = self.subject.value.strip(), (self.first.value, self.second.value)
        kind, _, number = named.partition(":")
        if named == self._given.name:
            subject = load_subject(self._given.func.parent, conditions=None)
            subject = replace(subject, name=named, truth=self._given.truth and subject.truth)
        elif kind == "haxby" and f"haxby:{number or 1}" not in self._here:
            raise ValueError(f"{named} is not on this machine; in a notebook rl.load_subject({named!r}) downloads it.")
        else:
            subject = load_subject(named, conditions=None)
        self._open(subject, contrast if {*contrast} <= {*subject.conditions} else usual_contrast(subject))
        return f"Loaded {subject.name}, {self.first.value} against {self.second.value}."

    def close(self):
        """Take the workbench from the page and let go of its memory."""
        self.explorer.close()
        close_all(self.widget)

    def _load(self):
        self.message.value = "Working ..."
        try:
            self.message.value = self.load()
        except Exception as error:
            self.message.value = sentence(error)

    def _repr_mimebundle_(self, **_kwargs):
        bundle = self.explorer._repr_mimebundle_()
        live = self.widget._repr_mimebundle_()
        return bundle | {kind: data for kind, data in live.items() if kind.startswith("application/")}

"""Lesson 16's workbench: every decision of the pipeline at once, on any subject."""

import re
from dataclasses import replace

import ipywidgets
import nibabel as nib

from roilessons import steps
from roilessons.explorer.controls import NAME_WIDTH, WIDE, SpokenText
from roilessons.explorer.explorer import make, sentence
from roilessons.explorer.reruns import close_all, close_when_rerun
from roilessons.files import draft_folder, publish
from roilessons.subject import CONDITIONS, N_SIMULATED, Subject, load_subject

CONTROLS = ("fwhm", "test", "threshold", "intersection", "iterations", "connectivity", "minimum_size")
SUBJECTS = (*(f"simulated:{number}" for number in range(1, N_SIMULATED + 1)), "haxby")


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
        contrast) and `load()`; `name` and `save()`; `message`; `close()`.
    """
    made = Workbench(subject if isinstance(subject, Subject) else load_subject(subject, conditions=None), contrast)
    close_when_rerun(made.close)
    return made


def usual_contrast(subject):
    """Faces against houses, where the subject saw both, else the first two conditions of the alphabet, rest last."""
    known = sorted(set(subject.conditions.tolist()), key=lambda condition: (condition == "rest", condition))
    return steps.CONTRAST if {*steps.CONTRAST} <= {*known} else tuple(known[:2])


class Workbench:
    """What `workbench` returns: an explorer, with a choice of subject above and a file to save below."""

    def __init__(self, subject, contrast):
        wide, style = ipywidgets.Layout(**WIDE), {"description_width": NAME_WIDTH}
        self.subject = ipywidgets.Combobox(
            value=subject.name, options=SUBJECTS, ensure_option=False, description="Subject or folder",
            layout=wide, style=style,
        )  # fmt: skip
        self.first, self.second = (
            ipywidgets.Dropdown(options=CONDITIONS, description=name, layout=wide, style=style)
            for name in ("First condition", "Second condition")
        )
        self.name = ipywidgets.Text("mask_atlas.nii.gz", description="File for the atlas", layout=wide, style=style)
        load, save = ipywidgets.Button(description="Load"), ipywidgets.Button(description="Save the atlas")
        loaded, saved, self._stage = SpokenText(), SpokenText(), ipywidgets.VBox()
        self.message = loaded  # the last one that spoke, each beside its button
        load.on_click(lambda _: self._say(self.load, loaded))
        save.on_click(lambda _: self._say(self.save, saved))
        self.widget = ipywidgets.VBox(
            [self.subject, self.first, self.second, ipywidgets.HBox([load, loaded]), self._stage, self.name, ipywidgets.HBox([save, saved])]
        )
        self.explorer, self._given = None, subject
        self._open(subject, contrast or usual_contrast(subject))

    def __getattr__(self, name):
        return getattr(self.__dict__["explorer"], name)

    def _open(self, subject, contrast):
        layers = ["mask_vt", "log_p", "labels", *(["truth"] if subject.truth is not None else [])]
        explorer = make(subject, ("cut_coords", "layers", *CONTROLS, "signals", "score"), layers, contrast, {})
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

        A subject without these conditions is opened with its own. Returns a sentence on what was loaded.
        """
        named, contrast = self.subject.value.strip(), (self.first.value, self.second.value)
        if named == self._given.name:
            subject = load_subject(self._given.func.parent, conditions=None)
            subject = replace(subject, name=named, truth=self._given.truth and subject.truth)
        else:
            subject = load_subject(named, conditions=None)
        self._open(subject, contrast if {*contrast} <= {*subject.conditions} else usual_contrast(subject))
        return f"Loaded {subject.name}, {self.first.value} against {self.second.value}."

    def save(self):
        """Write the atlas, the label image of the ROIs, to a new file in the working folder.

        Raises
        ------
        ValueError
            If the name is not that of a NIfTI file in this folder.
        FileExistsError
            If there is such a file: it is kept.
        """
        name = self.name.value.strip()
        if not re.fullmatch(r"\w[\w .-]*\.nii(\.gz)?", name):
            raise ValueError(f"The atlas needs a plain file name ending in .nii or .nii.gz, not {name!a}.")
        with draft_folder(".") as folder:
            nib.save(self.explorer.result.labels_img, folder / name)
            publish(folder / name, name)
        return f"Saved {len(self.explorer.result.table)} ROIs to {name}."

    def close(self):
        """Take the workbench from the page and let go of its memory."""
        self.explorer.close()
        close_all(self.widget)

    def _say(self, action, where):
        self.message = where
        where.value = "Working ..."
        try:
            where.value = action()
        except Exception as error:
            where.value = sentence(error)

    def _repr_mimebundle_(self, **_kwargs):
        bundle = self.explorer._repr_mimebundle_()
        live = self.widget._repr_mimebundle_()
        return bundle | {kind: data for kind, data in live.items() if kind.startswith("application/")}

"""One subject: where the files are, what happened in each volume, where to cut."""

import os
from collections import namedtuple
from dataclasses import dataclass, field, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from roilessons.datasets import bids as bids_files
from roilessons.datasets import cache, masks
from roilessons.files import read_text
from roilessons.volumes.images import new_image, open_image, read_mask
from roilessons.volumes.reading import header_t_r, open_series

T_R = 2.5  # seconds per volume, Haxby et al. (2001); used where a header has none
CONDITIONS = (  # Haxby et al. (2001): eight categories of pictures, and rest
    "face", "house", "cat", "bottle", "scissors", "shoe", "chair", "scrambledpix", "rest",
)  # fmt: skip
N_SIMULATED = 6

Row = namedtuple("Row", "labels chunks")


@dataclass(frozen=True)
class Subject:
    """The files of one subject and what is known about them. Nothing in it can be changed.

    Attributes
    ----------
    name : str
    func : Path
        BOLD series, 4D NIfTI.
    mask_vt : Path
        Ventral temporal mask on the grid of `func`.  That of the simulated subjects is purely anatomical: it has not
        looked at their series.  That of the real download is, as it seems, the intersection of an anatomical mask with
        an omnibus test between the categories on the same data: the advanced tutorial of the Princeton MVPA toolbox
        (TutorialAdv) says so of its mask of a subject of this study, with the same 577 voxels as subject 1's here on
        the same 64 x 64 x 40 grid.
    mask, anat : Path or None
        Mask of the brain on the grid of `func`; anatomical image.
    conditions : array of str, shape (volumes,)
        What was shown in each volume.
    runs : array of int, shape (volumes,)
        The run of each volume, as numbered in labels.txt.
    labels : DataFrame
        Both as a table, one row per volume, with the column names of the Haxby data: `labels` (the condition) and
        `chunks` (the run). A new copy at each access, as are the two arrays.
    t_r : float
        Seconds from one volume to the next.
    cut_coords : (x, y, z) in mm
        A place in the VT mask where the cuts show something.
    truth : Nifti1Image or None
        Label image of the planted areas; simulated subjects only.
    """

    name: str
    func: Path
    mask_vt: Path
    mask: Path | None
    anat: Path | None
    t_r: float
    cut_coords: tuple
    truth: nib.Nifti1Image | None = field(repr=False)
    rows: tuple = field(repr=False)

    @property
    def conditions(self):
        return np.array([row.labels for row in self.rows])

    @property
    def runs(self):
        return np.array([row.chunks for row in self.rows])

    @property
    def labels(self):
        return pd.DataFrame(self.rows, columns=Row._fields)


@dataclass(frozen=True)
class BidsSubject(Subject):
    """A subject whose files were found in a BIDS dataset: `func` is a series per run, and the masks are images in memory.

    `mask_vt` is the region that is tested, whatever it is called: of the named masks what lies in the brain mask of every
    run. `conditions` are those of 5 s before each volume; the test does not use them, but the models of the runs.

    Attributes
    ----------
    bids : Bids
    found : roilessons.datasets.bids.Found
    recordings : tuple of roilessons.datasets.bids.Recording
        Of each run.
    outside_brain : int
        Voxels of the named masks that are left out, being outside the brain mask of some run.
    notes : tuple of str
        What was not found, left out or passed over.
    """

    bids: bids_files.Bids = None
    found: bids_files.Found = field(default=None, repr=False)
    recordings: tuple = field(default=(), repr=False)
    outside_brain: int = 0
    notes: tuple = ()

    @property
    def kept(self):
        """Which volumes are not left out, of all runs (boolean array)."""
        return np.concatenate([recording.kept for recording in self.recordings])

    @property
    def models(self):
        """The design matrix of each run; None for a run without events."""
        return [bids_files.model_of(recording, self.bids.has_cosines) for recording in self.recordings]


def load_subject(source=None, *, conditions=CONDITIONS):
    """Find, make or download a subject, and check that its files fit together.

    Parameters
    ----------
    source : str, Path or Bids, optional
        "simulated" (subject 1 of 6; "simulated:3" is subject 3), made on this machine at first use;
        "haxby" (subject 1 of 6; "haxby:2" is subject 2), downloaded at first use (300 MB);
        "noise", as "simulated" but with nothing planted;
        or a folder with bold.nii.gz (or bold.nii), labels.txt and mask4_vt.nii.gz;
        or what to take of a BIDS dataset: ``Bids("study", sub="01", task="faces")``.
        By default what the environment variable ROILESSONS_SUBJECT says, else "simulated".
    conditions : sequence of str or None
        The conditions that labels.txt may name; None for any.

    Returns
    -------
    Subject

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If files cannot be read or do not fit together, or `source` is none of the above.
    ConnectionError
        If a download fails.
    OSError
        If there is no place where a subject can be kept.
    """
    if source is None:
        source = os.environ.get("ROILESSONS_SUBJECT") or "simulated"
    if isinstance(source, bids_files.Bids):
        return _from_bids(source)
    if not str(source).strip():
        raise ValueError("A subject needs a name: 'simulated', 'haxby' or a folder, not an empty text.")
    kind, _, number = str(source).partition(":")
    if kind == "simulated":
        folder = cache.simulated_folder(_number(number, source))
        return _from_folder(folder, f"simulated subject {folder.name[4:]}", conditions)
    if source == "noise":
        made = _from_folder(cache.simulated_folder(effects=False), "simulated noise", conditions)
        return replace(made, truth=None)  # nothing was planted, so there is nothing to find
    if kind == "haxby":
        folder = cache.haxby_folder(_number(number, source))
        return _from_folder(folder, f"Haxby subject {folder.name[4:]}", conditions)
    folder = Path(os.path.expanduser(source))  # unlike Path's own, it takes a machine without a home folder
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{source} is no folder; a subject is 'simulated', 'haxby' or a folder with bold.nii.gz, labels.txt "
            "and mask4_vt.nii.gz."
        )
    return _from_folder(folder, folder.resolve().name, conditions)


def with_truth(subject):
    """The subject itself if it is known where its areas are, else the simulated subject 1.

    For questions that real data cannot answer: whether what was found is there.

    Parameters
    ----------
    subject : Subject

    Returns
    -------
    Subject
        One whose `truth` is a label image of the planted areas.

    Raises
    ------
    OSError
        If there is no place where the simulated subject can be kept.
    """
    return subject if subject.truth is not None else load_subject("simulated")


def _number(text, source):
    if text not in {"", *map(str, range(1, N_SIMULATED + 1))}:
        raise ValueError(f"There is no subject {source!r}: the subjects are numbered 1 to {N_SIMULATED}.")
    return int(text or 1)


def _from_folder(folder, name, conditions):
    func = next((folder / f for f in ("bold.nii.gz", "bold.nii") if (folder / f).is_file()), None)
    mask_vt, labels_file = folder / "mask4_vt.nii.gz", folder / "labels.txt"
    missing = [f for f, there in (("bold.nii.gz", func), (mask_vt.name, mask_vt.is_file()),
                                  (labels_file.name, labels_file.is_file())) if not there]  # fmt: skip
    if missing:
        raise FileNotFoundError(f"{folder} has no {' and no '.join(missing)}.")
    series = open_series(func)
    labels = read_labels(labels_file, conditions)
    if len(labels) != series.n_volumes:
        raise ValueError(f"{labels_file} has {len(labels)} labels, but {func.name} has {series.n_volumes} volumes.")
    vt = read_mask(mask_vt, series.img)
    truth, anat = folder / "truth.nii.gz", folder / "anat.nii.gz"
    return Subject(
        name=name,
        func=func,
        mask_vt=mask_vt,
        mask=find_brain_mask(folder, series),
        anat=anat if anat.is_file() else None,
        t_r=header_t_r(series) or T_R,
        cut_coords=find_cut_coords(vt, series.affine),
        truth=open_image(truth) if truth.is_file() else None,
        rows=tuple(Row(*row) for row in labels.itertuples(index=False)),
    )


def _from_bids(source):
    found = bids_files.find(source)
    numbers = [run.entities.get("run", "") for run in found.runs]
    if not all(number.isdecimal() for number in numbers) or len(set(map(int, numbers))) < len(numbers):
        numbers = range(1, len(found.runs) + 1)
    recordings = tuple(
        bids_files.read_recording(run, int(number), source) for run, number in zip(found.runs, numbers, strict=True)
    )
    t_rs = {recording.t_r for recording in recordings}
    if len(t_rs) > 1:
        raise ValueError(f"The runs of {source} have different repetition times, {', '.join(f'{t:g}' for t in sorted(t_rs))} s: name runs with --run.")
    if not any(len(recording.events) for recording in recordings):
        raise ValueError(f"No run of {source} has events (*_events.tsv in {found.raw}), so there is nothing to compare.")
    func = tuple(run.func for run in found.runs)
    series = open_series(func)
    brain = masks.intersection([run.brain_mask for run in found.runs if run.brain_mask], series)
    named, notes = masks.mask_on_grid(source.mask, series) if source.mask else (brain, [])
    if named is None:
        raise ValueError(f"{found.prepared} has no brain mask of {source}, and no mask is named: name one with --mask.")
    tested = named if brain is None else named & brain
    if not tested.any():
        raise ValueError(f"No voxel of the mask {' '.join(map(str, source.mask))} lies in the brain masks of all runs; is it in the same space?")
    rows = [
        Row(condition, recording.number) for recording in recordings for condition in bids_files.conditions_of_volumes(recording)
    ]
    return BidsSubject(
        name=str(source),
        func=func,
        mask_vt=new_image(tested, series, np.uint8),
        mask=None if brain is None else new_image(brain, series, np.uint8),
        anat=None,
        t_r=recordings[0].t_r,
        cut_coords=find_cut_coords(tested, series.affine),
        truth=None,
        rows=tuple(rows),
        bids=source,
        found=found,
        recordings=recordings,
        outside_brain=int((named & ~tested).sum()),
        notes=(*found.notes, *notes, *(note for recording in recordings for note in recording.notes)),
    )


def find_brain_mask(folder, series):
    """Path of the subject's own mask of the brain, or of the one for all in the folder above if its grid fits, or None."""
    own, shared = folder / "mask.nii.gz", folder.parent / "mask.nii.gz"
    if own.is_file():
        read_mask(own, series.img)
        return own
    try:
        read_mask(shared, series.img)
    except (FileNotFoundError, ValueError):
        return None
    return shared


def read_labels(path, conditions=CONDITIONS):
    """The condition and run of every volume.

    Parameters
    ----------
    path : Path
        Text file with the header line ``labels chunks``, then one line per volume, as in the Haxby data.
    conditions : sequence of str or None
        The conditions that are known; None for any.

    Returns
    -------
    DataFrame with columns `labels` (str) and `chunks` (int)

    Raises
    ------
    ValueError
        If a line is not "condition run", its condition is not known or the volumes of a run do not follow each other.
    """
    lines = [line.split() for line in read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines or lines[0] != ["labels", "chunks"]:
        raise ValueError(f"{path} must start with the line 'labels chunks', then have one line per volume.")
    rows, runs = [], set()
    for number, words in enumerate(lines[1:], start=2):
        if len(words) != 2 or not words[1].isdecimal() or len(words[1]) > 9:
            raise ValueError(f"{path}, line {number}: expected a condition and a run number, such as 'face 0'.")
        if not words[0].isprintable():
            raise ValueError(f"{path}, line {number}: a condition has signs that cannot be seen: {words[0]!r}.")
        if conditions is not None and words[0] not in conditions:
            raise ValueError(
                f"{path}, line {number}: {words[0]!r} is an unknown condition; known are {', '.join(conditions)}. "
                "For a design of your own, name its conditions: load_subject(folder, conditions=[...])."
            )
        run = int(words[1])
        if rows and run != rows[-1][1] and run in runs:
            raise ValueError(f"{path}, line {number}: run {run} begins a second time; the volumes of a run follow each other.")
        runs.add(run)
        rows.append((words[0], run))
    return pd.DataFrame(rows, columns=Row._fields)


def find_cut_coords(vt, affine):
    """A place in the VT mask to cut at: on the side with more of it, the voxel next to that side's middle.

    Parameters
    ----------
    vt : boolean array (x, y, z), with a voxel or more
    affine : array (4, 4)

    Returns
    -------
    (x, y, z) in mm, as floats
    """
    places = nib.affines.apply_affine(affine, np.argwhere(vt))
    right = places[:, 0] > 0
    side = places[right] if right.sum() >= len(places) / 2 else places[~right]
    nearest = side[np.square(side - side.mean(axis=0)).sum(axis=1).argmin()]
    return tuple(np.round(nearest).tolist())  # whole mm, so that every figure names them alike

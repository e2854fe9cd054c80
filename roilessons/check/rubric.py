"""The capstone's rubric: what is asked of a folder with an atlas, signals and a methods paragraph, point by point.

What is handed in is data: images and tables of a size that a course can make, read by names that are fixed here.
"""

import re
from collections import namedtuple
from functools import cached_property
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from scipy import ndimage

from roilessons.check.reading import NUMBERS
from roilessons.files import read_text, sentence
from roilessons.inference.contrasts import run_contrasts, t_across_runs
from roilessons.inference.regions import dice
from roilessons.steps import signals
from roilessons.subject import load_subject
from roilessons.volumes.images import grid_difference, load_image, open_image, read_array, read_label_array

CONTRAST = ("face", "house")
ATLASES = {  # file -> which runs it is made from
    "atlas.nii.gz": "all runs", "atlas_even_runs.nii.gz": "the runs with even numbers", "atlas_odd_runs.nii.gz": "the runs with odd numbers",
}  # fmt: skip
ROI_COLUMNS = ["roi", "prefers", "voxels", "x", "y", "z"]
LARGEST = {".gz": 20_000_000, ".tsv": 1_000_000, ".md": 100_000}  # bytes
LEAST_OVERLAP = 0.5  # of the two halves' atlases, Dice; pipelines of this course reached 0.7 or more on seven subjects
LEAST_WORDS = 60
CLEAR = 2.2  # abs. t across twelve runs, p = 0.05: such a voxel has a preference
MIXED = 0.1  # share of a region's clear voxels that may prefer the other condition
MOST_REGIONS = 500

Point = namedtuple("Point", "name passed sentence")
"""What one point of the rubric says of a folder: its name, whether it is passed, and why (not)."""


class Missing(ValueError):
    """A file is not there or cannot be read; the message says which and why."""


class Folder:
    """The files of a folder that was handed in, each read when it is first asked for."""

    def __init__(self, folder, subject):
        self.path, self.subject, self.atlases = Path(folder).expanduser(), subject, {}
        if not self.path.is_dir():
            raise Missing(f"There is no folder {self.path}.")

    def file(self, name):
        path = self.path / name
        if not path.is_file():
            raise Missing(f"{name} is not there.")
        if path.stat().st_size > LARGEST[path.suffix]:
            raise Missing(f"{name} is too large to be what is asked for.")
        return path

    def atlas(self, name):
        """(image, its labels as whole numbers)"""
        if name not in self.atlases:
            img = load_image(open_image(self.file(name)))
            if difference := grid_difference(img, self.t_img):  # before its voxels are read
                raise Missing(f"{name} is on another grid than the series: {difference}.")
            labels = read_label_array(img).astype(int)
            if not labels.any():
                raise Missing(f"{name} has no region.")
            if labels.min() < 0 or labels.max() > MOST_REGIONS:
                raise Missing(f"{name} has labels from {labels.min():,} to {labels.max():,}; 0 to {MOST_REGIONS} are believed.")
            self.atlases[name] = img, labels
        return self.atlases[name]

    @cached_property
    def t_img(self):
        """t across the contrasts of all runs, smoothed as in the course: which condition a voxel prefers."""
        return t_across_runs(run_contrasts(self.subject.func, self.subject.labels, CONTRAST)).t_img

    def table(self, name):
        text = read_text(self.file(name))
        try:
            table = pd.read_csv(StringIO(text), sep="\t", dtype={"condition": str, "prefers": str})
        except (ValueError, pd.errors.ParserError) as error:
            raise Missing(f"{name} is no table of values between tabs ({error}).") from None
        if len(table.columns) == 1:
            raise Missing(f"{name} has a single column, {table.columns[0]!r}. Are its values between tabs, and not between commas?")
        return table


def on_the_grid(handed):
    for name in ATLASES:
        handed.atlas(name)
    return "Three atlases, on the grid of the series."


def numbered(handed):
    for name in ATLASES:
        labels = handed.atlas(name)[1]
        sizes = np.bincount(labels.ravel())[1:]
        if not sizes.all():
            raise ValueError(
                f"{name}: label {np.flatnonzero(sizes == 0)[0] + 1} has no voxel; number the regions 1, 2, 3, ... without a gap."
            )
        if (np.diff(sizes) > 0).any():
            raise ValueError(f"{name}: a region is larger than the one before it; give the largest the label 1, and so on.")
        for label, place in enumerate(ndimage.find_objects(labels), start=1):
            pieces = ndimage.label(labels[place] == label, np.ones((3, 3, 3)))[1]
            if pieces > 1:
                raise ValueError(f"{name}: label {label} is in {pieces} pieces that do not touch; a region is connected.")
    return "Labels 1, 2, 3, ... from the largest region to the smallest, each of one piece."


def one_preference(handed):
    img, labels = handed.atlas("atlas.nii.gz")
    table = handed.table("rois.tsv")
    if list(table.columns) != ROI_COLUMNS:
        raise ValueError(
            f"rois.tsv has the columns {', '.join(map(str, table.columns))}; asked for are {', '.join(ROI_COLUMNS)}."
        )
    n = labels.max()
    if table["roi"].tolist() != list(range(1, n + 1)):
        raise ValueError(f"rois.tsv should have one row per region, roi 1 to {n}, in this order.")
    sizes = np.bincount(labels.ravel())[1:]
    off = np.flatnonzero(table["voxels"].to_numpy() != sizes)
    if len(off):
        raise ValueError(
            f"rois.tsv: region {off[0] + 1} has {sizes[off[0]]} voxels in the atlas, and another number in the table."
        )
    inverse = np.linalg.inv(img.affine)
    t = read_array(handed.t_img)
    for row in table.itertuples():
        index = np.rint(apply_affine(inverse, np.array([row.x, row.y, row.z], float)))
        inside = np.isfinite(index).all() and (index >= 0).all() and (index < labels.shape).all()
        if not inside or labels[tuple(index.astype(int))] != row.roi:
            raise ValueError(
                f"rois.tsv: the place of region {row.roi} is not in it. Give a voxel of the region, as x, y and z in mm."
            )
        clear = t[(labels == row.roi) & (np.abs(t) >= CLEAR)]
        faces = np.mean(clear > 0) if len(clear) else np.mean(t[labels == row.roi] > 0)
        if MIXED < faces < 1 - MIXED:
            raise ValueError(
                f"Region {row.roi} mixes voxels that prefer faces with voxels that prefer houses; label the two apart."
            )
        prefers = CONTRAST[0] if faces > 0.5 else CONTRAST[1]
        if row.prefers != prefers:
            raise ValueError(
                f"rois.tsv: region {row.roi} is said to prefer {row.prefers!r}; most of its voxels prefer {prefers!r}."
            )
    return "rois.tsv agrees with the atlas, and no region mixes preferences."


def signals_agree(handed):
    img, labels = handed.atlas("atlas_even_runs.nii.gz")
    table = handed.table("signals.tsv")
    wanted = ["run", "condition", *(f"ROI {number}" for number in range(1, labels.max() + 1))]
    if list(table.columns) != wanted:
        raise ValueError(
            f"signals.tsv should have the columns run, condition, ROI 1 to ROI {labels.max()}: one per region of atlas_even_runs.nii.gz."
        )
    volumes = signals(handed.subject.func, img, handed.subject.labels, fwhm=0)
    means = volumes.drop(columns="volume").groupby(["run", "condition"]).mean()
    rows = [tuple(row) for row in table[["run", "condition"]].itertuples(index=False)]
    if len(set(rows)) < len(rows):
        raise ValueError("signals.tsv has a run and condition twice; one row per run and condition is asked for.")
    if unknown := [row for row in rows if row not in means.index]:
        raise ValueError(f"signals.tsv has a row for run {unknown[0][0]}, {unknown[0][1]!r}; the series has no such volumes.")
    given, right = table[wanted[2:]].to_numpy(float), means.loc[rows].to_numpy()
    off = np.argwhere(~np.isclose(given, right, rtol=1e-3))
    if len(off):
        row, column = off[0]
        raise ValueError(
            f"signals.tsv: run {rows[row][0]}, {rows[row][1]}, ROI {column + 1} is {given[row, column]:g}, and the mean of its voxels is "
            f"{right[row, column]:.4g}. Asked for is the mean over the region of the series as it is, not smoothed."
        )
    return "Columns, rows and numbers of signals.tsv are those of the regions."


def split_honestly(handed):
    table = handed.table("signals.tsv")
    if "run" not in table:
        raise ValueError("signals.tsv has no column run.")
    runs = np.unique(handed.subject.runs)
    even, odd = runs[runs % 2 == 0], runs[runs % 2 == 1]
    given = set(table["run"])
    if seen := sorted(given & set(even)):
        raise ValueError(f"signals.tsv has run {seen[0]}, whose number is even: this run helped to choose the voxels.")
    if missing := sorted(set(odd) - given):
        raise ValueError(f"signals.tsv lacks run {missing[0]}; all runs with odd numbers are asked for.")
    first, second, whole = (
        handed.atlas(name)[1] > 0 for name in ("atlas_even_runs.nii.gz", "atlas_odd_runs.nii.gz", "atlas.nii.gz")
    )
    if np.array_equal(first, second) or np.array_equal(first, whole):
        raise ValueError("Two of the three atlases have the same voxels: each is to be made from its own runs, from the start.")
    return "Signals come from runs that did not choose the voxels."


def reliable(handed):
    overlap = dice(*(handed.atlas(name)[0] for name in list(ATLASES)[1:]))
    if not overlap >= LEAST_OVERLAP:
        raise ValueError(
            f"The atlases of the two halves overlap with a Dice of {overlap:.2f}; {LEAST_OVERLAP} or more is asked for."
        )
    return f"The atlases of the two halves overlap with a Dice of {overlap:.2f} ({LEAST_OVERLAP} or more is asked for)."


def methods(handed):
    text = read_text(handed.file("methods.md"))
    if len(text.split()) < LEAST_WORDS:
        raise ValueError(
            f"methods.md has {len(text.split())} words; somebody else could not repeat it from less than {LEAST_WORDS}."
        )
    labels = handed.atlas("atlas.nii.gz")[1]
    numbers = {float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}
    numbers |= {number for number, word in NUMBERS.items() if re.search(rf"\b{word}\b", text, re.I)}
    facts = {
        "how many runs there are": len(np.unique(handed.subject.runs)), "how many regions were found": labels.max(),
        "how many voxels they have together": np.count_nonzero(labels),
    }  # fmt: skip
    if missing := [f"{what} ({value:,})" for what, value in facts.items() if value not in numbers]:
        raise ValueError(f"methods.md does not say {' nor '.join(missing)}.")
    if not re.search(r"\d\s?mm", text):
        raise ValueError("methods.md does not say by how many mm the series was smoothed (write 0 mm if it was not).")
    return "methods.md has the numbers that can be checked: runs, regions, voxels, smoothing."


AUTOMATIC = {
    "grid": on_the_grid, "labels": numbered, "table": one_preference, "signals": signals_agree, "split": split_honestly,
    "reliability": reliable, "methods": methods,
}  # fmt: skip
FOR_A_TEACHER = (
    "Does methods.md say what one observation is, and how many there are?",
    "Is the correction for many tests named, with the voxels that it counts and the error that it controls?",
    "Is each threshold given with its reason, and was it chosen before the result was seen?",
    "Could somebody else repeat it from the text alone?",
    "Does the text claim no more than the data say: this subject, this contrast, this mask?",
)


def points(folder, subject):
    """What each automatic point of the rubric says of a folder.

    Parameters
    ----------
    folder : path
        With the files that lesson 17 asks for.
    subject : as in `roilessons.load_subject`
        Whose series was analysed.

    Returns
    -------
    list of Point
    """
    handed = Folder(folder, load_subject(subject))
    return [_judged(name, judge, handed) for name, judge in AUTOMATIC.items()]


def _judged(name, judge, handed):
    try:
        return Point(name, True, judge(handed))
    except (ValueError, OSError, EOFError, TypeError) as error:
        return Point(name, False, sentence(error))

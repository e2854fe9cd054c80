"""One subject: where the files are, what happened in each volume, where to cut."""

import os
import struct
import tempfile
from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from roilessons.series import open_series

T_R = 2.5  # seconds a volume, Haxby et al. (2001); used where a header has none
CONDITIONS = (  # Haxby et al. (2001): eight categories of pictures, and rest
    "face", "house", "cat", "bottle", "scissors", "shoe", "chair", "scrambledpix", "rest",
)  # fmt: skip
SIMULATED = "roilessons_simulated"  # folder beside nilearn's own data sets
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
        Ventral temporal mask on the grid of `func`.
    mask, anat : Path or None
        Mask of the brain on the grid of `func`; anatomical image.
    labels : DataFrame
        One row a volume: `labels` (the condition) and `chunks` (the run). A fresh copy at each look.
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
    def labels(self):
        return pd.DataFrame(self.rows, columns=Row._fields)


def load_subject(source=None, *, conditions=CONDITIONS):
    """Find, make or download a subject, and check that its files fit together.

    Parameters
    ----------
    source : str or Path, optional
        "simulated" (subject 1 of 6; "simulated:3" is subject 3), made on this machine at first use;
        "haxby" (subject 1 of 6; "haxby:2" is subject 2), downloaded at first use (300 MB);
        "noise", as "simulated" but with nothing planted;
        or a folder with bold.nii.gz (or bold.nii), labels.txt and mask4_vt.nii.gz.
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
    """
    source = source or os.environ.get("ROILESSONS_SUBJECT") or "simulated"
    kind, _, number = str(source).partition(":")
    if kind == "simulated":
        folder = simulated_folder(_number(number, source))
        return _from_folder(folder, f"simulated subject {folder.name[4:]}", conditions)
    if source == "noise":
        return _from_folder(simulated_folder(effects=False), "simulated noise", conditions)
    if kind == "haxby":
        folder = _fetch_haxby(_number(number, source))
        return _from_folder(folder, f"Haxby subject {folder.name[4:]}", conditions)
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{source} is no folder; a subject is 'simulated', 'haxby' or a folder with bold.nii.gz, labels.txt "
            "and mask4_vt.nii.gz."
        )
    return _from_folder(folder, folder.resolve().name, conditions)


def _number(text, source):
    if text not in {"", *map(str, range(1, N_SIMULATED + 1))}:
        raise ValueError(f"There is no subject {source!r}: the subjects are numbered 1 to {N_SIMULATED}.")
    return int(text or 1)


def simulated_folder(number=1, *, effects=True, progress=True):
    """The folder of a simulated subject, made at first use where nilearn keeps its data.

    Parameters
    ----------
    number : int, 1 to 6
    effects : bool
        False for a subject in whom nothing is planted: the same head, and noise alone.
    progress : bool
        Show a progress bar while it is made.

    Returns
    -------
    Path
    """
    from nilearn.datasets import get_data_dirs

    name = f"subj{number}" if effects else f"noise{number}"
    places = [Path(place) / SIMULATED for place in get_data_dirs()]
    for place in places:
        folder = place / name
        if (folder / "bold.nii.gz").is_file() and (place / "mask.nii.gz").is_file():
            return folder
    from roilessons.simulate import make_subject

    place = next((place for place in places if _can_write(place.parent)), None)
    if place is None:
        raise PermissionError(
            f"The simulated subject cannot be kept: none of {', '.join(str(p.parent) for p in places)} can be "
            "written to. Set NILEARN_DATA to a folder that can."
        )
    return make_subject(number, place / name, progress, effects=effects)


def _can_write(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _fetch_haxby(number):
    from nilearn.datasets import fetch_haxby

    try:
        haxby = fetch_haxby(subjects=[number], verbose=0)
    except (OSError, ValueError) as error:  # what requests and nilearn raise when a download fails
        raise ConnectionError(
            "The Haxby data could not be downloaded. Is this machine online? Without a network, "
            "load_subject('simulated') gives a subject made here."
        ) from error
    return Path(haxby.func[0]).parent


def _from_folder(folder, name, conditions):
    func = next((folder / f for f in ("bold.nii.gz", "bold.nii") if (folder / f).is_file()), None)
    mask_vt, labels_file = folder / "mask4_vt.nii.gz", folder / "labels.txt"
    missing = [f for f, there in (("bold.nii.gz", func), (mask_vt.name, mask_vt.is_file()),
                                  (labels_file.name, labels_file.is_file())) if not there]  # fmt: skip
    if missing:
        raise FileNotFoundError(f"{folder} has no {' and no '.join(missing)}.")
    series = open_series(func)
    check_complete(series)
    labels = read_labels(labels_file, conditions)
    if len(labels) != series.n_volumes:
        raise ValueError(f"{labels_file} has {len(labels)} labels, but {func.name} has {series.n_volumes} volumes.")
    mask = next((m for m in (folder / "mask.nii.gz", folder.parent / "mask.nii.gz") if m.is_file()), None)
    vt = read_mask(mask_vt, series)
    if mask is not None:
        read_mask(mask, series)
    t_r = float(series.img.header.get_zooms()[3])
    if series.img.header.get_xyzt_units()[1] == "msec":
        t_r /= 1000
    truth, anat = folder / "truth.nii.gz", folder / "anat.nii.gz"
    return Subject(
        name=name,
        func=func,
        mask_vt=mask_vt,
        mask=mask,
        anat=anat if anat.is_file() else None,
        t_r=t_r or T_R,
        cut_coords=find_cut_coords(vt, series.affine),
        truth=nib.load(truth) if truth.is_file() else None,
        rows=tuple(Row(*row) for row in labels.itertuples(index=False)),
    )


def read_labels(path, conditions=CONDITIONS):
    """The condition and run of every volume.

    Parameters
    ----------
    path : Path
        Text file with the header line ``labels chunks``, then one line a volume, as in the Haxby data.
    conditions : sequence of str or None
        The conditions that are known; None for any.

    Returns
    -------
    DataFrame with columns `labels` (str) and `chunks` (int)

    Raises
    ------
    ValueError
        If a line is not "condition run" or its condition is not known.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file.") from None
    lines = [line.split() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if not lines or lines[0] != ["labels", "chunks"]:
        raise ValueError(f"{path} must start with the line 'labels chunks', then have one line a volume.")
    rows = []
    for number, words in enumerate(lines[1:], start=2):
        if len(words) != 2 or not words[1].isdecimal() or len(words[1]) > 9:
            raise ValueError(f"{path}, line {number}: expected a condition and a run number, such as 'face 0'.")
        if conditions is not None and words[0] not in conditions:
            raise ValueError(
                f"{path}, line {number}: {words[0]!r} is an unknown condition; known are {', '.join(conditions)}. "
                "For a design of your own, name its conditions: load_subject(folder, conditions=[...])."
            )
        rows.append((words[0], int(words[1])))
    return pd.DataFrame(rows, columns=Row._fields)


def read_mask(path, series):
    """The mask at `path` as a boolean array (x, y, z); ValueError if it is not on the grid of `series`."""
    try:
        img = nib.load(path)
        values = np.asanyarray(img.dataobj)
    except (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError, OSError, EOFError, ValueError):
        raise ValueError(f"{path} cannot be read as a NIfTI image; get or make the file again.") from None
    if img.shape != series.img.shape[:3] or not np.allclose(img.affine, series.affine, atol=1e-3):
        raise ValueError(
            f"{path} is on another grid than {series.name}: shape {img.shape} and {series.img.shape[:3]}, or another "
            "affine; resample it with nilearn.image.resample_to_img(..., interpolation='nearest')."
        )
    return np.nan_to_num(values) > 0


def check_complete(series):
    """ValueError if the file of `series` is shorter than its header says."""
    stored = series.img.dataobj
    expected = stored.offset + int(np.prod(series.img.shape)) * stored.dtype.itemsize
    path = Path(stored.file_like)
    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
        # A gzip file ends with its unpacked length: a look at four bytes instead of a second of unpacking.
        file.seek(-4, os.SEEK_END)
        tail = struct.unpack("<I", file.read(4))[0]
    if gzipped:
        complete = tail == expected % 2**32 or _unpacked_bytes(path) >= expected
    else:
        complete = path.stat().st_size >= expected
    if not complete:
        raise ValueError(f"{path} is cut short; get or make the file again.")


def _unpacked_bytes(path):
    """Length of a gzip file by unpacking it: for files of several members, or with bytes after the end."""
    import zlib

    from isal import igzip

    total, buffer = 0, bytearray(1 << 20)
    try:
        with igzip.open(path, "rb") as file:
            while count := file.readinto(buffer):
                total += count
    except (OSError, EOFError, zlib.error):
        pass
    return total


def find_cut_coords(vt, affine):
    """A place in the VT mask to cut at: on the side with more of it, the voxel next to that side's middle.

    Parameters
    ----------
    vt : boolean array (x, y, z)
    affine : array (4, 4)

    Returns
    -------
    (x, y, z) in mm, as floats
    """
    places = nib.affines.apply_affine(affine, np.argwhere(vt))
    if not len(places):
        return tuple(nib.affines.apply_affine(affine, (np.array(vt.shape) - 1) / 2).tolist())
    right = places[:, 0] > 0
    side = places[right] if right.sum() >= len(places) / 2 else places[~right]
    nearest = side[np.square(side - side.mean(axis=0)).sum(axis=1).argmin()]
    return tuple(np.round(nearest, 2).tolist())

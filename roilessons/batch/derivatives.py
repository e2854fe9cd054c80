"""Results as a BIDS derivative dataset: how files are named, and how they are written so that each result is whole or not there.

A result is a few files of one person and task. Its sidecar `*_desc-roi_dseg.json` is written last and says which
files belong to it, and of what they were made (`fingerprint`): a result without it, or with another, is made again.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

import nibabel as nib

from roilessons import __version__
from roilessons.datasets.bids import OF_THE_IMAGE, read_json
from roilessons.datasets.masks import files_of
from roilessons.files import draft_folder, publish, sentence

BIDS_VERSION = "1.10.0"
GENERATOR = "roilessons extract"
IGNORED = "# The validator does not know these.\n*_timeseries.tsv\n*_timeseries.json\n*_statmap.nii.gz\n*_report.html\nrois.tsv\ngroup.tsv\nfailed.tsv\n"
SMALL = 10_000_000  # bytes; smaller files are known by all of their content


def content_of(path):
    """What a file's content is known by: its checksum; of a large one the size, and the checksum that gzip keeps.

    So that the inputs of a thousand subjects are looked at in seconds. A large file that is not compressed is known by its
    size and the time of its last change.
    """
    path = Path(path)
    status = path.stat()
    if status.st_size <= SMALL and not path.name.endswith("_bold.nii.gz"):
        return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(-min(8, status.st_size), os.SEEK_END)
        tail = file.read(4)
    if gzipped:
        return {"bytes": status.st_size, "crc32": f"{int.from_bytes(tail, 'little'):08x}"}
    return {"bytes": status.st_size, "changed": status.st_mtime_ns}


def inputs_of(found, masks):
    """Name -> content of every file that a result depends on.

    Parameters
    ----------
    found : roilessons.datasets.bids.Found
    masks : sequence of str
        As they were named.
    """
    contents = {}
    for run in found.runs:
        for dataset, path in (("prepared", run.func), ("prepared", run.brain_mask), ("prepared", run.confounds), ("raw", run.events)):
            if path is not None:
                root = found.prepared if dataset == "prepared" else found.raw
                contents[f"bids:{dataset}:{path.relative_to(root).as_posix()}"] = content_of(path)
    for number, name in enumerate(map(str, masks), start=1):
        contents |= {f"mask {number}:{path.name}": content_of(path) for path in files_of(name)}
    return contents


def fingerprint(found, settings, masks):
    """SHA-256 of all that a result depends on: settings, inputs, what the sidecars say, and this version of roilessons."""
    sidecars = {run.name: {key: run.sidecar.get(key) for key in ("RepetitionTime", "StartTime")} for run in found.runs}
    whole = [settings, inputs_of(found, masks), sidecars, found.entities, found.space, __version__]
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


def folder_of(out, found):
    """Where the files of a result lie."""
    session = [f"ses-{found.entities['ses']}"] if "ses" in found.entities else []
    return Path(out, f"sub-{found.entities['sub']}", *session, "func")


def prefix_of(found, run=None):
    """How the names of a result's files begin; with `run`, a `RunFiles`, those of one run."""
    entities = found.entities if run is None else {key: value for key, value in run.entities.items() if key not in OF_THE_IMAGE}
    names = "_".join(f"{key}-{value}" for key, value in entities.items())
    return names if found.space == "native" else f"{names}_space-{found.space.replace(':', '_')}"


def marker_of(out, found):
    """The sidecar that is written last."""
    return folder_of(out, found) / f"{prefix_of(found)}_desc-roi_dseg.json"


def result_there(out, found):
    """What the marker of a whole result says, or None where there is none."""
    marker = marker_of(out, found)
    try:
        told = read_json(marker)
        outputs = told["Outputs"]
        whole = all((marker.parent / name).stat().st_size == size for name, size in outputs.items())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return told if whole else None


def check_ours(out):
    """See that a folder is free, or a dataset of our results; makes nothing.

    Raises
    ------
    FileExistsError
        If there is something else in the folder.
    OSError
        If it cannot be read.
    """
    out = Path(out)
    if os.path.lexists(out) and not out.is_dir():
        raise FileExistsError(f"{out} is no folder; --out must name a folder.")
    if not (out / "dataset_description.json").exists():
        there = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.is_dir() else set()
        if foreign := sorted(there - {"group.tsv", "rois.tsv", "failed.tsv", "README.md"}):
            raise FileExistsError(f"{out} holds {foreign[0]}, which is not of `roilessons extract --bids`; name another folder with --out.")
        return
    told = read_json(out / "dataset_description.json").get("GeneratedBy")
    if not (isinstance(told, list) and told and isinstance(told[0], dict) and told[0].get("Name") == GENERATOR):
        raise FileExistsError(f"{out} is a dataset of something else than `roilessons extract`; name another folder with --out.")


def prepare(out, found):
    """Make the dataset of results; several processes may do so at once.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    out = Path(out)
    links = {"raw": _link(found.raw, out), "prepared": _link(found.prepared, out)}
    described = {
        "Name": "Regions of interest", "BIDSVersion": BIDS_VERSION, "DatasetType": "derivative",
        "GeneratedBy": [{"Name": GENERATOR, "Version": __version__}],
        "SourceDatasets": [{"URL": link} for link in links.values()], "DatasetLinks": links,
    }  # fmt: skip
    contents = {".bidsignore": IGNORED, "README.md": README, "dataset_description.json": described}
    try:
        out.mkdir(parents=True, exist_ok=True)
        if (out / "dataset_description.json").exists():
            return
        with draft_folder(out) as drafts:
            for name, content in contents.items():
                _write(drafts / name, content)
                with suppress(FileExistsError):  # another process was faster
                    publish(drafts / name, out / name)
    except OSError as error:
        raise OSError(f"Nothing was written: {sentence(error)}") from error


README = """\
# Regions of interest

Made by `roilessons extract --bids`. Of each person and task: the regions (`*_desc-roi_dseg`, with a table and settings), the voxels
that passed (`*_desc-roi_mask`), those that were tested (`*_desc-tested_mask`), t and corrected -log10 p (`*_statmap`), the signal of each
region in each run (`*_timeseries.tsv`, smoothed, not cleaned of confounds), and a report to be read in a browser.
"""


def _link(folder, out):
    """A folder as seen from `out`, so that both can be moved together."""
    try:
        return Path(os.path.relpath(folder.absolute(), out.absolute())).as_posix() + "/"
    except ValueError:  # another drive of Windows
        return folder.absolute().as_uri()


def write_result(out, found, files, told):
    """Write the files of one result, the marker last; those of an earlier result of the same name go.

    Parameters
    ----------
    out : Path
    found : roilessons.datasets.bids.Found
    files : dict
        Name -> what is in it: an image, a DataFrame, text, or a dictionary for JSON.
    told : dict
        What the marker says; the names and sizes of the files are added.
    """
    folder, marker = folder_of(out, found), marker_of(out, found)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with draft_folder(folder) as drafts:
            for name, content in files.items():
                _write(drafts / name, content)
            told = told | {"Outputs": {name: (drafts / name).stat().st_size for name in files}}
            _write(drafts / marker.name, told)
            before = result_there(out, found) or {}
            marker.unlink(missing_ok=True)  # from here to the last line there is no result
            for name in set(before.get("Outputs", ())) - set(files):
                if Path(name).name == name:
                    (folder / name).unlink(missing_ok=True)
            for name in files:
                os.replace(drafts / name, folder / name)
            os.replace(drafts / marker.name, marker)
    except OSError as error:
        raise OSError(f"{folder} cannot take the results ({error.strerror or error}).") from error


def _write(path, content):
    if isinstance(content, nib.Nifti1Image):
        nib.save(content, path)
    elif isinstance(content, dict | str):
        text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")
    else:
        content.to_csv(path, sep="\t", index=False, na_rep="n/a", float_format="%.8g", lineterminator="\n")


def replace_table(path, table):
    """Write a table of the group, in place of an earlier one; without rows there is none."""
    if not len(table):
        path.unlink(missing_ok=True)
        return
    with draft_folder(path.parent) as drafts:
        _write(drafts / path.name, table)
        os.replace(drafts / path.name, path)

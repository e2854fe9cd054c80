"""From a BIDS dataset to a result of each person: ROIs, signals and a report, as BIDS derivatives."""

import dataclasses
import os
from collections import namedtuple
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version

import nibabel as nib
import numpy as np
import pandas as pd

from roilessons import __version__, steps
from roilessons.batch import derivatives, report
from roilessons.batch.extract import CORRECTED, INDEPENDENCE, PACKAGES, check_settings, check_writable, named_folder
from roilessons.batch.group import each_subject
from roilessons.datasets import bids as bids_files
from roilessons.datasets.masks import without_folder
from roilessons.figures import COLOURS_OF_ROIS
from roilessons.files import sentence
from roilessons.inference import contrasts, corrections, regions
from roilessons.subject import load_subject
from roilessons.volumes.images import new_image, read_array
from roilessons.volumes.one_pass import Spread

COLUMNS = {
    "prefers": "The condition that is stronger in the region.", "voxels": "How many.", "mm3": "Volume.",
    "hemisphere": "Of its centre: left is x < 0.", "peak_x": "Where |t| is largest, mm.", "peak_y": "Likewise.", "peak_z": "Likewise.",
    "peak_log10_p": "-log10 p there, corrected as the settings say.", "sign": "1 where the contrast's first condition is stronger.",
}  # fmt: skip
PATIENCE = 60  # seconds without a Dask worker before those who are not finished are given up; a busy machine needs some to start one
FEW_RUNS = 8  # fewer are warned of

Result = namedtuple("Result", "made table tested snr medians silent left_out reliability")
Extracted = namedtuple("Extracted", "folder table told read notes")
Everybody = namedtuple("Everybody", "out group failed skipped")


def bids_settings(*, contrast=steps.CONTRAST, fwhm=steps.FWHM, threshold=None, dilate=steps.ITERATIONS, correct=None):
    """All decisions of the analysis, checked before anything is read (dict)."""
    steps.check_pair(contrast)
    _, correct, threshold = check_settings(fwhm, threshold, dilate, "runs", None, correct)
    return {"contrast": list(contrast), "fwhm": float(fwhm or 0), "threshold": float(threshold), "dilate": dilate, "correct": correct}


def extract_bids(source, out, *, replace=False, **settings):
    """Compute one person's ROIs from a BIDS dataset, and write them to a dataset of derivatives.

    Parameters
    ----------
    source : Bids
    out : path
        The dataset of derivatives; made if need be.
    replace : bool
        Whether an earlier result with other settings is replaced; else it is kept, and an error says so.
    settings
        As in `bids_settings`.

    Returns
    -------
    Extracted
        `folder`, where the files are; `table`, the ROIs; `told`, what the sidecar says; `read`, two lines on each
        run; `notes`, what was not found or passed over.

    Raises
    ------
    FileExistsError
        If the result is there already.
    ValueError, OSError
        With one sentence on what does not fit.
    """
    settings, out = bids_settings(**settings), named_folder(out)
    found = bids_files.find(source)
    there = derivatives.result_there(out, found)
    if there and not replace:
        same = there.get("Fingerprint") == derivatives.fingerprint(found, _all_settings(source, settings), source.mask)
        made_with = "was made with these settings and is kept" if same else "was made with other settings or files and is kept"
        raise FileExistsError(f"{derivatives.marker_of(out, found)} {made_with}; name another folder with --out.")
    derivatives.check_ours(out)
    check_writable(out)
    return extract_subject(load_subject(source), out, settings)


def _all_settings(source, settings):
    """The settings of a result: of the analysis, and what was taken of the dataset."""
    return settings | {
        "confounds": list(source.confounds), "motion_limit_mm": source.motion_limit, "mask": [without_folder(str(name)) for name in source.mask],  # folders differ from machine to machine
        "hrf": "glover", "drift": "fMRIPrep's cosines" if source.has_cosines else f"polynomial of degree {bids_files.DRIFT_ORDER}",
        "runs": list(source.run) or "all",
    }  # fmt: skip


def compute(subject, settings):
    """The numbers of one person's result.

    Parameters
    ----------
    subject : BidsSubject
    settings : dict
        From `bids_settings`.

    Returns
    -------
    Result
    """
    contrast = tuple(settings["contrast"])
    weights, left_out = contrasts.weights_of_models(subject.models, contrast, [run.kept for run in subject.recordings])
    tested = subject.mask_vt
    spread = Spread(subject.runs, read_array(subject.mask or tested) > 0)
    try:
        made, prefers = regions.rois_across_runs(
            subject, contrast=contrast, fwhm=settings["fwhm"], correct=settings["correct"], threshold=settings["threshold"],
            iterations=settings["dilate"], weights=weights, also=[spread],
        )  # fmt: skip
    except ValueError as error:  # without the advice to take a test that is not for these datasets
        raise ValueError(str(error).replace(corrections.TUTORIAL, "").strip()) from None
    signed = regions.SignedLabels(made.labels_img, prefers)
    table = regions.preference_table(signed, made.t_img, made.log_p_img, contrast)
    return Result(made, table, tested, spread.snr(), spread.medians, spread.silent.T, left_out, reliability(made.contrasts_img, tested, contrast))


def reliability(contrasts_img, tested, contrast):
    """How well halves of the runs agree (dict of numbers), or None where there are too few runs or voxels."""
    voxels = int(np.count_nonzero(read_array(tested)))
    if contrasts_img.shape[3] < 4 or voxels < 2 * regions.N_VOXELS:
        return None
    split = regions.split_halves(contrasts_img, tested, contrast=contrast)
    means = split[["dice", "circular", "held_out"]].mean()
    return {"voxels": regions.N_VOXELS, "splits": int(split["split"].nunique()), "by_chance": regions.N_VOXELS / voxels} | {
        name: round(float(value), 6) for name, value in means.items()
    }


def extract_subject(subject, out, settings):
    """Compute and write the result of a loaded `BidsSubject`; what `extract_everybody` does with each."""
    found, source = subject.found, subject.bids
    every = _all_settings(source, settings)
    fingerprint = derivatives.fingerprint(found, every, source.mask)  # before the series are read: whoever changes one meanwhile gets it anew
    result = compute(subject, settings)
    told = {
        "Description": "Regions of interest, numbered by size; outside them 0.",
        "Sources": [name for name in derivatives.inputs_of(found, ()) if name.endswith(("_bold.nii.gz", "_bold.nii", "_events.tsv"))],
        "SpatialReference": found.space,
        "Settings": every,
        "PValues": f"The p-values are {CORRECTED[settings['correct']]}. {INDEPENDENCE['runs']}",
        "Numbers": numbers(subject, result),
        "Warnings": warnings_of(subject, result, settings),
        "Notes": list(subject.notes),
        "Inputs": derivatives.inputs_of(found, source.mask),
        "Versions": {"roilessons": __version__} | {name: version(name) for name in PACKAGES},
        "Fingerprint": fingerprint,
    } | {name: {"Description": text} for name, text in COLUMNS.items()}  # fmt: skip
    derivatives.prepare(out, found)
    derivatives.write_result(out, found, files_of(subject, result, told), told)
    return Extracted(derivatives.folder_of(out, found), result.table, told, [files_read(run) for run in subject.recordings], subject.notes)


def files_read(run):
    """Two lines on a run: how many volumes, what was there; and the names of the files."""
    files = run.files
    there = {"brain mask": files.brain_mask, "confounds": files.confounds, "events": files.events}
    found = ", ".join(what if path else f"no {what}" for what, path in there.items())
    names = ", ".join(path.name for path in (files.func, files.events) if path)
    return f"{files.name}: {run.n_volumes} volumes, {int((~run.kept).sum())} left out; {found}\n    {names}"


def numbers(subject, result):
    """What the report and the table of the group say in numbers."""
    made, counted = result.made, lambda img: int(np.count_nonzero(img.dataobj))
    used = [run for index, run in enumerate(subject.recordings) if index not in result.left_out]
    motion = [run.displacement[1:] for run in subject.recordings if run.displacement is not None]
    return {
        "runs": len(subject.recordings),
        "runs_used": len(used),
        "runs_left_out": [subject.recordings[index].files.name for index in result.left_out],
        "volumes": sum(run.n_volumes for run in subject.recordings),
        "volumes_left_out": int(sum((~run.kept).sum() for run in subject.recordings)),
        "mean_displacement_mm": round(float(np.concatenate(motion).mean()), 4) if motion else None,
        "largest_displacement_mm": round(float(np.concatenate(motion).max()), 4) if motion else None,
        "temporal_snr": {run.files.name: round(result.medians[run.number], 2) for run in subject.recordings},
        "voxels_tested": counted(result.tested),
        "mask_voxels_outside_brain": subject.outside_brain,
        "voxels_kept": counted(made.intersected_img),
        "voxels_dilated": counted(made.dilated_img),
        "rois": len(result.table),
        "split_halves": result.reliability,
    }


def warnings_of(subject, result, settings):
    """What a reviewer should know, a sentence each (list of str)."""
    first, second = settings["contrast"]
    said, used = [], [run for index, run in enumerate(subject.recordings) if index not in result.left_out]
    if len(used) < FEW_RUNS:
        said.append(f"Only {len(used)} runs: t has {len(used) - 1} degrees of freedom, and only large effects can be seen.")
    if result.left_out:
        names = ", ".join(subject.recordings[index].files.name for index in result.left_out)
        said.append(f"Left out, because {first} minus {second} cannot be estimated there: {names}.")
    for run in used:
        seconds = [run.events.loc[run.events["trial_type"] == condition, "duration"] for condition in (first, second)]
        count = [len(one) for one in seconds]
        if max(count) > 1.5 * min(count):
            said.append(f"{run.files.name} is not balanced: {count[0]} events of {first} and {count[1]} of {second}.")
        lost = (~run.kept).mean()
        if lost > 0.2:
            said.append(f"{run.files.name}: {lost:.0%} of its volumes are left out.")
    said += _moves_with(used, first, second)
    outside, tested = subject.outside_brain, int(np.count_nonzero(result.tested.dataobj))
    if outside:
        said.append(f"{outside:,} of {outside + tested:,} voxels of the mask lie outside the brain mask of some run and were not tested.")
    said += clipped(subject, result)
    return said


def _moves_with(used, first, second):
    """Whether the head moves more in one condition than in the other."""
    known = [run for run in used if run.displacement is not None]
    if not known:
        return
    labels = np.concatenate([bids_files.conditions_of_volumes(run)[1:] for run in known])
    moved = np.concatenate([run.displacement[1:] for run in known])
    means = [moved[labels == condition].mean() for condition in (first, second) if (labels == condition).any()]
    if len(means) == 2 and max(means) > 1.5 * min(means):
        yield (
            f"The head moves more in one condition than in the other: {means[0]:.2f} mm per volume in {first}, {means[1]:.2f} mm in "
            f"{second}; no model can tell the two apart."
        )


def clipped(subject, result):
    """Sentences on a field of view that cuts the brain or the mask."""
    empty = int(((read_array(result.tested) > 0) & result.silent).sum())
    if empty:
        yield f"{empty:,} of the tested voxels have no signal in some run: they are empty, or never change."
    if subject.mask is None:
        return
    brain = read_array(subject.mask) > 0
    words = {"L": "left", "R": "right", "P": "back", "A": "front", "I": "bottom", "S": "top"}
    opposite = dict(zip("LRPAIS", "RLAPSI", strict=True))
    sides = []
    for axis, towards in enumerate(nib.aff2axcodes(subject.mask.affine)):
        for place, side in ((0, opposite[towards]), (-1, towards)):
            if brain.take(place, axis).sum() >= 20:
                sides.append(words[side])
    if sides:
        yield f"The brain reaches the edge of the images ({', '.join(sides)}): what lies beyond was not measured."


def files_of(subject, result, told):
    """Name -> content of every file of a result but its marker."""
    found, made = subject.found, result.made
    prefix = derivatives.prefix_of(found)
    table = result.table.rename(columns={"label": "index"})
    table.insert(1, "name", [f"ROI {number}" for number in table["index"]])
    table.insert(2, "color", [COLOURS_OF_ROIS[(number - 1) % len(COLOURS_OF_ROIS)] for number in table["index"]])
    mask_told = {key: told[key] for key in ("Sources", "SpatialReference")} | {"Type": "ROI"}
    files = {
        f"{prefix}_desc-roi_dseg.nii.gz": made.labels_img,
        f"{prefix}_desc-roi_dseg.tsv": table,
        f"{prefix}_desc-roi_mask.nii.gz": made.intersected_img,
        f"{prefix}_desc-roi_mask.json": mask_told | {"Description": "Voxels that passed the test, before dilation."},
        f"{prefix}_desc-tested_mask.nii.gz": new_image(read_array(result.tested), result.tested, np.uint8),
        f"{prefix}_desc-tested_mask.json": mask_told | {"Description": "Voxels that were tested."},
        f"{prefix}_desc-roi_stat-t_statmap.nii.gz": made.t_img,
        f"{prefix}_desc-roi_stat-logp_statmap.nii.gz": made.log_p_img,
    }
    for run in subject.recordings:
        rows = made.signals[made.signals["run"] == run.number]
        rows = rows.drop(columns=["volume", "run"]).assign(left_out=np.where(run.kept, 0, 1))
        name = f"{derivatives.prefix_of(found, run.files)}_desc-roi_timeseries"
        files[f"{name}.tsv"] = rows
        files[f"{name}.json"] = {
            "Description": f"Mean of each region, smoothed by {told['Settings']['fwhm']:g} mm, not cleaned of confounds.",
            "SamplingFrequency": round(1 / run.t_r, 6), "StartTime": run.start,
            "Sources": [name for name in told["Sources"] if run.files.func.name in name],
            "condition": {"Description": f"What was shown {bids_files.DELAY:g} s before the volume; the test does not use it."},
            "left_out": {"Description": "1 where the volume was left out of the test."},
        }  # fmt: skip
    for name, img in files.items():
        if name.endswith(".nii.gz"):
            img.header.set_xyzt_units("mm", "sec")
    files[f"{prefix}_desc-roi_report.html"] = report.page(subject, result, told)
    return files


# ---- everybody ----


def absolute(path):
    """A path, or ATLAS:LABEL, as other processes with other working folders can use it; another name as it is."""
    atlas, colon, label = str(path).rpartition(":")
    for name, rest in ((str(path), ""), (atlas, colon + label)):
        if name and os.path.exists(os.path.expanduser(name)):
            return os.path.abspath(os.path.expanduser(name)) + rest
    return path


def everybody_in(source):
    """A `Bids` for each person and task of a dataset; of the task that `source` names alone."""
    changes = {"folder": absolute(source.folder), "mask": tuple(map(absolute, source.mask))}
    source = dataclasses.replace(source, **changes, derivatives=source.derivatives and absolute(source.derivatives))
    _, prepared = bids_files.dataset_folders(source.folder, source.derivatives)
    units = []
    for sub in bids_files.subjects_in(prepared):
        try:
            series = [entities for _, entities in bids_files.series_of(prepared, sub)]
            session = source.entities.get("ses")
            tasks = sorted({one.get("task") for one in series if session in (None, one.get("ses"))} - {None})
        except ValueError:  # said when the person is loaded
            tasks = [source.task]
        wanted = [task for task in tasks if source.task in (None, task)]
        units += [dataclasses.replace(source, sub=sub, task=task) for task in wanted or [source.task]]
    if not units:
        raise FileNotFoundError(f"{prepared} has no person with a series *_desc-preproc_bold.nii.gz.")
    return units


def extract_everybody(source, out, *, n_jobs=1, dask=None, **settings):
    """The result of every person and task of a dataset; what is there already, made with the same settings, is kept.

    Parameters
    ----------
    source : Bids
        Its `sub` is not looked at; its `task`, if there is one, is the only one.
    out : path
    n_jobs : int
        Processes on this machine.
    dask : str, optional
        Address of a Dask scheduler, whose workers see the same folders, in place of processes.
    settings
        As in `bids_settings`.

    Returns
    -------
    Everybody
        `out`; `group`, a table with a row per result; `failed`, from person and task to a sentence; `skipped`, how many results
        were there already.

    Notes
    -----
    group.tsv, rois.tsv and failed.tsv are written at the end, and after Ctrl-C; after a kill, by the next call.
    """
    settings, out = bids_settings(**settings), named_folder(out)
    units, failed, todo = {}, {}, []  # units: of each person and task what was found, and the fingerprint of its result
    for unit in everybody_in(source):
        try:
            found = bids_files.find(unit)
            units[str(unit)] = found, derivatives.fingerprint(found, _all_settings(unit, settings), unit.mask)
        except (ValueError, OSError) as error:
            failed[str(unit)] = " ".join(sentence(error).split())
            continue
        if not _is_there(out, *units[str(unit)]):
            todo.append(unit)
    if not units:
        raise ValueError(f"No person can be read. The first: {next(iter(failed.values()))}")
    derivatives.check_ours(out)
    check_writable(out)
    try:
        if todo:
            with _on_dask(dask):
                group = each_subject(partial(_one_of_all, out=out.absolute(), settings=settings), todo, n_jobs)
            failed |= {str(unit): text for unit, text in group.failed.items()}
    except BaseException as stop:
        group = getattr(stop, "group", None)
        failed |= {str(unit): text for unit, text in group.failed.items()} if group else {}
        if not isinstance(stop, RuntimeError) or group is None:
            raise
    finally:
        # Who was lost with a worker may have been finished before that could be told.
        failed = {who: why for who, why in failed.items() if who not in units or not _is_there(out, *units[who])}
        table = write_group(out, units, failed)
    return Everybody(out, table, failed, len(units) - len(todo))


def _is_there(out, found, fingerprint):
    return (derivatives.result_there(out, found) or {}).get("Fingerprint") == fingerprint


def _one_of_all(subject, out, settings):
    extract_subject(subject, out, settings)
    return True


@contextmanager
def _on_dask(address):
    """With the workers of a Dask scheduler, which stay when we go; without an address on this machine."""
    if not address:
        yield
        return
    from dask.distributed import Client
    from joblib import parallel_config

    try:
        client = Client(address, timeout=10, set_as_default=True)
    except (OSError, ValueError) as error:
        raise ConnectionError(f"No Dask scheduler answers at {address} ({type(error).__name__}); is it started, and the address right?") from None
    try:
        with parallel_config(backend="dask", wait_for_workers_timeout=PATIENCE):
            yield
    finally:
        client.close(timeout=5)


def write_group(out, units, failed):
    """Write group.tsv, rois.tsv and failed.tsv from the results that are there.

    Parameters
    ----------
    out : Path
    units : dict
        Person and task -> `Found`, and the fingerprint that its result must have.
    failed : dict
        Person and task -> a sentence.

    Returns
    -------
    DataFrame
        What stands in group.tsv.
    """
    rows, tables = [], []
    for found, fingerprint in units.values():
        told = derivatives.result_there(out, found) or {}
        if told.get("Fingerprint") != fingerprint:
            continue
        who = {"participant_id": f"sub-{found.entities['sub']}", "task": found.entities["task"]}
        counts = {key: value for key, value in told["Numbers"].items() if key not in ("runs_left_out", "temporal_snr", "split_halves")}
        snr, halves = told["Numbers"]["temporal_snr"], told["Numbers"]["split_halves"] or {}
        counts |= {"temporal_snr": round(float(np.mean(list(snr.values()))), 2), "split_half_dice": halves.get("dice", np.nan)}
        rows.append(who | counts | {"warnings": len(told["Warnings"])})
        table = pd.read_csv(derivatives.marker_of(out, found).with_suffix(".tsv"), sep="\t")
        for position, (key, value) in enumerate(who.items()):
            table.insert(position, key, value)
        tables.append(table)
    group = pd.DataFrame(rows)
    out.mkdir(parents=True, exist_ok=True)
    derivatives.replace_table(out / "group.tsv", group)
    derivatives.replace_table(out / "rois.tsv", pd.concat(tables) if tables else group)
    derivatives.replace_table(out / "failed.tsv", pd.DataFrame({"who": list(failed), "why": list(failed.values())}))
    return group

"""A small BIDS dataset with derivatives laid out as fMRIPrep's: the listening study of lesson 15, two people, runs of unequal length.

What is called preprocessing is what it says it is: the series in the scanner's space are resampled to MNI space by the
matrix that placed the head in the scanner, and the confounds are those of the simulated motion. No motion is corrected.
"""

import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage

from roilessons.datasets import events as study
from roilessons.files import draft_folder, publish

TASK, SPACE = "sounds", "MNI152NLin2009cAsym"
RUNS, LENGTHS = 3, (84, 80, 92)  # volumes of run 1, 2, 3, and again from run 4
MNI_SHAPE, MNI_AFFINE = (36, 20, 14), np.array([[4.0, 0, 0, -70], [0, 4, 0, -58], [0, 0, 4, -21], [0, 0, 0, 1]])
SPIKE = {"01": (2, (23, 24))}  # of this person, in this run the head moves at these volumes
SHIFTS = ((0, 0, 0), (3, -4, 2))  # mm: where the head of each person lies, beside the study's
MASK_MM = 14  # radius of the spheres of the atlas
AUTHORS = ["roilessons", "its simulator"]
GENERATOR = [{"Name": "roilessons", "Description": "Simulated; see the module roilessons.datasets.example_bids"}]
ATLAS = f"tpl-{SPACE}_atlas-auditory_dseg"
README = """\
# A simulated listening study

Made by roilessons: nobody was scanned. Two people heard blocks of speech, music and noise. `derivatives/fmriprep` is laid out as
fMRIPrep's output, but was made by resampling with the known position of the head. `derivatives/atlas` has two spheres about
auditory cortex. In run 2 of sub-01 the head moves once.
"""


def example_bids(folder, subjects=2, runs=RUNS):
    """Write a small BIDS dataset, always the same, with derivatives laid out as those of fMRIPrep.

    Parameters
    ----------
    folder : path
        A new or an empty folder.
    subjects : int
    runs : int
        Three are enough for the false discovery rate, eight for the family-wise error.

    Returns
    -------
    Path

    Raises
    ------
    FileExistsError
        If there is something in the folder.
    """
    folder = Path(os.path.expanduser(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with draft_folder(folder.parent) as drafts:
        made = drafts / "dataset"
        _write_dataset(made, [f"{number:02d}" for number in range(1, subjects + 1)], runs)
        publish(made, folder)
    return folder


def _write_dataset(folder, subjects, runs):
    derivatives = folder / "derivatives"
    _describe(folder, "A simulated listening study", "raw")
    _describe(derivatives / "fmriprep", "Laid out as fMRIPrep's output", "derivative", raw="../../")
    _describe(derivatives / "atlas", "Two spheres about auditory cortex", "derivative", raw="../../")
    # The validator knows no confounds yet; fMRIPrep has it pass over them in the same way.
    _text(derivatives / "fmriprep/.bidsignore", "*_timeseries.tsv\n*_timeseries.json\n")
    _table(folder / "participants.tsv", pd.DataFrame({"participant_id": [f"sub-{sub}" for sub in subjects]}))
    # For every run at once: by the inheritance of BIDS it applies to all files below.
    _json(folder / f"task-{TASK}_bold.json", {"RepetitionTime": study.T_R, "TaskName": TASK, "TaskDescription": "Listen."})
    _json(folder / f"task-{TASK}_events.json", {"trial_type": {"Description": "What was heard",
          "Levels": {"speech": "A voice", "music": "An instrument", "noise": "Neither"}}})  # fmt: skip
    _write_atlas(derivatives / "atlas")
    for number, sub in enumerate(subjects):
        to_scan = study.MNI_TO_SCAN.copy()
        to_scan[:3, 3] += SHIFTS[number % len(SHIFTS)]
        mean = study.mean_volume(to_scan)
        for run in range(1, runs + 1):
            _write_run(folder, derivatives / "fmriprep", sub, run, mean, to_scan, np.random.default_rng([13, number, run]))


def _describe(folder, name, kind, raw=None):
    folder.mkdir(parents=True)
    _text(folder / "README.md", README)
    described = {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": kind, "License": "CC0", "Authors": AUTHORS,
                 "GeneratedBy": GENERATOR}  # fmt: skip
    _json(folder / "dataset_description.json", described | ({"SourceDatasets": [{"URL": raw}]} if raw else {}))


def _write_atlas(folder):
    places = nib.affines.apply_affine(MNI_AFFINE, np.moveaxis(np.indices(MNI_SHAPE), 0, -1))
    labels = np.zeros(MNI_SHAPE, np.uint8)
    for number, centre in enumerate(study.AREAS.values(), start=1):
        labels[np.linalg.norm(places - centre, axis=-1) <= MASK_MM] = number
    folder = folder / f"tpl-{SPACE}"
    folder.mkdir()
    _save(labels, MNI_AFFINE, folder / f"{ATLAS}.nii.gz", "mni")
    _table(folder / f"{ATLAS}.tsv", pd.DataFrame({"index": [1, 2], "name": ["left auditory", "right auditory"]}))


def _write_run(raw, prepared, sub, run, mean, to_scan, rng):
    volumes = LENGTHS[(run - 1) % len(LENGTHS)]
    moved = SPIKE[sub][1] if sub in SPIKE and SPIKE[sub][0] == run else ()
    order = rng.permutation([*study.AREAS, "noise"]).tolist() + rng.permutation([*study.AREAS, "noise"]).tolist()
    events = pd.DataFrame({"onset": study.ONSETS, "duration": study.DURATION, "trial_type": order})
    motion = study.confounds(rng, moved, volumes)
    series = mean[..., None] * (1 + study.percent_change(rng, order, mean, to_scan, volumes) / 100)
    for volume in moved:
        series[:, :, ::2, volume] *= 1 - study.DARKER / 100
    series += rng.normal(0, 6, series.shape)
    series = np.round(np.abs(series)).astype(np.int16)

    name = f"sub-{sub}_task-{TASK}_run-{run}"
    func = raw / f"sub-{sub}/func"
    func.mkdir(parents=True, exist_ok=True)
    _save(series, study.AFFINE, func / f"{name}_bold.nii.gz", "scanner")
    _table(func / f"{name}_events.tsv", events)

    func = prepared / f"sub-{sub}/func"
    func.mkdir(parents=True, exist_ok=True)
    to_array = np.linalg.inv(study.AFFINE) @ to_scan @ MNI_AFFINE  # a voxel of the template's grid to one of the scan
    resampled = np.empty((*MNI_SHAPE, volumes), np.int16)
    for volume in range(volumes):
        one = series[..., volume].astype(np.float32)
        resampled[..., volume] = np.round(ndimage.affine_transform(one, to_array[:3, :3], to_array[:3, 3], MNI_SHAPE, order=1))
    brain = _brain() & (resampled.min(axis=3) > 0)
    source = [f"bids:raw:sub-{sub}/func/{name}_bold.nii.gz"]
    prefix = func / f"{name}_space-{SPACE}"
    _save(resampled, MNI_AFFINE, f"{prefix}_desc-preproc_bold.nii.gz", "mni")
    _json(f"{prefix}_desc-preproc_bold.json", {"RepetitionTime": study.T_R, "TaskName": TASK, "SkullStripped": False,
          "SliceTimingCorrected": False, "Sources": source})  # fmt: skip
    _save(brain.astype(np.uint8), MNI_AFFINE, f"{prefix}_desc-brain_mask.nii.gz", "mni")
    _json(f"{prefix}_desc-brain_mask.json", {"Type": "Brain", "Sources": source})
    _table(func / f"{name}_desc-confounds_timeseries.tsv", _confounds(motion, resampled[brain].astype(np.float64)), "%.5f")
    _json(func / f"{name}_desc-confounds_timeseries.json", {})


def _save(array, affine, path, space):
    img = nib.Nifti1Image(array, affine)
    img.set_sform(affine, code=space)
    img.set_qform(affine, code=space)
    img.header.set_zooms((study.VOXEL_MM,) * 3 + (study.T_R,) * (array.ndim - 3))
    img.header.set_xyzt_units("mm", "sec")
    nib.save(img, path)


def _brain():
    """The template's brain on the grid of the derivatives."""
    from nilearn.datasets import load_mni152_brain_mask

    template = load_mni152_brain_mask(resolution=2)
    to_array = np.linalg.inv(template.affine) @ MNI_AFFINE
    voxels = np.asarray(template.dataobj, np.float32)
    return ndimage.affine_transform(voxels, to_array[:3, :3], to_array[:3, 3], MNI_SHAPE, order=1) > 0.5


def _confounds(motion, brain):
    """The columns of fMRIPrep that we can make: 24 of motion, of the whole brain, DVARS, and slow cosines."""
    from nilearn.glm.first_level.design_matrix import create_cosine_drift

    displacement = motion.pop("framewise_displacement")
    derivatives = motion.diff().add_suffix("_derivative1")
    table = pd.concat([motion, derivatives], axis=1)
    table = pd.concat([table, np.square(table).add_suffix("_power2")], axis=1)
    table["framewise_displacement"] = displacement
    table["global_signal"] = brain.mean(axis=0)
    change = np.sqrt(np.mean(np.diff(brain, axis=1) ** 2, axis=0))
    table["dvars"] = np.insert(change, 0, np.nan)
    table["std_dvars"] = table["dvars"] / np.median(change)
    cosines = create_cosine_drift(1 / 128, study.T_R * np.arange(len(table)))[:, :-1]  # without the constant
    return table.join(pd.DataFrame(cosines, columns=[f"cosine{i:02d}" for i in range(cosines.shape[1])]))


def _table(path, table, digits=None):
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", float_format=digits, lineterminator="\n")


def _json(path, content):
    _text(path, json.dumps(content, indent=2) + "\n")


def _text(path, text):
    Path(path).write_text(text, encoding="utf-8", newline="\n")

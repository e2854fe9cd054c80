"""A small listening study, simulated: as a scanner leaves it, and as a BIDS dataset with derivatives laid out as fMRIPrep's.

What is called preprocessing in the derivatives is what it says it is: the series in the scanner's space are resampled to MNI
space by the matrix that placed the head in the scanner, and the confounds are those of the simulated motion. No motion is
corrected.
"""

import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage, signal

from roilessons.files import draft_folder, new_folder, publish

SHAPE, VOXEL_MM, VOLUMES, T_R = (36, 18, 12), 4.0, 84, 2.0  # volumes per run, seconds per volume
AFFINE = np.diag([VOXEL_MM] * 3 + [1])
AFFINE[:3, 3] = (-66, -47, -21)  # mm, of the first voxel: the left, hindmost, lowest corner
RUNS, DURATION = 8, 16.0  # seconds per block; the first begins at 10 s, one every 26 s
ONSETS = 10 + 26.0 * np.arange(6)
# The head is smaller than the MNI template's, a little turned (nodding, 10 degrees) and not in the middle of the scanner.
MNI_TO_SCAN = np.array([[0.93, 0, 0, 3], [0, 0.916, -0.161, 7], [0, 0.161, 0.916, -6], [0, 0, 0, 1]])
AREAS = {"speech": (-55, -20, 5), "music": (55, -20, 5)}  # MNI mm, auditory cortex; which condition is stronger there
RADIUS, SIGNAL, OTHERS = 10, 1.8, 0.4  # mm; % of the mean at the response's peak; of it for the other sounds
NOISE, DRIFT, LEVEL = 1.5, 0.6, 0.5  # % standard deviation: in grey matter, over half a run, of run means
AUTOCORRELATION = 0.35  # of noise, from one volume to the next
GREY = 900  # scanner units
MOVED = (3, (23, 24))  # run and volumes in which the head moves, in the middle of a block
DARKER = 6  # % that every second slice loses there

# ---- the BIDS dataset ----
TASK, SPACE = "sounds", "MNI152NLin2009cAsym"
BIDS_RUNS, LENGTHS = 3, (84, 80, 92)  # volumes of run 1, 2, 3, and again from run 4
MNI_SHAPE, MNI_AFFINE = (36, 20, 14), np.array([[4.0, 0, 0, -70], [0, 4, 0, -58], [0, 0, 4, -21], [0, 0, 0, 1]])
SPIKE = {"01": (2, (23, 24))}  # of this person, in this run the head moves at these volumes
SHIFTS = ((0, 0, 0), (3, -4, 2))  # mm: where the head of each person lies, beside the study's
MASK_MM = 14  # radius of the spheres of the atlas
AUTHORS = ["roilessons", "its simulator"]
GENERATOR = [{"Name": "roilessons", "Description": "Simulated; see the module roilessons.datasets.listening"}]
ATLAS = f"tpl-{SPACE}_atlas-auditory_dseg"
README = """\
# A simulated listening study

Made by roilessons: nobody was scanned. Two people heard blocks of speech, music and noise. `derivatives/fmriprep` is laid out as
fMRIPrep's output, but was made by resampling with the known position of the head. `derivatives/atlas` has two spheres about
auditory cortex. In run 2 of sub-01 the head moves once.
"""


def example_study(folder):
    """Write a small listening study, always the same.

    bold.nii.gz is a slab of a head with auditory cortex in it, 36 x 18 x 12 voxels of 4 mm, in the scanner's space. Every
    sound raises the signal there (Glover 1999), speech most on the left and music most on the right. The noise of a
    volume is like that of the volume before, runs drift and differ in level, and once the head moves. For each run there
    are run-N_events.tsv and run-N_confounds.tsv, the latter with the columns of fMRIPrep; mni_to_scan.txt is the 4 x 4
    matrix that takes MNI coordinates to places in the scan.

    Parameters
    ----------
    folder : path
        Made if need be.

    Returns
    -------
    Path

    Raises
    ------
    FileExistsError
        If there is another file of that name in the folder: all is kept, and nothing written.
    """
    folder = Path(os.path.expanduser(folder))
    folder.mkdir(parents=True, exist_ok=True)
    with draft_folder(folder) as drafts:
        _write_study(drafts)
        made = sorted(drafts.glob("[!.]*"))
        for draft in made:
            path = folder / draft.name
            if os.path.lexists(path) and not (path.is_file() and path.read_bytes() == draft.read_bytes()):
                raise FileExistsError(f"{path} is there already and is kept; name another folder for the study.")
        for draft in made:
            if not (folder / draft.name).exists():
                publish(draft, folder / draft.name)
    return folder


def _write_study(folder):
    mean, rng, parts = _mean_volume(MNI_TO_SCAN), np.random.default_rng(12), []
    for run in range(RUNS):
        events, confounds, series = _run(rng, mean, MOVED[1] if run == MOVED[0] else ())
        _table(folder / f"run-{run + 1}_events.tsv", events)
        _table(folder / f"run-{run + 1}_confounds.tsv", confounds, "%.4f")
        parts.append(series)
    img = nib.Nifti1Image(np.concatenate(parts, axis=3), AFFINE)
    img.header.set_zooms((VOXEL_MM,) * 3 + (T_R,))
    img.header.set_xyzt_units("mm", "sec")
    nib.save(img, folder / "bold.nii.gz")
    np.savetxt(folder / "mni_to_scan.txt", MNI_TO_SCAN, fmt="%.3f", newline="\n")


# ---- one run ----


def _mean_volume(mni_to_scan):
    """The template's T1 turned into the contrast of an EPI, where the head lies in the scanner: fluid bright, white matter dim."""
    from nilearn.datasets import load_mni152_template

    template = load_mni152_template(resolution=1)
    t1 = ndimage.uniform_filter(np.asarray(template.dataobj, dtype=np.float32), round(VOXEL_MM / mni_to_scan[0, 0]))
    to_template = np.linalg.inv(mni_to_scan @ template.affine) @ AFFINE
    t1 = ndimage.affine_transform(t1, to_template[:3, :3], to_template[:3, 3], SHAPE, order=1)
    return GREY * (1.8 - 1.15 * t1) * np.clip(t1 / 0.28, 0, 1)


def _run(rng, mean, moved, mni_to_scan=MNI_TO_SCAN, volumes=VOLUMES):
    """A run in which the head moves at the volumes `moved`: its events, its confounds and its series (int16)."""
    order = [sound for _ in range(2) for sound in rng.permutation([*AREAS, "noise"]).tolist()]
    events = pd.DataFrame({"onset": ONSETS, "duration": DURATION, "trial_type": order})
    motion = _motion(rng, moved, volumes)
    series = mean[..., None] * (1 + _percent_change(rng, order, mean, mni_to_scan, volumes) / 100)
    for volume in moved:
        series[:, :, ::2, volume] *= 1 - DARKER / 100  # slices are taken one after the other, the odd ones last
    series += rng.normal(0, 6, series.shape)  # the scanner's own noise, in air as well
    return events, motion, np.round(np.abs(series)).astype(np.int16)


def _percent_change(rng, order, mean, mni_to_scan, volumes):
    """What is measured in a run, in % of a voxel's mean: responses, noise (most in fluid, which pulsates), drift, level."""
    from nilearn.glm.first_level.hemodynamic_models import compute_regressor

    white = rng.normal(0, NOISE * np.sqrt(1 - AUTOCORRELATION**2), (*SHAPE, volumes))
    percent = signal.lfilter([1], [1, -AUTOCORRELATION], white) * np.square(mean / GREY)[..., None]
    percent += rng.normal(0, DRIFT, (*SHAPE, 1)) * np.linspace(-1, 1, volumes) + rng.normal(0, LEVEL)
    places = _places(SHAPE, AFFINE)
    for condition, centre in AREAS.items():
        heights = np.where(np.array(order) == condition, 1, OTHERS)
        blocks = np.array([ONSETS, np.full(len(ONSETS), DURATION), heights])
        response = compute_regressor(blocks, "glover", T_R * np.arange(volumes))[0][:, 0]
        near = np.linalg.norm(places - nib.affines.apply_affine(mni_to_scan, centre), axis=-1) <= RADIUS
        percent[near] += SIGNAL * response / response.max()
    return percent


def _places(shape, affine):
    """Where every voxel of a grid is, in mm: an array (x, y, z, 3)."""
    return nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))


def _motion(rng, moved, volumes):
    """Six motion parameters of a run (mm, radians) and their framewise displacement (mm; Power and others, 2012)."""
    motion = np.cumsum(rng.normal(0, [0.012] * 3 + [0.0002] * 3, (volumes, 6)), axis=0)
    for volume in moved:
        motion[volume:] += rng.choice([-1, 1], 6) * ([0.3, 0.4, 0.6] + [0.004] * 3)
    names = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    table = pd.DataFrame(motion, columns=names)
    table["framewise_displacement"] = (table.diff().abs() * ([1] * 3 + [50] * 3)).sum(axis=1, min_count=6)
    return table


# ---- as a BIDS dataset ----


def example_bids(folder, subjects=2, runs=BIDS_RUNS):
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
    with new_folder(folder) as draft:
        _write_dataset(draft, [f"{number:02d}" for number in range(1, subjects + 1)], runs)
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
    _json(folder / f"task-{TASK}_bold.json", {"RepetitionTime": T_R, "TaskName": TASK, "TaskDescription": "Listen."})
    _json(folder / f"task-{TASK}_events.json", {"trial_type": {"Description": "What was heard",
          "Levels": {"speech": "A voice", "music": "An instrument", "noise": "Neither"}}})  # fmt: skip
    _write_atlas(derivatives / "atlas")
    for number, sub in enumerate(subjects):
        to_scan = MNI_TO_SCAN.copy()
        to_scan[:3, 3] += SHIFTS[number % len(SHIFTS)]
        mean = _mean_volume(to_scan)
        for run in range(1, runs + 1):
            _write_run(folder, derivatives / "fmriprep", sub, run, mean, to_scan, np.random.default_rng([13, number, run]))


def _describe(folder, name, kind, raw=None):
    folder.mkdir(parents=True, exist_ok=True)
    _text(folder / "README.md", README)
    described = {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": kind, "License": "CC0", "Authors": AUTHORS,
                 "GeneratedBy": GENERATOR}  # fmt: skip
    _json(folder / "dataset_description.json", described | ({"SourceDatasets": [{"URL": raw}]} if raw else {}))


def _write_atlas(folder):
    places, labels = _places(MNI_SHAPE, MNI_AFFINE), np.zeros(MNI_SHAPE, np.uint8)
    for number, centre in enumerate(AREAS.values(), start=1):
        labels[np.linalg.norm(places - centre, axis=-1) <= MASK_MM] = number
    folder = folder / f"tpl-{SPACE}"
    folder.mkdir()
    _save(labels, MNI_AFFINE, folder / f"{ATLAS}.nii.gz", "mni")
    _table(folder / f"{ATLAS}.tsv", pd.DataFrame({"index": [1, 2], "name": ["left auditory", "right auditory"]}))


def _write_run(raw, prepared, sub, run, mean, to_scan, rng):
    volumes = LENGTHS[(run - 1) % len(LENGTHS)]
    moved = SPIKE[sub][1] if sub in SPIKE and SPIKE[sub][0] == run else ()
    events, motion, series = _run(rng, mean, moved, to_scan, volumes)
    name = f"sub-{sub}_task-{TASK}_run-{run}"
    func = raw / f"sub-{sub}/func"
    func.mkdir(parents=True, exist_ok=True)
    _save(series, AFFINE, func / f"{name}_bold.nii.gz", "scanner")
    _table(func / f"{name}_events.tsv", events)

    func = prepared / f"sub-{sub}/func"
    func.mkdir(parents=True, exist_ok=True)
    to_array = np.linalg.inv(AFFINE) @ to_scan @ MNI_AFFINE  # a voxel of the template's grid to one of the scan
    resampled = np.empty((*MNI_SHAPE, volumes), np.int16)
    for volume in range(volumes):
        one = series[..., volume].astype(np.float32)
        resampled[..., volume] = np.round(ndimage.affine_transform(one, to_array[:3, :3], to_array[:3, 3], MNI_SHAPE, order=1))
    brain = _brain() & (resampled.min(axis=3) > 0)
    source = [f"bids:raw:sub-{sub}/func/{name}_bold.nii.gz"]
    prefix = func / f"{name}_space-{SPACE}"
    _save(resampled, MNI_AFFINE, f"{prefix}_desc-preproc_bold.nii.gz", "mni")
    _json(f"{prefix}_desc-preproc_bold.json", {"RepetitionTime": T_R, "TaskName": TASK, "SkullStripped": False,
          "SliceTimingCorrected": False, "Sources": source})  # fmt: skip
    _save(brain.astype(np.uint8), MNI_AFFINE, f"{prefix}_desc-brain_mask.nii.gz", "mni")
    _json(f"{prefix}_desc-brain_mask.json", {"Type": "Brain", "Sources": source})
    _table(func / f"{name}_desc-confounds_timeseries.tsv", _confounds(motion, resampled[brain].astype(np.float64)), "%.5f")
    _json(func / f"{name}_desc-confounds_timeseries.json", {})


def _save(array, affine, path, space):
    img = nib.Nifti1Image(array, affine)
    img.set_sform(affine, code=space)
    img.set_qform(affine, code=space)
    img.header.set_zooms((VOXEL_MM,) * 3 + (T_R,) * (array.ndim - 3))
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
    cosines = create_cosine_drift(1 / 128, T_R * np.arange(len(table)))[:, :-1]  # without the constant
    return table.join(pd.DataFrame(cosines, columns=[f"cosine{i:02d}" for i in range(cosines.shape[1])]))


def _table(path, table, digits=None):
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", float_format=digits, lineterminator="\n")


def _json(path, content):
    _text(path, json.dumps(content, indent=2) + "\n")


def _text(path, text):
    Path(path).write_text(text, encoding="utf-8", newline="\n")

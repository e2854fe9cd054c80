"""From an events table, as BIDS has it, to the labels file that the course reads; and a small study to try it on."""

import csv
import io
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage, signal

from roilessons.files import draft_folder, publish, read_text
from roilessons.numbers import check_number

DELAY = 5.0  # seconds from an event to the peak of its BOLD response (Glover 1999, NeuroImage 9:416)
LONGEST = 1e9  # seconds that are believed
REST = "rest"
COLUMNS = ("onset", "duration", "trial_type")  # of a BIDS events file; times in seconds


def read_events(path):
    """A BIDS events file (tab-separated, with a header line) as a DataFrame of text, as it stands there: 01 stays 01.

    None stands for a value that is missing, n/a.

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is no such file, or it may not be read.
    ValueError
        If it is no such table.
    """
    text = read_text(path)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t", skipinitialspace=True, strict=True)
    try:
        header, *rows = [row for row in rows if any(row)]
    except ValueError:
        raise ValueError(f"{path} cannot be read as a table with tabs between its columns: it is empty.") from None
    except csv.Error as error:
        if "field larger" in str(error):
            raise ValueError(f"{path} cannot be read: a value is longer than {csv.field_size_limit():,} signs.") from None
        raise ValueError(f"{path} has a quotation mark without its partner, or in the middle of a value.") from None
    for number, row in enumerate([header, *rows]):
        where = f"{path}, event {number}" if number else f"{path}, header line"
        if any("\n" in value or "\r" in value for value in row):
            raise ValueError(f"{where}: a value goes over the end of its line; a quotation mark lacks its partner.")
        if any(row[len(header) :]):
            raise ValueError(f"{where}: there are {len(row)} values, but {len(header)} columns.")
    rows = [[None if value == "n/a" else value for value in row] for row in rows]
    rows = [(row + [None] * len(header))[: len(header)] for row in rows]
    return pd.DataFrame(rows, columns=header, dtype=object)


def labels_from_events(events, n_volumes, t_r, delay=DELAY, run=0):
    """The condition of every volume of one run, from the run's events.

    Volume v, from 0, is acquired at v * t_r seconds. It belongs to the trial that was on `delay` seconds earlier, that
    is from onset up to but not including onset + duration; else it is rest.

    Parameters
    ----------
    events : DataFrame or path
        Columns `onset` and `duration` in seconds from the run's first volume, and `trial_type`; others are ignored.
    n_volumes : int
    t_r : float
        Seconds from one volume to the next.
    delay : float
        Seconds from an event to the peak of its BOLD response.
    run : int
        Number of the run.

    Returns
    -------
    DataFrame
        One row per volume: `labels`, the condition, and `chunks`, the run.

    Raises
    ------
    ValueError
        If the table or a number is not as described, trials overlap, or a condition gets no volume.
    """
    name = "The events table"
    if isinstance(events, (str, Path)):
        name, events = str(events), read_events(events)
    n_volumes = check_number(n_volumes, "n_volumes", least=1, whole=True)
    t_r = check_number(t_r, "t_r, in seconds,", above=0)
    delay = check_number(delay, "delay, in seconds,")
    run = check_number(run, "run", least=0, whole=True)
    onsets, durations, conditions = _check_events(events, name)

    # Rounded to microseconds, or 0.1 * 3 would start after 0.3.
    times = np.round(t_r * np.arange(n_volumes), 6)
    first = np.searchsorted(times, np.round(onsets + delay, 6))
    last = np.searchsorted(times, np.round(onsets + durations + delay, 6))
    labels = np.full(n_volumes, REST, dtype=object)
    for begin, end, condition in zip(first, last, conditions, strict=True):
        labels[begin:end] = condition
    if (onsets + delay > times[-1]).all() or (onsets + durations + delay <= 0).all():
        raise ValueError(
            f"{name}: no event lies within the series, which lasts from 0 to {n_volumes * t_r:g} s: the first starts at "
            f"{onsets[0]:g} s and is seen {delay:g} s later; are the times in seconds, and of this run?"
        )
    lost = sorted(set(conditions) - set(labels))
    if lost:
        raise ValueError(
            f"{name}: no volume falls into a trial of {lost[0]!r}: its trials are over between two volumes, or lie outside "
            "the series; for brief events take a first-level model (lesson 10)."
        )
    return pd.DataFrame({"labels": labels.astype(str), "chunks": run})


def _check_events(events, name):
    """Onsets, durations (float arrays) and conditions (list of str), in order of time."""
    columns = list(getattr(events, "columns", ()))
    twice = [column for column in COLUMNS if columns.count(column) > 1]
    if twice:
        raise ValueError(f"{name} has the column {twice[0]} twice.")
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        there = list(map(str, columns))
        tabs = " (are there tabs between them?)" if len(there) == 1 else ""
        raise ValueError(
            f"{name} has no column {' and no '.join(missing)}; its columns are: {', '.join(there) or 'none'}{tabs}."
        )
    if not len(events):
        raise ValueError(f"{name} has no events.")
    times = {}
    for column in ("onset", "duration"):
        # By way of text, as in the file: True, a complex number or a Timedelta are no seconds.
        times[column] = pd.to_numeric(events[column].astype(str), errors="coerce").to_numpy(np.float64, na_value=np.nan)
        least = 0 if column == "duration" else -LONGEST  # an event may begin before the first volume
        bad = np.flatnonzero(~((times[column] >= least) & (times[column] <= LONGEST)))
        if len(bad):
            value = events[column].iloc[bad[0]]
            value = value if str(value).strip() else "empty"
            raise ValueError(
                f"{name}, event {bad[0] + 1}: the {column} must be seconds{', 0 or more' * (least == 0)}, not {value}."
            )
    conditions = ["" if pd.isna(condition) else str(condition) for condition in events["trial_type"]]
    _check_names(conditions, f"{name}, event", "trial_type")
    order = np.argsort(times["onset"], kind="stable")
    onsets, durations = times["onset"][order], times["duration"][order]
    ends = onsets + durations
    early = np.flatnonzero(np.round(ends[:-1] - onsets[1:], 6) > 0)
    if len(early):
        raise ValueError(
            f"{name}: the trial at {onsets[early[0] + 1]:g} s starts before the one before it is over (at "
            f"{ends[early[0]]:g} s), and a volume can have only one condition."
        )
    return onsets, durations, [conditions[i] for i in order]


def _check_names(conditions, where, what):
    for number, condition in enumerate(conditions, start=1):
        if len(condition.split()) != 1 or not condition.isprintable():
            raise ValueError(f"{where} {number}: the {what} must be one word without spaces, such as face, not {condition!r}.")


def write_labels(labels, path):
    """Write labels.txt: the line ``labels chunks``, then condition and run of every volume.

    Parameters
    ----------
    labels : DataFrame
        Columns `labels` and `chunks`, as from `labels_from_events`; several runs by `pandas.concat`.
    path : path

    Returns
    -------
    Path

    Raises
    ------
    FileExistsError
        If the file is there already; it is kept.
    FileNotFoundError
        If there is no such folder.
    ValueError
        If a column is missing, a condition is not one word, or a run not a whole number.
    """
    path = Path(os.path.expanduser(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder; make it first.")
    if not {"labels", "chunks"} <= set(getattr(labels, "columns", ())) or not len(labels):
        raise ValueError("The labels must be a table with columns labels and chunks and one row per volume.")
    conditions, runs = [str(condition) for condition in labels["labels"]], list(labels["chunks"])
    _check_names(conditions, "Volume", "condition")
    for run in runs:
        check_number(run, "A run in column chunks", least=0, whole=True)
    text = "".join(f"{condition} {run}\n" for condition, run in zip(conditions, runs, strict=True))
    with draft_folder(path.parent) as folder:
        draft = folder / path.name
        draft.write_text(f"labels chunks\n{text}", encoding="utf-8", newline="\n")
        publish(draft, path)
    return path


# ---- a small study, so that lesson 15 runs anywhere ----

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


def example_study(folder, runs=RUNS):
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
    runs : int

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
        _make_study(drafts, runs)
        made = sorted(drafts.glob("[!.]*"))
        for draft in made:
            path = folder / draft.name
            if os.path.lexists(path) and not (path.is_file() and path.read_bytes() == draft.read_bytes()):
                raise FileExistsError(f"{path} is there already and is kept; name another folder for the study.")
        for draft in made:
            if not (folder / draft.name).exists():
                publish(draft, folder / draft.name)
    return folder


def _make_study(folder, runs):
    mean, rng = mean_volume(), np.random.default_rng(12)
    parts = []
    for run in range(runs):
        order = rng.permutation(list(AREAS) + ["noise"]).tolist() + rng.permutation(list(AREAS) + ["noise"]).tolist()
        events = pd.DataFrame({"onset": ONSETS, "duration": DURATION, "trial_type": order})
        events.to_csv(folder / f"run-{run + 1}_events.tsv", sep="\t", index=False, lineterminator="\n")
        moved = MOVED[1] if run == MOVED[0] else ()
        confounds(rng, moved).to_csv(
            folder / f"run-{run + 1}_confounds.tsv",
            sep="\t",
            index=False,
            na_rep="n/a",
            float_format="%.4f",
            lineterminator="\n",
        )
        series = mean[..., None] * (1 + percent_change(rng, order, mean) / 100)
        for volume in moved:
            series[:, :, ::2, volume] *= 1 - DARKER / 100  # slices are taken one after the other, the odd ones last
        series += rng.normal(0, 6, series.shape)  # the scanner's own noise, in air as well
        parts.append(np.round(np.abs(series)).astype(np.int16))
    img = nib.Nifti1Image(np.concatenate(parts, axis=3), AFFINE)
    img.header.set_zooms((VOXEL_MM,) * 3 + (T_R,))
    img.header.set_xyzt_units("mm", "sec")
    nib.save(img, folder / "bold.nii.gz")
    np.savetxt(folder / "mni_to_scan.txt", MNI_TO_SCAN, fmt="%.3f", newline="\n")


def mean_volume(mni_to_scan=MNI_TO_SCAN):
    """The template's T1 turned into the contrast of an EPI, where the head lies in the scanner: fluid bright, white matter dim."""
    from nilearn.datasets import load_mni152_template

    template = load_mni152_template(resolution=1)
    t1 = ndimage.uniform_filter(np.asarray(template.dataobj, dtype=np.float32), round(VOXEL_MM / mni_to_scan[0, 0]))
    to_template = np.linalg.inv(mni_to_scan @ template.affine) @ AFFINE
    t1 = ndimage.affine_transform(t1, to_template[:3, :3], to_template[:3, 3], SHAPE, order=1)
    return GREY * (1.8 - 1.15 * t1) * np.clip(t1 / 0.28, 0, 1)


def percent_change(rng, order, mean, mni_to_scan=MNI_TO_SCAN, volumes=VOLUMES):
    """What is measured in a run, in % of a voxel's mean: responses, noise (most in fluid, which pulsates), drift, level."""
    from nilearn.glm.first_level.hemodynamic_models import compute_regressor

    white = rng.normal(0, NOISE * np.sqrt(1 - AUTOCORRELATION**2), (*SHAPE, volumes))
    percent = signal.lfilter([1], [1, -AUTOCORRELATION], white) * np.square(mean / GREY)[..., None]
    percent += rng.normal(0, DRIFT, (*SHAPE, 1)) * np.linspace(-1, 1, volumes) + rng.normal(0, LEVEL)
    places = nib.affines.apply_affine(AFFINE, np.moveaxis(np.indices(SHAPE), 0, -1))
    for condition, centre in AREAS.items():
        heights = np.where(np.array(order) == condition, 1, OTHERS)
        blocks = np.array([ONSETS, np.full(len(ONSETS), DURATION), heights])
        response = compute_regressor(blocks, "glover", T_R * np.arange(volumes))[0][:, 0]
        near = np.linalg.norm(places - nib.affines.apply_affine(mni_to_scan, centre), axis=-1) <= RADIUS
        percent[near] += SIGNAL * response / response.max()
    return percent


def confounds(rng, moved, volumes=VOLUMES):
    """Six motion parameters of a run (mm, radians) and their framewise displacement (mm; Power and others, 2012)."""
    motion = np.cumsum(rng.normal(0, [0.012] * 3 + [0.0002] * 3, (volumes, 6)), axis=0)
    for volume in moved:
        motion[volume:] += rng.choice([-1, 1], 6) * ([0.3, 0.4, 0.6] + [0.004] * 3)
    names = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    table = pd.DataFrame(motion, columns=names)
    table["framewise_displacement"] = (table.diff().abs() * ([1] * 3 + [50] * 3)).sum(axis=1, min_count=6)
    return table

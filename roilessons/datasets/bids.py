"""Find one person's runs in a BIDS dataset with derivatives laid out as fMRIPrep's, and read what belongs to them.

What nilearn has is used where it fits: `get_bids_files` finds the series, `load_confounds` knows fMRIPrep's columns. Its
`first_level_from_bids` does not fit: it fits models that hold whole series in memory, and stops at the first run that lacks
something, where we leave that run out and say so. Neither it nor `get_bids_files` knows the inheritance of BIDS, by which a
table of events or a repetition time may stand in a folder above: `inherited` does. pybids does, too, but builds a database
of the whole dataset first, and would bring twelve packages for what takes a few lines.
"""

import glob
import json
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from roilessons.datasets.events import COLUMNS, DELAY, LONGEST, REST, check_columns, read_events, times_in
from roilessons.files import read_text
from roilessons.numbers import check_number
from roilessons.volumes.reading import header_t_r, open_series

SOUND_LABEL = re.compile(r"[0-9A-Za-z+]+")
OF_THE_IMAGE = ("space", "cohort", "res", "den", "desc", "label", "hemi")  # entities that the raw recording has not
STRATEGIES = ("motion", "high_pass", "wm_csf", "global_signal", "compcor", "scrub")  # of nilearn's, those with fMRIPrep's columns
CONFOUNDS = ("motion=basic",)  # the six parameters: nilearn's own default, 24, leaves little of short runs
MOTION_LIMIT = 0.5  # mm, framewise displacement (Power and others, 2012, NeuroImage 59:2142)
DRIFT_ORDER = 2  # of the polynomial, as in lesson 10
EARLIEST = -24  # seconds; nilearn's models pass over events that begin before


@dataclass(frozen=True)
class Bids:
    """Which recordings of a BIDS dataset to take: what `load_subject` accepts in place of a folder.

    Attributes
    ----------
    folder : str or Path
        The raw dataset, with a folder of derivatives in it, or the derivatives themselves.
    sub : str
        "01" or "sub-01".
    task, ses, space : str, optional
        Needed where there are several. The space as fMRIPrep names it, with or without a resolution:
        "MNI152NLin2009cAsym:res-2"; "native" for that of the series. Without `ses`, all sessions are taken together.
    run : sequence of str
        Only these.
    mask : sequence of str
        The region that is tested: images, or ATLAS:LABEL (see `roilessons.datasets.masks`); all of them together. By
        default the brain.
    derivatives : str or Path, optional
        Folder of the prepared series, needed where `folder`/derivatives has several.
    confounds : sequence of str
        Names of nilearn's strategies, each with its setting or not: "motion=full", "high_pass", "compcor=anat_combined".
    motion_limit : float or None
        Volumes with a framewise displacement above it are left out, mm.
    """

    folder: str
    sub: str
    task: str | None = None
    ses: str | None = None
    space: str | None = None
    run: tuple = ()
    mask: tuple = ()
    derivatives: str | None = None
    confounds: tuple = CONFOUNDS
    motion_limit: float | None = MOTION_LIMIT

    def __post_init__(self):
        for name in ("run", "mask", "confounds"):
            value = getattr(self, name) or ()
            object.__setattr__(self, name, (value,) if isinstance(value, (str, Path)) else tuple(value))
        for name, value in self.entities.items():
            if not SOUND_LABEL.fullmatch(value):
                raise ValueError(f"--{name} must be a label of letters and digits, such as 01, not {value!r}.")
        if self.motion_limit is not None:
            check_number(self.motion_limit, "The motion limit", "number of mm", above=0)
        confound_settings(self.confounds)

    @property
    def entities(self):
        """The entities that are given: sub, ses and task."""
        given = {name: getattr(self, name) for name in ("sub", "ses", "task")}
        return {name: str(value).removeprefix(f"{name}-") for name, value in given.items() if value is not None}

    @property
    def has_cosines(self):
        """Whether the confounds model the drift, by fMRIPrep's cosines."""
        return any(name.partition("=")[0] == "high_pass" for name in self.confounds)

    def __str__(self):
        return "_".join(f"{name}-{value}" for name, value in self.entities.items())


@dataclass(frozen=True)
class RunFiles:
    """Where the files of one run are; None for those that are not there."""

    name: str  # such as "ses-1 run-2"
    entities: dict
    func: Path
    brain_mask: Path | None
    events: Path | None
    confounds: Path | None
    sidecar: dict  # what the sidecars say of the series, those in folders above included


@dataclass(frozen=True)
class Found:
    """What `find` found."""

    raw: Path
    prepared: Path
    entities: dict  # sub and task, and ses where all runs have the same one
    space: str
    runs: tuple  # of RunFiles
    notes: tuple  # of str: what was not found, and what was passed over


# ---- names and sidecars ----


def entities_of(path):
    """Entities of a BIDS file name, such as {"sub": "01", "run": "1"}; None if it is no such name."""
    *parts, last = Path(path).name.split("_")
    pairs = [part.partition("-") for part in parts]
    if not pairs or not all(key and dash and value for key, dash, value in pairs) or "." not in last:
        return None
    return {key: value for key, _, value in pairs}


def read_json(path):
    """The content of a JSON file that holds an object; ValueError if it does not."""
    try:
        content = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f"{path} is not a JSON file: correct it, or get it again.") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not hold a JSON object with keys and values.")
    return content


def inherited(folder, root, entities, ending):
    """Files that apply to a recording by BIDS's inheritance, the most general first.

    Those of the given ending, in `folder` or any folder above it up to `root`, that name no entity but the recording's; none
    without `folder`.

    Parameters
    ----------
    folder, root : Path
    entities : dict
        Of the recording.
    ending : str
        Such as "events.tsv".

    Returns
    -------
    list of Path
    """
    found = []
    for level in [level for level in (*folder.parents[::-1], folder) if level.is_relative_to(root) and folder.is_dir()]:
        here = []
        for path in map(Path, glob.glob(f"{glob.escape(str(level))}/*{ending}")):
            own = {} if path.name == ending else entities_of(path) if path.name.endswith(f"_{ending}") else None
            if own is not None and _numbered(own).items() <= _numbered(entities).items():
                here.append((len(own), own.items() <= entities.items(), path))
        found += [path for *_, path in sorted(here)]
    return found


def _numbered(entities):
    """Entities with the run without leading zeros, which some versions of fMRIPrep drop."""
    return entities | {key: _number(value) for key, value in entities.items() if key == "run"}


# ---- the dataset ----


def find(bids):
    """Find the files of one person's runs of one task.

    Parameters
    ----------
    bids : Bids

    Returns
    -------
    Found

    Raises
    ------
    FileNotFoundError
        If there is no such dataset, person or series.
    ValueError
        If what is asked for is not one task and one space, or a file cannot be read.
    """
    raw, prepared = dataset_folders(bids.folder, bids.derivatives)
    wanted = bids.entities
    subs = subjects_in(prepared)
    if wanted["sub"] not in subs:
        raise FileNotFoundError(f"{prepared} has no sub-{wanted['sub']}; it has {_listed('sub', subs)}.")
    series = [(path, entities) for path, entities in series_of(prepared, wanted["sub"]) if wanted.items() <= entities.items()]
    asked = ", ".join(f"{key}-{value}" for key, value in wanted.items())
    if not series:
        raise FileNotFoundError(f"{prepared} has no series *_desc-preproc_bold.nii.gz of {asked}.")
    n_all, series = len(series), [(path, entities) for path, entities in series if "echo" not in entities]
    if not series:
        raise ValueError(f"{prepared}: the series of {asked} are single echoes; combine them first, as tedana or fMRIPrep do.")
    notes = [f"Not taken: {n_all - len(series)} series of single echoes."] if n_all > len(series) else []
    task = _only_one(series, "task", lambda entities: entities.get("task", "none"), None)
    space = _only_one(series, "space", space_of, bids.space and bids.space.removeprefix("space-"))
    series = [(path, entities) for path, entities in series if space_of(entities) == space]
    names = [_run_name(entities) for _, entities in series]
    # Reconstructions of one recording are not independent: they would count as runs of their own.
    recorded = [_run_name({key: value for key, value in entities.items() if key not in ("rec", "part")}) for _, entities in series]
    if bids.run:
        asked, numbers = {_number(run) for run in bids.run}, [_number(entities.get("run", "")) for _, entities in series]
        if missing := sorted(asked - {*numbers}):
            raise FileNotFoundError(f"{prepared} has no run {', '.join(missing)} of task {task}; it has {', '.join(names)}.")
        series = [one for one, number in zip(series, numbers, strict=True) if number in asked]
    twice = next((name for name in recorded if recorded.count(name) > 1), None)
    if twice:
        raise ValueError(f"{prepared} has two series of {twice}, task {task}, in the space {space}: set one aside.")
    series.sort(key=lambda one: _sort_key(one[1]))
    notes += [f"Not taken: {len(names) - len(series)} other runs."] if len(names) > len(series) else []
    runs = tuple(_run_files(path, entities, raw, prepared, notes) for path, entities in series)
    sessions = {run.entities.get("ses") for run in runs}
    common = {"sub": wanted["sub"]} | ({"ses": min(sessions)} if len(sessions) == 1 and None not in sessions else {})
    return Found(raw, prepared, common | {"task": task}, space, runs, tuple(notes))


def dataset_folders(folder, derivatives=None):
    """The raw dataset and the folder of prepared series in it.

    Raises
    ------
    FileNotFoundError, ValueError
        With what is missing.
    """
    folder = Path(os.path.expanduser(folder))
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; --bids names the folder of a BIDS dataset.")
    description = folder / "dataset_description.json"
    if not description.is_file():
        raise FileNotFoundError(
            f"{folder} is no BIDS dataset: it has no dataset_description.json. (For a folder with bold.nii.gz, labels.txt and "
            "mask4_vt.nii.gz leave --bids out.)"
        )
    described = read_json(description)
    if "BIDSVersion" not in described:
        raise ValueError(f"{description} does not say which version of BIDS the dataset follows (BIDSVersion).")
    if described.get("DatasetType") == "derivative":
        above = [path for path in folder.absolute().parents if (path / "dataset_description.json").is_file()]
        return (above[0] if above else folder), folder
    if derivatives:
        prepared = Path(os.path.expanduser(derivatives))
        prepared = prepared if prepared.is_dir() else folder / "derivatives" / derivatives
        if not prepared.is_dir():
            raise FileNotFoundError(f"{derivatives} is no folder, and no folder in {folder / 'derivatives'}.")
        return folder, prepared
    inside = glob.escape(str(folder / "derivatives"))
    series = glob.glob(f"{inside}/*/sub-*/func/*_desc-preproc_bold.nii*") + glob.glob(f"{inside}/*/sub-*/ses-*/func/*_desc-preproc_bold.nii*")
    several = sorted({path.relative_to(folder / "derivatives").parts[0] for path in map(Path, series)})
    if not several:
        raise FileNotFoundError(
            f"{folder / 'derivatives'} has no prepared series (sub-*/func/*_desc-preproc_bold.nii.gz): run fMRIPrep first, or name the "
            "folder of its output with --derivatives."
        )
    if len(several) > 1:
        raise ValueError(f"{folder / 'derivatives'} has several folders of prepared series, {', '.join(several)}: name one with --derivatives.")
    return folder, folder / "derivatives" / several[0]


def subjects_in(prepared):
    """Labels of the people whose series are there, sorted."""
    return sorted(path.name[4:] for path in prepared.glob("sub-*") if path.is_dir() and SOUND_LABEL.fullmatch(path.name[4:]))


def series_of(prepared, sub):
    """The prepared series of one person: path and entities of each."""
    from nilearn.interfaces.bids import get_bids_files

    try:
        paths = get_bids_files(
            glob.escape(str(prepared)), file_tag="desc-preproc_bold", file_type="nii*", sub_label=sub, modality_folder="func"
        )
    except ValueError as error:
        raise ValueError(f"{prepared / f'sub-{sub}'} has a file whose name is not one of BIDS ({error}).") from None
    found = [(Path(path), entities_of(path)) for path in paths if path.endswith((".nii", ".nii.gz"))]
    bad = [path for path, entities in found if entities is None or entities.get("sub") != sub]
    if bad:
        raise ValueError(f"{bad[0]} is not named as BIDS asks: sub-{sub}_task-NAME_..._desc-preproc_bold.nii.gz.")
    return found


def space_of(entities):
    """The space of a series as fMRIPrep's --output-spaces names it."""
    return entities.get("space", "native") + "".join(f":{key}-{entities[key]}" for key in ("cohort", "res") if key in entities)


def _only_one(series, what, of, asked):
    there = sorted({of(entities) for _, entities in series})
    chosen = [one for one in there if asked in (None, one, one.partition(":")[0])]
    if not chosen:
        raise FileNotFoundError(f"{series[0][0].parent} has no series in the {what} {asked}; there are {', '.join(there)}.")
    if len(chosen) > 1:
        raise ValueError(f"{series[0][0].parent} has series of several {what}s, {', '.join(chosen)}: name one with --{what}.")
    return chosen[0]


def _listed(key, labels):
    shown = ", ".join(f"{key}-{label}" for label in labels[:8]) or "none"
    return shown + (f" and {len(labels) - 8} more" if len(labels) > 8 else "")


def _number(label):
    """A run's label without leading zeros: run 01 and run 1 are one run."""
    label = str(label).removeprefix("run-")
    return label.lstrip("0") or "0"


def _run_name(entities):
    """What tells a run from the others of its person and task, such as "ses-1 run-2"."""
    own = [f"{key}-{value}" for key, value in entities.items() if key not in ("sub", "task", *OF_THE_IMAGE)]
    return " ".join(own) or "the only run"


def _sort_key(entities):
    order = {key: value for key, value in entities.items() if key not in ("run", *OF_THE_IMAGE)}
    return sorted(order.items()), int(re.sub(r"\D", "", entities.get("run", "")) or 0), entities.get("run", "")


def _run_files(func, entities, raw, prepared, notes):
    name = _run_name(entities)
    if not func.is_file():
        raise FileNotFoundError(f"{func} is a link to a file that is not there; get the file first, as with `datalad get`.")
    recording = {key: value for key, value in entities.items() if key not in OF_THE_IMAGE}
    prefix, ending = func.name.split("_desc-preproc_bold")
    stem = "_".join(f"{key}-{value}" for key, value in recording.items())
    brain_mask = _there(func, f"{prefix}_desc-brain_mask{ending}")
    confounds = _there(func, f"{stem}_desc-confounds_timeseries.tsv", f"{stem}_desc-confounds_regressors.tsv")
    notes += [f"{name} has no {what}." for path, what in ((brain_mask, "brain mask"), (confounds, "confounds")) if path is None]
    raw_func, sidecar = raw / func.parent.relative_to(prepared), {}
    events = inherited(raw_func, raw, recording, "events.tsv")
    for path in inherited(raw_func, raw, recording, "bold.json") + inherited(func.parent, prepared, entities, "bold.json"):
        sidecar |= read_json(path)
    return RunFiles(name, entities, func, brain_mask, events[-1] if events else None, confounds, sidecar)


def _there(func, *names):
    """The first of these files beside a series, or None."""
    return next((func.with_name(name) for name in names if func.with_name(name).is_file()), None)


# ---- what is in the files of a run ----


@dataclass(frozen=True)
class Recording:
    """One run: its files and what is in them."""

    files: RunFiles
    number: int  # in the labels
    n_volumes: int
    t_r: float  # seconds
    start: float  # seconds from the run's first onset to the time that the first volume stands for
    events: pd.DataFrame  # onset, duration, trial_type; empty where there are none
    confounds: pd.DataFrame | None  # one row per volume
    kept: np.ndarray  # bool, one per volume
    displacement: np.ndarray | None  # mm, framewise
    notes: tuple  # of str


def read_recording(files, number, bids):
    """Read what belongs to a run; its series is not read, but for the header.

    Parameters
    ----------
    files : RunFiles
    number : int
    bids : Bids

    Returns
    -------
    Recording

    Raises
    ------
    ValueError
        With what is wrong in which file.
    """
    series = open_series(files.func)
    n_volumes, notes = series.n_volumes, []
    if "VolumeTiming" in files.sidecar:
        raise ValueError(f"A sidecar of {files.func} has VolumeTiming: volumes that do not follow each other at equal times cannot be modelled here.")
    t_r = _seconds(files, "RepetitionTime", above=0)
    in_header = header_t_r(series)
    if t_r is None:
        if in_header is None:
            raise ValueError(f"{files.func} has no repetition time: neither a sidecar (RepetitionTime) nor its header says it.")
        t_r = in_header
        notes.append(f"{files.name}: no sidecar says the repetition time; the header says {t_r:g} s.")
    elif in_header is not None and abs(in_header - t_r) > 0.01 * t_r:
        raise ValueError(f"{files.func}: the sidecar says that a volume takes {t_r:g} s, the header says {in_header:g} s; correct one of them.")
    start = _seconds(files, "StartTime") or 0.0
    events = read_run_events(files, n_volumes * t_r, notes)
    confounds, kept, displacement = read_confounds(files, n_volumes, bids, notes)
    return Recording(files, number, n_volumes, t_r, start, events, confounds, kept, displacement, tuple(notes))


def _seconds(files, key, above=-LONGEST):
    value = files.sidecar.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not above < value < LONGEST:
        raise ValueError(f"A sidecar of {files.func} says {key}: {value!r}, which is no number of seconds.")
    return float(value)


def read_run_events(files, seconds, notes):
    """Events of a run in order of time; what is unusual but can be used is noted.

    Overlapping events and brief ones are no fault here: the model adds up their responses.
    """
    none = pd.DataFrame({"onset": [], "duration": [], "trial_type": []})
    if files.events is None:
        notes.append(f"{files.name} has no events file (*_events.tsv), so it counts for nothing.")
        return none
    path, table = files.events, read_events(files.events)
    check_columns(table, path)
    table = table[list(COLUMNS)]
    without = table["trial_type"].isna()
    if without.any():
        notes.append(f"{files.name}: {without.sum()} events without a trial_type are passed over.")
        table = table[~without]
    table = table.assign(**{column: times_in(table, column, path) for column in ("onset", "duration")})
    bad = [name for name in table["trial_type"] if not name.strip() or not name.isprintable()]
    if bad:
        raise ValueError(f"{path}: a trial_type is empty or has signs that cannot be seen: {bad[0]!r}.")
    if not len(table):
        notes.append(f"{files.name} has no events in {path.name}, so it counts for nothing.")
        return none
    table = table.sort_values("onset", kind="stable", ignore_index=True)
    ends = table["onset"] + table["duration"]
    if (table["onset"] >= seconds).all() or (ends < EARLIEST).all():
        raise ValueError(
            f"{path}: no event lies within the run, which lasts {seconds:g} s: the first begins at {table['onset'].iloc[0]:g} s; are the "
            "times in seconds, and of this run?"
        )
    for here, what in (
        (table["onset"] < 0, "begin before the first volume; the model counts what of their response is seen"),
        (table["onset"] < EARLIEST, f"begin more than {-EARLIEST} s before the first volume and are passed over"),
        (table["onset"] >= seconds, "begin after the last volume"),
        ((ends.shift() - table["onset"]).round(6) > 0, "begin before the one before is over; the model adds up their responses"),
    ):
        if here.any():
            notes.append(f"{files.name}: {here.sum()} of {len(table)} events {what}.")
    return table


def conditions_of_volumes(recording):
    """What was shown 5 s before each volume (the delay of a blood response), for tables and pictures; where events overlap, the later one."""
    times = np.round(recording.start + recording.t_r * np.arange(recording.n_volumes) - DELAY, 6)
    labels = np.full(recording.n_volumes, REST, dtype=object)
    for event in recording.events.itertuples():
        labels[(times >= round(event.onset, 6)) & (times < round(event.onset + event.duration, 6))] = event.trial_type
    return labels


def model_of(recording, cosines):
    """Design matrix of a run, by nilearn: a column per condition (Glover's response), drift, confounds; None without events.

    Parameters
    ----------
    recording : Recording
    cosines : bool
        Whether the confounds model the drift (fMRIPrep's cosines); else a polynomial of degree 2 does, as in lesson 10.

    Returns
    -------
    DataFrame
        One row per volume; `attrs["conditions"]` has the names of the conditions' columns, as in the events.
    """
    from nilearn.glm.first_level import make_first_level_design_matrix

    if not len(recording.events):
        return None
    names = sorted(set(recording.events["trial_type"]))
    numbered = {name: f"condition_{number}" for number, name in enumerate(names)}  # nilearn asks for names without spaces
    events = recording.events.assign(trial_type=recording.events["trial_type"].map(numbered))
    confounds = recording.confounds if recording.confounds is None or recording.confounds.shape[1] else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of events without a duration, twice the same, too early: what matters is in the notes
        model = make_first_level_design_matrix(
            recording.start + recording.t_r * np.arange(recording.n_volumes), events, hrf_model="glover",
            drift_model=None if cosines else "polynomial", drift_order=DRIFT_ORDER,
            add_regs=None if confounds is None else confounds.to_numpy(),
            add_reg_names=None if confounds is None else [f"confound_{name}" for name in confounds.columns],
        )  # fmt: skip
    model = model.rename(columns={column: name for name, column in numbered.items()})
    model.attrs["conditions"] = names
    return model


# ---- confounds ----


def confound_settings(strategies):
    """Keyword arguments of nilearn's `load_confounds` for names such as "motion=full"; ValueError for what it does not know."""
    settings = {"strategy": []}
    for text in strategies:
        name, _, value = str(text).partition("=")
        if name not in STRATEGIES:
            raise ValueError(f"There is no confound strategy {name!r}; there are {', '.join(STRATEGIES)}.")
        if name in settings["strategy"]:
            raise ValueError(f"The confound strategy {name} is named twice.")
        settings["strategy"].append(name)
        if value and name == "high_pass":
            raise ValueError("The confound strategy high_pass has no setting.")
        if value:
            if name == "scrub" and not value.isdecimal():
                raise ValueError(f"scrub={value}: the shortest stretch of volumes that is kept is a whole number, such as scrub=5.")
            settings[name] = int(value) if name == "scrub" else value
    return settings


def read_confounds(files, n_volumes, bids, notes):
    """Confounds, which volumes are kept, and the framewise displacement."""
    from nilearn.interfaces.fmriprep import load_confounds

    kept, path = np.ones(n_volumes, bool), files.confounds
    if path is None:
        if bids.confounds:
            raise ValueError(f"{files.func} has no table of confounds (*_desc-confounds_timeseries.tsv); without any: --confounds none.")
        if bids.motion_limit is not None:
            notes.append(f"{files.name}: without confounds, no volume can be left out for motion.")
        return None, kept, None
    try:
        table = pd.read_csv(path, sep="\t", na_values="n/a")
    except (ValueError, pd.errors.ParserError, UnicodeDecodeError):
        raise ValueError(f"{path} cannot be read as a table with tabs between its columns.") from None
    if len(table) != n_volumes:
        raise ValueError(f"{path} has {len(table)} rows, but {files.func.name} has {n_volumes} volumes.")
    displacement = None
    if "framewise_displacement" in table:
        displacement = pd.to_numeric(table["framewise_displacement"], errors="coerce").to_numpy(np.float64)
        finite = np.isfinite(displacement[1:])
        if not finite.all():
            raise ValueError(f"{path}: the framewise_displacement of volume {2 + finite.argmin()} is no number.")
        if bids.motion_limit is not None:
            kept &= ~(displacement > bids.motion_limit)  # of the first volume it is not known
    elif bids.motion_limit is not None:
        raise ValueError(f"{path} has no column framewise_displacement; to leave no volume out: --motion-limit none.")
    settings = confound_settings(bids.confounds)
    if bids.motion_limit is not None:
        settings["fd_threshold"] = bids.motion_limit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            confounds, sample = load_confounds(str(files.func), **settings)
        except Exception as error:  # of many kinds, each with text of several lines
            raise ValueError(f"{path}: {' '.join(str(error).split())[:200]}") from None
    if sample is not None:
        kept &= np.isin(np.arange(n_volumes), sample)
    finite = [] if confounds is None else np.isfinite(confounds.to_numpy(np.float64)).all(axis=0)
    if not np.all(finite):
        raise ValueError(f"{path}: the column {confounds.columns[~finite][0]} has values that are no numbers.")
    return confounds, kept, displacement

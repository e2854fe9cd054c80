"""From an events table, as BIDS has it, to the labels file that the course reads."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd

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


def check_columns(events, name):
    """ValueError unless a table has each of `COLUMNS` once."""
    columns = list(getattr(events, "columns", ()))
    twice = [column for column in COLUMNS if columns.count(column) > 1]
    if twice:
        raise ValueError(f"{name} has the column {twice[0]} twice.")
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        tabs = " (are there tabs between them?)" if len(columns) == 1 else ""
        raise ValueError(
            f"{name} has no column {' and no '.join(missing)}; its columns are: {', '.join(map(str, columns)) or 'none'}{tabs}."
        )


def times_in(events, column, name):
    """The column "onset" or "duration" of a table as floats; ValueError for what is no number of seconds."""
    # By way of text, as in the file: True, a complex number or a Timedelta are no seconds.
    times = pd.to_numeric(events[column].astype(str), errors="coerce").to_numpy(np.float64, na_value=np.nan)
    least = 0 if column == "duration" else -LONGEST  # an event may begin before the first volume
    bad = np.flatnonzero(~((times >= least) & (times <= LONGEST)))
    if len(bad):
        value = events[column].iloc[bad[0]]
        value = "n/a" if value is None else value if str(value).strip() else "empty"
        number = events.index[bad[0]] + 1
        raise ValueError(f"{name}, event {number}: the {column} must be seconds{', 0 or more' * (least == 0)}, not {value}.")
    return times


def _check_events(events, name):
    """Onsets, durations (float arrays) and conditions (list of str), in order of time."""
    check_columns(events, name)
    if not len(events):
        raise ValueError(f"{name} has no events.")
    events = events.reset_index(drop=True)
    onsets, durations = (times_in(events, column, name) for column in ("onset", "duration"))
    conditions = ["" if pd.isna(condition) else str(condition) for condition in events["trial_type"]]
    _check_names(conditions, f"{name}, event", "trial_type")
    order = np.argsort(onsets, kind="stable")
    onsets, durations = onsets[order], durations[order]
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

"""What a learner's checks came to, in a file of her own: written when she asks for it, and sent nowhere.

The file is JSON: for each exercise whether it was right in the end, and the code of each try. It is read as data from somebody
else's hands: limited in size, every value checked, nothing of it used as a path or run.
"""

import json
import os
import re
import stat
from pathlib import Path

from roilessons.files import draft_folder, publish

KIND = "roilessons results"
LARGEST = 1_000_000  # bytes; those of a whole course have some 20,000
MOST_TRIES = 1000
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)
CODE = re.compile(r"right|nearly|other|unreadable|mistake [1-9][0-9]?", re.ASCII)

_saved = {}  # how many tries of each exercise a file has of this session: {path: {name: number}}


def read(path):
    """The exercises in a file of results: {name: {"right": bool, "tries": [code, ...]}}.

    Raises
    ------
    ValueError
        If it is no such file, or a damaged one. Nothing of its text is in the message.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    if path.is_symlink():
        raise ValueError("it is a link")
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe never ends
            raise ValueError("it is no file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=_refuse, parse_float=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("it is damaged, or no file of results") from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise ValueError("it is no file of results")
    if found.keys() != {"kind", "version", "exercises"} or found["version"] != 1 or isinstance(found["version"], bool):
        raise ValueError("it is damaged, or of another version of roilessons")
    exercises = found["exercises"]
    if not isinstance(exercises, dict) or not all(NAME.fullmatch(name) and _is_one(one) for name, one in exercises.items()):
        raise ValueError("it is damaged")
    return exercises


def _refuse(_):
    raise ValueError("no such numbers are in a file of results")


def _is_one(one):
    """Whether this is what is kept of an exercise."""
    return (
        isinstance(one, dict)
        and one.keys() == {"right", "tries"}
        and isinstance(one["right"], bool)
        and isinstance(one["tries"], list)
        and 0 < len(one["tries"]) <= MOST_TRIES
        and all(isinstance(code, str) and CODE.fullmatch(code) for code in one["tries"])
        and one["right"] == ("right" in one["tries"])
    )


def save(checks, path):
    """Write the tries of this session into a file, after those that it has from earlier ones.

    Parameters
    ----------
    checks : dict
        `Check` by name.
    path : path
        A new file, or one that was made by this function.

    Returns
    -------
    dict
        What the file has now, as `read` gives it.

    Raises
    ------
    FileExistsError
        If the file is another one, or damaged. It is kept.
    OSError
        If the file cannot be written.
    """
    path = Path(path)
    key = str(path.absolute())
    there = os.path.lexists(path)
    try:
        exercises = read(path) if there else {}
    except (ValueError, OSError) as error:
        reason = f"{error}" if isinstance(error, ValueError) else f"it cannot be read ({error.strerror})"
        raise FileExistsError(f"{path} is kept as it is, because {reason}: give another name, such as my_results_2.json.") from None
    before = _saved.get(key, {}) if there else {}
    for name, check in checks.items():
        if new := check.tries[before.get(name, 0) :]:
            tries = (exercises.get(name, {"tries": []})["tries"] + new)[:MOST_TRIES]
            right = "right" in tries
            exercises[name] = {"right": right, "tries": tries}
    text = json.dumps({"kind": KIND, "version": 1, "exercises": exercises}, indent=1) + "\n"
    with draft_folder(path.absolute().parent) as drafts:
        draft = drafts / "results"
        draft.write_text(text, encoding="utf-8", newline="\n")
        if there:
            os.replace(draft, path)
        else:
            publish(draft, path)
    _saved[key] = {name: len(check.tries) for name, check in checks.items()}
    return exercises

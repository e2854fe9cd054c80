"""``roilessons lab``: lessons, subject and JupyterLab, ready to start."""

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

from roilessons.files import draft_folder, publish

PACKAGE = Path(__file__).resolve().parents[1]
FIRST_LESSON = "00_start_here.ipynb"
RECORD = ".roilessons"

# Nothing leaves the machine: no news, no look for updates, no list of extensions.
QUIET = {
    "LabApp.news_url": "None",
    "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    "LabApp.extension_manager": "readonly",
}


def lessons_folder(package=PACKAGE, current=None):
    """The folder to open: a checkout's notebooks, or copies of the lessons in a wheel.

    Copies go to the `current` folder when it is empty or has the lessons already, so
    that lessons do not mix with other files; else to ``roilessons-lessons`` in it.
    """
    package = Path(package)
    current = Path.cwd() if current is None else Path(current)
    if (package.parent / "pyproject.toml").is_file():
        return package.parent / "notebooks"
    visible = [path for path in current.iterdir() if not path.name.startswith(".")]
    own = not visible or (current / FIRST_LESSON).exists()
    folder = current if own else current / "roilessons-lessons"
    try:
        newer = copy_lessons(package / "lessons", folder)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"The lessons cannot be copied to {folder} ({reason}): start in a folder of your own.") from error
    print(f"The lessons are in {folder}.")
    if newer:
        print(
            f"This roilessons has newer versions of: {', '.join(newer)}. Your files were kept; "
            "rename one and start again to get the new one beside it."
        )
    return folder


def copy_lessons(source, folder):
    """Copy the lessons into `folder`, never over a file that exists.

    ``.roilessons`` in the folder records the checksum of each file as it was copied:
    so a lesson that the learner changed is told from one that is newer in `source`.

    Returns
    -------
    list of str
        The lessons that were kept although `source` has a newer version.
    """
    source, folder = Path(source), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = read_record(folder / RECORD)
    newer = []
    with draft_folder(folder) as drafts:
        for number, path in enumerate(sorted(path for path in source.rglob("*") if path.is_file())):
            name = path.relative_to(source).as_posix()
            content = path.read_bytes()
            checksum = hashlib.sha256(content).hexdigest()
            copy, draft = folder / name, drafts / str(number)
            if not os.path.lexists(copy):
                copy.parent.mkdir(parents=True, exist_ok=True)
                if copy.parent.resolve() != folder.resolve() / path.relative_to(source).parent:
                    raise OSError(f"{copy.parent} is a link")  # what it leads to is not ours to write in
                draft.write_bytes(content)
                with suppress(FileExistsError):  # another process copies them, too: then it is as if it had been there
                    publish(draft, copy)
            if copy.is_file() and copy.read_bytes() == content:
                record[name] = checksum
            elif record.get(name) != checksum:
                newer.append(name)
        lines = "".join(f"{checksum}  {name}\n" for name, checksum in sorted(record.items()))
        (drafts / RECORD).write_text(lines, encoding="utf-8", newline="\n")
        os.replace(drafts / RECORD, folder / RECORD)
    return newer


def read_record(path):
    """Checksums by file name, as `copy_lessons` wrote them (empty where it did not)."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: checksum for checksum, _, name in (line.partition("  ") for line in lines) if name}


def prepare_subject():
    """Make (or fetch) the subject of the lessons now, so that no lesson waits for it."""
    from roilessons import load_subject

    name = os.environ.get("ROILESSONS_SUBJECT") or "simulated"
    print(f"Looking for the subject {name!r} (the first time it is made or fetched) ...", flush=True)
    try:
        load_subject()
    except Exception as error:  # whatever it is, the lessons open, and say it again
        print(f"{error}", file=sys.stderr)


def jupyter_arguments(folder, arguments):
    """JupyterLab's command line; an option that the learner gives wins over ours."""
    settings = {"ServerApp.root_dir": str(folder), "LabApp.default_url": f"/lab/tree/{FIRST_LESSON}", **QUIET}
    given = {argument.split("=")[0] for argument in arguments}
    if "--notebook-dir" in given:  # its short name
        given.add("--ServerApp.root_dir")
    return [f"--{name}={value}" for name, value in settings.items() if f"--{name}" not in given] + list(arguments)


def start(arguments):
    """Open the lessons in JupyterLab; returns when the server ends."""
    from jupyterlab.labapp import main as jupyterlab

    folder = lessons_folder()
    prepare_subject()
    jupyterlab(jupyter_arguments(folder, arguments))
    return 0

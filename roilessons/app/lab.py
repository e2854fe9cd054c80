"""``roilessons lab``: lessons, subject and JupyterLab, ready to start."""

import argparse
import hashlib
import os
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path

from roilessons.files import draft_folder, publish

PACKAGE = Path(__file__).resolve().parents[1]
# JupyterLab's defaults (its news_url alone leaves the question for news), our extension of the server, how kernels start.
SETTINGS = Path(__file__).resolve().parent / "jupyter"
FIRST_LESSON = "00_start_here.ipynb"
WORKING_COPIES = "my-lessons"  # in a clone, whose git ignores it
RECORD = ".roilessons"

# Nothing leaves the machine: no news, no look for updates, no list of extensions.
QUIET = {
    "LabApp.news_url": "None",
    "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    "LabApp.extension_manager": "readonly",
}


def on_hub():
    """Whether a JupyterHub started this process, for one of its learners."""
    return "JUPYTERHUB_API_TOKEN" in os.environ


def lessons_source(package=PACKAGE):
    """Where the lessons come from, in a clone or in a wheel."""
    package = Path(package)
    clone = (package.parent / "pyproject.toml").is_file()
    return package.parent / "notebooks" if clone else package / "lessons"


def lessons_folder(package=PACKAGE, current=None):
    """The folder to open, with copies of the lessons to work in.

    In a clone that this user may write to it is ``my-lessons``, so that ``git pull`` never meets what a learner wrote. Else
    it is the `current` folder when it is empty or has the lessons already, so that lessons do not mix with other files;
    else ``roilessons-lessons`` in it. On a hub a clone is not the learner's own.
    """
    source = lessons_source(package)
    current = Path.cwd() if current is None else Path(current)
    clone = source.parent if source.name == "notebooks" else None
    if clone and not on_hub() and os.access(clone, os.W_OK):
        folder = clone / WORKING_COPIES
    else:
        visible = [path for path in current.iterdir() if not path.name.startswith(".")]
        own = not visible or (current / FIRST_LESSON).exists()
        folder = current if own else current / "roilessons-lessons"
    try:
        newer = copy_lessons(source, folder)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"The lessons cannot be copied to {folder} ({reason}): start in a folder of your own.") from error
    print(f"The lessons are in {folder}.")
    if newer:
        print(
            f"This roilessons has newer versions of: {', '.join(newer)}. Your files were kept; start again with "
            f"`--fresh {newer[0][:2]}`, for one, to get the new one beside yours."
        )
    return folder


def copy_lessons(source, folder):
    """Copy the lessons into `folder`, never over a file that a learner changed.

    ``.roilessons`` in the folder records the checksum of each file as it was copied: so a lesson that the learner changed
    is told from one that is newer in `source`. A copy that nobody changed becomes the newer one.

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
        for number, path in enumerate(lesson_files(source)):
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
            there = copy.read_bytes() if copy.is_file() else b""
            if there != content and not copy.is_symlink() and hashlib.sha256(there).hexdigest() == record.get(name):
                draft.write_bytes(content)
                with suppress(PermissionError):  # Windows replaces no file that is open
                    os.replace(draft, copy)
                    there = content
            if there == content:
                record[name] = checksum
            elif record.get(name) != checksum:
                newer.append(name)
        write_record(record, folder, drafts)
    return newer


def lesson_files(source):
    """The files of the lessons, without what Jupyter or a desktop keeps beside them."""
    files = (path for path in Path(source).rglob("*") if path.is_file())
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(source).parts))


def fresh_lesson(source, folder, wanted):
    """Put a lesson as it came beside the learner's own, under a new name.

    Parameters
    ----------
    source, folder : Path
    wanted : str
        Its number, such as "04" or "4", or its file's name.

    Returns
    -------
    str
        The file's name in `folder`: that of the learner's own where nothing in it was changed.

    Raises
    ------
    ValueError
        If there is no such lesson.
    """
    lessons = [path for path in lesson_files(source) if path.parent == Path(source)]
    found = [path for path in lessons if wanted in (path.name, path.stem) or path.stem.split("_")[0] == wanted.zfill(2)]
    if len(found) != 1:
        numbers = ", ".join(path.stem.split("_")[0] for path in lessons if path.suffix == ".ipynb")
        raise ValueError(f"There is no lesson {wanted!r} to bring back; there are {numbers}.")
    lesson, content = found[0], found[0].read_bytes()
    own = folder / lesson.name
    if own.is_file() and own.read_bytes() == content:
        return own.name
    with draft_folder(folder) as drafts:
        (drafts / "lesson").write_bytes(content)
        for number in count(1):
            name = f"{lesson.stem}_fresh{number if number > 1 else ''}{lesson.suffix}"
            with suppress(FileExistsError):
                publish(drafts / "lesson", folder / name)
                break
        record = read_record(folder / RECORD)
        record[lesson.name] = hashlib.sha256(content).hexdigest()  # the learner has it now, and need not be told of it again
        write_record(record, folder, drafts)
    print(f"The lesson as it came is in {name}; yours is kept in {lesson.name}.")
    return name


def write_record(record, folder, drafts):
    lines = "".join(f"{checksum}  {name}\n" for name, checksum in sorted(record.items()))
    (drafts / RECORD).write_text(lines, encoding="utf-8", newline="\n")
    os.replace(drafts / RECORD, folder / RECORD)


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


def jupyter_arguments(folder, arguments, lesson=FIRST_LESSON):
    """JupyterLab's command line; an option that the learner gives wins over ours."""
    settings = {"ServerApp.root_dir": str(folder), "LabApp.default_url": f"/lab/tree/{lesson}", **QUIET}
    given = {argument.split("=")[0] for argument in arguments}
    if "--notebook-dir" in given:  # its short name
        given.add("--ServerApp.root_dir")
    return [f"--{name}={value}" for name, value in settings.items() if f"--{name}" not in given] + list(arguments)


def start(arguments):
    """Open the lessons in JupyterLab; returns when the server ends."""
    own = argparse.ArgumentParser(prog="roilessons lab", add_help=False, allow_abbrev=False)
    own.add_argument("--fresh", metavar="LESSON")
    asked, passed_on = own.parse_known_args(arguments)

    folder = lessons_folder()
    lesson = FIRST_LESSON if asked.fresh is None else fresh_lesson(lessons_source(), folder, asked.fresh)
    if not on_hub():  # whose subjects were made before the class
        prepare_subject()
    # On a hub kernels start as everywhere: thirty that import at once might not answer Jupyter in its time.
    for place in ("JUPYTER_CONFIG_PATH",) if on_hub() else ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH"):
        os.environ[place] = os.pathsep.join(filter(None, [str(SETTINGS), os.environ.get(place)]))
    if on_hub():
        from jupyterhub.singleuser import main as jupyterlab
    else:
        from jupyterlab.labapp import main as jupyterlab

    jupyterlab(jupyter_arguments(folder, passed_on, lesson))
    return 0

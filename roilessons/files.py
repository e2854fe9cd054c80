"""Writing files: a file gets its name only when it is complete, and never replaces an existing one."""

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX, LOCK = ".draft-", ".lock"


def read_text(path):
    """The text of a file in UTF-8, with or without a byte-order mark.

    Raises
    ------
    FileNotFoundError, PermissionError
        If the file is not there, or may not be read.
    ValueError
        If it is text of another kind, or none.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # who opens a pipe waits for somebody to write into it
        raise ValueError(f"{path} is no file.")
    try:
        content = Path(path).read_bytes()
    except (FileNotFoundError, PermissionError) as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else "may not be read by this user"
        raise type(error)(f"{path} {reason}.") from None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or (content and content.count(0) >= len(content) // 2):
        raise ValueError(f"{path} is text in UTF-16; save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8.") from None


def sentence(error):
    """What to tell of the system's own error, which would begin with [Errno 36]; of another one its text."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{os.fsdecode(error.filename)} cannot be used ({error.strerror})."
    return str(error)


def publish(draft, path):
    """Give a draft its final name, never over what has that name already.

    Of several who publish under one name exactly one succeeds, and nobody sees half a file (on a disk without hard links,
    for an instant, an empty one).

    Parameters
    ----------
    draft : path
        A file or a folder that is whole, on the same disk as `path`. A file may still be there afterwards, as a second
        name of the published one: write it in a `draft_folder`, which goes.
    path : path

    Raises
    ------
    FileExistsError
        If there is such a file, link or folder (of a folder: with something in it). It is kept.
    OSError
        If the system refuses the name.
    """
    draft, path = Path(draft), Path(path)
    try:
        if draft.is_dir():
            os.rename(draft, path)  # never over a file or a folder with something in it
            return
        try:
            os.link(draft, path)  # unlike a rename, never over a file that is there
        except FileExistsError:
            raise
        except OSError:  # a disk without hard links: whoever makes the empty file has the name
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            try:
                os.replace(draft, path)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(f"{path} is there already and is kept; choose another name.") from None
        raise


def is_published(draft, path):
    """Whether `path` is what `publish(draft, path)` made, even where it was interrupted before it could return."""
    return path.exists() and (not draft.exists() or os.path.samefile(draft, path))


@contextmanager
def draft_folder(folder):
    """A new, empty folder in `folder` to write drafts in; it is removed at the end, with what is still in it.

    Those that killed processes left in `folder` are removed, too. A process holds a lock in its own, which the system
    takes away with the process, so those of running ones stay.

    Parameters
    ----------
    folder : path
        An existing folder; the one where the files are to be published.

    Yields
    ------
    Path
    """
    _sweep(folder)
    draft, lock = _locked(folder)
    try:
        yield draft
    finally:
        lock.release()  # first, as Windows removes no file that is open
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def new_folder(path):
    """A folder to write in, which gets its name when all is written; if something fails before, there is none.

    Parameters
    ----------
    path : path
        A new or an empty folder; folders above it are made.

    Yields
    ------
    Path

    Raises
    ------
    FileExistsError
        If there is something in the folder, or a file or a link of that name. It is kept.
    """
    path = Path(path)
    if path.is_symlink() or path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise FileExistsError(f"{path} is there already and is kept; choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft_folder(path.parent) as drafts:
        draft = drafts / "new"
        draft.mkdir()
        yield draft
        publish(draft, path)


def _locked(folder):
    from filelock import FileLock

    while True:
        draft = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        lock = FileLock(draft / LOCK)
        try:
            lock.acquire()
        except (OSError, NotImplementedError):  # a disk without locks
            pass
        if draft.is_dir() and (not lock.is_locked or (draft / LOCK).exists()):
            return draft, lock  # else another one's sweep was faster than our lock


def _sweep(folder):
    from filelock import FileLock, Timeout

    for left_over in Path(folder).glob(f"{PREFIX}*"):
        # Nothing but ours is touched: a folder of somebody else's has no such file, and a link is not followed.
        if left_over.is_symlink() or not (left_over / LOCK).is_file():
            continue
        with suppress(OSError, NotImplementedError, Timeout):
            with FileLock(left_over / LOCK, timeout=0):
                shutil.rmtree(left_over, ignore_errors=True)
            if os.name == "nt":  # there the lock's own file is left, being open
                (left_over / LOCK).unlink(missing_ok=True)
                left_over.rmdir()

"""Where subjects are kept: made or downloaded once, even if a process is killed, a disk full, a folder shared, a file damaged.

Subjects lie beside nilearn's own data sets, in the first folder of NILEARN_SHARED_DATA, NILEARN_DATA and the home
folder's nilearn_data that has them, or else that can be written to. One process at a time makes or downloads, under a
lock that the system takes away with its process, and what it makes gets its name when it is whole. Who only reads
needs no lock: a folder that has its name is whole, and checksums tell whether it still is. What another user keeps to
themselves is passed over for the next place. A link that somebody else may have laid is removed, never followed.

Folders are laid out as the real download: the mask of the brain lies above the subjects' folders, one for all of them.
"""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from roilessons.files import publish

SIMULATED = "roilessons_simulated"
HAXBY = "haxby2001"  # nilearn's name
FILES = ("bold.nii.gz", "labels.txt", "mask4_vt.nii.gz")
MASK = "mask.nii.gz"  # the same bytes for every simulated subject, so that it matters not who made it
CHECKSUMS = "checksums.txt"  # one line per file: CRC-32, bytes, name; then the recipe
LONGEST = 10_000  # bytes of it that are read
IN_THE_WAY = (errno.EACCES, errno.EPERM, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENOTEMPTY)
ADVICE = "set NILEARN_DATA to a folder that can be written to and has 500 MB free"


def places():
    """Folders where subjects may be kept, best first (list of Path): those of `nilearn.datasets.get_data_dirs`, which takes
    a second to import."""
    named = [os.environ.get("NILEARN_SHARED_DATA", ""), os.environ.get("NILEARN_DATA", "")]
    home = os.path.expanduser("~/nilearn_data")
    named = os.pathsep.join(named if home.startswith("~") else [*named, home]).split(os.pathsep)  # "~" where there is no home folder
    found = [Path(os.path.expanduser(place)) for place in named if place]  # an empty name would be the current folder
    if not found:
        raise OSError(f"There is no home folder to keep a subject in; {ADVICE}.")
    return found


def simulated_folder(number=1, *, effects=True, progress=True):
    """The folder of a simulated subject, made at first use.

    Parameters
    ----------
    number : int, 1 to 6
    effects : bool
        False for a subject in whom nothing is planted: the same head, and noise alone.
    progress : bool
        Show a progress bar while it is made.

    Returns
    -------
    Path

    Raises
    ------
    OSError
        If there is no place for it.
    """
    name = f"subj{number}" if effects else f"noise{number}"
    damaged = {}
    for place in places():
        folder = place / SIMULATED / name
        if os.path.isdir(folder):  # Path's own fails where the folder above is closed
            wrong = damage(folder)
            if not wrong:
                return folder
            damaged[folder] = wrong
    for folder, wrong in damaged.items():
        print(f"The simulated subject in {folder} is {wrong}; it is made again.", flush=True)

    def make(home):
        if _damage(home / name):
            for left_over in home.glob(f".{name}-*"):  # of processes that were killed: we hold the lock, so none is running
                shutil.rmtree(left_over, ignore_errors=True)
            _make(home, name, number, effects, progress)

    return _in_turn(make, SIMULATED, name) / name


def _make(home, name, number, effects, progress):
    from roilessons.datasets import simulate

    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=home))
    try:
        made, mask = simulate.make_subject(number, draft / name, progress, effects=effects), draft / MASK
        rows = [f"{crc32(path):08x} {path.stat().st_size} {path.name}" for path in [*sorted(made.iterdir()), mask]]
        lines = "\n".join([*rows, _recipe()]) + "\n"
        (made / CHECKSUMS).write_text(lines, encoding="ascii", newline="\n")
        if not (home / MASK).is_file() or crc32(home / MASK) != crc32(mask):  # Windows replaces no file that is being read
            os.replace(mask, home / MASK)
        if os.path.lexists(home / name):
            os.rename(home / name, draft / "damaged")
        try:
            publish(made, home / name)
        except FileExistsError:  # on a disk without locks another process may have been faster
            if _damage(home / name):
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _recipe():
    """The last line of the checksums: a file that was cut short lacks it, and one of another version has another."""
    from roilessons.datasets import simulate

    return f"# recipe {simulate.RECIPE}"


def damage(folder):
    """What a simulated subject's folder is that cannot be used, judged by its checksums (str), or None."""
    try:
        return _damage(folder)
    except PermissionError as error:
        return f"not yours to read ({Path(error.filename).name})"


def _damage(folder):
    try:
        if (folder / CHECKSUMS).exists() and not (folder / CHECKSUMS).is_file():  # a pipe would be waited for
            raise ValueError
        with open(folder / CHECKSUMS, encoding="ascii") as file:
            lines = file.read(LONGEST).splitlines()
        rows = [(int(crc, 16), int(size), name) for crc, size, name in map(str.split, lines) if crc != "#"]
    except PermissionError:
        raise
    except (OSError, ValueError):
        return f"damaged ({CHECKSUMS} is missing or cannot be read)"
    if not rows:
        return f"damaged ({CHECKSUMS} is empty)"
    if lines[-1] != _recipe():
        return "from another version of roilessons"
    known = [name for _, _, name in rows]
    if {*FILES, MASK} - {*known} or any(os.path.basename(name) != name for name in known):
        return f"damaged ({CHECKSUMS} lists other files)"
    for crc, size, name in rows:
        path = (folder.parent if name == MASK else folder) / name
        if not path.is_file():
            return f"damaged ({name} is missing)"
        if path.stat().st_size != size or crc32(path) != crc:
            return f"damaged ({name} is not what was written)"
    return None


def crc32(path):
    """CRC-32 of a file, as fast as it can be read."""
    from isal import isal_zlib

    total, buffer = 0, memoryview(bytearray(1 << 20))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total = isal_zlib.crc32(buffer[:count], total)
    return total


def _in_turn(make, dataset, name):
    """Call ``make(home)`` when it is this process's turn to fill `name`; returns `home`, the data set's folder.

    `home` is in the first place that can be written to. Where another user's lock, folder or file is in the way, the
    next place is tried.
    """
    from filelock import FileLock, Timeout

    for home in (place / dataset for place in places()):
        if not _can_write(home):
            continue
        lock = FileLock(home / f".{name}.lock", mode=0o666)  # whoever can write to the folder may take a turn
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                print("Another notebook is making this subject; waiting until it is there ...", flush=True)
                lock.acquire()
            try:
                make(home)
            finally:
                lock.release()
            return home
        except ConnectionError:
            raise
        except OSError as error:
            if error.errno in IN_THE_WAY or isinstance(error, PermissionError | FileExistsError):
                continue
            raise OSError(f"A subject cannot be kept in {home.parent} ({error.strerror or error}); {ADVICE}.") from error
    raise PermissionError(f"A subject cannot be kept in {' or '.join(map(str, places()))}; {ADVICE}.")


def _can_write(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def haxby_folder(number=1):
    """The folder of a subject of Haxby et al. (2001), downloaded by nilearn at first use.

    Raises
    ------
    ConnectionError
        If it cannot be downloaded.
    OSError
        If there is no place for it.
    """
    name = f"subj{number}"
    for place in places():
        if _has_files(place / HAXBY / name):
            return place / HAXBY / name

    def make(home):
        if not _has_files(home / name):
            if closed := [path for path in _paths(home / name) if os.path.lexists(path) and not os.access(path, os.R_OK)]:
                raise PermissionError(f"{closed[0]} may not be read")  # nilearn would take it for there
            _download(home, number)

    return _in_turn(make, HAXBY, "download") / name


def real_subjects():
    """The subjects of Haxby et al. (2001) that are on this machine, as `load_subject` takes them (list of str)."""
    return [f"haxby:{n}" for n in range(1, 7) if any(_has_files(place / HAXBY / f"subj{n}") for place in places())]


def _paths(folder):
    """A real subject's folder, its files, and the mask that lies above (list of Path)."""
    return [folder, *(folder / name for name in FILES), folder.parent / MASK]


def _has_files(folder):
    """Whether a real subject's folder has its files, all of them open to this user."""
    _, *files, mask = _paths(folder)
    closed = os.path.exists(mask) and not os.access(mask, os.R_OK)
    return not closed and all(os.path.isfile(path) and os.access(path, os.R_OK) for path in files)


def _download(home, number):
    from nilearn.datasets import fetch_haxby

    print(f"Downloading subject {number} of Haxby et al. (2001), 300 MB ...", flush=True)
    _drop_unchecked(home)
    try:
        fetch_haxby(data_dir=str(home.parent), subjects=[number], verbose=0)
    except (OSError, ValueError) as error:  # what requests and nilearn raise when a download fails
        _drop_unchecked(home)
        raise ConnectionError(
            f"Subject {number} of the Haxby data could not be downloaded: {_reason(error)}. A later try goes on from where "
            "this one stopped; load_subject('simulated') gives a subject that needs no network."
        ) from error


def _drop_unchecked(home):
    """Remove what a download that failed or was killed left behind, which nilearn would take for checked.

    nilearn downloads and unpacks in folders named by an MD5 sum. What is still named .part is resumed and then checked.
    """
    (home / "MD5SUMS").unlink(missing_ok=True)  # it may be a login page
    for working in home.glob("[0-9a-f]" * 32):
        if working.is_symlink():
            working.unlink()
            continue
        for left_over in working.iterdir():
            if left_over.is_symlink() or left_over.is_file() and left_over.suffix != ".part":
                left_over.unlink()
            elif left_over.is_dir():
                shutil.rmtree(left_over)


def _reason(error):
    import requests

    if isinstance(error, requests.HTTPError):
        return f"the host answered {error.response.status_code}"
    if isinstance(error, requests.RequestException):
        return "the host cannot be reached, or the connection broke"
    if "checksum" in str(error):
        return "what came is not the right file (its checksum is wrong)"
    return getattr(error, "strerror", None) or str(error).partition("\n")[0].rstrip(".")

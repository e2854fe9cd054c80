"""Where subjects are kept: made or downloaded once, whatever is killed, full, shared or damaged on the way.

Subjects lie beside nilearn's own data sets, in the first folder of NILEARN_SHARED_DATA, NILEARN_DATA and the home
folder's nilearn_data that has them, or else that can be written to. One process at a time makes or downloads, under a
lock that the system takes away with its process, and what it makes gets its name when it is whole. Who only reads
needs no lock: a folder that has its name is whole, and checksums tell whether it still is.

Folders are laid out as the real download: the mask of the brain lies above the subjects' folders, one for all of them.
"""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

SIMULATED = "roilessons_simulated"
HAXBY = "haxby2001"  # nilearn's name
FILES = ("bold.nii.gz", "labels.txt", "mask4_vt.nii.gz")
MASK = "mask.nii.gz"  # the same bytes for every simulated subject, so that it matters not who made it
CHECKSUMS = "checksums.txt"  # a line a file: CRC-32, bytes, name; then the recipe
ADVICE = "set NILEARN_DATA to a folder that can be written to and has 500 MB free"


def places():
    """Folders where subjects may be kept, best first (list of Path)."""
    from nilearn.datasets import get_data_dirs

    try:
        return [Path(place) for place in get_data_dirs()]
    except RuntimeError:  # there is no home folder
        named = (os.environ.get(name, "") for name in ("NILEARN_SHARED_DATA", "NILEARN_DATA"))
        found = [Path(place) for text in named for place in text.split(os.pathsep) if place]
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
        if folder.is_dir():
            wrong = damage(folder)
            if not wrong:
                return folder
            damaged[folder] = wrong
    for folder, wrong in damaged.items():
        print(f"The simulated subject in {folder} is {wrong}; it is made again.", flush=True)
    with _turn(SIMULATED, name) as home:
        if damage(home / name):
            for left_over in home.glob(f".{name}-*"):  # of makers that were killed: we have the lock, they are gone
                shutil.rmtree(left_over, ignore_errors=True)
            _make(home, name, number, effects, progress)
    return home / name


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
        if (home / name).exists():
            os.rename(home / name, draft / "damaged")
        os.rename(made, home / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _recipe():
    """The last line of the checksums: a file that was cut short lacks it, and one of another version has another."""
    from roilessons.datasets import simulate

    return f"# recipe {simulate.RECIPE}"


def damage(folder):
    """What a simulated subject's folder is that cannot be used, judged by its checksums (str), or None."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="ascii").splitlines()
        rows = [(int(crc, 16), int(size), name) for crc, size, name in map(str.split, lines) if crc != "#"]
    except (OSError, ValueError):
        return f"damaged ({CHECKSUMS} is missing or cannot be read)"
    if not rows:
        return f"damaged ({CHECKSUMS} is empty)"
    if lines[-1] != _recipe():
        return "from another version of roilessons"
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


@contextmanager
def _turn(dataset, name):
    """This process's turn to fill `name` in the first place that can be written to; yields the data set's folder there."""
    from filelock import FileLock, Timeout

    home = next((place / dataset for place in places() if _can_write(place / dataset)), None)
    if home is None:
        raise PermissionError(f"A subject cannot be kept in {' or '.join(map(str, places()))}; {ADVICE}.")
    lock = FileLock(home / f".{name}.lock")
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print("Another notebook is making this subject; waiting until it is there ...", flush=True)
            lock.acquire()
        try:
            yield home
        finally:
            lock.release()
    except ConnectionError:
        raise
    except OSError as error:
        raise OSError(f"A subject cannot be kept in {home.parent} ({error.strerror or error}); {ADVICE}.") from error


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
    with _turn(HAXBY, "download") as home:
        if not _has_files(home / name):
            _download(home, number)
    return home / name


def _has_files(folder):
    return all((folder / name).is_file() for name in FILES)


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
    for left_over in home.glob("[0-9a-f]" * 32 + "/*"):
        if left_over.is_dir():
            shutil.rmtree(left_over)
        elif left_over.suffix != ".part":
            left_over.unlink()


def _reason(error):
    import requests

    if isinstance(error, requests.HTTPError):
        return f"the host answered {error.response.status_code}"
    if isinstance(error, requests.RequestException):
        return "the host cannot be reached, or the connection broke"
    if "checksum" in str(error):
        return "what came is not the right file (its checksum is wrong)"
    return getattr(error, "strerror", None) or str(error).partition("\n")[0].rstrip(".")

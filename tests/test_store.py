"""Where subjects are kept: many kernels at once, kernels that are killed, full and read-only disks, damaged files."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from filelock import FileLock

from roilessons import load_subject, simulate, store

HOME = store.SIMULATED
CHILD = """
import sys
from roilessons import load_subject, simulate, steps, store
simulate.N_RUNS = 1  # a twelfth of the volumes
make = simulate.make_subject
def counted(*arguments, **options):
    print("made", flush=True)
    return make(*arguments, **options)
simulate.make_subject = counted
"""
LOAD = CHILD + """
subject = load_subject()
rois = steps.catch_up(subject, "components").labels_img
print("right", f"{store.crc32(subject.func):08x}", int((rois.get_fdata() > 0).sum()), subject.func.parent)
"""


def environ(place, **more):
    """The environment of a child that keeps subjects in `place`, and in no home folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NILEARN_", "ROILESSONS_"))}
    home = str(place / "home")
    own = {"NILEARN_DATA": str(place), "PYTHONPATH": str(ROOT), "HOME": home, "USERPROFILE": home}
    return kept | own | more


def start(script, place, before=(), **more):
    command = [*before, sys.executable, "-c", script]
    return subprocess.Popen(command, env=environ(place, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process):
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out.splitlines()


def right(lines):
    """(checksum, voxels, folder) that a child found."""
    return lines[-1].split()[1:]


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """A subject of one run, whose head is laid out once; kept in `tmp_path`. Returns the folder of the subjects."""
    monkeypatch.setattr(simulate, "N_RUNS", 1)
    if not PLANS:
        PLANS.append(simulate.plan(1))
    monkeypatch.setattr(simulate, "plan", lambda number, effects=True: PLANS[0])
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path))
    monkeypatch.delenv("NILEARN_SHARED_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    return tmp_path / HOME


PLANS = []


def names(folder):
    """What is in the folder of the subjects, the lock's empty file aside."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_eight_kernels_at_once_make_one_subject(tmp_path):
    said = [end(child) for child in [start(LOAD, tmp_path) for _ in range(8)]]
    assert sum("made" in lines for lines in said) == 1
    assert len({tuple(right(lines)) for lines in said}) == 1, "all eight read the same subject and find the same"
    assert int(right(said[0])[1]) > 0
    assert names(tmp_path / HOME) == ["subj1"]


def test_who_comes_second_is_told_and_waits(tmp_path, quick):
    quick.mkdir()
    with FileLock(quick / ".subj1.lock"):
        second = start(LOAD, tmp_path)
        assert second.stdout.readline().startswith("Another notebook is making this subject; waiting")
        store._make(quick, "subj1", 1, True, False)
    lines = end(second)
    assert "made" not in lines and right(lines)[0] == f"{store.crc32(quick / 'subj1/bold.nii.gz'):08x}"


def ordinary():
    """What to put before a command so that it may not write where nobody may: for root, leave its privileges."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def read_only(folder):
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.mark.skipif(os.name == "nt", reason="folders have no mode on Windows")
def test_a_filled_read_only_folder_works_for_all(tmp_path, quick):
    store.simulated_folder(progress=False)
    (quick / ".subj1.lock").unlink()
    read_only(quick)
    said = [end(child) for child in [start(LOAD, tmp_path, before=ordinary()) for _ in range(2)]]
    assert {len(lines) for lines in said} == {1}, "nothing is made and nobody waits"
    assert names(quick) == ["subj1"]


@pytest.mark.skipif(os.name == "nt", reason="folders have no mode on Windows")
def test_damage_in_a_read_only_folder_is_made_good_in_the_next(tmp_path, quick):
    store.simulated_folder(progress=False)
    flip(quick / "subj1/bold.nii.gz")
    shutil.move(quick, tmp_path / "shared" / HOME)
    read_only(tmp_path / "shared")
    lines = end(start(LOAD, tmp_path / "own", before=ordinary(), NILEARN_SHARED_DATA=str(tmp_path / "shared")))
    assert "is damaged (bold.nii.gz is not what was written); it is made again." in lines[0]
    assert right(lines)[2] == str(tmp_path / "own" / HOME / "subj1")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "flipped bit": (lambda f: flip(f / "bold.nii.gz"), "bold.nii.gz is not what was written"),
    "flipped bit in a mask": (lambda f: flip(f / "mask.nii.gz"), "mask.nii.gz is not what was written"),
    "cut short": (lambda f: os.truncate(f / "bold.nii.gz", 1000), "bold.nii.gz is not what was written"),
    "missing": (lambda f: (f / "labels.txt").unlink(), "labels.txt is missing"),
    "no checksums": (lambda f: (f / store.CHECKSUMS).unlink(), "checksums.txt is missing"),
    "empty checksums": (lambda f: (f / store.CHECKSUMS).write_text(""), "checksums.txt is empty"),
    "damaged checksums": (lambda f: (f / store.CHECKSUMS).write_text("x y z\n"), "checksums.txt is missing or cannot"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_and_said_and_the_subject_made_again(quick, capsys, kind):
    folder = store.simulated_folder(progress=False)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    spoil, words = DAMAGE[kind]
    spoil(folder)
    assert load_subject().func.parent == folder
    said = capsys.readouterr().out
    assert words in said and said.endswith("it is made again.\n") and said.count("\n") == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert names(quick) == ["subj1"]
    assert load_subject().name == "simulated subject 1" and not capsys.readouterr().out


KILLED = CHILD + """
import os, random, shutil, signal, time
plan = simulate.plan(1)
simulate.plan = lambda *_: plan
home = store.places()[0] / store.SIMULATED
start = time.perf_counter()
store.simulated_folder(2, progress=False)
whole = time.perf_counter() - start
random.seed(6)
for _ in range(20):
    child = os.fork()
    if not child:
        store.simulated_folder(1, progress=False)
        os._exit(0)
    time.sleep(random.uniform(0, 1.1 * whole))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    left = [path.name for path in home.glob(".subj1-*")]
    assert len(left) <= 1, f"left-overs pile up: {left}"
    if (home / "subj1").exists():  # it got its name, so it is whole
        assert store.damage(home / "subj1") is None
        shutil.rmtree(home / "subj1")
    print("killed", bool(left), flush=True)
store.simulated_folder(1, progress=False)
print(sorted(path.name for path in home.iterdir()))
"""


@pytest.mark.skipif(os.name == "nt", reason="processes cannot be forked on Windows")
def test_killed_twenty_times_at_random_moments(tmp_path):
    lines = end(start(KILLED, tmp_path))
    assert sum(line.startswith("killed") for line in lines) == 20
    assert "killed True" in lines, "some were killed in the middle"
    assert lines[-1] == "['.subj1.lock', '.subj2.lock', 'subj1', 'subj2']"


def test_interrupted_while_it_is_made(quick, monkeypatch):
    def interrupt(number, folder, *_, **__):
        folder.mkdir()
        (folder / "bold.nii.gz").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(simulate, "make_subject", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.simulated_folder(progress=False)
    assert names(quick) == []
    assert store.damage(store.simulated_folder(progress=False)) is None


SAY = CHILD + """
try:
    load_subject()
except OSError as error:
    print(type(error).__name__, error)
print(sorted(path.name for path in (store.places()[0] / store.SIMULATED).glob("*") if path.suffix != ".lock"))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_disk_that_takes_no_more(tmp_path):
    """The system refuses to let a file grow: as on a full disk, but without one."""
    script = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n{SAY}"
    *_, sentence, left = end(start(script, tmp_path))
    assert sentence.startswith(f"OSError A subject cannot be kept in {tmp_path} (File too large); set NILEARN_DATA to")
    assert left == "[]"


def with_a_small_disk(folder):
    """What to put before a command so that it has a disk of 2 MB at `folder`; None where none can be had."""
    mount = f'mount -t tmpfs -o size=2m none "{folder}" && exec "$@"'
    for user in ([], ["--user", "--map-root-user"]):
        command = ["unshare", "--mount", *user, "sh", "-c", mount, "sh"]
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return None


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk of its own is a thing of Linux; see the test above")
def test_a_full_disk(tmp_path):
    before = with_a_small_disk(tmp_path)
    if before is None:
        pytest.skip("no small disk can be mounted here; the test above does without one")
    *_, sentence, left = end(start(SAY, tmp_path, before=before))
    assert sentence.startswith(f"OSError A subject cannot be kept in {tmp_path} (No space left on device); set NILEARN_DATA")
    assert left == "[]"


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("no folder")
    nowhere = tmp_path / "file/data"
    *_, sentence, _ = end(start(SAY, nowhere))
    assert sentence.startswith(f"PermissionError A subject cannot be kept in {nowhere}") and "set NILEARN_DATA to" in sentence


@pytest.mark.skipif(os.name == "nt", reason="Windows looks up homes otherwise")
def test_no_home(quick, monkeypatch):
    import pwd

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert load_subject().func.is_relative_to(quick), "NILEARN_DATA is enough"
    monkeypatch.delenv("NILEARN_DATA")
    with pytest.raises(OSError, match="There is no home folder to keep a subject in; set NILEARN_DATA to a folder"):
        load_subject()


def test_the_command_tells_a_full_disk_in_one_line(tmp_path):
    (tmp_path / "file").write_text("no folder")
    nowhere = tmp_path / "file/data"
    command = [sys.executable, "-m", "roilessons.cli", "extract", "simulated", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, env=environ(nowhere), capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("roilessons: A subject cannot be kept in")
    assert done.stderr.count("\n") == 1 and not (tmp_path / "out").exists()

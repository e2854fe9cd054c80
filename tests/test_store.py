"""Where subjects are kept: many kernels at once, kernels that are killed, full and read-only disks, damaged files."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import nilearn.datasets
import pytest
from conftest import ROOT, small_series, write_subject
from filelock import FileLock
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from waiting import PATIENCE

from roilessons import load_subject
from roilessons.datasets import cache, simulate

HOME = cache.SIMULATED
FILES = {"bold.nii.gz", "labels.txt", "mask4_vt.nii.gz", "anat.nii.gz", "truth.nii.gz"}
CHILD = """
import sys
from roilessons import load_subject, steps
from roilessons.datasets import simulate, cache
simulate.N_RUNS = 1  # a twelfth of the volumes
make = simulate.make_subject
def counted(*arguments, **options):
    print("made", flush=True)
    return make(*arguments, **options)
simulate.make_subject = counted
"""
USE = """
subject = load_subject()
rois = steps.catch_up(subject, "components").labels_img
print("right", f"{cache.crc32(subject.func):08x}", int((rois.get_fdata() > 0).sum()), subject.func.parent)
"""
LOAD = CHILD + USE


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
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return out.splitlines()


def right(lines):
    """[checksum, voxels, folder] that a child found."""
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


@contextmanager
def jupyter_kernels(place, count):
    """Jupyter kernels that keep subjects in `place`; yields a function that runs code in all at once: the lines of each."""
    spec = {"argv": [*ordinary(), sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "ordinary", "language": "python"}  # fmt: skip
    (place / "kernels/ordinary").mkdir(parents=True)
    (place / "kernels/ordinary/kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(kernel_dirs=[str(place / "kernels")])

    def run(client, code):
        said = []
        reply = client.execute_interactive(code, output_hook=lambda m: said.append(m["content"].get("text", "")), timeout=PATIENCE)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(said).splitlines()

    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        kernels = [KernelManager(kernel_name="ordinary", kernel_spec_manager=specs) for _ in range(count)]
        for kernel in kernels:
            kernel.start_kernel(env=environ(place))
            stack.callback(kernel.shutdown_kernel, now=True)
        clients = [kernel.blocking_client() for kernel in kernels]
        for client in clients:
            client.start_channels()
            stack.callback(client.stop_channels)
        for client in clients:
            client.wait_for_ready(timeout=PATIENCE)
        yield lambda code: list(pool.map(run, clients, [code] * count))


def test_eight_kernels_at_once_make_one_subject_and_read_it_where_nobody_may_write(tmp_path):
    home = tmp_path / HOME
    with jupyter_kernels(tmp_path, 8) as run:
        run(CHILD)
        said = run(USE)
        assert sum("made" in lines for lines in said) == 1
        assert [right(lines) for lines in said] == [right(said[0])] * 8, "all eight read the same subject and find the same"
        assert int(right(said[0])[1]) > 0
        assert names(home) == ["mask.nii.gz", "subj1"] and cache.damage(home / "subj1") is None
        if os.name == "nt":
            return  # folders have no mode there
        (home / ".subj1.lock").unlink()
        read_only(home)
        assert run("print(cache._can_write(cache.places()[0] / cache.SIMULATED))") == [["False"]] * 8
        again = run(USE)
        assert again == [said[0][-1:]] * 8, "the same is found, nothing is made and nobody waits"
        assert sorted(path.name for path in home.iterdir()) == ["mask.nii.gz", "subj1"]


def test_who_comes_second_is_told_and_waits(tmp_path, quick):
    quick.mkdir()
    with FileLock(quick / ".subj1.lock"):
        second = start(LOAD, tmp_path)
        assert second.stdout.readline().startswith("Another notebook is making this subject; waiting")
        cache._make(quick, "subj1", 1, True, False)
    lines = end(second)
    assert "made" not in lines and right(lines)[0] == f"{cache.crc32(quick / 'subj1/bold.nii.gz'):08x}"


def ordinary():
    """What to put before a command so that it may not write where nobody may: for root, leave its privileges."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def read_only(folder):
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.mark.skipif(os.name == "nt", reason="folders have no mode on Windows")
def test_damage_in_a_read_only_folder_is_made_good_in_the_next(tmp_path, quick):
    cache.simulated_folder(progress=False)
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


def rewrite(path, change):
    path.write_text(change(path.read_text()))


def of_the_first_version(folder):
    """As it was laid out before recipes had numbers: the mask among the subject's own files."""
    shutil.move(folder.parent / "mask.nii.gz", folder)
    rewrite(folder / cache.CHECKSUMS, lambda text: text[: text.index("# recipe")])


OTHER = "is from another version of roilessons; it is made again."
DAMAGE = {
    "flipped bit": (lambda f: flip(f / "bold.nii.gz"), "is damaged (bold.nii.gz is not what was written); it is made"),
    "flipped bit in a mask": (lambda f: flip(f / "mask4_vt.nii.gz"), "is damaged (mask4_vt.nii.gz is not what was written)"),
    "flipped bit in the mask above": (lambda f: flip(f.parent / "mask.nii.gz"), "is damaged (mask.nii.gz is not what was"),
    "mask above missing": (lambda f: (f.parent / "mask.nii.gz").unlink(), "is damaged (mask.nii.gz is missing)"),
    "cut short": (lambda f: os.truncate(f / "bold.nii.gz", 1000), "is damaged (bold.nii.gz is not what was written)"),
    "missing": (lambda f: (f / "labels.txt").unlink(), "is damaged (labels.txt is missing)"),
    "no checksums": (lambda f: (f / cache.CHECKSUMS).unlink(), "is damaged (checksums.txt is missing"),
    "empty checksums": (lambda f: (f / cache.CHECKSUMS).write_text(""), "is damaged (checksums.txt is empty)"),
    "damaged checksums": (lambda f: (f / cache.CHECKSUMS).write_text("x y z\n"), "is damaged (checksums.txt is missing or"),
    "checksums cut short": (lambda f: rewrite(f / cache.CHECKSUMS, lambda text: text[:-60]), "is damaged (checksums.txt is"),
    "the first version": (of_the_first_version, OTHER),
    "an older version": (lambda f: rewrite(f / cache.CHECKSUMS, lambda text: text.replace("# recipe ", "# recipe 0")), OTHER),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_cannot_be_used_is_found_and_said_and_made_again(quick, capsys, kind):
    folder = cache.simulated_folder(progress=False)
    before = contents(quick)
    assert set(before) == {"mask.nii.gz", *(f"subj1/{name}" for name in {*FILES, cache.CHECKSUMS})}
    spoil, words = DAMAGE[kind]
    spoil(folder)
    assert load_subject().func.parent == folder
    said = capsys.readouterr().out
    assert said.startswith(f"The simulated subject in {folder} {words}")
    assert said.endswith("it is made again.\n") and said.count("\n") == 1
    assert contents(quick) == before
    subject = load_subject()
    assert subject.name == "simulated subject 1" and subject.mask == quick / "mask.nii.gz" and not capsys.readouterr().out


def contents(home):
    """Name and bytes of every file under the folder of the subjects, locks aside."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def test_a_newer_recipe_makes_the_older_subjects_again(quick, monkeypatch, capsys):
    folder = cache.simulated_folder(progress=False)
    monkeypatch.setattr(simulate, "RECIPE", simulate.RECIPE + 1)
    cache.simulated_folder(progress=False)
    assert capsys.readouterr().out == f"The simulated subject in {folder} {OTHER}\n"
    cache.simulated_folder(progress=False)
    assert not capsys.readouterr().out


def test_one_mask_of_the_brain_serves_all_and_is_left_alone(quick):
    subjects = [load_subject(source) for source in ("simulated:1", "noise")]
    mask = quick / "mask.nii.gz"
    assert [subject.mask for subject in subjects] == [mask, mask]
    written = mask.stat().st_ino, mask.stat().st_mtime_ns
    load_subject("simulated:2")
    assert (mask.stat().st_ino, mask.stat().st_mtime_ns) == written, "what is right is not replaced under its readers"


@pytest.mark.parametrize("whole", [True, False])
def test_what_another_process_made_meanwhile_is_kept(quick, monkeypatch, tmp_path, whole):
    """On a disk without locks: whole it is used, and where it is not another place is taken."""
    theirs, publish = tmp_path / "theirs", cache.publish
    shutil.copytree(cache.simulated_folder(progress=False), theirs)
    shutil.rmtree(quick / "subj1")
    if not whole:
        (theirs / "labels.txt").unlink()

    def later(draft, path):
        if path == quick / "subj1":
            shutil.copytree(theirs, path)
            (path / "of theirs").touch()
        publish(draft, path)

    monkeypatch.setattr(cache, "publish", later)
    monkeypatch.setattr(cache, "places", lambda: [quick.parent, tmp_path / "next"])
    assert cache.simulated_folder(progress=False) == (quick if whole else tmp_path / "next" / cache.SIMULATED) / "subj1"
    assert (quick / "subj1/of theirs").exists()


KILLED = CHILD + """
import itertools, os, random, shutil, signal, time
plan = simulate.plan(1)
simulate.plan = lambda *_: plan
home = cache.places()[0] / cache.SIMULATED
start = time.perf_counter()
cache.simulated_folder(2, progress=False)
whole = time.perf_counter() - start
def left_overs():
    left = [path.name for path in home.glob(".subj1-*")]
    assert len(left) <= 1, f"left-overs pile up: {left}"
    return left
random.seed(6)
for _ in range(20):
    child = os.fork()
    if not child:
        cache.simulated_folder(1, progress=False)
        os._exit(0)
    time.sleep(random.uniform(0, 1.1 * whole))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", bool(left_overs()), flush=True)
    if (home / "subj1").exists():  # it got its name, so it is whole
        assert cache.damage(home / "subj1") is None
        shutil.rmtree(home / "subj1")
    (home / "mask.nii.gz").unlink(missing_ok=True)
def kill_at(name, call):
    function, calls = getattr(os, name), itertools.count(1)
    def counted(*arguments):
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    setattr(os, name, counted)
for name, call in (("replace", 1), ("rename", 1), ("rename", 2)):  # the mask, the damaged subject, the new one get names
    os.truncate(cache.simulated_folder(1, progress=False) / "bold.nii.gz", 1000)
    (home / "mask.nii.gz").unlink()
    child = os.fork()
    if not child:
        kill_at(name, call)
        cache.simulated_folder(1, progress=False)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert left_overs()
    named = home / "subj1/bold.nii.gz"
    assert not named.exists() or named.stat().st_size == 1000, "the new one gets its name last"
    print("stopped before", name, call, flush=True)
cache.simulated_folder(1, progress=False)
print(sorted(path.name for path in home.iterdir()), cache.damage(home / "subj1"), cache.damage(home / "subj2"))
"""


@pytest.mark.skipif(os.name == "nt", reason="processes cannot be forked on Windows")
def test_killed_twenty_times_at_random_moments_and_between_two_names(tmp_path):
    lines = end(start(KILLED, tmp_path))
    assert sum(line.startswith("killed") for line in lines) == 20
    assert "killed True" in lines, "some were killed in the middle"
    assert sum(line.startswith("stopped before") for line in lines) == 3
    assert lines[-1] == "['.subj1.lock', '.subj2.lock', 'mask.nii.gz', 'subj1', 'subj2'] None None"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_while_it_is_made(quick, monkeypatch, error):
    def stop(*_):
        assert list(quick.glob(".subj1-*/subj1/bold.nii.gz")), "it is half written"
        raise error
        yield

    with monkeypatch.context() as patched:
        patched.setattr(simulate, "_run", stop)
        with pytest.raises((KeyboardInterrupt, OSError)):
            cache.simulated_folder(progress=False)
    assert names(quick) == []
    assert cache.damage(cache.simulated_folder(progress=False)) is None


SAY = CHILD + """
try:
    load_subject()
except OSError as error:
    print(type(error).__name__, error)
print(sorted(path.name for path in (cache.places()[0] / cache.SIMULATED).glob("*") if path.suffix != ".lock"))
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
    command = [sys.executable, "-m", "roilessons.app.cli", "extract", "simulated", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, env=environ(nowhere), capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("roilessons: A subject cannot be kept in")
    assert done.stderr.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="folders have no mode on Windows")
@pytest.mark.parametrize(
    ("closed", "named"),
    [("", None), ("subj1", "checksums.txt"), ("subj1/bold.nii.gz", "bold.nii.gz"), ("mask.nii.gz", "mask.nii.gz"), (".subj1.lock", None)],
)  # fmt: skip
def test_what_another_user_keeps_closed_is_passed_over(tmp_path, quick, closed, named):
    """Everybody may write to the shared folder, but one thing in it belongs to another user: the next place serves."""
    cache.simulated_folder(progress=False)
    shared = tmp_path / "shared" / HOME
    shutil.move(quick, shared)
    if closed == ".subj1.lock":
        shutil.rmtree(shared / "subj1")  # so that a turn is needed; the lock is as it was left
    (shared / closed).chmod(0)
    try:
        first, *lines = end(start(LOAD + USE, tmp_path / "own", before=ordinary(), NILEARN_SHARED_DATA=str(shared.parent)))
    finally:
        (shared / closed).chmod(0o755)
    if named:
        assert first == f"The simulated subject in {shared / 'subj1'} is not yours to read ({named}); it is made again."
        first, *lines = lines
    assert first == "made" and right(lines)[2] == str(tmp_path / "own" / HOME / "subj1")
    assert len(lines) == 2 and lines[0] == lines[1], "the second time it is found there"


@pytest.mark.skipif(os.name == "nt", reason="folders have no mode on Windows")
def test_who_may_write_to_the_folder_may_take_a_turn(tmp_path, quick):
    cache.simulated_folder(progress=False)
    assert (quick / ".subj1.lock").stat().st_mode & 0o666 == 0o666, "or the next user could make no subject here"


def test_a_tilde_in_the_environment_is_the_home_folder_and_an_empty_name_is_none(quick, tmp_path, monkeypatch):
    monkeypatch.setenv("NILEARN_SHARED_DATA", "")
    monkeypatch.setenv("NILEARN_DATA", os.path.join("~", "subjects"))
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    assert cache.places() == [home / "subjects", home / "nilearn_data"]


def test_places_are_those_of_nilearn(quick, tmp_path, monkeypatch):
    monkeypatch.setenv("NILEARN_SHARED_DATA", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path / "c"))
    assert [str(place) for place in cache.places()] == nilearn.datasets.get_data_dirs()


def test_a_link_in_the_place_of_a_subject_is_replaced_and_not_followed(tmp_path, quick):
    quick.mkdir()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/one.txt").write_text("mine")
    for aim in ("thesis", "nowhere"):
        (quick / "subj1").symlink_to(tmp_path / aim)
        assert cache.simulated_folder(progress=False) == quick / "subj1"
        assert not (quick / "subj1").is_symlink() and (tmp_path / "thesis/one.txt").read_text() == "mine"
        shutil.rmtree(quick / "subj1")


@pytest.mark.skipif(os.name == "nt", reason="folders have no mode on Windows")
@pytest.mark.parametrize("closed", ["subj1", "subj1/bold.nii.gz", "mask.nii.gz"])
def test_a_downloaded_subject_that_another_user_keeps_closed_is_passed_over(tmp_path, closed):
    for place in ("shared", "own"):
        write_subject(tmp_path / place / cache.HAXBY / "subj1", *small_series())
    path = tmp_path / "shared" / cache.HAXBY / closed
    path.touch()
    path.chmod(0)
    script = "from roilessons import load_subject; print(load_subject('haxby').func.parent)"
    shared = str(tmp_path / "shared")
    try:
        found = end(start(script, tmp_path / "own", before=ordinary(), NILEARN_SHARED_DATA=shared))
    finally:
        path.chmod(0o755)
    assert found == [str(tmp_path / "own" / cache.HAXBY / "subj1")]

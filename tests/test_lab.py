"""The two README commands: set-up, lessons that travel in a wheel, JupyterLab on lesson 00."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.manager import start_new_kernel
from waiting import PATIENCE, free_port, until

from roilessons import __main__ as setup
from roilessons import __version__
from roilessons.app import cli, contents, lab

ROOT = Path(__file__).parents[1]
BIN = "Scripts" if os.name == "nt" else "bin"


# --- setting up -----------------------------------------------------------------------


def test_active_virtual_environment_is_used(tmp_path):
    assert setup.chosen_environment(tmp_path / "mine", "/usr", tmp_path / "clone") == tmp_path / "mine"


def test_conda_environment_is_used_but_not_base(tmp_path):
    named, base = tmp_path / "conda/envs/course", tmp_path / "conda"
    for folder in (named / "conda-meta", base / "conda-meta", base / "condabin"):
        folder.mkdir(parents=True)
    assert setup.chosen_environment(named, named, tmp_path / "clone") == named
    assert setup.chosen_environment(base, base, tmp_path / "clone") == tmp_path / "clone/.venv"


def test_bare_python_gets_an_environment_in_the_checkout(tmp_path):
    assert setup.chosen_environment("/usr", "/usr", tmp_path) == tmp_path / ".venv"


def test_ready_until_the_pinned_list_or_the_checkout_changes(tmp_path):
    pinned = tmp_path / "requirements.txt"
    pinned.write_text("numpy==2.4.6\n")
    wanted = setup.stamp_text(tmp_path, pinned)
    assert not setup.is_ready(tmp_path, wanted)
    (tmp_path / setup.STAMP).write_text(wanted, encoding="utf-8")
    assert setup.is_ready(tmp_path, wanted)
    assert not setup.is_ready(tmp_path, setup.stamp_text(tmp_path / "moved", pinned))
    pinned.write_text("numpy==2.5.5\n")
    assert not setup.is_ready(tmp_path, setup.stamp_text(tmp_path, pinned))


def test_prepare_makes_the_environment_and_stamps_it_last(tmp_path, monkeypatch):
    calls = []

    def pip_install(python, *arguments):
        assert Path(python).exists(), "the environment is made first"
        assert not (tmp_path / ".venv" / setup.STAMP).exists(), "the stamp comes last"
        calls.append(arguments)

    monkeypatch.setattr(setup, "pip_install", pip_install)
    setup.prepare(tmp_path / ".venv", setup.LEARNERS)
    assert [arguments[-1] for arguments in calls] == [setup.LEARNERS, setup.CHECKOUT]
    assert setup.is_ready(tmp_path / ".venv", setup.stamp_text(setup.CHECKOUT, setup.LEARNERS))


def test_prepare_repairs_a_broken_environment(tmp_path, monkeypatch):
    monkeypatch.setattr(setup, "pip_install", lambda *arguments: None)
    (tmp_path / ".venv" / BIN).mkdir(parents=True)  # an interpreter that was removed
    setup.prepare(tmp_path / ".venv", setup.LEARNERS)
    assert setup.python_of(tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("/usr/bin/python3: No module named pip\n", "pip is missing"),
        ("WARNING: Retrying (Retry(total=4\nERROR: No matching distribution found for anyio\n", "network"),
        ("ERROR: Could not install packages due to an OSError: No space left\n", "No space left"),
        ("error: subprocess-exited-with-error\n", "subprocess-exited"),
        ("", "does not say why"),
    ],
)
def test_failed_set_up_is_told_in_one_sentence(printed, told):
    message = setup.failure(printed.splitlines(keepends=True))
    assert told in message and "\n" not in message and "same command again" in message


@pytest.fixture
def clone(tmp_path):
    """A copied checkout whose pinned lists cannot be had, and whose command says that it started."""
    folder = tmp_path / "clone"
    for place in ("binder", "tests"):
        (folder / place).mkdir(parents=True)
        (folder / place / "requirements.txt").write_text(f"no-such-package @ file:///nowhere/at/{place}.whl\n")
    (folder / "roilessons/app").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        (folder / "roilessons" / name).write_bytes((ROOT / "roilessons" / name).read_bytes())
    (folder / "roilessons/app/cli.py").write_text("def main(arguments):\n    print('started')\n")
    return folder


def lab_in(clone, command="lab"):
    """``python -m roilessons lab``, or another command, by an interpreter outside any virtual environment, as on a fresh machine."""
    bare = Path(sys.base_prefix) / ("python.exe" if os.name == "nt" else "bin/python3")
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run([bare, "-m", "roilessons", command], cwd=clone, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_failed_pip_ends_the_command_and_leaves_no_stamp(clone):
    run = lab_in(clone)
    assert run.returncode == 1
    assert "Preparing the environment" in run.stdout
    assert run.stderr.count("\n") == 1 and "Traceback" not in run.stderr, run.stderr
    assert not (clone / ".venv" / setup.STAMP).exists()


def dangle(environment):
    """As after an upgrade that took the interpreter away."""
    for path in (environment / BIN).glob("python*"):
        path.unlink()
        path.symlink_to(environment / "gone")


def foreign(environment):
    """As on a disk that came from another system."""
    path = environment / BIN / "python"
    path.unlink()  # it is a link, and what it leads to is not ours
    path.write_text("no program")
    path.chmod(0o755)


def other_python(environment):
    """As after an upgrade that put another version under the same name."""
    (library,) = environment.glob("[lL]ib/python3.*")
    library.rename(library.with_name("python3.2"))


BROKEN = {
    "the interpreter is gone": dangle,
    "the interpreter is another version": other_python,
    "the interpreter does not run": foreign,
    "a package is gone": lambda environment: next(environment.rglob("nilearn.py")).unlink(),
}


@pytest.fixture
def stamped(clone):
    """The environment of `clone`, as if prepared: all modules are found, and the stamp is there."""
    environment = clone / ".venv"
    venv.create(environment, with_pip=False, symlinks=os.name != "nt")
    library = environment / ("Lib" if os.name == "nt" else f"lib/python3.{sys.version_info.minor}") / "site-packages"
    for name in setup.NEEDED:
        (library / f"{name}.py").touch()
    wanted = setup.stamp_text(clone.resolve(), clone / "binder/requirements.txt")
    (environment / setup.STAMP).write_text(wanted, encoding="utf-8")
    return environment


def test_environment_that_works_starts_at_once(clone, stamped):
    run = lab_in(clone)
    assert (run.stdout, run.stderr, run.returncode) == ("started\n", "", 0)


def test_tests_and_the_book_take_the_longer_list_which_is_enough_for_the_lab(clone, stamped):
    for command in ("test", "book"):
        run = lab_in(clone, command)
        assert "Preparing" in run.stdout and "tests.whl" in (clone / "pip.log").read_text()
    (stamped / setup.STAMP).write_text(setup.stamp_text(clone.resolve(), clone / "tests/requirements.txt"), encoding="utf-8")
    for command in ("lab", "test"):
        assert lab_in(clone, command).stdout == "started\n"


@pytest.mark.skipif(os.name == "nt", reason="on Windows the interpreter is a copy in another layout")
@pytest.mark.parametrize("state", BROKEN)
def test_environment_that_works_no_more_is_made_again(clone, stamped, state):
    (stamped / "rubbish").touch()
    BROKEN[state](stamped)
    run = lab_in(clone)
    assert run.stdout.startswith(f"The environment in {stamped.resolve()} works no more: Python was changed")
    assert run.stdout.count("\n") == 1, "then it goes on to pip, which cannot have its packages here"
    assert run.stderr.startswith("The packages could not be installed") and run.stderr.count("\n") == 1
    assert not (stamped / "rubbish").exists() and not setup.is_ready(stamped, setup.stamp_text(clone.resolve(), clone / "binder/requirements.txt"))
    version = subprocess.run([setup.python_of(stamped), "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"Python {sys.version.split()[0]}\n"


def test_old_python_is_told_which_is_needed(monkeypatch):
    monkeypatch.setattr(setup, "OLDEST_PYTHON", (99, 0))
    with pytest.raises(SystemExit, match="needs Python 99.0 or newer; this is 3"):
        setup.main(["lab"])


# --- the command line -----------------------------------------------------------------


def test_help_names_what_a_learner_needs(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["lab", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for word in ("--no-browser", "--port", "ROILESSONS_SUBJECT", "NILEARN_DATA", "never overwritten", "Ctrl-C"):
        assert word in text
    assert len(text.splitlines()) < 40


def test_arguments_after_lab_are_passed_on(monkeypatch):
    seen = []
    monkeypatch.setattr(lab, "start", lambda arguments: seen.append(arguments) or 0)
    assert cli.main(["lab", "--no-browser", "--allow-root", "--port", "9999"]) == 0
    assert seen == [["--no-browser", "--allow-root", "--port", "9999"]]


def test_arguments_after_test_are_passed_on(monkeypatch):
    seen = []
    monkeypatch.setattr(pytest, "main", lambda arguments: seen.append((arguments, Path.cwd())) or 0)
    monkeypatch.chdir(ROOT / "tests")
    assert cli.main(["test", "-k", "one or two"]) == 0
    assert seen == [(["-k", "one or two"], ROOT)]


def test_jupyter_opens_lesson_00_quietly_and_the_learner_wins():
    arguments = lab.jupyter_arguments("/lessons", ["--port", "9999"])
    assert "--ServerApp.root_dir=/lessons" in arguments
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in arguments
    assert "--LabApp.news_url=None" in arguments
    assert arguments[-2:] == ["--port", "9999"]
    assert not any("token" in argument or "password" in argument for argument in arguments)
    own = lab.jupyter_arguments("/lessons", ["--LabApp.default_url=/tree"])
    assert [argument for argument in own if "default_url" in argument] == ["--LabApp.default_url=/tree"]
    own = lab.jupyter_arguments("/lessons", ["--notebook-dir=/mine"])
    assert not any("root_dir" in argument for argument in own), "JupyterLab refuses to be told twice"


@pytest.mark.parametrize("error", [ValueError("one"), OSError("one"), EOFError("one")])
def test_extract_tells_what_is_wrong_in_one_line(monkeypatch, capsys, error):
    def fail(options):
        raise error

    monkeypatch.setattr(cli, "run_extract", fail)
    assert cli.main(["extract", "nowhere", "--out", "out"]) == 1
    assert capsys.readouterr().err == "roilessons: one\n"


def test_interrupted_extract_ends_with_130(monkeypatch, capsys):
    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run_extract", interrupt)
    assert cli.main(["extract", "nowhere", "--out", "out"]) == 130
    assert "nothing was written" in capsys.readouterr().err


def test_text_for_a_number_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["extract", "simulated", "--out", "out", "--fwhm", "six"])
    assert end.value.code == 2
    assert "'six' is not a number" in capsys.readouterr().err


def test_subject_that_fails_is_told_and_the_lessons_still_open(monkeypatch, capsys):
    monkeypatch.setenv("ROILESSONS_SUBJECT", "nowhere/at/all")
    lab.prepare_subject()
    said = capsys.readouterr()
    assert "nowhere/at/all" in said.out and "nowhere" in said.err
    assert "Traceback" not in said.err


# --- lessons that travel in a wheel ---------------------------------------------------


@pytest.fixture
def installed(tmp_path):
    """The folder of an installed package that carries two lessons and a picture."""
    package = tmp_path / "site-packages/roilessons"
    (package / "lessons/pictures").mkdir(parents=True)
    for name in (lab.FIRST_LESSON, "03_t_test.ipynb", "pictures/map.svg"):
        (package / "lessons" / name).write_text(f"first edition of {name}")
    return package


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "a class with spaces and é"
    folder.mkdir()
    return folder


@pytest.fixture
def pulled(tmp_path):
    """A clone with two lessons, and what writes a lesson of its origin anew and pulls it."""

    def git(folder, *arguments):
        run(["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false", *arguments])

    def edition(lesson, text):
        (origin / "notebooks" / lesson).write_text(text)
        git(origin, "add", "--all")
        git(origin, "commit", "--message", "edition")
        git(clone, "pull", "--quiet")

    origin, clone = tmp_path / "origin", tmp_path / "clone"
    (origin / "notebooks").mkdir(parents=True)
    (origin / "pyproject.toml").touch()
    (origin / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    run(["git", "init", "--quiet", origin])
    for name in (lab.FIRST_LESSON, "03_t_test.ipynb", "glossary.md"):
        (origin / "notebooks" / name).write_text(f"first edition of {name}")
    git(origin, "add", "--all")
    git(origin, "commit", "--message", "first")
    run(["git", "clone", "--quiet", origin, clone])
    return clone, edition


def test_a_clone_opens_working_copies_that_a_pull_never_meets(pulled, capsys):
    clone, edition = pulled
    (clone / "notebooks/.ipynb_checkpoints").mkdir()
    (clone / "notebooks/.ipynb_checkpoints/03_t_test.ipynb").touch()
    mine = lab.lessons_folder(clone / "roilessons", clone)
    assert mine == clone / "my-lessons"
    assert {path.name for path in mine.iterdir()} == {lab.FIRST_LESSON, "03_t_test.ipynb", "glossary.md", lab.RECORD}
    (mine / "03_t_test.ipynb").write_text("my answers")
    (mine / "atlas.nii.gz").touch()
    edition("03_t_test.ipynb", "second edition")
    edition("glossary.md", "second edition")
    status = subprocess.run(["git", "-C", clone, "status", "--porcelain"], capture_output=True, text=True, check=True)
    assert not status.stdout
    capsys.readouterr()
    assert lab.lessons_folder(clone / "roilessons", clone) == mine
    assert (mine / "03_t_test.ipynb").read_text() == "my answers"
    assert (mine / "glossary.md").read_text() == "second edition"
    told = capsys.readouterr().out
    assert "newer versions of: 03_t_test.ipynb." in told and "--fresh 03" in told


def test_a_clone_of_somebody_elses_gives_copies_in_the_current_folder(pulled, empty, monkeypatch):
    clone, _ = pulled
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != clone)
    assert lab.lessons_folder(clone / "roilessons", empty) == empty
    assert (empty / lab.FIRST_LESSON).exists() and not (clone / "my-lessons").exists()


def test_on_a_hub_a_clone_is_nobodys_own(pulled, empty, monkeypatch):
    clone, _ = pulled
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "of a learner")
    assert lab.lessons_folder(clone / "roilessons", empty) == empty
    assert (empty / lab.FIRST_LESSON).exists() and not (clone / "my-lessons").exists()


@pytest.mark.parametrize("named", ["03", "3", "03_t_test", "03_t_test.ipynb"])
def test_a_fresh_lesson_is_put_beside_the_learners(installed, empty, capsys, named):
    lab.lessons_folder(installed, empty)
    source = lab.lessons_source(installed)
    assert lab.fresh_lesson(source, empty, named) == "03_t_test.ipynb", "nothing was changed in it"
    (empty / "03_t_test.ipynb").write_text("my answers")
    (installed / "lessons/03_t_test.ipynb").write_text("second edition")
    names = [lab.fresh_lesson(source, empty, named) for _ in range(2)]
    assert names == ["03_t_test_fresh.ipynb", "03_t_test_fresh2.ipynb"]
    assert {(empty / name).read_text() for name in names} == {"second edition"}
    assert (empty / "03_t_test.ipynb").read_text() == "my answers"
    capsys.readouterr()
    lab.lessons_folder(installed, empty)
    assert "newer versions" not in capsys.readouterr().out


@pytest.mark.parametrize("named", ["99", "../03", "03_", "*", "pictures/map.svg"])
def test_a_fresh_lesson_that_is_none_is_told(installed, empty, named):
    with pytest.raises(ValueError, match=re.escape(f"There is no lesson {named!r} to bring back; there are 00, 03.")):
        lab.fresh_lesson(lab.lessons_source(installed), empty, named)


def test_fresh_is_not_passed_on_and_opens_the_fresh_lesson(installed, empty, monkeypatch):
    seen = []
    monkeypatch.setattr("jupyterlab.labapp.main", seen.extend)
    monkeypatch.setattr(lab, "lessons_source", lambda: installed / "lessons")
    monkeypatch.setattr(lab, "lessons_folder", lambda: empty)
    monkeypatch.setattr(lab, "prepare_subject", lambda: None)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")
    monkeypatch.setenv("JUPYTER_PATH", "elsewhere")
    (empty / "03_t_test.ipynb").write_text("my answers")
    assert cli.main(["lab", "--fresh", "03", "--port", "9999"]) == 0
    assert "--LabApp.default_url=/lab/tree/03_t_test_fresh.ipynb" in seen
    assert seen[-2:] == ["--port", "9999"] and not any("--fresh" in argument for argument in seen)
    assert os.environ["JUPYTER_PATH"] == f"{lab.SETTINGS}{os.pathsep}elsewhere"


def test_a_kernel_of_the_lab_has_imported_what_lessons_use_and_nothing_is_named(monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(lab.SETTINGS))
    spec = json.loads((lab.SETTINGS / "kernels/python3/kernel.json").read_text(encoding="utf-8"))
    usual = get_kernel_dict(extra_arguments=["--InteractiveShellApp.extra_extensions=roilessons.app.ready"])
    assert spec == usual | {"argv": ["python", *usual["argv"][1:]]}, "ipykernel's own, but for the extension"
    manager, client = start_new_kernel(startup_timeout=300)
    try:
        assert manager.kernel_spec.resource_dir == str(lab.SETTINGS / "kernels/python3")
        said = []
        code = "import sys\nprint('nilearn.plotting' in sys.modules, 'nilearn' in globals() or 'roilessons' in globals())"
        client.execute_interactive(code, output_hook=lambda message: said.append(message["content"].get("text")), timeout=300)
        assert "True False\n" in said
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_lessons_are_copied_to_an_empty_folder(installed, empty):
    assert lab.lessons_folder(installed, empty) == empty
    assert (empty / "03_t_test.ipynb").read_text() == "first edition of 03_t_test.ipynb"
    assert (empty / "pictures/map.svg").exists()
    assert not list(empty.rglob(".draft-*"))


COPY = """
import sys
from pathlib import Path
from roilessons.app.lab import copy_lessons
sys.stdin.read(1)
for number in range(30):
    newer = copy_lessons(Path(sys.argv[1]), Path(sys.argv[2]) / str(number))
    assert not newer, newer
"""


def test_four_who_start_at_once_copy_into_one_folder(installed, empty):
    for number in range(20):
        (installed / f"lessons/{number}.ipynb").write_text(f"lesson {number} " * 5000)
    command = [sys.executable, "-c", COPY, str(installed / "lessons"), str(empty)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    options = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    four = [subprocess.Popen(command, **options) for _ in range(4)]
    for process in four:
        process.stdin.write("x")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in four]
    assert not any(errors), errors
    expected = {path.relative_to(installed / "lessons"): path.read_bytes() for path in (installed / "lessons").rglob("*.*")}
    for number in range(30):
        folder = empty / str(number)
        assert {path: (folder / path).read_bytes() for path in expected} == expected
        assert len(lab.read_record(folder / lab.RECORD)) == len(expected) and not list(folder.glob(".draft-*"))


def test_lessons_do_not_mix_with_other_files(installed, empty):
    (empty / "thesis.txt").write_text("mine")
    assert lab.lessons_folder(installed, empty) == empty / "roilessons-lessons"
    assert sorted(path.name for path in empty.iterdir()) == ["roilessons-lessons", "thesis.txt"]


def test_lessons_that_cannot_be_copied_are_told_in_one_sentence(installed, empty):
    (empty / "roilessons-lessons").write_text("a file, not a folder")
    with pytest.raises(OSError, match="^The lessons cannot be copied to .*roilessons-lessons .File exists.: start in a folder"):
        lab.lessons_folder(installed, empty)
    assert (empty / "roilessons-lessons").read_text() == "a file, not a folder"


def test_learners_own_work_is_kept_and_is_not_called_old(installed, empty, capsys):
    lab.lessons_folder(installed, empty)
    (empty / "03_t_test.ipynb").write_text("my answers")
    capsys.readouterr()
    assert lab.lessons_folder(installed, empty) == empty
    assert (empty / "03_t_test.ipynb").read_text() == "my answers"
    assert "newer versions" not in capsys.readouterr().out


def test_newer_lessons_are_told_and_nothing_is_overwritten(installed, empty, capsys):
    lab.lessons_folder(installed, empty)
    (empty / "03_t_test.ipynb").write_text("my answers")
    for name in ("03_t_test.ipynb", "pictures/map.svg"):
        (installed / "lessons" / name).write_text("second edition")
    for _ in range(2):  # told every time, until the learner acts
        capsys.readouterr()
        lab.lessons_folder(installed, empty)
        told = capsys.readouterr().out
        assert "newer versions of: 03_t_test.ipynb." in told
        assert (empty / "03_t_test.ipynb").read_text() == "my answers"
        assert (empty / "pictures/map.svg").read_text() == "second edition", "nobody changed it"
    (empty / "03_t_test.ipynb").rename(empty / "my 03.ipynb")
    lab.lessons_folder(installed, empty)
    assert (empty / "03_t_test.ipynb").read_text() == "second edition"
    capsys.readouterr()
    lab.lessons_folder(installed, empty)
    assert "newer versions" not in capsys.readouterr().out


def test_file_of_unknown_origin_is_kept_and_told(installed, empty, capsys):
    (empty / lab.FIRST_LESSON).write_text("from somewhere else")
    lab.lessons_folder(installed, empty)
    assert (empty / lab.FIRST_LESSON).read_text() == "from somewhere else"
    assert lab.FIRST_LESSON in capsys.readouterr().out


# --- for real -------------------------------------------------------------------------


def answer(url):
    """(status, final address) of a GET on this machine.

    The server prints its address a moment before it listens: a refusal is asked again.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask():
        try:
            with opener.open(url, timeout=PATIENCE) as response:
                return response.status, response.url
        except urllib.error.HTTPError as error:
            return error.code, url
        except urllib.error.URLError:
            return None

    return until(ask)


def printed_address(server, said, pattern):
    """The match of an address in what a server that starts prints."""

    def found():
        assert server.poll() is None, said.read_text(encoding="utf-8")
        return re.search(pattern, said.read_text(encoding="utf-8"))

    return until(found, lambda: said.read_text(encoding="utf-8"))


def run(command):
    """Run a command that must succeed, or show what it said."""
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def serve(command, folder, environ, said):
    """Start the lab, check what it serves, and end it; returns what it printed."""
    port = free_port()
    command = [*command, "--no-browser", "--allow-root", "--port", str(port)]
    with said.open("w") as log:
        environ = {**environ, "PYTHONUTF8": "1"}
        server = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT)
    try:
        page, token = printed_address(server, said, rf"http://127\.0\.0\.1:{port}(/\S*)\?token=(\w+)\n").groups()
        assert page == f"/lab/tree/{lab.FIRST_LESSON}"
        base = f"http://127.0.0.1:{port}"
        assert answer(f"{base}{page}?token={token}") == (200, f"{base}{page}?token={token}")
        assert answer(f"{base}/api/contents/{lab.FIRST_LESSON}?token={token}")[0] == 200
        assert answer(f"{base}/api/contents/{lab.FIRST_LESSON}")[0] == 403, "the token stays on"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)
    return said.read_text(encoding="utf-8")


def copied_clone(folder):
    """A copy of what `lab` needs of this checkout, to work in."""
    for name in ("roilessons", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return folder


def test_lab_serves_lesson_00_from_working_copies(tmp_path):
    clone = copied_clone(tmp_path / "clone")
    command = [sys.executable, "-m", "roilessons.app.cli", "lab"]
    said = serve(command, clone, {**os.environ, "PYTHONPATH": str(clone)}, tmp_path / "said.txt")
    assert f"The lessons are in {clone / 'my-lessons'}" in said
    expected = {path.name for path in (ROOT / "notebooks").iterdir()} - {".ipynb_checkpoints"}
    for folder in (clone / "notebooks", clone / "my-lessons"):
        assert {path.name for path in folder.iterdir()} - {lab.RECORD} == expected


def test_widgets_are_left_out_where_a_picture_stands_for_them():
    view = {contents.WIDGET_VIEW: {"model_id": "1"}, "text/plain": "IntSlider()"}
    shown = [view, view | {"image/png": "iVBOR"}]
    for metadata, left in (({}, [True, False]), ({"widgets": {"state": {}}}, [True, True])):
        notebook = {"metadata": metadata, "cells": [{"outputs": [{"data": dict(data)} for data in shown]}, {"source": "text"}]}
        contents.leave_out_widgets(notebook)
        assert [contents.WIDGET_VIEW in output["data"] for output in notebook["cells"][0]["outputs"]] == left


def test_wheel_carries_the_lessons_to_an_empty_folder(tmp_path, empty):
    """Built, installed in a fresh environment outside the checkout, run from an empty folder."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT]
    run(build)
    (wheel,) = tmp_path.glob(f"roilessons-{__version__}-*.whl")
    lessons = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    carried = {Path(name).name for name in zipfile.ZipFile(wheel).namelist() if "/lessons/" in name}
    assert lessons and lessons <= carried
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if "checkpoints" in name or "__pycache__" in name]

    venv.create(tmp_path / "fresh", with_pip=False)
    python = setup.python_of(tmp_path / "fresh")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel]
    run(install)
    assert (tmp_path / "fresh/etc/jupyter/jupyter_server_config.d/roilessons.json").is_file()  # where any `jupyter lab` reads it
    # The other packages are lent by the environment of the tests; a path in PYTHONPATH
    # does not bring along the checkout, which that environment knows by a .pth file.
    environ = {
        **os.environ,
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "JUPYTERLAB_DIR": str(Path(sys.prefix) / "share/jupyter/lab"),
        "JUPYTER_CONFIG_PATH": str(Path(sys.prefix) / "etc/jupyter"),
        "JUPYTER_PATH": str(Path(sys.prefix) / "share/jupyter"),
    }
    command = [tmp_path / "fresh" / BIN / "roilessons", "lab"]
    said = serve([str(word) for word in command], empty, environ, tmp_path / "said.txt")
    assert f"The lessons are in {empty}" in said
    assert lessons <= {path.name for path in empty.iterdir()}

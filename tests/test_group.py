"""A group of subjects: who fails is reported, who does not is kept, and where the work is done makes no difference."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress

import joblib
import numpy as np
import psutil
import pytest
from conftest import ROOT, array, small_series, write_subject
from dask.distributed import Client, LocalCluster
from waiting import PATIENCE, until

import roilessons as rl
from roilessons.batch import group as group_module


def sizes(subject):
    made = rl.catch_up(subject, "components", contrast=("house", "cat"))
    return np.bincount(array(made.labels_img).ravel()).tolist()


def stumble(subject):
    if subject.name == "subj2":
        raise KeyError("lunch")
    return subject.name


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class CannotBeLoaded:
    def __reduce__(self):
        return int, ("no number",)


def kill():
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def raising(error):
    def call():
        raise error

    return call


WORSE = {  # what subjects 1, 2, ... do, and what is said of them; the others give their name
    "subj1": (kill, "The process that worked on it was killed before it was done"),
    "subj2": (threading.Lock, "cannot be sent from one process to another (TypeError: "),
    "subj3": (CannotBeLoaded, "cannot be sent from one process to another"),
    "subj4": (raising(SystemExit(0)), "SystemExit: 0"),
    "subj5": (raising(Wordless()), "Wordless, which does not say why."),
    "subj6": (raising(PermissionError(13, "Permission denied", "a.tsv")), "a.tsv cannot be used (Permission denied)."),
    "subj7": (lambda: os._exit(0), "The process that worked on it was killed before it was done"),
    "subj8": (raising(KeyboardInterrupt()), "It was interrupted before it was done."),
}


def tried(folder):
    with open(folder / "tries", "a") as file:
        file.write("tried\n")


def break_down(subject):
    tried(subject.func.parent)
    return WORSE[subject.name][0]() if subject.name in WORSE else subject.name


def assert_others_kept(group, folders):
    """`break_down` was tried once on each, failed where it must, with its sentence, and the rest is there, in order."""
    assert list(group.failed) == [folder for folder in folders if folder.name in WORSE]
    for folder, sentence in group.failed.items():
        assert WORSE[folder.name][1] in sentence and "\n" not in sentence, sentence
    assert list(group.results.items()) == [(folder, folder.name) for folder in folders if folder.name not in WORSE]
    assert [(folder / "tries").read_text() for folder in folders] == ["tried\n"] * len(folders)


@pytest.fixture
def many(tmp_path):
    return [write_subject(tmp_path / f"subj{n}", *small_series()) for n in range(1, 11)]


@pytest.fixture
def folders(tmp_path):
    return [write_subject(tmp_path / f"subj{n}", *small_series(seed=n)) for n in (1, 2, 3)]


def sizes_and_leave(subject):
    """As some tools do: what is named from the working folder is then not there for the next subject."""
    made = sizes(subject)
    os.chdir(os.sep)
    return made


def test_results_are_those_of_a_plain_loop(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    group = rl.each_subject(sizes_and_leave, (folder.name for folder in folders))
    assert group.results == {folder.name: sizes(rl.load_subject(folder)) for folder in folders} and not group.failed
    assert len({str(result) for result in group.results.values()}) > 1, "three different subjects"
    assert capsys.readouterr().out.split("\r")[-1].startswith("subjects: 3 of 3 |")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_who_fails_does_not_cost_the_others(folders, tmp_path, n_jobs):
    (folders[0] / "labels.txt").unlink()
    sources = [tmp_path / "nobody", *folders]
    group = rl.each_subject(stumble, sources, n_jobs=n_jobs)
    assert group.results == {folders[2]: "subj3"}
    assert list(group.failed) == sources[:3]
    nobody, no_labels, bug = group.failed.values()
    assert "is no folder" in nobody and no_labels.endswith("has no labels.txt.") and bug == "KeyError: 'lunch'"
    assert not any("\n" in sentence for sentence in group.failed.values())


def test_all_failing_is_an_error_that_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="No subject could be done. The first, .*nobody: .* is no folder"):
        rl.each_subject(sizes, [tmp_path / "nobody"], n_jobs=1)


@pytest.mark.parametrize("again", [[], ["simulated", "simulated"], ["simulated", "simulated:1"], ["subj1", "subj2/../subj1"]])
def test_no_subjects_or_one_twice(folders, monkeypatch, again):
    monkeypatch.chdir(folders[0].parent)
    with pytest.raises(ValueError, match="each subject once"):
        rl.each_subject(sizes, again)


@pytest.mark.parametrize(("sources", "words"), [
    ("simulated", r"as a list, such as \['simulated'\]"), (["simulated", None], "not by NoneType"), ([["simulated"]], "not by list"),
])  # fmt: skip
def test_what_is_no_list_of_names_is_refused_before_the_work_begins(sources, words):
    with pytest.raises(TypeError, match=words):
        rl.each_subject(lambda subject: pytest.fail("it began to work"), sources, n_jobs=1)


def test_what_an_exception_says_is_cut_and_can_be_printed(folders):
    def fail(subject):
        raise ValueError(f"\ud800{'long ' * 100_000}")

    with pytest.raises(RuntimeError) as caught:
        rl.each_subject(fail, folders[:1], n_jobs=1)
    assert len(str(caught.value).encode()) < 1500 and str(caught.value).endswith(" ...")


def test_a_dask_cluster_gives_the_same_and_opens_no_door(folders, tmp_path):
    sources = [*folders, tmp_path / "nobody"]
    here = rl.each_subject(sizes, sources, n_jobs=1)
    before = listening()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with rl.local_cluster() as client, joblib.parallel_config(backend="dask"):
            assert len(client.scheduler_info()["workers"]) == 2
            opened = listening() - before
            there = rl.each_subject(sizes, sources)
    assert there == here
    assert {address.ip for address in opened} <= {"127.0.0.1"}
    until(lambda: listening() == before, lambda: listening() - before)


def listening():
    return {c.laddr for c in psutil.Process().net_connections("inet") if c.status == psutil.CONN_LISTEN}


def test_whoever_breaks_down_in_a_process_costs_no_other(many):
    assert_others_kept(rl.each_subject(break_down, many), many)


def test_whoever_breaks_down_in_this_process_costs_no_other(many):
    assert_others_kept(rl.each_subject(break_down, many[3:6] + many[8:], n_jobs=1), many[3:6] + many[8:])


def test_a_function_that_cannot_be_sent_is_told(folders):
    lock = threading.Lock()
    with pytest.raises(RuntimeError, match="cannot be sent from one process to another"):
        rl.each_subject(lambda subject: lock, folders)


@pytest.fixture
def arrived(tmp_path, monkeypatch):
    """From here on `each_subject` writes in a file how many answers it has taken."""

    def counted(items, *_):
        for number, item in enumerate(items, start=1):
            yield item
            (tmp_path / "arrived").write_text(str(number))

    monkeypatch.setattr(group_module, "progress", counted)


def wait_for_two(folder):
    """Until two answers have come; see `arrived`."""
    until(lambda: (folder / "arrived").exists() and (folder / "arrived").read_text() == "2")


def interrupt_the_caller(subject):
    """The third, when the others are done, presses Ctrl-C and hangs, so that nothing but a SIGKILL ends it."""
    here = subject.func.parent
    if subject.name == "subj3":
        wait_for_two(here.parent)
        (here / "pid").write_text(str(os.getpid()))
        os.kill(os.getppid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGSTOP)
    tried(here)
    return subject.name


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal on Windows")
def test_after_ctrl_c_the_finished_are_at_hand_and_nobody_works_on(folders, arrived):
    with pytest.raises(KeyboardInterrupt) as caught:
        rl.each_subject(interrupt_the_caller, folders)
    assert caught.value.group == ({folder: folder.name for folder in folders[:2]}, {})
    assert caught.value.__notes__ == [
        f"Finished were 2 of 3 subjects: sys.last_value.group.results has them. Not finished: {folders[2]}."
    ]
    assert not psutil.pid_exists(int((folders[2] / "pid").read_text()))


def kill_the_caller(subject):
    (subject.func.parent / "pid").write_text(str(os.getpid()))
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(PATIENCE)


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed by signals on Windows")
def test_nobody_works_on_when_the_kernel_is_killed(folders):
    """As where memory is full: it cannot tell its workers any more."""
    call = "import sys, roilessons, test_group; roilessons.each_subject(test_group.kill_the_caller, sys.argv[1:])"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, "-c", call, folders[0]], env=environ, timeout=PATIENCE, **quiet)
    worker = int((folders[0] / "pid").read_text())
    until(lambda: not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE, lambda: "it works on")


def dask(folder, kind, *options):
    """A Dask scheduler or worker as a process of its own, on loopback."""
    here = ["--scheduler-file", folder / "scheduler.json", "--host", "127.0.0.1", "--no-dashboard"]
    mine = ["--nthreads", "1", "--local-directory", folder] if kind == "worker" else ["--port", "0"]
    command = [str(word) for word in (sys.executable, "-m", "dask", kind, *here, *mine, *options)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))}
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def dask_cluster(folder, *options):
    """A scheduler and two workers; yields the scheduler's process and a client."""
    with ExitStack() as stack:
        stack.callback(end_tree, scheduler := dask(folder, "scheduler"))
        address = until(lambda: address_in(folder / "scheduler.json"))
        for _ in range(2):
            stack.callback(end_tree, dask(folder, "worker", *options))
        with Client(address, timeout=PATIENCE) as client:
            client.wait_for_workers(2, timeout=PATIENCE)
            yield scheduler, client


def address_in(place):
    """The scheduler's address, once its file is there and whole: a worker waits for the first alone."""
    with suppress(FileNotFoundError, ValueError):
        return json.loads(place.read_text())["address"]


def end_tree(process):
    with suppress(psutil.NoSuchProcess):
        for one in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait(PATIENCE)


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed by signals on Windows")
def test_whoever_breaks_down_on_a_dask_worker_costs_no_other(many, tmp_path):
    with dask_cluster(tmp_path), joblib.parallel_config(backend="dask", wait_for_workers_timeout=PATIENCE):
        assert_others_kept(rl.each_subject(break_down, many), many)


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed by signals on Windows")
def test_a_killer_costs_one_dask_worker_and_without_any_the_wait_ends(folders, tmp_path):
    """Nobody restarts these workers: the first killer takes one, the other does the rest, and then is killed as well."""
    more = write_subject(tmp_path / "more/subj1", *small_series())
    last = write_subject(tmp_path / "more/subj9", *small_series())
    sources = [*folders, more, last]
    with dask_cluster(tmp_path, "--no-nanny"), joblib.parallel_config(backend="dask", wait_for_workers_timeout=2):
        group = rl.each_subject(kill_or_name, sources)
    assert list(group.results) == folders[1:]
    assert list(group.failed) == [folders[0], more, last]
    killed, again, never = group.failed.values()
    assert killed == again and "was killed" in killed
    assert never == "It was not finished: no Dask worker could be reached for 2 s."


def kill_or_name(subject):
    return kill() if subject.name == "subj1" else subject.name


def tell_and_hang(subject):
    """The first two tell who works on them, and do not end."""
    if subject.name in ("subj1", "subj2"):
        (subject.func.parent / "pid").write_text(str(os.getpid()))
        time.sleep(PATIENCE)
    return subject.name


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed by signals on Windows")
def test_when_all_dask_workers_are_gone_others_who_come_do_the_rest(folders, tmp_path):
    def exchange():
        for folder in folders[:2]:
            os.kill(int(until(lambda: (folder / "pid").exists() and (folder / "pid").read_text())), signal.SIGKILL)  # noqa: B023
        came.append(dask(tmp_path, "worker", "--no-nanny"))

    came, other = [], threading.Thread(target=exchange, daemon=True)
    with dask_cluster(tmp_path, "--no-nanny"), joblib.parallel_config(backend="dask", wait_for_workers_timeout=PATIENCE):
        other.start()
        group = rl.each_subject(tell_and_hang, folders)
        end_tree(came[0])
    assert group.results == {folders[2]: "subj3"} and list(group.failed) == folders[:2]
    assert all("was killed before it was done" in sentence for sentence in group.failed.values())


def kill_the_scheduler(subject):
    """The third, when the others are done, kills the scheduler, and works on."""
    here = subject.func.parent
    if subject.name == "subj3":
        wait_for_two(here.parent)
        os.kill(int((here.parent / "pid").read_text()), signal.SIGKILL)
        time.sleep(PATIENCE)
    tried(here)
    return subject.name


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed by signals on Windows")
def test_the_finished_are_kept_when_the_dask_scheduler_dies(folders, tmp_path, arrived):
    with (
        dask_cluster(tmp_path) as (scheduler, _),
        joblib.parallel_config(backend="dask", wait_for_workers_timeout=2),
    ):
        (tmp_path / "pid").write_text(str(scheduler.pid))
        group = rl.each_subject(kill_the_scheduler, folders)
    assert group.results == {folder: folder.name for folder in folders[:2]}
    assert list(group.failed) == folders[2:]
    assert group.failed[folders[2]].startswith("It was not finished: ")


def test_an_adaptive_dask_cluster_starts_its_workers(folders):
    options = {"processes": False, "dashboard_address": None, "worker_dashboard_address": None, "memory_limit": 0}
    with LocalCluster(n_workers=0, **options) as cluster, Client(cluster), joblib.parallel_config(backend="dask", wait_for_workers_timeout=PATIENCE):
        cluster.adapt(minimum=0, maximum=1, interval="100ms")
        assert list(rl.each_subject(stumble, folders).results) == [folders[0], folders[2]]

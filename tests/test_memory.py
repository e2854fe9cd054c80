"""Memory: what a lesson may take, and what a learner is told of it.

The lessons themselves are measured while nbval runs them: see lesson_memory.py.
"""

import os
import re
import subprocess
import sys

import nbformat
import psutil
import pytest
from conftest import ROOT

from roilessons.app import machine

CONFTEST = """
import lesson_memory
from roilessons.app import machine

machine.LESSON_MIB = 200

def pytest_configure(config):
    config.pluginmanager.register(lesson_memory, "lesson_memory")
"""


def test_lessons_are_measured_in_this_run(request):
    assert request.config.pluginmanager.has_plugin("lesson_memory")


def notebook(path, *cells):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps no peak")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_lesson_over_the_limit_fails(tmp_path, workers):
    """Though every cell passes, and the memory was given back."""
    fill = "memory = bytearray(200 * 2**20)\nmemory[::4096] = memory[::4096]"
    notebook(tmp_path / "heavy.ipynb", fill, "del memory", "1 + 1")
    notebook(tmp_path / "light.ipynb", "memory = bytearray(1)", "del memory")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    options = ["-q", "-o", "addopts=", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider", "--dist=loadfile"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--numprocesses={workers}", "--rootdir", tmp_path, tmp_path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "5 passed, 1 error" in done.stdout
    assert "heavy.ipynb takes" in done.stdout and "200 is the limit" in done.stdout
    assert "light.ipynb takes" not in done.stdout
    assert re.search(r"^ +2\d\d MiB  heavy.ipynb$", done.stdout, re.MULTILINE)
    assert re.search(r"^ +\d+ MiB  light.ipynb$", done.stdout, re.MULTILINE)


def cgroup(folder, limit, used, stat=""):
    folder.mkdir(exist_ok=True)
    for name, text in (("limit", limit), ("used", used), ("memory.stat", stat)):
        (folder / name).write_text(f"{text}\n")
    return folder / "limit", folder / "used"


@pytest.fixture
def roomy(monkeypatch):
    """A machine of 64 GiB, half of it free, that nobody limits."""
    whole = psutil.virtual_memory()._replace(total=64 * 1024**3, available=32 * 1024**3)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: whole)
    monkeypatch.delenv("MEM_LIMIT", raising=False)


def test_without_a_limit_it_is_the_machines(roomy, tmp_path):
    for groups in ((), [cgroup(tmp_path, "max", 5)], [cgroup(tmp_path, 2**63, 5)]):
        assert machine.memory(groups) == (32 * 1024, 32 * 1024)


def test_a_containers_limit_counts_but_not_files_it_can_drop(roomy, tmp_path):
    assert machine.memory([cgroup(tmp_path, 2**30, 400 * 2**20)]) == (400, 624)
    assert machine.memory([cgroup(tmp_path, 2**30, 400 * 2**20, f"anon 1\ninactive_file {100 * 2**20}")]) == (300, 724)


def test_where_the_container_is_hidden_binder_tells_the_limit(roomy, monkeypatch):
    monkeypatch.setenv("MEM_LIMIT", str(2**30))
    monkeypatch.setattr(machine, "_own_bytes", lambda _: 300 * 2**20)
    assert machine.memory(()) == (300, 724)


@pytest.mark.parametrize(("available", "words"), [(699, "too little: a lesson may need 700 MiB"), (700, "enough")])
def test_a_learner_is_warned_before_a_lesson_could_not_fit(monkeypatch, available, words):
    monkeypatch.setattr(machine, "memory", lambda: (324, available))
    report = machine.machine_report()
    assert f"324 MiB used, {available} MiB available: {words}" in report
    assert ("short of memory" in report) == (available < 700)

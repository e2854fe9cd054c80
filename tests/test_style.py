"""The configured style rules, checked here so that contributors and CI run the same release of the checker."""

import subprocess
import sys

from conftest import ROOT


def test_ruff_finds_nothing():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise"]
    command += ["roilessons", "tests", "tools", "benchmarks", "notebooks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

"""The configured style rules, checked by the pinned release of ruff wherever the tests run; and names in the tests' own lists."""

import subprocess
import sys

import pytest
from conftest import ROOT, check_slow


def test_ruff_finds_nothing():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise"]
    command += ["roilessons", "tests", "tools", "benchmarks", "deploy", "notebooks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_slow_test_that_has_another_name_now_is_noticed():
    check_slow(["test_style.py", "::test_ruff_finds_nothing", "::test_a_slow_test_"], ROOT / "tests")
    for name in ("test_styles.py", "::test_ruff_found_nothing"):
        with pytest.raises(pytest.UsageError, match=name):
            check_slow([name], ROOT / "tests")

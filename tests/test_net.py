"""The net holds: a helper that gives other answers turns notebooks red."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

CAUGHT_BY = ("04_threshold", "05_intersection", "06_dilation", "07_connected_components", "08_roi_signals")


@pytest.mark.parametrize(("right", "wrong"), [("THRESHOLD = 5", "THRESHOLD = 4.5"), ("FWHM = 6", "FWHM = 5")])
def test_a_changed_default_is_caught(tmp_path, right, wrong):
    copy = tmp_path / "roilessons"
    shutil.copytree(ROOT / "roilessons", copy, ignore=shutil.ignore_patterns("__pycache__"))
    steps = (copy / "steps.py").read_text(encoding="utf-8")
    assert steps.count(f"\n{right} ") == 1
    (copy / "steps.py").write_text(steps.replace(f"\n{right} ", f"\n{wrong} "), encoding="utf-8")
    red = [lesson for lesson in CAUGHT_BY if turns_red(lesson, tmp_path)]
    assert len(red) >= 4, red


def turns_red(lesson, path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-o", "addopts=", "--nbval", "--nbval-current-env",
         "--nbval-sanitize-with=tests/nbval_sanitize.cfg", f"notebooks/{lesson}.ipynb"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(path)}, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode == 1 and "mismatch" in done.stdout

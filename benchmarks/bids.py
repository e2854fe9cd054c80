"""What `roilessons extract --bids` costs: one person of a usual size, more runs, more people, more processes.

    python benchmarks/bids.py [FOLDER]

Makes series as large as fMRIPrep's at 2 mm (random numbers, in FOLDER or a temporary one: 2 GB), and the small example. Prints
seconds of processor time, which a busy machine changes little, seconds on the clock, which it changes much, and the largest memory of
any one process.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

import roilessons as rl
from roilessons.datasets.listening import ATLAS, SPACE

SHAPE, VOLUMES = (97, 115, 97), 150  # fMRIPrep's MNI152NLin2009cAsym:res-2
AFFINE = np.diag([2.0, 2, 2, 1])
AFFINE[:3, 3] = (-96, -132, -78)


def large(folder, runs):
    """A dataset of one person with runs of a usual size; the brain is an ellipsoid, the mask a part of it."""
    rng = np.random.default_rng(0)
    raw, prepared = folder / "sub-01/func", folder / "derivatives/fmriprep/sub-01/func"
    for place, kind in ((folder, "raw"), (folder / "derivatives/fmriprep", "derivative")):
        place.mkdir(parents=True, exist_ok=True)
        described = {"Name": "benchmark", "BIDSVersion": "1.10.0", "DatasetType": kind}
        (place / "dataset_description.json").write_text(json.dumps(described))
    raw.mkdir(parents=True)
    prepared.mkdir(parents=True)
    places = np.indices(SHAPE) - np.reshape(np.array(SHAPE) / 2, (3, 1, 1, 1))
    brain = (np.square(places / np.reshape((34, 43, 34), (3, 1, 1, 1))).sum(axis=0) < 1).astype(np.uint8)
    mask = brain * (places[2] < -15) * (places[1] < 0)
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), AFFINE), folder / "mask.nii.gz")
    for run in range(1, runs + 1):
        name = f"sub-01_task-a_run-{run}"
        data = (np.int16(1000) * brain[..., None] + 20 * rng.standard_normal((*SHAPE, VOLUMES), dtype=np.float32)).astype(np.int16)
        img = nib.Nifti1Image(data, AFFINE)
        img.header.set_zooms((2, 2, 2, 2))
        img.header.set_xyzt_units("mm", "sec")
        nib.save(img, prepared / f"{name}_space-{SPACE}_desc-preproc_bold.nii.gz")
        nib.save(nib.Nifti1Image(brain, AFFINE), prepared / f"{name}_space-{SPACE}_desc-brain_mask.nii.gz")
        events = pd.DataFrame({"onset": 10 + 26.0 * np.arange(10), "duration": 16.0, "trial_type": ["a", "b"] * 5})
        events.to_csv(raw / f"{name}_events.tsv", sep="\t", index=False)
        columns = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"] + ["framewise_displacement"]
        motion = pd.DataFrame(np.abs(rng.normal(0, 0.05, (VOLUMES, 7))), columns=columns)
        motion.to_csv(prepared / f"{name}_desc-confounds_timeseries.tsv", sep="\t", index=False)


def measured(*arguments):
    """Processor seconds, seconds on the clock and MiB of the largest process of one command."""
    code = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024); sys.exit(done.returncode)"
    )
    start = time.perf_counter()
    command = [sys.executable, "-c", code, sys.executable, "-m", "roilessons.app.cli", "extract", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, memory = map(float, done.stdout.split())
    return seconds, time.perf_counter() - start, memory


def line(what, numbers):
    print(f"| {what} | {numbers[0]:.1f} | {numbers[1]:.1f} | {numbers[2]:.0f} |", flush=True)


def main(folder):
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| what | processor, s | clock, s | largest process, MiB |\n|---|---|---|---|")
    runs = 4
    large(folder / "large", runs)
    mask = folder / "large/mask.nii.gz"
    for few in (2, runs):
        some = ["--run", *range(1, few + 1)]
        how = ["--contrast", "a", "b", "--correct", "fdr"]
        out = folder / f"out-{few}"
        words = f"one person, {few} runs of {VOLUMES} volumes of 2 mm"
        line(words, measured("--bids", folder / "large", "--sub", "01", "--out", out, *some, *how, "--mask", mask))
    line(f"the same, {runs} runs, the whole brain", measured("--bids", folder / "large", "--sub", "01", "--out", folder / "brain", *how))
    for people, processes in ((2, 1), (8, 1), (8, 2)):
        study = folder / f"study-{people}"
        if not study.exists():
            rl.example_bids(study, subjects=people, runs=6)
        how = ["--contrast", "speech", "music", "--mask", study / f"derivatives/atlas/tpl-{SPACE}/{ATLAS}.nii.gz"]
        out = folder / f"out-{people}-{processes}"
        words = f"example, {people} people of 6 small runs, {processes} process{'es' * (processes > 1)}"
        line(words, measured("--bids", study, "--all", "--out", out, "--jobs", processes, *how))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))

"""How fast and how light: `python benchmarks/speed.py` prints Markdown tables, with the machine and the versions.

The tables are those of docs/benchmarks.md. It makes the simulated subject if need be, runs the tutorial's steps on whole arrays
(plain.py) and `roilessons extract --test volumes` in turn on the same file, and checks that they agree. Nothing heavy is imported here: a
process that starts another passes its own memory on as the other's least peak.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
MIB = 2**20

IN_PROCESS = """
import json, sys, time
import roilessons as rl
from isal import igzip
from roilessons import steps, subject
from roilessons.batch import extract
from roilessons.volumes import one_pass
import nibabel, numpy, pandas, scipy.special
"""
GUNZIP = IN_PROCESS + """
start, buffer = time.perf_counter(), bytearray(1 << 20)
with igzip.open(sys.argv[1] + "/bold.nii.gz") as file:
    while file.readinto(buffer): pass
print(time.perf_counter() - start)
"""
EXTRACT = IN_PROCESS + """
start = time.perf_counter()
extract.extract(sys.argv[1], sys.argv[2], test="volumes")
print(time.perf_counter() - start)
"""
LOAD = IN_PROCESS + """
import nilearn.datasets
start = time.perf_counter()
rl.load_subject()
print(time.perf_counter() - start)
"""
CATCH_UP = IN_PROCESS + """
import nilearn.datasets
start = time.perf_counter()
rl.catch_up(rl.load_subject(), "signals")
print(time.perf_counter() - start)
"""
IMPORT = """
import time
start = time.perf_counter()
import roilessons
print(time.perf_counter() - start)
"""
REPEAT = """
import sys, shutil
from pathlib import Path
import nibabel as nib, numpy as np
from isal import igzip
source, target, times = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
target.mkdir()
img = nib.load(source / "bold.nii.gz")
header = img.header.copy()
header["vox_offset"] = img.dataobj.offset
header.set_data_shape((*img.shape[:3], img.shape[3] * times))
with igzip.open(target / "bold.nii.gz", "wb", 1) as out:
    out.write(header.binaryblock + bytes(4))
    for _ in range(times):
        with igzip.open(source / "bold.nii.gz") as file:
            file.read(img.dataobj.offset)
            shutil.copyfileobj(file, out, 1 << 20)
header, *lines = (source / "labels.txt").read_text().splitlines()
rows = [(line.split()[0], int(line.split()[1])) for line in lines]
runs = 1 + rows[-1][1]
again = [f"{condition} {run + runs * time}" for time in range(times) for condition, run in rows]
(target / "labels.txt").write_text("\\n".join([header, *again]) + "\\n")
shutil.copy(source / "mask4_vt.nii.gz", target)
"""
UNPACK = """
import sys, shutil
from pathlib import Path
from isal import igzip
source, target = Path(sys.argv[1]), Path(sys.argv[2])
target.mkdir()
with igzip.open(source / "bold.nii.gz") as file, open(target / "bold.nii", "wb") as out:
    shutil.copyfileobj(file, out, 1 << 20)
shutil.copy(source / "labels.txt", target)
shutil.copy(source / "mask4_vt.nii.gz", target)
"""


def run(*arguments, env=None):
    """Run Python with `arguments`; returns (seconds, peak MiB, what it printed). Stops if it fails."""
    with tempfile.TemporaryFile("w+") as out:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, *map(str, arguments)], stdout=out, env=os.environ | (env or {}))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        out.seek(0)
        if status:
            sys.exit(f"failed: {' '.join(map(str, arguments))[:80]}")
        return seconds, usage.ru_maxrss / 1024, out.read().strip()


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    packages = ", ".join(f"{name} {version(name)}" for name in ("nilearn", "numpy", "scipy", "nibabel", "isal"))
    return f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}, {packages}."


def side_by_side(folder, scratch, times):
    """The peer and `roilessons extract --test volumes`, in turn on the same file."""
    plain, ours = [], []
    for number in range(times + 1):
        plain.append(run(HERE / "plain.py", folder))
        ours.append(run("-m", "roilessons.app.cli", "extract", folder, "--out", scratch / f"out{number}", "--test", "volumes"))
        expected = json.loads(plain[-1][2])
        summary = json.loads((scratch / f"out{number}" / "summary.json").read_text())
        wrong = [key for key in expected if key in summary and summary[key] != expected[key]]
        if wrong:
            sys.exit(f"the two disagree in {wrong}")
    seconds = [[result[0] for result in results[1:]] for results in (plain, ours)]  # the first is a warm-up
    peaks = [[result[1] for result in results[1:]] for results in (plain, ours)]
    faster = median(a / b for a, b in zip(*seconds, strict=True))
    lighter = median(a / b for a, b in zip(*peaks, strict=True))
    print(f"""
| whole process, median of {times} paired runs | tutorial's steps | extract --test volumes | ratio | target |
|---|---|---|---|---|
| time | {median(seconds[0]):.1f} s | {median(seconds[1]):.2f} s | {faster:.1f} times faster | 10 |
| peak memory | {median(peaks[0]):,.0f} MiB | {median(peaks[1]):,.0f} MiB | {lighter:.1f} times lighter | 10 |

Both find the same voxels and the same ROIs: {expected["roi_sizes"]} voxels.""")


def inside(script, *arguments, times):
    """Median of the seconds that `script` prints, and of its peak memory."""
    results = [run("-c", script, *arguments) for _ in range(times + 1)][1:]
    return median(float(result[2]) for result in results), median(result[1] for result in results)


def extracted(folder, scratch, times):
    """Median seconds after imports, and peak MiB, of an extraction."""
    results = [run("-c", EXTRACT, folder, scratch / f"{folder.name}-{number}") for number in range(times + 1)][1:]
    return median(float(result[2]) for result in results), median(result[1] for result in results)


def growth(folder, scratch, times):
    """Time and memory of the extraction with 1, 2 and 4 times the volumes, and of a file that is not compressed."""
    floor = inside(GUNZIP, folder, times=times)[0]
    once = extracted(folder, scratch, times)
    rows = [("1", *once, floor)]
    for factor in (2, 4):
        longer = scratch / f"times{factor}"
        run("-c", REPEAT, folder, longer, factor)
        rows.append((str(factor), *extracted(longer, scratch, times), inside(GUNZIP, longer, times=times)[0]))
        shutil.rmtree(longer)
    print("\n| volumes | gunzip alone | extract --test volumes, after imports | in gunzips (target 2.5) | peak memory (target flat within 10 %) |\n|---|---|---|---|---|")
    for factor, seconds, peak, unpacking in rows:
        print(f"| {factor} x 1,452 | {unpacking:.2f} s | {seconds:.2f} s ({seconds / once[0]:.2f} x) | {seconds / unpacking:.2f} | {peak:.0f} MiB ({peak / once[1]:.2f} x) |")
    run("-c", UNPACK, folder, scratch / "uncompressed")
    seconds, peak = extracted(scratch / "uncompressed", scratch, times)
    print(f"| 1 x 1,452, not compressed | | {seconds:.2f} s | {seconds / floor:.2f} | {peak:.0f} MiB |")


def starts(scratch, times):
    """What a learner waits for."""
    first, peak, _ = run("-c", "import roilessons; roilessons.load_subject()", env={"NILEARN_DATA": str(scratch / "new"), "HOME": str(scratch)})
    disk = sum(path.stat().st_size for path in (scratch / "new").rglob("*") if path.is_file()) / 1e6
    rows = [
        ("`import roilessons`", f"{inside(IMPORT, times=times)[0]:.3f} s", "0.6 s"),
        ("`load_subject()` when cached, after imports", f"{inside(LOAD, times=times)[0]:.3f} s", "0.3 s"),
        ("first use of the simulated subject, whole process", f"{first:.1f} s, {peak:.0f} MiB, {disk:.0f} MB", "15 s, 500 MiB, 120 MB"),
        ("catching up to lesson 08, after imports", f"{inside(CATCH_UP, times=times)[0]:.2f} s", "3 s"),
    ]
    lessons = HERE.parent / "notebooks"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "--numprocesses=0", lessons], cwd=HERE.parent, capture_output=True)
    verdict = "" if done.returncode == 0 else " (some failed)"
    rows.append((f"all notebooks under nbval, one after the other{verdict}", f"{time.perf_counter() - start:.0f} s", "120 s"))
    print("\n| what | measured | target |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="counted runs of each (default 5)")
    times = parser.parse_args().times
    print(machine())
    folder = Path(run("-c", "import roilessons; print(roilessons.load_subject().func.parent)")[2].splitlines()[-1])
    with tempfile.TemporaryDirectory() as scratch:
        side_by_side(folder, Path(scratch), times)
        growth(folder, Path(scratch), times)
        starts(Path(scratch), times)

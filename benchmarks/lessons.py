"""How long a lesson takes: `python benchmarks/lessons.py` runs each lesson in a fresh kernel, cell by cell, and prints a Markdown table.

Seconds on the clock, and in brackets of the processor: the kernel's and of the processes that it started. `first figure` counts from
"run all", with a kernel that runs. Memory is what the kernel holds (resident) after its first cell, and its peak. Linux only.
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path
from statistics import median

import psutil
from jupyter_client.manager import start_new_kernel
from speed import HERE, machine

NOTEBOOKS = HERE.parent / "notebooks"
FIGURES = {"image/png", "application/vnd.jupyter.widget-view+json"}


def processor_seconds(process):
    """Of a kernel and of the processes that it started, those that still run and those that ended."""
    seconds = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.Error:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def run_lesson(path):
    """The marks of one run, each (seconds, processor seconds), and MiB: after the first cell, and at the peak."""
    cells = ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    start = time.perf_counter()
    manager, client = start_new_kernel(kernel_name="python3", cwd=path.parent, stderr=subprocess.DEVNULL)
    process = psutil.Process(manager.provisioner.pid)
    at_start = processor_seconds(process)
    marks, figure, after_first = {"kernel": (time.perf_counter() - start, at_start)}, [], None
    start, slowest = time.perf_counter(), (0, 0, 0)

    def now():
        return time.perf_counter() - start, processor_seconds(process) - at_start

    def look(message):
        if not figure and FIGURES & {*message["content"].get("data", ())}:
            figure.append(now())

    for number, cell in enumerate(cells, start=1):
        before = now()
        reply = client.execute_interactive(cell, output_hook=look, timeout=300)["content"]
        if reply["status"] != "ok":
            raise SystemExit(f"{path.name} failed in cell {number}: {reply['evalue']}")
        took = [after - earlier for after, earlier in zip(now(), before, strict=True)]
        slowest = max(slowest, (*took, number))
        if number == 1:
            marks["first cell"], after_first = took, process.memory_info().rss
    marks |= {"first figure": figure[0] if figure else (0, 0), "lesson": now(), "slowest cell": slowest[:2]}
    peak = next(int(line.split()[1]) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return marks, slowest[2], (after_first / 2**20, peak / 1024)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", nargs="*", help="numbers such as 00 04; all if none is named")
    parser.add_argument("--times", type=int, default=3, help="counted runs of each (default 3)")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(HERE.parent)
    paths = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if path.name[:2] in options.lessons or not options.lessons]
    print(machine())
    print("\n| lesson | kernel | first cell | first figure | lesson | slowest cell | which | MiB after first cell | peak MiB |\n|---|---|---|---|---|---|---|---|---|")
    for path in paths:
        runs = [run_lesson(path) for _ in range(options.times)]
        seconds = [
            "{:.1f} s ({:.1f})".format(*(median(run[0][mark][kind] for run in runs) for kind in (0, 1))) for mark in runs[0][0]
        ]
        held, peak = (median(run[2][kind] for run in runs) for kind in (0, 1))
        print(f"| {path.stem} | {' | '.join(seconds)} | {runs[0][1]} | {held:.0f} | {peak:.0f} |", flush=True)

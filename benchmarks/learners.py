"""How many learners a server holds: `python benchmarks/learners.py` prints a Markdown table. Linux only.

Kernels, as many as learners, run the code of lesson 08 at once on one machine and one subject. A learner's memory is
the kernel's proportional set size: its own memory, and its share of what several kernels have in common. Beside it stands
the peak of the tutorial's steps on whole arrays (plain.py), which a kernel that runs them needs.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

from jupyter_client.manager import start_new_kernel
from speed import HERE, machine, run

LESSON = HERE.parent / "notebooks/08_roi_signals.ipynb"
SERVER_MIB = 16 * 1024
KIB = 1024


def run_lesson(cells):
    """A kernel that ran `cells`, one after the other: (client, manager). Stops if one fails."""
    manager, client = start_new_kernel(kernel_name="python3", cwd=LESSON.parent, stderr=subprocess.DEVNULL)
    for cell in cells:
        reply = client.execute_interactive(cell, output_hook=lambda message: None, timeout=300)["content"]
        if reply["status"] != "ok":
            sys.exit(f"lesson 08 failed: {reply['evalue']}")
    return client, manager


def memory_mib(pid, file, field):
    """One of the numbers that Linux keeps of a process's memory, in MiB."""
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) / KIB for line in lines if line.startswith(field))


def learners(count):
    """Proportional set size and peak of each of `count` kernels that ran lesson 08 at the same time, in MiB."""
    cells = ["".join(cell["source"]) for cell in json.loads(LESSON.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    with ThreadPoolExecutor(count) as pool:
        kernels = list(pool.map(run_lesson, [cells] * count))
    pids = [manager.provisioner.pid for _, manager in kernels]
    found = [(memory_mib(pid, "smaps_rollup", "Pss:"), memory_mib(pid, "status", "VmHWM")) for pid in pids]
    for client, manager in kernels:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return list(zip(*found, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learners", type=int, default=8, help="kernels at once (default 8)")
    count = parser.parse_args().learners
    os.environ["PYTHONPATH"] = str(HERE.parent)
    folder = run("-c", "import roilessons; print(roilessons.load_subject().func.parent)")[2].splitlines()[-1]
    shares, peaks = learners(count)
    tutorial = run(HERE / "plain.py", folder)[1]
    print(f"""{machine()}

| | roilessons, lesson 08, {count} learners at once | the tutorial's steps |
|---|---|---|
| memory a learner | {mean(shares):.0f} MiB (proportional set size) | {tutorial:,.0f} MiB (peak) |
| largest peak of a kernel | {max(peaks):.0f} MiB | {tutorial:,.0f} MiB |
| learners in 16 GB, by that peak | {SERVER_MIB // max(peaks):.0f} | {SERVER_MIB // tutorial:.0f} |
| learners in 16 GB, by what they hold | {SERVER_MIB // mean(shares):.0f} | {SERVER_MIB // tutorial:.0f} |""")

"""A class on one hub, measured: `python benchmarks/hub.py` prints the Markdown tables of docs/hub.md. Linux only.

A real JupyterHub with its proxy, by the configuration of deploy/, on this machine; learners who log in, open lesson 00 and
then 04, and run their cells at the pace of a class, many times faster so that it takes minutes. Then all of them run all of
lesson 04 at the same second. Where JupyterHub is missing it is installed into a temporary folder (npm is needed). Thirty
learners need some 17 GB and a quarter of an hour. Run it on a machine with nothing else to do.
"""

import argparse
import asyncio
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hub import FIRST, ROOT, SECOND, Failed, Hub, Learner, install  # noqa: E402
from speed import machine  # noqa: E402

LONGEST = 40 * 60  # seconds, then it ends by itself
MIB = 2**20


def minutes(lesson):
    """What the lesson's opening says: reading, running and exercises."""
    told = re.search(
        r"\*\*Minutes\*\*: (\d+) to read and run, (\d+) for the exercises",
        (ROOT / "notebooks" / lesson).read_text(encoding="utf-8"),
    )
    return int(told[1]) + int(told[2])


def seconds_of_processor(hub):
    """What all processes of the hub have used, those that have ended included."""
    return sum(sum(process.cpu_times()[:4]) for process in hub.processes())


def memory(hub):
    """MiB in proportional shares: (of each learner's server and kernel, of hub, proxy and culler)."""
    learners, rest = {}, 0
    for process in hub.processes():
        try:
            place, share = Path(process.cwd()), process.memory_full_info().pss / MIB
        except psutil.NoSuchProcess:
            continue
        if place.is_relative_to(hub.folder / "learners"):
            name = place.relative_to(hub.folder / "learners").parts[0]
            learners[name] = learners.get(name, 0) + share
        else:
            rest += share
    return list(learners.values()), rest


class Class:
    """What is counted, over all learners."""

    def __init__(self, hub, count, seconds):
        self.hub, self.learners = hub, [Learner(hub, name(number)) for number in range(count)]
        self.scale = seconds / 60 / (minutes(FIRST) + minutes(SECOND))  # of a class's time
        self.lab, self.result, self.cells, self.later, self.together, self.pictures = [], [], [], [], [], []
        self.ends, self.failures, self.shares, self.stages = [], [], [], {}

    async def all(self, what, *arguments):
        """One thing by every learner who has not failed; who fails is counted and waits outside."""

        async def one(learner):
            try:
                await asyncio.wait_for(what(learner, *arguments), LONGEST)
            except Exception as error:  # whatever it is, it is counted
                self.failures.append(f"{learner.name}, {what.__name__}: {error!r}")
                self.learners.remove(learner)

        clock, used = time.perf_counter(), seconds_of_processor(self.hub)
        await asyncio.gather(*(one(learner) for learner in [*self.learners]))
        self.stages[what.__name__, *arguments] = time.perf_counter() - clock, seconds_of_processor(self.hub) - used

    async def arrive(self, learner):
        start = time.perf_counter()
        if not await learner.log_in():
            raise Failed("not let in")
        if not (await learner.lab()).endswith(FIRST):
            raise Failed("lesson 00 is not opened")
        self.lab.append(time.perf_counter() - start)

    async def read(self, learner, lesson):
        """All cells at the pace of a class, half to one and a half times the mean pause before each; then save."""
        start = time.perf_counter()
        cells = await learner.open(lesson)
        pause = minutes(lesson) * 60 * self.scale / len(cells)
        for number, cell in enumerate(cells):
            if number:
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            self.cells.append(await learner.run(cell))
            if number:
                self.later.append(self.cells[-1])
            if not number and lesson == FIRST:
                self.result.append(time.perf_counter() - start)
        await learner.save(lesson, await learner.notebook(lesson))

    async def close(self, learner):
        await learner.close()

    async def open_again(self, learner):
        self.again = await learner.open(SECOND)

    async def run_all(self, learner):
        start, seen = time.perf_counter(), []

        def note(content):
            if not seen and "image/png" in content.get("data", ()):
                seen.append(time.perf_counter() - start)

        for cell in self.again:
            self.together.append(await learner.run(cell, note))
        self.pictures.extend(seen)
        self.ends.append(time.perf_counter() - start)


def name(number):
    return f"learner{number + 1:02}"


async def hold(hub, count, seconds):
    course = Class(hub, count, seconds)
    await course.all(course.arrive)
    for lesson in (FIRST, SECOND):
        await course.all(course.read, lesson)
        course.shares.append(memory(hub))
        await course.all(course.close)
    await course.all(course.open_again)
    await course.all(course.run_all)
    course.shares.append(memory(hub))
    return course


def report(course, count):
    """The tables, and what follows from them for a class."""
    (first, _), (second, rest), _ = course.shares
    class_minutes = minutes(FIRST) + minutes(SECOND)
    heaviest = max(first + second)
    used = {stage: seconds / count for stage, (_, seconds) in course.stages.items()}
    start, both, burst = used["arrive",], used["read", FIRST] + used["read", SECOND], used["run_all",]

    def row(what, values):
        print(f"| {what} | " + " | ".join(f"{value:.1f}" for value in (*np.percentile(values, (50, 95)), max(values))) + " |")

    print(
        f"{machine()} {psutil.virtual_memory().total / 2**30:.0f} GiB of memory. {count} learners; failures: {len(course.failures)}.\n"
    )
    print("| seconds | median | 95 % | slowest |\n|---|---|---|---|")
    row("from the login to the lab", course.lab)
    row("from opening lesson 00 to its first result", course.result)
    row(f"a cell of lessons 00 and 04, {1 / course.scale:.0f} times as fast as a class", course.cells)
    row("the same without the first cell of each lesson, which loads the tools", course.later)
    row("a cell of lesson 04, all at the same second", course.together)
    row("lesson 04, all at the same second: the first figure", course.pictures)
    row("lesson 04, all at the same second: the last result", course.ends)
    print(f"""
| per learner | |
|---|---|
| memory, server and kernel, lesson 00 (proportional set size) | {np.mean(first):.0f} MiB |
| memory, server and kernel, lesson 04 | {np.mean(second):.0f} MiB |
| memory, the learner who has most | {heaviest:.0f} MiB |
| processor, to start the lab | {start:.1f} s |
| processor, lessons 00 and 04, {class_minutes} minutes in a class | {both:.1f} s |
| processor, lesson 04 with Run All | {burst:.1f} s |

Memory in all, lesson 04: {(sum(second) + rest) / 1024:.1f} GiB, of which the hub, its proxy and the culler have {rest:.0f} MiB.

| by this | learners per core | thirty need |
|---|---|---|
| at the pace of a class, the core half idle | {0.5 * 60 * class_minutes / both:.0f} | {30 * both / 60 / class_minutes / 0.5:.1f} cores |
| labs started at the same second, the last within a minute | {60 / start:.0f} | {30 * start / 60:.1f} cores |
| all of lesson 04 at the same second, the last within a minute | {60 / burst:.0f} | {30 * burst / 60:.1f} cores |
| memory: each as the learner who has most, and the hub | | {(30 * heaviest + rest) / 1024:.0f} GiB |""")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=360, help="for the pauses of both lessons (default 360)")
    asked = parser.parse_args()
    random.seed(0)
    folder = Path(tempfile.mkdtemp(prefix="hub-"))
    try:
        with Hub(folder / "class", [name(number) for number in range(asked.learners)], install(folder / "packages")) as hub:
            course = asyncio.run(asyncio.wait_for(hold(hub, asked.learners, asked.seconds), LONGEST))
            for failure in course.failures:
                print(f"FAILED: {failure}")
            if course.learners:
                report(course, asked.learners)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(course.failures))

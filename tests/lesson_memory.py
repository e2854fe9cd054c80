"""A pytest plugin: the memory that each lesson takes at its peak, measured while nbval runs the lesson anyway.

A lesson over a limit fails; the peaks are listed at the end of the run.
"""

import psutil
import pytest

from roilessons.app import machine

ALL_MIB = 900  # for a kernel and the processes that it starts: Binder promises 1 GiB, and the server is in it, too
PEAK = "peak memory of the lesson, MiB"


def peak_mib(pid):
    """Peak memory of a kernel, and of it with the processes that it started and that still run, in MiB.

    The second is more than was ever taken at once: not all peak at the same time. What these processes have from files
    (the code of the packages) is in memory already, and counts once.
    """
    kernel = psutil.Process(pid)
    alone = _peak_bytes(kernel)
    others = sum(_peak_bytes(process, shared=True) for process in kernel.children(recursive=True))
    return alone // machine.MIB, (alone + others) // machine.MIB


def _peak_bytes(process, shared=False):
    try:
        with open(f"/proc/{process.pid}/status") as status:
            told = dict(line.split(":", 1) for line in status)
        kib = {name: int(told[name].split()[0]) for name in ("VmHWM", "RssFile")}
        return (kib["VmHWM"] - shared * kib["RssFile"]) * 1024
    except (OSError, KeyError):  # no Linux, or the process has ended
        pass
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0
    return getattr(memory, "peak_wset", memory.rss)  # Windows keeps a peak, too; elsewhere it is what is held now


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """After each cell, while the kernel still runs."""
    lesson, peaks = item.parent, (0, 0)
    if getattr(lesson, "kernel", None) is not None:
        try:
            now = peak_mib(lesson.kernel.km.provisioner.pid)
            peaks = lesson.peaks = tuple(map(max, now, getattr(lesson, "peaks", peaks)))
        except psutil.Error:  # the kernel died; its cell says so
            pass
    last = nextitem is None or nextitem.parent is not lesson
    if peaks[0] and last:
        item.user_properties.append((PEAK, [lesson.path.name, *peaks]))
    result = yield
    for peak, limit in zip(peaks, (machine.LESSON_MIB, ALL_MIB), strict=True):
        if last and peak > limit:
            pytest.fail(f"{lesson.path.name} takes {peak} MiB at its peak; {limit} is the limit.", pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter):
    reports = [report for group in terminalreporter.stats.values() for report in group]
    found = {tuple(value) for report in reports for name, value in getattr(report, "user_properties", ()) if name == PEAK}
    if found:
        terminalreporter.section(f"memory of each lesson's kernel at its peak (limit {machine.LESSON_MIB} MiB)")
        for lesson, alone, together in sorted(found):
            more = f" ({together} MiB with the processes that it started, limit {ALL_MIB})" if together > alone else ""
            terminalreporter.line(f"{alone:5} MiB  {lesson}{more}")

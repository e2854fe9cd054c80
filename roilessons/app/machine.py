"""Is this machine ready for the course? Versions, memory, disk."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("nilearn", "nibabel", "numpy", "scipy", "matplotlib", "pandas", "ipywidgets", "jupyterlab")
LESSON_MIB = 700  # no lesson's kernel takes more; a test sees to it
MIB = 2**20
CGROUPS = (  # where a container keeps its limit and its use: version 2, then version 1
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def versions():
    """Python's and each package's version, or "not installed" (dict of str)."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def memory(cgroups=CGROUPS):
    """Memory in use and memory still available, in MiB, within the container's limit where there is one.

    Returns
    -------
    used, available : int
    """
    import psutil

    whole = psutil.virtual_memory()
    used, available = whole.total - whole.available, whole.available
    limit = _container_limit(cgroups) or (int(os.environ.get("MEM_LIMIT") or 0), None)
    if 0 < limit[0] < whole.total:
        # Binder sets MEM_LIMIT where it hides the container's own files: then only our processes count.
        used = limit[1] if limit[1] is not None else _own_bytes(psutil)
        available = min(available, limit[0] - used)
    return used // MIB, max(0, available // MIB)


def _container_limit(cgroups):
    for limit, use in cgroups:
        try:
            return int(limit.read_text()), int(use.read_text()) - _given_back(limit.parent)
        except (OSError, ValueError):  # not there, or "max": no limit
            continue
    return None


def _given_back(cgroup):
    """Bytes of files that the system keeps in memory for speed and drops when the memory is needed."""
    try:
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return int(stat.get("total_inactive_file") or stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return 0


def _own_bytes(psutil):
    total = 0
    for process in psutil.process_iter():
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


def _short(path):
    """A path with ~ for the home folder."""
    try:
        return Path("~", path.relative_to(Path.home()))
    except (RuntimeError, ValueError):  # no home folder, or not in it
        return path


def machine_report():
    """What this machine has, and whether it will do.

    Returns
    -------
    str
        A line for each of: versions, memory, where the data are kept.
    """
    from roilessons.datasets.cache import places

    used, available = memory()
    enough = "enough" if available >= LESSON_MIB else f"too little: a lesson may need {LESSON_MIB} MiB; close other notebooks"
    found = versions()
    missing = [name for name, number in found.items() if number == "not installed"]
    lines = [
        "versions  " + ", ".join(f"{name} {number}" for name, number in found.items()),
        f"memory    {used:,} MiB used, {available:,} MiB available: {enough}",
        f"data      kept in {_short(places()[0])}",
        "verdict   " + (f"install {', '.join(missing)} first" if missing else "ready" if enough == "enough" else "short of memory"),
    ]
    return "\n".join(lines)

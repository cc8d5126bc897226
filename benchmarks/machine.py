"""Where and with what a figure was measured: a ratio without this line means little.

Knows: the machine, the interpreter, package versions. Must not know: any benchmark.
"""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("dzarr", "zarr", "tensorstore", "zarrs", "dask", "distributed", "numpy", "numcodecs")


def versions() -> dict[str, str]:
    """Installed versions of what is measured; "not installed" where there is none."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def describe(data: Path) -> dict[str, Any]:
    """One JSON object: processor, cores, memory, kernel, file system of `data`, Python, time, load, commit."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "file_system": file_system(data),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "commit": _commit(),
        "versions": versions(),
    }


def line(facts: dict[str, Any]) -> str:
    """The facts of `describe` as text for the head of a table."""
    packages = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['kernel']}, "
        f"{facts['file_system']}, load {facts['load_average']}\nPython {facts['python']}: {packages}"
    )


def file_system(path: Path) -> str:
    """Type of the file system that holds `path`, from the longest matching mount point; "unknown" elsewhere."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    target, found, longest = path.resolve(), "unknown", -1
    for mount in mounts:
        left, _, right = mount.partition(" - ")
        point = Path(left.split()[4].replace("\\040", " "))
        if (target == point or point in target.parents) and len(point.parts) >= longest:
            found, longest = right.split()[0], len(point.parts)
    return found


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((entry.partition(":")[2].strip() for entry in lines if entry.startswith("model name")), "unknown")


def _commit() -> str:
    root = Path(__file__).resolve().parent.parent
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()

"""What reaches the disk, and in which order, as the kernel saw it: counted by strace, not believed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (Debian package strace)"),
]

SCRIPT = """
import sys
import numpy as np
import dzarr

# One thread: strace splits the lines of calls that overlap.
options = dzarr.Options(durability=sys.argv[2], threads=1)
target = dzarr.create(sys.argv[1], shape=(8, 8), dtype="u2", shards=(4, 4), chunks=(2, 2), options=options)
target.write(..., np.arange(64, dtype="u2").reshape(8, 8))
"""
OBJECTS, DOCUMENTS = 4, 1


@dataclass(frozen=True)
class Call:
    """One system call that a trace shows: its name, and the paths that it was about."""

    name: str
    paths: tuple[str, ...]


def traced(folder: Path, durability: str) -> list[Call]:
    """Write an array of four shards under strace; return the calls about its folder, in order."""
    log, target = folder / "trace", folder / "deep" / "a.zarr"
    calls = "fsync,fdatasync,rename,renameat,renameat2,link,linkat"
    command = ["strace", "-f", "-y", "-s", "4096", "-o", str(log), "-e", f"trace={calls}"]
    done = subprocess.run(
        [*command, sys.executable, "-c", SCRIPT, str(target), durability], capture_output=True, text=True, check=False
    )
    if done.returncode and "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    found = []
    for line in log.read_text().splitlines():
        match = re.match(r"\d+ +(\w+)\((.*)\) = 0", line)
        if match:
            paths = re.findall(r'"([^"]+)"', match[2]) or re.findall(r"\d+<([^>]+)>", match[2])
            if any(str(folder) in path for path in paths):
                found.append(Call(match[1], tuple(paths)))
    return found


def synced(calls: list[Call]) -> list[str]:
    return [path for call in calls if "sync" in call.name for path in call.paths]


def published(calls: list[Call]) -> dict[str, str]:
    """Return target by temporary of every file that got its name."""
    return {call.paths[0]: call.paths[1] for call in calls if call.name.startswith(("rename", "link"))}


def test_none_waits_for_no_disk(tmp_path: Path) -> None:
    calls = traced(tmp_path, "none")
    assert synced(calls) == []
    assert len(published(calls)) == OBJECTS + DOCUMENTS


@pytest.mark.parametrize("durability", ["file", "full"])
def test_every_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, durability: str) -> None:
    calls = traced(tmp_path, durability)
    files = published(calls)
    assert len(files) == OBJECTS + DOCUMENTS
    order = [(call.name, call.paths[0]) for call in calls]
    for temporary in files:
        at = next(k for k, (name, path) in enumerate(order) if path == temporary and "sync" not in name)
        assert ("fsync", temporary) in order[:at], temporary
    if durability == "file":
        assert sorted(synced(calls)) == sorted(files)


def test_full_also_keeps_the_names(tmp_path: Path) -> None:
    calls = traced(tmp_path, "full")
    seen = synced(calls)
    for target in published(calls).values():
        folder = str(Path(target).parent)
        assert folder in seen, f"the folder of {target} was not synced"
        last = max(k for k, call in enumerate(calls) if call.paths[-1] == target)
        after = [call.paths[0] for call in calls[last + 1 :] if "sync" in call.name]
        assert folder in after, f"the folder of {target} was not synced after it got its name"
    # Folders that were made are named in the folders above them, which must be synced as well.
    for made in ("deep", "deep/a.zarr", "deep/a.zarr/c", "deep/a.zarr/c/0", "deep/a.zarr/c/1"):
        assert str((tmp_path / made).parent) in seen, made

"""Removing: whole folders, and what dead writers left behind.

Knows: which names are temporaries, and how to tell that their writer is no more. Must not know:
stores, keys, arrays. Everything here takes paths and raises OSError.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH104, PTH108, PTH112, PTH114

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import suppress

from dzarr.io.atomic import HOST, temporary_beside
from dzarr.io.paths import HIDDEN, TEMPORARIES

_DAY = 86_400


def remove_folder(path: str) -> None:
    """Remove the folder `path` with all it holds: gone at once for readers, then deleted.

    Where `path` is a link to a folder, the link is removed and not what it leads to.
    """
    if os.path.islink(path):
        os.unlink(path)
        return
    doomed = temporary_beside(path)
    with suppress(FileNotFoundError, NotADirectoryError):
        os.rename(path, doomed)
        shutil.rmtree(doomed)


def everything_in(folder: str) -> list[str]:
    """Return the paths of all that lies directly in `folder`, temporaries too."""
    try:
        return [entry.path for entry in os.scandir(folder)]
    except FileNotFoundError:
        return []


def sweep(folder: str) -> int:
    """Remove what writers left in an array's folder when they died; return how many things.

    A leftover is older than a day, or was made on this host by a process that is no more.
    """
    swept = 0
    for path, dead in temporaries(folder):
        if not dead:
            continue
        with suppress(FileNotFoundError):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)  # what an interrupted removal left
            else:
                os.unlink(path)
            swept += 1
    return swept


def temporaries(folder: str) -> list[tuple[str, bool]]:
    """Return the paths of the temporaries in an array's folder, each with whether its writer is known to be gone."""
    return _temporaries(f"{folder}/{TEMPORARIES}", "") + _temporaries(folder, HIDDEN)


def _temporaries(folder: str, prefix: str) -> list[tuple[str, bool]]:
    found = []
    try:
        entries = [entry for entry in os.scandir(folder) if entry.name.startswith(prefix)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    for entry in entries:
        if entry.name == f"{HIDDEN}lock":
            continue  # a lease: its next contender removes it when it is dead
        with suppress(FileNotFoundError):
            is_folder = entry.is_dir(follow_symlinks=False)
            dead = is_folder or _is_left_over(entry.name, entry.stat(follow_symlinks=False).st_mtime)
            found.append((entry.path, dead))
    return found


def _is_left_over(name: str, mtime: float) -> bool:
    if time.time() - mtime > _DAY:
        return True
    host, _, rest = name.partition("-")
    pid = rest.partition("-")[0]
    return host == HOST and pid.isdigit() and is_gone(int(pid))


def is_gone(pid: object) -> bool:
    """Return whether there is surely no process of this number on this machine."""
    if not isinstance(pid, int) or pid < 1 or sys.platform == "win32":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False

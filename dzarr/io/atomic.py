"""How one file is replaced so that every reader sees the old one or the new one, never half.

Knows: temporaries, stamps, renames, links, syncing. Must not know: stores, keys, arrays. Everything
here takes paths and raises OSError. ::

    temporary  --write, stamp, fsync-->  finished  --rename (replace) or link (create)-->  target

Two contents never share a version. A version is (inode, mtime in ns, size); file systems reuse inodes
at once and keep coarse clocks, so that a file rewritten twice in a tick could keep all three. Each
file is therefore stamped before it is renamed: now, with the low bits drawn at random.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH103, PTH105, PTH108, PTH112, PTH116, PTH120

from __future__ import annotations

import errno
import os
import re
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from dzarr.io.files import version_of
from dzarr.io.paths import HIDDEN

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_RANDOM_BITS = (1 << 20) - 1  # about a millisecond
_NO_LINKS = frozenset(
    {errno.EPERM, errno.ENOSYS, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, getattr(errno, "ENOTSUP", errno.ENOSYS)}
)


def _batch_size() -> int:
    try:
        return max(16, min(1024, os.sysconf("SC_IOV_MAX")))
    except (AttributeError, ValueError, OSError):
        return 16


_BATCH = _batch_size()


def _this_host() -> str:
    # Two containers may share a host name and not see each other's processes: the pid namespace tells them apart.
    name = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:64] or "host"
    with suppress(OSError, ValueError):
        return f"{name}.{os.stat('/proc/self/ns/pid').st_ino:x}"
    return name


HOST = _this_host()
"""This machine, as temporaries name it: together with a pid it tells whether their writer lives."""


def temporary_in(folder: str) -> str:
    """Return a new name in an array's folder for temporaries: host, pid, and 64 random bits."""
    return f"{folder}/{HOST}-{os.getpid()}-{os.urandom(8).hex()}"


def temporary_beside(target: str) -> str:
    """Return a new hidden name beside `target`."""
    return f"{os.path.dirname(target)}/{HIDDEN}{os.urandom(4).hex()}"


def write(path: str, parts: Sequence[Any], *, sync: bool) -> tuple[str, int]:
    """Write `parts` one after the other to the new file `path`; return its version and size.

    Nothing is joined or copied. With `sync`, the bytes are on the disk when this returns. On an error
    no file is left.
    """
    fd = os.open(path, _CREATE, 0o666)
    try:
        try:
            write_parts(fd, parts)
            _stamp(fd, path)
            if sync:
                os.fsync(fd)
            state = os.fstat(fd)
        finally:
            os.close(fd)  # raises what a network file system noticed late
    except BaseException:
        discard(path)
        raise
    return version_of(state), state.st_size


def write_parts(fd: int, parts: Sequence[Any]) -> None:
    """Write `parts` one after the other from where the descriptor stands; nothing is joined or copied."""
    for start in range(0, len(parts), _BATCH):
        batch = parts[start : start + _BATCH]
        wanted = sum([len(part) if type(part) is bytes else memoryview(part).nbytes for part in batch])
        if not wanted:
            continue
        written = os.writev(fd, batch) if hasattr(os, "writev") else 0
        if written < wanted:
            _write_rest(fd, batch, written)


def _write_rest(fd: int, batch: Sequence[Any], written: int) -> None:
    # A full disk, a signal or 2 GiB at once cut a writev short; the next write tells which.
    for part in batch:
        view = memoryview(part)
        if view.nbytes <= written:
            written -= view.nbytes
            continue
        rest = view.cast("B")[written:]
        written = 0
        while rest:
            rest = rest[os.write(fd, rest) :]


def _stamp(fd: int, path: str) -> None:
    now = (time.time_ns() & ~_RANDOM_BITS) | int.from_bytes(os.urandom(3), "little") & _RANDOM_BITS
    os.utime(fd if os.utime in os.supports_fd else path, ns=(now, now))


def replace(path: str, target: str, version: str) -> bool:
    """Rename the finished file `path` to `target`, in place of what may be there."""
    for pause in _pauses():
        try:
            os.replace(path, target)
            return True
        except FileNotFoundError:
            # A network file system may repeat a rename whose answer was lost, and then finds nothing to rename.
            with suppress(OSError):
                if version_of(os.stat(target)) == version:
                    return True
            raise
        except PermissionError as error:
            if getattr(error, "winerror", None) not in (5, 32) or pause is None:
                raise
            time.sleep(pause)  # on Windows a reader keeps the target from being replaced for a moment
    return False


def _pauses() -> list[float | None]:
    return [0.001 * 1.5**i for i in range(20)] + [None] if sys.platform == "win32" else [None]


def create(path: str, target: str) -> bool | None:
    """Publish the finished file `path` as `target` if there is none; `path` may remain as a second name.

    Returns True if it was published, False if there was a target, None if links are not to be had here.
    """
    if not hasattr(os, "link"):
        return None
    try:
        os.link(path, target)
    except FileExistsError:
        # A repeated request whose first answer was lost finds its own link.
        with suppress(OSError):
            return os.path.samestat(os.stat(path), os.lstat(target))
        return False
    except OSError as error:
        if error.errno in _NO_LINKS or getattr(error, "winerror", None) == 1:
            return None
        raise
    return True


def discard(path: str) -> None:
    """Remove the file if it is there and can be."""
    with suppress(OSError):
        os.unlink(path)


def make_folders(path: str, *, sync: bool) -> None:
    """Make the folder `path` and what is missing above it; with `sync`, so that it survives the machine."""
    missing: list[str] = []
    above = path
    while sync and not os.path.isdir(above) and os.path.dirname(above) != above:
        missing.append(above)
        above = os.path.dirname(above)
    os.makedirs(path, exist_ok=True)
    for folder in [*missing, above] if missing else []:
        sync_folder(folder)


def sync_folder(path: str) -> None:
    """Make the names in the folder `path` survive the machine."""
    if sys.platform == "win32":
        return  # there is no such call; NTFS journals names by itself
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""Locks between processes: one file or directory, locked by the kernel or by a lease.

Knows: flock, which file systems keep its promise, and leases for those that don't. Must not know:
arrays, objects or versions.

*flock* dies with its owner and can't be broken by a clock, but is trusted only where it is known to
work between all processes that see the files: local file systems, as /proc/self/mountinfo names
them. Network file systems answer it by mount option (Lustre's ``localflock`` succeeds and excludes
nobody). There a *lease* is taken: a marker file that its owner touches, so that the clock is the
server's; a contender takes it over after it saw no touch for `lease` seconds of its own monotonic
clock. A lease can be lost, so its holder asks `check` right before it publishes.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH103, PTH116, PTH118, PTH120

from __future__ import annotations

import errno
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Protocol

from dzarr.errors import LockError
from dzarr.io.keyed import waited_in_vain

_fcntl: Any
try:
    import fcntl as _fcntl
except ImportError:  # Windows
    _fcntl = None

KNOWN_GOOD = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "ntfs", "ntfs3"},
)
"""File systems on which flock excludes every process that can see the file."""

_BUSY = frozenset({errno.EAGAIN, errno.EWOULDBLOCK})
_FILE = os.O_RDONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_held: set[int] = set()


class Held(Protocol):
    """A lock while it is held."""

    def check(self) -> None:
        """Prove that the lock is still ours, else raise LockError."""


@contextmanager
def lock_file(path: str, *, key: str, timeout: float, lease: float) -> Iterator[Held]:
    """Hold the lock file at `path` (its folder is made where needed) against every other process.

    Raises LockError, naming `key`, where it can't be had within `timeout` seconds, or at all.
    """
    if can_flock(os.path.dirname(path)):
        lock = _flock(path, _FILE, key, timeout)
    else:
        _make_folder(path, key)
        lock = _lease(f"{path}.lease", key, timeout, lease)
    with lock as held:
        yield held


@contextmanager
def lock_directory(path: str, *, key: str, timeout: float, lease: float) -> Iterator[Held]:
    """Hold the directory `path` against every other process that locks it, leaving no file behind.

    Raises FileNotFoundError where there is no such directory, else as `lock_file`.
    """
    if can_flock(path):
        lock = _flock(path, _DIRECTORY, key, timeout)
    else:
        lock = _lease(os.path.join(path, ".dz-lock"), key, timeout, lease)
    with lock as held:
        yield held


def can_flock(path: str) -> bool:
    """Return whether flock can be trusted at `path`."""
    return _fcntl is not None and file_system(path) in KNOWN_GOOD


@lru_cache(maxsize=1024)
def file_system(path: str) -> str:
    """Return the type of the file system that `path` lies on, "unknown" where the system doesn't tell."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            return mounted(os.path.realpath(path), table.read())
    except OSError:
        return "unknown"


def mounted(path: str, mountinfo: str) -> str:
    """Return the type of the mount that `path` lies on, from the text of a mountinfo table.

    Examples
    --------
    >>> table = '''22 1 8:1 / / rw - ext4 /dev/sda rw
    ... 30 22 0:40 / /scratch rw shared:1 - lustre mds:/fs rw'''
    >>> mounted("/scratch/a", table), mounted("/scratching", table)
    ('lustre', 'ext4')
    """
    longest, found = -1, "unknown"
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not source:
            continue
        point = fields[4].encode("utf-8", "surrogateescape").decode("unicode_escape").encode("latin-1", "replace")
        place = os.fsdecode(point).rstrip("/")
        # A later line of the same place is mounted over the earlier one.
        if (path == place or path.startswith(place + "/")) and len(place) >= longest:
            longest, found = len(place), source.split(" ", 1)[0]
    return found


class _Flock:
    def __init__(self, fd: int, path: str, key: str) -> None:
        self.fd, self.path, self.key, self.pid = fd, path, key, os.getpid()

    def check(self) -> None:
        if self.pid != os.getpid() or not _same_file(self.fd, self.path):
            raise LockError("the lock was lost: its file was removed, or this is a forked child", key=self.key)


@contextmanager
def _flock(path: str, flags: int, key: str, timeout: float) -> Iterator[Held]:
    fd = _wait(lambda: _try_flock(path, flags, key), key, timeout)
    _held.add(fd)
    pid = os.getpid()
    try:
        yield _Flock(fd, path, key)
    finally:
        if pid == os.getpid():  # a child forked meanwhile has closed its copy already
            _held.discard(fd)
            # Unlocked by name, because a forked child may still share the descriptor that close would leave locked.
            _fcntl.flock(fd, _fcntl.LOCK_UN)
            os.close(fd)


def _try_flock(path: str, flags: int, key: str) -> int | None:
    try:
        fd = os.open(path, flags, 0o666)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        _make_folder(path, key)
        return None
    except OSError as error:
        raise _refused(path, key, error) from error
    try:
        _fcntl.flock(fd, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
        if _same_file(fd, path):
            return fd
    except OSError as error:
        if error.errno not in _BUSY:
            os.close(fd)
            raise _refused(path, key, error) from error
    os.close(fd)  # busy, or removed between open and flock: whoever comes next locks another file
    return None


def _same_file(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except OSError:
        return False


def _wait(attempt: Callable[[], int | None], key: str, timeout: float) -> int:
    started, pause = time.monotonic(), 0.0005
    while (fd := attempt()) is None:
        waited = time.monotonic() - started
        if waited >= timeout:
            raise waited_in_vain(key, waited, "another process")
        time.sleep(min(timeout - waited, pause * random.uniform(0.5, 1.5)))
        pause = min(pause * 1.5, 0.05)
    return fd


class _Leased:
    def __init__(self, token: str, path: str, key: str) -> None:
        self.token, self.path, self.key, self.pid = token, path, key, os.getpid()

    def check(self) -> None:
        ours = False
        with suppress(OSError), open(self.path, encoding="utf-8", errors="replace") as marker:
            ours = f"token={self.token}\n" in marker.read()
        if not ours or self.pid != os.getpid():
            raise LockError(
                "the lock was lost: its lease ran out, and another process took it",
                key=self.key,
                fix="write again; give the handle a longer lease where this process is often stopped for long",
            )


@contextmanager
def _lease(path: str, key: str, timeout: float, lease: float) -> Iterator[Held]:
    try:
        import filelock
    except ImportError as error:
        raise LockError(
            "locks on this file system need filelock", key=key, found=path, fix="pip install 'filelock>=4.2'"
        ) from error
    marker = filelock.SoftFileLease(path, timeout=timeout, lease_duration=max(lease, 1.0), poll_interval=0.01)
    started = time.monotonic()
    try:
        marker.acquire()
    except filelock.Timeout as error:
        raise waited_in_vain(key, time.monotonic() - started, "another process") from error
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise _refused(path, key, error) from error
    try:
        yield _Leased(str(marker.token), path, key)
    finally:
        marker.release()


def _make_folder(path: str, key: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as error:
        raise _refused(path, key, error) from error


def _refused(path: str, key: str, error: Exception) -> LockError:
    return LockError(
        f"the lock {path} can't be taken ({error})",
        key=key,
        fix="make the folder writable, or pass a lock of your own with lock=",
    )


def _after_fork() -> None:
    # The child shares the parent's descriptors: unless it closes them, a parent that is killed stays locked.
    for fd in _held:
        with suppress(OSError):
            os.close(fd)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

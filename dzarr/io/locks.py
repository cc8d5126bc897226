"""The ladder of locks for objects that several writers share.

Knows: which lock fits which store, and how long to wait. Must not know: why an object is shared.

    none       nothing is shared, or the store's own compare-and-swap decides
    threads    among the threads of this process
    files      among all processes that see the folder: 64 lock files an array, never removed
    (a lock)   the caller's own

A provider is a small frozen value that travels with a task. ``hold(key)`` takes the whole key of an
object; objects are locked one at a time. Whoever replaces an object under a lock calls ``check()``
right before it, and compares the version too: a leased lock can be lost.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH118

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import google_crc32c

from dzarr.errors import LockError, UnsupportedError
from dzarr.io.keyed import in_process
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.paths import OWN
from dzarr.io.store import Store
from dzarr.io.stripes import Held, lock_file
from dzarr.options import Options

STRIPES = 64
_ACCEPTED = "'auto', 'none', 'threads', 'files', or a lock of your own (a context manager, or acquire and release)"


class LockProvider(Protocol):
    """Whatever gives out locks by key."""

    def hold(self, key: str) -> AbstractContextManager[Held]:
        """Hold the lock of the object `key` while the block runs. LockError where it can't be had."""


@dataclass(frozen=True)
class _Ours:
    """A lock that can't be lost by anything but a fork."""

    key: str
    pid: int

    def check(self) -> None:
        if self.pid != os.getpid():
            raise LockError("a lock does not follow into a forked child", key=self.key)


@dataclass(frozen=True)
class NoLock:
    """No lock at all.

    Examples
    --------
    >>> with NoLock().hold("a/c/0") as held:
    ...     held.check()
    """

    @contextmanager
    def hold(self, key: str) -> Iterator[Held]:
        """Do nothing."""
        yield _Ours(key, os.getpid())


@dataclass(frozen=True)
class ThreadLocks:
    """Locks among the threads of this process, by the store's token and the key."""

    token: str
    timeout: float = 60.0

    @contextmanager
    def hold(self, key: str) -> Iterator[Held]:
        """Hold the lock of `key`; LockError after `timeout` seconds."""
        with in_process.hold(f"{self.token}/{key}", timeout=self.timeout, key=key):
            yield _Ours(key, os.getpid())


@dataclass(frozen=True)
class FileLocks:
    """Locks among all processes, on this machine or others, that see the array's folder.

    Two objects whose names fall on the same stripe wait for each other; so one is held at a time, by
    the thread that works on it.

    Parameters
    ----------
    store : LocalStore
        Where the array lies.
    array_path : str
        Its folder in the store; names are counted from there, so that stores opened higher or lower agree.
    timeout, lease : float
        Seconds to wait for a lock; seconds after which a silent owner loses one, where the file
        system needs leases. All processes must use the same `lease`.
    """

    store: LocalStore
    array_path: str
    timeout: float = 60.0
    lease: float = 60.0

    @contextmanager
    def hold(self, key: str) -> Iterator[Held]:
        """Hold the lock of `key`; LockError after `timeout` seconds, or where no lock can be made."""
        path = self.stripe(key)
        with in_process.hold(path, timeout=self.timeout, key=key) as left:
            with lock_file(path, key=key, timeout=left, lease=self.lease) as held:
                yield held

    def stripe(self, key: str) -> str:
        """Return the path of the lock file of `key`."""
        folder = self.array_path.strip("/")
        name = key.removeprefix(folder + "/") if folder else key
        number = google_crc32c.value(name.encode("utf-8", "surrogatepass")) % STRIPES
        return os.path.join(self.store.path, *folder.split("/"), OWN, "locks", str(number))


@dataclass(frozen=True)
class CallerLock:
    """The caller's own lock: one for everything, whatever the key."""

    lock: Any

    @contextmanager
    def hold(self, key: str) -> Iterator[Held]:
        """Hold the caller's lock."""
        if hasattr(self.lock, "__enter__"):
            with self.lock:
                yield _Ours(key, os.getpid())
            return
        if self.lock.acquire() is False:
            raise LockError("the lock given with lock= could not be acquired", key=key)
        try:
            yield _Ours(key, os.getpid())
        finally:
            self.lock.release()


def lock_provider(lock: object, store: Store, array_path: str, options: Options) -> LockProvider:
    """Return the locks that `lock` stands for.

    Parameters
    ----------
    lock : {"auto", "none", "threads", "files"} or object
        "auto" takes threads for a memory store, lock files for a folder, and none for another store
        that compares and swaps.
    store, array_path
        Where the array lies.
    options : Options
        `lock_timeout` and `lease` are used.

    Raises
    ------
    LockError
        Where no such lock exists, or none fits the store.
    UnsupportedError
        For "dask".

    Examples
    --------
    >>> lock_provider("auto", MemoryStore("a"), "", Options())
    ThreadLocks(token='memory://a', timeout=60.0)
    """
    if lock == "auto":
        lock = _automatic(store)
    if lock == "none":
        return NoLock()
    if lock == "threads":
        return ThreadLocks(store.token, options.lock_timeout)
    if lock == "files":
        return _files(store, array_path, options)
    if lock == "dask":
        raise UnsupportedError(
            "lock='dask' is not offered", fix="lock='auto' holds on a cluster too, for a shared folder"
        )
    if _has(lock, "__enter__", "__exit__") or _has(lock, "acquire", "release"):
        return CallerLock(lock)
    raise LockError("no such lock", found=lock, expected=_ACCEPTED)


def _has(lock: object, *methods: str) -> bool:
    return not isinstance(lock, type) and all(callable(getattr(lock, method, None)) for method in methods)


def _automatic(store: Store) -> str:
    if isinstance(store, MemoryStore):
        return "threads"
    if isinstance(store, LocalStore):
        return "files"
    if store.can.set_if:
        return "none"
    raise LockError(
        "this store can neither compare and swap nor be locked, and several writers share an object",
        key=store.token,
        fix="write whole objects (regions that end on object edges), or pass a lock of your own with lock=",
    )


def _files(store: Store, array_path: str, options: Options) -> FileLocks:
    if not isinstance(store, LocalStore):
        raise LockError("lock files need a folder", key=store.token, fix="use lock='auto', or pass a lock of your own")
    return FileLocks(store, array_path, options.lock_timeout, options.lease)

"""Locks by name, among the threads of one process.

Knows: threads and forks. Must not know: what the names stand for. A lock exists only while somebody
holds it or waits for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from dzarr.errors import LockError


class _Entry:
    __slots__ = ("lock", "owner", "users")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.owner = 0
        self.users = 0


class KeyedLocks:
    """Mutual exclusion by name. Not re-entrant: a thread that asks for what it holds gets a LockError.

    Examples
    --------
    >>> locks = KeyedLocks()
    >>> with locks.hold("a", timeout=1.0, key="a"):
    ...     len(locks)
    1
    >>> len(locks)
    0
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew: in a forked child, whose parent's threads hold nothing here."""
        self._entries: dict[str, _Entry] = {}
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @contextmanager
    def hold(self, name: str, *, timeout: float, key: str) -> Iterator[float]:
        """Hold the lock called `name`; yield the seconds of `timeout` that are left.

        Raises LockError, naming `key`, where it can't be had in time.
        """
        started = monotonic()
        entry = self._enter(name)
        try:
            if entry.owner == threading.get_ident():
                raise LockError(
                    "this thread holds that lock already", key=key, fix="hold one object of an array at a time"
                )
            if not entry.lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX)):
                raise waited_in_vain(key, monotonic() - started, "another thread of this process")
            entry.owner = threading.get_ident()
            try:
                yield max(0.0, timeout - (monotonic() - started))
            finally:
                entry.owner = 0
                entry.lock.release()
        finally:
            self._leave(name, entry)

    def _enter(self, name: str) -> _Entry:
        with self._guard:
            entry = self._entries.setdefault(name, _Entry())
            entry.users += 1
            return entry

    def _leave(self, name: str, entry: _Entry) -> None:
        with self._guard:
            entry.users -= 1
            if not entry.users and self._entries.get(name) is entry:
                del self._entries[name]


def waited_in_vain(key: str, seconds: float, holder: str) -> LockError:
    """Return the error for a lock that could not be had in time."""
    return LockError(
        f"waited {seconds:.1f} s for a lock that {holder} holds",
        key=key,
        fix="give the handle a longer lock_timeout, or end the holder; writes of whole objects need no lock",
    )


in_process = KeyedLocks()
"""The keyed locks of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=in_process.forget)

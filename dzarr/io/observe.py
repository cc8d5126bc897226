"""Counting what stores are asked for.

Knows: requests and bytes, who is watching, and the log. Must not know: any store. Stores call `count`
once a request; while nobody watches and the log is off, that costs one function call.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import NoReturn

from dzarr.errors import UnsupportedError

LOG_LENGTH = 10_000
"""Requests that one observer remembers one by one; older ones stay counted."""

_WRITES = frozenset({"set", "set_if"})
log = logging.getLogger("dzarr.store")


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a store: what was done to which key, in how many requests, moving how many bytes."""

    kind: str
    store: str
    key: str
    requests: int
    nbytes: int


class Seen:
    """What was counted while a ``with observe()`` block ran; all threads of this process together.

    Attributes
    ----------
    requests : int
        Requests of any kind.
    bytes_read, bytes_written : int
        Bytes that came from stores, and went to them.
    by_kind : dict of str to int
        Requests by kind: "get", "fetch", "set", "set_if", "delete", "head", "list".
    """

    def __init__(self) -> None:
        self.requests = 0
        self.bytes_read = 0
        self.bytes_written = 0
        self.by_kind: dict[str, int] = {}
        self._latest: deque[Request] = deque(maxlen=LOG_LENGTH)
        self._lock = Lock()

    @property
    def log(self) -> list[Request]:
        """The latest requests (at most `LOG_LENGTH`), oldest first."""
        with self._lock:
            return list(self._latest)

    def add(self, request: Request) -> None:
        """Count one more."""
        with self._lock:
            self.requests += request.requests
            if request.kind in _WRITES:
                self.bytes_written += request.nbytes
            else:
                self.bytes_read += request.nbytes
            self.by_kind[request.kind] = self.by_kind.get(request.kind, 0) + request.requests
            self._latest.append(request)

    def __repr__(self) -> str:
        return f"<Seen: {self.requests} requests, {self.bytes_read} bytes read, {self.bytes_written} bytes written>"

    def __reduce__(self) -> NoReturn:
        # A copy in another process would go on showing zeros, which looks like "nothing was asked".
        raise UnsupportedError("an observer counts in its own process only", fix="observe inside the task")


observers: tuple[Seen, ...] = ()
"""Who is watching; stores may look here, and at `log`, before they call `count`."""

_changing = Lock()


@contextmanager
def observe() -> Iterator[Seen]:
    """Count requests and bytes of every store of this process while the block runs. Blocks may nest.

    Work that runs in other processes (a cluster's workers) is not seen here.

    Examples
    --------
    >>> with observe() as seen:
    ...     count("get", "memory://a", "x/zarr.json", 1, 250)
    >>> seen.requests, seen.bytes_read, seen.by_kind
    (1, 250, {'get': 1})
    """
    global observers
    seen = Seen()
    with _changing:
        observers += (seen,)
    try:
        yield seen
    finally:
        with _changing:
            observers = tuple(other for other in observers if other is not seen)


def count(kind: str, store_token: str, key: str, requests: int, nbytes: int) -> None:
    """Tell whoever watches that a store was asked. Called by stores."""
    if observers:
        request = Request(kind, store_token, key, requests, nbytes)
        for seen in observers:
            seen.add(request)
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s %s/%s: %d request(s), %d bytes", kind, store_token, key, requests, nbytes)


def _after_fork() -> None:
    # Another thread of the parent may have held a lock at the fork; the child's observers start anew.
    global observers, _changing
    observers = ()
    _changing = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

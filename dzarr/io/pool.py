"""Threads of this process, shared by all eager calls.

Knows: how to spread one function over items. Must not know: what the function does. The pool's threads
never wait for the pool, so calls can't block each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

Item = TypeVar("Item")

_pool: ThreadPoolExecutor | None = None
_pool_lock = Lock()


def cores() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def run_all(function: Callable[[Item], object], items: Iterable[Item], threads: int) -> None:
    """Call `function` on every item, by the caller and `threads` - 1 others.

    Each thread draws the next item when it is done with one. The first error stops the drawing; it is
    raised when all threads have come back, so that nobody writes into the caller's output afterwards.
    """
    feed = iter(items)
    if threads == 1:
        for item in feed:
            function(item)
        return
    line = _Line(feed, function)
    pool = _shared_pool()
    others: list[Future[None]] = []
    try:
        others.extend(pool.submit(line.work) for _ in range(threads - 1))
        line.work()
    except BaseException:
        line.stop()
        raise
    finally:
        errors = [error for error in map(_settle, others) if error is not None]
    if errors:
        raise errors[0]


class _Line:
    """Items handed out one at a time to several threads."""

    def __init__(self, feed: Iterator[Item], function: Callable[[Item], object]) -> None:
        self._feed = feed
        self._function = function
        self._lock = Lock()
        self._open = True

    def work(self) -> None:
        while True:
            with self._lock:
                if not self._open:
                    return
                try:
                    item = next(self._feed)
                except StopIteration:
                    self._open = False
                    return
            try:
                self._function(item)
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        self._open = False


def _settle(future: Future[None]) -> BaseException | None:
    # A helper that no thread has begun is not waited for: the caller has done its share already.
    return None if future.cancel() else future.exception()


def _shared_pool() -> ThreadPoolExecutor:
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(32, cores()), thread_name_prefix="dzarr")
        return _pool


def _forget() -> None:
    # The child of a fork has none of the parent's threads: a pool that believes in them would hang.
    global _pool, _pool_lock
    _pool, _pool_lock = None, Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

"""What a process remembers: least-recently-used caches that load each value once.

Knows: weights, threads, forks. Must not know: what is cached, or how it is loaded. Caches live per
process and are never pickled; keys are made of a store's token, a key and (where it matters) a
version, so that equal stores share them.

Two races told once. *Single flight*: thread 1 misses a key and loads it; thread 2 misses the same key
meanwhile: it waits for thread 1's answer (or its exception) instead of loading too. *Discard in
flight*: thread 1 is loading; thread 2 replaces the object and discards the key; what thread 1 then
brings is handed to those who asked before, and not kept.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, get_ident
from typing import Any, Generic, TypeVar
from weakref import WeakSet

import zict

K = TypeVar("K")
V = TypeVar("V")


class LoadOnce(Generic[K, V]):
    """A least-recently-used cache with a weight limit. Values are never None. Safe under threads.

    Parameters
    ----------
    limit_bytes : int
        What all values may weigh together; a value that is heavier by itself is not kept.
    weigh : callable
        Value to bytes.

    Notes
    -----
    A hit takes no lock while the cache is at most half full: order matters only where something may
    soon be evicted.

    Examples
    --------
    >>> cache = LoadOnce(1000, len)
    >>> cache.load("a", lambda: b"loaded")
    b'loaded'
    >>> cache.get("a"), cache.get("b"), cache.nbytes
    (b'loaded', None, 6)
    """

    def __init__(self, limit_bytes: int, weigh: Callable[[V], int]) -> None:
        self._weigh = weigh
        self._start(limit_bytes)
        _caches.add(self)

    def _start(self, limit_bytes: float) -> None:
        weigh = self._weigh
        self._values: dict[K, V] = {}
        self._lru: zict.LRU[K, V] = zict.LRU(limit_bytes, self._values, weight=lambda _, value: weigh(value))
        self._flights: dict[K, tuple[Future[V], int]] = {}
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """Return the value, or None where there is none."""
        value = self._values.get(key)
        lru = self._lru
        if value is not None and lru.total_weight * 2 > lru.n:
            with suppress(KeyError):  # evicted between the two lines; the value is still right
                lru[key]  # moves it to the young end
        return value

    def put(self, key: K, value: V) -> None:
        """Keep the value, evicting the longest unused ones where it gets too heavy."""
        self._lru[key] = value

    def load(self, key: K, make: Callable[[], V]) -> V:
        """Return the value; where there is none, from ``make()``, called once however many threads ask.

        What `make` raises is raised in every thread that waited for it, and is not remembered.
        """
        value = self.get(key)
        if value is not None:
            return value
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                return value
            flight, pilot = self._flights.get(key, (None, 0))
            if flight is None:
                mine: Future[V] = Future()
                self._flights[key] = mine, get_ident()
        if flight is None:
            return self._fly(key, make, mine)
        if pilot == get_ident():
            return make()  # `make` asks for its own key: waiting would be for ever
        return flight.result()

    def _fly(self, key: K, make: Callable[[], V], flight: Future[V]) -> V:
        try:
            value = make()
            with self._lock:
                if self._flights.get(key, (None, 0))[0] is flight:
                    self._lru[key] = value
        except BaseException as error:
            self._land(key, flight)
            flight.set_exception(error)
            raise
        self._land(key, flight)
        flight.set_result(value)
        return value

    def _land(self, key: K, flight: Future[V]) -> None:
        with self._lock:
            if self._flights.get(key, (None, 0))[0] is flight:
                del self._flights[key]

    def discard(self, key: K) -> None:
        """Forget the value, also one that is just being loaded."""
        with self._lock:
            self._flights.pop(key, None)
            self._lru.discard(key)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._flights.clear()
            for key in list(self._values):
                self._lru.discard(key)

    def grow(self, limit_bytes: int) -> None:
        """Raise the limit to `limit_bytes`, if it is lower."""
        with self._lock:
            self._lru.n = max(self._lru.n, limit_bytes)

    @property
    def nbytes(self) -> int:
        """What the values weigh together."""
        return int(self._lru.total_weight)

    def __len__(self) -> int:
        return len(self._values)


_caches: WeakSet[LoadOnce[Any, Any]] = WeakSet()


def _weigh_index(value: Any) -> int:
    # Entries are located indexes, which say what they weigh; a dict slot and the key weigh about 200 bytes.
    return 200 + (getattr(value, "nbytes", None) or sys.getsizeof(value))


_indexes: LoadOnce[Any, Any] = LoadOnce(0, _weigh_index)


def indexes(limit: int) -> LoadOnce[Any, Any]:
    """Return this process's cache of shard indexes; its limit is the largest ever asked for, in bytes."""
    if limit > _indexes._lru.n:
        _indexes.grow(limit)
    return _indexes


def _after_fork() -> None:
    # The parent's other threads are gone, and with them whoever holds a lock or flies a value.
    for cache in list(_caches):
        cache._start(cache._lru.n)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

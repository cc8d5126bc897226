"""What writes answer.

Knows: the facts of a finished write. Must not know: how it was done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

A = TypeVar("A")

Region = tuple[Any, ...]


@dataclass(frozen=True)
class WriteResult(Generic[A]):
    """A finished write.

    Parameters
    ----------
    array : Array
        The array as it is now, for going on.
    region : tuple
        Where it was written, in the stored array: per axis an int, a range, or an index array.
    objects : int
        Objects stored.
    bytes_read, bytes_written : int
        Encoded bytes that came from the store (to merge with) and went to it.
    skipped : int
        Objects left out because they hold the fill value only.
    seconds : float
        Wall time.

    Examples
    --------
    >>> import dzarr
    >>> array = dzarr.create("memory://result-example", shape=(8,), dtype="u1", chunks=(4,))
    >>> done = array.write(slice(4, 8), 7)
    >>> done.region, done.objects, done.skipped
    ((range(4, 8),), 1, 0)
    """

    array: A = field(repr=False)
    region: Region
    objects: int
    bytes_read: int
    bytes_written: int
    skipped: int
    seconds: float

    @classmethod
    @contextmanager
    def timed(cls) -> Iterator[_Timer]:
        """Time a block and make the result of it."""
        yield _Timer(time.perf_counter())


@dataclass(frozen=True)
class StoreResult(WriteResult[A]):
    """A finished ``dzarr.store``: what WriteResult tells, summed over all tasks.

    Examples
    --------
    >>> import dzarr, numpy as np
    >>> dzarr.store(np.ones(8), "memory://store-result-example", chunks=(4,)).objects
    2
    """


@dataclass(frozen=True)
class _Timer:
    begun: float

    def result(self, array: Any, selection: Any, done: Any) -> WriteResult[Any]:
        """Return the result of a write that began when this was made."""
        seconds = time.perf_counter() - self.begun
        return WriteResult(
            array, selection.axes, done.objects, done.bytes_read, done.bytes_written, done.skipped, seconds
        )

"""Memory that a thread uses again and again.

Knows: that fresh memory costs a page fault every 4 KiB, which for large chunks is a good part of coding
them. Must not know: what lies in it. Whoever takes it has it until the same thread takes it again, so no
answer that outlives the call may share it.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import numpy as np

KEPT_BYTES = (1 << 25) + (1 << 18)
"""What a thread keeps at most: a shard of 32 MiB with its index. More is made for one use."""

_kept = threading.local()


LARGEST_KEPT_BY_MALLOC = (1 << 25) - (1 << 16)


@cache
def keep_freed_memory() -> None:
    """Let this process's malloc keep what is freed, which the next encoded chunk takes again.

    Codecs answer with bytes of their own making, so scratch memory can't spare their page faults: half of
    the time of a write of lone chunks went there. glibc raises its limits by itself, up to those named here
    (mallopt(3), "dynamic mmap threshold"), when the first block of that size is freed; encoded chunks, made
    large and cut short, never get it there. The block is never touched, so this costs no memory; where
    somebody set the limits (distributed's nannies do), or malloc is another, it does nothing.
    """
    np.empty(LARGEST_KEPT_BY_MALLOC, np.uint8)


def lent(nbytes: int) -> memoryview:
    """Return `nbytes` of this thread's memory for encoded bytes; another memory than `scratch_of` gives."""
    if nbytes > KEPT_BYTES:
        return np.empty(nbytes, np.uint8).data
    memory = getattr(_kept, "encoded", None)
    if memory is None or memory.nbytes < nbytes:
        memory = _kept.encoded = None  # the old goes before the new comes
        memory = _kept.encoded = np.empty(_rounded(nbytes), np.uint8).data
    view: memoryview = memory[:nbytes]
    return view


def scratch_of(nbytes: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return a 1-d array of `dtype` over `nbytes` bytes of this thread's memory.

    Examples
    --------
    >>> scratch_of(16, np.dtype("u2")).shape
    (8,)
    """
    if nbytes > KEPT_BYTES:
        return np.empty(nbytes // dtype.itemsize, dtype)
    memory = getattr(_kept, "memory", None)
    if memory is None or memory.nbytes < nbytes:
        memory = _kept.memory = None
        memory = _kept.memory = np.empty(_rounded(nbytes), np.uint8)
    array: np.ndarray[Any, Any] = memory[:nbytes].view(dtype)
    return array


def _rounded(nbytes: int) -> int:
    """Return a little more than asked for: the next object is often a little larger."""
    step = 1 << max(12, nbytes.bit_length() - 4)
    return min(KEPT_BYTES, -(-nbytes // step) * step)

"""Permutations: how stored axes and parts relate to the array's.

Knows: tuples of integers. Must not know: codecs or bytes. A transpose stores ``array.transpose(axes)``, so
that stored axis k is the array's ``axes[k]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from dzarr.format.grid import Indices


def stored_order(counts: Sequence[tuple[int, ...]], axes: tuple[int, ...] | None) -> Indices | None:
    """Return the flat positions in stored order, for nested levels and permuted axes."""
    if len(counts) < 2 and axes is None:
        return None
    if not counts:
        return None
    ndim = len(counts[0])
    total = tuple(prod(c) for c in zip(*counts, strict=True))
    flat = np.arange(prod(total), dtype=np.int64).reshape(unpermute(total, axes))
    if axes is not None:
        flat = flat.transpose(axes)
    # Axes of one part are left out: numpy has 64 of them, and a document may nest as it likes.
    split = [(level, d, c[d]) for d in range(ndim) for level, c in enumerate(counts) if c[d] > 1]
    nested = flat.reshape([n for *_, n in split]).transpose(sorted(range(len(split)), key=lambda k: split[k][:2]))
    return np.ascontiguousarray(nested).reshape(-1)


def unpermute(stored: tuple[int, ...], axes: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return a shape in stored axes in the array's.

    Examples
    --------
    >>> unpermute((5, 3), (1, 0)), unpermute((5, 3), None)
    ((3, 5), (5, 3))
    """
    if axes is None:
        return stored
    shape = [0] * len(stored)
    for k, axis in enumerate(axes):
        shape[axis] = stored[k]
    return tuple(shape)


def inverse_of(*permutations: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Return the permutation that undoes `permutations`, the first of them applied first."""
    combined: tuple[int, ...] | None = None
    for axes in permutations:
        if axes is not None:
            combined = axes if combined is None else tuple(combined[k] for k in axes)
    if combined is None or combined == tuple(range(len(combined))):
        return None
    return tuple(int(k) for k in np.argsort(combined))

"""Grids as a caller asks for them: ``chunks=`` and ``shards=`` of a new array.

Knows: the forms that callers may use, and that a shard is a whole multiple of what it holds. Must not know: documents,
codecs. Shards are planned from the inside out, because what holds depends on what it holds:

    chunks=2, shards=[{"shape": [[8, 4, 8], [6]]}, {"shape": (4, 3)}]
    ->  objects (8 4 8) x (6)  of parts (4, 3)  of parts (2, 1)         the outermost shards may be of any lengths
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import gcd
from typing import Any

import numpy as np

from dzarr.errors import GridError, MetadataError, UnsupportedError
from dzarr.format.choose import choose_chunks, choose_shards
from dzarr.format.grid import Axis, ExplicitAxis, Grid, RegularAxis, cell_shape, regular
from dzarr.format.members import shown


@dataclass(frozen=True)
class ShardLevel:
    """One level of shards: the shape of the parts that it holds, and how its index is kept.

    ``index_codecs`` is None where the caller leaves them to the defaults.
    """

    parts: tuple[int, ...]
    index_location: str
    index_codecs: Sequence[Any] | None


def requested_grids(
    shape: tuple[int, ...], itemsize: int, chunks: Any, shards: Any = None, index_location: str = "end"
) -> tuple[Grid, tuple[ShardLevel, ...]]:
    """Return the object grid of an array of `shape`, and its levels of shards from the outside in.

    Raises GridError for what does not fit, UnsupportedError for explicit lengths inside shards.

    Examples
    --------
    >>> grid, levels = requested_grids((20, 6), 4, 2, [[8, 12], [6]])
    >>> grid[0], levels[0].parts
    (ExplicitAxis(size=20, edges=(0, 8, 20)), (2, 2))
    """
    asked = list(_levels(shards, index_location))
    if is_explicit(chunks):
        if asked:
            raise UnsupportedError(
                "no explicit lengths inside shards: the format has none", found=shown(chunks), fix="use equal chunks"
            )
        return _explicit("chunks", shape, chunks), ()
    if any(is_explicit(level["shape"]) for level in asked[1:]):
        raise UnsupportedError("no explicit lengths inside shards: the format has none", found=shown(shards))
    explicit = _explicit("shards", shape, asked[0]["shape"]) if asked and is_explicit(asked[0]["shape"]) else None
    fixed = [None if _auto(level["shape"]) else _level_shape(level["shape"], explicit, shape) for level in asked]
    shapes = [_chunk_shape(shape, itemsize, chunks, fixed)]
    for held in reversed(fixed):
        shapes.append(choose_shards(shape, itemsize, shapes[-1]) if held is None else held)
        _check_divides(shapes[-2], shapes[-1], explicit if len(shapes) > len(asked) else None)
    grid = explicit or regular(shape, shapes[-1])
    levels = zip(reversed(shapes[:-1]), asked, strict=True)
    return grid, tuple(ShardLevel(parts, level["index_location"], level["index_codecs"]) for parts, level in levels)


def lengths_of(name: str, value: Any, least: int, ndim: int | None = None) -> tuple[int, ...]:
    """Return integers that a caller gave as `name`, one for all axes spread out. Raises GridError.

    Examples
    --------
    >>> lengths_of("chunks", 4, 1, ndim=2)
    (4, 4)
    """
    try:
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            lengths: tuple[int, ...] = (int(value),) * (1 if ndim is None else ndim)
        else:
            lengths = tuple(_integer(n) for n in value)
    except TypeError:
        raise GridError(f"{name} is wrong", found=shown(value), expected="an integer for each axis") from None
    if (ndim is not None and len(lengths) != ndim) or any(n < least or n >= 1 << 63 for n in lengths):
        count = "" if ndim is None else f"{ndim} "
        raise GridError(f"{name} is wrong", found=lengths, expected=f"{count}integers of at least {least}")
    return lengths


def _integer(n: Any) -> int:
    if isinstance(n, bool):
        raise TypeError("a boolean is no length")
    return operator.index(n)


def is_explicit(value: Any) -> bool:
    """Return whether `value` gives the lengths of some axis one by one."""
    return isinstance(value, (list, tuple)) and any(isinstance(axis, (list, tuple)) for axis in value)


def _levels(shards: Any, index_location: str) -> Iterator[dict[str, Any]]:
    """Yield the shard levels from the outside in, each with shape, index_location and index_codecs."""
    if shards is None:
        return
    nested = isinstance(shards, list) and bool(shards) and all(isinstance(level, Mapping) for level in shards)
    for level in shards if nested else [shards]:
        document = dict(level) if isinstance(level, Mapping) else {"shape": level}
        unknown = set(document) - {"shape", "index_location", "index_codecs"}
        if unknown or "shape" not in document:
            raise GridError(
                "shards are wrong", found=shown(level), expected="a shape, or {shape, index_location, index_codecs}"
            )
        location = document.get("index_location", index_location)
        if location not in ("start", "end"):
            raise GridError("index_location is wrong", found=location, expected="'start' or 'end'")
        codecs = document.get("index_codecs") or None
        if codecs is not None and not isinstance(codecs, (list, tuple)):
            raise MetadataError("index_codecs are wrong", found=shown(codecs), expected="a list of codecs")
        yield {"shape": document["shape"], "index_location": location, "index_codecs": codecs}


def _level_shape(shape: Any, explicit: Grid | None, array: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a level's shards; of explicit ones, what their lengths have in common."""
    if explicit is not None and is_explicit(shape):
        return tuple(gcd(*axis.lengths) for axis in explicit)
    return lengths_of("shards", shape, 1, len(array))


def _chunk_shape(
    shape: tuple[int, ...], itemsize: int, chunks: Any, fixed: Sequence[tuple[int, ...] | None]
) -> tuple[int, ...]:
    if _auto(chunks):
        return choose_chunks(shape, itemsize, fixed[-1] if fixed else None, sharded=bool(fixed))
    given = lengths_of("chunks", chunks, -1, len(shape))
    chunk = tuple(max(1, n) if c == -1 else c for n, c in zip(shape, given, strict=True))
    return lengths_of("chunks", chunk, 1, len(shape))


def _check_divides(parts: tuple[int, ...], shard: tuple[int, ...], explicit: Grid | None) -> None:
    if any(n % c for n, c in zip(shard, parts, strict=True)):
        named = shard if explicit is None else cell_shape(explicit)
        fix = tuple(max(c, n // c * c) for n, c in zip(shard, parts, strict=True))
        raise GridError(
            "shards must be whole multiples of what they hold",
            found=f"shards {named}, chunks {parts}",
            fix=f"use shards like {fix}" if explicit is None else f"use lengths that are multiples of {parts}",
        )


def _auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _explicit(name: str, shape: tuple[int, ...], value: Sequence[Any]) -> Grid:
    if len(value) != len(shape):
        raise GridError(f"{name} are wrong", found=shown(value), expected=f"lengths for {len(shape)} axes")
    return tuple(_axis(name, n, axis) for n, axis in zip(shape, value, strict=True))


def _axis(name: str, size: int, given: Any) -> Axis:
    if not isinstance(given, (list, tuple)):
        (step,) = lengths_of(name, given, -1, 1)
        return RegularAxis(size, *lengths_of(name, max(1, size) if step == -1 else step, 1, 1))
    if size == 0 and list(given) in ([], [0]):  # how dask cuts an axis without elements
        return RegularAxis(0, 1)
    lengths = lengths_of(name, given, 1)
    if sum(lengths) < size:
        raise GridError(f"explicit lengths of {name} end before the array does", found=sum(lengths), expected=size)
    return ExplicitAxis(size, tuple(accumulate(lengths, initial=0)))

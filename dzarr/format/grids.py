"""Chunk grids and chunk key encodings of a v3 document.

Knows: how the document spells them. Must not know: what a grid is good for (grid.py), or the rest of the document.
Source: Zarr v3 "Regular chunk grid", "Chunk key encoding", and the registered grid ``rectilinear``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, groupby, pairwise, repeat
from typing import cast

from dzarr.errors import UnsupportedError
from dzarr.format.grid import Axis, ExplicitAxis, Grid, RegularAxis
from dzarr.format.keys import KeyEncoding
from dzarr.format.members import MAX_EXTENT, extension, extents, is_integer, listed, only, required, wrong
from dzarr.format.metadata import JSON

MAX_CELLS = 1 << 20
"""Explicit cells of all axes together: run lengths make it cheap for a document to ask for any number."""

_GRID = "chunk_grid.configuration"
_LENGTHS = f"{_GRID}.chunk_shapes"


def parse_grid(value: JSON, shape: tuple[int, ...]) -> Grid:
    """Return the grid of a v3 ``chunk_grid`` over `shape`. Raises MetadataError or, for another grid, UnsupportedError.

    Examples
    --------
    >>> parse_grid({"name": "regular", "configuration": {"chunk_shape": [4]}}, (10,))
    (RegularAxis(size=10, step=4),)
    """
    found = extension(value, "chunk_grid")
    configuration = found.configuration
    if found.name == "regular":
        only(configuration, ("chunk_shape",), _GRID)
        where = f"{_GRID}.chunk_shape"
        steps = extents(required(configuration, "chunk_shape", _GRID), where, 0, len(shape))
        # zarr-python 3.0 and 3.1 took the shape of an empty array for its chunks; there is no chunk to disagree on.
        steps = tuple(1 if step == size == 0 else step for step, size in zip(steps, shape, strict=True))
        return tuple(map(RegularAxis, shape, extents(steps, where, 1)))
    if found.name != "rectilinear":
        raise UnsupportedError(f"chunk grid {found.name!r} is not supported", expected="regular or rectilinear")
    only(configuration, ("kind", "chunk_shapes"), _GRID)
    kind = required(configuration, "kind", _GRID)
    if kind != "inline":
        raise wrong(f"{_GRID}.kind", kind, '"inline"')
    lengths = listed(required(configuration, "chunk_shapes", _GRID), _LENGTHS)
    if len(lengths) != len(shape):
        raise wrong(_LENGTHS, list(lengths), f"{len(shape)} items, as many as shape has")
    axes: list[Axis] = []
    left = MAX_CELLS
    for size, each in zip(shape, lengths, strict=True):
        axes.append(_axis(size, each, left))
        left -= len(getattr(axes[-1], "edges", ()))
    return tuple(axes)


def _axis(size: int, lengths: JSON, most: int) -> Axis:
    if is_integer(lengths, 1):
        return RegularAxis(size, lengths)
    runs = [_run(item) for item in listed(lengths, _LENGTHS)]
    cells = sum(count for _, count in runs)
    if cells > most:
        raise UnsupportedError(
            "a grid has too many explicit chunks", found=f"{cells} on an axis", expected=f"at most {MAX_CELLS} on all"
        )
    end = sum(length * count for length, count in runs)
    if not size <= end <= MAX_EXTENT:
        raise wrong(_LENGTHS, f"a sum of {end}", f"at least the axis's {size}, and below 2**63")
    return ExplicitAxis(size, tuple(accumulate(chain.from_iterable(repeat(*run) for run in runs), initial=0)))


def _run(item: JSON) -> tuple[int, int]:
    if is_integer(item, 1):
        return item, 1
    if isinstance(item, (list, tuple)) and len(item) == 2 and all(is_integer(n, 1) for n in item):
        return item[0], item[1]
    raise wrong(_LENGTHS, item, "a positive integer, or a pair of them: a length and its count")


def grid_document(grid: Grid) -> JSON:
    """Return the v3 ``chunk_grid``: regular where every axis is.

    Examples
    --------
    >>> grid_document((RegularAxis(9, 2), ExplicitAxis(9, (0, 3, 6, 9, 10))))["configuration"]["chunk_shapes"]
    [2, [[3, 3], 1]]
    """
    if all(isinstance(axis, RegularAxis) for axis in grid):
        steps = [cast(RegularAxis, axis).step for axis in grid]
        return {"name": "regular", "configuration": {"chunk_shape": steps}}
    lengths = [axis.step if isinstance(axis, RegularAxis) else list(_runs(axis.edges)) for axis in grid]
    return {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": lengths}}


def _runs(edges: Sequence[int]) -> Iterator[JSON]:
    for length, run in groupby(b - a for a, b in pairwise(edges)):
        count = sum(1 for _ in run)
        yield [length, count] if count > 1 else length


def parse_keys(value: JSON) -> KeyEncoding:
    """Return the encoding of a v3 ``chunk_key_encoding``. Raises MetadataError, or UnsupportedError by name.

    Examples
    --------
    >>> parse_keys("v2")
    KeyEncoding(name='v2', separator='.')
    """
    found = extension(value, "chunk_key_encoding")
    if found.name not in ("default", "v2"):
        raise UnsupportedError(f"chunk key encoding {found.name!r} is not supported", expected="default or v2")
    only(found.configuration, ("separator",), "chunk_key_encoding.configuration")
    separator = found.configuration.get("separator", "/" if found.name == "default" else ".")
    if separator not in ("/", "."):
        raise wrong("chunk_key_encoding.configuration.separator", separator, '"/" or "."')
    return KeyEncoding("default" if found.name == "default" else "v2", separator)


def keys_document(keys: KeyEncoding) -> JSON:
    """Return the v3 ``chunk_key_encoding``."""
    return {"name": keys.name, "configuration": {"separator": keys.separator}}

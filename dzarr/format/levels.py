"""Shard levels of a chain of codecs: what stands before the innermost chunk's own codecs.

Knows: the configuration of ``sharding_indexed``, and when a chain can be flattened into levels. Must not know: shapes
of objects, bytes. Source: Zarr v3 codec ``sharding_indexed``, "Configuration parameters".

    [transpose, sharding[sharding[bytes, zstd]], crc32c]  ->  axes, two levels, [bytes, zstd], after: [crc32c]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dzarr.errors import MetadataError, UnsupportedError
from dzarr.format.codecs.registry import extension
from dzarr.format.members import MAX_NDIM, extents, is_integer, listed, only, required, shown, wrong
from dzarr.format.metadata import JSON, Extension

SHARDING = "sharding_indexed"

_MEMBERS = ("chunk_shape", "codecs", "index_codecs", "index_location")


@dataclass(frozen=True)
class ShardSpec:
    """One level of sharding, whatever the shape of its shards. ``chunk`` is in stored axes."""

    chunk: tuple[int, ...]
    index_codecs: tuple[Extension, ...]
    at_end: bool


@dataclass(frozen=True)
class Flattened:
    """A chain of codecs taken apart: its shard levels from the outside in, and the codecs of the innermost chunk.

    ``axes`` is the permutation from the array's axes to the stored ones, None where nothing is permuted before the
    shards; ``after`` is what follows the outermost level. Where there are no levels, ``chain`` is all of it.
    """

    axes: tuple[int, ...] | None
    levels: tuple[ShardSpec, ...]
    chain: tuple[Extension, ...]
    after: tuple[Extension, ...]


def flatten(codecs: tuple[Extension, ...], ndim: int) -> Flattened:
    """Take a chain of codecs apart. Raises MetadataError, naming the member, or UnsupportedError.

    Examples
    --------
    >>> inner = {"chunk_shape": [2], "codecs": ["bytes"], "index_codecs": ["bytes"]}
    >>> found = flatten((Extension("sharding_indexed", inner), Extension("crc32c")), 1)
    >>> found.levels[0].chunk, [codec.name for codec in found.chain], [codec.name for codec in found.after]
    ((2,), ['bytes'], ['crc32c'])
    """
    axes, rest = _leading_transposes(codecs, ndim)
    if not rest or rest[0].name != SHARDING:
        return Flattened(None, (), codecs, ())
    after = rest[1:]
    levels: list[ShardSpec] = []
    while rest and rest[0].name == SHARDING and (not levels or len(rest) == 1):
        level, rest = _shard_spec(rest[0], ndim)
        levels.append(level)
    return Flattened(axes, tuple(levels), rest, after)


def _leading_transposes(
    codecs: tuple[Extension, ...], ndim: int
) -> tuple[tuple[int, ...] | None, tuple[Extension, ...]]:
    axes: tuple[int, ...] | None = None
    for k, codec in enumerate(codecs):
        if codec.name != "transpose":
            return axes, codecs[k:]
        order = _order(codec.configuration.get("order"), ndim)
        axes = order if axes is None else tuple(axes[j] for j in order)
    return axes, ()


def _order(order: JSON, ndim: int) -> tuple[int, ...]:
    if order in ("C", "F"):  # of drafts
        return tuple(range(ndim)) if order == "C" else tuple(reversed(range(ndim)))
    items: Sequence[JSON] = order if isinstance(order, (list, tuple)) else ()
    if len(items) != ndim or not all(is_integer(n, 0) for n in items) or sorted(items) != list(range(ndim)):
        raise MetadataError("transpose order is no permutation", found=shown(order), expected=f"of 0 to {ndim - 1}")
    return tuple(items)


def _shard_spec(codec: Extension, ndim: int) -> tuple[ShardSpec, tuple[Extension, ...]]:
    configuration = codec.configuration
    only(configuration, _MEMBERS, f"{SHARDING}.configuration")
    if ndim >= MAX_NDIM:
        raise UnsupportedError("a shard's index has one axis more than its array", found=ndim, expected=MAX_NDIM - 1)
    chunk = extents(required(configuration, "chunk_shape", SHARDING), f"{SHARDING}.chunk_shape", 1, ndim)
    location = configuration.get("index_location", "end")
    if location not in ("start", "end"):
        raise wrong(f"{SHARDING}.index_location", location, '"start" or "end"')
    index_codecs = _codecs(configuration, "index_codecs")
    return ShardSpec(chunk, index_codecs, location == "end"), _codecs(configuration, "codecs")


def _codecs(configuration: JSON, name: str) -> tuple[Extension, ...]:
    where = f"{SHARDING}.{name}"
    found = listed(required(configuration, name, SHARDING), where)
    if not found:
        raise wrong(where, [], "at least the codec that makes bytes")
    return tuple(map(extension, found))

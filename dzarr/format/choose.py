"""Chunks and shards, chosen when nobody names them.

Knows: sizes that serve well. Must not know: documents. A chunk is what one small read decodes, so it is
about a mebibyte; where there are no shards it is also a file, so it is larger. A shard is what one task
writes and one listing shows, so it is tens of mebibytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

MIB = 1 << 20
INNER_BYTES, LONE_BYTES, SHARD_BYTES = MIB, 8 * MIB, 64 * MIB


def choose_chunks(
    shape: Sequence[int], itemsize: int, shard: Sequence[int] | None = None, *, sharded: bool = False
) -> tuple[int, ...]:
    """Return a chunk shape for `shape`, one that divides `shard` if that is given.

    Examples
    --------
    >>> choose_chunks((2000, 1000, 1000), 2, sharded=True), choose_chunks((0, 5), 8)
    ((63, 63, 125), (1, 5))
    >>> choose_chunks((240, 37, 49), 4, shard=(120, 37, 49))
    (120, 37, 49)
    """
    target = INNER_BYTES if sharded or shard is not None else LONE_BYTES
    if shard is not None:
        return _divide(tuple(shard), itemsize, target)
    chunk = [max(1, n) for n in shape]
    while prod(chunk) * itemsize > target and max(chunk) > 1:
        k = max(range(len(chunk)), key=lambda k: chunk[k])
        chunk[k] = -(-chunk[k] // 2)
    return tuple(chunk)


def _divide(shard: tuple[int, ...], itemsize: int, target: int) -> tuple[int, ...]:
    """Divide a shard evenly, always its longest divisible axis, until chunks are small enough."""
    chunk = list(shard)
    while prod(chunk) * itemsize > target:
        for k in sorted(range(len(chunk)), key=lambda k: -chunk[k]):
            factor = _smallest_factor(chunk[k])
            if factor is not None:
                chunk[k] //= factor
                break
        else:
            break
    return tuple(chunk)


def _smallest_factor(n: int) -> int | None:
    """Return the smallest prime factor of `n`, if it is no larger than 31 and leaves a rest."""
    for factor in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31):
        if n % factor == 0 and n > factor:
            return factor
    return None


def choose_shards(shape: Sequence[int], itemsize: int, chunk: Sequence[int]) -> tuple[int, ...]:
    """Return a shard shape of whole chunks, compact, of at most about 64 MiB.

    Examples
    --------
    >>> choose_shards((2000, 1000, 1000), 2, (64, 64, 64))
    (256, 256, 512)
    """
    many = [1] * len(chunk)
    growing = {k for k, (n, c) in enumerate(zip(shape, chunk, strict=True)) if c < n}
    while growing:
        k = min(growing, key=lambda k: (many[k] * chunk[k], -k))
        many[k] *= 2
        if prod(m * c for m, c in zip(many, chunk, strict=True)) * itemsize > SHARD_BYTES:
            many[k] //= 2
            growing.discard(k)
        elif many[k] * chunk[k] >= shape[k]:
            many[k] = -(-shape[k] // chunk[k])
            growing.discard(k)
    return tuple(m * c for m, c in zip(many, chunk, strict=True))


def choose_for_blocks(
    shape: Sequence[int], itemsize: int, blocks: Sequence[Sequence[int]]
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return (chunks, shards) for an array that is going to be written from Dask blocks.

    Where the blocks are equal and divide well, a shard is one block (or a divisor of it), so that nothing
    has to be regrouped; else chunks and shards are chosen as for any array.

    Examples
    --------
    >>> choose_for_blocks((1000, 1000), 8, ((250,) * 4, (500, 500)))
    ((250, 500), None)
    >>> choose_for_blocks((4000, 4000), 8, ((2000, 2000), (2000, 2000)))
    ((250, 500), (2000, 2000))
    """
    regular = all(len(set(axis[:-1])) <= 1 and axis[-1] <= axis[0] for axis in blocks if axis)
    if regular and all(blocks):
        shard = tuple(max(1, axis[0]) for axis in blocks)
        shard = _divide(shard, itemsize, 4 * SHARD_BYTES)
        chunk = _divide(shard, itemsize, INNER_BYTES)
        nbytes = prod(chunk) * itemsize
        if nbytes <= 4 * INNER_BYTES and prod(shard) * itemsize >= MIB // 4:
            return chunk, shard if shard != chunk else None
    chunk = choose_chunks(shape, itemsize, sharded=True)
    shard = choose_shards(shape, itemsize, chunk)
    return chunk, shard if shard != chunk else None

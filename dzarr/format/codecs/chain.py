"""Codecs in a row: which ones may follow each other, and what each gets.

Knows: the three kinds of codec. Must not know: bytes. Leading transposes are folded into one permutation
here; they cost nothing then, because the reader permutes the axes of the buffer that it decodes into.

    [transpose, delta, bytes, zstd, crc32c]  ->  axes | arrays: delta | bytes | after: zstd, crc32c
    [bytes, delta, zstd]    (from v2)        ->       | arrays: byte order, delta | memory | after: zstd
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dzarr.errors import MetadataError
from dzarr.format.codecs.codec import ArrayArray, ArrayBytes, BytesBytes, ChunkSpec, Codec
from dzarr.format.codecs.endian import ByteOrder, BytesCodec, Memory
from dzarr.format.codecs.transpose import Transpose


@dataclass(frozen=True, eq=False)
class Chain:
    """Codecs bound to one chunk shape.

    ``arrays`` pairs each codec with the array that goes into it; ``spec`` goes into ``to_bytes``. ``after``
    pairs each codec with the length of what goes into it, None where that depends on the data.
    """

    axes: tuple[int, ...] | None
    stored: ChunkSpec
    arrays: tuple[tuple[ArrayArray, ChunkSpec], ...]
    spec: ChunkSpec
    to_bytes: ArrayBytes
    after: tuple[tuple[BytesBytes, int | None], ...]
    encoded_size: int | None


def link(codecs: Sequence[Codec], spec: ChunkSpec) -> Chain:
    """Return the chain of `codecs` for the chunk `spec`.

    Raises MetadataError where codecs can't follow each other or don't fit the chunk, UnsupportedError for
    what a codec declines.
    """
    whole = spec
    axes, spec, rest = _fold(codecs, spec)
    before, to_bytes, after = _split(rest)
    if to_bytes.keeps_axes and len(before) == 1 and isinstance(before[0], ByteOrder):
        axes, spec = None, whole
    stored = spec
    arrays: list[tuple[ArrayArray, ChunkSpec]] = []
    for codec in before:
        if isinstance(codec, ByteOrder) and spec.dtype.hasobject:
            continue  # elements of variable length have no byte order
        codec = codec.bound(spec)
        resolved = codec.resolve(spec)
        if not (isinstance(codec, ByteOrder) and resolved.dtype == spec.dtype):
            arrays.append((codec, spec))
        spec = resolved
    to_bytes = to_bytes.bound(spec)
    size = to_bytes.encoded_size(spec)
    sized: list[tuple[BytesBytes, int | None]] = []
    for outer in after:
        sized.append((outer.bound(spec), size))
        size = None if size is None else outer.encoded_size(size)
    return Chain(axes, stored, tuple(arrays), spec, to_bytes, tuple(sized), size)


def _fold(codecs: Sequence[Codec], spec: ChunkSpec) -> tuple[tuple[int, ...] | None, ChunkSpec, Sequence[Codec]]:
    axes = identity = tuple(range(len(spec.shape)))
    rest = list(codecs)
    while rest and isinstance(codec := rest[0], Transpose):
        del rest[0]
        order = codec.axes(len(spec.shape))
        axes = tuple(axes[k] for k in order)
        spec = codec.resolve(spec)
    return (None if axes == identity else axes), spec, rest


def _split(codecs: Sequence[Codec]) -> tuple[list[ArrayArray], ArrayBytes, list[BytesBytes]]:
    arrays: list[ArrayArray] = []
    to_bytes: ArrayBytes | None = None
    after: list[BytesBytes] = []
    filtered = False
    for codec in codecs:
        if isinstance(codec, BytesBytes):
            if to_bytes is None:
                if not filtered:
                    raise _misplaced(codecs, f"{codec.name} needs bytes")
                to_bytes = Memory()
            after.append(codec)
            continue
        if to_bytes is not None:
            if isinstance(codec, ArrayBytes) and codec.on_bytes and (after or not isinstance(to_bytes, BytesCodec)):
                after.append(codec.on_bytes)
                continue
            # What v2 calls a filter stands behind the bytes codec; it gets the array in stored order.
            if after or not codec.after_bytes or not isinstance(to_bytes, BytesCodec):
                raise _misplaced(codecs, f"{codec.name} needs an array")
            arrays.append(ByteOrder(to_bytes))
            to_bytes, filtered = None, True
        elif filtered and not codec.after_bytes:
            raise _misplaced(codecs, f"{codec.name} can't follow a filter that follows bytes")
        if isinstance(codec, ArrayBytes):
            to_bytes = codec
        else:
            arrays.append(codec)
    if to_bytes is None:
        if not filtered:
            raise _misplaced(codecs, "no codec turns the array into bytes")
        to_bytes = Memory()
    return arrays, to_bytes, after


def _misplaced(codecs: Sequence[Any], reason: str) -> MetadataError:
    return MetadataError(
        f"codecs are in a wrong order: {reason}",
        found=[codec.name for codec in codecs],
        expected="codecs of arrays, then one such as bytes, then codecs of bytes",
    )

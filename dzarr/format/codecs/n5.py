"""The ``n5_default`` codec: a block of an N5 array, which says how large it is.

Knows: the header of a block in "default" mode. Must not know: N5's own documents, or what compresses a block.
Source: the registered codec ``n5_default``; N5 4.0.0, "File-system specification".

    uint16 mode = 0 | uint16 dimensions | uint32 length of each | big-endian elements, first axis fastest, compressed

Some writers cut blocks at the array's edge, some pad them. Here every chunk is written whole; what is read is cut or
filled up to the chunk.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from dzarr.errors import CodecError, MetadataError
from dzarr.format.codecs.codec import (
    Array,
    ArrayBytes,
    Buffer,
    BytesBytes,
    ChunkSpec,
    CodecContext,
    Configuration,
    Data,
    bound_of,
    broken,
    flat,
    wrong_length,
)
from dzarr.format.codecs.configuration import Settings
from dzarr.format.members import extension
from dzarr.format.metadata import Extension

NAME = "n5_default"
DTYPES = frozenset(map(np.dtype, "u1 u2 u4 u8 i1 i2 i4 i8 f4 f8".split()))
ROOM = 64 * 1024 * 1024
"""How large a block may be, however small the chunk: at a ragged edge a padded block is larger than its chunk."""

Build: TypeAlias = Callable[[Extension, CodecContext], BytesBytes]
"""How a codec from bytes to bytes is made; the registry knows."""


class N5Default(ArrayBytes):
    """A header and the elements in Fortran order, perhaps compressed by one codec.

    Examples
    --------
    >>> steps = [{"name": "transpose", "configuration": {"order": [1, 0]}}, "bytes"]
    >>> codec = n5_default({"codecs": steps}, CodecContext(), None).bound(ChunkSpec((2, 3), np.dtype("u1")))
    >>> codec.encode(np.array([[1, 2, 3], [4, 5, 6]], "u1")).hex(" ", -4)
    '00000002 00000002 00000003 01040205 0306'
    """

    name = NAME

    def __init__(self, ndim: int, big: bool, compressor: BytesBytes | None, most: int) -> None:
        self.ndim = ndim
        self.big = big
        self.compressor = compressor
        self.most = most
        self._header = struct.Struct(f">HH{ndim}I")

    def bound(self, spec: ChunkSpec) -> N5Default:
        """Check the chunk, and tell the compressor what its elements are. Raises MetadataError."""
        if spec.dtype.newbyteorder("=") not in DTYPES:
            legal = ", ".join(sorted(map(str, DTYPES)))
            raise MetadataError(f"{NAME} can't hold this data type", found=str(spec.dtype), expected=legal)
        if len(spec.shape) != self.ndim:
            raise MetadataError(f"{NAME}: order is wrong", found=f"{self.ndim} axes", expected=f"{len(spec.shape)}")
        if spec.dtype.itemsize > 1 and not self.big:
            raise MetadataError(f"{NAME}: endian is wrong", found=f"none, for {spec.dtype}", expected="'big'")
        if any(n >= 1 << 32 for n in spec.shape):
            raise MetadataError(f"{NAME}: a chunk is too long for N5", found=spec.shape, expected="32 bits an axis")
        compressor = None if self.compressor is None else self.compressor.bound(_stored(spec, spec.shape))
        return N5Default(self.ndim, self.big, compressor, self.most)

    def encoded_size(self, spec: ChunkSpec) -> int | None:
        """Return None: blocks cut at an edge are shorter."""
        return None

    def encode(self, array: Array) -> Data:
        """Return the header and the block. Raises CodecError."""
        stored = np.ascontiguousarray(array.T, dtype=array.dtype.newbyteorder(">"))
        block: Data = stored if self.compressor is None else self.compressor.encode(stored)
        return self._header.pack(0, self.ndim, *array.shape) + flat(block).tobytes()

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the chunk: the block cut, or filled up with the fill value. Raises CodecError."""
        shape = self._block_shape(data)
        inner = _stored(spec, shape)
        limit = min(self.most, max(bound_of(spec.nbytes), ROOM))
        if inner.nbytes > limit:
            raise wrong_length(inner.nbytes, None, f"{NAME}, by its header", limit)
        rest: Buffer = memoryview(data)[self._header.size :]
        if self.compressor is not None:
            rest = self.compressor.decode(rest, inner.nbytes, inner.nbytes)
        if len(rest) != inner.nbytes:
            raise wrong_length(len(rest), inner.nbytes, NAME)
        block = np.ndarray(shape[::-1], inner.dtype, rest).T
        return block.astype(spec.dtype, copy=False) if shape == spec.shape else _fitted(block, spec)

    def _block_shape(self, data: Buffer) -> tuple[int, ...]:
        if len(data) < self._header.size:
            raise broken(NAME, f"{len(data)} bytes are less than a header")
        mode, ndim, *shape = self._header.unpack_from(data)
        if mode != 0:
            raise CodecError(f"{NAME}: only blocks in default mode can be read", found=f"mode {mode}", expected="0")
        if ndim != self.ndim:
            raise CodecError(f"{NAME}: the header names another array", found=f"{ndim} axes", expected=f"{self.ndim}")
        return tuple(shape)


def _stored(spec: ChunkSpec, shape: tuple[int, ...]) -> ChunkSpec:
    return ChunkSpec(shape[::-1], spec.dtype.newbyteorder(">"), spec.fill)


def _fitted(block: Array, spec: ChunkSpec) -> Array:
    out = np.zeros(spec.shape, spec.dtype) if spec.fill is None else np.full(spec.shape, spec.fill, spec.dtype)
    shared = tuple(slice(min(a, b)) for a, b in zip(block.shape, spec.shape, strict=True))
    out[shared] = block[shared]
    return out


def n5_default(configuration: Configuration, context: CodecContext, build: Build) -> N5Default:
    """Make the codec from its v3 configuration; `build` makes the compressor. Raises MetadataError."""
    settings = Settings(NAME, configuration)
    given: Any = settings.take("codecs")
    settings.done()
    if not isinstance(given, (list, tuple)) or not 2 <= len(given) <= 3:
        raise settings.wrong("codecs", given, "transpose, bytes and perhaps one codec of bytes")
    steps = [extension(value, f"{NAME}: codecs[{k}]") for k, value in enumerate(given)]
    ndim = _axes(settings, steps)
    compressor = build(steps[2], context) if len(steps) == 3 else None
    big = steps[1].configuration.get("endian") == "big"
    return N5Default(ndim, big, compressor, context.max_decoded_bytes)


def _axes(settings: Settings, steps: Sequence[Extension]) -> int:
    first, second = steps[:2]
    order: Any = first.configuration.get("order")
    reverse = isinstance(order, (list, tuple)) and list(order) == list(range(len(order)))[::-1]
    if first.name != "transpose" or not reverse or set(first.configuration) != {"order"}:
        raise settings.wrong("codecs[0]", dict(first.configuration), "transpose with all axes reversed")
    if second.name != "bytes" or dict(second.configuration) not in ({}, {"endian": "big"}):
        raise settings.wrong("codecs[1]", {second.name: dict(second.configuration)}, "bytes with endian 'big'")
    return len(order)

"""The ``bytes`` codec: elements in C order, in one byte order.

Knows: which dtypes have a byte order. Must not know: what compresses the bytes afterwards.
Source: Zarr v3 codec ``bytes``; older drafts called it ``endian``.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from dzarr.errors import MetadataError, UnsupportedError
from dzarr.format.codecs.codec import (
    Array,
    ArrayArray,
    ArrayBytes,
    Buffer,
    ChunkSpec,
    CodecContext,
    Configuration,
    Data,
    flat,
    wrong_length,
)
from dzarr.format.codecs.configuration import Settings
from dzarr.format.elements import Endian, has_order, ordered, used_bits

ORDERS = ("little", "big")


class BytesCodec(ArrayBytes):
    """Elements one after the other; ``endian`` is "little", "big", or None for the dtype's own order.

    Structures keep the order that each field of their dtype has, if ``endian`` is None.

    Examples
    --------
    >>> BytesCodec("big").stored(np.dtype("<i4"))
    dtype('>i4')
    """

    name = "bytes"

    def __init__(self, endian: Endian | None) -> None:
        self.endian = endian

    def stored(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype of the elements as they are stored. Raises MetadataError or UnsupportedError."""
        if dtype.hasobject or dtype.kind == "T":
            raise UnsupportedError(
                "the codec bytes can't hold elements of variable length",
                found=str(dtype),
                expected="a codec such as vlen-utf8",
            )
        if self.endian is not None:
            if dtype.isbuiltin == 1:
                return dtype.newbyteorder("<" if self.endian == "little" else ">")  # what every chunk asks
            return ordered(dtype, self.endian)
        if has_order(dtype):
            raise MetadataError("bytes: endian is missing", found=f"data type {dtype}", expected="'little' or 'big'")
        return dtype

    def encoded_size(self, spec: ChunkSpec) -> int | None:
        """Return the bytes of all elements."""
        return spec.nbytes

    def bound(self, spec: ChunkSpec) -> ArrayBytes:
        """Check that the dtype and ``endian`` go together."""
        self.stored(spec.dtype)
        mask = used_bits(spec.dtype)
        if mask is not None:
            return Narrow(self, mask)
        return Counts(self) if spec.dtype.kind in "mM" and np.datetime_data(spec.dtype)[0] == "generic" else self

    def encode(self, array: Array) -> Data:
        """Return `array` in stored order, the same memory where it has that already."""
        array = array.astype(self.stored(array.dtype), copy=False)
        if array.dtype.kind in "mM":
            # numpy exports no buffer for dates; their counts are plain integers.
            return array.view(array.dtype.str.replace(array.dtype.kind, "i").partition("[")[0])
        # Nor of structures and small numbers, which numpy didn't build.
        raw = array.dtype.kind == "V" or array.dtype.isbuiltin == 2
        return array.view(np.dtype((np.void, array.dtype.itemsize))) if raw else array

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """View `data` as the array, swapped where its order is not the dtype's."""
        if len(data) != spec.nbytes:
            raise wrong_length(len(data), spec.nbytes, self.name)
        return np.ndarray(spec.shape, self.stored(spec.dtype), data).astype(spec.dtype, copy=False)


class Narrow(ArrayBytes):
    """The ``bytes`` codec of numbers below a byte: what stands in the other bits is ignored, and written as 0."""

    name = "bytes"

    def __init__(self, codec: BytesCodec, mask: bytes) -> None:
        self.codec = codec
        self.mask = np.frombuffer(mask, np.uint8)

    def encoded_size(self, spec: ChunkSpec) -> int | None:
        """Return the bytes of all elements."""
        return spec.nbytes

    def encode(self, array: Array) -> Data:
        """Return `array` in stored order, with the bits that mean nothing cleared."""
        return self._cleared(flat(self.codec.encode(array)))

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the array, with the bits that mean nothing cleared: not all of numpy's ways with it ignore them."""
        if len(data) != spec.nbytes:
            raise wrong_length(len(data), spec.nbytes, self.name)
        return self.codec.decode(self._cleared(flat(data)).data, spec)

    def _cleared(self, raw: Array) -> Array:
        return (raw.reshape(-1, len(self.mask)) & self.mask).reshape(-1)


class Counts(ArrayBytes):
    """The ``bytes`` codec of times without a unit: numpy casts them between byte orders and swaps nothing."""

    name = "bytes"

    def __init__(self, codec: BytesCodec) -> None:
        self.codec = codec

    def encoded_size(self, spec: ChunkSpec) -> int | None:
        """Return the bytes of all elements."""
        return spec.nbytes

    def encode(self, array: Array) -> Data:
        """Return the counts in stored order."""
        return self.codec.encode(array.view(np.int64))

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the times of the counts."""
        return self.codec.decode(data, ChunkSpec(spec.shape, np.dtype(np.int64))).view(spec.dtype)


class ByteOrder(ArrayArray):
    """The ``bytes`` codec where a v2 filter follows, which wants an array: only the order changes."""

    name = "bytes"

    def __init__(self, codec: BytesCodec) -> None:
        self.codec = codec

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return the same array in stored order."""
        return ChunkSpec(spec.shape, self.codec.stored(spec.dtype), spec.fill)

    def encode(self, array: Array) -> Array:
        """Return the array in stored order."""
        return array.astype(self.codec.stored(array.dtype), copy=False)

    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """Return the array in the dtype's order."""
        return array.astype(spec.dtype, copy=False)


class Memory(BytesCodec):
    """Elements in whatever order their dtype has: what stands at the end of a chain of v2 filters."""

    def __init__(self) -> None:
        super().__init__(None)

    def stored(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return `dtype`."""
        return dtype


def bytes_codec(configuration: Configuration, context: CodecContext) -> BytesCodec:
    """Make the codec from its v3 configuration. Raises MetadataError.

    Examples
    --------
    >>> bytes_codec({"endian": "little"}, CodecContext()).endian
    'little'
    """
    settings = Settings("bytes", configuration)
    endian = settings.take("endian", None)
    if endian is not None and (not isinstance(endian, str) or endian not in ORDERS):
        raise settings.wrong("endian", endian, "'little' or 'big'")
    settings.done()
    return BytesCodec(cast(Endian | None, endian))

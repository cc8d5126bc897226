"""The ``bytes`` codec: elements in C order, in one byte order.

Knows: which dtypes have a byte order. Must not know: what compresses the bytes afterwards.
Source: Zarr v3 codec ``bytes``; older drafts called it ``endian``.
"""

from __future__ import annotations

from typing import Any

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
    wrong_length,
)
from dzarr.format.codecs.configuration import Settings

ORDERS = {"little": "<", "big": ">"}


class BytesCodec(ArrayBytes):
    """Elements one after the other; ``endian`` is "little", "big", or None for the dtype's own order.

    Structures keep the order that each field of their dtype has, if ``endian`` is None.

    Examples
    --------
    >>> BytesCodec("big").stored(np.dtype("<i4"))
    dtype('>i4')
    """

    name = "bytes"

    def __init__(self, endian: str | None) -> None:
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
            return dtype.newbyteorder(ORDERS[self.endian])  # type: ignore[arg-type]
        if dtype.itemsize > 1 and dtype.kind not in "bSV":
            raise MetadataError("bytes: endian is missing", found=f"data type {dtype}", expected="'little' or 'big'")
        return dtype

    def encoded_size(self, spec: ChunkSpec) -> int | None:
        """Return the bytes of all elements."""
        return spec.nbytes

    def bound(self, spec: ChunkSpec) -> ArrayBytes:
        """Check that the dtype and ``endian`` go together."""
        self.stored(spec.dtype)
        return self

    def encode(self, array: Array) -> Data:
        """Return `array` in stored order, the same memory where it has that already."""
        array = array.astype(self.stored(array.dtype), copy=False)
        if array.dtype.kind in "mM":
            # numpy exports no buffer for dates; their counts are plain integers.
            return array.view(array.dtype.str.replace(array.dtype.kind, "i").partition("[")[0])
        return array.view(np.dtype((np.void, array.dtype.itemsize))) if array.dtype.kind == "V" else array

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """View `data` as the array, swapped where its order is not the dtype's."""
        if len(data) != spec.nbytes:
            raise wrong_length(len(data), spec.nbytes, self.name)
        return np.ndarray(spec.shape, self.stored(spec.dtype), data).astype(spec.dtype, copy=False)


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
    return BytesCodec(endian)

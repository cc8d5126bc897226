"""What a codec is: three kinds, told apart by their base class.

Knows: what each kind promises. Must not know: any one codec, documents, or how codecs are put in a row.

    ArrayArray   array -> array      transpose, delta, quantize
    ArrayBytes   array -> bytes      bytes, zfpy, pcodec
    BytesBytes   bytes -> bytes      blosc, zstd, gzip, lz4, crc32c

Encoded bytes come from outside and may hold anything. A decoder therefore never believes a length that it
finds inside them: it is told how long its result must be, allocates no more than that, and raises CodecError
for everything that is not so. Codecs hold no state, so that any number of threads may use one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from dzarr.errors import CodecError

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes as they travel; a memoryview counts single bytes (format ``B``)."""

Array: TypeAlias = np.ndarray[Any, Any]

Data: TypeAlias = Buffer | Array
"""What a codec takes and gives as bytes while encoding: a C-contiguous array stands for its memory, and
lets codecs that look at the element size (blosc, shuffle) see it."""

Configuration: TypeAlias = Mapping[str, Any]

SLACK = 64 * 1024


@dataclass(frozen=True)
class CodecContext:
    """What a handle's options say to codecs.

    Parameters
    ----------
    allow : frozenset of str
        Codecs that are refused unless named here (``pickle``).
    verify_checksums : bool
        Compare the checksums that are stored with data.
    max_decoded_bytes : int
        Largest chunk that is decoded.
    """

    allow: frozenset[str] = frozenset()
    verify_checksums: bool = True
    max_decoded_bytes: int = 2048 * 1024 * 1024


@dataclass(frozen=True)
class ChunkSpec:
    """The array that goes into a codec: its shape, its dtype, and the fill value (a 0-d array or None).

    Examples
    --------
    >>> ChunkSpec((4, 2), np.dtype("<u2"), None).nbytes
    16
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: Any = None

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return prod(self.shape) * self.dtype.itemsize


class ArrayArray(ABC):
    """Turns a chunk into another array of a shape and dtype that follow from the first's."""

    name: str
    after_bytes = False
    """Whether it may follow the ``bytes`` codec, as the filters of v2 documents do."""

    def bound(self, spec: ChunkSpec) -> ArrayArray:
        """Return this codec with what it leaves to the chunk filled in. Raises MetadataError."""
        return self

    @abstractmethod
    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return what `spec` becomes. Raises MetadataError where it can't be encoded."""

    @abstractmethod
    def encode(self, array: Array) -> Array:
        """Return the encoded array; it may be a view. Raises CodecError."""

    @abstractmethod
    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """Return the array of `spec` that was encoded; it may be a view. Raises CodecError."""


class ArrayBytes(ABC):
    """Turns an array into bytes."""

    name: str
    after_bytes = False
    keeps_axes = False
    """Whether it stores the array's shape, so that the ``order`` of v2 documents means nothing to it."""
    on_bytes: BytesBytes | None = None
    """What stands in for it where it follows bytes, if it may."""

    def bound(self, spec: ChunkSpec) -> ArrayBytes:
        """Return this codec with what it leaves to the chunk filled in. Raises MetadataError."""
        return self

    def encoded_size(self, spec: ChunkSpec) -> int | None:
        """Return the length of every encoded chunk, None where it differs."""
        return None

    @abstractmethod
    def encode(self, array: Array) -> Data:
        """Return the bytes of a C-contiguous array; they may share its memory. Raises CodecError."""

    @abstractmethod
    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the array of `spec`, perhaps over the memory of `data`. Raises CodecError."""


class BytesBytes(ABC):
    """Turns bytes into other bytes."""

    name: str
    careful = False
    """Whether `decode_into` raises CodecError for all that can go wrong, so that nobody need watch it."""

    def bound(self, spec: ChunkSpec) -> BytesBytes:
        """Return this codec with what it leaves to the elements (their size) filled in. Raises MetadataError."""
        return self

    def encoded_size(self, n: int) -> int | None:
        """Return the encoded length of `n` bytes, None where it depends on what they are."""
        return None

    @abstractmethod
    def encode(self, data: Data) -> Data:
        """Return the encoded bytes. Raises CodecError."""

    @abstractmethod
    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the decoded bytes: exactly `size` where that is known, and never more than `limit`.

        The answer may share memory with `data`. Raises CodecError for a wrong length and for bytes
        that can't be decoded, and allocates no more than `size` or `limit` to find out.
        """

    def decode_into(self, data: Buffer, out: Array) -> None:
        """Decode into the memory of `out`, a C-contiguous array without objects, filling all of it.

        Raises CodecError; `out` holds anything then.
        """
        copy_into(self.decode(data, out.nbytes, out.nbytes), out)


Codec: TypeAlias = ArrayArray | ArrayBytes | BytesBytes


def flat(data: Data) -> Array:
    """Return the memory of `data` as a 1-d uint8 array.

    Examples
    --------
    >>> flat(np.array([258], dtype="<u2"))
    array([2, 1], dtype=uint8)
    """
    if isinstance(data, np.ndarray):
        return data.reshape(-1).view(np.uint8)
    return np.frombuffer(data, np.uint8)


def length(data: Data) -> int:
    """Return the number of bytes in `data`."""
    return data.nbytes if isinstance(data, np.ndarray) else len(data)


def copy_into(data: Data, out: Array) -> None:
    """Copy `data` into the memory of the C-contiguous array `out`. Raises CodecError where lengths differ."""
    source = flat(data)
    if source.nbytes != out.nbytes:
        raise wrong_length(source.nbytes, out.nbytes)
    flat(out)[:] = source


def wrong_length(found: int, expected: int | None, name: str | None = None, limit: int | None = None) -> CodecError:
    """Return the error for decoded bytes that are too few or too many."""
    return CodecError(
        f"{name}: wrong decoded length" if name else "wrong decoded length",
        found=f"{found} bytes",
        expected=f"at most {limit} bytes" if expected is None else f"{expected} bytes",
    )


def broken(name: str, reason: object) -> CodecError:
    """Return the error for bytes that a codec can't decode."""
    return CodecError(f"{name} can't decode these bytes: {reason}")


def unencodable(name: str, reason: object) -> CodecError:
    """Return the error for data that a codec can't encode."""
    return CodecError(f"{name} can't encode this chunk: {reason}")


def bound_of(size: int) -> int:
    """Return how long the encoded form of `size` bytes may be where a codec follows that must decode it.

    No compressor in use makes its input longer by more than a few percent, base64 by a third; so a
    chain can't be made to hold much more than the chunk itself.
    """
    return 2 * size + SLACK

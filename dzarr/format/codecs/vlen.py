"""Elements of variable length, one after the other: ``vlen-utf8``, ``vlen-bytes``, ``vlen-array``.

Knows: one binary layout, and what its bytes are to Python. Must not know: documents, or which chunks are stored.
Sources: the registered v3 codecs ``vlen-utf8`` and ``vlen-bytes``; numcodecs, "VLenUTF8", "VLenBytes", "VLenArray".

    count | length, bytes | length, bytes | ...        numbers are 32 bits, unsigned, little endian

Neither the count nor a length is believed: the count is that of the chunk, and an element ends inside the bytes
that are there, so that decoding takes memory for these bytes and the chunk's elements, and for nothing else.
"""

from __future__ import annotations

import reprlib
import struct
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np
from numcodecs.vlen import VLenBytes as CompiledBytes
from numcodecs.vlen import VLenUTF8 as CompiledText

from dzarr.errors import CodecError, DzarrError, MetadataError
from dzarr.format.codecs.codec import Array, ArrayBytes, Buffer, ChunkSpec, CodecContext, Configuration, broken
from dzarr.format.codecs.configuration import Settings

NUMBER = struct.Struct("<I")
LONGEST = (1 << 32) - 1
TEXTS, BYTES = CompiledText(), CompiledBytes()
"""Three times as fast as `split`. They compare each length with the bytes that are left, and take no memory for it."""


class VLen(ArrayBytes):
    """What the three share. ``missing`` is the fill value where it is no element itself: it is stored as nothing."""

    kinds = "O"
    what = "an object"

    def __init__(self, name: str, missing: Any = None) -> None:
        self.name = name
        self.after_bytes = name.startswith("numcodecs.")  # it is a filter in v2
        self.missing = missing

    def bound(self, spec: ChunkSpec) -> ArrayBytes:
        """Return the codec for chunks of `spec`. Raises MetadataError for a data type that it can't hold."""
        if spec.dtype.kind not in self.kinds:
            raise MetadataError(f"{self.name} can't hold this data type", found=str(spec.dtype), expected=self.what)
        fill = None if spec.fill is None else spec.fill[()]
        if isinstance(fill, bytes) and self.what == VLenText.what:
            raise MetadataError(f"{self.name} can't hold this data type", found="bytes", expected=self.what)
        return self.with_missing(fill)

    def with_missing(self, fill: Any) -> VLen:
        """Return the codec with a fill value. The zero and the null of v2 documents stand for nothing."""
        return type(self)(self.name, fill)

    def encode(self, array: Array) -> bytes:
        """Return the count and all elements. Raises CodecError, naming the index, for what is none."""
        items = array.reshape(-1).tolist()
        try:
            encoded = self.pack(items)
        except (TypeError, ValueError, AttributeError, DzarrError) as error:
            raise self._misfit(items, array.shape) from error
        lengths = list(map(len, encoded))
        if len(items) > LONGEST or max(lengths, default=0) > LONGEST:
            raise CodecError(f"{self.name}: a chunk or an element of it is too long", expected=f"at most {LONGEST}")
        parts = [b""] * (1 + 2 * len(items))
        parts[0], parts[1::2], parts[2::2] = NUMBER.pack(len(items)), list(map(NUMBER.pack, lengths)), encoded
        return b"".join(parts)

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the elements."""
        count = prod(spec.shape)
        check_count(data, count, self.name)
        items = self.quickly(data, count)
        return objects_of(self.unpack(split(bytes(data), count, self.name)) if items is None else items, spec)

    def quickly(self, data: Buffer, count: int) -> list[Any] | None:
        """Return the elements by a compiled way, None where there is none or where anything is wrong."""
        return None

    @abstractmethod
    def pack(self, items: Sequence[Any]) -> list[bytes]:
        """Return the bytes of each element. Raises anything for what is none."""

    @abstractmethod
    def unpack(self, items: list[bytes]) -> list[Any]:
        """Return the elements that the bytes are. Raises CodecError."""

    def is_missing(self, item: Any) -> bool:
        """Return whether `item` is the fill value of an array whose document has 0 or null for nothing."""
        return (item is None and self.missing is None) or (type(item) is int and item == 0 == self.missing)

    def _misfit(self, items: Sequence[Any], shape: tuple[int, ...]) -> CodecError:
        for k, item in enumerate(items):
            try:
                self.pack([item])
            except (TypeError, ValueError, AttributeError, DzarrError):
                index = tuple(int(at) for at in np.unravel_index(k, shape)) if shape else ()
                return CodecError(
                    f"{self.name}: the element at {index} of the chunk can't be stored",
                    found=f"{type(item).__name__} {reprlib.repr(item)}",
                    expected=self.what,
                )
        return CodecError(f"{self.name}: an element can't be stored", expected=self.what)


class VLenText(VLen):
    r"""Text as UTF-8.

    Examples
    --------
    >>> codec = VLenText("vlen-utf8")
    >>> codec.encode(np.array(["a", "ß"], np.dtypes.StringDType()))
    b'\x02\x00\x00\x00\x01\x00\x00\x00a\x02\x00\x00\x00\xc3\x9f'
    """

    kinds = "OT"
    what = "text"

    def pack(self, items: Sequence[Any]) -> list[bytes]:
        """Return the text of each element in UTF-8."""
        try:
            return [str.encode(item) for item in items]
        except TypeError:
            return [b"" if self.is_missing(item) else str.encode(item) for item in items]

    def quickly(self, data: Buffer, count: int) -> list[Any] | None:
        """Return the elements as numcodecs reads them, which asks for no end of the bytes."""
        with suppress(ValueError):
            items: list[str] = TEXTS.decode(data).tolist()
            if NUMBER.size * (1 + count) + len("".join(items).encode()) == len(data):
                return items
        return None

    def unpack(self, items: list[bytes]) -> list[str]:
        """Return the elements' text."""
        try:
            return [item.decode() for item in items]
        except UnicodeDecodeError:
            raise self._no_text(items) from None

    def _no_text(self, items: list[bytes]) -> CodecError:
        reason = "an element is no text"
        for k, item in enumerate(items):
            try:
                item.decode()
            except UnicodeDecodeError as error:
                reason = f"element {k}: {error}"
                break
        return broken(self.name, reason)


class VLenBytes(VLen):
    """Bytes as they are."""

    what = "bytes"

    def pack(self, items: Sequence[Any]) -> list[bytes]:
        """Return the elements."""
        return [item if isinstance(item, bytes) else self._plain(item) for item in items]

    def quickly(self, data: Buffer, count: int) -> list[Any] | None:
        """Return the elements as numcodecs reads them, which asks for no end of the bytes."""
        with suppress(ValueError):
            items: list[bytes] = BYTES.decode(data).tolist()
            if NUMBER.size * (1 + count) + sum(map(len, items)) == len(data):
                return items
        return None

    def unpack(self, items: list[bytes]) -> list[bytes]:
        """Return the elements."""
        return items

    def _plain(self, item: Any) -> bytes:
        if isinstance(item, (bytearray, memoryview)):
            return bytes(item)
        if self.is_missing(item):
            return b""
        raise TypeError("not bytes")


class VLenArray(VLen):
    """One-dimensional arrays of one dtype as their memory."""

    def __init__(self, name: str, dtype: np.dtype[Any], missing: Any = None) -> None:
        super().__init__(name, missing)
        self.dtype = dtype
        self.what = f"a one-dimensional array of {dtype}"

    def with_missing(self, fill: Any) -> VLen:
        """Return the codec with a fill value."""
        return VLenArray(self.name, self.dtype, fill)

    def pack(self, items: Sequence[Any]) -> list[bytes]:
        """Return the memory of each array, cast where nothing but precision is lost."""
        return [b"" if self.is_missing(item) else self._memory(item) for item in items]

    def unpack(self, items: list[bytes]) -> list[Array]:
        """Return the arrays, which may be written."""
        size = self.dtype.itemsize
        for k, item in enumerate(items):
            if len(item) % size:
                raise broken(self.name, f"element {k} has {len(item)} bytes, which make no array of {self.dtype}")
        return [np.frombuffer(item, self.dtype).copy() for item in items]

    def _memory(self, item: Any) -> bytes:
        array = np.asarray(item)
        if array.ndim != 1 or (array.size and not np.can_cast(array.dtype, self.dtype, "same_kind")):
            raise TypeError("not such an array")
        return array.astype(self.dtype).tobytes()


def check_count(data: Buffer, count: int, name: str) -> None:
    """Raise CodecError where `data` says that it holds another number of elements, or is too short for them."""
    size = len(data)
    found = NUMBER.unpack_from(data)[0] if size >= NUMBER.size else 0
    if size < NUMBER.size * (1 + count) or found != count:
        raise CodecError(
            f"{name}: wrong number of elements", found=f"{found} in {size} bytes", expected=f"{count} elements"
        )


def split(data: bytes, count: int, name: str) -> list[bytes]:
    """Return the bytes of each of `count` elements. Raises CodecError unless they are exactly what `data` is."""
    items: list[bytes] = []
    size = len(data)
    at, unpack = NUMBER.size, NUMBER.unpack_from
    try:
        for _ in range(count):
            stop = at + 4 + unpack(data, at)[0]
            items.append(data[at + 4 : stop])  # a length beyond the end gives what there is, and is found below
            at = stop
    except struct.error:
        at = size + 1
    if at != size:
        raise broken(name, "the lengths of the elements are not those of the bytes that are there")
    return items


def objects_of(items: Sequence[Any], spec: ChunkSpec) -> Array:
    """Return elements, in stored order, as an array of `spec`; what they hold is not looked into."""
    if spec.dtype.kind == "T":
        return np.array(items, spec.dtype).reshape(spec.shape)
    # Unlike an assignment of the list, this looks into no element that is itself a list or an array.
    return np.fromiter(items, spec.dtype, len(items)).reshape(spec.shape)


def vlen_utf8(configuration: Configuration, context: CodecContext) -> VLen:
    """Make ``vlen-utf8``. Raises MetadataError."""
    Settings("vlen-utf8", configuration).done()
    return VLenText("vlen-utf8")


def vlen_bytes(configuration: Configuration, context: CodecContext) -> VLen:
    """Make ``vlen-bytes``. Raises MetadataError."""
    Settings("vlen-bytes", configuration).done()
    return VLenBytes("vlen-bytes")


def vlen_numcodec(codec_id: str, configuration: Configuration, context: CodecContext) -> VLen:
    """Make ``numcodecs.<codec_id>``, one of the three. Raises MetadataError.

    Examples
    --------
    >>> vlen_numcodec("vlen-array", {"dtype": "<i4"}, CodecContext()).dtype
    dtype('int32')
    """
    name = f"numcodecs.{codec_id}"
    settings = Settings(name, configuration)
    if codec_id != "vlen-array":
        settings.done()
        return VLenText(name) if codec_id == "vlen-utf8" else VLenBytes(name)
    value = settings.take("dtype")
    settings.done()
    try:
        if not isinstance(value, str):
            raise TypeError("not a name")
        dtype = np.dtype(value)
    except (TypeError, ValueError) as error:
        raise settings.wrong("dtype", value, "numpy's name of a data type") from error
    if dtype.hasobject or dtype.itemsize == 0 or dtype.subdtype is not None:
        raise settings.wrong("dtype", value, "a data type of a fixed size")
    return VLenArray(name, dtype)

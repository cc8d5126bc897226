"""The ``packbits`` codec: elements of any number of bits, one after the other with no room between.

Knows: how many bits a dtype's elements have. Must not know: what compresses the bytes. Source: the registered
codec ``packbits``; its schema has other names for three members, which are understood too.

    uint4 [1, 2, 3]     byte 0 = 0x21, byte 1 = 0x03      element i begins at bit 4*i, low bits first
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from dzarr.errors import CodecError, MetadataError, UnsupportedError
from dzarr.format.codecs.codec import (
    Array,
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
from dzarr.format.codecs.numbers import Integers, numbers
from dzarr.format.elements import ordered

NAME = "packbits"
PADDINGS = {"none": "none", "first_byte": "first", "last_byte": "last", "start_byte": "first", "end_byte": "last"}
SLAB = 1 << 16
"""Components packed at a time, a multiple of 8: each bit takes a byte meanwhile."""


class PackBits(ArrayBytes):
    """Bits `first` to `last` of each component. `padding` says where the number of padding bits stands, if anywhere.

    Examples
    --------
    >>> codec = packbits({"padding_encoding": "first_byte"}, CodecContext())
    >>> codec = codec.bound(ChunkSpec((3,), np.dtype(bool)))
    >>> codec.encode(np.array([True, False, True])).tolist()
    [5, 5]
    """

    name = NAME

    def __init__(self, padding: str, first: int, last: int | None, spec: ChunkSpec | None = None) -> None:
        self.padding = padding
        self.first, self.last = first, last
        self._spec = spec
        if spec is not None:
            self._bits, self._parts, self._signed = _components(spec.dtype)
            self._end = self._bits if last is None else last + 1
            if not first < self._end <= self._bits:
                raise MetadataError(
                    f"{NAME}: the bits are wrong for {spec.dtype}",
                    found=f"first_bit {first}, last_bit {last}",
                    expected=f"0 <= first_bit <= last_bit < {self._bits}",
                )

    def bound(self, spec: ChunkSpec) -> PackBits:
        """Return the codec for the elements of `spec`. Raises MetadataError, UnsupportedError."""
        return PackBits(self.padding, self.first, self.last, spec)

    def encoded_size(self, spec: ChunkSpec) -> int | None:
        """Return the bytes of all bits, and one more where the padding is told."""
        return -(-self._length(spec) // 8) + (self.padding != "none")

    def encode(self, array: Array) -> Data:
        """Return the packed bits."""
        width = self._end - self.first
        parts = _as_bytes(array, self._parts)
        pieces = []
        for start in range(0, len(parts), SLAB):
            bits = np.unpackbits(parts[start : start + SLAB], axis=1, bitorder="little")
            pieces.append(np.packbits(bits[:, self.first : self._end], bitorder="little"))
        padding = np.array([-len(parts) * width % 8], np.uint8)
        if self.padding == "first":
            pieces.insert(0, padding)
        elif self.padding == "last":
            pieces.append(padding)
        return np.concatenate(pieces) if pieces else np.empty(0, np.uint8)

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the unpacked elements; bits that are not stored are zero, or the sign of signed integers."""
        packed = self._without_padding(flat(data), spec)
        width, size = self._end - self.first, spec.dtype.itemsize // self._parts
        count = prod(spec.shape) * self._parts
        out = np.empty((count, size), np.uint8)
        for start in range(0, count, SLAB):
            stop = min(start + SLAB, count)
            bits = np.unpackbits(packed[start * width // 8 :], count=(stop - start) * width, bitorder="little")
            whole = np.zeros((stop - start, 8 * size), np.uint8)
            whole[:, self.first : self._end] = bits.reshape(-1, width)
            if self._signed:
                whole[:, self._end : self._bits] = whole[:, self._end - 1 : self._end]
            out[start:stop] = np.packbits(whole, axis=1, bitorder="little")
        return _as_elements(out, spec)

    def _length(self, spec: ChunkSpec) -> int:
        return prod(spec.shape) * self._parts * (self._end - self.first)

    def _without_padding(self, packed: Array, spec: ChunkSpec) -> Array:
        length = self._length(spec)
        told = self.padding != "none"
        if told and self._end - self.first == self._bits and self._bits % 8 == 0 and 8 * packed.size == length:
            return packed  # zarrs forgets the byte where elements are whole bytes
        if packed.size != -(-length // 8) + told:
            raise wrong_length(packed.size, -(-length // 8) + told, f"{NAME}, encoded")
        if not told:
            return packed
        found = int(packed[0] if self.padding == "first" else packed[-1])
        if found != -length % 8:
            raise CodecError(f"{NAME}: the number of padding bits is wrong", found=found, expected=-length % 8)
        return packed[1:] if self.padding == "first" else packed[:-1]


def _components(dtype: np.dtype[Any]) -> tuple[int, int, bool]:
    """Return the bits of a component, how many components an element has, and whether they are signed integers."""
    if dtype.kind == "b":
        return 1, 1, False
    if dtype.kind == "c":
        return 4 * dtype.itemsize, 2, False
    if dtype.kind in "mM":
        return 64, 1, True
    if dtype.names == ("real", "imag"):
        # Complex numbers over a small type, which numpy has no type of its own for.
        part = numbers(dtype["real"])
        if part is not None and dtype["real"] == dtype["imag"]:
            return part.bits, 2, False
    found = numbers(dtype)
    if found is None:
        raise UnsupportedError(f"{NAME} packs numbers and booleans only", found=f"data type {dtype}")
    return found.bits, 1, isinstance(found, Integers) and found.least < 0


def _as_bytes(array: Array, parts: int) -> Array:
    """Return the memory of each component as a row of bytes, little endian."""
    little = np.ascontiguousarray(array.astype(ordered(array.dtype, "little"), copy=False))
    rows = little.reshape(-1).view(np.uint8)
    return rows.reshape(-1, array.dtype.itemsize // parts)


def _as_elements(rows: Array, spec: ChunkSpec) -> Array:
    little = rows.reshape(-1).view(ordered(spec.dtype, "little")).reshape(spec.shape)
    return little.astype(spec.dtype, copy=False)


def packbits(configuration: Configuration, context: CodecContext) -> PackBits:
    """Make the codec from its v3 configuration. Raises MetadataError."""
    settings = Settings(NAME, configuration)
    padding = PADDINGS[settings.choice("padding_encoding", tuple(PADDINGS), "none")]
    first = _bit(settings, "first_bit", "start_bit")
    last = _bit(settings, "last_bit", "end_bit")
    settings.done()
    if last is not None and last < (first or 0):
        raise settings.wrong("last_bit", last, f"at least first_bit, {first or 0}")
    return PackBits(padding, first or 0, last)


def _bit(settings: Settings, *keys: str) -> int | None:
    found = [settings.maybe(key, 0, 127) for key in keys]
    return next((bit for bit in found if bit is not None), None)

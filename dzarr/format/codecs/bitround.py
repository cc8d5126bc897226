"""The ``bitround`` codec, registered and of numcodecs: numbers with their last bits zero, which compress better.

Knows: where the bits that are kept end. Must not know: what compresses them. Source: the registered codec
``bitround``. Decoding changes nothing, so whatever some other writer did is read as it is.

    float32, keepbits 3      0 01111111 001|11100000011001010010  ->  0 01111111 010|0...     ties to even
    uint8, keepbits 3        000|110|01 counts from the highest bit that is set               0b11001 -> 0b11000

Floats come out as numcodecs's bitround makes them, but for NaN, which stays as it is: rounded up, some would turn
into infinity or zero. Of a negative integer the magnitude is rounded: counted from the sign bit of its two's
complement, as one reading of the text would have it, -8 would become -536870912.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dzarr.errors import MetadataError, UnsupportedError
from dzarr.format.codecs.codec import Array, ArrayArray, ChunkSpec, CodecContext, Configuration
from dzarr.format.codecs.configuration import Settings
from dzarr.format.codecs.numbers import Floats, numbers


class BitRound(ArrayArray):
    """Keeps `keepbits` bits of the mantissa, or of an integer from its highest set bit on.

    Examples
    --------
    >>> codec = BitRound("bitround", 3)
    >>> codec.encode(np.array([0, 3, 7, 15, 17, 54, 89, 255], "u1")).tolist()
    [0, 3, 7, 16, 16, 56, 96, 224]
    >>> codec.encode(np.array([1.23456789, -8.3587192], "f4")).tolist()
    [1.25, -8.0]
    """

    after_bytes = True

    def __init__(self, name: str, keepbits: int) -> None:
        self.name = name
        self.keepbits = keepbits

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return `spec`. Raises UnsupportedError for what has no digits, MetadataError for more bits than there are."""
        part = _part(spec.dtype)
        if part is None:
            raise UnsupportedError(f"{self.name} rounds numbers only", found=f"data type {spec.dtype}")
        found = numbers(part)
        if isinstance(found, Floats) and self.keepbits > found.precision - 1:
            raise MetadataError(
                f"{self.name}: keepbits is wrong for {spec.dtype}",
                found=self.keepbits,
                expected=f"at most {found.precision - 1}",
            )
        return spec

    def encode(self, array: Array) -> Array:
        """Return the rounded numbers."""
        part = _part(array.dtype)
        found = None if part is None else numbers(part)
        if found is None or part is None:
            raise UnsupportedError(f"{self.name} rounds numbers only", found=f"data type {array.dtype}")
        values = np.ascontiguousarray(array).reshape(-1).view(part).astype(found.dtype)
        if isinstance(found, Floats):
            values = _round_floats(values, found, self.keepbits)
        else:
            values = _round_integers(values, self.keepbits)
        return values.astype(part).view(array.dtype).reshape(array.shape)

    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """Return `array`."""
        return array.reshape(spec.shape)


def _part(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """Return the real type that the numbers of `dtype` are made of, in its byte order."""
    order = dtype.byteorder
    if dtype.kind == "c":
        return np.dtype(f"{order}f{dtype.itemsize // 2}")
    if dtype.kind in "mM":
        return np.dtype(f"{order}i8")
    if dtype.names == ("real", "imag") and dtype["real"] == dtype["imag"]:
        dtype = dtype["real"]
    return dtype if numbers(dtype) is not None else None


def _round_floats(values: Array, kind: Floats, keepbits: int) -> Array:
    drop = kind.precision - 1 - keepbits
    if drop <= 0:
        return values
    bits = values.view(f"u{kind.dtype.itemsize}")
    rounded = _to_even(bits, bits.dtype.type(drop))
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(values), values, rounded.view(kind.dtype))


def _round_integers(values: Array, keepbits: int) -> Array:
    unsigned = np.dtype(f"u{values.dtype.itemsize}")
    negative = values < 0
    # The magnitude of the lowest integer is its own two's complement.
    size = np.where(negative, unsigned.type(0) - values.view(unsigned), values.view(unsigned))
    drop = np.maximum(_bit_length(size).astype(np.int64) - keepbits, 0).astype(unsigned)
    cut = size >> drop << drop
    rounded = np.where(drop > 0, _to_even(size, drop), size)
    # What would grow past the largest number is cut off instead.
    limit = unsigned.type(np.iinfo(values.dtype).max) + negative.astype(unsigned)
    rounded = np.where((rounded > limit) | (rounded < cut), cut, rounded)
    result: Array = np.where(negative, unsigned.type(0) - rounded, rounded).view(values.dtype)
    return result


def _to_even(bits: Array, drop: Any) -> Array:
    """Return the numbers without their lowest `drop` bits (at least one), rounded; ties go to an even last bit."""
    one = bits.dtype.type(1)
    half = (one << (drop - one)) - one
    rounded: Array = (bits + half + (bits >> drop & one)) >> drop << drop
    return rounded


def _bit_length(values: Array) -> Array:
    """Return how many bits each unsigned integer needs."""
    length = np.zeros(values.shape, np.uint8)
    rest = values.copy()
    for step in (32, 16, 8, 4, 2, 1):
        if step < 8 * values.dtype.itemsize:
            high = rest >= values.dtype.type(1 << step)
            length[high] += step
            rest = np.where(high, rest >> values.dtype.type(step), rest)
    return length + (rest > 0)


def bitround(name: str, configuration: Configuration, context: CodecContext) -> BitRound:
    """Make the codec from its configuration, one for v3 and numcodecs. Raises MetadataError."""
    settings = Settings(name, configuration)
    codec = BitRound(name, settings.integer("keepbits", 0, 64))
    settings.done()
    return codec

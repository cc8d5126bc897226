"""The registered ``zfp`` codec: zfp's bits without a header, as the document says all that it would hold.

Knows: the four modes and the expert one, and how short integers are promoted. Must not know: ``numcodecs.zfpy``,
whose chunks have headers (numeric.py). Source: the registered codec ``zfp``; zfp 1.0, "Compressed stream format".

    (ny, nx) float32     zfp's own type
    uint8                (x - 2**7) << 23, as int32
    uint32               as int32, so that larger numbers than 2**31 - 1 have no place

The package zfpy writes four modes. Expert parameters that mean one of those are written so; the others can only be
read, by putting in front the header that zfp would have written, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dzarr.errors import CodecError, UnsupportedError
from dzarr.format.codecs.codec import (
    Array,
    ArrayBytes,
    Buffer,
    ChunkSpec,
    CodecContext,
    Configuration,
    Data,
    broken,
    unencodable,
    wrong_length,
)
from dzarr.format.codecs.configuration import Settings
from dzarr.format.codecs.numbers import Integers, numbers
from dzarr.format.codecs.numeric import check_rate, library, longest

NAME = "zfp"
MODES = ("reversible", "expert", "fixed_accuracy", "fixed_rate", "fixed_precision")
OWN = frozenset(map(np.dtype, ("i4", "i8", "f4", "f8")))
MAX_BITS, MAX_PRECISION, MIN_EXPONENT = 16658, 64, -1074
"""Limits that don't limit: the most bits of a block, all bit planes, the smallest float64."""

UINT32 = 2**32 - 1
LARGEST = float(np.finfo(np.float64).max)
LONG_MODE = 0xFFF
"""The short mode that says that a long one follows."""


@dataclass(frozen=True)
class Expert:
    """zfp's four parameters."""

    minbits: int
    maxbits: int
    maxprec: int
    minexp: int

    def keywords(self, ndim: int) -> dict[str, float] | None:
        """Return what to call zfpy with for the same stream, None where it has no words for it."""
        whole = self.maxprec >= MAX_PRECISION
        free = self.minbits <= 1 and self.maxbits >= MAX_BITS
        if whole and self.minbits == self.maxbits and self.minexp == MIN_EXPONENT:
            return {"rate": self.maxbits / 4**ndim}
        if free and self.minexp == MIN_EXPONENT:
            return {"precision": self.maxprec}
        if free and whole:
            return {} if self.minexp < MIN_EXPONENT else {"tolerance": 2.0**self.minexp}
        return None

    def header(self, ztype: int, extents: tuple[int, ...]) -> tuple[int, int]:
        """Return zfp's full header as an integer, low bits first, and its length in bits."""
        sizes, width = 0, {1: 48, 2: 24, 3: 16, 4: 12}[len(extents)]
        for n in extents:
            if n > 1 << width:
                raise UnsupportedError(f"{NAME}: an axis is too long for expert mode", found=n, expected=1 << width)
            sizes = sizes << width | (n - 1)
        meta = (sizes << 2 | (len(extents) - 1)) << 2 | (ztype - 1)
        mode = min(max(self.minexp + 16495, 0), 0x7FFF)
        mode = mode << 7 | min(max(self.maxprec, 1), 0x80) - 1
        mode = mode << 15 | min(max(self.maxbits, 1), 0x8000) - 1
        mode = mode << 15 | min(max(self.minbits, 1), 0x8000) - 1
        mode = mode << 12 | LONG_MODE
        magic = int.from_bytes(b"zfp\x05", "little")
        return magic | meta << 32 | mode << 84, 148


class Zfp(ArrayBytes):
    """zfp with `keywords` of zfpy, or `expert` parameters."""

    name = NAME

    def __init__(self, keywords: dict[str, float], expert: Expert | None) -> None:
        self.keywords = keywords
        self.expert = expert
        self.library: Any = library("zfpy")

    def bound(self, spec: ChunkSpec) -> Zfp:
        """Check the chunk. Raises UnsupportedError, or MetadataError for a rate that zfp can't have."""
        _promoted(spec.dtype)
        ndim = len(spec.shape)
        if ndim > 4:
            fix = "put squeeze or reshape before it"
            raise UnsupportedError(f"{NAME} has at most 4 dimensions", found=f"chunks of {spec.shape}", fix=fix)
        keywords = self._keywords(spec.shape)
        if keywords and "rate" in keywords:
            check_rate(NAME, keywords["rate"], ndim)
        return self

    def encode(self, array: Array) -> Data:
        """Return the compressed numbers. Raises UnsupportedError in an expert mode that zfpy lacks."""
        keywords = self._keywords(array.shape)
        if keywords is None:
            raise UnsupportedError(
                f"{NAME}: this expert mode can be read and not written",
                found=str(self.expert),
                expected="parameters that mean one of the other modes",
            )
        promoted = np.ascontiguousarray(_promote(array)).reshape(array.shape or (1,))
        try:
            encoded: bytes = self.library.compress_numpy(promoted, write_header=False, **keywords)
        except (ValueError, TypeError, RuntimeError, MemoryError) as error:
            raise unencodable(NAME, error) from error
        return encoded

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the decoded numbers."""
        dtype = _promoted(spec.dtype)
        extents = spec.shape or (1,)
        keywords = self._keywords(spec.shape)
        try:
            padded = bytes(data).ljust(longest(NAME, self._least(extents), extents, dtype, len(data)), b"\0")
            ztype = self.library.dtype_to_ztype(dtype)
            if keywords is not None:
                decoded = self.library._decompress(padded, ztype, extents, **keywords)
            elif self.expert is not None:
                header, bits = self.expert.header(int(ztype), extents)
                stream = int.from_bytes(padded, "little") << bits | header
                decoded = self.library.decompress_numpy(stream.to_bytes(len(padded) + bits // 8 + 1, "little"))
        except CodecError:
            raise
        except (ValueError, TypeError, RuntimeError, IndexError, OverflowError) as error:
            raise broken(NAME, error) from error
        if decoded.nbytes != dtype.itemsize * decoded.size or decoded.shape != extents:
            raise wrong_length(decoded.nbytes, dtype.itemsize * int(np.prod(extents)), NAME)
        return _demote(np.ascontiguousarray(decoded), spec.dtype).reshape(spec.shape)

    def _keywords(self, shape: tuple[int, ...]) -> dict[str, float] | None:
        return self.keywords if self.expert is None else self.expert.keywords(len(shape) or 1)

    def _least(self, extents: tuple[int, ...]) -> int:
        """Return the bits that each block has at least."""
        if self.expert is not None:
            return min(self.expert.minbits, 1 << 15)
        return int(self.keywords.get("rate", 0) * 4 ** len(extents) + 0.5)


def _promoted(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that zfp sees. Raises UnsupportedError."""
    plain = dtype.newbyteorder("=") if dtype.kind in "iufmM" else dtype
    if plain in OWN:
        return plain
    found = numbers(plain)
    if plain.kind in "mM" or (isinstance(found, Integers) and found.bits == 64):
        return np.dtype(np.int64)
    if isinstance(found, Integers):
        return np.dtype(np.int32)
    if found is not None and found.bits <= 16:
        return np.dtype(np.float32)
    raise UnsupportedError(f"{NAME} can't hold this data type", found=str(dtype), expected="real numbers")


def _promote(array: Array) -> Array:
    dtype, wide = array.dtype, _promoted(array.dtype)
    if dtype.kind in "mM":
        return array.view(f"{dtype.byteorder}i8").astype(wide, copy=False)
    found = numbers(dtype)
    if not isinstance(found, Integers) or (found.bits >= 32 and found.least < 0):
        return array.astype(wide, copy=False)
    plain = array.astype(found.work, copy=False)
    if found.bits >= 32:
        most = int(np.iinfo(wide).max)
        if plain.size and int(plain.max()) > most:
            raise CodecError(f"{NAME} has no room for a number above {most}", found=int(plain.max()))
        return plain.astype(wide)
    middle = 0 if found.least < 0 else 1 << (found.bits - 1)
    return (plain.astype(np.int32) - np.int32(middle)) << np.int32(31 - found.bits)


def _demote(array: Array, dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "mM":
        return array.view(dtype.newbyteorder("=")).astype(dtype, copy=False)
    found = numbers(dtype)
    if not isinstance(found, Integers) or (found.bits >= 32 and found.least < 0):
        with np.errstate(over="ignore"):
            return array.astype(dtype, copy=False)
    if found.bits >= 32:
        return np.maximum(array, 0).astype(dtype)
    middle = 0 if found.least < 0 else 1 << (found.bits - 1)
    shifted = (array >> np.int32(31 - found.bits)) + np.int32(middle)
    fitting: Array = np.clip(shifted, found.least, found.most)
    return fitting.astype(found.work).astype(dtype)


def zfp(configuration: Configuration, context: CodecContext) -> Zfp:
    """Make the codec from its v3 configuration. Raises MetadataError, UnsupportedError without zfpy."""
    settings = Settings(NAME, configuration)
    mode = settings.choice("mode", MODES)
    keywords: dict[str, float] = {}
    expert = None
    if mode == "expert":
        least, most, planes = (settings.integer(key, 0, UINT32) for key in ("minbits", "maxbits", "maxprec"))
        if least > most or not planes:
            raise settings.wrong("minbits, maxbits, maxprec", [least, most, planes], "minbits <= maxbits, maxprec > 0")
        expert = Expert(least, most, planes, settings.integer("minexp", -(2**31), 2**31 - 1))
    elif mode == "fixed_accuracy":
        keywords["tolerance"] = _number(settings, "tolerance")
    elif mode == "fixed_rate":
        keywords["rate"] = _number(settings, "rate")
    elif mode == "fixed_precision":
        keywords["precision"] = min(settings.integer("precision", 0, UINT32), MAX_PRECISION)
    settings.done()
    return Zfp(keywords, expert)


def _number(settings: Settings, key: str) -> float:
    value = settings.take(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LARGEST:
        raise settings.wrong(key, value, "a non-negative number")
    return float(value)

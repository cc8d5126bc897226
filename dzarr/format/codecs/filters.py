"""The filters of numcodecs: codecs that see a chunk as an array of numbers.

Knows: which dtype and how many elements each filter takes and gives. Must not know: their arithmetic, which
is numcodecs's, bit for bit.

    v3 document   [numcodecs.delta, bytes, zstd]          array -> array, before the bytes codec
    v2 document   [bytes, numcodecs.delta, ...zstd]       the same filter on the array in stored byte order
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numcodecs
import numpy as np

from dzarr.errors import CodecError, DzarrError, MetadataError, UnsupportedError
from dzarr.format.codecs.codec import Array, ArrayArray, ChunkSpec, Configuration, broken, unencodable, wrong_length
from dzarr.format.members import shown

NUMBERS: dict[str, tuple[type, ...]] = dict.fromkeys(("offset", "scale", "tolerance", "rate"), (int, float))
NUMBERS.update(dict.fromkeys(("digits", "keepbits", "elementsize", "initval", "precision"), (int,)))


def made(codec_id: str, configuration: Configuration) -> Any:
    """Return the numcodecs codec. Raises UnsupportedError where it isn't installed, else MetadataError."""
    name = f"numcodecs.{codec_id}"
    for key, kinds in NUMBERS.items():
        value = configuration.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise MetadataError(f"{name}: {key} is wrong", found=shown(value), expected="a number")
    try:
        return numcodecs.get_codec({**configuration, "id": codec_id})
    except numcodecs.errors.UnknownCodecError:
        raise UnsupportedError(
            f"unknown codec {name}", fix=f"install the package that registers {codec_id!r} with numcodecs"
        ) from None
    except Exception as error:
        # A constructor of numcodecs raises whatever its Python statements run into.
        raise MetadataError(f"{name}: configuration is wrong: {error}", found=shown(dict(configuration))) from error


def _pair(inner: str, outer: str) -> Callable[[Any, ChunkSpec], ChunkSpec]:
    """Return how a filter resolves that turns elements of one dtype into as many of another."""

    def resolve(codec: Any, spec: ChunkSpec) -> ChunkSpec:
        decoded: np.dtype[Any] = getattr(codec, inner)
        encoded: np.dtype[Any] = getattr(codec, outer)
        if decoded.itemsize == 0 or spec.nbytes % decoded.itemsize or encoded.hasobject or decoded.hasobject:
            raise MetadataError(
                f"numcodecs.{codec.codec_id} doesn't fit the chunk",
                found=f"{inner} {decoded}",
                expected=str(spec.dtype),
            )
        count = spec.nbytes // decoded.itemsize
        if count != prod(spec.shape):
            return ChunkSpec((count,), encoded)
        return ChunkSpec(spec.shape, encoded, _as_it_is(spec.fill, encoded))

    return resolve


def _as_it_is(fill: Any, dtype: np.dtype[Any]) -> Any:
    """Return the fill value in the dtype of encoded elements: its number isn't encoded, as zarr-python doesn't."""
    if fill is None:
        return None
    try:
        with np.errstate(all="ignore"):
            return np.asarray(fill).astype(dtype)
    except (ValueError, TypeError):
        return None


def _packed(codec: Any, spec: ChunkSpec) -> ChunkSpec:
    if spec.dtype.itemsize != 1:
        raise MetadataError("numcodecs.packbits doesn't fit the chunk", found=str(spec.dtype), expected="bool")
    return ChunkSpec((1 + -(-spec.nbytes // 8),), np.dtype(np.uint8))


FILTERS: dict[str, Callable[[Any, ChunkSpec], ChunkSpec]] = {
    "delta": _pair("dtype", "astype"),
    "fixedscaleoffset": _pair("dtype", "astype"),
    "quantize": _pair("dtype", "astype"),
    "categorize": _pair("dtype", "astype"),
    "astype": _pair("decode_dtype", "encode_dtype"),
    "packbits": _packed,
}

OF_CHUNK = {"delta": "dtype", "fixedscaleoffset": "dtype", "quantize": "dtype", "astype": "decode_dtype"}
"""Members that v3 documents may leave out, meaning the chunk's own dtype."""


class Filter(ArrayArray):
    """One of FILTERS. Its dtypes are numpy's spellings, and reinterpret the chunk's memory as numcodecs does."""

    after_bytes = True

    def __init__(self, name: str, codec_id: str, configuration: Configuration) -> None:
        self.name = name
        self.codec_id = codec_id
        self.configuration = configuration
        key = OF_CHUNK.get(codec_id, "")
        self._own = bool(key) and configuration.get(key) is None
        # A dtype to be filled in later stands in as float64, so that the rest is checked now.
        self.codec = made(codec_id, {**configuration, key: "<f8"} if self._own else configuration)

    def bound(self, spec: ChunkSpec) -> ArrayArray:
        """Return the filter with the chunk's dtype where its configuration names none."""
        if not self._own:
            return self
        return Filter(self.name, self.codec_id, {**self.configuration, OF_CHUNK[self.codec_id]: spec.dtype.str})

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return the array that the filter makes, flat where the number of elements changes."""
        if spec.dtype.hasobject:
            raise UnsupportedError(f"{self.name} on elements of variable length", found=f"data type {spec.dtype}")
        return FILTERS[self.codec_id](self.codec, spec)

    def encode(self, array: Array) -> Array:
        """Return the encoded elements."""
        flat = np.ascontiguousarray(array).reshape(-1)
        try:
            if self.codec_id == "packbits" and flat.dtype != bool and flat.view(np.uint8).max(initial=0) > 1:
                raise unencodable(self.name, "values other than 0 and 1")
            return np.asarray(self.codec.encode(flat)).reshape(self.resolve(ChunkSpec(array.shape, array.dtype)).shape)
        except DzarrError:
            raise
        except (ValueError, TypeError, KeyError, ArithmeticError, RuntimeError) as error:
            raise unencodable(self.name, error) from error

    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """Return the decoded elements."""
        try:
            with np.errstate(all="ignore"):
                decoded = np.asarray(self.codec.decode(np.ascontiguousarray(array).reshape(-1)))
        except CodecError:
            raise
        except (ValueError, TypeError, IndexError, ArithmeticError, RuntimeError) as error:
            raise broken(self.name, error) from error
        if decoded.nbytes != spec.nbytes:
            raise wrong_length(decoded.nbytes, spec.nbytes, self.name)
        return np.ascontiguousarray(decoded).reshape(-1).view(spec.dtype).reshape(spec.shape)

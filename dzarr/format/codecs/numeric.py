"""``numcodecs.zfpy`` and ``numcodecs.pcodec``: compressors that see numbers, not bytes.

Knows: what of their input these two libraries believe. Must not know: documents.

Both need an optional package. zfp reads as many bits as the header makes it, past the end of its input, and
allocates what the header says; so the header is read first, and the input is lengthened by zeros to the most
that could be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from dzarr.errors import CodecError, MetadataError, UnsupportedError
from dzarr.format.codecs.codec import (
    Array,
    ArrayBytes,
    Buffer,
    ChunkSpec,
    Configuration,
    Data,
    broken,
    unencodable,
    wrong_length,
)
from dzarr.format.codecs.filters import made

DTYPES = {
    "zfpy": frozenset(map(np.dtype, ("i4", "i8", "f4", "f8"))),
    "pcodec": frozenset(map(np.dtype, ("u1", "i1", "u2", "u4", "u8", "i2", "i4", "i8", "f2", "f4", "f8"))),
}
PACKAGES = {"zfpy": "zfpy==1.0.1", "pcodec": "pcodec"}
ZFP_HEADER = 32
ZFP_BITS = (12, 1 << 15)
"""Bits of a block: room for the exponent of a float64, and the most that a header can name."""


class Numeric(ArrayBytes):
    """What zfpy and pcodec share: which dtypes they take, and their errors."""

    after_bytes = True

    def __init__(self, codec_id: str, configuration: Configuration) -> None:
        self.codec_id = codec_id
        self.name = f"numcodecs.{codec_id}"
        self.library: Any = library(codec_id)
        self.codec = made(codec_id, configuration)

    def bound(self, spec: ChunkSpec) -> ArrayBytes:
        """Check the dtype."""
        if spec.dtype not in DTYPES[self.codec_id]:
            legal = ", ".join(sorted(map(str, DTYPES[self.codec_id])))
            raise MetadataError(f"{self.name} can't hold this data type", found=str(spec.dtype), expected=legal)
        return self

    def encode(self, array: Array) -> Data:
        """Return the compressed numbers."""
        try:
            encoded: bytes = self.codec.encode(array)
        except (ValueError, TypeError, RuntimeError) as error:
            raise unencodable(self.name, error) from error
        return encoded


def library(codec_id: str) -> Any:
    """Return the module of the package behind zfpy or pcodec. Raises UnsupportedError where it isn't installed."""
    try:
        return import_module("zfpy" if codec_id == "zfpy" else "pcodec.standalone")
    except ImportError as error:
        raise UnsupportedError(
            f"a codec needs the package {codec_id}, which is not installed", fix=f"pip install {PACKAGES[codec_id]}"
        ) from error


class PCodec(Numeric):
    """pcodec: its numbers are written straight into the output."""

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the decoded numbers."""
        out = np.empty(prod(spec.shape), spec.dtype)
        try:
            progress = self.library.simple_decompress_into(bytes(data), out)
        except (ValueError, TypeError, RuntimeError) as error:
            raise broken(self.name, error) from error
        if progress.n_processed != out.size or not progress.finished:
            raise CodecError(
                f"{self.name}: wrong number of elements",
                found=f"{progress.n_processed}{'' if progress.finished else ' or more'}",
                expected=out.size,
            )
        return out.reshape(spec.shape)


class Zfpy(Numeric):
    """zfp arrays with a header of their own."""

    def bound(self, spec: ChunkSpec) -> ArrayBytes:
        """Check the dtype and the rate."""
        if self.codec.mode == self.library.mode_fixed_rate and self.codec.rate >= 0:
            check_rate(self.name, self.codec.rate, len(spec.shape))
        return super().bound(spec)

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the decoded numbers."""
        try:
            header = self.library.header(bytes(data[:ZFP_HEADER]).ljust(ZFP_HEADER, b"\0"))
            extents = [n for n in (header[axis] for axis in ("nx", "ny", "nz", "nw")) if n]
            if prod(extents) * np.dtype(header["type"]).itemsize != spec.nbytes or header["type"] != spec.dtype:
                raise CodecError(
                    f"{self.name}: the header names another array",
                    found=f"{extents} {np.dtype(header['type'])}",
                    expected=f"{list(spec.shape)} {spec.dtype}",
                )
            least = int(header["config"]["expert"]["minbits"])
            padded = bytes(data).ljust(longest(self.name, least, extents, spec.dtype, len(data)), b"\0")
            decoded = self.library.decompress_numpy(padded)
        except (ValueError, TypeError, RuntimeError, KeyError, OverflowError) as error:
            if isinstance(error, CodecError):
                raise
            raise broken(self.name, error) from error
        if decoded.nbytes != spec.nbytes:
            raise wrong_length(decoded.nbytes, spec.nbytes, self.name)
        return np.ascontiguousarray(decoded).reshape(spec.shape)


def longest(name: str, least: int, extents: Sequence[int], dtype: np.dtype[Any], found: int) -> int:
    """Return the bytes that decoding could read: blocks of 4 elements an axis, each as long as it can be.

    `least` is how many bits a block has at least. Raises CodecError where `found` bytes can't hold those.
    """
    blocks: int = prod(-(-n // 4) for n in extents)
    values: int = 4 ** len(extents)
    # zfp_stream_maximum_size: an exponent, a group test for each value, and all bits of each value.
    block = 16 + values - 1 + values * 8 * dtype.itemsize + 7
    if least > block and blocks * least > 8 * found:
        raise broken(name, f"{found} bytes are too few for {blocks} blocks")
    bits = blocks * max(block, least)
    return ZFP_HEADER + bits // 8 + 16


def check_rate(name: str, rate: float, ndim: int) -> None:
    """Refuse bits per value with which zfp writes past the end of its buffer. Raises MetadataError."""
    bits = rate * 4 ** max(ndim, 1)
    if not ZFP_BITS[0] <= bits <= ZFP_BITS[1]:
        least, most = (limit / 4 ** max(ndim, 1) for limit in ZFP_BITS)
        raise MetadataError(
            f"{name}: rate is wrong for {ndim} dimensions", found=rate, expected=f"from {least:g} to {most:g}"
        )


def numeric(codec_id: str, configuration: Configuration) -> Numeric:
    """Make the codec from its numcodecs configuration. Raises MetadataError or UnsupportedError."""
    return Zfpy(codec_id, configuration) if codec_id == "zfpy" else PCodec(codec_id, configuration)

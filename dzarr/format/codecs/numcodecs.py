"""The adapters: any codec that numcodecs knows, under the name ``numcodecs.<id>``, with its v2 configuration.

Knows: which ids dzarr decodes itself, which need arrays, which carry checksums, and which are refused.
Must not know: v2 documents. What isn't listed here, a plugin of numcodecs perhaps, is taken for bytes to bytes;
its result is checked, but nothing bounds what it allocates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dzarr.errors import UnsupportedError
from dzarr.format.codecs import image
from dzarr.format.codecs.bitround import bitround
from dzarr.format.codecs.blosc import blosc_v2
from dzarr.format.codecs.codec import (
    Buffer,
    BytesBytes,
    ChunkSpec,
    Codec,
    CodecContext,
    Configuration,
    Data,
    broken,
    flat,
    unencodable,
    wrong_length,
)
from dzarr.format.codecs.filters import FILTERS, Filter, made
from dzarr.format.codecs.lz4 import lz4
from dzarr.format.codecs.numeric import DTYPES, numeric
from dzarr.format.codecs.objects import categorize, json2, msgpack2, pickled
from dzarr.format.codecs.streams import bz2_v2, gzip_v2, lzma_v2, zlib_v2
from dzarr.format.codecs.vlen import vlen_numcodec
from dzarr.format.codecs.zstd import zstd_v2

PREFIX = "numcodecs."

OWN: dict[str, Callable[[Configuration, CodecContext], Codec]] = {
    "blosc": blosc_v2,
    "zstd": zstd_v2,
    "lz4": lz4,
    "gzip": gzip_v2,
    "zlib": zlib_v2,
    "bz2": bz2_v2,
    "lzma": lzma_v2,
    "json2": json2,
    "msgpack2": msgpack2,
    "pickle": pickled,
}
SHARED = frozenset("adler32 bz2 crc32 fixedscaleoffset fletcher32 pcodec shuffle zfpy zlib".split())
"""Those that zarrs has too, under names of its own."""

CHECKSUMS = frozenset({"adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3"})
ALWAYS_BEHIND = frozenset({"fletcher32", "jenkins_lookup3"})
"""Those that keep their 4 bytes at the end; the others have a location, "start" or "end"."""

VLEN = frozenset({"vlen-utf8", "vlen-bytes", "vlen-array"})
RETIRED = frozenset({"json", "msgpack"})


class Adapter(BytesBytes):
    """A numcodecs codec from bytes to bytes."""

    def __init__(self, codec_id: str, configuration: Configuration) -> None:
        self.name = PREFIX + codec_id
        self.codec: Any = made(codec_id, configuration)

    def encode(self, data: Data) -> Data:
        """Return what the codec makes of the bytes, or of the array that they are."""
        try:
            encoded = self.codec.encode(data if isinstance(data, np.ndarray) else flat(data))
            return encoded if isinstance(encoded, bytes) else _memory(encoded)
        except Exception as error:
            # Codecs of numcodecs raise whatever their Python statements run into.
            raise unencodable(self.name, error) from error

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the decoded bytes."""
        if size is not None and len(data) != (self.encoded_size(size) or len(data)):
            raise wrong_length(len(data), self.encoded_size(size), f"{self.name}, encoded")
        try:
            decoded = _memory(self.codec.decode(flat(data)))
        except Exception as error:
            raise broken(self.name, error) from error
        if decoded.nbytes != size and (size is not None or decoded.nbytes > limit):
            raise wrong_length(decoded.nbytes, size, self.name, limit)
        return decoded


def _memory(data: Any) -> memoryview:
    return flat(np.ascontiguousarray(data) if isinstance(data, np.ndarray) else data).data


class Shuffle(Adapter):
    """Bytes of elements regrouped; the element size is the chunk's where the configuration has none."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__("shuffle", configuration)
        self._own = configuration.get("elementsize") is None

    def bound(self, spec: ChunkSpec) -> BytesBytes:
        """Return the codec with an element size."""
        return Shuffle({"elementsize": spec.dtype.itemsize}) if self._own else self

    def encoded_size(self, n: int) -> int | None:
        """Return `n`."""
        return n


class Base64(Adapter):
    """Bytes as base64 text."""

    def encoded_size(self, n: int) -> int | None:
        """Return four thirds of `n`, rounded up to 4."""
        return (n + 2) // 3 * 4


class Checksum(Adapter):
    """Bytes with a checksum of 4 bytes before or behind them."""

    def __init__(self, codec_id: str, configuration: Configuration, verify: bool) -> None:
        super().__init__(codec_id, configuration)
        self.verify = verify
        self._behind = codec_id in ALWAYS_BEHIND or self.codec.location == "end"

    def encoded_size(self, n: int) -> int | None:
        """Return 4 more than `n`."""
        return n + 4

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the bytes without the checksum."""
        if self.verify:
            return super().decode(data, size, limit)
        n = len(data) - 4
        if n < 0 or (n != size and (size is not None or n > limit)):
            raise wrong_length(n, size, self.name, limit)
        return memoryview(data)[:n] if self._behind else memoryview(data)[4:]


def numcodec(codec_id: str, configuration: Configuration, context: CodecContext) -> Codec:
    """Make ``numcodecs.<codec_id>``. Raises UnsupportedError or MetadataError.

    Examples
    --------
    >>> numcodec("shuffle", {"elementsize": 4}, CodecContext()).name
    'numcodecs.shuffle'
    """
    if codec_id in OWN:
        return OWN[codec_id](configuration, context)
    if codec_id in VLEN:
        return vlen_numcodec(codec_id, configuration, context)
    if codec_id in RETIRED:
        raise UnsupportedError(
            f"codec {PREFIX}{codec_id} is not supported: its form was retired by numcodecs 0.6",
            expected=f"{PREFIX}{codec_id}2",
        )
    if codec_id == "categorize" and configuration.get("dtype") in ("|O", "O", "object"):
        return categorize(configuration, context)
    if codec_id == "bitround":
        return bitround(PREFIX + codec_id, configuration, context)
    if codec_id.startswith(image.PREFIX):
        return image.image(codec_id, configuration, context)
    if codec_id in FILTERS:
        return Filter(PREFIX + codec_id, codec_id, configuration)
    if codec_id in DTYPES:
        return numeric(codec_id, configuration)
    if codec_id in CHECKSUMS:
        return Checksum(codec_id, configuration, context.verify_checksums)
    if codec_id == "shuffle":
        return Shuffle(configuration)
    return Base64(codec_id, configuration) if codec_id == "base64" else Adapter(codec_id, configuration)

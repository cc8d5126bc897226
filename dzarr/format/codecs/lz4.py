"""The ``numcodecs.lz4`` codec.

Knows: its block format, the decoded length as a 4-byte little-endian prefix. Must not know: arrays.
"""

from __future__ import annotations

import struct

import numcodecs.lz4

from dzarr.errors import CodecError
from dzarr.format.codecs.codec import (
    Array,
    Buffer,
    BytesBytes,
    CodecContext,
    Configuration,
    Data,
    broken,
    length,
    unencodable,
    wrong_length,
)
from dzarr.format.codecs.configuration import Settings

_prefix = struct.Struct("<I").unpack_from
_compress = numcodecs.lz4.compress
_decompress = numcodecs.lz4.decompress

MAX_BYTES = 0x7E000000
"""LZ4_MAX_INPUT_SIZE."""


class LZ4(BytesBytes):
    """LZ4 blocks; a larger `acceleration` is faster and compresses less."""

    name = "numcodecs.lz4"

    def __init__(self, acceleration: int) -> None:
        self.acceleration = acceleration

    def encode(self, data: Data) -> Buffer:
        """Return the length and one block. Raises CodecError above 1.97 GiB."""
        nbytes = length(data)
        if nbytes > MAX_BYTES:
            raise CodecError(
                "a chunk is too large for lz4",
                found=f"{nbytes} bytes",
                expected=f"at most {MAX_BYTES}",
                fix="choose smaller chunks, or another codec",
            )
        try:
            encoded: bytes = _compress(data, self.acceleration)
        except (RuntimeError, ValueError) as error:
            raise unencodable(self.name, error) from error
        return encoded

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the decoded bytes."""
        nbytes = self._check(data, size)
        if nbytes > limit:
            raise wrong_length(nbytes, size, self.name, limit)
        if nbytes == 0:
            return b""
        try:
            decoded: bytes = _decompress(data)
        except (RuntimeError, ValueError) as error:
            raise broken(self.name, error) from error
        return decoded

    def decode_into(self, data: Buffer, out: Array) -> None:
        """Decode into the memory of `out`."""
        if self._check(data, out.nbytes):
            try:
                _decompress(data, out)
            except (RuntimeError, ValueError, BufferError) as error:
                raise broken(self.name, error) from error

    def _check(self, data: Buffer, size: int | None) -> int:
        try:
            (nbytes,) = _prefix(data)
        except struct.error:
            raise broken(self.name, f"{len(data)} bytes are less than a prefix") from None
        if size is not None and nbytes != size:
            raise wrong_length(nbytes, size, self.name)
        return int(nbytes)


def lz4(configuration: Configuration, context: CodecContext) -> LZ4:
    """Make the codec from its numcodecs configuration. Raises MetadataError."""
    settings = Settings("numcodecs.lz4", configuration)
    codec = LZ4(settings.integer("acceleration", -(2**31), 2**31 - 1, 1))
    settings.done()
    return codec

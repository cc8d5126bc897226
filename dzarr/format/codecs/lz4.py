"""The ``numcodecs.lz4`` codec.

Knows: its block format, the decoded length as a 4-byte little-endian prefix. Must not know: arrays.
"""

from __future__ import annotations

import struct

import numcodecs.lz4

from dzarr.format.codecs.codec import Buffer, CodecContext, Configuration, Data, broken, wrong_length
from dzarr.format.codecs.configuration import Settings
from dzarr.format.codecs.sized import Sized

_prefix = struct.Struct("<I").unpack_from


class LZ4(Sized):
    """LZ4 blocks; a larger `acceleration` is faster and compresses less."""

    name = "numcodecs.lz4"
    most = 0x7E000000  # LZ4_MAX_INPUT_SIZE
    decompress = staticmethod(numcodecs.lz4.decompress)

    def __init__(self, acceleration: int) -> None:
        self.acceleration = acceleration

    def compress(self, data: Data) -> Buffer:
        """Return the length and one block."""
        encoded: bytes = numcodecs.lz4.compress(data, self.acceleration)
        return encoded

    def decoded_length(self, data: Buffer, size: int | None) -> int:
        """Return what the prefix says, once it agrees with `size`."""
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

"""The ``crc32c`` codec: the bytes, and a checksum of 4 bytes behind them.

Knows: where the checksum lies. Must not know: what it guards. Source: Zarr v3 codec ``crc32c``; RFC 3720.
"""

from __future__ import annotations

import google_crc32c
import numpy as np

from dzarr.errors import CodecError
from dzarr.format.codecs.codec import (
    Buffer,
    BytesBytes,
    CodecContext,
    Configuration,
    Data,
    flat,
    wrong_length,
)
from dzarr.format.codecs.configuration import Settings

_crc = google_crc32c.value


class Crc32c(BytesBytes):
    """CRC-32C, little endian, at the end. `verify` says whether decoding compares it.

    Examples
    --------
    >>> bytes(Crc32c(True).encode(b"123456789"))[-4:].hex()
    '839206e3'
    """

    name = "crc32c"

    def __init__(self, verify: bool) -> None:
        self.verify = verify

    def encoded_size(self, n: int) -> int | None:
        """Return 4 more than `n`."""
        return n + 4

    def encode(self, data: Data) -> Buffer:
        """Return the bytes with their checksum."""
        source = flat(data)
        return source.tobytes() + int(_crc(source)).to_bytes(4, "little")

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the bytes before the checksum, over the same memory."""
        n = len(data) - 4
        if n < 0:
            raise CodecError("crc32c: too short for a checksum", found=f"{len(data)} bytes", expected="at least 4")
        if n != size and (size is not None or n > limit):
            raise wrong_length(n, size, self.name, limit)
        if self.verify:
            # The checksum function takes an array over the memory, and not a view of a writable buffer.
            found = int(_crc(np.frombuffer(data, np.uint8, n)))
            expected = int.from_bytes(data[n:], "little")
            if found != expected:
                raise CodecError("crc32c: checksum doesn't match", found=f"{found:#010x}", expected=f"{expected:#010x}")
        return memoryview(data)[:n]


def crc32c(configuration: Configuration, context: CodecContext) -> Crc32c:
    """Make the codec from its v3 configuration, which is empty. Raises MetadataError."""
    Settings("crc32c", configuration).done()
    return Crc32c(context.verify_checksums)

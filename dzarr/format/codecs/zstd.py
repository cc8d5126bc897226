"""The ``zstd`` codec, in its v3 and v2 configurations.

Knows: zstd's frame headers. Must not know: arrays. Source: RFC 8878.

Encoded bytes are one frame or several, each of which may or may not say how long its content is. If the
first one says the right length, the library itself makes sure that nothing else comes out; every other
case is decided here by walking from block to block, which needs no memory.
"""

from __future__ import annotations

import struct
import sys
from typing import Any

import numcodecs.zstd

from dzarr.format.codecs.codec import Array, Buffer, CodecContext, Configuration, Data, broken, wrong_length
from dzarr.format.codecs.configuration import Settings
from dzarr.format.codecs.sized import FAILURES, Sized
from dzarr.format.codecs.zstd_frames import compress

_decompress = numcodecs.zstd.decompress

MAGIC = 0xFD2FB528
SKIPPABLE = range(0x184D2A50, 0x184D2A60)
BLOCK = 128 * 1024
MIN_LEVEL, MAX_LEVEL = -131072, 22
INT32 = 2**31 - 1

_head = struct.Struct("<IB").unpack_from


def _field(descriptor: int) -> tuple[Any, int, int]:
    """Return what a frame descriptor says: content size reader or None, what to add to it, header length."""
    single = descriptor >> 5 & 1
    size = (single, 2, 4, 8)[descriptor >> 6]
    offset = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3]
    code = {0: "", 1: "B", 2: "H", 4: "I", 8: "Q"}[size]
    reader = struct.Struct(f"<{offset}x{code}").unpack_from if size else None
    return reader, 256 if size == 2 else 0, offset + size


_FIELDS = [_field(descriptor) for descriptor in range(256)]


class Zstd(Sized):
    """Zstandard. `checksum` adds one of 4 bytes to each frame, which is verified when decoding."""

    name = "zstd"
    most = sys.maxsize
    decompress = staticmethod(_decompress)

    def __init__(self, level: int, checksum: bool) -> None:
        self.level = level
        self.checksum = checksum

    def compress(self, data: Data) -> Buffer:
        """Return one frame that names its content size."""
        return compress(data, self.level, self.checksum)

    def decode_into(self, data: Buffer, out: Array) -> None:
        """Decode into the memory of `out`. Said here once more because every small read comes this way."""
        if self.decoded_length(data, out.nbytes):
            try:
                _decompress(data, out)
            except FAILURES as error:
                raise broken(self.name, error) from error

    def decoded_length(self, data: Buffer, size: int | None) -> int:
        """Return `size` where the frames may hold so much, else what they hold or the most that they could."""
        if size is None:
            total, bound = _walk(data)
            return bound if total is None else total
        if _declared(data) != size:
            total, _ = _walk(data)
            # With an unknown total, the library compares what it got with the length of its output.
            if total is not None and total != size:
                raise wrong_length(total, size, self.name)
        return size


def _declared(data: Buffer) -> int | None:
    """Return the content size in the header of the first frame, if it is there."""
    try:
        magic, descriptor = _head(data)
        reader, extra, _ = _FIELDS[descriptor]
        return reader(data)[0] + extra if reader is not None and magic == MAGIC else None
    except struct.error:
        return None


def _walk(data: Buffer) -> tuple[int | None, int]:
    """Return the content size of all frames together (None if one doesn't say) and the most it could be."""
    total: int | None = 0
    at = most = 0
    try:
        while at < len(data):
            magic, descriptor = _head(data, at)
            if magic in SKIPPABLE:
                at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
                continue
            if magic != MAGIC:
                raise broken("zstd", "no frame where one should begin")
            reader, extra, header = _FIELDS[descriptor]
            content = reader(data, at)[0] + extra if reader is not None else None
            total = None if content is None or total is None else total + content
            at, frame = _walk_blocks(data, at + header)
            most += frame
            at += 4 * (descriptor >> 2 & 1)
    except struct.error:
        raise broken("zstd", "it ends inside a header") from None
    if at > len(data):
        raise broken("zstd", "it ends inside a frame")
    return total, most


def _walk_blocks(data: Buffer, at: int) -> tuple[int, int]:
    """Return where the blocks from `at` end, and the most that they could hold."""
    most = 0
    last = 0
    while not last:
        header = data[at : at + 3]
        if len(header) < 3:
            raise broken("zstd", "it ends inside a frame")
        block = int.from_bytes(header, "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        if kind == 3:
            raise broken("zstd", "a block of a reserved kind")
        at += 3 + (1 if kind == 1 else size)
        most += BLOCK if kind == 2 else size
    return at, most


def zstd(configuration: Configuration, context: CodecContext) -> Zstd:
    """Make the codec from its v3 configuration. Raises MetadataError.

    Examples
    --------
    >>> zstd({"level": 1}, CodecContext()).checksum
    False
    """
    settings = Settings("zstd", configuration)
    codec = Zstd(settings.integer("level", MIN_LEVEL, MAX_LEVEL), settings.boolean("checksum", False))
    settings.done()
    return codec


def zstd_v2(configuration: Configuration, context: CodecContext) -> Zstd:
    """Make the codec from its numcodecs configuration; levels out of range count as the nearest one."""
    settings = Settings("numcodecs.zstd", configuration)
    level = settings.integer("level", -INT32, INT32, 0)
    codec = Zstd(max(MIN_LEVEL, min(level, MAX_LEVEL)), settings.boolean("checksum", False))
    settings.done()
    return codec

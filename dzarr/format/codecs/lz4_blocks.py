"""The lz4 stream of N5: what Java's ``LZ4BlockOutputStream`` writes. Decoded only.

Knows: its blocks. Must not know: N5's header or documents. Source: lz4-java, ``LZ4BlockOutputStream``, which N5's
``Lz4Compression`` writes with; numcodecs' lz4 is another format (numcodecs issue 175).

    "LZ4Block" | token: 0x10 stored, 0x20 lz4 | int32 encoded length | int32 decoded length | int32 xxhash | bytes
    little endian; a block of no bytes ends the stream

The 28-bit hash is not compared: no library that dzarr stands on has xxhash32. Lengths are, and lz4 checks itself.
"""

from __future__ import annotations

import struct

import numcodecs.lz4

from dzarr.errors import CodecError
from dzarr.format.codecs.codec import Buffer, BytesBytes, CodecContext, Configuration, Data, broken, wrong_length
from dzarr.format.codecs.configuration import Settings

NAME = "n5.lz4"

_header = struct.Struct("<8sBiii")
_MAGIC, _STORED, _LZ4 = b"LZ4Block", 0x10, 0x20
_decompress = numcodecs.lz4.decompress


class LZ4Blocks(BytesBytes):
    """Blocks of lz4, each with its lengths."""

    name = NAME

    def encode(self, data: Data) -> Buffer:
        """Raise CodecError: N5 is read, not written."""
        raise CodecError(f"{NAME} only decodes", fix="write Zarr, with another codec")

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the decoded bytes. Raises CodecError."""
        view, out, at = memoryview(data), bytearray(), 0
        most = limit if size is None else size
        while at < len(view):
            if len(view) - at < _header.size:
                raise broken(NAME, "they end inside a header")
            magic, token, encoded, decoded, _ = _header.unpack_from(view, at)
            if magic != _MAGIC or encoded < 0 or decoded < 0 or at + _header.size + encoded > len(view):
                raise broken(NAME, f"no header of a block at byte {at}")
            if decoded == 0:
                break
            if len(out) + decoded > most:
                raise wrong_length(len(out) + decoded, size, NAME, limit)
            at += _header.size
            out += _block(token & 0xF0, view[at : at + encoded], decoded)
            at += encoded
        if size is not None and len(out) != size:
            raise wrong_length(len(out), size, NAME)
        return out


def _block(method: int, data: memoryview, decoded: int) -> Buffer:
    if method == _STORED:
        found: Buffer = data
    elif method == _LZ4:
        try:
            found = _decompress(struct.pack("<I", decoded) + data)
        except (RuntimeError, ValueError) as error:
            raise broken(NAME, error) from error
    else:
        raise broken(NAME, f"a block of the unknown method {method:#x}")
    if len(found) != decoded:
        raise wrong_length(len(found), decoded, NAME)
    return found


def lz4_blocks(configuration: Configuration, context: CodecContext) -> LZ4Blocks:
    """Make the codec from its configuration, which is empty. Raises MetadataError."""
    Settings(NAME, configuration).done()
    return LZ4Blocks()

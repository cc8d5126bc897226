"""Codecs on the standard library's stream decompressors: gzip, zlib, bz2, lzma.

Knows: how to take no more out of a stream than it may hold. Must not know: arrays.

None of the four says how long its content is, so each is decoded with room for one byte more than is
expected: what fills that byte is refused, and nothing longer was ever allocated.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dzarr.errors import CodecError, MetadataError
from dzarr.format.codecs.codec import (
    Buffer,
    BytesBytes,
    CodecContext,
    Configuration,
    Data,
    broken,
    flat,
    unencodable,
    wrong_length,
)
from dzarr.format.codecs.configuration import Settings
from dzarr.format.members import is_integer

WINDOW = 64 * 1024
LZMA_MEMORY = 128 * 1024 * 1024
"""What an xz header may make a decoder allocate for its dictionary: preset 9 needs 65 MiB."""

GZIP = 16 + zlib.MAX_WBITS
FAILURES = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, MemoryError)


class Decompressor(Protocol):
    """What zlib, bz2 and lzma have in common."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def unused_data(self) -> bytes:
        """What came after its end."""

    def decompress(self, data: Any, max_length: int, /) -> bytes:
        """Return what `data` holds, at most so many bytes."""


class Stream(BytesBytes):
    """A codec on a compressor and a decompressor of the standard library.

    Parameters
    ----------
    name : str
        How documents and errors call it.
    compress : callable
        Bytes to bytes.
    decompressor : callable
        Makes a decompressor for one stream.
    several, padded : bool
        Whether streams may follow each other, and zeros may follow the last.
    """

    def __init__(
        self,
        name: str,
        compress: Callable[[Any], bytes],
        decompressor: Callable[[], Decompressor],
        *,
        several: bool = True,
        padded: bool = False,
    ) -> None:
        self.name = name
        self.compress = compress
        self.decompressor = decompressor
        self.several = several
        self.padded = padded

    def encode(self, data: Data) -> Buffer:
        """Return one stream."""
        try:
            return self.compress(flat(data).data)
        except FAILURES as error:
            raise unencodable(self.name, error) from error

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the content of all streams in `data`."""
        try:
            return self._decode(memoryview(data), size, limit)
        except CodecError:
            raise
        except FAILURES as error:
            raise broken(self.name, error) from error

    def _decode(self, data: memoryview, size: int | None, limit: int) -> Buffer:
        room = (limit if size is None else size) + 1
        pieces: list[bytes] = []
        at, window = 0, len(data)
        while True:
            stream = self.decompressor()
            while not stream.eof:
                if at >= len(data):
                    raise broken(self.name, "it ends too early")
                fed = data[at : at + window]
                piece = stream.decompress(fed, room)
                pieces.append(piece)
                room -= len(piece)
                if room == 0:
                    raise wrong_length(sum(map(len, pieces)), size, self.name, limit)
                at += len(fed) - len(stream.unused_data)
            if at == len(data) or (self.padded and not any(data[at:])):
                break
            if not self.several:
                raise broken(self.name, f"{len(data) - at} bytes follow its end")
            # Streams after the first are fed by windows: each one copies what it didn't use.
            window = WINDOW
        found = sum(map(len, pieces))
        if size is not None and found != size:
            raise wrong_length(found, size, self.name)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def gzip(configuration: Configuration, context: CodecContext) -> Stream:
    """Make the codec from its v3 configuration. Raises MetadataError.

    Examples
    --------
    >>> codec = gzip({"level": 1}, CodecContext())
    >>> codec.decode(codec.encode(b"abc"), 3, 3)
    b'abc'
    """
    return _gzip(Settings("gzip", configuration), 0)


def gzip_v2(configuration: Configuration, context: CodecContext) -> Stream:
    """Make the codec from its numcodecs configuration, which knows a level -1 too."""
    return _gzip(Settings("numcodecs.gzip", configuration), -1, 1)


def _gzip(settings: Settings, least: int, *default: int) -> Stream:
    level = settings.integer("level", least, 9, *default)
    settings.done()

    def compress(data: Any) -> bytes:
        stream = zlib.compressobj(level, zlib.DEFLATED, GZIP)
        return stream.compress(data) + stream.flush()

    # Some writers pad the last member with zeros, and every reader of gzip files ignores them.
    return Stream(settings.codec, compress, lambda: zlib.decompressobj(GZIP), padded=True)


def zlib_v2(configuration: Configuration, context: CodecContext) -> Stream:
    """Make ``numcodecs.zlib``. Raises MetadataError."""
    settings = Settings("numcodecs.zlib", configuration)
    level = settings.integer("level", -1, 9, 1)
    settings.done()
    return Stream(settings.codec, lambda data: zlib.compress(data, level), zlib.decompressobj, several=False)


def bz2_v2(configuration: Configuration, context: CodecContext) -> Stream:
    """Make ``numcodecs.bz2``. Raises MetadataError."""
    settings = Settings("numcodecs.bz2", configuration)
    level = settings.integer("level", 1, 9, 1)
    settings.done()
    return Stream(settings.codec, lambda data: bz2.compress(data, level), bz2.BZ2Decompressor)


def lzma_v2(configuration: Configuration, context: CodecContext) -> Stream:
    """Make ``numcodecs.lzma``. Raises MetadataError."""
    settings = Settings("numcodecs.lzma", configuration)
    form = settings.integer("format", lzma.FORMAT_XZ, lzma.FORMAT_RAW, lzma.FORMAT_XZ)
    check = settings.integer("check", -1, 15, -1)
    preset = settings.take("preset", None)
    if preset is not None and not is_integer(preset, 0):
        raise settings.wrong("preset", preset, "a non-negative integer or null")
    filters = _lzma_filters(settings, settings.take("filters", None))
    settings.done()
    if form == lzma.FORMAT_RAW and filters is None:
        raise settings.wrong("filters", None, "a list of filters, which format 3 needs")

    def compress(data: Any) -> bytes:
        return lzma.compress(data, form, check, preset, filters)

    def decompressor() -> Decompressor:
        if form == lzma.FORMAT_RAW:
            return lzma.LZMADecompressor(form, filters=filters)
        return lzma.LZMADecompressor(form, LZMA_MEMORY)

    try:
        compress(b"")
        decompressor()
    except FAILURES as error:
        raise MetadataError(f"numcodecs.lzma: {error}", found=str(dict(configuration))) from error
    return Stream(settings.codec, compress, decompressor, several=form != lzma.FORMAT_RAW)


def _lzma_filters(settings: Settings, filters: Any) -> Any:
    if filters is None:
        return None
    if not isinstance(filters, (list, tuple)) or not all(isinstance(f, Mapping) for f in filters):
        raise settings.wrong("filters", filters, "a list of objects or null")
    return [dict(f) for f in filters]

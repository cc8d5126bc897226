"""The ``conditional`` codec: other codecs, each of which a chunk may go without.

Knows: the bits in front of a chunk that say which ones it went through. Must not know: any of them. Source: the
registered codec ``conditional``.

    header, little endian: bit k for codec k | the bytes, encoded by those whose bit is set

Here a codec is left out of a chunk that it can't encode or would make longer (the text's ``compress_if_smaller``);
one that always gives the same length, such as a shuffle or a checksum, stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from dzarr.errors import CodecError
from dzarr.format.codecs.codec import (
    Buffer,
    BytesBytes,
    ChunkSpec,
    CodecContext,
    Configuration,
    Data,
    bound_of,
    broken,
    flat,
    length,
    wrong_length,
)
from dzarr.format.codecs.configuration import Settings
from dzarr.format.members import extension
from dzarr.format.metadata import Extension

NAME = "conditional"
MAX_BITS = 1 << 16

Build: TypeAlias = Callable[[Extension, CodecContext], BytesBytes]
"""How a codec from bytes to bytes is made; the registry knows."""


class Conditional(BytesBytes):
    """A header of `header` bytes, and what the `codecs` that it names made."""

    name = NAME

    def __init__(self, codecs: Sequence[BytesBytes], header: int) -> None:
        self.codecs = tuple(codecs)
        self.header = header

    def bound(self, spec: ChunkSpec) -> Conditional:
        """Return the codec with all its codecs bound. Raises MetadataError."""
        return Conditional([codec.bound(spec) for codec in self.codecs], self.header)

    def encoded_size(self, n: int) -> int | None:
        """Return the length where every codec has one, as none is left out then."""
        size: int | None = n
        for codec in self.codecs:
            size = None if size is None else codec.encoded_size(size)
        return None if size is None else self.header + size

    def encode(self, data: Data) -> Buffer:
        """Return the header and the encoded bytes."""
        mask = 0
        for k, codec in enumerate(self.codecs):
            try:
                encoded = codec.encode(data)
            except CodecError:
                continue
            if codec.encoded_size(length(data)) is not None or length(encoded) < length(data):
                mask |= 1 << k
                data = encoded
        return mask.to_bytes(self.header, "little") + flat(data).tobytes()

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the decoded bytes."""
        if len(data) < self.header:
            raise broken(NAME, f"{len(data)} bytes are less than a header")
        mask = int.from_bytes(data[: self.header], "little")
        if mask >> len(self.codecs):
            raise CodecError(f"{NAME}: the header names codecs that there aren't", found=bin(mask))
        applied = [codec for k, codec in enumerate(self.codecs) if mask >> k & 1]
        rest: Buffer = memoryview(data)[self.header :]
        for codec, known, most in reversed(self._sizes(applied, size, limit)):
            rest = codec.decode(rest, known, most)
        found = len(rest)
        if found != size and (size is not None or found > limit):
            raise wrong_length(found, size, NAME, limit)
        return rest

    def _sizes(
        self, applied: Sequence[BytesBytes], size: int | None, limit: int
    ) -> list[tuple[BytesBytes, int | None, int]]:
        """Return each codec with the length that it decodes to, where that is known, and the most it may be."""
        steps = []
        for codec in applied:
            steps.append((codec, size, limit if size is None else size))
            size = None if size is None else codec.encoded_size(size)
            limit = bound_of(limit)
        return steps


def conditional(configuration: Configuration, context: CodecContext, build: Build) -> Conditional:
    """Make the codec from its v3 configuration; `build` makes its codecs. Raises MetadataError.

    Examples
    --------
    >>> conditional({"codecs": [], "header_bits": 8}, CodecContext(), None).encode(b"abc").hex()
    '00616263'
    """
    settings = Settings(NAME, configuration)
    given: Any = settings.take("codecs")
    if not isinstance(given, (list, tuple)):
        raise settings.wrong("codecs", given, "a list of codecs from bytes to bytes")
    codecs = [build(extension(value, f"{NAME}: codecs[{k}]"), context) for k, value in enumerate(given)]
    least = -(-len(codecs) // 8) * 8
    bits = settings.integer("header_bits", 0, MAX_BITS, least)
    if bits % 8 or bits < len(codecs):
        raise settings.wrong("header_bits", bits, f"a multiple of 8 from {least} on")
    settings.done()
    return Conditional(codecs, bits // 8)

"""What blosc, lz4 and zstd share: a C library that is told how long its result is, and guarded.

Knows: what is compared before the library is called, and which errors it raises. Must not know: any format.
A subclass tells from a header how much there is to decode; nothing is decoded before that fits.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from dzarr.errors import CodecError
from dzarr.format.codecs.codec import Array, Buffer, BytesBytes, Data, broken, length, unencodable, wrong_length

FAILURES = (RuntimeError, ValueError, BufferError)


class Sized(BytesBytes):
    """A compressor whose encoded bytes say how long the decoded ones are."""

    careful = True
    most: ClassVar[int]
    """The most bytes that it takes."""

    decompress: ClassVar[Callable[..., Any]]
    """The library's function of the encoded bytes and perhaps the memory for the decoded ones."""

    @abstractmethod
    def compress(self, data: Data) -> Buffer:
        """Return what the library makes of `data`, raising whatever the library does."""

    @abstractmethod
    def decoded_length(self, data: Buffer, size: int | None) -> int:
        """Return how many bytes there are to decode, or the most that there may be where `size` isn't known.

        Raises CodecError where that isn't `size`, and for a header that is wrong.
        """

    def encode(self, data: Data) -> Buffer:
        """Return the encoded bytes. Raises CodecError, for too many bytes too."""
        nbytes = length(data)
        if nbytes > self.most:
            raise CodecError(
                f"a chunk is too large for {self.name.rpartition('.')[2]}",
                found=f"{nbytes} bytes",
                expected=f"at most {self.most}",
                fix="choose smaller chunks, or another codec",
            )
        try:
            return self.compress(data)
        except Exception as error:
            # Each library, and each build of it, has errors of its own.
            raise unencodable(self.name, error) from error

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the decoded bytes."""
        nbytes = self.decoded_length(data, size)
        if nbytes > limit:
            raise wrong_length(nbytes, size, self.name, limit)
        if nbytes == 0:
            return b""
        if size is not None:
            out = np.empty(size, np.uint8)
            self.decode_into(data, out)
            return out.data
        try:
            decoded: bytes = self.decompress(data)
        except FAILURES as error:
            raise broken(self.name, error) from error
        return decoded

    def decode_into(self, data: Buffer, out: Array) -> None:
        """Decode into the memory of `out`."""
        if self.decoded_length(data, out.nbytes):
            try:
                self.decompress(data, out)
            except FAILURES as error:
                raise broken(self.name, error) from error

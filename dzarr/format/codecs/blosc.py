"""The ``blosc`` codec, in its v3 and v2 configurations.

Knows: the blosc chunk header, and what c-blosc checks and doesn't. Must not know: arrays.
Source: README_CHUNK_FORMAT.rst of c-blosc; Zarr v3 codec ``blosc``.

    byte   0        1          2      3         4       8          12      16
           version  versionlz  flags  typesize  nbytes  blocksize  cbytes  blocks

c-blosc is handed an address, never a length: it believes ``cbytes`` and reads that far, and a ``nbytes``
below the length of the output leaves its end as it was. So both are compared here first.
"""

from __future__ import annotations

import struct

import numcodecs.blosc

from dzarr.errors import CodecError, UnsupportedError
from dzarr.format.codecs.codec import Buffer, CodecContext, Configuration, Data, broken, wrong_length
from dzarr.format.codecs.configuration import REQUIRED, Settings
from dzarr.format.codecs.sized import Sized

# Threads are the engine's matter. With False numcodecs calls the *_ctx functions of c-blosc, which share
# no state, with the GIL released; otherwise the main thread would go through one global pool and lock.
numcodecs.blosc.use_threads = False

CNAMES = ("lz4", "lz4hc", "blosclz", "zstd", "snappy", "zlib")
BUILT = frozenset(numcodecs.blosc.list_compressors())
SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}
AUTO = -1
MAX_INT = 2**31 - 1

_header = struct.Struct("<BBBBIII").unpack_from
_compress = numcodecs.blosc.compress

_MEMCPYED, _ONE_SPLIT = 0x02, 0x10
_MAX_SPLITS, _MIN_SPLIT = 16, 128


class Blosc(Sized):
    """Blosc 1 with a compressor (`cname`), level, shuffle (0 none, 1 bytes, 2 bits, -1 by element size).

    `typesize` is the stride of the shuffle in bytes; None takes the element size of what is encoded.
    """

    name = "blosc"
    most = int(numcodecs.blosc.MAX_BUFFERSIZE)
    decompress = staticmethod(numcodecs.blosc.decompress)

    def __init__(self, cname: str, clevel: int, shuffle: int, typesize: int | None, blocksize: int) -> None:
        self.cname = cname
        self.clevel = clevel
        self.shuffle = shuffle
        self.typesize = typesize
        self.blocksize = blocksize
        self._cname = cname.encode("ascii")

    def encode(self, data: Data) -> Buffer:
        """Return one blosc chunk. Raises CodecError above 2 GiB, UnsupportedError for an absent compressor."""
        if self.cname not in BUILT:
            raise UnsupportedError(
                f"this build of blosc has no compressor {self.cname}", expected=f"one of {sorted(BUILT)}"
            )
        return super().encode(data)

    def compress(self, data: Data) -> Buffer:
        """Return one blosc chunk."""
        encoded: bytes = _compress(data, self._cname, self.clevel, self.shuffle, self.blocksize, self.typesize)
        return encoded

    def decoded_length(self, data: Buffer, size: int | None) -> int:
        """Return the length that the header names, once it agrees with `size` and with `data`."""
        try:
            _, _, flags, typesize, nbytes, blocksize, cbytes = _header(data)
        except struct.error:
            raise broken("blosc", f"{len(data)} bytes are less than a header") from None
        if size is not None and nbytes != size:
            raise wrong_length(nbytes, size, "blosc")
        if cbytes != len(data):
            raise CodecError(
                "blosc: the header names another length", found=f"{cbytes} bytes", expected=f"{len(data)} bytes"
            )
        # A block that is split by element bytes but isn't a multiple of them would be decoded short, and
        # c-blosc doesn't tell: no writer makes one.
        if (
            not flags & (_MEMCPYED | _ONE_SPLIT)
            and 0 < typesize <= _MAX_SPLITS
            and blocksize % typesize
            and blocksize // typesize >= _MIN_SPLIT
        ):
            raise broken("blosc", f"blocks of {blocksize} bytes can't be split by {typesize}")
        return int(nbytes)


def blosc(configuration: Configuration, context: CodecContext) -> Blosc:
    """Make the codec from its v3 configuration. Raises MetadataError.

    Examples
    --------
    >>> blosc({"cname": "lz4", "clevel": 5, "shuffle": "bitshuffle", "typesize": 2}, CodecContext()).shuffle
    2
    """
    settings = Settings("blosc", configuration)
    cname = settings.choice("cname", CNAMES)
    clevel = settings.integer("clevel", 0, 9)
    shuffle = SHUFFLES[settings.choice("shuffle", tuple(SHUFFLES))]
    typesize = settings.integer("typesize", 1, MAX_INT, REQUIRED if shuffle else 1)
    blocksize = settings.integer("blocksize", 0, MAX_INT, 0)
    settings.done()
    return Blosc(cname, clevel, shuffle, typesize, blocksize)


def blosc_v2(configuration: Configuration, context: CodecContext) -> Blosc:
    """Make the codec from its numcodecs configuration. Raises MetadataError.

    Examples
    --------
    >>> blosc_v2({"cname": "zstd", "shuffle": -1}, CodecContext()).clevel
    5
    """
    settings = Settings("numcodecs.blosc", configuration)
    cname = settings.choice("cname", CNAMES, "lz4")
    clevel = settings.integer("clevel", 0, 9, 5)
    shuffle = settings.integer("shuffle", AUTO, 2, 1)
    blocksize = settings.integer("blocksize", 0, MAX_INT, 0)
    typesize = settings.maybe("typesize", 1, MAX_INT)
    settings.done()
    return Blosc(cname, clevel, shuffle, typesize, blocksize)

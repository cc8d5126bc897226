"""Bytes into one zstd frame, by whichever build of the library at hand is faster for so many.

Knows: two builds, numcodecs' own and Python's (in the standard library from 3.14 on; before, the package
``backports.zstd`` of the extra ``zstd``). Must not know: configurations, or how frames are read. Which build wrote
a frame can't be told from it.

A chunk of 64 KiB takes Python's build 0.73 of numcodecs' time at level 3 and 0.94 at level 1 (medians, two
threads); one of 512 KiB or more 1.05 to 1.2. So the size decides.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib import import_module
from typing import Any

import numcodecs.zstd

from dzarr.format.codecs.codec import Data, length

SMALL = 128 * 1024
"""Up to so many bytes zstd takes its tables small, and Python's build is the faster one."""

_kept = threading.local()


def compress(data: Data, level: int, checksum: bool) -> bytes:
    """Return one frame that names its content size. Raises RuntimeError, ValueError or the library's own error."""
    if length(data) <= SMALL and (library := python_build()) is not None:
        return _by_python(library, data, level, checksum)
    frame: bytes = numcodecs.zstd.compress(data, level, checksum)
    return frame


@cache
def python_build() -> Any:
    """Return Python's module of zstd, None where there is none."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def _by_python(library: Any, data: Data, level: int, checksum: bool) -> bytes:
    # A compressor has tables and a lock: each thread keeps its own, at the setting that it used last.
    setting = (library, level, checksum)
    compressor: Any
    used, compressor = getattr(_kept, "compressor", (None, None))
    if used != setting:
        parameter = library.CompressionParameter
        options = {parameter.compression_level: level, parameter.checksum_flag: int(checksum)}
        compressor = library.ZstdCompressor(options=options)
    _kept.compressor = (None, None)  # an error leaves half a frame in it
    compressor.set_pledged_input_size(length(data))
    frame: bytes = compressor.compress(data, compressor.FLUSH_FRAME)
    _kept.compressor = (setting, compressor)
    return frame

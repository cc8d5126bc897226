"""What a creator may leave out of a codec's configuration, and a document may not.

Knows: sensible values. Must not know: how documents are read; those must be complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dzarr.format.metadata import Extension

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "bytes": {"endian": "little"},
    "blosc": {"cname": "lz4", "clevel": 5, "shuffle": "bitshuffle", "blocksize": 0},
    "zstd": {"level": 1, "checksum": False},
    "gzip": {"level": 5},
}


def completed(codec: Extension, dtype: np.dtype[Any]) -> Extension:
    """Return `codec` with every member that its specification asks for, for elements of `dtype`.

    Members that are there stay as they are, right or wrong.

    Examples
    --------
    >>> completed(Extension("zstd", {"level": 3}), np.dtype("u2")).configuration
    {'level': 3, 'checksum': False}
    >>> completed(Extension("blosc"), np.dtype("u2")).configuration["typesize"]
    2
    """
    if codec.name not in DEFAULTS:
        return codec
    configuration = {**DEFAULTS[codec.name], **codec.configuration}
    if codec.name == "blosc" and configuration["shuffle"] != "noshuffle":
        configuration.setdefault("typesize", max(1, dtype.itemsize))
    return Extension(codec.name, configuration)

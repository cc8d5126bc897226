"""A data type as a caller asks for it: ``dtype=`` of a new array.

Knows: the forms that callers may use. Must not know: documents, or the other arguments of a new array.

    "<f4", np.float32, [("x", "u1")]          numpy's own
    "bfloat16", "int4", "complex_float16"     Zarr's names, where numpy has none
    str, "string", np.dtypes.StringDType()    text of any length
    bytes, "bytes"                            bytes of any length
    {"name": "numpy.datetime64", ...}         a v3 ``data_type``
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dzarr.errors import MetadataError
from dzarr.format.dtypes_v3 import parse_v3
from dzarr.format.elements import OBJECT, TEXT, check_storable, native
from dzarr.format.fills import DType
from dzarr.format.metadata import JSON
from dzarr.format.small import SMALL

BYTES = "bytes"

_NAMES = re.compile(r"string|bytes|variable_length_bytes|complex_\w+|r[0-9]+|" + "|".join(SMALL))


@dataclass(frozen=True)
class Asked:
    """What was asked for: a numpy dtype in the byte order to store, and v3's name of it where it has one of its own."""

    given: DType
    data_type: JSON = None

    @property
    def dtype(self) -> DType:
        """How elements lie in memory."""
        return native(self.given)


def asked(dtype: Any) -> Asked:
    """Return what a caller's dtype means. Raises MetadataError or UnsupportedError.

    Examples
    --------
    >>> asked(">f4").dtype, asked(str).dtype, asked("complex_float16").data_type
    (dtype('float32'), StringDType(), 'complex_float16')
    """
    if isinstance(dtype, Mapping):
        # The legacy name of structures is read and never written.
        return Asked(parse_v3(dtype), None if dtype.get("name") == "structured" else dict(dtype))
    if isinstance(dtype, str) and _NAMES.fullmatch(dtype):
        return _named(dtype)
    try:
        found: DType = np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise MetadataError(f"dtype is wrong: {error}", found=repr(dtype), expected="a numpy dtype") from error
    if found.kind == "T":
        check_storable(found)
        return Asked(TEXT)
    if found.kind in "US" and found.itemsize == 0:
        return Asked(TEXT) if found.kind == "U" else Asked(OBJECT, BYTES)
    return Asked(found)


def _named(name: str) -> Asked:
    dtype = parse_v3(name)
    if dtype.kind == "O":
        return Asked(dtype, BYTES)
    # Where a name means what numpy's own dtype does, the document gets the name that every reader knows.
    return Asked(dtype, name if dtype.names is not None else None)

"""Small numbers: integers of 2 and 4 bits, floats of 4 to 16 bits whose exponents are not numpy's.

Knows: their names, bits and limits, and the optional package ``ml_dtypes`` that makes numpy dtypes of them. Must
not know: documents, or codecs.
Source: the registered data types of these names. float8_e4m3fn is registered nowhere; TensorStore writes it.

    name             bits   in memory and by the ``bytes`` codec
    int4             4      one byte; the upper bits are ignored, written as 0
    float6_e2m3fn    6      one byte, as above
    float8_e5m2      8      one byte
    bfloat16         16     two bytes, in either order
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, TypeAlias

import numpy as np

from dzarr.errors import UnsupportedError

DType: TypeAlias = "np.dtype[Any]"


@dataclass(frozen=True)
class Small:
    """One small type: ``nan`` holds the bits that "NaN" means, None where the type has no NaN."""

    name: str
    kind: Literal["i", "f"]
    bits: int
    nan: int | None = None
    infinite: bool = False

    @property
    def dtype(self) -> DType:
        """The numpy dtype. Raises UnsupportedError where its package is not installed."""
        made: DType = np.dtype(_attribute(self.name))
        return made

    @property
    def limits(self) -> tuple[Any, Any]:
        """The least and the largest number, as an int or a float."""
        info = _attribute("iinfo" if self.kind == "i" else "finfo")(self.dtype)
        number = int if self.kind == "i" else float
        return number(info.min), number(info.max)


def _attribute(name: str) -> Any:
    try:
        found = getattr(import_module("ml_dtypes"), name, None)
    except ImportError:
        found = None
    if found is None:
        raise UnsupportedError(
            f"data type {name!r} needs a package that is not installed, or is too old",
            fix="pip install 'dzarr[ml_dtypes]'",
        )
    return found


SMALL: dict[str, Small] = {
    row.name: row
    for row in (
        *(Small(f"{sign}int{bits}", "i", bits) for bits in (2, 4) for sign in ("", "u")),
        Small("float4_e2m1fn", "f", 4),
        Small("float6_e2m3fn", "f", 6),
        Small("float6_e3m2fn", "f", 6),
        Small("float8_e3m4", "f", 8, 0x78, infinite=True),
        Small("float8_e4m3", "f", 8, 0x7C, infinite=True),
        Small("float8_e4m3b11fnuz", "f", 8, 0x80),
        Small("float8_e4m3fn", "f", 8, 0x7F),
        Small("float8_e4m3fnuz", "f", 8, 0x80),
        Small("float8_e5m2", "f", 8, 0x7E, infinite=True),
        Small("float8_e5m2fnuz", "f", 8, 0x80),
        Small("float8_e8m0fnu", "f", 8, 0xFF),
        Small("bfloat16", "f", 16, 0x7FC0, infinite=True),
    )
}
"""By name, which ``ml_dtypes`` shares."""


def small_of(dtype: DType) -> Small | None:
    """Return what is known of a small dtype, None for any other. The package is not imported for it.

    Examples
    --------
    >>> small_of(np.dtype("f4")) is None
    True
    """
    kind = dtype.type
    return SMALL.get(kind.__name__) if kind.__module__ == "ml_dtypes" else None

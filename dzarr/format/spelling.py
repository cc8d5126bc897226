"""Spelling: what reading and writing a fill value has in common, whatever its type.

Knows: how a style is told, and what an error says. Must not know: any one type (numbers.py, fills.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from dzarr.errors import MetadataError
from dzarr.format.members import shown
from dzarr.format.metadata import JSON

Scalar: TypeAlias = Any
"""A numpy scalar; a str for text, any object for objects."""

DType: TypeAlias = "np.dtype[Any]"


@dataclass(frozen=True)
class Style:
    """How a document spells values, where the numpy dtype alone doesn't tell.

    ``old`` is true for v2 documents (and the few v3 types that kept v2's spelling), ``pair`` for a structure that
    stands for a complex number, ``raw`` for objects that are bytes. ``fields`` has the styles of a structure's fields.
    """

    old: bool = False
    pair: bool = False
    raw: bool = False
    fields: Mapping[str, Style] = field(default_factory=dict)

    def of(self, name: str) -> Style:
        """Return the style of a field."""
        return self.fields.get(name, PLAIN)


PLAIN = Style()
OLD = Style(old=True)


@dataclass(frozen=True)
class Spelling:
    """How the values of one kind of dtype are read from JSON and written to it."""

    read: Callable[[JSON, DType, Style], Scalar]
    write: Callable[[Scalar, DType, Style], JSON]


def illegal(value: JSON, dtype: DType, expected: str) -> MetadataError:
    """Return the error for a fill value that its type can't have."""
    return MetadataError(f"fill_value is wrong for {dtype}", found=shown(value), expected=expected)


def item(array: np.ndarray[Any, Any]) -> Scalar:
    """Return the only element of a 0-d array."""
    return array[()]


def is_number(value: JSON) -> bool:
    """Whether `value` is a JSON number: true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_zero(value: JSON, style: Style) -> bool:
    """Whether `value` is the plain 0 that v2 writers put for types that have no numbers."""
    return style.old and is_number(value) and bool(value == 0)

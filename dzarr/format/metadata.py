"""The one normalised model of a node's metadata.

Knows: what both Zarr versions say, in one shape. Must not know: how either spells it (v2.py, v3.py)
or what it means for reading and writing (layout.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from dzarr.format.grid import Grid
from dzarr.format.keys import KeyEncoding

JSON = Any


@dataclass(frozen=True)
class Extension:
    """A named piece of a document with its configuration: a codec, a grid, a key encoding.

    ``must_understand`` is False where the document allows a reader to pass over a name that it doesn't know.
    """

    name: str
    configuration: Mapping[str, JSON] = field(default_factory=dict)
    must_understand: bool = True


@dataclass(frozen=True, eq=False)
class ArrayMetadata:
    """All that a document says of an array, whichever version it came from.

    ``dtype`` is how elements lie in memory: native byte order for plain numbers, whatever the file's
    order (that is the ``bytes`` codec's matter); ``data_type`` is the document's own spelling of it,
    kept for writing it back. ``codecs`` is the whole v3 chain, sharding and transposes included; what
    v2 says by ``order``, ``filters`` and ``compressor`` is translated into it. ``fill_value`` is a
    0-d value of ``dtype``, or None where v2 says null. ``extra`` holds members that may be ignored,
    and goes back into the document.

    Two are equal when all they say is; fill values are compared by their bits, so that NaN equals itself and
    -0.0 differs from 0.0.
    """

    zarr_format: Literal[2, 3]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data_type: JSON
    grid: Grid
    keys: KeyEncoding
    fill_value: Any
    codecs: tuple[Extension, ...]
    attributes: Mapping[str, JSON] = field(default_factory=dict)
    dimension_names: tuple[str | None, ...] | None = None
    extra: Mapping[str, JSON] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArrayMetadata):
            return NotImplemented
        names = (entry.name for entry in fields(self) if entry.name != "fill_value")
        return all(getattr(self, name) == getattr(other, name) for name in names) and (
            self._fill_bits == other._fill_bits
        )

    __hash__ = None  # type: ignore[assignment]
    """Attributes may change; ``canonical.digest`` names what an array is."""

    @property
    def _fill_bits(self) -> bytes | str | None:
        if self.fill_value is None:
            return None
        if self.dtype.hasobject:
            return repr(self.fill_value)  # the bytes of such an array are addresses
        return np.asarray(self.fill_value, self.dtype).tobytes()


@dataclass(frozen=True)
class GroupMetadata:
    """All that a document says of a group. ``consolidated`` maps member paths to their documents."""

    zarr_format: Literal[2, 3]
    attributes: Mapping[str, JSON] = field(default_factory=dict)
    consolidated: Mapping[str, JSON] | None = None
    extra: Mapping[str, JSON] = field(default_factory=dict)

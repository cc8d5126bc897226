"""Where an object of the object grid is kept: chunk key encodings.

Knows: the two registered encodings. Must not know: stores or grids.
Source: Zarr v3 core, "Chunk key encoding", and its registered encodings ``default`` and ``v2``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class KeyEncoding:
    """Grid coordinates to keys (relative to the array's folder) and back.

    Examples
    --------
    >>> KeyEncoding("default", "/").key((1, 2))
    'c/1/2'
    >>> KeyEncoding("v2", ".").key(())
    '0'
    >>> KeyEncoding("default", ".").coords("c.1.2", 2)
    (1, 2)
    """

    name: Literal["default", "v2"]
    separator: Literal["/", "."]

    @property
    def head(self) -> tuple[str, ...]:
        """What stands before the coordinates."""
        return ("c",) if self.name == "default" else ()

    def key(self, coords: tuple[int, ...]) -> str:
        """Return the key of the object at `coords`."""
        return self.separator.join([*self.head, *map(str, coords)]) or "0"

    def coords(self, key: str, ndim: int) -> tuple[int, ...] | None:
        """Return the coordinates that `key` stands for, or None where it is no key of this array."""
        parts = key.split(self.separator)
        if self.name == "v2":
            if ndim == 0:
                return () if key == "0" else None
        elif parts.pop(0) != "c":
            return None
        # 19 digits hold every legal coordinate; int() refuses strings of thousands of digits.
        if len(parts) != ndim or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
            return None
        coords = tuple(map(int, parts))
        return coords if self.key(coords) == key else None

"""The configuration of one codec, taken out member by member.

Knows: JSON types and how an error names codec and member. Must not know: any codec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dzarr.errors import MetadataError
from dzarr.format.codecs.codec import Configuration
from dzarr.format.members import is_integer, shown

REQUIRED: Any = object()
"""The default of a member that has none."""


class Settings:
    """Reads each member once; `done` then refuses those that nobody asked for.

    Every method raises MetadataError naming the codec, the member, what was found and what was expected.

    Examples
    --------
    >>> settings = Settings("gzip", {"level": 5})
    >>> settings.integer("level", 0, 9)
    5
    >>> settings.done()
    """

    def __init__(self, codec: str, configuration: Configuration) -> None:
        if not isinstance(configuration, Mapping):
            raise MetadataError(f"{codec}: configuration is wrong", found=shown(configuration), expected="an object")
        self.codec = codec
        self._left = dict(configuration)
        self._seen: list[str] = []

    def take(self, key: str, default: Any = REQUIRED) -> Any:
        """Return a member whatever it is."""
        self._seen.append(key)
        if key in self._left:
            return self._left.pop(key)
        if default is REQUIRED:
            raise MetadataError(f"{self.codec}: {key} is missing", found="no such member", expected=key)
        return default

    def integer(self, key: str, least: int, most: int, default: Any = REQUIRED) -> Any:
        """Return an integer from `least` to `most`, or the default where the member is absent."""
        given = key in self._left
        value = self.take(key, default)
        if given and not is_integer(value, least, most):
            raise self.wrong(key, value, f"an integer from {least} to {most}")
        return value

    def maybe(self, key: str, least: int, most: int) -> int | None:
        """Return an integer from `least` to `most`; None where the member is absent or null."""
        value = self.take(key, None)
        if value is not None and not is_integer(value, least, most):
            raise self.wrong(key, value, f"an integer from {least} to {most}, or null")
        return None if value is None else int(value)

    def choice(self, key: str, legal: Sequence[str], default: Any = REQUIRED) -> Any:
        """Return one of the `legal` strings."""
        value = self.take(key, default)
        if not isinstance(value, str) or value not in legal:
            raise self.wrong(key, value, f"one of {', '.join(map(repr, legal))}")
        return value

    def boolean(self, key: str, default: Any = REQUIRED) -> Any:
        """Return true or false."""
        value = self.take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, value, "true or false")
        return value

    def done(self) -> None:
        """Refuse members that were not read."""
        for key, value in self._left.items():
            legal = ", ".join(self._seen) or "none"
            raise MetadataError(f"{self.codec}: unknown member {key}", found=shown(value), expected=f"members: {legal}")

    def wrong(self, key: str, value: Any, expected: str) -> MetadataError:
        """Return the error for a member whose value is not what it must be."""
        return MetadataError(f"{self.codec}: {key} is wrong", found=shown(value), expected=expected)

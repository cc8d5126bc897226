"""Stores that are only read: what they answer to everything that writes.

Knows: the protocol's writing half. Must not know: any one store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, Self

from dzarr.errors import ReadOnlyError
from dzarr.io.store import Buffer, Version


class ReadOnly:
    """The writing half of a store that has none.

    Attributes
    ----------
    refusal, instead : str
        What is wrong with writing here, and what to do instead.

    Examples
    --------
    >>> ReadOnly().delete("a")
    Traceback (most recent call last):
    dzarr.errors.ReadOnlyError: this store is for reading; key 'a'; fix: write to another
    """

    refusal = "this store is for reading"
    instead = "write to another"

    def within(self, array_path: str) -> Self:
        """Return this store: it has no temporaries."""
        return self

    def set(self, key: str, parts: Sequence[Buffer]) -> Version:
        """Raise ReadOnlyError."""
        self._refuse(key)

    def set_if(self, key: str, parts: Sequence[Buffer], version: Version | None) -> Version:
        """Raise ReadOnlyError."""
        self._refuse(key)

    def delete(self, key: str, version: Version | None = None) -> None:
        """Raise ReadOnlyError."""
        self._refuse(key)

    def delete_dir(self, prefix: str) -> None:
        """Raise ReadOnlyError."""
        self._refuse(prefix)

    def sweep(self, array_path: str) -> int:
        """Return 0: nothing is ever left over."""
        return 0

    def _refuse(self, key: str) -> NoReturn:
        raise ReadOnlyError(self.refusal, key=key, found=getattr(self, "token", None), fix=self.instead)

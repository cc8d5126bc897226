"""Where a key lies below a folder, and whether something may be written there.

Knows: paths, links, and the names that Windows refuses. Must not know: what is read or written.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH120

from __future__ import annotations

import os
import sys

from dzarr.errors import StoreError
from dzarr.io.store import check_key

OWN = ".dzarr"
"""The folder, inside an array's folder, of what is not data."""

TEMPORARIES = f"{OWN}/tmp"  # noqa: S108
"""The folder, inside an array's folder, of the temporaries of its objects."""

HIDDEN = ".dz-"
"""How the names of temporaries begin that lie beside their target."""

KNOWN = 10_000
"""Keys whose places are remembered: checking one costs more than opening its file."""

_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{i}" for port in ("COM", "LPT") for i in range(1, 10))}


class Paths:
    """The places below one folder.

    Parameters
    ----------
    root : str or path
        The folder; it need not be there.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.realpath(root)
        self._below = self.root if self.root.endswith(os.sep) else self.root + os.sep
        self._trusted: set[str] = set()
        self.known: dict[str, str] = {}
        """The places of keys that were found legal."""

    def of(self, key: str) -> str:
        """Return the path of `key`, or raise StoreError for an illegal key."""
        check_key(key)
        if sys.platform == "win32":
            check_windows(key)
        if len(self.known) >= KNOWN:
            self.known.clear()
        self.known[key] = place = self._below + key
        return place

    def folder(self, prefix: str) -> tuple[str, str]:
        """Return the path of the folder `prefix` ("" for the root), and what keys in it begin with."""
        prefix = prefix.rstrip("/")
        return (self.of(prefix), prefix + "/") if prefix else (self.root, "")

    def admit(self, folder: str, key: str) -> None:
        """Raise StoreError if `folder` leads out of the root, by a link. Asked once for each folder."""
        if folder in self._trusted:
            return
        real = os.path.realpath(folder)
        if real != self.root and not real.startswith(self._below):
            raise StoreError(
                "a link leads out of the store",
                key=key,
                found=real,
                fix="open the place that it leads to, and write there",
            )
        if len(self._trusted) >= 10_000:
            self._trusted.clear()
        self._trusted.add(folder)

    def above(self, folder: str) -> list[str]:
        """Return `folder` and the folders above it, up to the root.

        Examples
        --------
        >>> [os.path.relpath(path, "/s") for path in Paths("/s").above("/s/a/c")]
        ['a/c', 'a', '.']
        """
        chain = [folder]
        while chain[-1] != self.root and chain[-1].startswith(self._below):
            chain.append(os.path.dirname(chain[-1]))
        return chain


def check_windows(key: str) -> None:
    """Raise StoreError for a key that Windows can't keep as a file.

    Examples
    --------
    >>> check_windows("a/c/0")
    >>> check_windows("a/aux.1/0")
    Traceback (most recent call last):
    dzarr.errors.StoreError: a name that Windows does not allow; key 'a/aux.1/0'; found 'aux.1'; fix: ...
    """
    for name in key.split("/"):
        stem = name.split(".", 1)[0].rstrip(" ").upper()
        odd = any(letter in '<>:"|?*' or letter < " " for letter in name)
        if odd or name[-1] in ". " or stem in _RESERVED:
            raise StoreError("a name that Windows does not allow", key=key, found=repr(name), fix="choose another name")

"""Listing a store whose keys are all known: an archive, a reference file.

Knows: sorted names. Must not know: where they come from, or what they hold.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from dzarr.io.files import is_data
from dzarr.io.store import check_key


class Names:
    """Keys, sorted once, and listed like folders.

    Examples
    --------
    >>> names = Names(["a/c/1", "zarr.json", "a/c/0", "ab/x"])
    >>> list(names.list("a")), list(names.list_dir(""))
    (['a/c/0', 'a/c/1'], ['a/', 'ab/', 'zarr.json'])
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = sorted(keys)

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below the folder `prefix`; what is dzarr's own only below a prefix that names it."""
        for key, below in self._below(prefix):
            if all(map(is_data, key[below:].split("/"))):
                yield key

    def list_dir(self, prefix: str) -> Iterator[str]:
        """Yield the names directly below the folder `prefix`; folders end with ``/``."""
        folder = folder_of(prefix)
        at = bisect_left(self._keys, folder)
        while at < len(self._keys) and self._keys[at].startswith(folder):
            name, slash, _ = self._keys[at][len(folder) :].partition("/")
            if is_data(name):
                yield name + slash
            # "0" follows "/" in every alphabet: on to the first key that is not below this name.
            at = bisect_left(self._keys, f"{folder}{name}0", at) if slash else at + 1

    def _below(self, prefix: str) -> Iterator[tuple[str, int]]:
        folder = folder_of(prefix)
        for at in range(bisect_left(self._keys, folder), len(self._keys)):
            key = self._keys[at]
            if not key.startswith(folder):
                return
            yield key, len(folder)


def folder_of(prefix: str) -> str:
    """Return what keys in the folder `prefix` begin with. Raises StoreError for an illegal one.

    Examples
    --------
    >>> folder_of(""), folder_of("a"), folder_of("a/b/")
    ('', 'a/', 'a/b/')
    """
    folder = prefix.rstrip("/") if prefix != "/" else prefix
    return check_key(folder) + "/" if folder else ""

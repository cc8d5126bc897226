"""Sources: an array in a store, bound and ready to be read and written.

Knows: the triple (store, path, layout) that the engine and the graphs work on, and when a missing
object may be believed. Must not know: handles or dask.
"""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from dzarr.errors import MissingObjectError, StoreError
from dzarr.format.layout import Layout
from dzarr.io.store import Store
from dzarr.options import Options

BELIEVED_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Source:
    """An array: its store, its folder in it, how it is laid out, and the options of its reader."""

    store: Store
    path: str
    layout: Layout
    options: Options

    @cached_property
    def _frozen(self) -> bytes:
        return pickle.dumps((self.store, self.path, self.layout, self.options), protocol=5)

    def __reduce__(self) -> tuple[Any, ...]:
        # One source rides in every task of a graph: it is pickled once, and made once a process.
        return _thaw_once if self.store.can.shared else _thaw, (self._frozen,)

    def __dask_tokenize__(self) -> tuple[str, str, str, str]:
        return "dzarr-source", self.store.token, self.path, self.layout.digest

    def key(self, coords: tuple[int, ...]) -> str:
        """Return the key of the object at `coords` of the object grid."""
        head, separator, bare = self.layout.key_parts
        name = separator.join([*head, *map(str, coords)]) if coords else bare
        return f"{self.path}/{name}" if self.path else name

    @property
    def place(self) -> str:
        """Where the array is, in one name: the same for stores opened higher or lower."""
        return f"{self.store.token.rstrip('/')}/{self.path}".rstrip("/")

    @property
    def document_key(self) -> str:
        """The key of the document that holds the array's shape."""
        name = "zarr.json" if self.layout.metadata.zarr_format == 3 else ".zarray"
        return f"{self.path}/{name}" if self.path else name

    def believe_missing(self, key: str) -> None:
        """Return if the object at `key`, which was not found, is really not there.

        A disk that is no longer mounted answers "not found" for everything, and would turn an array
        into fill values. So the array's document has to be found once a minute. Raises StoreError
        where it is gone, MissingObjectError where the options ask for all objects.
        """
        if self.options.missing == "error":
            raise MissingObjectError(
                "object is missing", key=key, fix="open with missing='fill' to read the fill value"
            )
        now = time.monotonic()
        place = self.store.token, self.path
        if now - _believed.get(place, -BELIEVED_SECONDS) < BELIEVED_SECONDS:
            return
        if self.store.head(self.document_key) is None:
            raise StoreError(
                "an object is missing and so is the array's own document: the store may have gone away",
                key=key,
                expected=self.document_key,
            )
        if len(_believed) > 10_000:
            _believed.clear()
        _believed[place] = now


def _thaw(frozen: bytes) -> Source:
    return Source(*pickle.loads(frozen))  # noqa: S301  # made by this class, and inside a pickle already


@lru_cache(maxsize=256)
def _thaw_once(frozen: bytes) -> Source:
    return _thaw(frozen)


_believed: dict[tuple[str, str], float] = {}

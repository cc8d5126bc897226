"""N5 containers, shown as stores of Zarr v3: read only.

Knows: where N5 keeps its documents and blocks, and under which keys a reader of v3 looks for them. Must not know:
what a document says (format/n5.py) or what a block holds. Source: zarr-extensions, ``n5_default``, "Storage", which
asks for such a store; the N5 specification.

    asked for                      answered from
    a/zarr.json                    a/attributes.json, translated; where there is none, a folder is a group
    a/2/1/0  of the array a        a/0/1/2: N5 counts its axes the other way round
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from dzarr.errors import ReadOnlyError
from dzarr.format.documents import dumps, loads, naming
from dzarr.format.metadata import JSON
from dzarr.format.n5 import DOCUMENT, is_dataset, is_marked, v3_document
from dzarr.io.store import Buffer, Capabilities, Parts, Store, Version, Want, key_in

_V3 = "zarr.json"
_V2 = {".zarray", ".zgroup", ".zattrs", ".zmetadata"}


@dataclass(frozen=True)
class N5Store:
    """The N5 container in a store, as Zarr v3.

    Parameters
    ----------
    inner : Store
        Where the container is.
    array : str, optional
        The dataset whose blocks are asked for: only then is it known which part of a key counts blocks.
    """

    inner: Store
    array: str | None = None

    @property
    def token(self) -> str:
        """The name of the store, as Zarr."""
        return f"n5:{self.inner.token}"

    @property
    def can(self) -> Capabilities:
        """What the store can do that holds the container, but for writing."""
        return replace(self.inner.can, set_if=False, local_path=False, writable=False)

    def within(self, array_path: str) -> N5Store:
        """Return this store for the blocks of one dataset."""
        return N5Store(self.inner, array_path)

    # Reading

    def get(self, key: str) -> tuple[Buffer, Version] | None:
        """See `Store.get`."""
        folder, name = _split(key)
        if name in _V2:
            return None
        if name == _V3:
            return self._document(folder)
        return self.inner.get(self._turned(key))

    def _document(self, folder: str) -> tuple[Buffer, Version] | None:
        key = key_in(folder, DOCUMENT)
        answer = self.inner.get(key)
        if answer is not None:
            with naming(key):
                document = v3_document(loads(answer[0], key))
            return dumps(document), answer[1]
        if not self._is_folder(folder) or self._inside_dataset(folder):
            return None
        return dumps(v3_document({})), "folder"

    def _is_folder(self, folder: str) -> bool:
        return self.inner.can.list and next(iter(self.inner.list_dir(folder)), None) is not None

    def _inside_dataset(self, folder: str) -> bool:
        while folder:
            folder = _split(folder)[0]
            attributes = _attributes(self.inner, folder)
            if attributes is not None and is_dataset(attributes):
                return True
        return False

    def fetch(self, wanted: Sequence[Want]) -> Iterator[tuple[int, Parts | None]]:
        """See `Store.fetch`; documents are read with `get`."""
        return self.inner.fetch([replace(want, key=self._turned(want.key)) for want in wanted])

    def head(self, key: str) -> tuple[int, Version | None] | None:
        """See `Store.head`."""
        if _split(key)[1] in {_V3, *_V2}:
            answer = self.get(key)
            return None if answer is None else (len(answer[0]), answer[1])
        return self.inner.head(self._turned(key))

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`. Documents are not listed: a folder may be a group without one."""
        return (self._turned(key) for key in self.inner.list(prefix) if _split(key)[1] != DOCUMENT)

    def list_dir(self, prefix: str) -> Iterator[str]:
        """See `Store.list_dir`."""
        return (name for name in self.inner.list_dir(prefix) if name != DOCUMENT)

    def _turned(self, key: str) -> str:
        """Return the key of a block with its coordinates the other way round; any other key as it is."""
        if self.array is None:
            return key
        start = len(self.array) + 1 if self.array else 0
        parts = key[start:].split("/")
        if not key.startswith(self.array) or not all(part.isdecimal() for part in parts):
            return key
        return key[:start] + "/".join(reversed(parts))

    # Writing

    def set(self, key: str, parts: Sequence[Buffer]) -> Version:
        """Raise ReadOnlyError."""
        self._refuse(key)

    def set_if(self, key: str, parts: Sequence[Buffer], version: Version | None) -> Version:
        """Raise ReadOnlyError."""
        self._refuse(key)

    def delete(self, key: str, version: Version | None = None) -> None:
        """Raise ReadOnlyError."""
        self._refuse(key)

    def _refuse(self, key: str) -> NoReturn:
        raise ReadOnlyError("N5 is read, not written", key=key, fix="copy it to a Zarr array, and write that")


def n5_here(store: Store, path: str) -> N5Store | None:
    """Return the container at `path` as a store, None where the folder's ``attributes.json`` is not N5's."""
    if isinstance(store, N5Store):
        return None
    attributes = _attributes(store, path)
    return N5Store(store) if attributes is not None and is_marked(attributes) else None


def n5_above(store: Store, path: str) -> N5Store | None:
    """Return the container that `path` lies in as a store: every folder below its root is a group."""
    while path:
        path = _split(path)[0]
        found = n5_here(store, path)
        if found is not None:
            return found
    return None


def _attributes(store: Store, path: str) -> dict[str, JSON] | None:
    key = key_in(path, DOCUMENT)
    answer = store.get(key)
    return None if answer is None else loads(answer[0], key)


def _split(key: str) -> tuple[str, str]:
    folder, _, name = key.rpartition("/")
    return folder, name

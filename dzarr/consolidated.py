"""Consolidated records: copies of members' documents, kept in a group's own.

Knows: the two forms, v2's ``.zmetadata`` and the inline record of v3 group documents, and how an entry
of either is replaced. Must not know: handles, or how members are opened. A record that nobody refreshes
lies, so every change that dzarr makes to a member goes through here.

The race told: A changes a member, B changes it too and notes it in the record; A, late, notes what it
wrote itself, and the record has lost B's change. So nobody notes what they wrote, but what they find: the
record is read, *then* the member, and the record is put back only if it is still the one that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dzarr.errors import ConflictError, MetadataError
from dzarr.format.documents import dumps, loads, naming
from dzarr.format.metadata import JSON
from dzarr.io.contend import Tries
from dzarr.io.store import Store

PATIENCE = 60.0
"""Seconds that a change of a document is tried for, while others keep changing it."""

_V2 = (".zarray", ".zgroup", ".zattrs")
_NODES = ("zarr.json", *_V2)

Change = Callable[[dict[str, JSON]], "dict[str, JSON] | None"]
Members = dict[str, dict[str, JSON]]
"""Documents by their keys, counted from the folder of the node that changed."""


def change_document(store: Store, key: str, change: Change) -> dict[str, JSON] | None:
    """Apply `change` to the newest form of a document and put it back by compare-and-swap.

    `change` gets the document ({} where there is none) and returns the new one, or None to leave it. It
    is called again on the newest document when somebody else was faster. Returns what was written.
    """
    tries = Tries(PATIENCE)
    for _ in tries:
        answer = store.get(key)
        version = None if answer is None else answer[1]
        document = {} if answer is None else loads(answer[0], key)
        changed = change(document)
        if changed is None:
            return None
        with naming(key):
            data = dumps(changed)
        try:
            store.set_if(key, [data], version)
        except ConflictError:
            tries.lost(version)
            continue
        return changed
    raise ConflictError(f"the document could not be changed in {tries.made} tries: others changed it", key=key)


def refresh_records(store: Store, path: str, *, deep: bool = False) -> None:
    """Bring the records of the node at `path`, and of all groups above it, up to date with what is there now.

    Where no node is at `path`, whatever the records say of it and of all below it goes. `deep` reads the
    documents of all below it too.
    """
    for group in (path, *ancestors(path)):
        inner = path[len(group) :].lstrip("/")
        change_document(store, _join(group, ".zmetadata"), _bound(_refresh_v2, store, path, inner, deep))
        if inner:
            change_document(store, _join(group, "zarr.json"), _bound(_refresh_v3, store, path, inner, deep))


def _bound(change: Any, store: Store, path: str, inner: str, deep: bool) -> Change:
    return lambda document: change(document, inner, lambda: _documents(store, path, deep), deep)


def _documents(store: Store, path: str, deep: bool) -> Members:
    """Read the documents of the node at `path`, and of all below it if `deep`; unreadable ones are left out."""
    names: Any = _NODES
    if deep:
        names = [key[len(path) :].lstrip("/") for key in store.list(path) if key.rpartition("/")[2] in _NODES]
    found: Members = {}
    for name in names:
        answer = store.get(_join(path, name))
        if answer is None:
            continue
        try:
            found[name] = loads(answer[0], name)
        except MetadataError:
            continue
    return found


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def ancestors(path: str) -> Iterator[str]:
    """Yield the paths of the groups above `path`, the nearest first, the root "" last.

    Examples
    --------
    >>> list(ancestors("a/b/c"))
    ['a/b', 'a', '']
    """
    while path:
        path = path.rpartition("/")[0]
        yield path


def _refresh_v3(
    document: dict[str, JSON], inner: str, read: Callable[[], Members], deep: bool
) -> dict[str, JSON] | None:
    record = document.get("consolidated_metadata")
    if not isinstance(record, dict) or not isinstance(record.get("metadata"), dict):
        return None
    documents = read()
    stale = _stale(inner, deep or "zarr.json" not in documents)
    fresh = {
        _join(inner, name.removesuffix("zarr.json")).rstrip("/"): _alone(member)
        for name, member in documents.items()
        if name.rpartition("/")[2] == "zarr.json"
    }
    kept = {path: member for path, member in record["metadata"].items() if not stale(path)}
    return _unless_same(document, document | {"consolidated_metadata": record | {"metadata": _sorted(kept | fresh)}})


def _refresh_v2(
    document: dict[str, JSON], inner: str, read: Callable[[], Members], deep: bool
) -> dict[str, JSON] | None:
    members = document.get("metadata")
    if not isinstance(members, dict):
        return None
    documents = read()
    gone = not documents.keys() & {".zarray", ".zgroup"}
    stale = _stale(inner, deep or (gone and bool(inner)))
    own = {_join(inner, name) for name in _V2}
    fresh = {_join(inner, name): member for name, member in documents.items() if name.rpartition("/")[2] in _V2}
    kept = {key: member for key, member in members.items() if key not in own and not stale(key)}
    return _unless_same(document, document | {"metadata": _sorted(kept | fresh)})


def _stale(inner: str, below: bool) -> Callable[[str], bool]:
    return lambda path: path == inner or (below and path.startswith(inner + "/"))


def _alone(document: dict[str, JSON]) -> dict[str, JSON]:
    """Return a member's document without a record of its own: the enclosing record has the members already."""
    return {name: value for name, value in document.items() if name != "consolidated_metadata"}


def _sorted(members: dict[str, JSON]) -> dict[str, JSON]:
    # zarr-python loses members whose siblings don't follow each other.
    return dict(sorted(members.items()))


def _unless_same(old: Mapping[str, JSON], new: dict[str, JSON]) -> dict[str, JSON] | None:
    return None if new == old else new

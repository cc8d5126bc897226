"""Consolidated records: copies of members' documents, kept in a group's own.

Knows: where records are (v2's ``.zmetadata``, the inline record of v3 group documents), and when an entry of
either is replaced. Must not know: handles, or how members are opened. A record that nobody refreshes lies, so
every change that dzarr makes to a member goes through here.

The race told: A changes a member, B changes it too and notes it in the record; A, late, notes what it
wrote itself, and the record has lost B's change. So nobody notes what they wrote, but what they find: the
record is read, *then* the member, and the record is put back only if it is still the one that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from dzarr.errors import ConflictError, MetadataError
from dzarr.format.documents import dumps, loads, naming
from dzarr.format.metadata import JSON
from dzarr.format.records import INLINE, V2_DOCUMENTS, alone, flat_members, text_of, with_entries
from dzarr.io.contend import Tries
from dzarr.io.store import Store, key_in

PATIENCE = 60.0
"""Seconds that a change of a document is tried for, while others keep changing it."""

_NODES = ("zarr.json", *V2_DOCUMENTS)

Change = Callable[[dict[str, JSON]], "dict[str, JSON] | None"]
Members = dict[str, dict[str, JSON]]
"""Documents by their keys, counted from the folder of a node."""

Read = Callable[[str, bool], Members]
"""Returns the documents of the node at a path, and of all below it if so asked."""


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
            data = dumps(changed, nan=not key.endswith("zarr.json"))
        try:
            store.set_if(key, [data], version)
        except ConflictError:
            tries.lost(version)
            continue
        return changed
    raise ConflictError(f"the document could not be changed in {tries.made} tries: others changed it", key=key)


def refresh_records(store: Store, path: str, *, deep: bool = False) -> None:
    """Bring the records of the node at `path`, and of all groups above it, up to date with what is there now.

    Where no group is at `path`, whatever the records say of all below it goes. Groups on the way to it that a record
    lacks are put in: other readers open no record that has a member and not the group that it is in. `deep` reads the
    documents of all below `path` too. Raises MetadataError for a record that can't be read, once all others are done.
    """
    broken: MetadataError | None = None
    for group in (path, *ancestors(path)):
        inner = path[len(group) :].lstrip("/")
        changes = {".zmetadata": _refresh_v2, "zarr.json": _refresh_v3}
        for name, change in changes.items() if inner else [(".zmetadata", _refresh_v2)]:
            try:
                change_document(store, key_in(group, name), _bound(change, store, group, inner, deep))
            except MetadataError as error:
                broken = broken or error
    if broken is not None:
        raise broken


def _bound(change: Any, store: Store, group: str, inner: str, deep: bool) -> Change:
    def read(path: str, below: bool) -> Members:
        return _documents(store, "/".join(part for part in (group, path) if part), below)

    return lambda document: change(document, inner, read, deep)


def _documents(store: Store, path: str, deep: bool) -> Members:
    """Read the documents of the node at `path`, and of all below it if `deep`; unreadable ones are left out."""
    names: Any = _NODES
    if deep:
        names = [key[len(path) :].lstrip("/") for key in store.list(path) if key.rpartition("/")[2] in _NODES]
    found: Members = {}
    for name in names:
        answer = store.get(key_in(path, name))
        if answer is None:
            continue
        try:
            found[name] = loads(answer[0], name)
        except MetadataError:
            continue
    return found


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


def _refresh_v3(document: dict[str, JSON], inner: str, read: Read, deep: bool) -> dict[str, JSON] | None:
    record = document.get(INLINE)
    if not isinstance(record, dict) or not isinstance(record.get("metadata"), dict):
        return None
    documents = read(inner, deep)
    stale = _stale(inner, deep or not _is_group(documents.get("zarr.json")))
    fresh: dict[str, JSON] = {
        key_in(inner, name.removesuffix("zarr.json")).rstrip("/"): alone(member)
        for name, member in documents.items()
        if name.rpartition("/")[2] == "zarr.json"
    }
    kept = {path: member for path, member in flat_members(record["metadata"]).items() if not stale(path)}
    for path in list(fresh):
        for above in list(ancestors(path))[:-1]:
            if not _is_group(fresh.get(above, kept.get(above))):
                found = read(above, False).get("zarr.json")
                if _is_group(found):
                    fresh[above] = alone(found)
                else:
                    fresh.pop(path, None)  # nobody comes to a node below what is no group
    kept = {path: member for path, member in kept.items() if path not in fresh}
    return unless_same(document, document | {INLINE: with_entries(record, kept, fresh)})


def _is_group(document: Any) -> TypeGuard[dict[str, JSON]]:
    return isinstance(document, dict) and document.get("node_type") == "group"


def _refresh_v2(document: dict[str, JSON], inner: str, read: Read, deep: bool) -> dict[str, JSON] | None:
    members = document.get("metadata")
    if not isinstance(members, dict):
        return None
    documents = read(inner, deep)
    stale = _stale(inner, deep or (".zgroup" not in documents and bool(inner)))
    own = {key_in(inner, name) for name in V2_DOCUMENTS}
    fresh: dict[str, JSON] = {
        key_in(inner, name): member for name, member in documents.items() if name.rpartition("/")[2] in V2_DOCUMENTS
    }
    kept = {key: member for key, member in members.items() if key not in own and not stale(key)}
    for key in [key for key in fresh if not key.endswith(".zattrs")]:
        for above in list(ancestors(key.rpartition("/")[0]))[:-1]:
            entry, array = f"{above}/.zgroup", f"{above}/.zarray"
            if entry not in fresh and (entry not in kept or array in kept):
                kept.pop(array, None)
                found = {name: member for name, member in read(above, False).items() if name in V2_DOCUMENTS}
                if ".zarray" not in found:
                    found.setdefault(".zgroup", {"zarr_format": 2})  # a folder that holds nodes is a group
                fresh |= {f"{above}/{name}": member for name, member in found.items()}
    kept = {key: member for key, member in kept.items() if key not in fresh}
    if not fresh:
        _drop_emptied(kept, inner, read)
    return unless_same(document, with_entries(document, kept, fresh))


def _drop_emptied(kept: dict[str, JSON], inner: str, read: Read) -> None:
    """Take out the groups without documents above a node that is gone, where they hold nothing else."""
    for above in list(ancestors(inner))[:-1]:
        own = {f"{above}/{name}" for name in V2_DOCUMENTS}
        if any(key.startswith(f"{above}/") and key not in own for key in kept) or ".zgroup" in read(above, False):
            return
        for key in own:
            kept.pop(key, None)


def _stale(inner: str, below: bool) -> Callable[[str], bool]:
    return lambda path: path == inner or (below and path.startswith(inner + "/"))


def unless_same(old: dict[str, JSON], new: dict[str, JSON]) -> dict[str, JSON] | None:
    """Return `new`, or None where it says what `old` says."""
    return None if text_of(new) == text_of(old) else new

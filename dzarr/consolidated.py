"""Consolidated records: copies of members' documents, kept in a group's own.

Knows: the two forms, v2's ``.zmetadata`` and the inline record of v3 group documents, and how an entry
of either is replaced. Must not know: handles, or how members are opened. A record that nobody refreshes
lies, so every change that dzarr makes to a member goes through here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dzarr.errors import ConflictError
from dzarr.format.documents import dumps, loads
from dzarr.format.metadata import JSON
from dzarr.io.store import Store

ATTEMPTS = 50

Change = Callable[[dict[str, JSON]], "dict[str, JSON] | None"]


def change_document(store: Store, key: str, change: Change) -> dict[str, JSON] | None:
    """Apply `change` to the newest form of a document and put it back by compare-and-swap.

    `change` gets the document ({} where there is none) and returns the new one, or None to leave it. It
    is called again on the newest document when somebody else was faster. Returns what was written.
    """
    for _ in range(ATTEMPTS):
        answer = store.get(key)
        document = {} if answer is None else loads(answer[0], key)
        changed = change(document)
        if changed is None:
            return None
        try:
            store.set_if(key, [dumps(changed)], None if answer is None else answer[1])
        except ConflictError:
            continue
        return changed
    raise ConflictError(f"the document changed {ATTEMPTS} times while it was being changed", key=key)


def refresh_records(store: Store, path: str, documents: Mapping[str, JSON] | None) -> None:
    """Bring the records of all groups above `path` up to date.

    `documents` maps names (``zarr.json``, ``.zarray``, ``.zattrs``...) to the member's documents; None
    says that the member, and all below it, is gone.
    """
    for group in ancestors(path):
        inner = path[len(group) + 1 :] if group else path
        for name, change in (("zarr.json", _refresh_v3), (".zmetadata", _refresh_v2)):
            key = f"{group}/{name}" if group else name
            if store.head(key) is not None:
                change_document(store, key, _bound(change, inner, documents))


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


def _bound(change: Any, inner: str, documents: Mapping[str, JSON] | None) -> Change:
    return lambda document: change(document, inner, documents)


def _refresh_v3(document: dict[str, JSON], inner: str, documents: Mapping[str, JSON] | None) -> dict[str, JSON] | None:
    record = document.get("consolidated_metadata")
    if not isinstance(record, dict) or not isinstance(record.get("metadata"), dict):
        return None
    members = {path: member for path, member in record["metadata"].items() if not _is_below(path, inner, documents)}
    if documents is not None and "zarr.json" in documents:
        members[inner] = documents["zarr.json"]
    return document | {"consolidated_metadata": record | {"metadata": members}}


def _refresh_v2(document: dict[str, JSON], inner: str, documents: Mapping[str, JSON] | None) -> dict[str, JSON] | None:
    members = document.get("metadata")
    if not isinstance(members, dict):
        return None
    own = {f"{inner}/{name}" for name in (".zarray", ".zgroup", ".zattrs")}
    kept = {
        path: member
        for path, member in members.items()
        if path not in own and not (documents is None and path.startswith(inner + "/"))
    }
    fresh = {f"{inner}/{name}": member for name, member in (documents or {}).items() if name != "zarr.json"}
    return document | {"metadata": kept | fresh}


def _is_below(path: str, inner: str, documents: Mapping[str, JSON] | None) -> bool:
    return path == inner or (documents is None and path.startswith(inner + "/"))

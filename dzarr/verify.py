"""Consolidated records made, and held against the documents that they are copies of.

Knows: all documents below a group. Must not know: handles, or what documents say beyond which node they describe.

The race told: A reads all documents, B changes one and finds no record to note that in, A writes the record: it is
stale at once. So A, once the record is there, reads everything again: whoever changes something after that finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from dzarr.consolidated import change_document, unless_same
from dzarr.errors import DzarrError, MetadataError, NodeNotFoundError, UnsupportedError
from dzarr.format import v2, v3
from dzarr.format.documents import loads, naming
from dzarr.format.members import shown
from dzarr.format.metadata import JSON
from dzarr.format.records import INLINE, Record, alone, check_sum, text_of, with_entries
from dzarr.io.store import Store, key_in
from dzarr.node import Node, implicit_group, join

_LONG = 60
Documents = dict[str, dict[str, JSON]]
"""Entries of a record by their names, as they should be: v3 by paths, v2 by keys."""


def write_record(store: Store, path: str, zarr_format: int) -> None:
    """Write the consolidated record of the group at `path`: inline for v3, a ``.zmetadata`` for v2.

    All documents below are read, one after the other. Raises MetadataError where one of them is broken,
    UnsupportedError where a member is of the other format (a record has no place for it) or the store can't list.
    """
    if not store.can.list:
        raise UnsupportedError("a store that can't be listed can't be consolidated", key=path or "/", found=store.token)
    key, change = (
        (key_in(path, "zarr.json"), _inline(store, path))
        if zarr_format == 3
        else (key_in(path, ".zmetadata"), _zmetadata(store, path))
    )
    for _ in range(2):
        change_document(store, key, change)


def _inline(store: Store, path: str) -> Callable[[dict[str, JSON]], dict[str, JSON] | None]:
    def change(document: dict[str, JSON]) -> dict[str, JSON] | None:
        if not document:
            raise NodeNotFoundError("the group is gone", key=key_in(path, "zarr.json"))
        v3.parse_group(alone(document))
        record = document.get(INLINE)
        place = record if isinstance(record, dict) and record.get("kind") == "inline" else {}
        place = {"kind": "inline", "must_understand": False} | place
        entries = with_entries(place, {}, _entries(store, path, 3), claim=True)
        return unless_same(document, document | {INLINE: entries})

    return change


def _zmetadata(store: Store, path: str) -> Callable[[dict[str, JSON]], dict[str, JSON] | None]:
    def change(document: dict[str, JSON]) -> dict[str, JSON] | None:
        fresh = _entries(store, path, 2)
        fresh.setdefault(".zgroup", {"zarr_format": 2})
        return unless_same(document, with_entries(document | {"zarr_consolidated_format": 1}, {}, fresh, claim=True))

    return change


def _entries(store: Store, path: str, zarr_format: int) -> Documents:
    entries: Documents = {}
    for inner, documents in walk(store, path, zarr_format):
        if isinstance(documents, DzarrError):
            documents.message = f"a member can't be consolidated: {documents.message}"
            raise documents
        for name, document in documents.items():
            entries[inner if zarr_format == 3 else key_in(inner, name)] = document
    return entries


def walk(store: Store, path: str, zarr_format: int) -> Iterator[tuple[str, Documents | DzarrError]]:
    """Yield (path below the group, documents by name) of each node of one format below the group at `path`.

    For v2 the group's own documents come first; a group without a document comes with the one that it lacks. What
    can't be read comes as the error that says why, and hides none of the others.
    """
    if zarr_format == 2:
        own = _read(store, path, 2)
        yield "", {name: document for name, document in own.items() if name != ".zarray"}
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        for name in sorted(name[:-1] for name in store.list_dir(folder) if name.endswith("/")):
            below = key_in(folder, name)
            inner = below[len(path) :].lstrip("/")
            try:
                join("", inner)
                documents = _node(store, below, zarr_format)
            except DzarrError as error:
                yield inner, error
                continue
            if documents is not None:
                yield inner, documents
                if _is_group(documents):
                    waiting.append(below)


def _node(store: Store, path: str, zarr_format: int) -> Documents | None:
    documents = _read(store, path, zarr_format)
    if zarr_format == 3 and documents:
        with naming(key_in(path, "zarr.json")):
            _parses(lambda: v3.parse(documents["zarr.json"]))
    elif documents.keys() - {".zattrs"}:
        with naming(key_in(path, ".zarray" if ".zarray" in documents else ".zgroup")):
            _parses(lambda: _parse_v2(documents))
    elif zarr_format == 2 and implicit_group(store, path) is not None:
        return documents | {".zgroup": {"zarr_format": 2}}
    else:
        _refuse_other(store, path, zarr_format)
        return None
    return documents


def _read(store: Store, path: str, zarr_format: int) -> Documents:
    documents: Documents = {}
    for name in ("zarr.json",) if zarr_format == 3 else (".zarray", ".zgroup", ".zattrs"):
        if name == ".zgroup" and ".zarray" in documents:
            continue
        answer = store.get(key_in(path, name))
        if answer is not None:
            document = loads(answer[0], key_in(path, name))
            documents[name] = alone(document) if zarr_format == 3 else document
    return documents


def _parse_v2(documents: Documents) -> Any:
    if ".zarray" in documents:
        return v2.parse_array(documents[".zarray"], documents.get(".zattrs"))
    return v2.parse_group(documents[".zgroup"], documents.get(".zattrs"))


def _parses(parse: Callable[[], Any]) -> None:
    with suppress(UnsupportedError):  # legal: others may read it, and its entry says what it says
        parse()


def _refuse_other(store: Store, path: str, zarr_format: int) -> None:
    for name in ("zarr.json",) if zarr_format == 2 else (".zarray", ".zgroup"):
        if store.head(key_in(path, name)) is not None:
            raise UnsupportedError(
                f"a member of another format, in a record of format {zarr_format}", key=key_in(path, name)
            )


def _is_group(documents: Documents) -> bool:
    if "zarr.json" in documents:
        return documents["zarr.json"].get("node_type") == "group"
    return ".zarray" not in documents


# Verifying


def verified(node: Node) -> Node:
    """Return the group if its record says what its members' own documents say.

    Raises MetadataError that names each difference. A group without a record has nothing to differ.
    """
    if node.record is not None:
        told = differences(node.store, node.record)
        if told:
            raise MetadataError(
                f"the consolidated record is not what its members say: {'; '.join(told)}",
                key=node.record.key,
                fix="dzarr.consolidate writes it anew, consolidated=False passes it over",
            )
    return node


def differences(store: Store, record: Record) -> list[str]:
    """Return what a record and the documents that it is a copy of disagree on, a line for each entry.

    Every document below the group is read. Empty where the record tells the truth.
    """
    told = _told(record)
    lines = []
    for inner, documents in walk(store, record.root, record.zarr_format):
        if isinstance(documents, DzarrError):
            lines.append(f"{inner}: {documents.message}")
            told = {name: entry for name, entry in told.items() if name not in _names(inner, record.zarr_format)}
            continue
        if record.zarr_format == 2:
            lines += _compare(record, {key_in(inner, name): doc for name, doc in documents.items()}, told)
        else:
            lines += _compare(record, {inner: documents["zarr.json"]}, told)
    left = (name for name in sorted(told) if not _says_nothing(name, told[name]))
    return lines + [f"{name}: in the record, and not there" for name in left]


def _told(record: Record) -> dict[str, JSON]:
    if record.zarr_format == 2:
        return {key_in(path, name): entry for path, docs in record.nodes.items() for name, entry in docs.items()}
    return {path: documents["zarr.json"] for path, documents in record.nodes.items()}


def _names(inner: str, zarr_format: int) -> set[str]:
    return {inner} if zarr_format == 3 else {key_in(inner, name) for name in (".zarray", ".zgroup", ".zattrs")}


def _compare(record: Record, true: Mapping[str, dict[str, JSON]], told: dict[str, JSON]) -> Iterator[str]:
    """Yield a line for each entry that differs; takes those that are there out of `told`."""
    for name, document in true.items():
        if name not in told:
            path, _, last = name.rpartition("/")
            if last == ".zgroup" and document == {"zarr_format": 2} and record.documents(path) is not None:
                continue  # a group without a document has none in the record either
            if not _says_nothing(name, document):
                yield f"{name}: not in the record"
            continue
        entry = told.pop(name)
        if isinstance(entry, dict) and not name.endswith(".zattrs"):
            entry = alone(entry)  # zarr-python puts records into the entries of v2's groups too
        if text_of(entry) != text_of(document) and not _same_array(entry, document):
            yield f"{name}: {_difference(entry, document)}"
        elif record.sums and record.sums.get(name) not in (None, check_sum(document)):
            yield f"{name}: the checksum in the record is another document's"


def _says_nothing(name: str, document: JSON) -> bool:
    """Return whether a document is as good as none: attributes that are empty."""
    return name.rpartition("/")[2] == ".zattrs" and document == {}


def _same_array(entry: JSON, document: Mapping[str, JSON]) -> bool:
    """Return whether two documents that are spelled differently describe one array, attributes included."""
    if not isinstance(entry, dict) or "shape" not in document:
        return False
    parse = v3.parse_array if "node_type" in document else v2.parse_array
    with suppress(DzarrError):
        return parse(entry) == parse(document)
    return False


def _difference(entry: JSON, document: Mapping[str, JSON]) -> str:
    if not isinstance(entry, dict):
        return f"{_text(entry)} in the record"
    names = [name for name in (*document, *entry) if text_of(entry.get(name)) != text_of(document.get(name))]
    name = names[0] if names else "a member"
    if name not in entry or name not in document:
        return f"{name} is only in the {'record' if name in entry else 'document'}"
    return f"{name} is {_text(entry[name])} in the record, {_text(document[name])} in the document"


def _text(value: JSON) -> str:
    text = shown(value)
    return text if len(text) <= _LONG else text[: _LONG - 3] + "..."

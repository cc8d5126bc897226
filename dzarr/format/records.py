"""Consolidated records: what one document of a group says of all below it.

Knows: the two forms of such a record, which entries are whose, and dzarr's own claim in it. Must not know: stores,
or what members' documents say. Sources: Zarr v3 core, "Additional fields" (``consolidated_metadata``);
zarr-python's ``.zmetadata``, format 1. Entries are taken as they stand: a bad one hides none of its siblings.

    zarr.json    consolidated_metadata: {kind: inline, metadata: {"a": {...}, "s": {...}, "s/b": {...}}, dzarr: {...}}
    .zmetadata   {zarr_consolidated_format: 1, metadata: {"a/.zarray": {...}, "s/.zgroup": {...}}, dzarr: {...}}

dzarr's claim is ``{"crc32c": {entry: checksum}}``: of which documents the entries are copies. Other writers drop it
when they write the record anew, so that it never speaks of entries that dzarr has not seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import google_crc32c

from dzarr.format.members import mapping, required, wrong
from dzarr.format.metadata import JSON

V2_DOCUMENTS = (".zarray", ".zgroup", ".zattrs")
CLAIM = "dzarr"
INLINE = "consolidated_metadata"


@dataclass(frozen=True, eq=False)
class Record:
    """A record as it was read: of which format, of the group at which path, in which document.

    ``members`` maps what the record calls its entries (v3: paths, v2: keys) to whatever stands there; ``sums`` the
    same names to checksums, where dzarr made the record.
    """

    zarr_format: Literal[2, 3]
    root: str
    key: str
    members: Mapping[str, JSON]
    sums: Mapping[str, JSON]

    @cached_property
    def nodes(self) -> dict[str, dict[str, JSON]]:
        """The documents of each node, by their names, by the node's path below the group; "" is the group's own."""
        nodes: dict[str, dict[str, JSON]] = {}
        if self.zarr_format == 3:
            for path, document in _flat(self.members):
                nodes.setdefault(path, {"zarr.json": document})
            return nodes
        for key, document in self.members.items():
            path, _, name = key.rpartition("/")
            if name in V2_DOCUMENTS:
                nodes.setdefault(path.strip("/"), {})[name] = document
        return nodes

    @cached_property
    def _below(self) -> dict[str, set[str]]:
        below: dict[str, set[str]] = {}
        for path, documents in self.nodes.items():
            if not documents.keys() - {".zattrs"}:
                continue
            while path:
                above, _, name = path.rpartition("/")
                below.setdefault(above, set()).add(name)
                # In v2 a folder that holds nodes is a group, with a document or without.
                path = above if self.zarr_format == 2 else ""
        return below

    def names(self, path: str) -> list[str]:
        """Return the names of the nodes directly below `path` (counted from the group), in order."""
        return sorted(self._below.get(path, ()))

    def documents(self, path: str) -> dict[str, JSON] | None:
        """Return the documents of the node at `path`, None where the record has no node there.

        They are empty for an implicit group of v2: one without documents that holds nodes.
        """
        found = self.nodes.get(path)
        if found is not None and found.keys() - {".zattrs"}:
            return found
        if self.zarr_format == 2 and (path in self._below or not path):
            return found or {}
        return None


def _flat(members: Mapping[str, JSON], above: str = "") -> Iterator[tuple[str, JSON]]:
    """Yield paths and documents, those that stand in the records of inner groups too."""
    waiting = [(above, members)]
    while waiting:
        above, members = waiting.pop()
        for name, document in members.items():
            path = "/".join(part for part in (above, name.strip("/")) if part)
            yield path, document
            inner = document.get(INLINE) if isinstance(document, Mapping) else None
            if isinstance(inner, Mapping) and isinstance(inner.get("metadata"), Mapping) and inner["metadata"]:
                waiting.append((path, inner["metadata"]))


def flat_members(members: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the entries of a v3 record by their paths; those in the records of inner groups come out of these.

    Examples
    --------
    >>> flat_members({"s": {"node_type": "group", "consolidated_metadata": {"metadata": {"a": {}}}}})
    {'s': {'node_type': 'group'}, 's/a': {}}
    """
    flat: dict[str, JSON] = {}
    for path, document in _flat(members):
        inner = document.get(INLINE) if isinstance(document, Mapping) else None
        nested = isinstance(inner, Mapping) and inner.get("metadata")
        flat.setdefault(path, alone(document) if nested else document)
    return flat


def inline_record(document: Mapping[str, JSON], root: str, key: str) -> Record | None:
    """Return the record inside a v3 group's document, which has been parsed without an error; None where it has none.

    Examples
    --------
    >>> group = {"zarr_format": 3, "node_type": "group", "consolidated_metadata": {"kind": "inline", "metadata": {
    ...     "s": {"zarr_format": 3, "node_type": "group"}, "s/a": {"zarr_format": 3, "node_type": "array"}}}}
    >>> record = inline_record(group, "", "zarr.json")
    >>> record.names(""), record.names("s"), record.documents("s/x")
    (['s'], ['a'], None)
    """
    record = document.get(INLINE)
    if document.get("node_type") != "group" or not isinstance(record, Mapping) or record.get("kind") != "inline":
        return None
    return Record(3, root, key, mapping(required(record, "metadata", INLINE), f"{INLINE}.metadata"), _sums(record))


def zmetadata_record(document: Mapping[str, JSON], root: str, key: str) -> Record:
    """Return the record that a ``.zmetadata`` is. Raises MetadataError where it is none of format 1."""
    found = required(document, "zarr_consolidated_format")
    if type(found) is not int or found != 1:
        raise wrong("zarr_consolidated_format", found, "the integer 1")
    return Record(2, root, key, mapping(required(document, "metadata"), "metadata"), _sums(document))


def _sums(place: Mapping[str, JSON]) -> Mapping[str, JSON]:
    claim = place.get(CLAIM)
    sums = claim.get("crc32c") if isinstance(claim, Mapping) else None
    return sums if isinstance(sums, Mapping) else {}


def check_sum(document: JSON) -> int:
    """Return the crc32c that stands for a member's document: the same however it is laid out.

    Examples
    --------
    >>> check_sum({"a": 1, "b": [2]}) == check_sum({"b": [2], "a": 1})
    True
    """
    return int(google_crc32c.value(text_of(document).encode("ascii")))


def text_of(document: JSON) -> str:
    """Return the same text for equal documents; NaN equals itself here, and 1 is not 1.0."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def alone(document: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return a member's document as an entry: without a record of its own, as the enclosing one has it all.

    Examples
    --------
    >>> alone({"node_type": "group", "consolidated_metadata": None})
    {'node_type': 'group'}
    """
    return {name: value for name, value in document.items() if name != INLINE}


def with_entries(
    place: Mapping[str, JSON], kept: Mapping[str, JSON], fresh: Mapping[str, JSON], *, claim: bool = False
) -> dict[str, JSON]:
    """Return the record `place` (the inline member, or a ``.zmetadata``) with other entries.

    Checksums are kept for those that are `kept` and made for the `fresh` ones, in a record that has some, or
    everywhere if `claim`.
    """
    # zarr-python loses members whose siblings don't follow each other.
    record = dict(place) | {"metadata": dict(sorted((dict(kept) | dict(fresh)).items()))}
    if claim or isinstance(place.get(CLAIM), Mapping):
        old = _sums(place)
        sums = {name: old[name] for name in kept if name in old}
        sums |= {name: check_sum(document) for name, document in fresh.items()}
        given = place.get(CLAIM)
        record[CLAIM] = (dict(given) if isinstance(given, Mapping) else {}) | {"crc32c": dict(sorted(sums.items()))}
    return record

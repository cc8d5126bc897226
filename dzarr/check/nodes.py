"""What the documents at one path say, and what is wrong with them.

Knows: which documents make a node, in both formats. Must not know: members, objects, or how paths are come by.
Sources: Zarr v3 core, "Metadata" and "Node names"; Zarr v2, "Metadata".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from dzarr.check.findings import Findings, of_error
from dzarr.errors import DzarrError, MetadataError, UnsupportedError
from dzarr.format import v2, v3
from dzarr.format.documents import loads, naming
from dzarr.format.layout import Layout
from dzarr.format.metadata import JSON, ArrayMetadata, GroupMetadata
from dzarr.format.records import inline_record, zmetadata_record
from dzarr.io.store import Buffer, Store, key_in
from dzarr.node import Metadata, find_node, layout_of
from dzarr.options import Options

NODES = ("zarr.json", ".zarray", ".zgroup")
"""Documents that make a folder a node."""

NAMES = (*NODES, ".zattrs", ".zmetadata")


@dataclass(frozen=True)
class Found:
    """What lies at one path.

    ``documents`` has those that are JSON, by name; ``names`` all that are there. ``layouts`` has one for each array
    (two, where there are documents of both formats), None where it can't be bound. ``broken`` is the key of a document
    that leaves open what the node is; ``declined`` tells that it is legal all the same.
    """

    path: str
    names: frozenset[str] = frozenset()
    documents: Mapping[str, dict[str, JSON]] = field(default_factory=dict)
    metadata: tuple[Metadata, ...] = ()
    layouts: tuple[Layout | None, ...] = ()
    broken: str | None = None
    declined: bool = False

    @property
    def arrays(self) -> list[tuple[ArrayMetadata, Layout | None]]:
        """The arrays that are there, each with its layout."""
        models = [model for model in self.metadata if isinstance(model, ArrayMetadata)]
        return list(zip(models, self.layouts, strict=True))

    @property
    def is_node(self) -> bool:
        """Whether there is a node, however broken."""
        return bool(self.metadata) or self.broken is not None

    @property
    def is_array(self) -> bool:
        """Whether there is an array."""
        return any(isinstance(metadata, ArrayMetadata) for metadata in self.metadata)

    @property
    def is_group(self) -> bool:
        """Whether there is a group, and no array."""
        return not self.is_array and any(isinstance(metadata, GroupMetadata) for metadata in self.metadata)

    def key(self, name: str) -> str:
        """Return the key of `name` in this folder."""
        return key_in(self.path, name)

    @property
    def document_key(self) -> str:
        """The key of the document that makes it a node, or the folder where there is none."""
        return next((self.key(name) for name in NODES if name in self.names), self.path or "/")


def read_nodes(store: Store, path: str, options: Options, findings: Findings) -> Found:
    """Read the documents at `path`; what is wrong with them goes to `findings`."""
    names: set[str] = set()
    documents: dict[str, dict[str, JSON]] = {}
    for name in NAMES:
        key = key_in(path, name)
        try:
            answer = store.get(key)
            if answer is None:
                continue
            names.add(name)
            documents[name] = loads(answer[0], key)
        except DzarrError as error:
            names.add(name)
            code = "record-broken" if name == ".zmetadata" else "document-broken"
            findings.many([of_error(error, code, path, key)])
            continue
        if name == "zarr.json" and not _is_strict(answer[0]):
            findings.add(
                "document-loose",
                path,
                key,
                "NaN or Infinity stands bare in it, which no JSON parser needs to take",
                fix="write such a fill value as a string, and leave bare ones out of attributes",
            )
    if not names.intersection(NODES):
        return _without_documents(store, path, frozenset(names), options, findings)
    _check_double(path, names, findings)
    return _parsed(path, names, documents, options, findings)


def _is_strict(data: Buffer) -> bool:
    bare: list[str] = []
    json.loads(bytes(data), parse_constant=bare.append)
    return not bare


def _check_double(path: str, names: set[str], findings: Findings) -> None:
    there = [name for name in NODES if name in names]
    if len(there) > 1:
        findings.add(
            "two-documents",
            path,
            key_in(path, there[0]),
            f"several documents make this a node: {', '.join(there)}",
            fix="remove all but the one that is meant; dzarr takes zarr.json, then .zarray",
        )


def _parsed(
    path: str, names: set[str], documents: dict[str, dict[str, JSON]], options: Options, findings: Findings
) -> Found:
    metadata: list[Metadata] = []
    layouts: list[Layout | None] = []
    broken, declined = None, False
    for name in NODES:
        if name not in names or (name == ".zgroup" and layouts):
            continue
        key = key_in(path, name)
        if name not in documents:  # told already
            broken = key
            continue
        try:
            with naming(key):
                model = _model(name, documents)
        except DzarrError as error:
            findings.many([of_error(error, "document-broken", path, key)])
            broken, declined = key, isinstance(error, UnsupportedError)
            continue
        metadata.append(model)
        if isinstance(model, ArrayMetadata):
            layouts.append(_bound(model, options, path, key, findings))
    if metadata:
        broken = None
    findings.count(arrays=len(layouts), groups=len(metadata) - len(layouts))
    return Found(path, frozenset(names), documents, tuple(metadata), tuple(layouts), broken, declined)


def _bound(model: ArrayMetadata, options: Options, path: str, key: str, findings: Findings) -> Layout | None:
    try:
        return layout_of(model, options)
    except DzarrError as error:
        findings.many([of_error(error, "document-broken", path, key)])
        return None


def _model(name: str, documents: Mapping[str, dict[str, JSON]]) -> Metadata:
    document = documents[name]
    if name == "zarr.json":
        return v3.parse(document)
    attributes = documents.get(".zattrs")
    return v2.parse_array(document, attributes) if name == ".zarray" else v2.parse_group(document, attributes)


def _without_documents(store: Store, path: str, names: frozenset[str], options: Options, findings: Findings) -> Found:
    """Return the node that is there without a document of Zarr's: one of another format, or an implicit group."""
    key = path or "/"
    try:
        node = find_node(store, path)
    except DzarrError as error:
        findings.many([of_error(error, "document-broken", path, key)])
        return Found(path, names, broken=error.key or key, declined=isinstance(error, UnsupportedError))
    if node is None:
        return Found(path, names)
    if node.store is not store:
        what = "a container of another format, which is not looked into from outside"
        findings.add("not-checked", path, key, what, fix="check it by itself")
        return Found(path, names, broken=key, declined=True)
    if node.implicit:
        what = "a group without a document of its own, which not every reader takes for one"
        findings.add("implicit-group", path, key, what, fix="make it a group")
    model = node.metadata
    layouts = (_bound(model, options, path, key, findings),) if isinstance(model, ArrayMetadata) else ()
    findings.count(arrays=len(layouts), groups=1 - len(layouts))
    return Found(path, names, {}, (model,), layouts)


def check_name(path: str, findings: Findings) -> None:
    """Note a name that the specification keeps for itself."""
    name = path.rpartition("/")[2]
    if name.startswith("__"):
        findings.add(
            "reserved-name", path, path, f"the name {name!r} begins with __, which is reserved", fix="choose another"
        )


def record_of(found: Found, findings: Findings) -> tuple[int, str, Mapping[str, JSON]] | None:
    """Return a group's consolidated record as (format, key, entries), None where it has none that can be read."""
    key = found.key("zarr.json")
    try:
        if any(isinstance(model, GroupMetadata) and model.zarr_format == 3 for model in found.metadata):
            record = inline_record(found.documents.get("zarr.json", {}), found.path, key)
            if record is not None:
                return 3, key, {path: documents["zarr.json"] for path, documents in record.nodes.items()}
        if ".zmetadata" not in found.documents:
            return None
        key = found.key(".zmetadata")
        with naming(key):
            return 2, key, zmetadata_record(found.documents[".zmetadata"], found.path, key).members
    except MetadataError as error:
        findings.many([of_error(error, "record-broken", found.path, key)])
        return None

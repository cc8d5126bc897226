"""The way through a hierarchy: which folders there are, and what is found in each.

Knows: how nodes hang together, and which of them no reader comes to. Must not know: what is in an object; those are
yielded, to be looked at by whoever asks for the next.

    group       its documents, record and leftovers; then each of its folders
    array       the same; then its keys; a node below it is hidden
    neither     nodes below it have no group above them: hidden, or (v2) an implicit group; else a stray folder
"""

# Paths are strings here, as in stores.
# ruff: noqa: PTH118

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from dzarr.check.findings import Findings, of_error
from dzarr.check.keys import FOREIGN, listed_jobs, probed_jobs, shelves_of, stray
from dzarr.check.nodes import NAMES, NODES, Found, check_name, read_nodes, record_of
from dzarr.check.objects import Job
from dzarr.check.records import Record
from dzarr.check.remains import check_remains
from dzarr.errors import DzarrError
from dzarr.io.local import LocalStore
from dzarr.io.store import Store
from dzarr.options import Options


@dataclass(frozen=True)
class _Stop:
    """A folder to be looked at, and why no reader comes there: below an array, a broken document, or no group."""

    path: str
    hidden: str | None = None
    by: str = ""
    trail: tuple[str, ...] = ()
    """The nodes on the way there, links resolved."""


class Walk:
    """One way through the hierarchy at `path`."""

    def __init__(self, store: Store, path: str, options: Options, findings: Findings) -> None:
        self._store = store
        self._options = options
        self._findings = findings
        self._stops = [_Stop(path)]
        self._records: list[Record] = []
        self._been: set[str] = set()

    def jobs(self) -> Iterator[Job]:
        """Yield every object to be looked at; what is wrong elsewhere goes to the findings."""
        while self._stops:
            stop = self._stops.pop()
            try:
                yield from self._visit(stop)
            except DzarrError as error:  # a folder that can't be listed must not hide all others
                self._findings.many([of_error(error, "object-unreadable", stop.path, stop.path or "/")])
        for record in self._records:
            record.close(self._findings)

    def _visit(self, stop: _Stop) -> Iterator[Job]:
        real = self._real(stop.path)
        if real in stop.trail:
            what = "a link that leads back to a node above it"
            above = stop.path.rpartition("/")[0]
            self._findings.add("not-checked", above, stop.path, what, fix="remove the link")
            return
        trail = (*stop.trail, real)
        found = read_nodes(self._store, stop.path, self._options, self._findings)
        if found.is_node:
            self._check_place(found, stop)
        claimed = check_remains(self._store, found.path, self._findings)
        own = record_of(found, self._findings)
        if own is not None:
            self._records.append(Record(found.path, own[1], own[0], own[2]))
        for record in self._records:
            record.meet(found, self._findings)
        if not self._store.can.list:
            yield from self._unlisted(found)
        elif found.is_array:
            yield from self._array(found, trail)
        elif found.is_group:
            self._group(found, trail)
        elif found.broken is not None:
            # What lies below may be objects, members or both: only what is a node can be told.
            self._search(found.path, None if found.declined else "broken", found.broken, trail)
        elif not claimed:
            self._search(found.path, "nothing", found.path, trail)

    def _check_place(self, found: Found, stop: _Stop) -> None:
        """Note a node that no reader comes to."""
        check_name(found.path, self._findings)
        if stop.hidden is None:
            return
        if stop.hidden == "nothing":
            what, fix = f"there is no group above it, as {stop.by!r} has no document", "make that a group"
        elif stop.hidden == "array":
            what, fix = f"it lies inside an array, {stop.by!r}, which holds no members", "move it elsewhere"
        else:
            what, fix = f"the document above it can't be read: {stop.by!r}", "mend that document"
        self._findings.add("hidden", found.path, found.document_key, what, fix=fix)

    def _array(self, found: Found, trail: tuple[str, ...]) -> Iterator[Job]:
        others: list[str] = []
        shelves = shelves_of(self._store, found, self._options)
        yield from listed_jobs(self._store, shelves, found, others, self._findings)
        for folder in others:
            self._search(folder, "array", found.document_key, trail, found)

    def _group(self, found: Found, trail: tuple[str, ...]) -> None:
        folders = []
        for entry in self._store.list_dir(found.path):
            if entry.endswith("/"):
                folders.append(_Stop(found.key(entry[:-1]), trail=trail))
            elif entry not in NAMES and entry not in FOREIGN:
                stray(found.path, found.key(entry), self._findings)
        self._stops += sorted(folders, key=lambda folder: folder.path, reverse=True)

    def _real(self, path: str) -> str:
        """Return where a folder of a local store really is; the path itself elsewhere, where there are no links."""
        return os.path.realpath(os.path.join(self._store.path, path)) if isinstance(self._store, LocalStore) else path

    def _search(
        self, folder: str, hidden: str | None, by: str, trail: tuple[str, ...], inside: Found | None = None
    ) -> None:
        """Go on at the topmost nodes below a folder; where there is none, its files are strays."""
        nodes: set[str] = set()
        files, example, v3 = 0, "", False
        for key in self._store.list(folder):
            above, _, name = key.rpartition("/")
            if name in NODES and (above != folder or inside is not None):
                nodes.add(above)
                v3 = v3 or name == "zarr.json"
            elif name not in NAMES or hidden == "nothing":
                files, example = files + 1, min(example or key, key)
        if nodes and hidden == "nothing" and not v3:
            what = "a group without a document of its own, which not every reader takes for one"
            self._findings.add("implicit-group", folder, folder, what, fix="make it a group")
            hidden = None
        top = [path for path in nodes if nodes.isdisjoint(_above(path))]
        self._stops += [_Stop(path, hidden, by, trail) for path in sorted(top, reverse=True)]
        if files and not nodes and hidden in ("nothing", "array"):
            what = f"a folder that is no node, with {files:,} file{'s' * (files > 1)}; one of them is {example!r}"
            node = inside.path if inside is not None else folder.rpartition("/")[0]
            self._findings.add("stray", node, folder, what, fix="move it elsewhere")

    def _unlisted(self, found: Found) -> Iterator[Job]:
        self._been.add(found.path)
        yield from probed_jobs(shelves_of(self._store, found, self._options))
        for record in self._records:
            if record.group == found.path:
                self._stops += [_Stop(path) for path in sorted(record.paths(), reverse=True) if path not in self._been]
                self._been.update(record.paths())


def _above(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path


def unseen(store: Store, findings: Findings, path: str) -> None:
    """Note what can't be seen in a store that can't be listed."""
    what = "the store can't be listed: members that no record names, strays, orphans and leftovers are not seen"
    findings.add("not-checked", path, path or "/", what)

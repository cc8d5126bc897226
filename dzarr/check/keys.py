"""An array's folder: which keys are its objects, which are outside its grid, and which are nothing at all.

Knows: key encodings and grids. Must not know: what is in an object.

A listing comes in no order and may be long, so that nothing is kept of it but counts, and one bit for each object where
those that are missing are to be named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod

from dzarr.check.findings import MOST_ALIKE, Findings
from dzarr.check.nodes import NAMES, NODES, Found
from dzarr.check.objects import Job
from dzarr.format.grid import counts
from dzarr.format.layout import Layout
from dzarr.format.metadata import ArrayMetadata
from dzarr.io.n5 import N5Store
from dzarr.io.source import Source
from dzarr.io.store import Store, key_in
from dzarr.options import Options

FOREIGN = frozenset({".nczarray", ".nczattr", ".nczgroup", "attributes.json"})
"""Documents of other tools and of N5."""

MOST_BITS = 1 << 32
"""Objects of an array above which missing ones are counted, and not named."""


@dataclass
class Shelf:
    """The objects of one array, as a listing brings them by."""

    store: Store
    path: str
    metadata: ArrayMetadata
    layout: Layout | None
    options: Options
    stored: int = 0
    _bits: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.grid = counts(self.metadata.grid)
        self.total = prod(self.grid)
        self.source = None if self.layout is None else Source(self.store, self.path, self.layout, self.options)
        self.strict = self.options.missing == "error"
        if self.strict and self.total <= MOST_BITS:
            self._bits = bytearray(-(-self.total // 8))

    def coords(self, name: str) -> tuple[int, ...] | None:
        """Return the coordinates that a key, seen from the array's folder, stands for; None where it is no key."""
        return self.metadata.keys.coords(name, len(self.metadata.shape))

    def holds(self, coords: tuple[int, ...]) -> bool:
        """Return whether the coordinates lie in the grid."""
        return all(c < n for c, n in zip(coords, self.grid, strict=True))

    def leads_to_keys(self, folder: str) -> bool:
        """Return whether keys may lie in the folder of this name."""
        first, slash, _ = self.metadata.keys.key((0,) * len(self.grid)).partition("/")
        return bool(slash) and (folder == first or (folder.isdecimal() and first.isdecimal()))

    def put(self, coords: tuple[int, ...]) -> Job | None:
        """Count an object that is there; return what is to be looked at."""
        self.stored += 1
        if self._bits:
            at = self._flat(coords)
            self._bits[at >> 3] |= 1 << (at & 7)
        return None if self.source is None else Job(self.source, coords)

    def _flat(self, coords: tuple[int, ...]) -> int:
        at = 0
        for c, n in zip(coords, self.grid, strict=True):
            at = at * n + c
        return at

    def close(self, findings: Findings) -> None:
        """Note what did not come by."""
        missing = self.total - self.stored
        if not missing:
            return
        findings.count(missing=missing)
        if not self.strict:
            what = f"{missing:,} of {self.total:,} objects are not there, and read as the fill value"
            findings.add("objects-missing", self.path, self.path or "/", what)
            return
        named = 0
        for coords in product(*map(range, self.grid)) if self._bits else ():
            at = self._flat(coords)
            if not self._bits[at >> 3] & (1 << (at & 7)):
                key = key_in(self.path, self.metadata.keys.key(coords))
                findings.add("object-missing", self.path, key, "the object is missing")
                named += 1
                if named == MOST_ALIKE:
                    break
        if missing > named:
            what = f"{missing - named:,} {'more ' if named else ''}objects are missing"
            findings.add("object-missing", self.path, self.path or "/", what)


def within(store: Store, path: str) -> Store:
    """Return the store as it shows the keys of the array at `path`."""
    return store.within(path) if isinstance(store, N5Store) else store


def shelves_of(store: Store, found: Found, options: Options) -> list[Shelf]:
    """Return a shelf for each array at one path."""
    store = within(store, found.path)
    return [Shelf(store, found.path, metadata, layout, options) for metadata, layout in found.arrays]


def listed_jobs(
    store: Store, shelves: list[Shelf], found: Found, others: list[str], findings: Findings
) -> Iterator[Job]:
    """Yield the objects that are there, and note what else is; folders that hold no keys go to `others`."""
    store = within(store, found.path)
    for entry in store.list_dir(found.path):
        if not entry.endswith("/"):
            if entry not in NAMES and entry not in FOREIGN:
                yield from _sorted_in(shelves, found, entry, findings)
            continue
        folder = entry[:-1]
        if not any(shelf.leads_to_keys(folder) for shelf in shelves):
            others.append(found.key(folder))
            continue
        prefix = len(found.path) + 1 if found.path else 0
        for key in store.list(found.key(folder)):
            name = key[prefix:]
            if name.rpartition("/")[2] in NODES:
                others.append(key.rpartition("/")[0])
            else:
                yield from _sorted_in(shelves, found, name, findings)
    for shelf in shelves:
        shelf.close(findings)


def _sorted_in(shelves: list[Shelf], found: Found, name: str, findings: Findings) -> Iterator[Job]:
    outside = None
    belongs = False
    for shelf in shelves:
        coords = shelf.coords(name)
        if coords is None:
            continue
        if not shelf.holds(coords):
            outside = shelf
            continue
        belongs = True
        job = shelf.put(coords)
        if job is not None:
            yield job
    if belongs:
        return
    if outside is not None:
        what = f"an object outside the grid, which has {' x '.join(map(str, outside.grid))} objects"
        fix = "delete it: an array that grows later would show it"
        findings.add("orphan", found.path, found.key(name), what, fix=fix)
    else:
        stray(found.path, found.key(name), findings)


def probed_jobs(shelves: list[Shelf]) -> Iterator[Job]:
    """Yield every object of the grid, there or not: for stores that can't be listed."""
    for shelf in shelves:
        if shelf.source is not None:
            for coords in product(*map(range, shelf.grid)):
                yield Job(shelf.source, coords)


def stray(node: str, key: str, findings: Findings) -> None:
    """Note a file that belongs to nothing."""
    findings.add("stray", node, key, "a file that is nothing that Zarr knows", fix="move it elsewhere")

"""Findings: what may be wrong, how bad it is, and where they are gathered.

Knows: every kind of finding by its code. Must not know: how any is found, or printed. Codes and severities are part of
the JSON that other programs read: a code is never given another meaning.

    error      data is lost, or read wrongly, or hidden; or a document breaks the specification
    warning    what is stored can be read, and something beside it should be looked at
    note       worth knowing, and nothing is wrong
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal, TypeAlias

from dzarr.errors import ConflictError, DzarrError, StoreError, UnsupportedError

Severity: TypeAlias = Literal["error", "warning", "note"]

CODES: dict[str, Severity] = {
    # documents
    "document-broken": "error",  # it can't be read, or breaks the specification
    "document-loose": "warning",  # it is no strict JSON, though dzarr reads it
    "unsupported": "warning",  # it is legal and dzarr declines it: what it describes was not checked
    "two-documents": "warning",  # documents of both formats, or of an array and a group, in one place
    "reserved-name": "warning",  # a node's name that the specification keeps for itself
    "hidden": "error",  # a node that no reader comes to: below an array, a broken document, or no group
    "implicit-group": "note",  # a v2 folder of nodes that has no .zgroup
    # consolidated records
    "record-broken": "error",  # it can't be read
    "record-stale": "error",  # an entry says something else than its member, or has none
    "record-attributes": "warning",  # an entry differs from its member in attributes alone
    "record-incomplete": "warning",  # a member has no entry
    # objects
    "object-corrupt": "error",  # its bytes can't be what was written
    "object-unreadable": "error",  # the store has it and fails to give it
    "object-missing": "error",  # it is not there, and was asked to be
    "objects-missing": "note",  # how many read as the fill value
    "object-changing": "note",  # somebody replaced it again and again meanwhile
    "index-overlap": "warning",  # chunks of a shard share some of their bytes
    "orphan": "warning",  # named like an object of the array, outside its grid
    # what does not belong there
    "stray": "warning",  # a file that is nothing that Zarr knows
    "leftover": "warning",  # a temporary whose writer is no more
    "claim-dead": "warning",  # a claim whose writer is no more
    "being-written": "note",  # somebody seems to be at it
    "not-checked": "note",  # something that this store, or the mode, doesn't let be seen
}
"""Every code with its severity."""

MOST_ALIKE = 1_000
"""Findings of one code at one node that are kept; more are counted."""

MOST = 100_000
"""Findings that are kept in all."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    code : str
        One of `CODES`.
    node : str
        The path of the node that it belongs to, "" for the root.
    key : str
        The object, document or folder in the store.
    what : str
        What is the matter, in one sentence.
    chunk : tuple of int or None
        The chunk, counted in the array's chunk grid.
    fix : str or None
        What to do about it.

    Examples
    --------
    >>> Finding("stray", "a", "a/notes.txt", "a file that is nothing that Zarr knows").severity
    'warning'
    """

    code: str
    node: str
    key: str
    what: str
    chunk: tuple[int, ...] | None = None
    fix: str | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return CODES[self.code]


@dataclass(frozen=True)
class Tally:
    """What was looked at: counts, and the bytes that were read of objects."""

    arrays: int = 0
    groups: int = 0
    objects: int = 0
    chunks: int = 0
    missing: int = 0
    nbytes: int = 0


Watch: TypeAlias = Callable[[Tally, int], None]
"""Told the tally and the number of findings, now and then."""


class Findings:
    """Where several threads put what they find.

    Parameters
    ----------
    watch : callable, optional
        Called after every object, by whichever thread.
    """

    def __init__(self, watch: Watch | None = None) -> None:
        self.kept: list[Finding] = []
        self.tally = Tally()
        self.counts: Counter[str] = Counter()
        self._alike: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()
        self._watch = watch

    def add(
        self, code: str, node: str, key: str, what: str, *, chunk: tuple[int, ...] | None = None, fix: str | None = None
    ) -> None:
        """Note a finding."""
        self.many([Finding(code, node, key, what, chunk, fix)])

    def many(self, found: list[Finding]) -> None:
        """Note findings."""
        with self._lock:
            for finding in found:
                self.counts[finding.code] += 1
                alike = finding.node, finding.code
                self._alike[alike] += 1
                if self._alike[alike] <= MOST_ALIKE and len(self.kept) < MOST:
                    self.kept.append(finding)

    def count(
        self, *, arrays: int = 0, groups: int = 0, objects: int = 0, chunks: int = 0, missing: int = 0, nbytes: int = 0
    ) -> None:
        """Add to the tally."""
        with self._lock:
            old = self.tally
            self.tally = replace(
                old,
                arrays=old.arrays + arrays,
                groups=old.groups + groups,
                objects=old.objects + objects,
                chunks=old.chunks + chunks,
                missing=old.missing + missing,
                nbytes=old.nbytes + nbytes,
            )
        if self._watch is not None:
            self._watch(self.tally, len(self.kept))


def of_error(error: DzarrError, code: str, node: str, key: str) -> Finding:
    """Return the finding that an error amounts to: `code`, unless the error itself says that it is something else.

    Examples
    --------
    >>> of_error(UnsupportedError("codec 'x' is not supported"), "document-broken", "", "zarr.json").code
    'unsupported'
    """
    if isinstance(error, UnsupportedError):
        code = "unsupported"
    elif isinstance(error, ConflictError):
        code = "object-changing"
    elif isinstance(error, StoreError) and code == "object-corrupt":
        code = "object-unreadable"
    return Finding(code, node, error.key or key, words(error), error.chunk, error.fix)


def words(error: DzarrError) -> str:
    """Return what an error says, without the facts that a finding has members for.

    Examples
    --------
    >>> words(DzarrError("shape is wrong", key="zarr.json", found=3, expected="a list", fix="mend it"))
    'shape is wrong; found 3; expected a list'
    """
    bare = DzarrError(error.message, found=error.found, expected=error.expected)
    return str(bare)

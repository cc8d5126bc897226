"""Claims: a new array while it is being written.

Knows: what has to happen before the first byte of a write and after the last. Must not know: graphs or
handles; all are plain callables that ride in a graph.

A new array is published by the last task, after every byte that it promises: until then nobody opens it.
A *claim* in its folder keeps two writers from filling the same place.

    absent -> clearing -> writing -> published -> absent again, by the client that has the result
                             `----> abandoned, by the client of a run that failed: free for the next one,
                                    or reopened by that client, which tries again

Tasks may run twice, and a worker that the scheduler gave up may wake at any time. So a first task that
finds its own run's claim "writing" clears nothing away; one that wakes after its run is over finds its
claim abandoned, or none and a document that is not the one it was to replace, and gives up; every change
of a claim's state is a compare-and-swap; and whoever removes or replaces an object asks the *fence* right
before: is the claim still the one that it began under? The claim outlives the last task, until the client
has the result: were that lost with its worker, the tasks that run again would still find their claim.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from dzarr.changes import clear_place, empty_node, make_parents, publish, refuse_implicit
from dzarr.consolidated import ancestors
from dzarr.errors import ConflictError, DzarrError, NodeExistsError, NodeTypeError
from dzarr.format.canonical import canonical, digest, from_canonical
from dzarr.format.documents import dumps
from dzarr.format.metadata import ArrayMetadata
from dzarr.io.store import Store, Version
from dzarr.node import document_versions, documents_of, published_node, read_node

_ATTEMPTS = 5
_HELD = "writing", "published"


@dataclass(frozen=True)
class Place:
    """What the first and the last task of a write need to know; rides in the graph."""

    store: Store
    path: str
    document: bytes
    attributes: str
    new: bool
    overwrite: bool
    run: str
    replaces: tuple[Version | None, ...] | None = None
    """The versions of the documents that were there when the write was planned, where it replaces them."""

    @property
    def claim(self) -> str:
        """The key of the claim."""
        return f"{self.path}/.dzarr/claim" if self.path else ".dzarr/claim"

    def read(self) -> tuple[dict[str, Any], Version | None]:
        """Return the claim and its version; nothing and None where there is none."""
        return _read(self.store, self.claim)

    def put(self, state: str, version: Version | None, document: str | None = None) -> Version:
        """Replace the claim of that version. Raises ConflictError where somebody else did so first."""
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        claim = {
            "run": self.run,
            "state": state,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": since,
            "document": document or self.document.decode(),
        }
        return self.store.set_if(self.claim, [json.dumps(claim).encode()], version)

    def is_ours(self, claim: dict[str, Any], *states: str) -> bool:
        """Return whether this run has the claim (in one of those states)."""
        return claim.get("run") == self.run and (not states or claim.get("state") in states)

    def is_published(self) -> bool:
        """Return whether the array's document is there."""
        node = published_node(self.store, self.path)
        return (
            node is not None and isinstance(node.metadata, ArrayMetadata) and canonical(node.metadata) == self.document
        )

    def release(self) -> None:
        """Drop the claim, if this run has it."""
        claim, version = self.read()
        if self.is_ours(claim):
            with suppress(ConflictError):
                self.store.delete(self.claim, version)

    def reopen(self) -> None:
        """Take up the claim of this run again, which failed and is tried once more."""
        claim, version = self.read()
        if self.is_ours(claim, "abandoned"):
            with suppress(ConflictError):
                self.put("reopened", version, claim.get("document"))

    def abandon(self) -> None:
        """Free the claim of a run that failed. What of it still runs meets the fence."""
        claim, version = self.read()
        if self.is_ours(claim, "published"):
            self.release()
        elif self.is_ours(claim):
            with suppress(ConflictError):
                self.put("abandoned", version)


def _read(store: Store, key: str) -> tuple[dict[str, Any], Version | None]:
    found = store.get(key)
    if found is None:
        return {}, None
    try:
        claim = json.loads(bytes(found[0]))
    except ValueError:
        claim = None
    return (claim if isinstance(claim, dict) else {}), found[1]


@dataclass(frozen=True)
class Fence:
    """Asked right before an object is replaced: does the place still belong to the run that began under it?

    With a `run`, the claim may have moved on in that run's hands; without, it must be the very same.
    """

    store: Store
    key: str
    version: Version
    run: str | None = None

    def __call__(self) -> None:
        """Raise ConflictError where the claim is gone, or is another one."""
        found = self.store.head(self.key)
        if found is not None and found[1] == self.version:
            return
        if found is not None and self.run is not None:
            claim, _ = _read(self.store, self.key)
            if claim.get("run") == self.run and claim.get("state") in _HELD:
                return
        raise _lost(self.key, found is not None)


def _lost(key: str, there: bool) -> ConflictError:
    return ConflictError(
        "this run no longer has the claim on the array that it writes",
        key=key,
        found="another claim" if there else "no claim",
        fix="store again",
    )


@dataclass(frozen=True)
class Begin:
    """The first task: the target is still what was planned for, or the place is claimed and clear."""

    place: Place

    def __call__(self) -> Fence | None:
        """Check or claim the place, and return the fence of a new array; safe to run twice, even at once."""
        place = self.place
        if place.new:
            return _claim(place)
        node = read_node(place.store, place.path)
        if not isinstance(node.metadata, ArrayMetadata) or canonical(node.metadata) != place.document:
            raise ConflictError(
                "the array has changed since the write was planned",
                key=place.path or "/",
                found=f"shape {getattr(node.metadata, 'shape', None)}",
                expected=f"document {digest(place.document)}",
                fix="refresh the handle and store again",
            )
        return None


def _claim(place: Place) -> Fence:
    for _ in range(_ATTEMPTS):
        claim, version = place.read()
        if version is not None and place.is_ours(claim, *_HELD):
            return Fence(place.store, place.claim, version, place.run)
        if place.is_ours(claim, "abandoned"):
            raise _lost(place.claim, True)
        if not place.is_ours(claim):
            _refuse(place, claim, version)
        with suppress(ConflictError):  # another writer, or this very task run twice: look again
            version = place.put("clearing", version, claim.get("document"))
            _clear(place, claim, Fence(place.store, place.claim, version))
            return Fence(place.store, place.claim, place.put("writing", version), place.run)
    raise NodeExistsError("others begin to write here at the same time", key=place.path or "/")


def _refuse_implicit(place: Place) -> None:
    if from_canonical(place.document).zarr_format == 2:
        refuse_implicit(place.store, place.path)


def _refuse(place: Place, claim: dict[str, Any], version: Version | None) -> None:
    """Raise where the place can't be had."""
    for above in ancestors(place.path):
        node = published_node(place.store, above)
        if node is not None and isinstance(node.metadata, ArrayMetadata):
            raise NodeTypeError("an array holds no members", key=above or "(the root)", fix="choose a path outside it")
    _refuse_implicit(place)
    if place.overwrite:
        now = document_versions(place.store, place.path)
        if place.replaces is not None and any(now) and now != place.replaces:
            raise ConflictError(
                "what is to be replaced has changed since the write was planned",
                key=place.path or "/",
                fix="store again",
            )
        return
    clear_place(place.store, place.path, overwrite=False)
    if version is not None and claim.get("state") not in ("abandoned", "published"):
        raise NodeExistsError(
            "somebody is writing an array here",
            key=place.path or "/",
            found=f"claimed by process {claim.get('pid')} on {claim.get('host')} at {claim.get('since')}",
            fix="wait for it; if it is dead, pass overwrite=True",
        )


def _clear(place: Place, old: dict[str, Any], fence: Fence) -> None:
    """Remove the node that is replaced, and what the run of the `old` claim has left."""
    if place.overwrite:
        try:
            there = published_node(place.store, place.path) is not None
        except DzarrError:
            there = True  # what can't be read can still be replaced
        if there:
            empty_node(place.store, place.path, fence)
            return
    else:
        try:
            clear_place(place.store, place.path, overwrite=False)
        except NodeExistsError:  # made between the first look and the claim
            place.release()
            raise
    try:
        metadata = from_canonical(old["document"].encode())
    except (DzarrError, KeyError, AttributeError):
        return
    # No document names these objects, but a larger array made here later would show them.
    prefix = f"{place.path}/" if place.path else ""
    for key in list(place.store.list(place.path)):
        if metadata.keys.coords(key[len(prefix) :], len(metadata.shape)) is not None:
            fence()
            place.store.delete(key)


@dataclass(frozen=True)
class Commit:
    """The last task: publish a new array's document."""

    place: Place

    def __call__(self, receipt: Any) -> Any:
        """Publish, and hand on the receipt; safe to run twice."""
        place = self.place
        if place.new:
            claim, version = place.read()
            if not place.is_ours(claim, *_HELD):
                raise _lost(place.claim, version is not None)
            if not place.is_published():
                _publish(place)
            with suppress(ConflictError):  # this very task, run twice at once
                place.put("published", version)
        return receipt


def _publish(place: Place) -> None:
    attributes, extra = json.loads(place.attributes)
    metadata = replace(from_canonical(place.document), attributes=attributes, extra=extra)
    make_parents(place.store, place.path, metadata.zarr_format)
    # The document that makes it an array comes last, so that nobody finds one without attributes.
    documents = {name: dumps(document) for name, document in reversed(documents_of(metadata).items())}
    try:
        publish(place.store, place.path, metadata, documents)
    except NodeExistsError:
        if not place.is_published():  # this very task, run twice at once
            raise

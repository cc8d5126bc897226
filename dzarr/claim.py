"""Claims: a new array while it is being written.

Knows: what has to happen before the first byte of a write and after the last. Must not know: graphs or
handles; both are plain callables that ride in a graph.

A new array is published by the last task, after every byte that it promises: until then nobody opens it.
A *claim* in its folder keeps two writers from filling the same place, and tells a first task that is run
again (its worker died) that the place has been cleared already, so that it does not clear away finished
work.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass, replace
from typing import Any

from dzarr.errors import ConflictError, NodeExistsError
from dzarr.format.canonical import canonical, digest, from_canonical
from dzarr.format.metadata import ArrayMetadata
from dzarr.io.store import Store
from dzarr.node import clear_place, find_node, make_parents, publish, read_node


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

    @property
    def claim(self) -> str:
        """The key of the claim."""
        return f"{self.path}/.dzarr/claim" if self.path else ".dzarr/claim"


@dataclass(frozen=True)
class Begin:
    """The first task: the target is still what was planned for, or the place is clear and claimed."""

    place: Place

    def __call__(self) -> bool:
        """Check or claim the place; safe to run twice."""
        place = self.place
        if place.new:
            _claim(place)
            return True
        node = read_node(place.store, place.path)
        if not isinstance(node.metadata, ArrayMetadata) or canonical(node.metadata) != place.document:
            raise ConflictError(
                "the array has changed since the write was planned",
                key=place.path or "/",
                found=f"shape {getattr(node.metadata, 'shape', None)}",
                expected=f"document {digest(place.document)}",
                fix="refresh the handle and store again",
            )
        return True


def _claim(place: Place) -> None:
    found = place.store.get(place.claim)
    if found is not None:
        claim = json.loads(bytes(found[0]))
        if claim.get("run") == place.run:
            return
        if not place.overwrite:
            raise NodeExistsError(
                "somebody is writing an array here",
                key=place.path or "/",
                found=f"claimed by process {claim.get('pid')} on {claim.get('host')} at {claim.get('since')}",
                fix="wait for it; if it is dead, pass overwrite=True",
            )
    clear_place(place.store, place.path, overwrite=place.overwrite)
    if found is not None:
        place.store.delete(place.claim)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    claim = {"run": place.run, "host": socket.gethostname(), "pid": os.getpid(), "since": since}
    try:
        place.store.set_if(place.claim, [json.dumps(claim).encode()], None)
    except ConflictError as error:
        raise NodeExistsError("somebody else began to write here at the same time", key=place.path or "/") from error


@dataclass(frozen=True)
class Commit:
    """The last task: publish a new array's document, then drop the claim."""

    place: Place

    def __call__(self, receipt: Any) -> Any:
        """Publish, and hand on the receipt; safe to run twice."""
        place = self.place
        if place.new:
            attributes, extra = json.loads(place.attributes)
            metadata = replace(from_canonical(place.document), attributes=attributes, extra=extra)
            node = find_node(place.store, place.path)
            if node is None or canonical(node.metadata) != place.document:  # type: ignore[arg-type]
                make_parents(place.store, place.path, metadata.zarr_format)
                publish(place.store, place.path, metadata)
            place.store.delete(place.claim)
        return receipt

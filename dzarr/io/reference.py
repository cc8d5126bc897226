"""A file of references as a store: keys whose bytes are sections of other files.

Knows: how a wanted range of a key becomes a range of its target. Must not know: arrays. What reference files say
is read by `references.py` and `reference_tables.py`; where targets may be is in `reference_targets.py`.

A key that the file does not have is missing. One that it has, and whose target is gone, is an error: whoever
made the reference saw the bytes. Versions are those of the targets, whose stores count the requests too.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from threading import Lock
from typing import Any

from dzarr.errors import CorruptObjectError, DzarrError, StoreError
from dzarr.io.keyed import KeyedLocks
from dzarr.io.ranges import resolve
from dzarr.io.readonly import ReadOnly
from dzarr.io.reference_tables import TableReferences
from dzarr.io.reference_targets import Targets, Trust
from dzarr.io.references import JsonReferences, References, Section, parse_json
from dzarr.io.shown import shown
from dzarr.io.store import Buffer, Capabilities, Parts, Store, TooLarge, Version, VersionChanged, Want, check_key
from dzarr.io.waiting import Policy

MOST_FILE = 1 << 30
"""Bytes of the largest JSON file that is read."""


class ReferenceStore(ReadOnly):
    """The keys of a reference file, read-only.

    Parameters
    ----------
    base : Store
        Where the reference file, or the folder of reference tables, is.
    key : str
        Its key there; "" for the root, which is a folder then.
    trust : Trust
        What the file may name.

    Raises
    ------
    MetadataError, UnsupportedError
        For a reference file that is broken, or says what is declined.
    StoreError
        For a target that may not be named, is gone, or is shorter than the reference says.
    ReadOnlyError
        By everything that writes.

    Examples
    --------
    >>> import json
    >>> from dzarr.io.memory import MemoryStore
    >>> base = MemoryStore()
    >>> version = base.set("x.nc", [b"headerDATA"])
    >>> version = base.set("refs.json", [json.dumps({"a/.zarray": "{}", "a/0": ["x.nc", 6, 4]}).encode()])
    >>> store = ReferenceStore(base, "refs.json")
    >>> bytes(store.get("a/0")[0]), list(store.list("a"))
    (b'DATA', ['a/.zarray', 'a/0'])
    """

    refusal = "references are for reading"
    instead = "copy what they show to another store"

    def __init__(self, base: Store, key: str, trust: Trust | None = None) -> None:
        self.base, self.key, self.trust = base, key, trust or Trust()
        place = f"{base.token.rstrip('/')}/{key}".rstrip("/")
        self.token = (
            f"reference://{place.removeprefix('file://')}" if place.startswith("file:") else f"reference::{place}"
        )
        self._targets = Targets(base, key.rpartition("/")[0], self.trust)
        self._known: tuple[Any, References] | None = None

    def __repr__(self) -> str:
        return f"<ReferenceStore {self.token}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReferenceStore) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __reduce__(self) -> tuple[Any, ...]:
        return ReferenceStore, (self.base, self.key, self.trust)

    @property
    def can(self) -> Capabilities:
        """What references are able to do: be read and listed. What their targets can is known when they are read."""
        return Capabilities(
            set_if=False, list=True, versions=False, local_path=False, writable=False, shared=self.base.can.shared
        )

    def asking(self, base: Store, policy: Policy) -> ReferenceStore:
        """Return the same store, asked by another policy, with its file in `base`."""
        if base is self.base and policy == self.trust.policy:
            return self
        return ReferenceStore(base, self.key, replace(self.trust, policy=policy))

    # Reading

    def get(self, key: str) -> tuple[Buffer, Version] | None:
        """See `Store.get`."""
        parts = self._answer(Want(check_key(key)))
        return None if parts is None else (parts.buffers[0], parts.version or "")

    def fetch(self, wanted: Sequence[Want]) -> Iterator[tuple[int, Parts | None]]:
        """See `Store.fetch`. Wants that fall on one store are asked of it together."""
        batches: dict[Store, list[tuple[int, Want, Section]]] = {}
        for i, want in enumerate(wanted):
            found = self._find(check_key(want.key))
            if isinstance(found, Section):
                store, target = self._targets.find(found.url, want.key)
                batches.setdefault(store, []).append((i, _moved(want, target, found), found))
            else:
                yield i, _inline(want, found)
        for store, batch in batches.items():
            for at, parts in self._asked(store, [want for _, want, _ in batch], [wanted[i].key for i, _, _ in batch]):
                i, _, section = batch[at]
                yield i, _told(wanted[i], parts, section)

    def _answer(self, want: Want) -> Parts | None:
        ((_, parts),) = self.fetch([want])
        return parts

    def _asked(self, store: Store, wanted: Sequence[Want], keys: Sequence[str]) -> Iterator[tuple[int, Parts | None]]:
        """Ask a target's store, and give its errors the key that was asked for."""
        try:
            yield from store.fetch(wanted)
        except VersionChanged as error:
            raise VersionChanged(_named(error.key, wanted, keys)) from None
        except TooLarge as error:
            raise TooLarge(_named(error.key, wanted, keys), error.size) from None
        except DzarrError as error:
            key = _named(error.key, wanted, keys)
            raise StoreError(
                f"the target of a reference can't be read: {error.message}",
                key=key,
                found=f"{store.token}/{error.key}" if error.found is None else error.found,
                expected=error.expected,
                fix=error.fix,
            ) from error

    def _find(self, key: str) -> bytes | Section | None:
        known = self._known or self._look()
        found = known[1].find(key)
        if found is None:
            now = self._look()  # nothing is missing before it is known that the file is still the same
            found = None if now is known else now[1].find(key)
        return found

    def _look(self) -> tuple[Any, References]:
        known = self._known = _current(self.base, self.key, self.token)
        return known

    def head(self, key: str) -> tuple[int, Version | None] | None:
        """See `Store.head`."""
        found = self._find(check_key(key))
        if found is None:
            return None
        if isinstance(found, bytes):
            return len(found), _digest(found)
        store, target = self._targets.find(found.url, key)
        head = store.head(target)
        if head is None:
            raise _gone(key, found)
        size, version = head
        return (size if found.length is None else found.length), version

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        return self._look()[1].list(prefix)

    def list_dir(self, prefix: str) -> Iterator[str]:
        """See `Store.list_dir`."""
        return self._look()[1].list_dir(prefix)


def _moved(want: Want, target: str, section: Section) -> Want:
    """Return what is to be asked of the target."""
    if section.length is None:
        return replace(want, key=target)
    if want.most is not None and section.length > want.most and not want.ranges:
        raise TooLarge(want.key, section.length)
    spans = [resolve(span, section.length, want.key) for span in want.ranges] or [(0, section.length)]
    ranges = tuple([(section.start + start, section.start + stop) for start, stop in spans])
    return Want(target, ranges, want.version, want.lend)


def _told(want: Want, parts: Parts | None, section: Section) -> Parts:
    if parts is None:
        raise _gone(want.key, section)
    return parts if section.length is None else Parts(parts.buffers, parts.version, section.length)


def _gone(key: str, section: Section) -> StoreError:
    return StoreError("the target of a reference is gone", key=key, found=shown(section.url))


def _inline(want: Want, found: bytes | None) -> Parts | None:
    version = None if found is None else _digest(found)
    if want.version is not None and want.version != version:
        raise VersionChanged(want.key)
    if found is None:
        return None
    if want.most is not None and len(found) > want.most and not want.ranges:
        raise TooLarge(want.key, len(found))
    spans = [resolve(span, len(found), want.key) for span in want.ranges] or [(0, len(found))]
    return Parts(tuple([found[start:stop] for start, stop in spans]), version, len(found))


def _named(target: str | None, wanted: Sequence[Want], keys: Sequence[str]) -> str:
    for want, key in zip(wanted, keys, strict=True):
        if want.key == target:
            return key
    return keys[0]


def _digest(data: bytes) -> Version:
    return "=" + blake2b(data, digest_size=12).hexdigest()


_read: OrderedDict[str, tuple[Any, References]] = OrderedDict()
"""The reference files that this process read last, by token, with the state of the file."""
_MOST_READ = 8
_knowing = Lock()
_reading = KeyedLocks()


def _after_fork() -> None:
    global _knowing
    _knowing = Lock()
    _reading.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _current(base: Store, key: str, token: str) -> tuple[Any, References]:
    """Return the reference file as it is now, with its state; it is read only if it is not known already."""
    state = _state(base, key)
    known = _known(token, state)
    if known is not None:
        return known
    with _reading.hold(token, timeout=float("inf"), key=token):  # threads that ask together read it once
        known = _known(token, state)
        if known is None:
            known = state, _read_references(base, key, token)
            with _knowing:
                _read[token] = known
                _read.move_to_end(token)
                if len(_read) > _MOST_READ:
                    _read.popitem(last=False)
        return known


def _known(token: str, state: Any) -> tuple[Any, References] | None:
    with _knowing:
        known = _read.get(token)
    return known if known is not None and known[0] == state else None


def _state(base: Store, key: str) -> Any:
    metadata = f"{key}/.zmetadata" if key else ".zmetadata"
    return (base.head(key) if key else None) or base.head(metadata)


def _read_references(base: Store, key: str, token: str) -> References:
    if key:
        try:
            ((_, parts),) = base.fetch([Want(key, most=MOST_FILE)])
        except TooLarge as error:
            raise CorruptObjectError("a reference file too large to be one", key=token, found=error.size) from error
        if parts is not None:
            return JsonReferences(parse_json(parts.buffers[0], token), token)
    return TableReferences(base, key)

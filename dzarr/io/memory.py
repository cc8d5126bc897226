"""Objects in the memory of one process.

Knows: names, versions, and that no other process can see them. Must not know: arrays or files.

A named store lives as long as the process, like a folder; an unnamed one as long as somebody holds it.
Pickled into another process, or carried through a fork, a store keeps its name and refuses its first
use: a copy there would take writes that nobody sees.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from itertools import count as counter
from threading import Lock
from weakref import WeakValueDictionary

from dzarr.errors import ConflictError, StoreError
from dzarr.io.files import is_data
from dzarr.io.observe import count
from dzarr.io.ranges import resolve
from dzarr.io.store import Buffer, Capabilities, Parts, TooLarge, Version, VersionChanged, Want, check_key


class _Space:
    """What all stores of one name share."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, Version]] = {}
        self.lock = Lock()


_versions = counter(1)  # of the whole process, so that a name used again never repeats a version
_process = uuid.uuid4().hex
_named: dict[str, _Space] = {}
_unnamed: WeakValueDictionary[str, _Space] = WeakValueDictionary()
_finding = Lock()


class MemoryStore:
    """Objects in memory.

    Parameters
    ----------
    name : str, optional
        Stores of the same name share their objects. Without one, this store has its own.
        A part after a slash is a folder: ``MemoryStore("a/b")`` holds what ``b/`` of ``MemoryStore("a")`` does.

    Examples
    --------
    >>> store = MemoryStore()
    >>> first = store.set("x", [b"one", b"two"])
    >>> store.get("x") == (b"onetwo", first)
    True
    >>> store.set_if("x", [b"three"], None)
    Traceback (most recent call last):
    dzarr.errors.ConflictError: somebody else changed it first; key 'x'; found ...; expected nothing
    """

    def __init__(self, name: str | None = None) -> None:
        self.token = f"memory://{check_key(name) if name is not None else uuid.uuid4().hex}"
        self.can = Capabilities(set_if=True, list=True, versions=True, local_path=False, shared=False)
        self._process = _process
        first, _, rest = self.token.removeprefix("memory://").partition("/")
        self._below = rest + "/" if rest else ""
        self._owned: _Space | None = _find(first, named=name is not None)

    def __repr__(self) -> str:
        return f"<MemoryStore {self.token}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MemoryStore) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __reduce__(self) -> tuple[object, ...]:
        return _revive, (self.token, self._process)

    def within(self, array_path: str) -> MemoryStore:
        """Return this store: it has no temporaries."""
        return self

    def _space(self) -> _Space:
        if self._process == _process and self._owned is not None:
            return self._owned
        raise StoreError(
            "a memory store lives in one process only, and this is another one (or the store is gone)",
            key=self.token,
            fix="use a folder, which every process can open",
        )

    def _at(self, key: str) -> str:
        return self._below + check_key(key)

    # Reading

    def get(self, key: str) -> tuple[Buffer, Version] | None:
        """See `Store.get`."""
        found = self._space().objects.get(self._at(key))
        count("get", self.token, key, 1, len(found[0]) if found else 0)
        return found

    def fetch(self, wanted: Sequence[Want]) -> Iterator[tuple[int, Parts | None]]:
        """See `Store.fetch`."""
        for i, want in enumerate(wanted):
            parts = self._answer(want)
            count("fetch", self.token, want.key, 1, sum(map(len, parts.buffers)) if parts else 0)
            yield i, parts

    def _answer(self, want: Want) -> Parts | None:
        found = self._space().objects.get(self._at(want.key))
        if want.version is not None and (found is None or found[1] != want.version):
            raise VersionChanged(want.key)
        if found is None:
            return None
        data, version = found
        if want.most is not None and len(data) > want.most and not want.ranges:
            raise TooLarge(want.key, len(data))
        if not want.ranges:
            return Parts((data,), version, len(data))
        view = memoryview(data)
        spans = [resolve(wanted, len(data), want.key) for wanted in want.ranges]
        return Parts(tuple([view[start:stop] for start, stop in spans]), version, len(data))

    def head(self, key: str) -> tuple[int, Version] | None:
        """See `Store.head`."""
        found = self._space().objects.get(self._at(key))
        count("head", self.token, key, 1, 0)
        return None if found is None else (len(found[0]), found[1])

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`. What lies in ``.dzarr`` is listed only below a prefix that names it."""
        for rest in self._rests(prefix):
            if all(map(is_data, rest.split("/"))):
                yield f"{prefix.rstrip('/')}/{rest}" if prefix else rest

    def list_dir(self, prefix: str) -> Iterator[str]:
        """See `Store.list_dir`."""
        yielded = set[str]()
        for rest in self._rests(prefix):
            name, slash, _ = rest.partition("/")
            if is_data(name) and name not in yielded:
                yielded.add(name)
                yield name + slash

    def _rests(self, prefix: str) -> Iterator[str]:
        """Yield what follows the folder `prefix` in the keys of all that lies there at this moment."""
        space, folder = self._space(), prefix.rstrip("/")
        below = self._at(folder) + "/" if folder else self._below
        count("list", self.token, prefix, 1, 0)
        with space.lock:
            keys = list(space.objects)
        return (key[len(below) :] for key in keys if key.startswith(below))

    # Writing

    def set(self, key: str, parts: Sequence[Buffer]) -> Version:
        """See `Store.set`."""
        space, at = self._space(), self._at(key)
        data = _joined(key, parts)
        with space.lock:
            version = str(next(_versions))
            space.objects[at] = data, version
        count("set", self.token, key, 1, len(data))
        return version

    def set_if(self, key: str, parts: Sequence[Buffer], version: Version | None) -> Version:
        """See `Store.set_if`."""
        space, at = self._space(), self._at(key)
        data = _joined(key, parts)
        with space.lock:
            _expect(space, at, key, version)
            new = str(next(_versions))
            space.objects[at] = data, new
        count("set_if", self.token, key, 1, len(data))
        return new

    def delete(self, key: str, version: Version | None = None) -> None:
        """See `Store.delete`. An object that is gone does not have the version: ConflictError too."""
        space, at = self._space(), self._at(key)
        with space.lock:
            if version is not None:
                _expect(space, at, key, version)
            space.objects.pop(at, None)
        count("delete", self.token, key, 1, 0)

    def delete_dir(self, prefix: str) -> None:
        """Remove all that lies in the folder `prefix` ("" for all there is)."""
        space, folder = self._space(), prefix.rstrip("/")
        below = self._at(folder) + "/" if folder else self._below
        with space.lock:
            for key in [key for key in space.objects if key.startswith(below)]:
                del space.objects[key]
        count("delete", self.token, prefix, 1, 0)

    def sweep(self, array_path: str) -> int:
        """Return 0: nothing is ever left over."""
        return 0


def _joined(key: str, parts: Sequence[Buffer]) -> bytes:
    try:
        return b"".join(parts)
    except (TypeError, ValueError, BufferError) as error:
        raise StoreError("the parts of an object must be C-contiguous buffers", key=key, found=str(error)) from error


def _expect(space: _Space, at: str, key: str, version: Version | None) -> None:
    found = space.objects.get(at, (b"", None))[1]
    if found != version:
        raise ConflictError(
            "somebody else changed it first", key=key, found=found or "nothing", expected=version or "nothing"
        )


def _find(name: str, *, named: bool) -> _Space:
    with _finding:
        space = _named.get(name) or _unnamed.get(name) or _Space()
        if named:
            _named[name] = space
        else:
            _unnamed[name] = space
        return space


def _revive(token: str, process: str) -> MemoryStore:
    store = MemoryStore.__new__(MemoryStore)
    name = token.removeprefix("memory://")
    first, _, rest = name.partition("/")
    store.token, store._process, store._below = token, process, rest + "/" if rest else ""
    store.can = Capabilities(set_if=True, list=True, versions=True, local_path=False, shared=False)
    store._owned = None
    if process == _process:
        with _finding:
            store._owned = _named.get(first) or _unnamed.get(first)
    return store


def _after_fork() -> None:
    global _process, _finding
    _process = uuid.uuid4().hex
    _finding = Lock()
    _named.clear()
    _unnamed.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

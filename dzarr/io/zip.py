"""A zip archive, read in place.

Knows: entries and where their bytes lie. Must not know: arrays, or what kind of store the archive is in: it
is one object of another store, a file or something behind http, and that store counts the requests. How archives
are written is `zip_writer.py`.

A stored entry is a range of the archive, and ranges of it are ranges of the archive too. A deflated one is
inflated whole, its size and checksum compared. All is pinned to the version of the archive whose directory
was read: where it has been replaced, the directory is read again. A name that is not in the directory is
missing only if the archive is still that one.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from threading import Lock
from typing import Any

from dzarr.errors import ConflictError, CorruptObjectError, StoreError
from dzarr.io.names import Names
from dzarr.io.ranges import resolve
from dzarr.io.readonly import ReadOnly
from dzarr.io.store import (
    Buffer,
    Capabilities,
    Parts,
    Store,
    TooLarge,
    Version,
    VersionChanged,
    Want,
    check_key,
)
from dzarr.io.zip_records import HEADER_BYTES, STORED, Entry, check_entry, data_start, read_directory

MOST_INFLATED = 2048 << 20
"""Bytes of the largest deflated entry that is read, unless its reader takes less."""

_ATTEMPTS = 5
_KEPT_INFLATED = 32 << 20
_SLACK = 1 << 16  # bytes read along with an entry, rather than asking for its header first


class ZipStore(ReadOnly):
    """The entries of an archive, read-only.

    Parameters
    ----------
    base : Store
        Where the archive is.
    key : str
        The archive's key there.
    most : int
        Largest deflated entry, inflated, in bytes.

    Raises
    ------
    CorruptObjectError
        By every method, for an archive or an entry that is broken or lies.
    UnsupportedError
        For entries that are encrypted or packed otherwise than stored or deflated.
    ReadOnlyError
        By everything that writes.

    Examples
    --------
    >>> import zipfile
    >>> from dzarr.io.memory import MemoryStore
    >>> from io import BytesIO
    >>> file = BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("a/c/0", b"onetwo")
    >>> base = MemoryStore()
    >>> version = base.set("x.zip", [file.getvalue()])
    >>> store = ZipStore(base, "x.zip")
    >>> bytes(store.get("a/c/0")[0]), store.get("a/c/1")
    (b'onetwo', None)
    """

    refusal = "a finished zip archive is never changed"
    instead = "write a new one: with open_store('x.zip', mode='w') as store: ..."

    def __init__(self, base: Store, key: str, most: int = MOST_INFLATED) -> None:
        self.base, self.key, self.most = base, check_key(key), most
        place = f"{base.token.rstrip('/')}/{key}"
        self.token = f"zip://{place.removeprefix('file://')}" if place.startswith("file://") else f"zip::{place}"
        self._archive: _Archive | None = None
        self._inflated: tuple[Version, bytes] | None = None

    def __repr__(self) -> str:
        return f"<ZipStore {self.token}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZipStore) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __reduce__(self) -> tuple[Any, ...]:
        return ZipStore, (self.base, self.key, self.most)

    @property
    def can(self) -> Capabilities:
        """What an archive is able to do: be read and listed."""
        below = self.base.can
        return Capabilities(
            set_if=False,
            list=True,
            versions=below.versions,
            local_path=below.local_path,
            writable=False,
            shared=below.shared,
        )

    # Reading

    def get(self, key: str) -> tuple[Buffer, Version] | None:
        """See `Store.get`."""
        parts = self._answer(Want(key))
        return None if parts is None else (parts.buffers[0], parts.version or "")

    def fetch(self, wanted: Sequence[Want]) -> Iterator[tuple[int, Parts | None]]:
        """See `Store.fetch`."""
        for i, want in enumerate(wanted):
            yield i, self._answer(want)

    def _answer(self, want: Want) -> Parts | None:
        check_key(want.key)
        for _ in range(_ATTEMPTS):
            archive, entry = self._find(want.key)
            if entry is None:
                if want.version is not None:
                    raise VersionChanged(want.key)
                return None
            if want.version not in (None, archive.version_of(entry)):
                if archive is self._current(archive):
                    raise VersionChanged(want.key)
                continue
            try:
                return self._read(archive, entry, want)
            except VersionChanged:
                self._archive = None
                if want.version is not None:
                    raise VersionChanged(want.key) from None
        raise ConflictError(f"the archive changed {_ATTEMPTS} times while it was read", key=self.token)

    def _find(self, key: str) -> tuple[_Archive, Entry | None]:
        archive = self._archive or self._open()
        if key not in archive.entries:
            archive = self._current(archive)
        return archive, archive.entries.get(key)

    def _open(self) -> _Archive:
        archive = self._archive = _opened(self.base, self.key, self.token)
        return archive

    def _current(self, archive: _Archive) -> _Archive:
        """Return `archive` if it is still what is there, else what is."""
        head = self.base.head(self.key)
        same = archive.state is None if head is None else head == archive.state
        if not same:
            _forget(self.token)
            return self._open()
        return archive

    def _read(self, archive: _Archive, entry: Entry, want: Want) -> Parts:
        check_entry(entry)
        if want.most is not None and entry.size > want.most and not want.ranges:
            raise TooLarge(entry.name, entry.size)
        version = archive.version_of(entry)
        if entry.method == STORED:
            if want.ranges:
                buffers = self._stored_ranges(archive, entry, want)
            else:
                buffers = (_checked(entry, self._packed(archive, entry, want.lend)),)
            return Parts(buffers, version, entry.size)
        data = self._inflate(archive, entry, version)
        if not want.ranges:
            return Parts((data,), version, entry.size)
        view = memoryview(data)
        spans = [resolve(span, entry.size, entry.name) for span in want.ranges]
        return Parts(tuple([view[start:stop] for start, stop in spans]), version, entry.size)

    def _stored_ranges(self, archive: _Archive, entry: Entry, want: Want) -> tuple[Buffer, ...]:
        spans = [resolve(span, entry.size, entry.name) for span in want.ranges]
        start = archive.starts.get(entry.offset)
        if start is None:
            stop = entry.offset + HEADER_BYTES + len(entry.raw_name)
            start = archive.starts[entry.offset] = data_start(entry, self._raw(archive, (entry.offset, stop)))
        return self._raws(archive, [(start + a, start + b) for a, b in spans], want.lend)

    def _packed(self, archive: _Archive, entry: Entry, lend: bool) -> Buffer:
        """Return the bytes of the entry as they lie in the archive."""
        start = archive.starts.get(entry.offset)
        if start is not None:
            return self._raws(archive, [(start, start + entry.packed)], lend)[0]
        # Its header comes along, so that one request is enough.
        stop = min(entry.bound, entry.offset + HEADER_BYTES + len(entry.raw_name) + entry.packed + _SLACK)
        (data,) = self._raws(archive, [(entry.offset, stop)], lend)
        start = archive.starts[entry.offset] = data_start(entry, data)
        if start + entry.packed <= stop:
            return memoryview(data)[start - entry.offset : start - entry.offset + entry.packed]
        return self._raws(archive, [(start, start + entry.packed)], lend)[0]

    def _inflate(self, archive: _Archive, entry: Entry, version: Version) -> bytes:
        kept = self._inflated
        if kept is not None and kept[0] == version:
            return kept[1]
        if entry.size > self.most:
            raise StoreError(
                "a deflated zip entry that is too large",
                key=entry.name,
                found=f"{entry.size} bytes",
                expected=self.most,
            )
        packed = self._packed(archive, entry, True)
        inflater = zlib.decompressobj(-15)
        try:
            data = inflater.decompress(packed, entry.size + 1)
        except zlib.error as error:
            raise CorruptObjectError("a zip entry that can't be inflated", key=entry.name, found=str(error)) from error
        if len(data) != entry.size or not inflater.eof:
            more = "more" if len(data) > entry.size or inflater.unconsumed_tail else f"{len(data)} bytes"
            raise CorruptObjectError(
                "a zip entry that lies about its size", key=entry.name, found=more, expected=f"{entry.size} bytes"
            )
        _checked(entry, data)
        if len(data) <= _KEPT_INFLATED:
            self._inflated = version, data  # the index of a shard is asked for first, and its chunks next
        return data

    def _raw(self, archive: _Archive, span: tuple[int, int]) -> Buffer:
        return self._raws(archive, [span], False)[0]

    def _raws(self, archive: _Archive, spans: Sequence[tuple[int, int]], lend: bool) -> tuple[Buffer, ...]:
        return _raws(self.base, Want(self.key, tuple(spans), archive.pin, lend=lend), archive.nbytes)

    def head(self, key: str) -> tuple[int, Version] | None:
        """See `Store.head`. Asks whether the archive is still the one whose directory is known."""
        check_key(key)
        archive = self._current(self._archive or self._open())
        entry = archive.entries.get(key)
        return None if entry is None else (entry.size, archive.version_of(entry))

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        return self._current(self._archive or self._open()).names.list(prefix)

    def list_dir(self, prefix: str) -> Iterator[str]:
        """See `Store.list_dir`."""
        return self._current(self._archive or self._open()).names.list_dir(prefix)


class _Archive:
    """The directory of one version of an archive; an empty one where there is no archive."""

    def __init__(self, state: tuple[int, Version | None] | None, entries: dict[str, Entry]) -> None:
        self.state, self.entries = state, entries
        self.nbytes, self.pin = (0, None) if state is None else state
        self.starts: dict[int, int] = {}
        """Where data begins, by the offsets of entries whose headers were read."""

    @cached_property
    def names(self) -> Names:
        return Names(self.entries)

    def version_of(self, entry: Entry) -> Version:
        return f"{self.pin or ''}/{entry.offset:x}-{entry.crc:08x}-{entry.size:x}"


_archives: dict[str, _Archive] = {}
"""The directories of the archives that this process read last, by token."""
_MOST_ARCHIVES = 16
_reading = Lock()


def _after_fork() -> None:
    global _reading
    _reading = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _opened(base: Store, key: str, token: str) -> _Archive:
    with _reading:
        known = _archives.get(token)
    if known is not None and known.state == base.head(key):
        return known
    archive = _read_archive(base, key)
    with _reading:
        _archives.pop(token, None)
        while len(_archives) >= _MOST_ARCHIVES:
            del _archives[next(iter(_archives))]
        _archives[token] = archive
    return archive


def _forget(token: str) -> None:
    with _reading:
        _archives.pop(token, None)


def _read_archive(base: Store, key: str) -> _Archive:
    for _ in range(_ATTEMPTS):
        state = base.head(key)
        if state is None:
            return _Archive(None, {})
        size, version = state

        def read(start: int, stop: int, version: Version | None = version, size: int = size) -> Buffer:
            return _raws(base, Want(key, ((start, stop),), version), size)[0]

        try:
            return _Archive(state, read_directory(read, size, key))
        except VersionChanged:
            continue
    raise ConflictError(f"the archive changed {_ATTEMPTS} times while its directory was read", key=key)


def _raws(base: Store, want: Want, nbytes: int) -> tuple[Buffer, ...]:
    ((_, parts),) = base.fetch([want])
    if parts is None or parts.size != nbytes:  # its size is all that tells versions apart in some stores
        raise VersionChanged(want.key)
    return parts.buffers


def _checked(entry: Entry, data: Buffer) -> Buffer:
    found = zlib.crc32(data)
    if found != entry.crc:
        raise CorruptObjectError(
            "a zip entry whose checksum is wrong", key=entry.name, found=f"{found:08x}", expected=f"{entry.crc:08x}"
        )
    return data

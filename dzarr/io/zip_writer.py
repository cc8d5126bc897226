"""A new zip archive, written by one writer and finished at once.

Knows: the temporary that entries are appended to, and how it becomes the archive. Must not know: arrays. ::

    with open_store("x.zarr.zip", mode="w") as store:      temporary beside x.zarr.zip
        dzarr.store(x, store)                              entries appended, any number of threads
                                                           directory written, synced, renamed to x.zarr.zip

The ``with`` block is the life of the archive: left in peace it is finished, left by an exception it is
abandoned, and whatever was at its place before stays. `finish` and `abandon` say the same by hand. A writer
that is neither finished nor abandoned leaves nothing but, if it was killed, its temporary. Until it is finished it
is a store like any other, for this process: objects can be read, replaced and deleted (the bytes of replaced
ones stay in the archive, as a gap that nothing points to). After it, the same store reads on, and refuses writes.

An archive that exists is never appended to: a crash half way would lose the directory, and with it all of it.
"""

# Paths are strings here, as in all of io.
# ruff: noqa: PTH119, PTH120

from __future__ import annotations

import os
import time
import uuid
import weakref
import zlib
from collections.abc import Iterator, Sequence
from threading import Lock
from types import TracebackType
from typing import Any, NamedTuple, Self

from dzarr.errors import ConflictError, DzarrError, NodeExistsError, ReadOnlyError, StoreError
from dzarr.io import atomic
from dzarr.io.files import is_data, version_of
from dzarr.io.local import LocalStore
from dzarr.io.names import Names, folder_of
from dzarr.io.observe import count
from dzarr.io.ranges import resolve
from dzarr.io.store import Buffer, Capabilities, Parts, TooLarge, Version, VersionChanged, Want, check_key
from dzarr.io.zip import ZipStore
from dzarr.io.zip_records import MOST_NAME, directory_end, directory_entry, dos_time, local_header

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")


class _Placed(NamedTuple):
    """Where an object lies in the temporary."""

    offset: int
    start: int
    size: int
    crc: int
    stamp: tuple[int, int]

    @property
    def version(self) -> Version:
        return f"{self.offset:x}-{self.crc:08x}"  # no two objects have one offset


class ZipWriter:
    """Objects as stored entries of a new archive.

    Parameters
    ----------
    path : str or path
        The archive; its folder must be there.
    durability : {"none", "file", "full"}
        What the finished archive survives.
    exclusive : bool
        Finish only if nothing is at `path` then; else what is there is replaced.

    Raises
    ------
    StoreError
        By every method, for an illegal key, a write that fails, or another process than the one that made it.
    ReadOnlyError
        By writes, once it is finished or abandoned.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with ZipWriter(f"{folder.name}/x.zip") as store:
    ...     version = store.set("a/c/0", [b"one", b"two"])
    >>> import zipfile
    >>> zipfile.ZipFile(f"{folder.name}/x.zip").read("a/c/0")
    b'onetwo'
    >>> folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str], durability: str = "none", exclusive: bool = False) -> None:
        if durability not in ("none", "file", "full"):
            raise StoreError("no such durability", found=durability, expected="'none', 'file' or 'full'")
        self.path = os.path.realpath(path)
        self.durability, self.exclusive = durability, exclusive
        if exclusive and os.path.lexists(self.path):
            raise NodeExistsError("there is something already", key=self.path, fix="mode='w' replaces it")
        self.token = f"zip://{self.path}?writing={uuid.uuid4().hex}"
        self._objects: dict[str, _Placed] = {}
        self._end = 0
        self._lock = Lock()
        self._process = _process
        self._state = "open"
        self._temporary = atomic.temporary_beside(self.path)
        try:
            self._fd = os.open(self._temporary, _CREATE, 0o666)
        except OSError as error:
            raise StoreError(f"could not make an archive: {error.strerror}", key=self.path) from error
        self._closing = weakref.finalize(self, _drop, self._fd, self._temporary, _process)
        _writers[self.token] = self

    def __repr__(self) -> str:
        return f"<ZipWriter {self.path}, {self._state}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZipWriter) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._state == "finished":  # what it wrote is there for every process
            return ZipStore, (LocalStore(os.path.dirname(self.path)), os.path.basename(self.path))
        return _revive, (self.token,)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abandon()
        elif self._state == "open":
            self.finish()

    @property
    def can(self) -> Capabilities:
        """What it is able to do: everything, in the process that made it."""
        return Capabilities(
            set_if=True, list=True, versions=True, local_path=True, writable=self._state == "open", shared=False
        )

    def within(self, array_path: str) -> ZipWriter:
        """Return this store: it has no temporaries of arrays."""
        return self

    # The end

    def finish(self) -> None:
        """Write the directory and publish the archive, atomically. What is dzarr's own stays out of it.

        Raises NodeExistsError where it was to be made anew and somebody else made one meanwhile, StoreError
        where it can't be written. Either way it is not published, and can be finished again or abandoned.
        """
        self._check_here()
        with self._lock:
            self._check_open(self.path)
            try:
                self._finish()
            except DzarrError:
                raise
            except OSError as error:
                raise StoreError(
                    f"could not finish the archive: {error.strerror}", key=self.path, found=str(error)
                ) from error
            self._state = "finished"

    def _finish(self) -> None:
        placed = {key: at for key, at in self._objects.items() if all(map(is_data, key.split("/")))}
        start = self._end
        directory = b"".join(
            [directory_entry(key, at.offset, at.size, at.crc, at.stamp) for key, at in _in_order(placed)]
        )
        self._write(start, [directory, directory_end(len(placed), start, len(directory))], self.path)
        os.ftruncate(self._fd, os.lseek(self._fd, 0, os.SEEK_CUR))
        if self.durability != "none":
            os.fsync(self._fd)
        if self.exclusive:
            self._create()
        else:
            state = os.fstat(self._fd)
            atomic.replace(self._temporary, self.path, version_of(state))
        if self.durability == "full":
            atomic.sync_folder(os.path.dirname(self.path))

    def _create(self) -> None:
        made = atomic.create(self._temporary, self.path)
        if made is None:
            raise StoreError("this file system can't create a file only once", key=self.path, fix="use mode='w'")
        if not made:
            raise NodeExistsError("somebody else made it meanwhile", key=self.path, fix="use mode='w' to replace it")
        atomic.discard(self._temporary)

    def abandon(self) -> None:
        """Remove what was written. A finished archive stays."""
        if self._process != _process:  # in a forked child, where the lock may stay held for ever
            return
        with self._lock:
            if self._state == "open":
                self._state = "abandoned"
                self._objects.clear()
                self._closing()

    # Reading

    def get(self, key: str) -> tuple[Buffer, Version] | None:
        """See `Store.get`."""
        parts = self._answer(Want(key))
        count("get", self.token, key, 1, parts.size if parts else 0)
        return None if parts is None else (parts.buffers[0], parts.version or "")

    def fetch(self, wanted: Sequence[Want]) -> Iterator[tuple[int, Parts | None]]:
        """See `Store.fetch`."""
        for i, want in enumerate(wanted):
            parts = self._answer(want)
            count("fetch", self.token, want.key, 1, sum(map(len, parts.buffers)) if parts else 0)
            yield i, parts

    def _answer(self, want: Want) -> Parts | None:
        at = self._at(want.key)
        if want.version is not None and (at is None or at.version != want.version):
            raise VersionChanged(want.key)
        if at is None:
            return None
        if want.most is not None and at.size > want.most and not want.ranges:
            raise TooLarge(want.key, at.size)
        spans = [resolve(span, at.size, want.key) for span in want.ranges] if want.ranges else [(0, at.size)]
        buffers = tuple([self._bytes(want.key, at.start + start, stop - start) for start, stop in spans])
        return Parts(buffers, at.version, at.size)

    def _at(self, key: str) -> _Placed | None:
        self._check_here()
        return self._objects.get(check_key(key))

    def _bytes(self, key: str, start: int, nbytes: int) -> bytes:
        parts = []
        try:
            with self._lock:
                os.lseek(self._fd, start, os.SEEK_SET)
                while nbytes > 0:
                    parts.append(os.read(self._fd, min(nbytes, 1 << 30)))
                    if not parts[-1]:
                        raise StoreError("the unfinished archive was cut short", key=key, found=self._temporary)
                    nbytes -= len(parts[-1])
        except OSError as error:
            if isinstance(error, DzarrError):
                raise
            raise StoreError(f"could not read it: {error.strerror}", key=key, found=self._temporary) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def head(self, key: str) -> tuple[int, Version] | None:
        """See `Store.head`."""
        at = self._at(key)
        count("head", self.token, key, 1, 0)
        return None if at is None else (at.size, at.version)

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        return self._names(prefix).list(prefix)

    def list_dir(self, prefix: str) -> Iterator[str]:
        """See `Store.list_dir`."""
        return self._names(prefix).list_dir(prefix)

    def _names(self, prefix: str) -> Names:
        self._check_here()
        count("list", self.token, prefix, 1, 0)
        with self._lock:
            return Names(self._objects)

    # Writing

    def set(self, key: str, parts: Sequence[Buffer]) -> Version:
        """See `Store.set`."""
        placed = self._put(key, parts)
        count("set", self.token, key, 1, placed.size)
        return placed.version

    def set_if(self, key: str, parts: Sequence[Buffer], version: Version | None) -> Version:
        """See `Store.set_if`. Exact among the threads of this process; no other can write here."""
        placed = self._put(key, parts, version, compare=True)
        count("set_if", self.token, key, 1, placed.size)
        return placed.version

    def _put(
        self, key: str, parts: Sequence[Buffer], version: Version | None = None, *, compare: bool = False
    ) -> _Placed:
        self._check_here()
        _check_name(key)
        views = _views(key, parts)
        crc, size = 0, 0
        for view in views:
            crc, size = zlib.crc32(view, crc), size + len(view)
        stamp = dos_time(*time.localtime()[:6])
        header = local_header(key, size, crc, stamp)
        with self._lock:
            self._check_open(key)
            if compare:
                self._expect(key, version)
            placed = _Placed(self._end, self._end + len(header), size, crc, stamp)
            self._write(self._end, [header, *views], key)
            self._end += len(header) + size
            self._objects[key] = placed
        return placed

    def _write(self, at: int, parts: Sequence[Any], key: str) -> None:
        try:
            os.lseek(self._fd, at, os.SEEK_SET)
            atomic.write_parts(self._fd, parts)
        except OSError as error:
            raise StoreError(f"could not write it: {error.strerror}", key=key, found=self.path) from error

    def delete(self, key: str, version: Version | None = None) -> None:
        """See `Store.delete`. An object that is gone does not have the version: ConflictError too."""
        self._check_here()
        check_key(key)
        with self._lock:
            self._check_open(key)
            if version is not None:
                self._expect(key, version)
            self._objects.pop(key, None)
        count("delete", self.token, key, 1, 0)

    def delete_dir(self, prefix: str) -> None:
        """Remove all that lies in the folder `prefix` ("" for all there is)."""
        self._check_here()
        below = folder_of(prefix)
        with self._lock:
            self._check_open(prefix)
            for key in [key for key in self._objects if key.startswith(below)]:
                del self._objects[key]
        count("delete", self.token, prefix, 1, 0)

    def sweep(self, array_path: str) -> int:
        """Return 0: nothing is ever left over."""
        return 0

    def _expect(self, key: str, version: Version | None) -> None:
        at = self._objects.get(key)
        found = None if at is None else at.version
        if found != version:
            raise ConflictError(
                "somebody else changed it first", key=key, found=found or "nothing", expected=version or "nothing"
            )

    def _check_open(self, key: str) -> None:
        self._check_here()
        if self._state != "open":
            raise ReadOnlyError(f"the archive is {self._state}", key=key, found=self.path, fix="write a new one")

    def _check_here(self) -> None:
        if self._process != _process:
            raise StoreError(
                "an archive is written by one process, and this is another one",
                key=self.path,
                fix="write to a folder, and copy it into an archive; or use dask's threads",
            )


def _check_name(key: str) -> None:
    try:
        nbytes = len(check_key(key).encode())
    except UnicodeEncodeError as error:
        raise StoreError("a key that is no text", key=repr(key), found=str(error)) from error
    if nbytes > MOST_NAME:
        raise StoreError("a key too long for a zip archive", key=key, found=nbytes, expected=f"{MOST_NAME} bytes")


def _views(key: str, parts: Sequence[Buffer]) -> list[memoryview]:
    try:
        views = [memoryview(part) for part in parts]
        return [view.cast("B") for view in views if view.nbytes]
    except (TypeError, ValueError, BufferError) as error:
        raise StoreError("the parts of an object must be C-contiguous buffers", key=key, found=str(error)) from error


def _in_order(placed: dict[str, _Placed]) -> list[tuple[str, _Placed]]:
    """Return documents first, from the root down, then all else as it lies: what a reader looks for first."""

    def rank(item: tuple[str, _Placed]) -> tuple[bool, int, int]:
        document = item[0].rpartition("/")[2] in _DOCUMENTS
        return not document, item[0].count("/") if document else 0, item[1].offset

    return sorted(placed.items(), key=rank)


_process = uuid.uuid4().hex
_writers: weakref.WeakValueDictionary[str, ZipWriter] = weakref.WeakValueDictionary()


def _drop(fd: int, temporary: str, process: str) -> None:
    os.close(fd)
    if process == _process:  # a fork's child does not own it
        atomic.discard(temporary)


def _revive(token: str) -> ZipWriter:
    writer = _writers.get(token)
    if writer is not None:
        return writer
    raise StoreError(
        "an archive that is being written lives in one process only, and this is another one (or it is gone)",
        key=token,
        fix="finish it first, or use a folder, which every process can open",
    )


def _after_fork() -> None:
    global _process
    _process = uuid.uuid4().hex
    _writers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

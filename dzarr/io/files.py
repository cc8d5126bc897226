"""Reading one file: whole or in ranges, through one descriptor, and naming what a folder holds.

Knows: descriptors, short reads, stale handles, which names are never data. Must not know: stores or
arrays. Errors are OSError, but for a range that does not fit and a short read, which name the key.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH112, PTH114, PTH116

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from dzarr.errors import StoreError
from dzarr.io.paths import HIDDEN, OWN
from dzarr.io.ranges import resolve
from dzarr.io.scratch import lent
from dzarr.io.store import Buffer, Parts, TooLarge, VersionChanged, Want

_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})
_STALE = getattr(errno, "ESTALE", -1)
_HUGE = 32 << 20
_HAS_PREADV = hasattr(os, "preadv")


def is_absent(error: OSError, path: str) -> bool:
    """Return whether `error` says that there is no file at `path` (there may be a folder)."""
    return error.errno in _ABSENT or (isinstance(error, PermissionError) and os.path.isdir(path))


def version_of(state: os.stat_result) -> str:
    """Return the version that `state` (of a file, not of a link) stands for."""
    return f"{state.st_ino:x}-{state.st_mtime_ns:x}-{state.st_size:x}"


def answer(path: str, want: Want) -> Parts | None:
    """Return what `want` asks for, all of it from the one file that lay at `path` when it was opened.

    A file that is replaced meanwhile stays readable through its descriptor, so that the ranges never
    mix two versions. Where a network file system has dropped the file (a stale handle), it is opened anew.
    """
    for attempt in range(5):
        try:
            return _answer_once(path, want)
        except OSError as error:
            if error.errno != _STALE or attempt == 4:
                raise
    return None


def _answer_once(path: str, want: Want) -> Parts | None:
    try:
        fd = os.open(path, _READ)
    except OSError as error:
        if not is_absent(error, path):
            raise
        if want.version is not None:
            raise VersionChanged(want.key) from None
        return None
    try:
        state = os.fstat(fd)
        version = version_of(state)
        if want.version is not None and want.version != version:
            raise VersionChanged(want.key)
        if not stat.S_ISREG(state.st_mode):
            _must_be_folder(state, want.key)
            return None
        size = state.st_size
        if want.most is not None and size > want.most and not want.ranges:
            raise TooLarge(want.key, size)
        if want.lend and _HAS_PREADV:
            return Parts(_read_lent(fd, want, size), version, size)
        if not want.ranges:
            return Parts((_read(fd, 0, size, want.key),), version, size)
        buffers = []
        for start, stop in want.ranges:
            if stop is None or not 0 <= start <= stop <= size:
                start, stop = resolve((start, stop), size, want.key)
            buffers.append(_read(fd, start, stop - start, want.key))
        return Parts(tuple(buffers), version, size)
    finally:
        os.close(fd)


def _must_be_folder(state: os.stat_result, key: str) -> None:
    if not stat.S_ISDIR(state.st_mode):
        raise StoreError("neither a file nor a folder", key=key, found=stat.filemode(state.st_mode))


def _read_lent(fd: int, want: Want, size: int) -> tuple[Buffer, ...]:
    """Read the ranges (or all) side by side into memory that this thread reads into again and again."""
    spans = [resolve(span, size, want.key) for span in want.ranges] if want.ranges else [(0, size)]
    memory = lent(sum([stop - start for start, stop in spans]))
    buffers = []
    at = 0
    for start, stop in spans:
        view = memory[at : at + stop - start]
        at += stop - start
        done = os.preadv(fd, [view], start) if stop > start else 0
        buffers.append(view if done == stop - start else _read_rest(fd, view, start, done, want.key))
    return tuple(buffers)


def _read_rest(fd: int, view: memoryview, start: int, done: int, key: str) -> memoryview:
    """Go on reading into `view` from `done` on; one call gives 2 GiB at most, and fewer bytes if interrupted."""
    while done < len(view):
        got = os.preadv(fd, [view[done : done + (1 << 30)]], start + done)
        if not got:
            break
        done += got
    _checked(view[:done], len(view), key)
    return view


def _read(fd: int, start: int, count: int, key: str) -> Buffer:
    if not hasattr(os, "pread"):
        os.lseek(fd, start, os.SEEK_SET)
        return _checked(os.read(fd, count), count, key)
    if count < _HUGE:
        # bytes are filled without being zeroed first, and beat every other way up to this size.
        data = os.pread(fd, count, start)
        if len(data) == count:
            return data
    return _read_into(fd, start, count, key)


def _read_into(fd: int, start: int, count: int, key: str) -> Buffer:
    # numpy asks for huge pages, which makes fresh memory of this size 2.5 times as quick to fill.
    return _read_rest(fd, np.empty(count, np.uint8).data, start, 0, key)


def _checked(data: Buffer, count: int, key: str) -> Buffer:
    if len(data) != count:
        raise StoreError("the file ended early: it was cut short in place", key=key, found=len(data), expected=count)
    return data


def is_data(name: str) -> bool:
    """Return whether a name in a folder may be data, not a temporary or dzarr's own."""
    return not name.startswith(HIDDEN) and name != OWN


def names(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is a folder) of what lies directly in `folder`; nothing where there is none."""
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if is_data(entry.name):
                yield entry.name, entry.is_dir()


def walk(folder: str) -> Iterator[str]:
    """Yield the paths, relative to `folder`, of all files below it. A linked folder is entered once."""
    waiting, linked = [""], set[tuple[int, int]]()
    while waiting:
        inner = waiting.pop()
        for name, is_folder in names(f"{folder}/{inner}"):
            if not is_folder:
                yield inner + name
            elif _is_new(f"{folder}/{inner}{name}", linked):
                waiting.append(f"{inner}{name}/")


def _is_new(path: str, linked: set[tuple[int, int]]) -> bool:
    if os.path.islink(path):  # may lead to a folder above, and so round for ever
        with suppress(OSError):
            state = os.stat(path)
            known = (state.st_dev, state.st_ino) in linked
            linked.add((state.st_dev, state.st_ino))
            return not known
    return True

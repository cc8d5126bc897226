"""A folder as a store.

Knows: where a key lies, what may be written there, and which step of the write protocol follows
which. Must not know: arrays. How a file is published is `publish.py`, how it is read is `files.py`.

    set      temporary -> rename                                     no lock; the last one wins
    set_if   temporary -> link                    (create only)      the file system lets one win
    set_if   temporary -> lock folder -> same version? -> rename     (compare and swap)

An unconditional `set` or `delete` takes no lock: beside a conditional one, on the same key, it wins or
loses by luck. That is for sole owners.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH108, PTH112, PTH116, PTH120

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dzarr.errors import ConflictError, DzarrError, ReadOnlyError, StoreError
from dzarr.io import files, leftovers, observe
from dzarr.io.files import version_of
from dzarr.io.observe import count
from dzarr.io.paths import Paths
from dzarr.io.publish import Publisher
from dzarr.io.store import Buffer, Capabilities, Parts, Version, Want, check_key


class LocalStore:
    """Objects as files below the folder `root`.

    Parameters
    ----------
    root : str or path
        The folder. It need not be there before the first write.
    durability : {"none", "file", "full"}
        What a write survives, once it returned: the death of the process; of the machine, for a file
        that was there before; of the machine.
    read_only : bool
        Refuse every write with ReadOnlyError.

    Raises
    ------
    StoreError
        By every method, for a key that is illegal or an operation that fails.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = LocalStore(folder.name)
    >>> version = store.set("a/c/0", [b"one", b"two"])
    >>> bytes(store.get("a/c/0")[0]), store.get("a/c/1")
    (b'onetwo', None)
    >>> list(store.list("")), list(store.list_dir("a"))
    (['a/c/0'], ['c/'])
    >>> folder.cleanup()
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        durability: str = "none",
        read_only: bool = False,
        _array: str | None = None,
    ) -> None:
        if durability not in ("none", "file", "full"):
            raise StoreError("no such durability", found=durability, expected="'none', 'file' or 'full'")
        self._paths = Paths(root)
        self.path = self._paths.root
        """The folder, absolute, links resolved."""
        self._read_only = read_only
        self._publisher = Publisher(self._paths, durability, _array)
        self.token = "file://" + ("" if self.path.startswith("/") else "/") + Path(self.path).as_posix()
        self.can = Capabilities(set_if=True, list=True, versions=True, local_path=True, writable=not read_only)

    def __repr__(self) -> str:
        return f"LocalStore({self.path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalStore) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __reduce__(self) -> tuple[Any, ...]:
        return LocalStore, (self.path, self._publisher.durability, self._read_only, self._publisher.array)

    def within(self, array_path: str) -> LocalStore:
        """Return the same store, that keeps the temporaries of keys below `array_path` in that array's folder.

        Without it they lie beside their target for a moment, which is right for the documents of groups.
        """
        store = LocalStore.__new__(LocalStore)
        store.__dict__.update(self.__dict__)
        array = check_key(array_path) + "/" if array_path else ""
        store._publisher = Publisher(self._paths, self._publisher.durability, array)
        return store

    def lasting(self, durability: str) -> LocalStore:
        """Return the same store, whose writes survive what `durability` says."""
        return LocalStore(self.path, durability, self._read_only, self._publisher.array)

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
            if observe.observers or observe.log.isEnabledFor(logging.DEBUG):
                count("fetch", self.token, want.key, 1, sum(map(len, parts.buffers)) if parts else 0)
            yield i, parts

    def _answer(self, want: Want) -> Parts | None:
        # The shortest way, as every small read comes by here.
        place = self._paths.known.get(want.key) or self._paths.of(want.key)
        try:
            return files.answer(place, want)
        except MemoryError as error:
            raise StoreError("an object too large for this machine's memory", key=want.key) from error
        except (OSError, UnicodeError) as error:
            if isinstance(error, DzarrError):
                raise
            raise self._trouble(want.key, "read", error) from error

    def head(self, key: str) -> tuple[int, Version] | None:
        """See `Store.head`."""
        place = self._paths.of(key)
        count("head", self.token, key, 1, 0)
        with self._naming(key, "read"):
            try:
                state = os.stat(place)
            except OSError as error:
                if files.is_absent(error, place):
                    return None
                raise
        return None if stat.S_ISDIR(state.st_mode) else (state.st_size, version_of(state))

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`. What lies in ``.dzarr`` is listed only below a prefix that names it."""
        folder, keys = self._paths.folder(prefix)
        count("list", self.token, prefix, 1, 0)
        with self._naming(prefix, "list"):
            for name in files.walk(folder):
                yield keys + name.replace(os.sep, "/")

    def list_dir(self, prefix: str) -> Iterator[str]:
        """See `Store.list_dir`."""
        folder, _ = self._paths.folder(prefix)
        count("list", self.token, prefix, 1, 0)
        with self._naming(prefix, "list"):
            for name, is_folder in files.names(folder):
                yield name + "/" if is_folder else name

    # Writing

    def set(self, key: str, parts: Sequence[Buffer]) -> Version:
        """See `Store.set`."""
        place = self._paths.of(key)
        with self._naming(key, "write"):
            self._admit(os.path.dirname(place), key)
            with self._publisher.finished(key, place, parts) as done:
                self._publisher.replace(done, place)
        count("set", self.token, key, 1, done.size)
        return done.version

    def set_if(self, key: str, parts: Sequence[Buffer], version: Version | None) -> Version:
        """See `Store.set_if`. Exact among threads, processes, and machines that share the folder."""
        place = self._paths.of(key)
        with self._naming(key, "write"):
            self._admit(os.path.dirname(place), key)
            self._expect(key, place, version)  # before anything is written; and again when it counts
            with self._publisher.finished(key, place, parts) as done:
                if version is not None:
                    with self._publisher.exclusive(place, key) as held:
                        self._expect(key, place, version)
                        held.check()
                        self._publisher.replace(done, place)
                elif not self._publisher.create(key, done, place):
                    raise ConflictError("somebody else created it first", key=key, expected="nothing there")
        count("set_if", self.token, key, 1, done.size)
        return done.version

    def delete(self, key: str, version: Version | None = None) -> None:
        """See `Store.delete`. An object that is gone does not have the version: ConflictError too."""
        place = self._paths.of(key)
        count("delete", self.token, key, 1, 0)
        with self._naming(key, "delete"):
            self._admit(os.path.dirname(place), key)
            if version is None:
                self._unlink(place)
                return
            self._expect(key, place, version)
            with self._publisher.exclusive(place, key) as held:
                self._expect(key, place, version)
                held.check()
                self._unlink(place)

    def delete_dir(self, prefix: str) -> None:
        """Remove the folder `prefix` with all it holds ("" for all there is)."""
        folder, _ = self._paths.folder(prefix)
        count("delete", self.token, prefix, 1, 0)
        with self._naming(prefix, "delete"):
            self._admit(os.path.dirname(folder) if prefix else folder, prefix)
            for doomed in [folder] if prefix else leftovers.everything_in(folder):
                if os.path.isdir(doomed):
                    leftovers.remove_folder(doomed)
                elif not prefix:
                    self._unlink(doomed)

    def sweep(self, array_path: str) -> int:
        """Remove what dead writers left in the folder of an array or group; return how many things."""
        folder, _ = self._paths.folder(array_path)
        with self._naming(array_path, "sweep"):
            self._admit(folder, array_path)
            return leftovers.sweep(folder)

    def leftovers(self, array_path: str) -> Sequence[tuple[str, bool]]:
        """Return the keys of temporaries in the folder of an array or group, each with whether its writer is gone."""
        folder, keys = self._paths.folder(array_path)
        with self._naming(array_path, "list"):
            found = leftovers.temporaries(folder)
        return [(keys + path[len(folder) + 1 :].replace(os.sep, "/"), dead) for path, dead in found]

    def _expect(self, key: str, place: str, version: Version | None) -> None:
        try:
            state = os.stat(place)
            found = version_of(state)
        except (FileNotFoundError, NotADirectoryError):
            found = None
        if found != version:
            raise ConflictError(
                "somebody else changed it first", key=key, found=found or "nothing", expected=version or "nothing"
            )

    def _unlink(self, place: str) -> None:
        try:
            os.unlink(place)
        except OSError as error:
            if not files.is_absent(error, place):
                raise
            return
        if self._publisher.durability == "full":
            self._publisher.sync(os.path.dirname(place))

    def _admit(self, folder: str, key: str) -> None:
        if self._read_only:
            raise ReadOnlyError("the store was opened for reading", key=key, fix="open it with mode='r+'")
        self._paths.admit(folder, key)

    @contextmanager
    def _naming(self, key: str, verb: str) -> Iterator[None]:
        try:
            yield
        except DzarrError:
            raise
        except (OSError, UnicodeError) as error:
            raise self._trouble(key, verb, error) from error

    def _trouble(self, key: str, verb: str, error: OSError | UnicodeError) -> StoreError:
        if isinstance(error, UnicodeError):
            return StoreError("a key that can't be a file name", key=key, found=str(error))
        return StoreError(f"could not {verb} it: {error.strerror or error}", key=key, found=self.path)

"""From parts to a published file: the order of the steps, and the folders they need.

Knows: where a temporary goes, when folders are made and synced, who may publish at a time. Must not
know: the store's interface, versions that somebody expects, or arrays.

Temporaries lie in an array's own folder where the array is known, because foreign readers of a
*group's* folder warn of every name that they don't know; else they are hidden beside their target
for a moment. Either way on the same file system, so that a rename is legal.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH120

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dzarr.errors import StoreError
from dzarr.io import atomic
from dzarr.io.keyed import in_process
from dzarr.io.paths import TEMPORARIES, Paths
from dzarr.io.store import Buffer, Version
from dzarr.io.stripes import Held, lock_directory

_WAIT = 60.0  # for a lock that is held while one file is renamed


@dataclass(frozen=True, slots=True)
class Finished:
    """A file that is complete and not published yet."""

    path: str
    version: Version
    size: int


class Publisher:
    """Writes and publishes files below one root.

    Parameters
    ----------
    paths : Paths
        The root.
    durability : {"none", "file", "full"}
        What a published file survives.
    array : str or None
        Keys that begin so have their temporaries in that folder's ``.dzarr/tmp``.
    """

    def __init__(self, paths: Paths, durability: str, array: str | None) -> None:
        self.paths = paths
        self.durability = durability
        self.array = array
        self._synced: set[str] = set()

    @contextmanager
    def finished(self, key: str, place: str, parts: Sequence[Buffer]) -> Iterator[Finished]:
        """Write `parts` to a temporary and yield it; it is removed unless it gets published."""
        temporary = self._temporary(key, place)
        version, size = self._write(key, temporary, parts)
        try:
            yield Finished(temporary, version, size)
        except BaseException:
            atomic.discard(temporary)
            raise

    def _temporary(self, key: str, place: str) -> str:
        if self.array is None or not key.startswith(self.array):
            return atomic.temporary_beside(place)
        folder = f"{self.paths.root}/{self.array}{TEMPORARIES}"
        self.paths.admit(folder, key)
        return atomic.temporary_in(folder)

    def _write(self, key: str, temporary: str, parts: Sequence[Buffer]) -> tuple[Version, int]:
        sync = self.durability != "none"
        try:
            try:
                return atomic.write(temporary, parts, sync=sync)
            except FileNotFoundError:  # folders are made when they are missed, never asked for
                self._make_folders(os.path.dirname(temporary))
                return atomic.write(temporary, parts, sync=sync)
        except UnicodeError:
            raise
        except (TypeError, ValueError, BufferError) as error:
            raise StoreError("parts that are no contiguous buffers", key=key, found=str(error)) from error

    def replace(self, done: Finished, place: str) -> None:
        """Publish as `place`, in place of what may be there."""
        self._publish(lambda: atomic.replace(done.path, place, done.version), place)

    def create(self, key: str, done: Finished, place: str) -> bool:
        """Publish as `place` if nothing is there; False if something is."""
        created = self._publish(lambda: atomic.create(done.path, place), place)
        if created is None:  # no links on this file system
            self._make_folders(os.path.dirname(place))
            with self.exclusive(place, key) as held:
                if os.path.lexists(place):
                    return False
                held.check()
                self.replace(done, place)
        elif created:
            atomic.discard(done.path)  # the second name that the link left
        return created is not False

    def _publish(self, act: Callable[[], bool | None], place: str) -> bool | None:
        folder = os.path.dirname(place)
        try:
            done = act()
        except FileNotFoundError:
            self._make_folders(folder)
            done = act()
        if done and self.durability == "full":
            self.sync(folder)
        return done

    def _make_folders(self, folder: str) -> None:
        atomic.make_folders(folder, sync=self.durability == "full")

    def sync(self, folder: str) -> None:
        """Make the names in `folder` survive the machine, and the folders above it up to the root."""
        for above in self.paths.above(folder)[1:]:
            # They may have been made by a process that has not synced them yet; once is enough.
            if above not in self._synced:
                atomic.sync_folder(above)
                self._synced.add(above)
        atomic.sync_folder(folder)

    @contextmanager
    def exclusive(self, place: str, key: str) -> Iterator[Held]:
        """Be the only one, among all processes, that publishes in the folder of `place` by comparing versions."""
        folder = os.path.dirname(place)
        with in_process.hold(folder, timeout=_WAIT, key=key) as left:
            with lock_directory(folder, key=key, timeout=left, lease=_WAIT) as held:
                yield held

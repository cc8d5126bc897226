"""What every store can do, and the words of its answers.

Knows: the protocol. Must not know: arrays, chunks, or any one store. A missing key is ``None``; any
other trouble is an exception that names the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from dzarr.errors import StoreError

Buffer: TypeAlias = "bytes | bytearray | memoryview"
"""Bytes as they travel. Anything else that exports a contiguous buffer (a numpy array) is accepted by
``set`` too, and never by code that indexes into the bytes."""

Version: TypeAlias = str
"""An opaque name for one state of an object. Two different contents never share one."""

ByteRange: TypeAlias = "tuple[int, int | None]"
"""``(start, stop)``; ``(start, None)`` to the end; ``(-n, None)`` for the last n bytes."""


class VersionChanged(Exception):
    """The object no longer has the version that was asked for: start it over."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class TooLarge(Exception):
    """The object has more bytes than its reader would take: nothing was read."""

    def __init__(self, key: str, size: int) -> None:
        super().__init__(key, size)
        self.key = key
        self.size = size


@dataclass(frozen=True)
class Want:
    """One object, or ranges of it. No ranges means the whole. A version pins what may be answered.

    ``lend`` says that the asking thread is done with the answer before it asks this store for anything
    else, so that the store may answer in memory that it uses again. A store need not. An object of more
    than ``most`` bytes that is wanted whole is not read: TooLarge. What a store holds may be a lie (a file
    with a hole of a terabyte), and is not to be believed with memory.
    """

    key: str
    ranges: tuple[ByteRange, ...] = ()
    version: Version | None = None
    lend: bool = False
    most: int | None = None


@dataclass(frozen=True)
class Parts:
    """The answer to a Want: a buffer for each range (one, if there were none), all of one version."""

    buffers: tuple[Buffer, ...]
    version: Version | None
    size: int


@dataclass(frozen=True)
class Capabilities:
    """What a store is able to do, found out at its first use."""

    set_if: bool
    """Whether `set_if` is exact, whoever else writes."""
    list: bool
    versions: bool
    local_path: bool
    writable: bool = True
    shared: bool = True
    """Whether another process that opens the same token sees the same objects."""


class Store(Protocol):
    """Bytes by key. Keys are ``/``-separated, relative, without ``.`` or ``..`` segments."""

    @property
    def token(self) -> str:
        """Equal stores have equal tokens on every machine; it holds no credentials."""

    @property
    def can(self) -> Capabilities:
        """What this store is able to do."""

    def get(self, key: str) -> tuple[Buffer, Version] | None:
        """Return the whole object and its version, or None where there is none.

        This is how documents are read, so there is always a version: a digest, if nothing better.
        """

    def fetch(self, wanted: Sequence[Want]) -> Iterator[tuple[int, Parts | None]]:
        """Answer each want as it comes in, as (its position in `wanted`, parts or None).

        Raises VersionChanged where a pinned version is gone (also where the object is), StoreError
        for a range that lies beyond the object's end.
        """

    def set(self, key: str, parts: Sequence[Buffer]) -> Version:
        """Replace the object by the concatenation of `parts`, atomically: old or new, never half."""

    def set_if(self, key: str, parts: Sequence[Buffer], version: Version | None) -> Version:
        """As `set`, if the object has still this version (None: if there is none). ConflictError.

        Where ``can.set_if`` is False it looks first and writes then, which is right for one writer only.
        """

    def delete(self, key: str, version: Version | None = None) -> None:
        """Remove the object if it is there (and has this version, if one is given: ConflictError)."""

    def head(self, key: str) -> tuple[int, Version | None] | None:
        """Return the object's size and version, or None. The version is None where the store can't tell it.

        It can be compared with what `fetch` says of the whole object; of ranges, `fetch` may say None instead
        where ``can.versions`` is False.
        """

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys of all objects below the folder `prefix` ("" for all), in no order."""

    def list_dir(self, prefix: str) -> Iterator[str]:
        """Yield the names directly below the folder `prefix`; folders end with ``/``."""


def key_in(folder: str, name: str) -> str:
    """Return the key of `name` in `folder`, "" for the root.

    Examples
    --------
    >>> key_in("a/b", "zarr.json"), key_in("", "zarr.json")
    ('a/b/zarr.json', 'zarr.json')
    """
    return f"{folder}/{name}" if folder and name else folder or name


def check_key(key: str) -> str:
    """Return `key` if it can't leave the store's root, else raise StoreError.

    Examples
    --------
    >>> check_key("a/c/0")
    'a/c/0'
    """
    if key and not key.startswith("/") and "\\" not in key and "\0" not in key:
        if all(part not in ("", ".", "..") for part in key.split("/")):
            return key
    raise StoreError(
        "illegal key",
        key=key,
        expected="a relative path of non-empty segments, none of them '.' or '..'",
    )

"""How a remote store's requests are made by one of fsspec's file systems.

Knows: fsspec's public calls, and which of their exceptions mean "not there". Must not know: versions, arrays,
what a wanted range is for. One transport per kind of service; this is the one for every scheme that has none of
its own (`http.py` has one). fsspec's calls give no etag along with the data, so there is none here: `Answer.tag`
is None.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from dzarr.errors import StoreError, UnsupportedError
from dzarr.io.ranges import resolve
from dzarr.io.store import Buffer, ByteRange, TooLarge
from dzarr.io.waiting import Policy

ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
"""What file systems raise for a name that is no object: a folder, or something below an object."""

_EXTRAS = {"s3": "pip install 'dzarr[s3]'", "s3a": "pip install 'dzarr[s3]'"}


@dataclass(frozen=True)
class Answer:
    """The bytes that were asked for, the object's size, and a tag that only this state of it has (or None)."""

    buffers: tuple[Buffer, ...]
    size: int
    tag: str | None


class Transport(Protocol):
    """What `RemoteStore` asks for. Coroutines run on fsspec's loop. None means that there is no such object."""

    can_list: ClassVar[bool]
    writable: ClassVar[bool]

    async def whole(self, key: str, most: int | None) -> Answer | None:
        """Return the whole object. Raises TooLarge, before it is read, if it has more than `most` bytes."""

    async def parts(self, key: str, ranges: Sequence[ByteRange]) -> Answer | None:
        """Return ranges of the object. Raises StoreError for one that lies outside."""

    async def head(self, key: str) -> tuple[int, str | None] | None:
        """Return the object's size and tag."""

    async def put(self, key: str, data: bytes) -> str | None:
        """Replace the object, and return its tag."""

    async def remove(self, key: str) -> None:
        """Remove the object if it is there."""

    async def find(self, folder: str) -> list[str]:
        """Return the keys of all objects below the folder ("" for all)."""

    async def names(self, folder: str) -> list[tuple[str, bool]]:
        """Return (name, whether it is a folder) of what is directly in the folder."""


class FsspecTransport:
    """Requests by a file system of fsspec.

    Parameters
    ----------
    url : str
        The root of the store.
    options : mapping
        What the file system takes.
    policy : Policy
        `missing_status` and `timeout` are used.

    Raises
    ------
    UnsupportedError
        For a scheme that fsspec doesn't know, or whose package is not installed.
    StoreError
        Where the file system can't be made.
    """

    can_list: ClassVar[bool] = True
    writable: ClassVar[bool] = True

    def __init__(self, url: str, options: Mapping[str, Any], policy: Policy) -> None:
        self.policy = policy
        self._fs, self._root = file_system(url, options)

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}" if key else self._root

    async def whole(self, key: str, most: int | None) -> Answer | None:
        """See `Transport.whole`."""
        limit = {} if most is None else {"start": 0, "end": most + 1}  # in one request, and no byte too many
        try:
            data = await self._fs._cat_file(self._path(key), **limit)
        except Exception as error:
            if self._is_absent(error):
                return None
            head = await self.head(key) if most is not None else None
            if head is None or head[0]:
                raise
            data = b""  # of which there is no range
        if most is not None and len(data) > most:
            head = await self.head(key)
            raise TooLarge(key, len(data) if head is None else head[0])
        return Answer((data,), len(data), None)

    async def parts(self, key: str, ranges: Sequence[ByteRange]) -> Answer | None:
        """See `Transport.parts`. The size is asked for along with the ranges, or before, if it is needed."""
        if any(stop is None for _, stop in ranges):
            head = await self.head(key)
            if head is None:
                return None
            spans = [resolve(span, head[0], key) for span in ranges]
            buffers = await self._spans(key, spans)
        else:
            plain = [(start, stop) for start, stop in ranges if stop is not None and 0 <= start < stop]
            size, got = await asyncio.gather(self.head(key), self._spans(key, plain), return_exceptions=True)
            if isinstance(size, BaseException):
                raise size
            head = size
            if head is None:
                return None
            spans = [resolve(span, head[0], key) for span in ranges]  # says what is wrong, before a short read does
            if isinstance(got, BaseException):
                raise got
            found = iter(got or ())
            buffers = None if got is None else [b"" if start == stop else next(found) for start, stop in spans]
        if buffers is None:
            return None
        for (start, stop), data in zip(spans, buffers, strict=True):
            if len(data) != stop - start:
                raise StoreError("a range was cut short", key=key, found=len(data), expected=stop - start)
        return Answer(tuple(buffers), head[0], None)

    async def _spans(self, key: str, spans: Sequence[tuple[int, int]]) -> list[bytes] | None:
        path = self._path(key)

        async def one(start: int, stop: int) -> bytes:
            return b"" if start == stop else await self._fs._cat_file(path, start=start, end=stop)

        try:
            return await asyncio.gather(*[one(start, stop) for start, stop in spans])
        except Exception as error:  # noqa: BLE001  # file systems raise what they like
            self._check_absent(error)
            return None

    async def head(self, key: str) -> tuple[int, str | None] | None:
        """See `Transport.head`."""
        path = self._path(key)
        try:
            info = await self._fs._info(path)
        except Exception as error:  # noqa: BLE001  # file systems raise what they like
            self._check_absent(error)
            return None
        if info.get("type") == "directory":
            return None
        size = info.get("size")
        if not isinstance(size, int):
            raise StoreError("the file system does not tell sizes", key=key, found=size)
        return size, None

    async def put(self, key: str, data: bytes) -> str | None:
        """See `Transport.put`. Atomic where the service's own upload is: object stores, not ftp."""
        path = self._path(key)
        try:
            await self._fs._pipe_file(path, data)
        except FileNotFoundError:  # folders are made when they are missed
            await self._fs._makedirs(path.rpartition("/")[0], exist_ok=True)
            await self._fs._pipe_file(path, data)
        return None

    async def remove(self, key: str) -> None:
        """See `Transport.remove`."""
        with suppress(*ABSENT):
            await self._fs._rm_file(self._path(key))

    async def find(self, folder: str) -> list[str]:
        """See `Transport.find`."""
        path = self._path(folder)
        try:
            found = await self._fs._find(path)
        except Exception as error:  # noqa: BLE001  # file systems raise what they like
            self._check_absent(error)
            return []
        return self._keys(found)

    async def names(self, folder: str) -> list[tuple[str, bool]]:
        """See `Transport.names`."""
        path = self._path(folder)
        try:
            infos = await self._fs._ls(path, detail=True)
        except Exception as error:  # noqa: BLE001  # file systems raise what they like
            self._check_absent(error)
            return []
        below = f"{folder}/" if folder else ""
        return [
            (key[len(below) :].rstrip("/"), info["type"] == "directory")
            for info in infos
            for key in self._keys([info["name"]])
            if key.startswith(below) and key != below  # a file that is listed as a folder gives itself
        ]

    def _keys(self, paths: Sequence[str]) -> list[str]:
        below = self._root.rstrip("/") + "/"
        return [path[len(below) :] for path in paths if path.startswith(below) and len(path) > len(below)]

    def _check_absent(self, error: Exception) -> None:
        """Raise an exception that does not say "not there"."""
        if not self._is_absent(error):
            raise error

    def _is_absent(self, error: Exception) -> bool:
        return isinstance(error, ABSENT) or status_of(error) in self.policy.missing_status


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an exception of any file system, as far as it tells.

    Examples
    --------
    >>> status_of(PermissionError("denied")), status_of(ValueError()) is None
    (403, True)
    """
    seen: BaseException | None = error
    while seen is not None:
        for name in ("status", "code", "status_code"):
            value = getattr(seen, name, None)
            if isinstance(value, int) and 100 <= value < 600:
                return value
        answer = getattr(seen, "response", None)  # botocore's
        if isinstance(answer, dict):
            value = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if isinstance(value, int):
                return value
        seen = seen.__cause__
    return 403 if isinstance(error, PermissionError) else None


_systems: dict[tuple[int, str, str], Any] = {}


def file_system(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """Return (file system, path in it) of a url; listings are never cached. Raises UnsupportedError, StoreError."""
    import fsspec
    from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

    scheme = url.partition("://")[0]
    try:
        cls = fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        fix = _EXTRAS.get(scheme, str(error))
        raise UnsupportedError(f"the package that speaks {scheme}:// is not installed", fix=fix) from error
    except ValueError as error:
        raise UnsupportedError(f"no store for {scheme}://", fix="a scheme that fsspec knows") from error
    given = {**cls._get_kwargs_from_urls(url), **options}
    place = os.getpid(), scheme, repr(sorted(given.items(), key=str))
    fs = _systems.get(place)
    if fs is None:
        fs = cls(**given, skip_instance_cache=True)
        if hasattr(fs, "dircache"):
            fs.dircache.use_listings_cache = False
        if not fs.async_impl:
            # Such file systems need not bear several threads: one request at a time.
            fs = AsyncFileSystemWrapper(fs, asynchronous=False, semaphore=asyncio.Semaphore(1))
        if len(_systems) >= 32:
            _systems.clear()
        _systems[place] = fs
    return fs, fs._strip_protocol(url)

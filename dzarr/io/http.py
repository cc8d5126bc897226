"""How a remote store's requests are made over plain http.

Knows: RFC 9110: ranges (14), etags (8.8.3), statuses (15), and what a server may do with a range: serve it (206),
serve all (200), refuse it (416). Must not know: versions, arrays. fsspec's http file system lends its session and
its options (headers, authentication), and is asked for nothing else: it takes any failure of a HEAD for "not there".

A strong etag of an answer is its tag; a weak one is none, because it may stand for two contents. Ranges that come
with different etags are of different states, and nothing is made of them. A server that knows no ranges sends all,
which is cut here. One that lies (another range than it says, fewer bytes than it promised) is an error.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from dzarr.errors import ReadOnlyError, StoreError, UnsupportedError
from dzarr.io.ranges import resolve
from dzarr.io.store import Buffer, ByteRange, TooLarge, VersionChanged
from dzarr.io.transport import Answer, file_system
from dzarr.io.waiting import Policy

T = TypeVar("T")

MOST_UNRANGED = 2048 << 20
"""Bytes of the largest object that is read whole because the server knows no ranges."""

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Again(Exception):
    """The request failed in a way that may pass."""


class HttpTransport:
    """Requests over http. See `Transport` for its methods.

    Parameters
    ----------
    url : str
        The root of the store. What follows a ``?`` (a signature) is put behind the url of every object.
    options : mapping
        What fsspec's http file system takes: ``headers``, ``client_kwargs``...
    policy : Policy
        How requests are tried.
    """

    can_list: ClassVar[bool] = False
    writable: ClassVar[bool] = False

    def __init__(self, url: str, options: Mapping[str, Any], policy: Policy) -> None:
        parts = urlsplit(url)
        if not parts.hostname or parts.fragment:
            raise StoreError("not a url of a folder", found=f"{parts.scheme}://...", expected="https://host/path")
        self.policy = policy
        self._fs, _ = file_system(f"{parts.scheme}://", options)
        path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")  # what is quoted already stays
        self._root = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        self._query = f"?{parts.query}" if parts.query else ""

    async def whole(self, key: str, most: int | None) -> Answer | None:
        """See `Transport.whole`."""

        async def take(response: Any) -> Answer:
            if response.status != 200:
                _refused(response, key)
            data = await _body(response, key, most)
            return Answer((data,), len(data), _tag(response))

        return await self._ask("GET", key, {}, take)

    async def parts(self, key: str, ranges: Sequence[ByteRange]) -> Answer | None:
        """See `Transport.parts`. Each range is a request of its own; all must be of one state."""
        answers = await asyncio.gather(*[self._part(key, wanted) for wanted in ranges])
        found = [answer for answer in answers if answer is not None]
        if len(found) < len(answers):
            if found:
                raise VersionChanged(key)
            return None
        first = found[0]
        if any((other.tag, other.size) != (first.tag, first.size) for other in found):
            raise VersionChanged(key)
        return Answer(tuple([answer.buffers[0] for answer in found]), first.size, first.tag)

    async def _part(self, key: str, wanted: ByteRange) -> Answer | None:
        start, stop = wanted
        if stop is not None and not 0 <= start < stop:
            head = await self.head(key)  # no such range can be asked for
            if head is None:
                return None
            resolve(wanted, head[0], key)
            return Answer((b"",), *head)
        asked = f"bytes={start}" if start < 0 else f"bytes={start}-{'' if stop is None else stop - 1}"

        async def take(response: Any) -> Answer:
            return await _cut(response, key, wanted)

        return await self._ask("GET", key, {"Range": asked}, take)

    async def head(self, key: str) -> tuple[int, str | None] | None:
        """See `Transport.head`."""

        async def take(response: Any) -> tuple[int, str | None] | None:
            size = response.headers.get("Content-Length", "")
            if response.status in (405, 501) or not size.isdigit() or "Content-Encoding" in response.headers:
                return None
            if response.status != 200:
                _refused(response, key)
            return int(size), _tag(response)

        async def from_range(response: Any) -> tuple[int, str | None]:
            if response.status == 200:
                return len(await _body(response, key, MOST_UNRANGED)), _tag(response)
            _, _, total = _content_range(response, key)
            return total, _tag(response)

        told = True

        async def noticed(response: Any) -> tuple[int, str | None] | None:
            nonlocal told
            answer = await take(response)
            told = answer is not None
            return answer

        answer = await self._ask("HEAD", key, {}, noticed)
        if told:
            return answer
        return await self._ask("GET", key, {"Range": "bytes=0-0"}, from_range)

    async def put(self, key: str, data: bytes) -> str | None:
        """Raise ReadOnlyError."""
        raise ReadOnlyError("plain http is for reading", key=key)

    async def remove(self, key: str) -> None:
        """Raise ReadOnlyError."""
        raise ReadOnlyError("plain http is for reading", key=key)

    async def find(self, folder: str) -> list[str]:
        """Raise UnsupportedError."""
        raise UnsupportedError("plain http has no listings", key=folder)

    async def names(self, folder: str) -> list[tuple[str, bool]]:
        """Raise UnsupportedError."""
        raise UnsupportedError("plain http has no listings", key=folder)

    async def _ask(
        self, method: str, key: str, headers: Mapping[str, str], take: Callable[[Any], Awaitable[T]]
    ) -> T | None:
        """Make the request until it succeeds or must not be tried again; None where there is nothing."""
        import aiohttp

        deadline = time.monotonic() + self.policy.timeout if self.policy.timeout else float("inf")
        pauses = self.policy.pauses()
        while True:
            try:
                return await self._once(method, key, headers, take)
            except (_Again, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
                pause = next(pauses, None)
                if pause is None or time.monotonic() + pause > deadline:
                    said = str(error) if isinstance(error, _Again) else type(error).__name__
                    tried = f"{self.policy.retries} times more" if pause is None else f"for {self.policy.timeout} s"
                    raise StoreError(
                        f"the server failed, and went on failing when asked {tried}", key=key, found=said
                    ) from None
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _once(
        self, method: str, key: str, headers: Mapping[str, str], take: Callable[[Any], Awaitable[T]]
    ) -> T | None:
        import yarl

        session = await self._fs.set_session()
        given = dict(self._fs.kwargs)
        # A body that was compressed on its way has other ranges, and another length, than the object.
        given["headers"] = {**given.get("headers", {}), "Accept-Encoding": "identity", **headers}
        url = yarl.URL(f"{self._root}/{quote(key, safe='/')}{self._query}", encoded=True)
        async with session.request(method, url, **given) as response:
            if response.status in self.policy.missing_status:
                return None
            if response.status in _AGAIN:
                raise _Again(f"status {response.status}")
            if response.status >= 400 and response.status not in (405, 416, 501):
                _refused(response, key)
            return await take(response)


def _refused(response: Any, key: str) -> NoReturn:
    status = response.status
    fix = None
    if status in (401, 403):
        fix = f"look at the credentials; if absent objects are hidden so, use Options(missing_status=(404, {status}))"
    raise StoreError("the server refused", key=key, found=f"status {status}", fix=fix)


def _tag(response: Any) -> str | None:
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') and len(tag) > 2 else None


async def _body(response: Any, key: str, most: int | None) -> bytes:
    """Read all of it, but no more than `most` bytes. A body shorter than promised is raised by aiohttp."""
    promised = response.headers.get("Content-Length", "")
    if most is not None and promised.isdigit() and int(promised) > most:
        raise TooLarge(key, int(promised))
    if most is None:
        data: bytes = await response.read()
        return data
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > most:
            raise TooLarge(key, size)
        pieces.append(piece)
    return b"".join(pieces)


async def _cut(response: Any, key: str, wanted: ByteRange) -> Answer:
    """Return the bytes of the range out of what the server sent."""
    buffer: Buffer
    if response.status == 200:
        try:
            data = await _body(response, key, MOST_UNRANGED)
        except TooLarge as error:
            raise StoreError("the server knows no ranges, and the object is large", key=key, found=error.size) from None
        start, stop = resolve(wanted, len(data), key)
        return Answer((data[start:stop],), len(data), _tag(response))
    first, last, size = _content_range(response, key)
    start, stop = resolve(wanted, size, key)
    if response.status == 416 and start == stop:
        return Answer((b"",), size, _tag(response))
    if response.status != 206 or (first, last) != (start, stop - 1) or "Content-Encoding" in response.headers:
        raise StoreError(
            "the server sent another range than was asked for",
            key=key,
            found=f"status {response.status}, {response.headers.get('Content-Range')}",
            expected=f"bytes {start}-{stop - 1}/{size}",
        )
    try:
        buffer = await _body(response, key, stop - start)
    except TooLarge as error:
        raise StoreError("more bytes than the range has", key=key, found=error.size, expected=stop - start) from None
    if len(buffer) != stop - start:
        raise StoreError("a range was cut short", key=key, found=len(buffer), expected=stop - start)
    return Answer((buffer,), size, _tag(response))


def _content_range(response: Any, key: str) -> tuple[int, int, int]:
    """Return (first, last, size) of what the server says that it sent; (-1, -1, size) where it refused."""
    said = response.headers.get("Content-Range", "")
    match = _CONTENT_RANGE.fullmatch(said.strip())
    if match is None or match[3] == "*":
        if response.status not in (206, 416):
            _refused(response, key)
        raise StoreError("the server does not say which range it sent", key=key, found=said or "no Content-Range")
    first, last, size = match.groups()
    return (-1, -1, int(size)) if first is None else (int(first), int(last), int(size))

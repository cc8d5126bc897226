"""Objects behind a network, by any scheme that fsspec knows.

Knows: what every such store has in common: requests in batches on fsspec's loop, versions where the service gives
them along with the data, errors that name the key and show no credentials. Must not know: arrays, or how one
service is asked (`transport.py`, `http.py`).

Versions. Where a transport gives tags (an etag), they are the versions. Where it doesn't, an object of at most
256 KiB, or one that was read whole by `get`, is its own version: a digest of its bytes, and a range that is pinned
to one reads it whole again. Larger objects have None: a reader notices a mixture of two states by checksums only.

Writing. There is no compare-and-swap here (``can.set_if`` is False): `set_if` and `delete` look first and act
then, which is right for one writer and says nothing about two. So documents can be made and changed by one writer
at a time, and a partial write of a shared object is refused without a lock of the caller's.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NoReturn, TypeVar

from dzarr.errors import ConflictError, DzarrError, ReadOnlyError, StoreError, UnsupportedError
from dzarr.io.files import is_data
from dzarr.io.http import HttpTransport
from dzarr.io.names import folder_of
from dzarr.io.observe import count
from dzarr.io.ranges import resolve
from dzarr.io.shown import public_name, redacted, secrets_of
from dzarr.io.store import Buffer, Capabilities, Parts, TooLarge, Version, VersionChanged, Want, check_key
from dzarr.io.transport import Answer, FsspecTransport, Transport, status_of
from dzarr.io.waiting import Policy, wait_for, wait_for_all

T = TypeVar("T")

DIGESTED = 256 << 10
"""Bytes up to which an object without a tag is its own version."""


class RemoteStore:
    """Objects below a url.

    Parameters
    ----------
    url : str
        ``scheme://...``: the root of the store.
    storage_options : mapping, optional
        What fsspec's file system of that scheme takes (credentials, endpoints). They travel in pickles of the
        store, and are never shown.
    policy : Policy
        How many requests at once, how long and how often they are tried, which statuses mean "not there".

    Raises
    ------
    StoreError
        By every method, for an illegal key, and for whatever the service answers but "not there".
    UnsupportedError
        For a scheme that nobody speaks here, and by listing what can't be listed (plain http).

    Examples
    --------
    >>> store = RemoteStore("memory://remote-example")
    >>> version = store.set("a/c/0", [b"one", b"two"])
    >>> bytes(store.get("a/c/0")[0]), store.get("a/c/1"), list(store.list("a"))
    (b'onetwo', None, ['a/c/0'])
    >>> store.delete_dir("")
    """

    def __init__(
        self, url: str, storage_options: Mapping[str, Any] | None = None, policy: Policy | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.options = dict(storage_options or {})
        self.policy = policy or Policy()
        self.token = public_name(self.url, self.options)
        self._made: tuple[int, Transport] | None = None
        self._tagged = False

    def __repr__(self) -> str:
        return f"<RemoteStore {self.token}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteStore) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __reduce__(self) -> tuple[Any, ...]:
        policy = None if self.policy == Policy() else self.policy
        return RemoteStore, (self.url, self.options, policy)

    def within(self, array_path: str) -> RemoteStore:
        """Return this store: it has no temporaries."""
        return self

    def asking(self, policy: Policy) -> RemoteStore:
        """Return the same store, asked by another policy."""
        return self if policy == self.policy else RemoteStore(self.url, self.options, policy)

    @property
    def can(self) -> Capabilities:
        """What it is able to do; `versions` is known once something was read."""
        return Capabilities(
            set_if=False,
            list=self._kind.can_list,
            versions=self._tagged,
            local_path=False,
            writable=self._kind.writable,
        )

    @property
    def _kind(self) -> type[HttpTransport | FsspecTransport]:
        return HttpTransport if self.token.startswith(("http://", "https://")) else FsspecTransport

    def _transport(self) -> Transport:
        # Connections don't follow into a forked child.
        if self._made is None or self._made[0] != os.getpid():
            try:
                made: Transport = self._kind(self.url, self.options, self.policy)
            except DzarrError:
                raise
            except Exception as error:  # noqa: BLE001  # file systems raise what they like
                self._trouble("", "open", error)
            self._made = os.getpid(), made
        return self._made[1]

    # Reading

    def get(self, key: str) -> tuple[Buffer, Version] | None:
        """See `Store.get`."""
        check_key(key)
        found = self._wait(key, "read", lambda transport: transport.whole(key, None))
        count("get", self.token, key, 1, found.size if found else 0)
        if found is None:
            return None
        self._tagged = self._tagged or found.tag is not None
        return found.buffers[0], found.tag or _digest(found.buffers[0])

    def fetch(self, wanted: Sequence[Want]) -> Iterator[tuple[int, Parts | None]]:
        """See `Store.fetch`. `Options.concurrency` wants are under way at once."""
        jobs = [self._job(want) for want in wanted]
        for i, parts in wait_for_all(jobs, self.policy.concurrency):
            count("fetch", self.token, wanted[i].key, 1, sum(map(len, parts.buffers)) if parts else 0)
            yield i, parts

    def _job(self, want: Want) -> Callable[[], Awaitable[Parts | None]]:
        check_key(want.key)
        transport = self._transport()
        return lambda: self._told(want.key, "read", self._answer(transport, want))

    async def _answer(self, transport: Transport, want: Want) -> Parts | None:
        by_content = want.version is not None and want.version.startswith("=")
        if want.ranges and not by_content:
            found = await transport.parts(want.key, want.ranges)
        else:
            found = await transport.whole(want.key, want.most)
        version = None if found is None else self._version(found, whole=not want.ranges, pinned=by_content)
        if want.version is not None and version != want.version:
            raise VersionChanged(want.key)
        if found is None:
            return None
        buffers = found.buffers
        if by_content and want.ranges:
            view = memoryview(buffers[0])
            spans = [resolve(span, found.size, want.key) for span in want.ranges]
            buffers = tuple([view[start:stop] for start, stop in spans])
        return Parts(buffers, version, found.size)

    def _version(self, found: Answer, *, whole: bool, pinned: bool = False) -> Version | None:
        if found.tag is not None:
            self._tagged = True
            return found.tag
        return _digest(found.buffers[0]) if pinned or (whole and found.size <= DIGESTED) else None

    def head(self, key: str) -> tuple[int, Version | None] | None:
        """See `Store.head`. Where there are no tags, small objects are read to tell their version."""
        check_key(key)
        found = self._wait(key, "look at", lambda transport: self._head(transport, key))
        count("head", self.token, key, 1, 0)
        return found

    async def _head(self, transport: Transport, key: str) -> tuple[int, Version | None] | None:
        found = await transport.head(key)
        if found is None or found[1] is not None or found[0] > DIGESTED:
            return found
        whole = await transport.whole(key, None)
        return None if whole is None else (whole.size, self._version(whole, whole=True))

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`. What lies in ``.dzarr`` is listed only below a prefix that names it."""
        folder = folder_of(prefix)
        self._check_listable(prefix)
        count("list", self.token, prefix, 1, 0)
        for key in self._wait(prefix, "list", lambda transport: transport.find(folder[:-1])):
            rest = key[len(folder) :]
            if key.startswith(folder) and rest and all(map(is_data, rest.split("/"))) and not rest.endswith("/"):
                yield key

    def list_dir(self, prefix: str) -> Iterator[str]:
        """See `Store.list_dir`."""
        folder = folder_of(prefix)
        self._check_listable(prefix)
        count("list", self.token, prefix, 1, 0)
        for name, is_folder in self._wait(prefix, "list", lambda transport: transport.names(folder[:-1])):
            if name and is_data(name):
                yield name + "/" if is_folder else name

    def _check_listable(self, prefix: str) -> None:
        if not self._kind.can_list:
            raise UnsupportedError(
                "this store can't be listed",
                key=prefix or "(the root)",
                found=self.token,
                fix="name what you want: open(url, path='group/array'); members are known from a consolidated record",
            )

    # Writing

    def set(self, key: str, parts: Sequence[Buffer]) -> Version:
        """See `Store.set`. Returns "" for a large object of a store that gives no versions."""
        data = self._joined(key, parts)
        version = self._put(key, data)
        count("set", self.token, key, 1, len(data))
        return version or (_digest(data) if len(data) <= DIGESTED else "")

    def set_if(self, key: str, parts: Sequence[Buffer], version: Version | None) -> Version:
        """See `Store.set_if`. Not exact: it looks first and writes then. For one writer."""
        data = self._joined(key, parts)
        self._expect(key, version)
        new = self._put(key, data)
        count("set_if", self.token, key, 1, len(data))
        return new or _digest(data)

    def _put(self, key: str, data: bytes) -> str | None:
        return self._wait(key, "write", lambda transport: transport.put(key, data))

    def _joined(self, key: str, parts: Sequence[Buffer]) -> bytes:
        self._check_writable(check_key(key))
        try:
            return b"".join(parts)
        except (TypeError, ValueError, BufferError) as error:
            raise StoreError(
                "the parts of an object must be C-contiguous buffers", key=key, found=str(error)
            ) from error

    def delete(self, key: str, version: Version | None = None) -> None:
        """See `Store.delete`. With a version not exact: it looks first and deletes then."""
        self._check_writable(check_key(key))
        if version is not None:
            self._expect(key, version)
        self._wait(key, "delete", lambda transport: transport.remove(key))
        count("delete", self.token, key, 1, 0)

    def delete_dir(self, prefix: str) -> None:
        """Remove all that lies in the folder `prefix` ("" for all there is)."""
        folder = folder_of(prefix)
        self._check_writable(prefix)
        self._check_listable(prefix)
        transport = self._transport()
        keys = self._wait(prefix, "list", lambda transport: transport.find(folder[:-1]))

        def removal(key: str) -> Callable[[], Awaitable[None]]:
            return lambda: self._told(key, "delete", transport.remove(key))

        jobs = [removal(key) for key in keys if key.startswith(folder)]
        for _ in wait_for_all(jobs, self.policy.concurrency):
            pass
        count("delete", self.token, prefix, len(jobs), 0)

    def sweep(self, array_path: str) -> int:
        """Return 0: nothing is ever left over."""
        return 0

    def _expect(self, key: str, version: Version | None) -> None:
        if version is None or not version.startswith("="):
            head = self.head(key)
            found = None if head is None else head[1] or "something"
        else:
            now = self.get(key)
            found = None if now is None else now[1]
        if found != version:
            raise ConflictError(
                "somebody else changed it first", key=key, found=found or "nothing", expected=version or "nothing"
            )

    def _check_writable(self, key: str) -> None:
        if not self._kind.writable:
            raise ReadOnlyError("plain http is for reading", key=key, found=self.token)

    # Asking

    def _wait(self, key: str, verb: str, ask: Callable[[Transport], Coroutine[Any, Any, T]]) -> T:
        transport = self._transport()  # made by this thread: some file systems connect at once
        return wait_for(lambda: self._told(key, verb, ask(transport)))

    async def _told(self, key: str, verb: str, asked: Coroutine[Any, Any, T]) -> T:
        """Return the answer; errors name the key, and show nothing of the options."""
        try:
            return await asyncio.wait_for(asked, self.policy.timeout or None)
        except (DzarrError, VersionChanged, TooLarge):
            raise
        except MemoryError as error:
            raise StoreError("an object too large for this machine's memory", key=key) from error
        except TimeoutError:
            raise StoreError(
                f"could not {verb} it: no answer in time",
                key=key,
                found=f"{self.policy.timeout} s",
                fix="raise Options.timeout",
            ) from None
        except Exception as error:  # noqa: BLE001  # file systems raise what they like
            self._trouble(key, verb, error)

    def _trouble(self, key: str, verb: str, error: Exception) -> NoReturn:
        secrets = secrets_of(self.url, self.options)
        plain = f"{type(error).__name__}: {error}"
        said = redacted(plain, secrets)
        status = status_of(error)
        fix = None
        if status in (401, 403):
            fix = (
                f"look at the credentials; if absent objects are hidden so, use Options(missing_status=(404, {status}))"
            )
        shown = error if said == plain else None  # its own text would show what must not be seen
        raise StoreError(f"could not {verb} it", key=key or self.token, found=said, fix=fix) from shown


def _digest(data: Buffer) -> Version:
    return "=" + blake2b(data, digest_size=12).hexdigest()

"""Where the targets of references may be, and which store has them.

Knows: urls, and what a reference file is trusted with. Must not know: what references mean.

A reference file may have come from anyone, and what it names is read with the caller's rights and credentials. So:

- a file that it names (relative to the folder that it is in, absolute, or ``file://``) must lie in that folder, links
  resolved, or in a folder of ``storage_options={"file_roots": [...]}``. A reference file that came over a network
  names no local files but those; relative names are objects beside it;
- other targets are http(s) and the object stores (s3, gs, az, abfs); other schemes are named in
  ``storage_options={"schemes": [...]}``;
- ``storage_options={"remote_options": {...}}`` are what the stores of remote targets take, so that they go to
  every bucket and host that the file names.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH111, PTH117, PTH118, PTH120

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from dzarr.errors import StoreError, UnsupportedError
from dzarr.io.local import LocalStore
from dzarr.io.remote import RemoteStore
from dzarr.io.store import Store, check_key
from dzarr.io.waiting import Policy

SCHEMES = frozenset({"http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
"""Schemes of targets that need no leave."""

_KEPT = 10_000


@dataclass(frozen=True)
class Trust:
    """What the caller allows and lends to a reference file."""

    file_roots: tuple[str, ...] = ()
    schemes: frozenset[str] = SCHEMES
    remote_protocol: str | None = None
    remote_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    policy: Policy = field(default_factory=Policy)

    @classmethod
    def of(cls, options: Mapping[str, Any], policy: Policy) -> Trust:
        """Return what storage options say. Raises UnsupportedError for a name that means nothing."""
        known = {"file_roots", "schemes", "remote_protocol", "remote_options"}
        unknown = sorted(str(name) for name in options if name not in known)
        if unknown:
            raise UnsupportedError(
                "storage_options that mean nothing to references", found=", ".join(unknown), expected=sorted(known)
            )
        roots = tuple(os.path.realpath(os.path.expanduser(root)) for root in options.get("file_roots") or ())
        schemes = SCHEMES | {str(scheme).lower() for scheme in options.get("schemes") or ()}
        protocol = options.get("remote_protocol")
        return cls(roots, schemes, protocol, dict(options.get("remote_options") or {}), policy)


class Targets:
    """The stores of what one reference file names.

    Parameters
    ----------
    base : Store
        Where the reference file is.
    folder : str
        Its folder there.
    trust : Trust
        What it may name.
    """

    def __init__(self, base: Store, folder: str, trust: Trust) -> None:
        self._base, self._folder, self._trust = base, folder, trust
        self._roots = trust.file_roots
        if isinstance(base, LocalStore):
            self._roots = (os.path.realpath(os.path.join(base.path, *folder.split("/"))), *trust.file_roots)
        self._known: dict[str, tuple[Store, str]] = {}
        self._stores: dict[str, Store] = {}

    def find(self, url: str, key: str) -> tuple[Store, str]:
        """Return the store and the key of a target. Raises StoreError, UnsupportedError, with `key` named."""
        found = self._known.get(url)
        if found is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            found = self._known[url] = self._find(url, key)
        return found

    def _find(self, url: str, key: str) -> tuple[Store, str]:
        scheme, there, rest = url.partition("://")
        scheme = scheme.lower()
        if not there:
            if self._trust.remote_protocol in (None, "file", "local"):
                return self._file(url.removeprefix("file:"), key)
            scheme, rest = str(self._trust.remote_protocol), url.lstrip("/")
        if scheme in ("file", "local"):
            return self._file(rest.removeprefix("localhost"), key)
        if scheme not in self._trust.schemes:
            raise UnsupportedError(
                "a reference to a scheme that is not allowed",
                key=key,
                found=f"{scheme}://",
                fix=f"if you trust the file, storage_options={{'schemes': [{scheme!r}]}}",
            )
        return self._remote(scheme, rest, key)

    def _file(self, path: str, key: str) -> tuple[Store, str]:
        if not os.path.isabs(path):
            if not isinstance(self._base, LocalStore):
                return self._base, _checked(posixpath.normpath(posixpath.join(self._folder, path)), key)
            path = os.path.join(self._base.path, *self._folder.split("/"), path)
        try:
            real = os.path.realpath(path)
        except ValueError as error:  # a null character, or half of a surrogate pair
            raise StoreError("a reference to a file of an impossible name", key=key, found=repr(path)) from error
        for root in self._roots:
            if real.startswith(root.rstrip(os.sep) + os.sep):
                store = self._stores.setdefault(root, LocalStore(root, read_only=True))
                return store, _checked(os.path.relpath(real, root).replace(os.sep, "/"), key)
        raise StoreError(
            "a reference to a file that it may not name",
            key=key,
            found=path,
            expected="a file in the folder of the reference file",
            fix=f"if you trust it, storage_options={{'file_roots': [{os.path.dirname(real)!r}]}}",
        )

    def _remote(self, scheme: str, rest: str, key: str) -> tuple[Store, str]:
        if scheme in ("http", "https"):
            try:
                parts = urlsplit(f"{scheme}://{rest}")
            except ValueError as error:
                raise StoreError("a reference to what is no url", key=key, found=str(error)) from error
            root = f"{scheme}://{parts.netloc}" + (f"?{parts.query}" if parts.query else "")
            inner = unquote(parts.path.lstrip("/"))
        else:
            bucket, _, inner = rest.partition("/")
            root = f"{scheme}://{bucket}"
        store = self._stores.get(root)
        if store is None:
            if len(self._stores) >= _KEPT:
                self._stores.clear()
            store = self._stores[root] = RemoteStore(root, self._trust.remote_options, self._trust.policy)
        return store, _checked(inner, key)


def _checked(target: str, key: str) -> str:
    try:
        return check_key(target)
    except StoreError as error:
        raise StoreError("a reference to what is no path", key=key, found=target, expected=error.expected) from None

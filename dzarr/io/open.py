"""From what a user names to a store.

Knows: urls, and which store speaks which scheme. Must not know: what is in a store. ::

    path, file://path                        a folder (`local.py`)
    memory://name                            `memory.py`
    x.zip, x.ozx, zip://path, zip::url       an archive (`zip.py`, `zip_writer.py`)
    reference://path, reference::url         references to other files (`reference.py`)
    http(s)://..., s3://..., gs://..., ...   whatever fsspec knows (`remote.py`)
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH111, PTH112, PTH113, PTH119, PTH120

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from dzarr.errors import StoreError, UnsupportedError
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.n5 import N5Store
from dzarr.io.reference import ReferenceStore
from dzarr.io.reference_targets import Trust
from dzarr.io.remote import RemoteStore
from dzarr.io.store import Store
from dzarr.io.waiting import Policy
from dzarr.io.zip import ZipStore
from dzarr.io.zip_writer import ZipWriter
from dzarr.options import Options

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://|(file):")  # one letter before a colon is a Windows drive
_METHODS = ("get", "fetch", "set", "set_if", "delete", "head", "list", "list_dir")
_ACCEPTED = "a path, 'file://...', 'memory://name', an url that fsspec knows, or a dzarr store"
_ARCHIVES = (".zip", ".ozx")
_ASKING = frozenset({"missing_status", "concurrency", "retries", "timeout"})


def open_store(
    url: object,
    *,
    storage_options: Mapping[str, Any] | None = None,
    durability: str | None = None,
    mode: str | None = None,
    options: Options | None = None,
) -> Store:
    """Return the store that `url` names.

    Parameters
    ----------
    url : str, path or store
        A path (``~`` is the home folder), ``file://...``, ``memory://name``; a zip archive, which is a path or url
        that ends in ``.zip`` or ``.ozx``, ``zip://path`` or ``zip::url``; a reference file (kerchunk), which is
        ``reference://path`` or ``reference::url``; any url that fsspec knows; or a store, which is returned as it is.
    storage_options : mapping, optional
        What a remote store needs to know: what fsspec's file system of that scheme takes. For references: what
        the reference file itself is read with (``target_options``), what its targets are read with
        (``remote_options``, ``remote_protocol``), and what it may name (``file_roots``, ``schemes``).
    durability : {"none", "file", "full"}, optional
        What a write to a folder or archive survives; None takes that of `options`.
    mode : {None, "w", "x"}
        "w" makes a new zip archive, which replaces what is there when it is finished; "x" makes one where there
        is none. Use it as ``with open_store("x.zip", mode="w") as store: ...``: left in peace, it is finished; left
        by an exception, nothing was done. None takes what is there: archives that exist are read-only.
    options : Options, optional
        How remote stores are asked: `missing_status`, `concurrency`, `retries`, `timeout`.

    Raises
    ------
    UnsupportedError
        For a scheme, or a kind of thing, that is no store here.
    StoreError
        For a place that can't be one.

    Examples
    --------
    >>> open_store("memory://a").token
    'memory://a'
    >>> open_store("/data/x.zarr").token
    'file:///data/x.zarr'
    >>> open_store("https://host/x.zarr.zip").token
    'zip::https://host/x.zarr.zip'
    """
    options = Options() if options is None else options
    opener = _Opener(storage_options or {}, durability or options.durability, Policy.of(options))
    if _is_store(url):
        if mode is not None:
            raise _no_mode(mode, url)
        return cast(Store, url)
    if not isinstance(url, (str, os.PathLike)):
        raise UnsupportedError("not a place that can be opened", found=type(url).__qualname__, expected=_ACCEPTED)
    text = os.fsdecode(os.fspath(url))
    if "\0" in text:
        raise StoreError("a path with a null character", found=repr(text), expected=_ACCEPTED)
    if not text:
        raise StoreError("an empty path", expected=_ACCEPTED, fix="'.' is the folder that you are in")
    scheme, place = ("file", text) if isinstance(url, os.PathLike) else _split(text)
    return opener.open(scheme, place) if mode is None else opener.make(scheme, place, mode)


def obeying(store: Store, options: Options, changes: Mapping[str, Any]) -> Store:
    """Return `store` as it is under `options`, of which those named in `changes` are new."""
    if isinstance(store, LocalStore):
        return store.lasting(options.durability) if "durability" in changes else store
    if isinstance(store, ZipStore):
        base = obeying(store.base, options, changes)
        return store if base is store.base else ZipStore(base, store.key, store.most)
    if isinstance(store, N5Store):
        return replace(store, inner=obeying(store.inner, options, changes))
    if not _ASKING.intersection(changes):
        return store
    if isinstance(store, RemoteStore):
        return store.asking(Policy.of(options))
    if isinstance(store, ReferenceStore):
        return store.asking(obeying(store.base, options, changes), Policy.of(options))
    return store


def _split(text: str) -> tuple[str, str]:
    """Return (scheme, the rest of the url), with "file" for a path."""
    first, chained, rest = text.partition("::")
    first = first.removesuffix("://")
    if chained and first in ("zip", "reference") and "::" not in rest:
        return f"{first}::", rest
    if chained:
        raise UnsupportedError(
            "chained urls are not offered", found=text, expected=f"{_ACCEPTED}; 'zip::url', 'reference::url'"
        )
    match = _SCHEME.match(text)
    if match is None:
        return "file", text
    scheme = (match[1] or match[2]).lower()
    if scheme in ("file", "local"):
        return "file", _path_of(text)
    return scheme, text[match.end() :]


class _Opener:
    """What `open_store` was told, and the stores that it makes of it."""

    def __init__(self, storage_options: Mapping[str, Any], durability: str, policy: Policy) -> None:
        self.storage_options, self.durability, self.policy = storage_options, durability, policy

    def open(self, scheme: str, place: str) -> Store:
        if scheme == "file":
            return self._folder(place)
        if scheme == "memory":
            self._no_options(f"memory://{place}")
            if not place.strip("/"):
                raise StoreError("a memory store needs a name", found="memory://", expected="'memory://name'")
            return MemoryStore(place.strip("/"))
        if scheme in ("zip", "zip::"):
            return ZipStore(*self._file("file" if scheme == "zip" else None, place, self.storage_options))
        if scheme in ("reference", "reference::"):
            return self._references(scheme, place)
        url = f"{scheme}://{place}"
        if place.partition("?")[0].lower().endswith(_ARCHIVES):
            return ZipStore(*self._file(scheme, place, self.storage_options))
        if not place.strip("/"):
            raise StoreError("an url without a place", found=url, expected=f"{scheme}://bucket-or-host/path")
        _check_scheme(scheme)
        return RemoteStore(url, self.storage_options, self.policy)

    def make(self, scheme: str, place: str, mode: str) -> Store:
        local = scheme == "zip" or (scheme == "file" and place.lower().endswith(_ARCHIVES))
        if mode not in ("w", "x") or not local:
            raise _no_mode(mode, place)
        self._no_options(place)
        return ZipWriter(os.path.expanduser(place), self.durability, exclusive=mode == "x")

    def _folder(self, path: str) -> Store:
        self._no_options(path)
        path = os.path.expanduser(path)
        if not os.path.isdir(path) and (path.lower().endswith(_ARCHIVES) or _begins(path, b"PK")):
            return ZipStore(*self._file("file", path, {}))
        store = LocalStore(path, self.durability)
        if os.path.isfile(store.path):
            raise UnsupportedError(
                "a file, not a folder",
                found=store.path,
                expected="the folder of a Zarr hierarchy, or a zip archive",
                fix=f"reference://{store.path} reads a kerchunk file" if path.endswith(".json") else None,
            )
        return store

    def _references(self, scheme: str, place: str) -> Store:
        given = dict(self.storage_options)
        read_with = given.pop("target_options", None) or {}
        if not place:  # as fsspec has it: reference:// with the file in the options
            place, scheme = given.pop("fo", None), "reference::"
            if not isinstance(place, str):
                raise UnsupportedError(
                    "a reference store without a file", found=type(place).__name__, expected="'reference://path'"
                )
        trust = Trust.of(given, self.policy)
        return ReferenceStore(*self._file("file" if scheme == "reference" else None, place, read_with), trust)

    def _file(self, scheme: str | None, place: str, options: Mapping[str, Any]) -> tuple[Store, str]:
        """Return the store that a file is in, and its key there."""
        if scheme is None:
            scheme, place = _split(place)
        if scheme == "file":
            whole = os.path.realpath(os.path.expanduser(place))
            return LocalStore(os.path.dirname(whole), self.durability), os.path.basename(whole) or "."
        place, _, query = place.partition("?")
        folder, _, name = place.rstrip("/").rpartition("/")
        if not folder or not name:
            raise StoreError("an url of no file", found=f"{scheme}://{place}", expected=f"{scheme}://folder/file")
        if scheme in ("http", "https"):
            name = unquote(name)
        return _Opener(options, self.durability, self.policy).open(
            scheme, folder + (f"?{query}" if query else "")
        ), name

    def _no_options(self, place: str) -> None:
        if self.storage_options:
            raise UnsupportedError(
                "storage_options mean nothing here",
                found=f"{place} with {_names(self.storage_options)}",
                fix="leave them out",
            )


def _check_scheme(scheme: str) -> None:
    from fsspec import available_protocols

    if scheme not in available_protocols():
        raise UnsupportedError(f"no store for {scheme}://", found=scheme, expected=_ACCEPTED)


def _no_mode(mode: str, place: object) -> UnsupportedError:
    if mode not in ("w", "x"):
        return UnsupportedError("no such mode of a store", found=mode, expected="None, 'w' or 'x'")
    return UnsupportedError(
        f"mode={mode!r} is for new zip archives on a disk",
        found=place if isinstance(place, str) else type(place).__name__,
        expected="a path that ends in .zip",
        fix="leave it out: other stores are written to as they are",
    )


def _path_of(url: str) -> str:
    if url.lower().startswith("local:"):
        url = "file:" + url[len("local:") :]
    parts = urlsplit(url.replace("?", "%3F").replace("#", "%23"))
    if parts.netloc not in ("", "localhost"):
        raise StoreError("a file url of another machine", found=url, expected="file:///an/absolute/path")
    return url2pathname(parts.path) if os.name == "nt" else unquote(parts.path)


def _begins(path: str, magic: bytes) -> bool:
    with suppress(OSError), open(path, "rb") as file:
        return file.read(len(magic)) == magic
    return False


def _names(storage_options: object) -> str:
    # Their values may be credentials.
    if isinstance(storage_options, Mapping):
        return ", ".join(map(str, storage_options))
    return type(storage_options).__name__


def _is_store(thing: object) -> bool:
    return not isinstance(thing, type) and (
        all(callable(getattr(thing, name, None)) for name in _METHODS)
        and hasattr(thing, "token")
        and hasattr(thing, "can")
    )

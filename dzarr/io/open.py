"""From what a user names to a store.

Knows: urls, and which store speaks which scheme. Must not know: what is in a store.
"""

# Paths are strings here: a Path object costs more than the call that it names.
# ruff: noqa: PTH111, PTH113

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from dzarr.errors import StoreError, UnsupportedError
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.store import Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://|(file):")  # one letter before a colon is a Windows drive
_METHODS = ("get", "fetch", "set", "set_if", "delete", "head", "list", "list_dir")
_ACCEPTED = "a path, 'file://...', 'memory://name', or a dzarr store"


def open_store(url: object, *, storage_options: Mapping[str, Any] | None = None, durability: str = "none") -> Store:
    """Return the store that `url` names.

    Parameters
    ----------
    url : str, path or store
        A path (``~`` is the home folder), ``file://...``, ``memory://name``, or a store, which is returned as it is.
    storage_options : mapping, optional
        What a remote store needs to know. Folders and memory take none.
    durability : {"none", "file", "full"}
        What a write to a folder survives.

    Raises
    ------
    UnsupportedError
        For a scheme, or a kind of thing, that is no store here.

    Examples
    --------
    >>> open_store("memory://a").token
    'memory://a'
    >>> open_store("/data/x.zarr").token
    'file:///data/x.zarr'
    """
    if _is_store(url):
        return cast(Store, url)
    if not isinstance(url, (str, os.PathLike)):
        raise UnsupportedError("not a place that can be opened", found=type(url).__qualname__, expected=_ACCEPTED)
    text = os.fsdecode(os.fspath(url))
    if "\0" in text:
        raise StoreError("a path with a null character", found=repr(text), expected=_ACCEPTED)
    if not text:
        raise StoreError("an empty path", expected=_ACCEPTED, fix="'.' is the folder that you are in")
    if isinstance(url, os.PathLike):
        return _folder(text, storage_options, durability)
    return _named(text, storage_options, durability)


def lasting(store: Store, durability: str) -> Store:
    """Return `store` with writes that survive what `durability` says, where it is a store that can tell."""
    return store.lasting(durability) if isinstance(store, LocalStore) else store


def _named(text: str, storage_options: Mapping[str, Any] | None, durability: str) -> Store:
    if "::" in text:
        raise UnsupportedError("chained urls are not offered", found=text, expected=_ACCEPTED)
    match = _SCHEME.match(text)
    scheme = (match[1] or match[2]).lower() if match else "file"
    if scheme == "memory":
        _no_options(storage_options, text)
        name = text[len("memory://") :].strip("/")
        if not name:
            raise StoreError("a memory store needs a name", found=text, expected="'memory://name'")
        return MemoryStore(name)
    if scheme == "file":
        return _folder(_path_of(text) if match else text, storage_options, durability)
    raise UnsupportedError(
        f"no store for {scheme}:// yet; remote stores come in a later release",
        found=text,
        expected=_ACCEPTED,
        fix="copy the data to a folder, or pass a store of your own",
    )


def _path_of(url: str) -> str:
    parts = urlsplit(url.replace("?", "%3F").replace("#", "%23"))
    if parts.netloc not in ("", "localhost"):
        raise StoreError("a file url of another machine", found=url, expected="file:///an/absolute/path")
    return url2pathname(parts.path) if os.name == "nt" else unquote(parts.path)


def _folder(path: str, storage_options: Mapping[str, Any] | None, durability: str) -> LocalStore:
    _no_options(storage_options, path)
    store = LocalStore(os.path.expanduser(path), durability)
    if os.path.isfile(store.path):
        raise UnsupportedError("a file, not a folder", found=store.path, expected="the folder of a Zarr hierarchy")
    return store


def _no_options(storage_options: Mapping[str, Any] | None, place: str) -> None:
    if storage_options:
        raise UnsupportedError(
            "storage_options mean nothing here",
            found=f"{place} with {_names(storage_options)}",
            fix="leave them out",
        )


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

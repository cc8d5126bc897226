"""What a reference file says: for each key bytes, or where bytes are.

Knows: the kerchunk specification, versions 0 and 1. Must not know: stores, or what the bytes mean. A file of
references is untrusted input: it is checked entry by entry when the entry is asked for, so that a broken one
hides no other, and what it generates is counted before it is made.
"""

from __future__ import annotations

import binascii
import json
import math
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Protocol

from dzarr.errors import DzarrError, MetadataError, StoreError, UnsupportedError
from dzarr.io.names import Names
from dzarr.io.shown import shown
from dzarr.io.store import Buffer, check_key
from dzarr.io.templates import render

MOST_GENERATED = 5_000_000
"""References that the "gen" of one file may make."""


@dataclass(frozen=True, slots=True)
class Section:
    """Bytes [start, start + length) of what is at `url`; all of it where `length` is None."""

    url: str
    start: int = 0
    length: int | None = None


class References(Protocol):
    """Where the bytes of keys are."""

    def find(self, key: str) -> bytes | Section | None:
        """Return the bytes of a key, or where they are, or None where it has none. Raises MetadataError."""

    def list(self, prefix: str) -> Iterator[str]:
        """As `Store.list`."""

    def list_dir(self, prefix: str) -> Iterator[str]:
        """As `Store.list_dir`."""


class JsonReferences:
    """The references of one JSON document.

    Parameters
    ----------
    document : dict
        The parsed document.
    place : str
        What errors call it.

    Raises
    ------
    MetadataError
        For a document that breaks the specification; by `find` for one entry that does.
    UnsupportedError
        For another version, and for templates that do more than the specification shows.

    Examples
    --------
    >>> references = JsonReferences({"version": 1, "templates": {"u": "http://host"},
    ...     "refs": {"a/.zarray": "{}", "a/0": ["{{u}}/x.nc", 100, 20]}}, "refs.json")
    >>> references.find("a/0")
    Section(url='http://host/x.nc', start=100, length=20)
    """

    def __init__(self, document: Any, place: str) -> None:
        if not isinstance(document, dict):
            raise MetadataError("no reference file", key=place, found=type(document).__name__, expected="an object")
        self._place = place
        self._templates: Mapping[str, str] = {}
        self._entries = document
        if "version" in document:
            self._read_version_1(document)
        for key in self._entries:
            try:
                check_key(key)
            except StoreError as error:
                raise MetadataError(
                    "a reference with a key that is no path", key=place, found=key, expected=error.expected
                ) from None

    def _read_version_1(self, document: dict[str, Any]) -> None:
        version = document["version"]
        if version != 1 or isinstance(version, bool):
            raise UnsupportedError("references of an unknown version", key=self._place, found=version, expected=1)
        self._templates = _member(document, "templates", dict, self._place)
        for name, text in self._templates.items():
            if not isinstance(text, str):
                raise MetadataError("a template that is no text", key=self._place, found=f"{name}: {text!r}")
        self._entries = dict(_member(document, "refs", dict, self._place))
        made = 0
        for generator in _member(document, "gen", list, self._place):
            try:
                made += self._generate(generator, MOST_GENERATED - made)
            except DzarrError as error:
                error.key = error.key or self._place
                raise

    def _generate(self, generator: Any, room: int) -> int:
        if not isinstance(generator, dict) or not isinstance(generator.get("dimensions"), dict):
            raise MetadataError("a generator without dimensions", key=self._place, found=generator)
        if ("offset" in generator) != ("length" in generator):
            raise MetadataError("a generator with one of offset and length", key=self._place, found=generator)
        fields = ["key", "url", *(name for name in ("offset", "length") if name in generator)]
        for name in fields:
            if not isinstance(generator.get(name), str):
                raise MetadataError(f"a generator's {name} is no text", key=self._place, found=generator.get(name))
        axes = {name: _dimension(name, given, self._place) for name, given in generator["dimensions"].items()}
        total = math.prod(map(len, axes.values()))
        if total > room:
            raise UnsupportedError(
                "too many generated references", key=self._place, found=total, expected=f"at most {MOST_GENERATED}"
            )
        for values in product(*axes.values()):
            names = {**self._templates, **dict(zip(axes, values, strict=True))}
            key, *rest = [render(generator[name], names) for name in fields]
            self._entries[key] = [rest[0], *(_number(text, self._place) for text in rest[1:])]
        return total

    def find(self, key: str) -> bytes | Section | None:
        """See `References.find`."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if isinstance(entry, str):
            return _inline(entry, key)
        if isinstance(entry, dict):
            return json.dumps(entry).encode()
        section = section_of(entry, key)
        return Section(render(section.url, self._templates), section.start, section.length)

    @cached_property
    def _names(self) -> Names:
        return Names(key for key, entry in self._entries.items() if entry is not None)

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        return self._names.list(prefix)

    def list_dir(self, prefix: str) -> Iterator[str]:
        """See `Store.list_dir`."""
        return self._names.list_dir(prefix)


def parse_json(data: Buffer, place: str) -> Any:
    """Parse JSON that somebody else wrote. Raises MetadataError."""
    try:
        return json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise MetadataError("no JSON", key=place, found=str(error)) from error


def section_of(entry: Any, key: str) -> Section:
    """Return the section that ``[url]`` or ``[url, offset, length]`` means. Raises MetadataError."""
    match entry:
        case [str(url)]:
            return Section(url)
        case [str(url), int(start), int(length)] if start >= 0 and length >= 0:
            return Section(url, start, length)
        case [None, *_]:
            raise UnsupportedError("a reference to a target that is not named", key=key, found=entry)
        case [str(url), *rest]:
            entry = [shown(url), *rest]
    raise MetadataError(
        "a reference that is none", key=key, found=entry, expected="text, [url] or [url, offset, length]"
    )


def _inline(text: str, key: str) -> bytes:
    if not text.startswith("base64:"):
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise MetadataError("inline data that is no text", key=key, found=str(error)) from error
    try:
        return b64decode(text[7:], validate=True)
    except (binascii.Error, ValueError) as error:
        raise MetadataError("inline data that is no base64", key=key, found=str(error)) from error


def _member(document: dict[str, Any], name: str, kind: type, place: str) -> Any:
    value = document.get(name)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise MetadataError(f"member {name} is wrong", key=place, found=type(value).__name__, expected=kind.__name__)
    return value


def _dimension(name: str, given: Any, place: str) -> range | list[int]:
    match given:
        case {"stop": int(stop), **rest} if set(rest) <= {"start", "step"}:
            start, step = rest.get("start", 0), rest.get("step", 1)
            if type(start) is int and type(step) is int and step and max(map(abs, (start, stop, step))) < 1 << 62:
                return range(start, stop, step)
        case list() if all(type(value) is int for value in given):
            return given
    raise MetadataError("a dimension that is none", key=place, found=f"{name}: {given}", expected="start, stop, step")


def _number(text: str, place: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise MetadataError("an offset or length that is no number", key=place, found=text)
    return int(text)

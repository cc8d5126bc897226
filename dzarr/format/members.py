"""Members of a document, taken out with the type that the specification gives them.

Knows: JSON values, and how an error names the member that is wrong. Must not know: what any member means.
Every function takes the value and ``where`` it stood, and raises MetadataError with that, what was found and
what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dzarr.errors import MetadataError, UnsupportedError
from dzarr.format.metadata import JSON, Extension

MAX_EXTENT = 2**63 - 1
"""The largest length of an axis or a cell: what every other implementation keeps in 64 bits."""

MAX_NDIM = 64
"""numpy's limit."""


def shown(value: JSON) -> str:
    """Return `value` as JSON text for an error, so that null and true read as they were written.

    Examples
    --------
    >>> shown(None), shown({"a": True})
    ('null', '{"a": true}')
    """
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def wrong(where: str, found: JSON, expected: str) -> MetadataError:
    """Return the error for a member whose value is not what it must be."""
    return MetadataError(f"{where} is wrong", found=shown(found), expected=expected)


def required(document: Mapping[str, JSON], name: str, where: str = "") -> JSON:
    """Return the member `name`. Raises MetadataError where it is missing."""
    if name not in document:
        place = f"{where}.{name}" if where else name
        raise MetadataError(f"{place} is missing", found=f"members {sorted(map(str, document))}", expected=name)
    return document[name]


def mapping(value: JSON, where: str) -> dict[str, JSON]:
    """Return `value` if it is a JSON object."""
    if not isinstance(value, Mapping):
        raise wrong(where, value, "an object")
    for name in value:
        if not isinstance(name, str):
            raise wrong(where, repr(name), "names that are strings")
    return dict(value)


def version(document: Mapping[str, JSON], expected: int) -> None:
    """Check the member ``zarr_format``. Raises MetadataError for any other value, true and 3.0 included."""
    found = required(document, "zarr_format")
    if type(found) is not int or found != expected:
        raise wrong("zarr_format", found, f"the integer {expected}")


def is_integer(value: JSON, least: int, most: int = MAX_EXTENT) -> bool:
    """Whether `value` is a JSON integer (true and 1.0 are none) from `least` to `most`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def extents(value: JSON, where: str, least: int, ndim: int | None = None) -> tuple[int, ...]:
    """Return a list of lengths as a tuple of ints, each from `least` to 2**63 - 1.

    Raises MetadataError where an item is no such integer or there are not `ndim` of them, UnsupportedError for
    more than 64.

    Examples
    --------
    >>> extents([10, 0], "shape", 0)
    (10, 0)
    """
    kind = "positive" if least else "non-negative"
    if not _is_list(value):
        raise wrong(where, value, f"a list of {kind} integers")
    if len(value) > MAX_NDIM:
        raise UnsupportedError(f"{where} has too many dimensions", found=len(value), expected=f"at most {MAX_NDIM}")
    for item in value:
        if not is_integer(item, least):
            raise wrong(where, value, f"{kind} integers below 2**63")
    if ndim is not None and len(value) != ndim:
        raise wrong(where, value, f"{ndim} integers, as many as shape has")
    return tuple(value)


def listed(value: JSON, where: str) -> Sequence[JSON]:
    """Return `value` if it is a JSON list."""
    if not _is_list(value):
        raise wrong(where, value, "a list")
    items: Sequence[JSON] = value
    return items


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def extension(value: JSON, where: str, *, ignorable: bool = False) -> Extension:
    """Return a v3 extension definition: an object with a name, or the name alone.

    Only an `ignorable` one may say ``must_understand: false``. Source: Zarr v3 core, "Extension definition".

    Examples
    --------
    >>> extension("crc32c", "codecs[0]") == extension({"name": "crc32c"}, "codecs[0]")
    True
    """
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping):
        raise wrong(where, value, "a name, or an object with name and configuration")
    unknown = sorted(map(str, value.keys() - {"name", "configuration", "must_understand"}))
    if unknown:
        raise wrong(where, value, f"no members but name, configuration and must_understand, not {unknown}")
    name = value.get("name")
    if not isinstance(name, str) or not name:
        raise wrong(f"{where}.name", name, "a name")
    understand = value.get("must_understand", True)
    if not isinstance(understand, bool) or not (understand or ignorable):
        raise wrong(f"{where}.must_understand", understand, "true or false" if ignorable else "true, or nothing")
    return Extension(name, mapping(value.get("configuration", {}), f"{where}.configuration"), understand)


def only(configuration: Mapping[str, JSON], legal: Sequence[str], where: str) -> None:
    """Check that there are no members but the `legal` ones."""
    unknown = sorted(configuration.keys() - set(legal))
    if unknown:
        raise wrong(where, dict(configuration), f"no members but {list(legal)}, not {unknown}")

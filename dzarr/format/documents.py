"""Documents: the bytes of a metadata object, and the JSON object in them.

Knows: JSON, and what real writers made of it. Must not know: what any member means (v2.py, v3.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dzarr.errors import DzarrError, MetadataError
from dzarr.format.attributes import Token, plain
from dzarr.format.metadata import JSON


def loads(data: bytes | bytearray | memoryview, key: str) -> dict[str, JSON]:
    """Return the JSON object that the document `key` holds.

    The tokens NaN, Infinity and -Infinity are taken, as v2 writers put them, and come as `Token`, which `dumps` puts
    back. Raises MetadataError, naming `key`,
    for anything else that isn't one JSON object in UTF-8 with each name once.

    Examples
    --------
    >>> loads(b'{"zarr_format": 2}', ".zgroup")
    {'zarr_format': 2}
    """
    try:
        document = json.loads(bytes(data).decode("utf-8"), object_pairs_hook=_unique, parse_constant=Token)
    except UnicodeDecodeError as error:
        raise MetadataError("the document is not UTF-8", key=key, found=str(error), expected="JSON in UTF-8") from error
    except MetadataError as error:
        error.key = key
        raise
    except (ValueError, RecursionError) as error:
        raise MetadataError(
            "the document is not JSON", key=key, found=str(error), expected="one JSON object"
        ) from error
    if not isinstance(document, dict):
        found = type(document).__name__
        raise MetadataError("the document is not a JSON object", key=key, found=found, expected="an object")
    return document


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
        raise MetadataError("the document has a name twice", found=twice, expected="each name once")
    return members


def dumps(document: Mapping[str, Any], *, nan: bool | None = None) -> bytes:
    r"""Return the bytes of a document: indented, members in their order, the same for the same document.

    numpy values in it become plain ones. `nan` tells whether NaN and the infinities are written as the bare tokens
    that v2 readers know; None decides by the document: not where ``zarr_format`` is 3, as no JSON parser needs to
    take them; those that were read from a document go back whatever it says. Raises MetadataError, naming the
    member, for what JSON can't hold.

    Examples
    --------
    >>> dumps({"zarr_format": 2})
    b'{\n  "zarr_format": 2\n}'
    """
    if nan is None:
        nan = document.get("zarr_format") != 3
    try:
        return json.dumps(plain(document, nan=nan), indent=2).encode("ascii")
    except RecursionError as error:
        raise MetadataError("the document is nested too deeply, or holds itself") from error


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Name the document `key` in every error that is raised inside and names none.

    Examples
    --------
    >>> with naming("a/zarr.json"):
    ...     raise MetadataError("shape is missing")
    Traceback (most recent call last):
    dzarr.errors.MetadataError: shape is missing; key 'a/zarr.json'
    """
    try:
        yield
    except DzarrError as error:
        if error.key is None:
            error.key = key
        raise

"""Attributes: what callers put there, as plain JSON.

Knows: which Python and numpy values have a JSON spelling. Must not know: documents, or what any attribute means.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from dzarr.errors import MetadataError
from dzarr.format.metadata import JSON


class Token(float):
    """NaN or an infinity that stood in a document as a bare token, and goes back as one.

    JSON has no such tokens, and dzarr puts none into v3 documents. Those that another writer put there are its
    user's data: they survive whatever else is changed in the document.
    """

    __slots__ = ()


def plain(value: Any, where: str = "", *, nan: bool) -> JSON:
    """Return `value` as JSON values: numpy's scalars and arrays become numbers and lists, tuples lists.

    Parameters
    ----------
    value : object
        Anything.
    where : str
        Where it stands, like ``attributes.when``; named in errors.
    nan : bool
        Whether NaN and the infinities may pass. JSON has none; Zarr v2 writers have always written them. Those
        that were read from a document (`Token`) always may.

    Raises MetadataError for what has no spelling, naming its place.

    Examples
    --------
    >>> plain({"range": np.arange(3, dtype="u1"), "size": (1, np.float32(0.5))}, nan=False)
    {'range': [0, 1, 2], 'size': [1, 0.5]}
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if isinstance(value, Token):
            return value
        if not nan and not isfinite(value):
            raise MetadataError(f"{where} is no JSON", found=str(value), expected="a finite number, or a string")
        return float(value)
    if isinstance(value, Mapping):
        return {_name(name, where): plain(item, _below(where, name), nan=nan) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{k}]", nan=nan) for k, item in enumerate(value)]
    raise MetadataError(
        f"{where or 'the value'} is no JSON",
        found=f"{type(value).__module__}.{type(value).__qualname__}",
        expected="text, a number, true, false, null, a list or a mapping",
    )


def _below(where: str, name: object) -> str:
    return f"{where}.{name}" if where else str(name)


def _name(name: object, where: str) -> str:
    if not isinstance(name, str):
        raise MetadataError(f"a name in {where or 'the document'} is no text", found=repr(name), expected="a string")
    return name

"""Values that become elements of variable length: text and objects.

Knows: which Python and numpy values are text, and how nested lists become an array of objects. Must not know: codecs,
or where the values go. numpy itself would write 5 as "5", cut text where it ends in NULs, and take a list of lists for
two dimensions whatever was meant.
"""

from __future__ import annotations

import reprlib
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from dzarr.errors import DTypeError
from dzarr.format.elements import TEXT, native

Array: TypeAlias = np.ndarray[Any, Any]
DType: TypeAlias = "np.dtype[Any]"

MAY_BE_TEXT = "USTO"
"""Kinds of arrays that may hold text; those of objects and of bytes are looked at element by element."""


def can_cast(source: DType, wanted: DType, casting: str) -> bool:
    """Return whether `casting` allows the cast, as ``numpy.can_cast`` does, but for text of any length.

    Text goes into text safely, and nothing else does; no cast of it to a fixed length is safe, as that cuts.

    Examples
    --------
    >>> can_cast(np.dtype("U3"), TEXT, "safe"), can_cast(np.dtype("f8"), TEXT, "safe"), np.can_cast("f8", TEXT, "safe")
    (True, False, True)
    """
    if casting != "unsafe":
        if wanted.kind == "T":
            return source == wanted or (casting in ("safe", "same_kind") and source.kind in MAY_BE_TEXT)
        if source.kind == "T" and wanted.kind in "SU":
            return False
        if is_reordered(source, wanted):
            return False
    return bool(np.can_cast(source, wanted, casting))  # type: ignore[arg-type]


def is_reordered(source: DType, wanted: DType) -> bool:
    """Whether both are structures of the same names in another order: numpy would assign fields by their places.

    Examples
    --------
    >>> is_reordered(np.dtype([("x", "f4"), ("y", "f4")]), np.dtype([("y", "f4"), ("x", "f4")]))
    True
    """
    names, given = wanted.names or (), source.names or ()
    return names != given and sorted(names) == sorted(given)


def text(array: Array) -> Array:
    """Return text of any length: `array` itself, or a copy of str, or bytes in UTF-8.

    Raises DTypeError, naming the index, for what is no text.

    Examples
    --------
    >>> text(np.array([b"a", "b"], object))
    array(['a', 'b'], dtype=StringDType())
    """
    if array.dtype == TEXT:
        return array
    if array.dtype.kind == "U":
        try:
            # numpy reads big endian text as little endian here, unless it is native first.
            return array.astype(native(array.dtype)).astype(TEXT)
        except (TypeError, UnicodeEncodeError):
            pass  # the way of objects finds out which it was
    items = array.reshape(-1).tolist()
    if not all(type(item) is str for item in items):
        items = [_one_text(item, k, array.shape) for k, item in enumerate(items)]
    try:
        return np.array(items, TEXT).reshape(array.shape)
    except UnicodeEncodeError:
        for k, item in enumerate(items):
            _one_text(item, k, array.shape)
        raise


def _one_text(item: Any, k: int, shape: tuple[int, ...]) -> str:
    try:
        if isinstance(item, bytes):
            return item.decode()
        str.encode(item)  # text may hold what has no form in UTF-8
        return str(item)
    except (TypeError, UnicodeError) as error:
        index = tuple(map(int, np.unravel_index(k, shape))) if shape else ()
        raise DTypeError(
            f"the value at {index} is no text",
            found=f"{type(item).__name__} {reprlib.repr(item)}",
            expected="str, or bytes in UTF-8",
        ) from error


def objects(values: Any, ndim: int) -> Array:
    """Return values as objects: the outer `ndim` lists are axes, what is inside them are elements.

    Examples
    --------
    >>> objects([[1, 2], [3]], 2)
    array([list([1, 2]), list([3])], dtype=object)
    """
    if not isinstance(values, (list, tuple, bytes, str, dict)):
        found = np.asarray(values)
        if found.ndim:
            return found.astype(object)
    shape: tuple[int, ...] = ()
    items = [values]
    # A level is an axis as long as all that it holds are lists of one length.
    while len(shape) < ndim and items and all(isinstance(item, (list, tuple)) for item in items):
        lengths = set(map(len, items))
        if len(lengths) > 1:
            break
        shape += (lengths.pop(),)
        items = list(chain.from_iterable(items))
    # Unlike an assignment of the list, this looks into no element that is itself a list.
    return np.fromiter(items, object, len(items)).reshape(shape)

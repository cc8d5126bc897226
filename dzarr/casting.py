"""Values that a caller assigns, made to fit.

Knows: dtypes and shapes. Must not know: where the values go.

    to                 from                 what is lost silently
    a float            any real number      precision
    an integer         any number           nothing: every value must survive
    a small number     any number           precision; what the type has no room for is an error
    text               text, UTF-8 bytes    nothing
    objects            anything             nothing: what the array's codec can't store is found by it
    times              times                what is shorter than the unit
    a structure        tuples, structures   what its fields lose; fields go by their places
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from dzarr.errors import DTypeError, RegionError
from dzarr.format.elements import in_order, native
from dzarr.format.small import Small, small_of
from dzarr.format.times import cast_times
from dzarr.format.variable import is_reordered, objects, text

Values = np.ndarray[Any, Any]


def fitting(values: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Values:
    """Return `values` as an array of `dtype`, broadcast to `shape`. Raises DTypeError, RegionError."""
    if isinstance(values, np.ma.MaskedArray):
        raise DTypeError("masked elements have no value to store", fix="call values.filled(...) first")
    try:
        array = _array(values, len(shape), dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise RegionError("values make no array", found=str(error), expected=f"{dtype} {shape}") from error
    if array.dtype != dtype:
        array = _cast(array, dtype, exact=isinstance(values, (bool, int, float, complex)))
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise RegionError("values don't fit the region", found=array.shape, expected=shape) from None


def _array(values: Any, ndim: int, dtype: np.dtype[Any]) -> Values:
    if isinstance(values, np.ndarray):
        return values
    if dtype.kind == "O":
        return objects(values, ndim)
    if dtype.kind == "T" and isinstance(values, (str, bytes, list, tuple)):
        # As objects: numpy's own text has a fixed length, and no end if it ends in NUL.
        return np.array(values, object)
    if dtype.names and isinstance(values, (tuple, list)):
        # numpy takes a tuple for a structure only where it is told which; it swaps no small numbers on the way.
        return np.array(values, _uncut(in_order(dtype, "little")))
    return np.asarray(values)


def _uncut(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a structure whose fields keep what numpy would cut without a word: any number, any text."""
    if dtype.names is not None:
        return np.dtype([(name, _uncut(dtype[name])) for name in dtype.names])
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((_uncut(base), shape))
    return np.dtype(object) if dtype.kind in "biuSU" and small_of(dtype) is None else dtype


def _cast(array: Values, dtype: np.dtype[Any], exact: bool) -> Values:
    """Cast within the kind (float64 to float32); to another kind, only where every value survives."""
    if dtype.kind == "T":
        return text(array)
    if dtype.names is not None and array.dtype.names is not None:
        return _cast_fields(array, dtype, exact)
    if dtype.kind in "mM" and array.dtype.kind == dtype.kind:
        return cast_times(array, dtype)
    small = small_of(dtype)
    if small is None and not exact and np.can_cast(array.dtype, dtype, "same_kind") and not _cuts(array.dtype, dtype):
        return array.astype(dtype)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cast = array.astype(dtype)
            kept = _kept(array, cast, small)
        except (TypeError, ValueError, OverflowError):
            cast, kept = array, False
    if not kept:
        raise DTypeError("values would be lost", found=array.dtype, expected=dtype, fix="cast them with astype first")
    return cast


def _cast_fields(array: Values, dtype: np.dtype[Any], exact: bool) -> Values:
    names, given = dtype.names or (), array.dtype.names or ()
    if len(names) != len(given) or is_reordered(array.dtype, dtype):
        raise DTypeError("the fields are others", found=array.dtype, expected=dtype, fix="put them in this order first")
    cast = np.empty(array.shape, dtype)
    for name, source in zip(names, given, strict=True):
        field, wanted = array[source], dtype[name].base
        if field.dtype.kind == "O":
            field = np.asarray(field.tolist())
        if field.dtype != wanted:
            field = _cast(field, native(wanted), exact)
        try:
            cast[name] = field
        except ValueError:
            raise DTypeError("a field has another shape", found=array.dtype, expected=dtype) from None
    return cast


def _cuts(found: np.dtype[Any], dtype: np.dtype[Any]) -> bool:
    """Whether numbers may be wrapped, or text cut to a shorter length: numpy takes both for casts within the kind."""
    if dtype.kind in "iu":
        return not np.can_cast(found, dtype, "safe")
    return dtype.kind in "SU" and (found.kind not in "SU" or _length(found) > _length(dtype))


def _length(dtype: np.dtype[Any]) -> int:
    return dtype.itemsize // 4 if dtype.kind == "U" else dtype.itemsize


def _kept(array: Values, cast: Values, small: Small | None) -> bool:
    if small is not None:
        return _kept_small(array, cast, small)
    if cast.dtype.kind in "fc" and (array.dtype.kind in "biuf" or small_of(array.dtype) is not None):
        return True
    if cast.dtype.kind in "SU" and array.dtype.kind in "SUT":
        return bool(np.array_equal(cast.astype(array.dtype), array))  # numpy compares no text with bytes
    return bool(np.array_equal(cast, array))


def _kept_small(array: Values, cast: Values, small: Small) -> bool:
    """Whether every value survives in an integer; in a float, whether none is turned into what it isn't."""
    if array.dtype.kind not in "biuf" and small_of(array.dtype) is None:
        return False
    wide = array.astype(np.float64) if array.dtype.kind not in "biu" else array
    if small.kind == "i":
        least, most = small.limits
        return bool(((wide >= least) & (wide <= most)).all()) and bool((cast.astype(wide.dtype) == wide).all())
    if small.infinite:
        return True
    least, most = small.limits
    nan = wide != wide
    fits = nan if small.nan is not None else np.zeros_like(nan)
    return bool((fits | ((wide >= least) & (wide <= most))).all())

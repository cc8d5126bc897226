"""Values that a caller assigns, made to fit.

Knows: dtypes and shapes. Must not know: where the values go.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from dzarr.errors import DTypeError, RegionError


def fitting(values: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return `values` as an array of `dtype`, broadcast to `shape`. Raises DTypeError, RegionError."""
    if isinstance(values, np.ma.MaskedArray):
        raise DTypeError("masked elements have no value to store", fix="call values.filled(...) first")
    try:
        # numpy takes a tuple for a structure only where it is told which.
        array = np.asarray(values, dtype if dtype.names and isinstance(values, (tuple, list)) else None)
    except (TypeError, ValueError, OverflowError) as error:
        raise RegionError("values make no array", found=str(error), expected=f"{dtype} {shape}") from error
    if array.dtype != dtype:
        array = _cast(array, dtype, exact=isinstance(values, (bool, int, float, complex)))
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise RegionError("values don't fit the region", found=array.shape, expected=shape) from None


def _cast(array: np.ndarray[Any, Any], dtype: np.dtype[Any], exact: bool) -> np.ndarray[Any, Any]:
    """Cast within the kind (float64 to float32); to another kind, only where every value survives."""
    if not exact and np.can_cast(array.dtype, dtype, "same_kind"):
        return array.astype(dtype)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cast = array.astype(dtype)
            kept = (dtype.kind in "fc" and array.dtype.kind in "biuf") or bool(np.array_equal(cast, array))
        except (TypeError, ValueError, OverflowError):
            cast, kept = array, False
    if not kept:
        raise DTypeError("values would be lost", found=array.dtype, expected=dtype, fix="cast them with astype first")
    return cast

"""Times of one unit in another: numpy multiplies their counts, and says nothing where 64 bits are too few.

Knows: units. Must not know: where the times come from or go to.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dzarr.errors import DTypeError

Array = np.ndarray[Any, Any]


def cast_times(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return times in the unit of `dtype`; what is shorter than it is cut off, as numpy does.

    Raises DTypeError for a time that `dtype` has no room for.

    Examples
    --------
    >>> cast_times(np.array(["2000-01-01"], "M8[D]"), np.dtype("M8[s]"))
    array(['2000-01-01T00:00:00'], dtype='datetime64[s]')
    """
    cast = array.astype(dtype)
    # Only counts that grow may be too large, and what wrapped around doesn't come back.
    if np.can_cast(array.dtype, dtype, "safe"):
        lost = (cast.astype(array.dtype) != array) & ~np.isnat(array)
        if lost.any():
            raise DTypeError(
                "a time is out of range", found=str(array[lost].flat[0]), expected=str(dtype), fix="use a longer unit"
            )
    return cast

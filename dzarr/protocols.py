"""The protocols of Dask and numpy, for handles.

Knows: which method each of them calls, and that all but plain reads go to ``dask.array``. Must not know:
what a handle is made of; it asks for ``to_dask()``, ``read()`` and ``size``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

import dzarr
from dzarr.delegation import DELEGATED
from dzarr.errors import ReadOnlyError

if TYPE_CHECKING:
    import dzarr.graph


class DuckArray(NDArrayOperatorsMixin):
    """What makes a handle a Dask collection and a numpy duck array."""

    __array_priority__ = 20  # above dask.array.Array's 11, so that its operators let ours answer
    __slots__ = ()

    @property
    def size(self) -> int:
        """Number of elements."""
        raise AttributeError("size")

    def to_dask(self, chunks: Any = None, overlap: Any = None) -> Any:
        """Return the lazy array."""
        raise AttributeError("to_dask")

    def read(self, region: Any = ...) -> Any:
        """Return the elements."""
        raise AttributeError("read")

    def to_dask_array(self) -> Any:
        """As ``to_dask()``; the name that ``dask.array.asarray`` looks for."""
        return self.to_dask()

    def compute(self, **kwargs: Any) -> Any:
        """Return the view as numpy: through the eager engine here, through Dask on a cluster."""
        if "dask" not in sys.modules or dzarr.graph.runs_here(kwargs):
            return self.read()
        return self.to_dask().compute(**kwargs)

    def persist(self, **kwargs: Any) -> Any:
        """Return a ``dask.array.Array`` whose blocks are kept in memory."""
        return self.to_dask().persist(**kwargs)

    def __dask_graph__(self) -> Any:
        return self.to_dask().__dask_graph__()

    def __dask_keys__(self) -> Any:
        return self.to_dask().__dask_keys__()

    def __dask_layers__(self) -> Any:
        return self.to_dask().__dask_layers__()

    def __dask_postcompute__(self) -> Any:
        return self.to_dask().__dask_postcompute__()

    def __dask_postpersist__(self) -> Any:
        return self.to_dask().__dask_postpersist__()

    @property
    def __dask_optimize__(self) -> Any:
        return type(self.to_dask()).__dask_optimize__  # dask groups collections by this very function

    @property
    def __dask_scheduler__(self) -> Any:
        return type(self.to_dask()).__dask_scheduler__

    # numpy

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy is False:
            raise ValueError("an array in a store can't be had without a copy")
        values = self.read()
        return np.asarray(values) if dtype is None else np.asarray(values).astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(out, DuckArray) for out in kwargs.get("out", ())):
            raise ReadOnlyError("a handle can't be the out= of a numpy function", fix="use a[...] = or dzarr.store")
        return getattr(ufunc, method)(*map(_as_dask, inputs), **{name: _as_dask(x) for name, x in kwargs.items()})

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*_as_dask(args), **_as_dask(kwargs))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth value of an array of {self.size} elements is ambiguous; use any() or all()")
        return bool(self.read())

    def __float__(self) -> float:
        return float(self.read())

    def __int__(self) -> int:
        return int(self.read())

    def __complex__(self) -> complex:
        return complex(self.read())

    def __index__(self) -> int:
        return self.read().__index__()  # type: ignore[no-any-return]

    def __contains__(self, value: Any) -> bool:
        return bool((self.to_dask() == value).any().compute())

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name in DELEGATED:
            return getattr(self.to_dask(), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *DELEGATED})


def _as_dask(thing: Any) -> Any:
    if isinstance(thing, DuckArray):
        return thing.to_dask()
    if isinstance(thing, (list, tuple)):
        return type(thing)(map(_as_dask, thing)) if not hasattr(thing, "_fields") else thing
    if isinstance(thing, dict):
        return {key: _as_dask(value) for key, value in thing.items()}
    return thing


def in_task() -> bool:
    """Return whether the calling thread runs a task of a distributed worker."""
    # The workers' threads are the cluster's to give: a task that took more would starve its neighbours.
    return bool(dzarr.graph.in_task())

"""The protocols of Dask and numpy, for handles.

Knows: which method each of them calls, and that all but plain reads go to ``dask.array``. Must not know:
what a handle is made of; it asks for ``to_dask()``, ``read()``, ``shape`` and ``size``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
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
    def shape(self) -> tuple[int, ...]:
        """Elements along each dimension."""
        raise AttributeError("shape")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        raise AttributeError("dtype")

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
        finish, more = self.to_dask().__dask_postcompute__()
        return _Frozen(finish), more

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
        out = kwargs.get("out", ())
        if any(isinstance(one, DuckArray) for one in out):
            raise ReadOnlyError("a handle can't be the out= of a numpy function", fix="use a[...] = or dzarr.store")
        if out and all(isinstance(one, np.ndarray) for one in out):
            # Where the result has a place in memory, as in `values += a`, there is nothing to be lazy for.
            inputs = tuple(x.read() if isinstance(x, DuckArray) else x for x in inputs)
        return getattr(ufunc, method)(*map(_as_dask, inputs), **{name: _as_dask(x) for name, x in kwargs.items()})

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in _OF_THE_TYPE:
            args = tuple(x._outline() if isinstance(x, DuckArray) else x for x in args)
            return func(*args, **kwargs)
        return func(*_as_dask(args), **_as_dask(kwargs))

    def _outline(self) -> np.ndarray[Any, Any]:
        """Return an array of this shape and dtype that holds nothing and takes no memory."""
        return np.broadcast_to(np.empty((), self.dtype), self.shape)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth value of an array of {self.size} elements is ambiguous; use any() or all()")
        return bool(self.read())

    def _scalar(self) -> np.ndarray[Any, Any]:
        if self.shape:  # told before anything is read
            raise TypeError(f"only a 0-dimensional array makes a Python number, not one of shape {self.shape}")
        return np.asarray(self.read())

    def __float__(self) -> float:
        return float(self._scalar())

    def __int__(self) -> int:
        return int(self._scalar())

    def __complex__(self) -> complex:
        return complex(self._scalar())

    def __index__(self) -> int:
        return self._scalar().__index__()

    def __contains__(self, value: Any) -> bool:
        return bool((self.to_dask() == value).any().compute())

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name in DELEGATED:
            return getattr(self.to_dask(), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *DELEGATED})


@dataclass(frozen=True)
class _Frozen:
    """Ends ``dask.compute(handle)`` with an array that can't be assigned to.

    dask computes a handle that stands for a literal in a graph, also where the task means to write into it:
    ``dask.array.store(x, handle)`` would fill a copy in memory and lose it. With this it fails instead.
    """

    finish: Callable[..., Any]

    def __call__(self, *parts: Any) -> Any:
        values = np.asarray(self.finish(*parts)).view()
        values.flags.writeable = False
        return values


_OF_THE_TYPE = frozenset({np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj})
"""Functions that ask for shape and dtype alone; dask lacks some of them, and would compute the array."""


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

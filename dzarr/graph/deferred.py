"""Deferred results: one key of a graph, as a Dask collection.

Knows: Dask's collection protocol. Must not know: what the graph does. ``dask.compute`` takes it along
with other collections; `finish` turns the raw answer into what the user sees, on the client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import dask.array as da
import dask.base
import dask.threaded
from dask.highlevelgraph import HighLevelGraph

T = TypeVar("T")


class Deferred(Generic[T]):
    """Work that is planned and not done yet. ``print(d.plan)`` tells what it will do, ``d.compute()`` does it."""

    def __init__(self, graph: HighLevelGraph, keys: Sequence[str], plan: Any, finish: Callable[[list[Any]], T]) -> None:
        self._graph = graph
        self._keys = list(keys)
        self._finish = finish
        self.plan = plan
        """What is going to be done."""

    def compute(self, **kwargs: Any) -> T:
        """Do it and return the result. Keywords go to ``dask.compute``."""
        (result,) = dask.base.compute(self, **kwargs)
        return result  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<dzarr.Deferred\n {self.plan}\n call .compute() to do it>"

    def __dask_graph__(self) -> HighLevelGraph:
        return self._graph

    def __dask_keys__(self) -> list[str]:
        return self._keys

    def __dask_layers__(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def __dask_tokenize__(self) -> Any:
        return "dzarr-deferred", self._keys

    __dask_optimize__ = staticmethod(da.Array.__dask_optimize__)
    __dask_scheduler__ = staticmethod(dask.threaded.get)

    def __dask_postcompute__(self) -> tuple[Callable[..., T], tuple[Any, ...]]:
        return self._finish, ()

    def __dask_postpersist__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _rebuild, (self._keys, self.plan, self._finish)


def _rebuild(graph: Mapping[Any, Any], keys: Sequence[str], plan: Any, finish: Any, **_: Any) -> Deferred[Any]:
    held = HighLevelGraph.from_collections(keys[0], dict(graph)) if keys else HighLevelGraph({}, {})
    return Deferred(held, keys, plan, finish)

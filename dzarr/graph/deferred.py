"""Deferred results: a few keys of a graph, as a Dask collection.

Knows: Dask's collection protocol. Must not know: what the graph does. ``dask.compute`` takes it along
with other collections; `finish` turns the raw answers into what the user sees. Dask makes a task of that,
so it may run anywhere; what only this process can do is the `client`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import dask.array as da
import dask.base
import dask.threaded
from dask.highlevelgraph import HighLevelGraph

T = TypeVar("T")


class ClientSide(Protocol):
    """What the process that asks for the result does before the graph runs, after it, and where it fails."""

    def check(self, keywords: Mapping[str, Any]) -> None:
        """Raise where ``compute(**keywords)`` can't work."""

    def done(self) -> None:
        """Tidy up; the result has arrived."""

    def fail(self) -> None:
        """Tidy up after a graph that failed. Raises nothing, so as not to hide the reason."""


class Deferred(Generic[T]):
    """Work that is planned and not done yet. ``print(d.plan)`` tells what it will do, ``d.compute()`` does it."""

    def __init__(
        self,
        graph: HighLevelGraph,
        keys: Sequence[str],
        plan: Any,
        finish: Callable[[list[Any]], T],
        client: ClientSide,
        layers: Sequence[str] | None = None,
    ) -> None:
        self._graph = graph
        self._keys = list(keys)
        self._finish = finish
        self._client = client
        self._layers = tuple(keys if layers is None else layers)
        self.plan = plan
        """What is going to be done."""

    def compute(self, **kwargs: Any) -> T:
        """Do it and return the result. Keywords go to ``dask.compute``."""
        self._client.check(kwargs)
        try:
            (result,) = dask.base.compute(self, **kwargs)
        except BaseException:
            self._client.fail()
            raise
        self._client.done()
        return result  # type: ignore[no-any-return]

    def persist(self, **kwargs: Any) -> Deferred[T]:
        """Start it where the scheduler works in the background; ``compute()`` of the answer waits for the result."""
        self._client.check(kwargs)
        (started,) = dask.base.persist(self, **kwargs)
        return started  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<dzarr.Deferred\n {self.plan}\n call .compute() to do it>"

    def __dask_graph__(self) -> HighLevelGraph:
        return self._graph

    def __dask_keys__(self) -> list[str]:
        return self._keys

    def __dask_layers__(self) -> tuple[str, ...]:
        return self._layers

    def __dask_tokenize__(self) -> Any:
        return "dzarr-deferred", self._keys

    __dask_optimize__ = staticmethod(da.Array.__dask_optimize__)
    __dask_scheduler__ = staticmethod(dask.threaded.get)

    def __dask_postcompute__(self) -> tuple[Callable[..., T], tuple[Any, ...]]:
        return self._finish, ()

    def __dask_postpersist__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _rebuild, (self._keys, self.plan, self._finish, self._client)


def _rebuild(
    graph: Mapping[Any, Any], keys: Sequence[str], plan: Any, finish: Any, client: Any, **_: Any
) -> Deferred[Any]:
    name = "dzarr-started-" + dask.base.tokenize(keys)
    return Deferred(HighLevelGraph.from_collections(name, dict(graph)), keys, plan, finish, client, (name,))

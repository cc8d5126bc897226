"""How a source gets to the tasks that need it: in each of them, or once in the graph.

Knows: how large a source is when it is pickled. Must not know: what tasks do with it. A source is usually a few hundred
bytes, and rides in every task. One with a long document (explicit edges, a wide structure) is a key of the graph that
all its tasks depend on: it is sent once, and made once in every process.

    small    read(source, selection)  read(source, selection) ...
    large    source-<digest>  <-  read(<-, selection)  read(<-, selection) ...
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dask._task_spec import Task
from dask.base import tokenize
from dask.highlevelgraph import MaterializedLayer

from dzarr.io.source import Source

MOST_BYTES = 2048
"""The longest document that rides in every task; the rest of a source needs no more than as much again."""


class Carried(NamedTuple):
    """What a blockwise layer gets in a source's place: an argument, its indices, and what they stand for."""

    argument: Any
    indices: tuple[()] | None
    numblocks: dict[str, tuple[()]]
    layers: dict[str, MaterializedLayer]


def carry(source: Source) -> Carried:
    """Return how `source` gets to the tasks of a layer."""
    if len(source.layout.document) <= MOST_BYTES:
        return Carried(source, None, {}, {})
    name = "dzarr-source-" + tokenize(source, source.options)
    layer = MaterializedLayer({(name,): Task((name,), arrived, source)})
    return Carried(name, (), {name: ()}, {name: layer})


def arrived(source: Source) -> Source:
    """Return the source: the task that the others depend on."""
    return source

"""Lazy writing: Dask arrays into stored arrays, every object by exactly one task.

Knows: how blocks are made to own whole objects, and the shape of a store graph. Must not know: handles
or documents' contents; what happens before and after the data is given as two plain callables.

    source blocks -> (regrouped to object borders) -> one write task per block -> receipts
    begin  ------------------------------^                                           |
                                             tree of receipts -> finish (publishes the document)

A task that is run twice (retried, stolen, its worker lost) writes the same bytes to the same objects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
from dask._task_spec import DataNode, List, Task, TaskRef
from dask.base import tokenize
from dask.blockwise import Blockwise, blockwise
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from dask.utils import parse_bytes

from dzarr.errors import DTypeError, GridError, RegionError, UnsupportedError
from dzarr.format.selection import Selection
from dzarr.format.times import cast_times
from dzarr.format.variable import MAY_BE_TEXT, can_cast, text
from dzarr.graph.align import is_aligned, snap
from dzarr.graph.carry import carry
from dzarr.graph.read import Blocks, BlockSelections, refuse_query_planning, task_count, view_units
from dzarr.io.source import Source
from dzarr.io.write import write_region

SPLIT_EVERY = 32
"""Receipts that one task sums.

dask orders tasks by what waits for them: it finishes the writes of one sum before it begins those of the next. With
256, half of the blocks of a misaligned store were in memory before the first object was written (1 GB a worker for an
array of 4 GiB, 0.4 GB with 32). With 8, the scheduler has more to do for nothing.
"""


class Receipt(NamedTuple):
    """What write tasks did, summed: objects stored and left out, bytes read and written.

    Seconds are those of a task's work; in the sum of all, those from the first task to the last, by the
    workers' clocks.
    """

    objects: int = 0
    skipped: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class WritePlan:
    """How one array is written: its blocks, whether they had to be regrouped, and what that costs.

    Examples
    --------
    >>> print(WritePlan("a", (100,), ((60, 40),), ((50, 50),), 2, False))
    a: (100,) in 2 write tasks of (50,), regrouped from blocks of (60,)
    """

    path: str
    shape: tuple[int, ...]
    given: Blocks
    blocks: Blocks
    tasks: int
    aligned: bool

    def __str__(self) -> str:
        given, blocks = (tuple(max(axis, default=0) for axis in each) for each in (self.given, self.blocks))
        how = "as they are" if self.aligned else f"regrouped from blocks of {given}"
        return f"{self.path or '(root)'}: {self.shape} in {self.tasks} write tasks of {blocks}, {how}"


@dataclass(frozen=True, eq=False)
class Write:
    """One array to be written: from `array` to where `selection` points in `source`.

    `begin` runs before any data is written and returns a fence (asked before an object is replaced) or
    None, `finish` gets the sum of all receipts after the last one; both must be safe to run twice.
    """

    array: Any
    source: Source
    selection: Selection
    begin: Callable[[], Any]
    finish: Callable[[Receipt], Any]
    lock: Any = "auto"
    casting: str = "safe"


def plan_write(write: Write) -> WritePlan:
    """Return how `write` will be done. Raises GridError for unknown chunks, RegionError for another shape."""
    array, selection = write.array, write.selection
    if any(np.isnan(n) for axis in array.chunks for n in axis):
        raise GridError(
            "the source's chunk sizes are not known", found=array.chunks, fix="call x.compute_chunk_sizes() first"
        )
    if array.shape != selection.shape:
        raise RegionError("the source does not fit its target", found=array.shape, expected=selection.shape)
    if not selection.is_box:
        raise UnsupportedError("store takes basic views", found="an oindex or vindex view", fix="write to it eagerly")
    lengths = view_units(write.source, selection)
    aligned = all(is_aligned(axis, unit) for axis, unit in zip(array.chunks, lengths, strict=True))
    blocks = array.chunks if aligned else tuple(map(snap, array.chunks, lengths))
    return WritePlan(write.source.path, array.shape, array.chunks, blocks, task_count(blocks), aligned)


class Begun(NamedTuple):
    """What the first task leaves to all others: when it ran, and the fence."""

    at: float
    fence: Any


def write_block(
    block: Any, source: Source, selection: Selection, lock: Any, casting: str, begun: Begun | None = None
) -> Receipt:
    """Write one block that owns every object it covers whole: the task of every write graph."""
    start = time.perf_counter()
    values = fit_block(block, source, selection, casting)
    fence = begun.fence if begun is not None else None
    done = write_region(source, selection, values, lock=lock, threads=1, fence=fence)
    return Receipt(done.objects, done.skipped, done.bytes_read, done.bytes_written, time.perf_counter() - start)


def fit_block(block: Any, source: Source, selection: Selection, casting: str) -> np.ndarray[Any, Any]:
    """Return a block as values of the array: masked elements filled, cast. Raises RegionError, DTypeError.

    A graph may have promised another shape or dtype than its tasks return.
    """
    values = np.asanyarray(block)
    wanted = source.layout.dtype
    if values.shape != selection.shape:
        raise RegionError(
            "a block has another shape than its graph says",
            key=source.path or "/",
            found=values.shape,
            expected=selection.shape,
        )
    if isinstance(values, np.ma.MaskedArray) and wanted.hasobject:
        values = np.ma.filled(values.astype(object), source.layout.fill.item())
    if values.dtype != wanted:
        if not can_cast(values.dtype, wanted, casting):
            raise DTypeError(
                "a block has a dtype that its graph didn't say", key=source.path or "/", found=values.dtype,
                expected=wanted, fix="give map_blocks and the like the true dtype, or cast with astype",
            )  # fmt: skip
        is_text = wanted.kind == "T" and values.dtype.kind in MAY_BE_TEXT
        is_time = wanted.kind in "mM" and values.dtype.kind == wanted.kind and casting != "unsafe"
        values = text(values) if is_text else cast_times(values, wanted) if is_time else values.astype(wanted)
    if isinstance(values, np.ma.MaskedArray):
        values = values.filled(source.layout.fill[()])  # type: ignore[arg-type]
    return np.asarray(values)


def add(receipts: Sequence[Any]) -> Receipt:
    """Return the sum of receipts."""
    return Receipt(*map(sum, zip(*receipts, strict=True))) if receipts else Receipt()


def _begin(begin: Callable[[], Any]) -> Begun:
    return Begun(time.time(), begin())


def _finish(finish: Callable[[Receipt], Any], receipts: list[Any], begun: Begun) -> Any:
    return finish(add(receipts)._replace(seconds=max(0.0, time.time() - begun.at)))


def write_graph(writes: Sequence[Write], token: str) -> tuple[HighLevelGraph, list[str], list[WritePlan]]:
    """Return the graph of all writes, the key of each one's last task, and their plans."""
    refuse_query_planning()
    plans = [plan_write(write) for write in writes]
    layers: dict[str, Any] = {}
    dependencies: dict[str, set[str]] = {}
    keys = []
    for k, (write, plan) in enumerate(zip(writes, plans, strict=True)):
        array = write.array if plan.aligned else regroup(write.array, plan.blocks)
        layers.update(array.dask.layers)
        dependencies.update({name: set(needs) for name, needs in array.dask.dependencies.items()})
        suffix = tokenize(token, k, array.name, write.source, write.selection.token())
        keys.append(_add_layers(layers, dependencies, write, array, suffix))
    return HighLevelGraph(layers, dependencies), keys, plans


def regroup(array: Any, blocks: Blocks) -> Any:
    """Rechunk to `blocks` by plain tasks: peer-to-peer shuffles need local disks and break with a worker."""
    limit = max(parse_bytes(dask.config.get("array.chunk-size")), _nbytes(array.chunks, array), _nbytes(blocks, array))
    return da.rechunk(array, blocks, method="tasks", block_size_limit=limit)


def _nbytes(blocks: Blocks, array: Any) -> int:
    n: int = array.dtype.itemsize
    for axis in blocks:
        n *= max(axis, default=1) or 1
    return n


def _add_layers(
    layers: dict[str, Any], dependencies: dict[str, set[str]], write: Write, array: Any, suffix: str
) -> str:
    begin, write_name, total = f"dzarr-begin-{suffix}", f"dzarr-write-{suffix}", f"dzarr-finish-{suffix}"
    layers[begin] = MaterializedLayer({(begin,): Task((begin,), _begin, write.begin)})
    dependencies[begin] = set()
    ix = tuple(range(array.ndim))
    targets = BlockSelections(write.selection, array.chunks)
    carried = carry(write.source)
    layers.update(carried.layers)
    dependencies.update({name: set() for name in carried.layers})
    layers[write_name] = blockwise(
        write_block, write_name, ix, array.name, ix, carried.argument, carried.indices, targets, ix, write.lock, None,
        write.casting, None, begin, (),
        numblocks={array.name: array.numblocks, begin: (), **carried.numblocks},
    )  # fmt: skip
    dependencies[write_name] = {array.name, begin, *carried.layers}
    tree, roots = _tree(f"dzarr-receipts-{suffix}", _block_keys(write_name, array.numblocks))
    finish = Task(total, _finish, write.finish, List(*map(TaskRef, roots)), TaskRef((begin,)))
    layers[total] = MaterializedLayer({**tree, total: finish})
    dependencies[total] = {write_name, begin}
    return total


def _block_keys(name: str, numblocks: tuple[int, ...]) -> list[Any]:
    return [(name, *idx) for idx in np.ndindex(*numblocks)]


def _tree(name: str, keys: list[Any]) -> tuple[dict[Any, Task], list[Any]]:
    """Sum many receipts in steps, so that no task waits for more than a few."""
    tasks: dict[Any, Task] = {}
    depth = 0
    while len(keys) > SPLIT_EVERY:
        upper = []
        for k in range(0, len(keys), SPLIT_EVERY):
            key = (name, depth, k // SPLIT_EVERY)
            tasks[key] = Task(key, add, List(*map(TaskRef, keys[k : k + SPLIT_EVERY])))
            upper.append(key)
        keys, depth = upper, depth + 1
    return tasks, keys


def sources_of(graph: HighLevelGraph, unwrap: Callable[[Any], Any]) -> dict[str, Source]:
    """Return the arrays that a graph reads, by place. `unwrap` returns the Source of a handle, else its argument.

    Seen are the tasks of the graph as it is: what a persisted block was once read from is not known.
    """
    found: dict[str, Source] = {}
    for layer in graph.layers.values():
        if isinstance(layer, Blockwise):
            things: Any = [layer.task, *(arg for arg, axes in layer.indices if axes is None)]
        else:
            things = layer.values()
        for thing in things:
            for source in _walk(thing, unwrap):
                found[source.place] = source
    return found


def _walk(thing: Any, unwrap: Callable[[Any], Any]) -> Iterator[Source]:
    waiting = [thing]
    while waiting:
        thing = unwrap(waiting.pop())
        if isinstance(thing, Source):
            yield thing
        elif isinstance(thing, da.Array):  # a whole array as an argument
            yield from sources_of(thing.dask, unwrap).values()
        elif isinstance(thing, Task):
            waiting += [thing.func, *thing.args, *thing.kwargs.values()]
        elif isinstance(thing, DataNode):
            waiting.append(thing.value)
        elif isinstance(thing, partial):
            waiting += [thing.func, *thing.args, *thing.keywords.values()]
        elif isinstance(thing, dict):
            waiting += thing.values()
        elif isinstance(thing, (list, tuple, set)):
            waiting += thing

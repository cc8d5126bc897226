"""The room of graphs: the only place that imports dask or distributed.

Takes Sources (store, path, layout, options) and selections, never handles. It is imported late, through
``dzarr.graph``, because dask.array costs more to import than all the rest together.
"""

from __future__ import annotations

from dzarr.graph.deferred import Deferred
from dzarr.graph.read import as_dask, block_bytes, from_numpy, target_blocks, to_dask
from dzarr.graph.where import check_reach, in_task, runs_here
from dzarr.graph.write import Receipt, Write, WritePlan, sources_of, write_graph

__all__ = [
    "Deferred",
    "Receipt",
    "Write",
    "WritePlan",
    "as_dask",
    "block_bytes",
    "check_reach",
    "from_numpy",
    "in_task",
    "runs_here",
    "sources_of",
    "target_blocks",
    "to_dask",
    "write_graph",
]

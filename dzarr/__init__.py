"""dzarr: chunked N-dimensional arrays in the Zarr formats, native to Dask.

``dzarr.open`` gives a lazy array whose Dask graph reads whole shards; ``dzarr.store`` writes Dask arrays
so that every stored object has exactly one writer.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from dzarr.api import consolidate, create, create_group, open, open_array, open_group
from dzarr.array import Array
from dzarr.errors import (
    AlignmentError,
    CodecError,
    ConflictError,
    CorruptObjectError,
    DTypeError,
    DzarrError,
    GridError,
    LockError,
    MetadataError,
    MissingObjectError,
    NodeExistsError,
    NodeNotFoundError,
    NodeTypeError,
    OptionError,
    ReadOnlyError,
    RegionError,
    StoreError,
    UnsupportedError,
)
from dzarr.group import Group
from dzarr.io.observe import observe
from dzarr.io.open import open_store
from dzarr.options import Options
from dzarr.results import StoreResult, WriteResult
from dzarr.storing import store

__version__ = "0.1.0"

__all__ = [
    "AlignmentError",
    "Array",
    "CodecError",
    "ConflictError",
    "CorruptObjectError",
    "DTypeError",
    "DzarrError",
    "GridError",
    "Group",
    "LockError",
    "MetadataError",
    "MissingObjectError",
    "NodeExistsError",
    "NodeNotFoundError",
    "NodeTypeError",
    "OptionError",
    "Options",
    "ReadOnlyError",
    "RegionError",
    "StoreError",
    "StoreResult",
    "UnsupportedError",
    "WriteResult",
    "__version__",
    "consolidate",
    "create",
    "create_group",
    "observe",
    "open",
    "open_array",
    "open_group",
    "open_store",
    "store",
]


def __getattr__(name: str) -> ModuleType:
    # The one late import: dask.array takes longer to import than all of dzarr's eager side.
    if name == "graph":
        return importlib.import_module("dzarr.graph")
    raise AttributeError(f"module 'dzarr' has no attribute {name!r}")

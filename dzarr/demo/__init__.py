"""The demo: real climate, ocean and brain data through the whole library, with figures and a report.

Knows: only the public functions of dzarr. It needs the `demo` extra. `dzarr.demo.run.run` starts it:

    sources   real files -> dask arrays             science  numpy functions of whole arrays
    field     the synthetic gigabyte                recorder steps, timings, progress bars, checks
    climate, ocean, brain, synthetic: one leg each  figures, report: PNG and HTML
"""

from __future__ import annotations

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    # Late, like dzarr.graph: the command line looks at trees without loading a cluster's code.
    if name == "run":
        return importlib.import_module("dzarr.demo.run")
    raise AttributeError(f"module 'dzarr.demo' has no attribute {name!r}")

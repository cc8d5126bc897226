"""The check of a hierarchy, from a url to a report.

Knows: the order of things and the threads. Must not know: what is wrong with anything.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dzarr.check.findings import Findings, Watch
from dzarr.check.objects import Job, check_object
from dzarr.check.report import Report, report_of
from dzarr.check.walk import Walk, unseen
from dzarr.errors import DzarrError, NodeNotFoundError
from dzarr.io.open import open_store
from dzarr.io.pool import cores, run_all
from dzarr.io.store import Store
from dzarr.node import join, read_node
from dzarr.options import Options, checked


def check(
    url: Any,
    *,
    path: str = "",
    deep: bool = True,
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
    watch: Watch | None = None,
) -> Report:
    """Look a hierarchy through, documents and data, and report what is wrong with it. Nothing is written.

    Parameters
    ----------
    url : str, path or store
        Where it is, as ``dzarr.open`` takes it.
    path : str
        The node within the store to begin at.
    deep : bool
        Read and decode every chunk. Otherwise documents, listings, shard indexes and sizes are looked at.
    storage_options : mapping, optional
        What a remote store needs to know.
    options : Options, optional
        ``missing="error"`` makes every missing object an error; ``threads`` and ``inflight_bytes`` bound the work.
    watch : callable, optional
        Called after every object with what was looked at so far, and the number of findings; by any thread.

    Returns
    -------
    Report
        Prints as text; ``as_json()`` is for other programs; ``damaged`` tells whether there is any error.

    Raises
    ------
    NodeNotFoundError
        Where there is no node at all.
    StoreError
        Where the store fails as such. An object or a document that can't be read is a finding.

    Examples
    --------
    >>> import dzarr
    >>> a = dzarr.create("memory://check-example", shape=(4,), dtype="u1", chunks=(2,))
    >>> a[:] = 1
    >>> report = check("memory://check-example")
    >>> report.damaged, report.tally.objects, report.findings
    (False, 2, ())
    """
    options = checked(options)
    began = time.perf_counter()
    path = join("", path)
    store = _store_of(open_store(url, storage_options=storage_options), path)
    findings = Findings(watch)
    if not store.can.list:
        unseen(store, findings, path)
    near = store.can.local_path or not store.can.shared
    threads = options.threads or (cores() if near else options.concurrency)
    budget = max(1, options.inflight_bytes // threads)

    def look(job: Job) -> None:
        check_object(job, findings, deep=deep, budget=budget)

    run_all(look, Walk(store, path, options, findings).jobs(), threads)
    return report_of(store.token, path, deep, findings, time.perf_counter() - began)


def _store_of(store: Store, path: str) -> Store:
    """Return the store that shows the node as Zarr. Raises NodeNotFoundError; a node that can't be read is there."""
    try:
        return read_node(store, path).store
    except NodeNotFoundError:
        if store.get(f"{path}/.dzarr/claim" if path else ".dzarr/claim") is None:
            raise
    except DzarrError:
        pass
    return store

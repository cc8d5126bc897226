"""One contestant in a warm process of its own, driven by lines of JSON over its pipes.

Knows: the line protocol, and how to take wall time, CPU time and peak memory of one run. Must not know: what runs.

::

    python worker.py readers zarr-python
    -> {"do": "prepare", "job": {...}}          <- {"ok": true}
    -> {"do": "run", "digest": true}            <- {"wall": 1.2, "cpu": 2.1, "peak": 3e8, "extra": 2.7e8, "digest": 7}
    -> end of file: the process ends

The contestant's module offers ``prepare(contestant, job) -> Runnable``. Whatever a contestant prints goes to stderr, so
that it can't break the protocol, and any error is an answer: ``{"error": "..."}``.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Protocol


class Runnable(Protocol):
    """What a contestant prepares: one run that can be repeated."""

    def run(self) -> Any:
        """The timed part; answers a result."""

    def digest(self, result: Any) -> int:
        """Checksum of the values of a result; not timed."""

    def clean(self, result: Any) -> None:
        """Take away what the run left; not timed."""


def serve(module: str, contestant: str) -> None:
    """Answer requests until the pipe closes."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    runnable: Runnable | None = None
    for request in map(json.loads, sys.stdin):
        try:
            if request["do"] == "prepare":
                runnable = importlib.import_module(module).prepare(contestant, request["job"])
                answer: dict[str, Any] = {"ok": True}
            elif runnable is None:
                answer = {"error": "nothing is prepared"}
            else:
                answer = measure(runnable, digest=request.get("digest", False))
        # A contestant may fail in any way; the arena reports it and goes on with the others.
        except Exception as error:  # noqa: BLE001
            traceback.print_exc()
            first_line = str(error).partition("\n")[0]
            answer = {"error": f"{type(error).__name__}: {first_line}"[:300]}
        answers.write(json.dumps(answer) + "\n")


def measure(runnable: Runnable, *, digest: bool) -> dict[str, Any]:
    """One run: wall and CPU seconds (all threads), peak resident bytes, and those beyond what was there before."""
    gc.collect()
    before = reset_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    result = runnable.run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    top = peak()
    answer = {"wall": wall, "cpu": cpu, "peak": top, "extra": top - before}
    if digest:
        answer["digest"] = runnable.digest(result)
    runnable.clean(result)
    return answer


def reset_peak() -> int:
    """Resident bytes now; where the kernel can, the peak is made to start from here."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak()
    return _status("VmRSS")


def peak() -> int:
    """Largest resident size in bytes since `reset_peak`, or since the start where the kernel can't reset it."""
    try:
        return _status("VmHWM")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(name: str) -> int:
    for entry in Path("/proc/self/status").read_text().splitlines():
        if entry.startswith(name + ":"):
            return int(entry.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")


if __name__ == "__main__":
    serve(*sys.argv[1:3])

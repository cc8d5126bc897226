"""Opens and reads spoiled hierarchies, in a process of its own; prints what came of it, as JSON.

    python tests/fuzz/run.py TARGET FIRST COUNT

Input number n of a target is the same wherever it is made: ``run.py documents 4711 1`` repeats one. What must come out
is an array, a group or a DzarrError, in little time and memory: the address space of the process is bounded, and a
watchdog ends it, with a traceback, where one input takes too long.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from math import prod
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import dzarr
from dzarr.check import check
from dzarr.io.memory import MemoryStore
from tests.fuzz.change import spoil
from tests.fuzz.seeds import TARGETS, Seed

MIB = 1 << 20
SECONDS = 30.0
"""Longest that one input may take on a busy machine; what is right takes milliseconds."""

SPACE = 1024 * MIB
"""Address space that all inputs together may take beyond what the process has at its start."""

ELEMENTS, BYTES = 4096, 4 * MIB
OPTIONS = dzarr.Options(max_decoded_bytes=16 * MIB, threads=1)


def part(shape: tuple[int, ...], itemsize: int, *, last: bool) -> tuple[slice, ...]:
    """Return a small region, at the first or the last elements of each axis."""
    left, region = max(1, min(ELEMENTS, BYTES // max(1, itemsize))), []
    for n in shape:
        size = max(1, min(n, 9, left))
        left //= size
        region.append(slice(max(0, n - size), n) if last else slice(0, size))
    return tuple(region)


def look(node: Any, depth: int = 0) -> None:
    """Read what a user would: facts, values, members."""
    repr(node)
    dict(node.attrs)
    if isinstance(node, dzarr.Array):
        for last in (False, True):
            region = part(node.shape, node.dtype.itemsize, last=last)
            values = node.read(region)
            assert values.shape == tuple(len(range(n)[axis]) for n, axis in zip(node.shape, region, strict=True))
            assert prod(values.shape) <= ELEMENTS
        return
    names = list(node)
    str(node.tree())
    for name in names[:4]:
        try:
            member = node[name]
            if depth < 3:
                look(member, depth + 1)
        except dzarr.DzarrError:
            continue


def change(node: Any) -> None:
    """Write where reading is not enough to find out: values over values, and a document anew."""
    node.attrs.update({"spoiled": [1, "é"]})
    if isinstance(node, dzarr.Array) and node.writable:
        region = part(node.shape, node.dtype.itemsize, last=True)
        node[region] = node.read(region)


def act(seed: Seed, url: Any, choose: Random) -> None:
    """Open and look, now and then in another mode; or check it, or write to it."""
    kind = choose.randrange(12)
    if kind == 0 and not seed.path:
        report = check(url, deep=True, options=OPTIONS)
        str(report)
        return
    record = choose.choice([False, True, "verify"]) if kind == 1 else None
    mode = "r+" if kind == 2 else "r"
    node = dzarr.open(
        url, mode, path=seed.path, zarr_format=seed.zarr_format, consolidated=record, options=OPTIONS
    )  # fmt: skip
    look(node)
    if mode == "r+":
        change(node)


def attempt(seed: Seed, objects: dict[str, bytes], folder: Path, choose: Random) -> None:
    if seed.location:
        for key, data in objects.items():
            (folder / key).write_bytes(data)
        act(seed, seed.location.format(folder=folder), choose)
        return
    store = MemoryStore()
    for key, data in objects.items():
        store.set(key, [data])
    act(seed, store, choose)


def spoiled(seed: Seed, choose: Random) -> dict[str, bytes]:
    objects = dict(seed.objects)
    for key in choose.sample(seed.keys, min(len(seed.keys), choose.choice([1, 1, 1, 2]))):
        kind = choose.randrange(20)
        if kind == 0 and len(objects) > 1:
            del objects[key]
        elif kind == 1:
            objects[key] = objects[choose.choice(list(objects))]
        elif key in objects:
            objects[key] = spoil(objects[key], choose)
    return objects


def place_of(error: BaseException) -> str:
    """Return where in the library an error came from that isn't one of its own."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/dzarr/" in frame.filename]
    at = f"{ours[-1].filename.split('/dzarr/')[-1]}:{ours[-1].lineno}" if ours else "outside"
    return f"{type(error).__name__} at {at}: {str(error)[:200]}"


def fuzz(target: str, first: int, count: int) -> dict[str, Any]:
    seeds = [seed for seed in TARGETS[target]() if seed.keys]
    outcomes: Counter[str] = Counter()
    strangers: dict[str, list[Any]] = {}
    slowest: tuple[float, int, str] = (0.0, first, "")
    largest: tuple[int, int, str] = (0, first, "")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            choose = Random(f"{target} {number}")
            seed = choose.choice(seeds)
            objects = spoiled(seed, choose)
            place = Path(folder) / str(number)
            if seed.location:
                place.mkdir()
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            began, before = time.perf_counter(), peak()
            try:
                attempt(seed, objects, place, choose)
                outcomes["read"] += 1
            except dzarr.DzarrError as error:
                str(error)
                outcomes[type(error).__name__] += 1
            except (Exception, RecursionError) as error:  # noqa: BLE001  what must not happen is collected
                outcomes["stranger"] += 1
                strangers.setdefault(place_of(error).split(": ")[0], [number, seed.name, place_of(error)])
            slowest = max(slowest, (round(time.perf_counter() - began, 3), number, seed.name))
            largest = max(largest, (peak() - before, number, seed.name))
            faulthandler.cancel_dump_traceback_later()
            if seed.location:
                for path in place.iterdir():
                    path.unlink()
                place.rmdir()
    return {"outcomes": outcomes, "strangers": strangers, "slowest": slowest, "largest": largest}


def peak() -> int:
    """The most memory that the process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else MIB)


def bound() -> None:
    """Bound the address space: memory taken on the word of an input is then a MemoryError."""
    taken = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    )
    if taken:
        resource.setrlimit(resource.RLIMIT_AS, (taken + SPACE, taken + SPACE))


def main() -> None:
    target, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("error")
    fuzz(target, first, 3)  # what is imported late and kept for ever is not the inputs' fault
    bound()
    before = peak()
    found = fuzz(target, first, count)
    found["grown"] = peak() - before
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()

"""A scheduler that does everything that a cluster may do to a graph, in one thread and from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from dask._task_spec import convert_legacy_graph
from dask.core import flatten


class Chaos:
    """Runs a graph in any order that its edges allow; loses results, of new and of old tasks, and runs them again.

    So the first task may run again after the last one, and a block may be written by two tasks, one of
    which everybody has forgotten.
    """

    def __init__(self, seed: int, losses: int = 6) -> None:
        self.choose = random.Random(seed)
        self.losses = losses
        self.runs = 0

    def __call__(self, dsk: Any, keys: Any, **_: Any) -> Any:
        tasks = convert_legacy_graph(dict(dsk.__dask_graph__()))
        results: dict[Any, Any] = {}
        wanted = list(flatten([keys]))
        while missing := self._missing(tasks, results, wanted):
            ready = sorted((k for k in missing if all(d in results for d in tasks[k].dependencies)), key=str)
            key = self.choose.choice(ready)
            value = tasks[key]({need: results[need] for need in tasks[key].dependencies})
            self.runs += 1
            results[key] = value
            if self.losses and self.choose.random() < 0.3:
                self.losses -= 1
                for lost in self.choose.sample(sorted(results, key=str), self.choose.randint(1, len(results))):
                    del results[lost]
        return [[results[key] for key in one] if isinstance(one, list) else results[one] for one in keys]

    @staticmethod
    def _missing(tasks: Any, results: Any, wanted: list[Any]) -> set[Any]:
        missing: set[Any] = set()
        waiting = [key for key in wanted if key not in results]
        while waiting:
            key = waiting.pop()
            if key not in missing:
                missing.add(key)
                waiting += [need for need in tasks[key].dependencies if need not in results]
        return missing


@pytest.fixture
def chaos() -> Callable[..., Chaos]:
    """Make a chaotic scheduler from a seed."""
    return Chaos

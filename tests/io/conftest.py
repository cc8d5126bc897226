"""What the tests of stores share: every store by a factory, and processes that run a few lines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import dzarr
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.store import Store

REPOSITORY = Path(dzarr.__file__).parents[1]

# A new store adds one line here and must pass test_store_contract.py.
STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "memory-folder": lambda folder: MemoryStore(f"{folder.name}/below"),
    "local": LocalStore,
    "local-array": lambda folder: LocalStore(folder).within("a"),
    "local-file": lambda folder: LocalStore(folder, durability="file"),
    "local-full": lambda folder: LocalStore(folder / "not" / "there", durability="full").within("a"),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return STORES[request.param](tmp_path)


class Processes:
    """Starts processes that run a piece of Python text, and ends what is left of them."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def start(self, text: str, *words: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", dedent(text), *map(str, words)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, count: int, text: str, *words: object) -> list[str]:
        """Run `count` of them at once (each gets its number as the last word); return what they printed."""
        running = [self.start(text, *words, i) for i in range(count)]
        printed = [process.communicate(timeout=120)[0] for process in running]
        assert [process.returncode for process in running] == [0] * count
        return printed


@pytest.fixture
def processes():
    started = Processes()
    yield started
    for process in started.started:
        if process.poll() is None:
            process.kill()
        process.communicate()

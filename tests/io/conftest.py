"""What the tests of stores share: every store by a factory, and processes that run a few lines."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import fsspec
import pytest
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

import dzarr
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.remote import RemoteStore
from dzarr.io.store import Store
from dzarr.io.zip_writer import ZipWriter
from tests.servers.web import Web, web_server

REPOSITORY = Path(dzarr.__file__).parents[1]

# A new store adds one line here and must pass test_store_contract.py.
STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "memory-folder": lambda folder: MemoryStore(f"{folder.name}/below"),
    "local": LocalStore,
    "local-array": lambda folder: LocalStore(folder).within("a"),
    "local-file": lambda folder: LocalStore(folder, durability="file"),
    "local-full": lambda folder: LocalStore(folder / "not" / "there", durability="full").within("a"),
    "zip": lambda folder: ZipWriter(folder / "x.zip"),
    "remote-memory": lambda folder: RemoteStore(f"memory://{folder}"),
    "remote-folder": lambda folder: RemoteStore(f"local://{folder}/below"),
    "remote-async": lambda folder: RemoteStore(f"slow://{folder}"),
}


class SlowFileSystem(AsyncFileSystemWrapper):
    """fsspec's memory behind its asynchronous interface, as object stores have it."""

    protocol = "slow"
    cachable = True

    def __init__(self, **options: Any) -> None:
        super().__init__(fsspec.filesystem("memory"), asynchronous=False, semaphore=asyncio.Semaphore(1), **options)


fsspec.register_implementation("slow", SlowFileSystem, clobber=True)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return STORES[request.param](tmp_path)


@pytest.fixture
def exact_store(store: Store) -> Store:
    """A store whose versions are exact, and that compares and swaps."""
    if not store.can.set_if:
        pytest.skip("no compare-and-swap, and says so: only small objects have versions, which are their content")
    return store


@pytest.fixture
def web() -> Iterator[Web]:
    """A server of one's own, on this machine; how it behaves is set by its attributes."""
    with web_server() as serving:
        yield serving


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

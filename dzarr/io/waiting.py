"""Waiting for requests over a network: how many at once, how long, how often, and what means "not there".

Knows: fsspec's event loop, which runs in a thread of its own, and how answers come back from it. Must not know:
what is asked, or of whom. Above it everything is synchronous.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from dzarr.options import Options

T = TypeVar("T")
Job = Callable[[], Awaitable[T]]


@dataclass(frozen=True)
class Policy:
    """What `Options` say to a store behind a network; see there.

    Examples
    --------
    >>> Policy.of(Options(missing_status=(403, 404))).missing_status
    (403, 404)
    """

    missing_status: tuple[int, ...] = (404,)
    concurrency: int = 32
    retries: int = 8
    timeout: float = 60.0

    @classmethod
    def of(cls, options: Options) -> Policy:
        """Return what `options` say."""
        return cls(options.missing_status, options.concurrency, options.retries, options.timeout)

    def pauses(self) -> Iterator[float]:
        """Yield how long to wait before each further attempt, in seconds."""
        return (min(8.0, 0.05 * 2**attempt) for attempt in range(self.retries))


def wait_for(job: Job[T]) -> T:
    """Run `job` on fsspec's loop, and return what it returns or raise what it raises."""
    ((_, answer),) = wait_for_all([job], 1)
    return answer


def wait_for_all(jobs: Sequence[Job[T]], concurrency: int) -> Iterator[tuple[int, T]]:
    """Run `jobs` on fsspec's loop, at most `concurrency` at once; yield (position, answer) as they come.

    The first error is raised, and stops the others; so does leaving the iteration early.
    """
    import fsspec.asyn

    answers: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()
    running = asyncio.run_coroutine_threadsafe(_run_all(jobs, concurrency, answers), fsspec.asyn.get_loop())
    try:
        for _ in jobs:
            i, answer, error = answers.get()
            if error is not None:
                raise error
            yield i, answer
    finally:
        running.cancel()


async def _run_all(jobs: Sequence[Job[T]], concurrency: int, answers: queue.SimpleQueue[Any]) -> None:
    todo = iter(enumerate(jobs))

    async def work() -> None:
        for i, job in todo:
            try:
                answers.put((i, await job(), None))
            except BaseException as error:
                answers.put((i, None, error))
                raise

    workers = [asyncio.ensure_future(work()) for _ in range(min(concurrency, len(jobs)))]
    try:
        with suppress(Exception):  # it is in the queue already
            await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

"""The arena: contestants in warm processes of their own, run in turns A B C A B C, so that noise falls on all alike.

Knows: processes, turns, medians, tables. Must not know: what the contestants do.

A contestant that can't run is reported as "not available: ..." and the others go on; one that answers other values
than expected is reported so and has no figures. For a short look, a
contestant whose first run is slower than `slow` seconds can be kept to every third round.
"""

from __future__ import annotations

import json
import os
import selectors
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).resolve().parent
MIB = 2**20
PATIENCE = 600.0  # seconds that one answer may take


class ContestantError(Exception):
    """A contestant did not answer as it should; the text says how."""


@dataclass
class Figures:
    """What one contestant did: seconds, CPU seconds and bytes of every counted run, or why there are none."""

    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    extras: list[int] = field(default_factory=list)
    error: str | None = None

    def summary(self) -> dict[str, Any]:
        """Medians, minima and maxima as JSON; {"error"} where there is nothing to sum up."""
        if self.error is not None or not self.walls:
            return {"error": self.error or "no run"}
        return {
            "runs": len(self.walls),
            "median": statistics.median(self.walls),
            "min": min(self.walls),
            "max": max(self.walls),
            "cpu": statistics.median(self.cpus),
            "peak_bytes": max(self.peaks),
            "extra_bytes": max(self.extras),
            "walls": self.walls,
        }


class Contestant:
    """One process that runs `worker.py` for one contestant of a module."""

    def __init__(self, module: str, name: str) -> None:
        self.name = name
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), module, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send one request and wait for its answer; ContestantError where there is none or it is an error."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
        except OSError as error:
            raise ContestantError(self._last_words()) from error
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                self._process.kill()
                raise ContestantError(f"no answer within {PATIENCE:.0f} s")
        line = stdout.readline()
        if not line:
            raise ContestantError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ContestantError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process by closing its input; it has nothing to save."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _last_words(self) -> str:
        self._process.wait(10)
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        return f"process ended with {self._process.returncode}: {lines[-1] if lines else 'no word'}"[:300]


class Arena:
    """The contestants of one module; use as a context manager."""

    def __init__(self, module: str, names: Sequence[str], *, rounds: int, slow: float) -> None:
        self._rounds, self._slow = rounds, slow
        self._contestants = {name: Contestant(module, name) for name in names}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for contestant in self._contestants.values():
            contestant.close()

    def compete(self, job: Mapping[str, Any], names: Sequence[str], expected: int) -> dict[str, Figures]:
        """Figures by name: one warm run each, whose digest must be `expected`, then the rounds in turns."""
        figures = {name: Figures() for name in names}
        pace = {name: self._warm_up(name, job, expected, figures[name]) for name in names}
        for turn in range(self._rounds):
            for name in names:
                if figures[name].error is None and turn % pace[name] == 0:
                    self._run(name, figures[name])
        return figures

    def _warm_up(self, name: str, job: Mapping[str, Any], expected: int, figures: Figures) -> int:
        """Prepare and verify; answers in how many rounds this contestant runs once."""
        try:
            self._contestants[name].ask(do="prepare", job=dict(job))
            answer = self._contestants[name].ask(do="run", digest=True)
        except ContestantError as error:
            figures.error = f"not available: {error}"
            return 1
        if answer["digest"] != expected:
            figures.error = f"WRONG VALUES: digest {answer['digest']}, expected {expected}"
        return 3 if answer["wall"] > self._slow else 1

    def _run(self, name: str, figures: Figures) -> None:
        try:
            answer = self._contestants[name].ask(do="run")
        except ContestantError as error:
            figures.error = f"failed in round {len(figures.walls)}: {error}"
            return
        figures.walls.append(answer["wall"])
        figures.cpus.append(answer["cpu"])
        figures.peaks.append(answer["peak"])
        figures.extras.append(answer["extra"])


def summaries(figures: Mapping[str, Figures], reference: str) -> dict[str, dict[str, Any]]:
    """Summaries by name; "ratio" is the reference's median over this one's: under 1, the reference is faster."""
    found = {name: entry.summary() for name, entry in figures.items()}
    ours = found.get(reference, {}).get("median")
    if ours is not None:
        for entry in found.values():
            if "median" in entry:
                entry["ratio"] = ours / entry["median"]
    return found


def table(title: str, found: Mapping[str, Mapping[str, Any]], reference: str) -> str:
    """The summaries of one operation as text."""
    head = f"{title:<24}{'median':>9}{'min':>9}{'CPU':>9}{'+MiB':>8}{'runs':>6}  {reference} / this"
    rows = [head, "-" * len(head)]
    for name, entry in found.items():
        if "error" in entry:
            rows.append(f"{name:<24}{entry['error']}")
            continue
        ratio = f"{entry['ratio']:.2f}" if "ratio" in entry else "-"
        seconds = "".join(f"{entry[key]:>9.3f}" for key in ("median", "min", "cpu"))
        rows.append(f"{name:<24}{seconds}{entry['extra_bytes'] / MIB:>8.0f}{entry['runs']:>6}  {ratio:>8}")
    return "\n".join(rows)

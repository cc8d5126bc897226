"""Spoiled documents, shards, chunks, zip files and references: nothing but a DzarrError comes out, soon, in bounds.

Each target is a process of its own with a bounded address space and a watchdog (run.py), so that a crash, a hang, or
memory taken on the word of an input fails the test and doesn't end the run. seeds.py says what is spoiled, change.py
how. ``make soak`` tries 250,000 inputs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "fuzz" / "run.py"

# A target with the least numbers of inputs, of a thousand, that are read all the same and that are refused.
TARGETS = {
    "documents": (20, 500),
    "objects": (100, 200),
    "chunks": (20, 500),
    "zips": (20, 400),
    "references": (50, 400),
}
GROWN = 256
"""MiB that a process may grow by, whatever it was made to look at: chunks of 16 MiB are allowed, indexes are kept."""


def run(target: str, first: int, count: int, timeout: float) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(SCRIPT), target, str(first), str(count)],
        capture_output=True, text=True, timeout=timeout, cwd=ROOT, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, f"the process ended with {done.returncode}\n{(done.stdout + done.stderr)[-6000:]}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(target: str, found: dict[str, Any], count: int) -> None:
    told = "\n".join(
        f"run.py {target} {number} 1: {name}: {error}" for number, name, error in found["strangers"].values()
    )
    assert not found["strangers"], told
    outcomes = found["outcomes"]
    read = outcomes.pop("read")
    least_read, least_refused = (n * count // 1000 for n in TARGETS[target])
    assert read >= least_read, outcomes
    assert sum(outcomes.values()) >= least_refused, outcomes
    assert read + sum(outcomes.values()) == count
    assert found["grown"] <= GROWN, found["largest"]


@pytest.mark.parametrize("target", TARGETS)
def test_spoiled(target: str) -> None:
    check(target, run(target, 0, 1000, 240), 1000)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(5))
@pytest.mark.parametrize("target", TARGETS)
def test_many_spoiled(target: str, part: int) -> None:
    check(target, run(target, 1_000_000 + part * 10_000, 10_000, 7000), 10_000)

"""Blobs that are damaged or lie: an error each time, in little memory, and never the end of the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("mutate.py")
ROOT = SCRIPT.parents[3]


def run(*arguments: str) -> list[int]:
    # Another process: a crash in a C library must fail this test and not end the run.
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(SCRIPT), *arguments],
        capture_output=True, text=True, timeout=240, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return list(map(int, done.stdout.split()))


def test_flipped_and_truncated_blobs() -> None:
    decoded, refused = run("flips", "1", "120")
    assert refused > decoded > 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_flipped_and_truncated_blobs(seed: int) -> None:
    run("flips", str(seed), "3000")


def test_bombs_allocate_no_more_than_a_chunk(tmp_path: Path) -> None:
    run("drop", str(tmp_path))
    (grown,) = run("explode", str(tmp_path))
    assert grown < 8 << 20

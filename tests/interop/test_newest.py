"""The strategies once more, against the newest zarr-python in an interpreter of its own.

Only there are explicit grids, structures, and every order of the chunks in a shard drawn. The environment is made
by `make soak`; without one the short form is skipped, and says what was looked for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def newest() -> str:
    """Return the interpreter with the newest zarr-python; the test is skipped, with the reason, without it."""
    done = subprocess.run(
        [sys.executable, str(HERE / "newest.py")], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        pytest.skip(done.stderr.strip())
    return done.stdout.strip()


def run(python: str, *arguments: str, timeout: float) -> str:
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-rN", "-p", "no:cacheprovider", str(HERE / "test_strategies.py"), *arguments],
        capture_output=True, text=True, timeout=timeout, cwd=ROOT, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return done.stdout


def passed(report: str) -> int:
    found = re.search(r"(\d+) passed", report)
    assert found, report
    assert "skipped" not in report, report
    return int(found[1])


def test_strategies_of_the_newest_zarr() -> None:
    assert passed(run(newest(), timeout=280)) == 7


@pytest.mark.soak
@pytest.mark.timeout(7 * 7200)
def test_five_thousand_of_the_newest_zarr() -> None:
    assert passed(run(newest(), "-m", "soak", timeout=7 * 7200)) == 7

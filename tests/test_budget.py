"""What one warm read of 2 x 2 elements inside a shard passes through: few functions in few files.

Whoever follows such a read in a debugger steps into each of them once. zarr-python needs 159 functions in 25
files for it; dzarr's budget is 30 in 8.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest

import dzarr

PACKAGE = Path(dzarr.__file__).parent
FUNCTIONS, FILES = 30, 8


def passed_through(call: Callable[[], Any]) -> set[CodeType]:
    """Return dzarr's code objects that `call` enters; comprehensions and generators count as functions."""
    found: set[CodeType] = set()

    def watch(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
            found.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(before)
    return found


@pytest.fixture
def array(tmp_path: Path) -> dzarr.Array:
    url = tmp_path / "a.zarr"
    made = dzarr.create(url, shape=(200, 200), dtype="u2", chunks=(10, 10), shards=(100, 100))
    made[...] = np.arange(40_000, dtype="u2").reshape(200, 200)
    return dzarr.open_array(url)


def test_a_small_warm_read_stays_within_its_budget(array: dzarr.Array, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where a cluster's code is loaded, the read first asks whether it runs in one of its tasks: two functions more.
    monkeypatch.delitem(sys.modules, "distributed", raising=False)
    region = (slice(104, 106), slice(51, 53))
    expected = np.arange(40_000, dtype="u2").reshape(200, 200)[region]
    for _ in range(2):
        array.read(region)
    seen = passed_through(lambda: np.testing.assert_array_equal(array.read(region), expected))
    told = "\n".join(sorted(f"{Path(code.co_filename).relative_to(PACKAGE)} {code.co_qualname}" for code in seen))
    assert 5 <= len(seen) <= FUNCTIONS, told
    assert len({code.co_filename for code in seen}) <= FILES, told

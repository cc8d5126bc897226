"""All 170 arrays of the conformance corpus: opened, read whole and in part, equal to what other projects agreed on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr

# What takes a package that may not be there.
OPTIONAL = {
    f"codec numcodecs.{name} needs a package that is not installed": 4
    for name in ("pcodec", "zfpy")
    if find_spec(name) is None
}


def digest(values: np.ndarray[Any, Any]) -> str:
    """The corpus's canonical form of an array, hashed."""
    if values.dtype.kind in "TU":
        data = json.dumps(values.astype(object).tolist(), sort_keys=True).encode()
    else:
        data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes(order="C")
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def entries(corpus: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((corpus / "index.json").read_bytes())
    assert Counter(entry["zarr_format"] for entry in found) == {2: 143, 3: 27}
    assert len({entry["path"] for entry in found}) == 161
    return found


def same(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays hold the same bits, or the same text."""
    if a.dtype.hasobject:
        return a.dtype == b.dtype and a.shape == b.shape and a.tolist() == b.tolist()
    return a.tobytes() == b.tobytes()


def opened(corpus: Path, entry: dict[str, Any]) -> Any:
    return dzarr.open_array(corpus / entry["path"], zarr_format=entry["zarr_format"])


def test_digests(corpus: Path, entries: list[dict[str, Any]]) -> None:
    outcomes: Counter[str] = Counter()
    for entry in entries:
        name = f"{entry['path']} (v{entry['zarr_format']})"
        try:
            array = opened(corpus, entry)
            values = array.read()
        except dzarr.UnsupportedError as error:
            outcomes[error.message] += 1
            continue
        assert list(array.shape) == entry["shape"], name
        assert list(array.shards or array.chunks) == entry["chunks"], name
        assert digest(values) == entry["sha256"], name
        part = tuple(slice(n // 3, n // 3 + 5, 2) for n in array.shape)
        assert same(array[part].read(), values[part]), name
        assert same(array.to_dask().compute(scheduler="sync"), values), name
        outcomes["read"] += 1
    assert outcomes == {"read": 170 - sum(OPTIONAL.values())} | OPTIONAL
    assert sum(outcomes.values()) == 170


def test_expected_values(corpus: Path, entries: list[dict[str, Any]]) -> None:
    outcomes: Counter[str] = Counter()
    for entry in entries:
        expected = entry.get("expected")
        if expected is None:
            continue
        try:
            values = opened(corpus, entry).read()
        except dzarr.UnsupportedError as error:
            outcomes[error.message] += 1
            continue
        if "json" in expected:
            assert values.tolist() == expected["json"]
            outcomes["text"] += 1
            continue
        wanted = np.load(corpus / "expected" / expected["npy"])
        assert values.shape == wanted.shape, entry["path"]
        assert values.dtype == wanted.dtype.newbyteorder("="), entry["path"]
        if expected["mode"] == "exact":
            assert np.array_equal(values, wanted, equal_nan=values.dtype.kind in "fc"), entry["path"]
        else:
            assert np.abs(values - wanted).max() <= 1e-6, entry["path"]
        outcomes[expected["mode"]] += 1
    absent = dict.fromkeys(OPTIONAL, 3)  # expected values stand once for a folder of both formats
    pcodec, zfpy = (3 * (find_spec(name) is not None) for name in ("pcodec", "zfpy"))
    assert outcomes == {"exact": 89 + pcodec, "approx": 3 + zfpy, "text": 1} | absent
    assert sum(outcomes.values()) == 99

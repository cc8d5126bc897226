"""``cast_value`` and ``scale_offset`` both ways with zarr-python, where that is 3.4 or newer and has cast-value-rs.

Run it with the interpreter that ``tests/interop/newest.py`` names; elsewhere the tests say what is missing.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.errors import CodecError

zarr = pytest.importorskip("zarr")
if not hasattr(zarr.codecs, "ScaleOffset"):
    version = importlib.metadata.version("zarr")
    pytest.skip(f"zarr-python {version} has no cast_value and no scale_offset", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
needs_rust = pytest.mark.skipif(find_spec("cast_value_rs") is None, reason="zarr-python casts with cast-value-rs")

ROUNDINGS = ["nearest-even", "towards-zero", "towards-positive", "towards-negative", "nearest-away"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]


def document(dtype: str, size: int, *codecs: dict[str, Any]) -> dict[str, Any]:
    return {
        "zarr_format": 3, "node_type": "array", "shape": [size], "data_type": dtype, "fill_value": 1, "attributes": {},
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [size]}},
        "chunk_key_encoding": {"name": "default"},
        "codecs": [*codecs, {"name": "bytes", "configuration": {"endian": "little"}}],
    }  # fmt: skip


def samples(dtype: str) -> Any:
    random = np.random.default_rng(11)
    if dtype in FLOATS:
        wide = [0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 1e-8, -1e-8, 65519, 65520, 2.0**31, 2.0**53 + 2, 1e30, 2.0**63]
        with np.errstate(over="ignore"):
            found = np.concatenate([wide, random.normal(size=40) * 300]).astype(dtype)
        return found[np.isfinite(found)]
    info = np.iinfo(dtype)
    near = [sign * (1 << k) + d for k in range(info.bits) for d in (-1, 0, 1) for sign in (1, -1)]
    return np.array([n for n in {info.min, info.max, *near} if info.min <= n <= info.max], dtype)


@needs_rust
@pytest.mark.parametrize(("source", "target"), list(product([*INTEGERS, *FLOATS], repeat=2)))
def test_casts(source: str, target: str, write_document: Callable[..., Path]) -> None:
    values = samples(source)
    modes = [None, "clamp", *(["wrap"] if target in INTEGERS else [])]
    roundings = ROUNDINGS[:1] if source in INTEGERS and target in INTEGERS else ROUNDINGS
    for k, (rounding, mode) in enumerate(product(roundings, modes)):
        configuration = {"data_type": target, "rounding": rounding} | ({"out_of_range": mode} if mode else {})
        codec = {"name": "cast_value", "configuration": configuration}
        kept = values
        if mode is None:
            # What has no place is refused by both; what is left must be the same.
            kept = np.array([v for v in values if fits(v, source, target, rounding)], source)
        theirs = write_document(f"theirs-{k}", document(source, kept.size, codec))
        ours = write_document(f"ours-{k}", document(source, kept.size, codec))
        zarr.open_array(theirs, mode="r+")[...] = kept
        dzarr.open_array(str(ours), mode="r+")[...] = kept
        assert (ours / "c/0").read_bytes() == (theirs / "c/0").read_bytes(), (rounding, mode)
        if mode == "clamp" or (mode is None and source in FLOATS):
            back = answer(zarr.open_array(ours, mode="r").__getitem__, ...)
            found = answer(dzarr.open_array(str(theirs)).read)
            assert (back is None) == (found is None)
            assert back is None or back.tobytes() == found.tobytes()


def answer(read: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except (CodecError, ValueError, OSError):
        return None


def fits(value: Any, source: str, target: str, rounding: str) -> bool:
    from dzarr.format.codecs.numbers import numbers
    from dzarr.format.codecs.rounding import Unrepresentable, convert

    one = np.array([value], source)
    try:
        convert(one, numbers(one.dtype), numbers(np.dtype(target)), rounding, None)  # type: ignore[arg-type]
    except Unrepresentable:
        return False
    return True


@pytest.mark.parametrize("dtype", ["int16", "uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize(("offset", "scale"), [(0, 1), (3, 2), (10, 5)])
def test_scales(dtype: str, offset: int, scale: int, write_document: Callable[..., Path]) -> None:
    values = np.arange(10, 50).astype(dtype)
    codec = {"name": "scale_offset", "configuration": {"offset": offset, "scale": scale}}
    theirs, ours = (write_document(name, document(dtype, 40, codec)) for name in ("theirs", "ours"))
    if dtype == "uint8" and offset > 1:
        # zarr-python lets the fill value wrap around, which the specification forbids.
        with pytest.raises(dzarr.MetadataError, match="fill value"):
            dzarr.open_array(str(ours))
        return
    zarr.open_array(theirs, mode="r+")[...] = values
    dzarr.open_array(str(ours), mode="r+")[...] = values
    assert (ours / "c/0").read_bytes() == (theirs / "c/0").read_bytes()
    assert dzarr.open_array(str(theirs)).read().tobytes() == values.tobytes()
    assert zarr.open_array(ours, mode="r")[...].tobytes() == values.tobytes()

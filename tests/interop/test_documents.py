"""Documents against zarr-python: what dzarr writes it opens with the same meaning, and the reverse."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dzarr.format import v2, v3
from dzarr.format.documents import dumps, loads
from dzarr.format.dtypes import fill_to_json, name_v2, name_v3, to_scalar
from dzarr.format.metadata import ArrayMetadata

zarr = pytest.importorskip("zarr")

TYPES: list[tuple[str, list[Any]]] = [
    ("?", [False, True]),
    *[(f"i{n}", [0, -1, -(2 ** (8 * n - 1)), 2 ** (8 * n - 1) - 1]) for n in (1, 2, 4, 8)],
    *[(f"u{n}", [0, 2 ** (8 * n) - 1]) for n in (1, 2, 4, 8)],
    *[(f"f{n}", [0.0, -0.0, 0.1, float("nan"), float("inf"), float("-inf"), 6e-8]) for n in (2, 4, 8)],
    *[(f"c{n}", [0, 1 - 2j, complex(float("nan"), float("-inf")), complex(-0.0, 0.1)]) for n in (8, 16)],
    ("M8[ns]", [np.datetime64("NaT", "ns"), np.datetime64("2020-02-29", "ns")]),
    ("M8[10s]", [np.datetime64("NaT", "10s"), np.datetime64(0, "10s")]),
    ("m8[D]", [np.timedelta64("NaT", "D"), np.timedelta64(-3, "D")]),
    ("S4", [b"", b"ab", b"abcd"]),
    ("U3", ["", "é", "abc"]),
]
CASES = [(np.dtype(name), fill) for name, fills in TYPES for fill in fills]
IDS = [f"{dtype}-{fill}" for dtype, fill in CASES]

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")


def v3_document(dtype: np.dtype[Any], fill: Any) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [10, 7],
        "data_type": name_v3(dtype),
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 7]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": fill_to_json(fill, dtype, 3),
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "gzip", "configuration": {"level": 1}},
        ],
        "attributes": {"a": [1, {"b": None}]},
        "dimension_names": ["y", None],
    }


def v2_document(dtype: np.dtype[Any], fill: Any, order: str, endian: Any) -> dict[str, Any]:
    return {
        "zarr_format": 2,
        "shape": [10, 7],
        "chunks": [4, 7],
        "dtype": name_v2(dtype, endian),
        "fill_value": fill_to_json(fill, dtype, 2),
        "order": order,
        "filters": [{"id": "crc32"}],
        "compressor": {"id": "zlib", "level": 1},
        "dimension_separator": "/",
    }


def check_fill(theirs: Any, ours: Any, dtype: np.dtype[Any], *, payload: bool = True) -> None:
    theirs, ours = np.asarray(theirs, dtype), np.asarray(ours, dtype)
    assert theirs.tobytes() == ours.tobytes() or (not payload and np.isnan(theirs) and np.isnan(ours))


@pytest.mark.parametrize(("dtype", "fill"), CASES, ids=IDS)
def test_zarr_opens_our_v3_documents(tmp_path: Path, dtype: np.dtype[Any], fill: Any) -> None:
    array = v3.parse_array(v3_document(dtype, fill))
    (tmp_path / "zarr.json").write_bytes(dumps(v3.array_document(array)))
    theirs = zarr.open_array(tmp_path, mode="r")
    assert (theirs.shape, theirs.chunks, theirs.dtype) == (array.shape, (4, 7), dtype)
    assert theirs.metadata.dimension_names == array.dimension_names
    assert dict(theirs.attrs) == array.attributes
    check_fill(theirs.fill_value, array.fill_value, dtype)
    assert theirs.metadata.encode_chunk_key((1, 0)) == array.keys.key((1, 0))


@pytest.mark.parametrize(("dtype", "fill"), CASES, ids=IDS)
def test_we_open_the_v3_documents_of_zarr(tmp_path: Path, dtype: np.dtype[Any], fill: Any) -> None:
    theirs = zarr.create_array(
        tmp_path / "a", shape=(10, 7), chunks=(4, 7), dtype=dtype, fill_value=fill, attributes={"a": 1},
        dimension_names=["y", None],
    )  # fmt: skip
    document = loads((tmp_path / "a" / "zarr.json").read_bytes(), "zarr.json")
    array = v3.parse_array(document)
    assert (array.shape, array.dtype, array.dimension_names) == (theirs.shape, dtype, ("y", None))
    check_fill(array.fill_value, to_scalar(fill, dtype), dtype)
    assert array.data_type == name_v3(dtype)
    written = loads(dumps(v3.array_document(array)), "zarr.json")
    drop = {"storage_transformers", "codecs", "fill_value"}
    assert {k: v for k, v in written.items() if k not in drop} == {k: v for k, v in document.items() if k not in drop}
    assert v3.parse_array(written) == array


@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("dtype", "fill"), CASES, ids=IDS)
def test_zarr_opens_our_v2_documents(tmp_path: Path, dtype: np.dtype[Any], fill: Any, order: str, endian: str) -> None:
    array = v2.parse_array(v2_document(dtype, fill, order, endian), {"_ARRAY_DIMENSIONS": ["y", "x"], "a": 1})
    for name, document in v2.array_documents(array).items():
        (tmp_path / name).write_bytes(dumps(document))
    theirs = zarr.open_array(tmp_path, mode="r", zarr_format=2)
    assert (theirs.shape, theirs.chunks, theirs.order) == (array.shape, (4, 7), order)
    assert theirs.dtype.str == array.data_type
    assert dict(theirs.attrs) == array.attributes
    check_fill(theirs.fill_value, array.fill_value, dtype)
    assert theirs.metadata.compressor.get_config() == {"id": "zlib", "level": 1}
    assert [codec.get_config()["id"] for codec in theirs.metadata.filters] == ["crc32"]
    assert theirs.metadata.encode_chunk_key((1, 0)) == array.keys.key((1, 0))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("dtype", "fill"), CASES, ids=IDS)
def test_we_open_the_v2_documents_of_zarr(tmp_path: Path, dtype: np.dtype[Any], fill: Any, order: str) -> None:
    stored = dtype.newbyteorder(">")
    zarr.create_array(
        tmp_path / "a", shape=(10, 7), chunks=(4, 7), dtype=stored, fill_value=fill, zarr_format=2, order=order,
        attributes={"a": 1},
    )  # fmt: skip
    document = loads((tmp_path / "a" / ".zarray").read_bytes(), ".zarray")
    array = v2.parse_array(document, loads((tmp_path / "a" / ".zattrs").read_bytes(), ".zattrs"))
    assert (array.dtype, array.data_type) == (dtype, stored.str)
    assert array.attributes == {"a": 1}
    check_fill(array.fill_value, to_scalar(fill, dtype), dtype)
    assert loads(dumps(v2.array_documents(array)[".zarray"]), ".zarray") == document


RECORD = np.dtype([("x", "<f4"), ("y", ">i2"), ("c", "|u1", (3,))])


@pytest.mark.parametrize("fill", [(1.5, -2, (1, 2, 3)), (0.0, 0, 0)])
def test_structures_in_v2(tmp_path: Path, fill: Any) -> None:
    dtype = RECORD if fill[0] == 0 else np.dtype([("x", "<f4"), ("y", ">i2")])
    scalar = np.array(fill[: len(dtype)], dtype)[()]
    array = v2.parse_array(v2_document(dtype, scalar, "C", None))
    assert array.dtype == dtype
    for name, document in v2.array_documents(array).items():
        (tmp_path / name).write_bytes(dumps(document))
    if dtype is RECORD:
        return  # zarr-python 3 has no structures with arrays as fields
    theirs = zarr.open_array(tmp_path, mode="r", zarr_format=2)
    assert theirs.dtype == dtype
    assert theirs.fill_value.tobytes() == scalar.tobytes()


def test_we_open_the_structures_and_raw_bytes_of_zarr(tmp_path: Path) -> None:
    dtype = np.dtype([("x", "<f4"), ("y", "<i2")])
    for name, kind, fill in (("s", dtype, (1.5, -2)), ("r", np.dtype("V3"), np.void(b"abc"))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zarr.create_array(
                tmp_path / name, shape=(10,), chunks=(4,), dtype=kind, fill_value=np.array(fill, kind)[()]
            )
        document = loads((tmp_path / name / "zarr.json").read_bytes(), "zarr.json")
        array = v3.parse_array(document)
        assert array.dtype == kind
        assert array.fill_value.tobytes() == np.array(fill, kind).tobytes()
        # The document's own spelling is kept, so that its author can still read it.
        written = loads(dumps(v3.array_document(array)), "zarr.json")
        assert written["data_type"] == document["data_type"]
        assert written["fill_value"] == document["fill_value"]


def test_groups_both_ways(tmp_path: Path) -> None:
    root = zarr.create_group(tmp_path / "g", attributes={"a": 1})
    root.create_array("x", shape=(4,), chunks=(2,), dtype="u1")
    root.create_group("h", attributes={"b": 2})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(tmp_path / "g")
    path = tmp_path / "g" / "zarr.json"
    group = v3.parse_group(loads(path.read_bytes(), "zarr.json"))
    assert group.attributes == {"a": 1}
    assert group.consolidated is not None
    assert {name: type(v3.parse(document)).__name__ for name, document in group.consolidated.items()} == {
        "x": "ArrayMetadata",
        "h": "GroupMetadata",
    }
    path.write_bytes(dumps(v3.group_document(group)))
    assert json.loads(path.read_bytes())["consolidated_metadata"]["must_understand"] is False
    again = zarr.open_consolidated(tmp_path / "g", zarr_format=3)
    assert sorted(again) == ["h", "x"]
    assert isinstance(v3.parse(loads((tmp_path / "g" / "x" / "zarr.json").read_bytes(), "k")), ArrayMetadata)

"""What stands around the elements, both ways: fill values, attributes, dimension names, groups, and each one's
own way of creating arrays."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr

zarr = pytest.importorskip("zarr")

NAN, INF = math.nan, math.inf
FILLS = [
    ("bool", True), ("int8", -128), ("uint8", 255), ("int64", -(2**63)), ("int64", 2**63 - 1), ("uint64", 2**64 - 1),
    *[(dtype, fill) for dtype in ("float16", "float32", "float64") for fill in (NAN, INF, -INF, -0.0, 0.1, 6e-8)],
    *[
        (dtype, fill)
        for dtype in ("complex64", "complex128")
        for fill in (1 - 2j, complex(NAN, -INF), complex(-0.0, 0.0), complex(0.1, NAN))
    ],
]  # fmt: skip
ATTRIBUTES = {
    "title": "Größe, 温度 🌡",
    "ключ": ["ß", None, True, 1, -1.5, {"nested": {"deep": []}}],
    "empty": {},
    "large": 2**53,
    "quote": 'a "b" \\ \n \t \u2028',
    "": "an empty name",
}


def bits(values: Any, dtype: str) -> bytes:
    return np.asarray(values, dtype).tobytes()


@pytest.mark.parametrize("zarr_format", [3, 2])
@pytest.mark.parametrize(("dtype", "fill"), FILLS, ids=lambda value: str(value))
def test_fill_values(tmp_path: Path, zarr_format: int, dtype: str, fill: Any) -> None:
    """Missing chunks have the same bits for both, and so have those that hold nothing but the fill value."""
    expected = np.full((5, 3), np.array(fill, dtype), dtype)
    ours = dzarr.create(
        tmp_path / "ours", shape=(5, 3), chunks=(2, 2), dtype=dtype, fill_value=fill, zarr_format=zarr_format
    )
    check_bits(zarr.open_array(tmp_path / "ours", mode="r")[...], expected)
    zarr.create_array(
        tmp_path / "theirs", shape=(5, 3), chunks=(2, 2), dtype=dtype, fill_value=np.array(fill, dtype)[()],
        zarr_format=zarr_format,
    )  # fmt: skip
    theirs = dzarr.open_array(tmp_path / "theirs", "r+")
    check_bits(theirs.read(), expected)
    check_bits(np.asarray(theirs.fill_value), expected[0, 0])
    for handle in (ours, theirs):
        handle[...] = expected
        handle[1, 1] = 0
    expected[1, 1] = 0
    for name in ("ours", "theirs"):
        check_bits(zarr.open_array(tmp_path / name, mode="r")[...], expected)
        check_bits(dzarr.open_array(tmp_path / name).read(), expected)


def check_bits(found: Any, expected: np.ndarray[Any, Any]) -> None:
    found = np.asarray(found)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert found.tobytes() == expected.tobytes()


def test_negative_zero_is_no_fill_value(tmp_path: Path) -> None:
    """A chunk of -0.0 in an array filled with 0.0 is stored, and NaNs with a payload are."""
    handle = dzarr.create(tmp_path / "a", shape=(4,), chunks=(2,), dtype="f4", fill_value=0.0)
    handle[:2] = np.float32(-0.0)
    assert bits(zarr.open_array(tmp_path / "a", mode="r")[...], "f4") == bits([-0.0, -0.0, 0.0, 0.0], "f4")
    payload = np.array([0x7FC00001, 0x7FC00001], "u4").view("f4")
    handle = dzarr.create(tmp_path / "b", shape=(4,), chunks=(2,), dtype="f4", fill_value=NAN)
    handle[2:] = payload
    assert bits(zarr.open_array(tmp_path / "b", mode="r")[2:], "f4") == payload.tobytes()
    assert dzarr.open_array(tmp_path / "b").read()[2:].tobytes() == payload.tobytes()


@pytest.mark.parametrize("zarr_format", [3, 2])
def test_attributes(tmp_path: Path, zarr_format: int) -> None:
    dzarr.create(tmp_path / "ours", shape=(3,), dtype="u1", attributes=ATTRIBUTES, zarr_format=zarr_format)
    assert dict(zarr.open_array(tmp_path / "ours", mode="r").attrs) == ATTRIBUTES
    zarr.create_array(tmp_path / "theirs", shape=(3,), dtype="u1", attributes=ATTRIBUTES, zarr_format=zarr_format)
    theirs = dzarr.open_array(tmp_path / "theirs", "r+")
    assert dict(theirs.attrs) == ATTRIBUTES
    theirs.attrs["ключ"] = {"and": "更新"}
    del theirs.attrs["large"]
    changed = {name: value for name, value in ATTRIBUTES.items() if name != "large"} | {"ключ": {"and": "更新"}}
    assert dict(zarr.open_array(tmp_path / "theirs", mode="r").attrs) == changed
    zarr.open_array(tmp_path / "ours", mode="r+").attrs.update({"by": "zarr"})
    assert dict(dzarr.open_array(tmp_path / "ours").attrs) == ATTRIBUTES | {"by": "zarr"}


@pytest.mark.parametrize("names", [("y", "x"), ("время", None), (None, None), ("same", "same"), ("", "x"), None])
def test_dimension_names(tmp_path: Path, names: Any) -> None:
    dzarr.create(tmp_path / "ours", shape=(4, 3), chunks=(2, 2), dtype="u1", dimension_names=names)
    found = zarr.open_array(tmp_path / "ours", mode="r").metadata.dimension_names
    assert found == (None if names is None else names)
    zarr.create_array(tmp_path / "theirs", shape=(4, 3), chunks=(2, 2), dtype="u1", dimension_names=names)
    assert dzarr.open_array(tmp_path / "theirs").dimension_names == found


@pytest.mark.parametrize("zarr_format", [3, 2])
def test_zarr_reads_our_hierarchies(tmp_path: Path, zarr_format: int) -> None:
    root = dzarr.create_group(tmp_path / "g", attributes=ATTRIBUTES, zarr_format=zarr_format)
    values = np.arange(30, dtype="i4").reshape(5, 6)
    for path in ("a", "sub/b", "sub/deeper/Größe", "sub/deeper/温度"):
        root.create_array(path, shape=(5, 6), chunks=(2, 4), dtype="i4", attributes={"path": path})[...] = values
    root.create_group("sub/empty", attributes={"of": "nothing"})
    root.move("a", "moved/a")
    del root["sub/b"]
    theirs = zarr.open_group(tmp_path / "g", mode="r", zarr_format=zarr_format)
    assert dict(theirs.attrs) == ATTRIBUTES
    found = {path: type(member).__name__ for path, member in theirs.members(max_depth=None)}
    assert found == {
        "moved": "Group", "moved/a": "Array", "sub": "Group", "sub/deeper": "Group", "sub/deeper/Größe": "Array",
        "sub/deeper/温度": "Array", "sub/empty": "Group",
    }  # fmt: skip
    for path in ("moved/a", "sub/deeper/Größe", "sub/deeper/温度"):
        assert np.array_equal(theirs[path][...], values)
    assert theirs["moved/a"].attrs["path"] == "a"
    assert theirs["sub/empty"].attrs["of"] == "nothing"


@pytest.mark.parametrize("zarr_format", [3, 2])
def test_we_read_the_hierarchies_of_zarr(tmp_path: Path, zarr_format: int) -> None:
    root = zarr.create_group(tmp_path / "g", attributes=ATTRIBUTES, zarr_format=zarr_format)
    values = np.arange(30, dtype="f8").reshape(5, 6)
    for path in ("a", "sub/b", "sub/deeper/温度"):
        root.create_array(path, shape=(5, 6), chunks=(2, 4), dtype="f8", attributes={"path": path})[...] = values
    root.create_group("sub/empty")
    ours = dzarr.open_group(tmp_path / "g", "r+")
    assert dict(ours.attrs) == ATTRIBUTES
    assert sorted(ours) == ["a", "sub"]
    assert sorted(ours["sub"]) == ["b", "deeper", "empty"]
    assert [name for name, _ in ours.arrays()] == ["a"]
    assert [name for name, _ in ours.groups()] == ["sub"]
    for path in ("a", "sub/b", "sub/deeper/温度"):
        assert np.array_equal(ours[path].read(), values)
        assert dict(ours[path].attrs) == {"path": path}
    assert len(ours["sub/empty"]) == 0
    # Both go on writing into the same hierarchy.
    ours["sub/b"][1:3] = -1
    ours.attrs["title"] = "changed"
    ours.create_array("sub/empty/new", shape=(2,), dtype="u1")[...] = 7
    again = zarr.open_group(tmp_path / "g", mode="r+", zarr_format=zarr_format)
    assert again["sub/empty/new"][...].tolist() == [7, 7]
    assert again["sub/b"][1:3].tolist() == [[-1] * 6] * 2
    assert again.attrs["title"] == "changed"
    again.create_array("sub/theirs", shape=(2,), dtype="u1")
    assert sorted(ours["sub"]) == ["b", "deeper", "empty", "theirs"]


CREATED: list[dict[str, Any]] = [
    {},
    {"shards": (8, 8)},
    {"shards": {"shape": (4, 8), "index_location": "start"}},
    {"shards": [{"shape": (16, 16)}, {"shape": (8, 4), "index_location": "start"}]},
    {"codecs": ["gzip", "crc32c"]},
    {"codecs": ["blosc"]},
    {"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, "zstd"], "shards": (8, 8)},
    {"codecs": []},
    {"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]},
    {"chunk_key_encoding": "v2"},
    {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}}},
    {"dtype": ">i4"},
]


@pytest.mark.parametrize("create", CREATED, ids=str)
def test_peers_read_what_we_create(tmp_path: Path, peer: Any, create: dict[str, Any]) -> None:
    values = np.arange(21 * 9, dtype="i4").reshape(21, 9)
    create = {"shape": (21, 9), "dtype": "i4", "chunks": (4, 4), "attributes": {"a": 1}} | create
    handle = dzarr.create(tmp_path / "a", **create)
    handle[...] = values
    assert np.array_equal(peer.read(tmp_path / "a"), values)
    peer.write(tmp_path / "a", np.s_[3:9, 2:4], values[3:9, 2:4] * 2)
    values[3:9, 2:4] *= 2
    assert np.array_equal(handle.read(), values)


@pytest.mark.parametrize("compressor", ["auto", None, {"id": "zlib", "level": 3}])
@pytest.mark.parametrize("order", ["C", "F"])
def test_peers_read_what_we_create_in_v2(tmp_path: Path, peer: Any, compressor: Any, order: str) -> None:
    values = np.arange(21 * 9, dtype="f8").reshape(21, 9)
    codecs: Any = "auto" if compressor == "auto" else {"compressor": compressor, "order": order}
    handle = dzarr.create(tmp_path / "a", shape=(21, 9), dtype=">f8", chunks=(4, 4), codecs=codecs, zarr_format=2)
    handle[...] = values
    assert np.array_equal(peer.read(tmp_path / "a"), values)


BY_ZARR: list[dict[str, Any]] = [
    {},
    {"shards": (8, 8)},
    {"compressors": None},
    {"compressors": zarr.codecs.BloscCodec(cname="lz4", shuffle="bitshuffle")},
    {"compressors": [zarr.codecs.GzipCodec(), zarr.codecs.Crc32cCodec()]},
    {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))], "shards": (8, 4)},
    {"serializer": zarr.codecs.BytesCodec(endian="big"), "compressors": zarr.codecs.ZstdCodec(level=3, checksum=True)},
    {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    {"order": "F"},
    {"config": {"write_empty_chunks": True}},
    {"zarr_format": 2},
    {"zarr_format": 2, "order": "F", "chunk_key_encoding": {"name": "v2", "separator": "/"}},
]


@pytest.mark.parametrize("create", BY_ZARR, ids=str)
@pytest.mark.filterwarnings("ignore:The `order` keyword argument has no effect")
def test_we_read_what_zarr_creates(tmp_path: Path, create: dict[str, Any]) -> None:
    values = np.arange(21 * 9, dtype="i4").reshape(21, 9)
    made = zarr.create_array(tmp_path / "a", shape=(21, 9), dtype="i4", chunks=(4, 4), fill_value=0, **create)
    made[...] = values
    handle = dzarr.open_array(tmp_path / "a", "r+")
    assert (handle.chunks, handle.shards) == ((4, 4), create.get("shards"))
    assert np.array_equal(handle.read(), values)
    assert np.array_equal(handle[5:19:3, ::-1].read(), values[5:19:3, ::-1])
    handle[3:9, 2:4] = -1
    values[3:9, 2:4] = -1
    assert np.array_equal(made[...], values)


def test_a_hierarchy_that_zarr_consolidated(tmp_path: Path) -> None:
    root = zarr.create_group(tmp_path / "g", zarr_format=2)
    root.create_array("x", shape=(4,), chunks=(2,), dtype="u1")[...] = 5
    zarr.consolidate_metadata(tmp_path / "g", zarr_format=2)
    ours = dzarr.open_group(tmp_path / "g")
    assert sorted(ours) == ["x"]
    assert ours["x"].read().tolist() == [5] * 4
    assert json.loads((tmp_path / "g" / ".zmetadata").read_text())["zarr_consolidated_format"] == 1

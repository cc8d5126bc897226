"""N5 containers are read: what tensorstore wrote, the specification's own bytes, and blocks made by hand as other
writers make them (cut or padded at the edge, lz4 in Java's frames). Axes come reversed, nothing is written.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import pickle
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numcodecs.lz4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.errors import (
    CodecError,
    CorruptObjectError,
    DzarrError,
    MetadataError,
    NodeNotFoundError,
    NodeTypeError,
    ReadOnlyError,
    UnsupportedError,
)
from dzarr.format import n5
from dzarr.format.codecs import lz4_blocks
from dzarr.format.codecs.codec import CodecContext
from dzarr.format.v3 import parse
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.n5 import N5Store

DATASET = {"dimensions": [5, 3], "blockSize": [2, 2], "dataType": "uint16", "compression": {"type": "raw"}}


def put(folder: Path, attributes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "attributes.json").write_text(json.dumps(attributes))
    return folder


def block(values: np.ndarray[Any, Any], compress: Callable[[bytes], bytes] = bytes, mode: int = 0) -> bytes:
    """Return a block of an array in numpy's order: N5 names the axes the other way round."""
    header = struct.pack(f">HH{values.ndim}I", mode, values.ndim, *values.shape[::-1])
    return header + compress(np.ascontiguousarray(values, values.dtype.newbyteorder(">")).tobytes())


def container(
    root: Path, values: np.ndarray[Any, Any], chunks: tuple[int, ...], *, padded: bool = False, **attributes: Any
) -> Path:
    """Write a dataset ``a`` into a new container, the way its specification says."""
    compress = attributes.pop("compress", bytes)
    document = {
        "dimensions": list(values.shape[::-1]), "blockSize": list(chunks[::-1]), "dataType": str(values.dtype),
        "compression": {"type": "raw"},
    }  # fmt: skip
    put(root, {"n5": "4.0.0"})
    folder = put(root / "a", document | attributes)
    for at in np.ndindex(*(-(-n // c) for n, c in zip(values.shape, chunks, strict=True))):
        part = values[tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, chunks, strict=True))]
        if padded:
            part = np.pad(part, [(0, c - n) for n, c in zip(part.shape, chunks, strict=True)], constant_values=99)
        place = folder.joinpath(*map(str, at[::-1]))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(block(part, compress))
    return root


# What others wrote

COMPRESSIONS = [
    {"type": "raw"}, {"type": "gzip"}, {"type": "gzip", "level": 9}, {"type": "gzip", "useZlib": True},
    {"type": "bzip2"}, {"type": "bzip2", "blockSize": 1}, {"type": "xz"}, {"type": "xz", "preset": 1},
    {"type": "zstd", "level": 3},
    *[
        {"type": "blosc", "cname": cname, "clevel": 5, "shuffle": shuffle}
        for cname in ("lz4", "zstd", "zlib", "blosclz", "lz4hc") for shuffle in (0, 1, 2)
    ],
]  # fmt: skip


def by_tensorstore(folder: Path, compression: Any, dtype: str, shape: tuple[int, ...], blocks: tuple[int, ...]) -> Any:
    tensorstore = pytest.importorskip("tensorstore")
    metadata = {"dimensions": shape, "blockSize": blocks, "dataType": dtype, "compression": compression}
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{folder}/"}, "metadata": metadata, "create": True}
    return tensorstore.open(spec).result()


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=lambda c: "-".join(map(str, c.values())))
def test_what_tensorstore_wrote(tmp_path: Path, compression: dict[str, Any]) -> None:
    theirs = by_tensorstore(tmp_path, compression, "int16", (7, 5, 3), (3, 2, 2))
    values = np.arange(105, dtype="i2").reshape(7, 5, 3) - 50
    values[3:6, 2:4] = 0  # blocks that are not stored
    theirs[...] = values
    a = dzarr.open_array(tmp_path)
    assert a.shape == (3, 5, 7)
    assert a.chunks == (2, 2, 3)
    assert np.array_equal(a.read(), values.T)
    assert np.array_equal(a[1:, ::-2, 3].read(), values.T[1:, ::-2, 3])
    assert int(a.sum().compute()) == values.sum()
    info = a.info().storage
    assert info.missing > 0
    assert info.leftovers == 0


@pytest.mark.parametrize(
    "dtype", [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)] + ["float32", "float64"]
)
@pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 3, 2, 5)])
def test_every_type(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(5).integers(0, 100, shape).astype(dtype)
    by_tensorstore(tmp_path, {"type": "gzip"}, dtype, shape, (2,) * len(shape))[...] = values
    a = dzarr.open_array(tmp_path)
    assert a.dtype == np.dtype(dtype)
    assert a.fill_value == 0
    assert a.read().tobytes() == np.ascontiguousarray(values.T).tobytes()


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("padded", [False, True], ids=["cut", "padded"])
@pytest.mark.parametrize("kind", COMPRESSORS)
def test_blocks_at_the_edge_are_cut_or_padded(tmp_path: Path, kind: str, padded: bool) -> None:
    values = np.arange(35, dtype="i4").reshape(5, 7)
    compression: Any = {"type": "gzip", "useZlib": True} if kind == "zlib" else {"type": kind}
    container(tmp_path, values, (2, 3), padded=padded, compress=COMPRESSORS[kind], compression=compression)
    a = dzarr.open(tmp_path)["a"]
    assert np.array_equal(a.read(), values)
    assert np.array_equal(a[4:, 5:].read(), values[4:, 5:])


HEADER = "00 00 00 03 00 00 00 01 00 00 00 02 00 00 00 03"
EXAMPLES = {
    "raw": "00 01 00 02 00 03 00 04 00 05 00 06",
    "bzip2": "42 5a 68 39 31 41 59 26 53 59 02 3e 0d d2 00 00 00 40 00 7f 00 20 00 31 0c 01 0d 31 a8 73 94 33 7c 5d c9"
    " 14 e1 42 40 08 f8 37 48",
    "gzip": "1f 8b 08 00 00 00 00 00 00 00 63 60 64 60 62 60 66 60 61 60 65 60 03 00 aa ea 6d bf 0c 00 00 00",
    "xz": "fd 37 7a 58 5a 00 00 04 e6 d6 b4 46 02 00 21 01 16 00 00 00 74 2f e5 a3 01 00 0b 00 01 00 02 00 03 00 04 00"
    " 05 00 06 00 0d 03 09 ca 34 ec 15 a7 00 01 24 0c a6 18 d8 d8 1f b6 f3 7d 01 00 00 00 00 04 59 5a",
}  # fmt: skip


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_examples_of_the_specification(tmp_path: Path, kind: str) -> None:
    """A block of 1 x 2 x 3 with the values 1 to 6, the first axis fastest."""
    folder = put(
        tmp_path,
        {"dimensions": [1, 2, 3], "blockSize": [1, 2, 3], "dataType": "uint16", "compression": {"type": kind}},
    )
    (folder / "0" / "0").mkdir(parents=True)
    (folder / "0" / "0" / "0").write_bytes(bytes.fromhex(HEADER + EXAMPLES[kind]))
    assert dzarr.open_array(folder).read().tolist() == [[[1], [2]], [[3], [4]], [[5], [6]]]


def lz4_java(data: bytes, step: int = 10) -> bytes:
    """Compress as lz4-java's ``LZ4BlockOutputStream`` does, with the last full block stored."""
    out = b""
    for start in range(0, len(data), step):
        part = data[start : start + step]
        token, packed = 0x25, numcodecs.lz4.compress(part)[4:]
        if len(packed) >= len(part):
            token, packed = 0x15, part
        out += struct.pack("<8sBiii", b"LZ4Block", token, len(packed), len(part), 0x1234567) + packed
    return out + struct.pack("<8sBiii", b"LZ4Block", 0x15, 0, 0, 0)


@pytest.mark.parametrize("step", [10, 64, 1 << 16])
def test_lz4(tmp_path: Path, step: int) -> None:
    values = (np.arange(600, dtype="u2") // 7).reshape(20, 30)
    container(
        tmp_path, values, (8, 16), compress=lambda data: lz4_java(data, step),
        compression={"type": "lz4", "blockSize": 65536},
    )  # fmt: skip
    assert np.array_equal(dzarr.open(tmp_path)["a"].read(), values)


def test_lz4_that_lies() -> None:
    codec = lz4_blocks.lz4_blocks({}, CodecContext())
    good = lz4_java(bytes(100), 64)
    assert codec.decode(good, 100, 100) == bytes(100)
    assert codec.decode(good, None, 100) == bytes(100)
    for bad in (good[:-5], good[5:], b"x" * 30, good.replace(b"LZ4Block%", b"LZ4Block\x35"), good[:21] + bytes(20)):
        with pytest.raises(CodecError):
            codec.decode(bad, 100, 100)
    huge = struct.pack("<8sBiii", b"LZ4Block", 0x25, 4, 2**31 - 1, 0) + b"abcd"
    for size in (99, None):
        with pytest.raises(CodecError, match="length"):
            codec.decode(huge, size, 99)
        with pytest.raises(CodecError, match="length"):
            codec.decode(good, size, 99)
    with pytest.raises(CodecError, match="only decodes"):
        codec.encode(b"x")
    with pytest.raises(MetadataError):
        lz4_blocks.lz4_blocks({"level": 1}, CodecContext())


# Hierarchies


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    values = np.arange(15, dtype="u2").reshape(3, 5)
    container(tmp_path, values, (2, 2), axes=["x", "y"], resolution=[1.5, 2], unit="nm")
    put(tmp_path, {"n5": "2.5.1", "title": "t"})
    put(tmp_path / "g" / "inner", {"note": 1})
    put(tmp_path / "g" / "inner" / "b", DATASET)
    put(tmp_path / "g" / "0" / "1", DATASET)
    return tmp_path


def test_a_container_is_a_hierarchy(tree: Path) -> None:
    root = dzarr.open_group(tree)
    assert dict(root.attrs) == {"title": "t"}
    assert list(root) == ["a", "g"]
    assert list(root["g"]) == ["0", "inner"], "a folder without attributes is a group"
    assert list(root["g/0"]) == ["1"]
    a = root["a"]
    assert dict(a.attrs) == {"axes": ["x", "y"], "resolution": [1.5, 2], "unit": "nm"}
    assert a.dimension_names == ("y", "x")
    assert root["g/0/1"].read().tolist() == [[0] * 5] * 3
    assert dict(root["g/inner"].attrs) == {"note": 1}
    assert "a/0" not in root, "folders of blocks are no groups"
    assert "nothing" not in root
    with pytest.raises(NodeNotFoundError):
        root["a/0"]
    shown = repr(root.tree())
    assert "b (3, 5)" in shown
    assert "n5:file://" in repr(root)
    assert dzarr.open(tree, path="g/inner").attrs["note"] == 1
    assert dzarr.open(tree, path="g").path == "g"
    assert dzarr.open(tree / "g" / "inner" / "b").shape == (3, 5), "a dataset says what it is wherever it lies"
    with pytest.raises(NodeNotFoundError):
        dzarr.open(tree, path="h")
    with pytest.raises(NodeTypeError):
        dzarr.open_group(tree, path="a")


def test_a_handle_travels_and_refreshes(tree: Path) -> None:
    root, a = dzarr.open_group(tree), dzarr.open_array(tree, path="a")
    for handle in (a, root["a"]):
        again = pickle.loads(pickle.dumps(handle))
        assert again.attrs["unit"] == "nm"
        assert again.read().tolist() == np.arange(15).reshape(3, 5).tolist()
    assert list(pickle.loads(pickle.dumps(root))) == ["a", "g"]
    assert a.refresh().shape == (3, 5)
    assert list(root.refresh()) == ["a", "g"]
    assert a.to_dask().compute(scheduler="processes", num_workers=1).sum() == 105


def test_a_container_in_memory() -> None:
    store = MemoryStore()
    store.set("attributes.json", [json.dumps({"n5": "4.0.0"}).encode()])
    store.set("a/attributes.json", [json.dumps(DATASET).encode()])
    store.set("a/2/1", [block(np.array([[7]], "u2"))])
    root = dzarr.open_group(store)
    assert root["a"].read().tolist() == [[0] * 5, [0] * 5, [0, 0, 0, 0, 7]]


def test_a_group_of_zarr_beside(tree: Path) -> None:
    """A document of Zarr's comes first: such arrays are made to be read by both."""
    document = n5.v3_document(DATASET)
    (tree / "g" / "inner" / "b" / "zarr.json").write_text(json.dumps(document | {"attributes": {"by": "zarr"}}))
    assert dzarr.open(tree / "g" / "inner" / "b").attrs["by"] == "zarr"


def test_nothing_is_written(tree: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    for path in ("", "a", "g"):
        with pytest.raises(ReadOnlyError, match="N5 is read"):
            dzarr.open(tree, "r+", path=path)
    root = dzarr.open_group(tree)
    for act in (
        lambda: root.create_group("x"),
        lambda: root.attrs.update(x=1),
        lambda: root["a"].write(..., 1),
        lambda: dzarr.consolidate(root),
        lambda: dzarr.consolidate(tree),
        lambda: N5Store(LocalStore(tree)).set("x", [b""]),
        lambda: N5Store(LocalStore(tree)).set_if("x", [b""], None),
        lambda: N5Store(LocalStore(tree)).delete("a/0/0"),
    ):
        with pytest.raises(ReadOnlyError):
            act()
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


# Documents


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"dimensions": [5]}, MetadataError, "blockSize"),
        ({"dimensions": []}, MetadataError, "dimensions"),
        ({"dimensions": [-1, 3]}, MetadataError, "dimensions"),
        ({"dimensions": "5"}, MetadataError, "dimensions"),
        ({"blockSize": [0, 2]}, MetadataError, "blockSize"),
        ({"blockSize": None}, MetadataError, "blockSize"),
        ({"dataType": "complex64"}, MetadataError, "dataType"),
        ({"dataType": ["uint8"]}, MetadataError, "dataType"),
        ({"dataType": "object"}, UnsupportedError, "object"),
        ({"dataType": "string"}, UnsupportedError, "string"),
        ({"compression": {"type": "jpeg"}}, UnsupportedError, "jpeg"),
        ({"compression": {"type": 5}}, MetadataError, "compression"),
        ({"compression": {}}, MetadataError, "compression.type"),
        ({"compression": []}, MetadataError, "compression"),
    ],
)
def test_datasets_that_cannot_be_opened(tmp_path: Path, changes: Any, error: type[DzarrError], match: str) -> None:
    put(tmp_path, {"n5": "4.0.0"})
    put(tmp_path / "good", DATASET)
    put(tmp_path / "bad", DATASET | changes)
    with pytest.raises(error, match=match) as caught:
        dzarr.open(tmp_path, path="bad")
    assert caught.value.key == "bad/attributes.json"
    root = dzarr.open_group(tmp_path)
    assert [name for name, _ in root.arrays()] == ["good"]
    assert "bad (unreadable" in repr(root.tree())


@pytest.mark.parametrize(
    "changes",
    [
        {"compression": "gzip"},
        {"compression": None, "compressionType": "gzip"},
        {"dimensions": [0, 3]},
        {"axes": ["x"]},
        {"axes": 5, "_ARRAY_DIMENSIONS": ["y", "x"]},
    ],
)
def test_old_and_odd_datasets(changes: dict[str, Any]) -> None:
    attributes = {name: value for name, value in (DATASET | changes).items() if value is not None}
    array = parse(n5.v3_document(attributes))
    assert array.shape == tuple(attributes["dimensions"][::-1])  # type: ignore[union-attr]
    names = array.dimension_names  # type: ignore[union-attr]
    assert names == (("y", "x") if "_ARRAY_DIMENSIONS" in changes else None)


def test_a_file_of_that_name_makes_no_container(tmp_path: Path) -> None:
    put(tmp_path, {"dimensions": [1]})
    with pytest.raises(NodeNotFoundError):
        dzarr.open(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from([*DATASET, "n5", "compressionType", "axes", "_ARRAY_DIMENSIONS"])


@given(st.dictionaries(MEMBERS, JSON, max_size=3) | JSON)
@settings(max_examples=200)
def test_only_errors_of_ours_come_out_of_a_document(changes: Any) -> None:
    store = MemoryStore()
    document = DATASET | changes if isinstance(changes, dict) else changes
    store.set("attributes.json", [json.dumps(document).encode()])
    with suppress(DzarrError):
        assert dzarr.open(store).path == ""


# Blocks


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", block(np.zeros((2, 2), "u2"))[:-1], block(np.zeros((2, 2), "u2")) + b"x", block(np.zeros(4, "u2")),
        block(np.zeros((2, 2), "u2"), mode=1), block(np.zeros((2, 2), "u2"), mode=2),
        struct.pack(">HHII", 0, 2, 2**32 - 1, 2**32 - 1) + b"x",
    ],
)  # fmt: skip
def test_blocks_that_cannot_be(tmp_path: Path, data: bytes) -> None:
    put(tmp_path, DATASET)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "0").write_bytes(data)
    a = dzarr.open_array(tmp_path)
    assert a[:, :2].read().tolist() == [[0, 0]] * 3
    with pytest.raises((CodecError, CorruptObjectError)):
        a.read()

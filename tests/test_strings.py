"""Text and objects through handles: what is written is read back, in part too, by Dask too, and nothing else is taken.

That whatever is read and written equals numpy is shown by tests/test_numpy_oracle.py; here is what is peculiar to
elements of variable length.
"""

from __future__ import annotations

import json
import pickle
import threading
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

import dzarr
from dzarr.io.memory import MemoryStore

TEXT = np.dtypes.StringDType()
LAYOUTS: dict[str, dict[str, Any]] = {
    "v3": {},
    "v3-shards": {"shards": (4, 6)},
    "v3-transposed": {"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, "gzip"]},
    "v3-transposed-shards": {
        "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}],
        "shards": [{"shape": (8, 6), "index_location": "start"}, {"shape": (4, 6)}],
    },
    "v3-plain-checksum": {"codecs": ["crc32c"]},
    "v2": {"zarr_format": 2},
    "v2-F": {"zarr_format": 2, "codecs": {"order": "F", "compressor": {"id": "zlib", "level": 1}}},
}
SHAPE, CHUNKS = (9, 7), (2, 3)


def texts(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    words = ["", "a", "ß\0", "€" * 5, "long text " * 30]
    n = int(np.prod(shape))
    return np.array([str(rng.choice(words)) + str(k % 3) for k in range(n)], TEXT).reshape(shape)


def same(found: Any, expected: Any) -> bool:
    found, expected = np.asarray(found), np.asarray(expected)
    return found.dtype == expected.dtype and found.shape == expected.shape and found.tolist() == expected.tolist()


@pytest.fixture(params=LAYOUTS)
def array(request: pytest.FixtureRequest) -> dzarr.Array:
    keywords = {"shape": SHAPE, "chunks": CHUNKS, "dtype": str, "fill_value": "none"} | LAYOUTS[request.param]
    return dzarr.create(MemoryStore(), **keywords)


def test_what_is_not_there_is_the_fill_value(array: dzarr.Array) -> None:
    assert array.dtype == TEXT
    assert same(array.read(), np.full(SHAPE, "none", TEXT))
    assert same(array[1, 2].read(), np.array("none", TEXT))
    assert same(array.oindex[[0, 8], [1, 1]].read(), np.full((2, 2), "none", TEXT))


def test_whole_and_in_part(array: dzarr.Array) -> None:
    twin = texts()
    array[...] = twin
    assert same(array.read(), twin)
    for region in ((slice(1, 8, 3), slice(None, None, -2)), (slice(3, 3), 0), (4, slice(2, 6)), (8, 6), (-1, None)):
        assert same(array.read(region), np.asarray(twin[(*region, ...)]))
    assert same(array.oindex[[8, 0, 0], slice(1, 5)].read(), twin[np.ix_([8, 0, 0], range(1, 5))])
    assert same(array.vindex[[8, 0, 3], [6, 0, 2]].read(), twin[[8, 0, 3], [6, 0, 2]])
    assert same(array.vindex[twin == "a0"].read(), twin[twin == "a0"])
    assert same(array.objects[0, 0].read(), twin[tuple(slice(0, n) for n in array.shards or array.chunks)])
    array[1:6:2, 2:] = twin[1:6:2, 2:] = texts((3, 5), seed=1)
    array.oindex[[0, 7], [0, 5]] = "short"
    twin[np.ix_([0, 7], [0, 5])] = "short"
    array.vindex[[2, 3], [2, 3]] = ["long " * 100, ""]
    twin[[2, 3], [2, 3]] = ["long " * 100, ""]
    array[8] = np.array([f"row {k}" for k in range(7)])
    twin[8] = [f"row {k}" for k in range(7)]
    assert same(array.read(), twin)
    again = pickle.loads(pickle.dumps(array))
    assert same(again.read(), twin)
    assert again.to_dask().name == array.to_dask().name


@pytest.mark.parametrize("way", ["contiguous", "strided", "reversed", "objects", "missing strings"])
def test_out(array: dzarr.Array, way: str) -> None:
    array[:5] = twin = texts((5, 7))
    expected = np.concatenate([twin, np.full((4, 7), "none", TEXT)])
    out: np.ndarray[Any, Any] = {
        "contiguous": np.empty(SHAPE, TEXT),
        "strided": np.empty((18, 14), TEXT)[::2, 1::2],
        "reversed": np.empty(SHAPE[::-1], TEXT).T[::-1],
        "objects": np.empty(SHAPE, object),
        "missing strings": np.empty(SHAPE, np.dtypes.StringDType(na_object=None)),
    }[way]
    assert array.read(out=out) is out
    assert out.tolist() == expected.tolist()
    part = out[1:4]
    array.read(slice(4, 7), out=part)
    assert part.tolist() == expected[4:7].tolist()
    for wrong in (np.empty(SHAPE, "U9"), np.empty(SHAPE, "i4"), np.empty((9, 6), TEXT), [1]):
        with pytest.raises(dzarr.RegionError, match="out does not fit"):
            array.read(out=wrong)


@pytest.mark.parametrize(
    "values",
    [
        "word",
        [["a", "b\0"], ["c", "€"]],
        (["a", "b"], ["c", "d"]),
        np.array([["a", "b"], ["c", "d"]]),
        np.array([[b"a", b"b"], [b"c", "€".encode()]]),
        np.array([["a", "b"], ["c", "d"]], object),
        np.array([["a", "b\0"], ["c", "d"]], TEXT),
        np.array([["a", "b"], ["c", "d"]], np.dtypes.StringDType(na_object=np.nan)),
        np.array("word"),
        np.array("word", object),
        np.str_("word"),
        [np.array(["a", "b"]), np.array(["c", "d"], object)],
    ],
    ids=lambda values: f"{type(values).__name__}-{getattr(values, 'dtype', '')}",
)
def test_values_that_are_text(values: Any) -> None:
    a = dzarr.create(MemoryStore(), shape=(2, 2), chunks=(1, 2), dtype=str)
    a[...] = values
    if isinstance(values, np.ndarray) and values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    expected = np.broadcast_to(np.asarray(values, object), (2, 2))
    assert a.read().tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (5, "no text"),
        ([[1, 2], [3, 4]], r"\(0, 0\) is no text; found int 1"),
        (np.zeros((2, 2)), r"\(0, 0\) is no text; found float 0.0"),
        (np.array(["2020-01-01"], "M8[D]"), "no text"),
        ([["a", "b"], ["c", None]], r"\(1, 1\) is no text; found NoneType None"),
        ([["a", b"\xff"], ["c", "d"]], r"\(0, 1\) is no text; found bytes b'.xff'"),
        (np.array([["a", 2.5], ["c", "d"]], object), r"\(0, 1\) is no text; found float 2.5"),
        (np.array(["a", None], np.dtypes.StringDType(na_object=None)), r"\(1,\) is no text; found NoneType"),
        (np.array(["a", np.nan], np.dtypes.StringDType(na_object=np.nan)), r"\(1,\) is no text; found float nan"),
        (np.array([b"a", b"\xff"]), r"\(1,\) is no text; found bytes b'.xff'"),
        (["a", "\ud800"], r"\(1,\) is no text; found str '.ud800'"),
        (np.array(["a", "\ud800"]), r"\(1,\) is no text; found str '.ud800'"),
        (None, "no text; found NoneType"),
        (b"\xc3", r"\(\) is no text; found bytes"),
        ({"a": 1}, "no text; found dict"),
    ],
)
def test_values_that_are_no_text(values: Any, message: str) -> None:
    a = dzarr.create(MemoryStore(), shape=(2, 2), chunks=(1, 2), dtype=str, fill_value="kept")
    with pytest.raises(dzarr.DTypeError, match=message):
        a[...] = values
    with pytest.raises(dzarr.DzarrError):
        dzarr.store(np.asarray(values, object) if isinstance(values, list) else values, a)
    assert a.info().storage.objects_stored == 0


def test_values_that_are_no_array() -> None:
    a = dzarr.create(MemoryStore(), shape=(2, 2), chunks=(1, 2), dtype=str)
    for values in ([["a"], ["b", "c"]], ["a", "b", "c"], np.ma.masked_array(["a", "b"], [True, False])):
        with pytest.raises(dzarr.DzarrError):
            a[...] = values


@pytest.mark.parametrize("layout", ["v3", "v3-shards", "v2"])
@pytest.mark.parametrize("keep", [False, True])
def test_chunks_of_nothing_but_the_fill_value(layout: str, keep: bool) -> None:
    store = MemoryStore()
    options = dzarr.Options(write_empty_chunks=keep)
    keywords = {"shape": (8, 6), "chunks": CHUNKS, "dtype": str, "fill_value": "long fill " * 9} | LAYOUTS[layout]
    a = dzarr.create(store, options=options, **keywords)
    result = a.write(..., "long fill " * 9)
    objects = int(np.prod(a.objects.shape))
    assert (result.objects, result.skipped) == ((objects, 0) if keep else (0, objects))
    a[0, 0] = "x"
    assert a.write((0, 0), "long fill " * 9).objects == 1  # shared objects are written, as a neighbour may be there
    assert same(a.read(), np.full((8, 6), "long fill " * 9, TEXT))


def test_objects_that_look_alike_are_not_left_out() -> None:
    filters = {"filters": [{"id": "json2"}], "compressor": None}
    for fill, others in ((0, [False, 0.0, -0.0, "0", None]), (None, [0, "", False]), (1, [True, 1.0]), ("", [None, 0])):
        a = dzarr.create(
            MemoryStore(), shape=(2,), chunks=(2,), dtype=object, zarr_format=2, codecs=filters, fill_value=fill
        )
        for other in others:
            assert a.write(..., [fill, other]).objects == 1
            assert [repr(item) for item in a.read()] == [repr(fill), repr(other)]
        assert a.write(..., [fill, fill]).skipped == 1
        assert a.read().tolist() == [fill, fill]


def test_objects_of_every_kind() -> None:
    filters = {"filters": [{"id": "json2"}], "compressor": {"id": "zlib", "level": 1}}
    a = dzarr.create(MemoryStore(), shape=(3, 2), chunks=(2, 2), dtype=object, zarr_format=2, codecs=filters)
    values = np.empty((3, 2), object)
    for k, item in enumerate([{"a": [1]}, [1, [2, "x"]], [], None, "text", 2.5]):
        values[k // 2, k % 2] = item
    a[...] = values
    assert a.read().tolist() == values.tolist()
    assert a[1, 0].read().item() == []
    assert a.oindex[[0, 2], 1].read().tolist() == [[1, [2, "x"]], 2.5]
    a[1] = [["list"], {"dict": 1}]
    assert a.read(1).tolist() == [["list"], {"dict": 1}]
    assert a.to_dask().compute(scheduler="sync").tolist() == a.read().tolist()
    with pytest.raises(dzarr.CodecError, match="can't be stored") as caught:
        a[0, 0] = 1j
    assert caught.value.key == "0.0"


def test_arrays_as_elements() -> None:
    filters = {"filters": [{"id": "vlen-array", "dtype": "<i4"}], "compressor": None}
    a = dzarr.create(MemoryStore(), shape=(3,), chunks=(2,), dtype=object, zarr_format=2, codecs=filters)
    a[...] = [[1, 2, 3], np.array([], "i4"), [4]]
    assert [item.tolist() for item in a.read()] == [[1, 2, 3], [], [4]]
    a[1:2] = [[7, 8]]
    assert a.read(1).item().tolist() == [7, 8]


def test_bytes() -> None:
    for zarr_format in (2, 3):
        a = dzarr.create(MemoryStore(), shape=(5,), chunks=(2,), dtype="bytes", zarr_format=zarr_format)
        a[...] = values = [b"a\0", b"", b"\xff" * 100, b"b", b"\0"]
        assert a.dtype == object
        assert a.read().tolist() == values
        a[1:3] = bytearray(b"x"), b"y"
        assert a.read(slice(1, 3)).tolist() == [b"x", b"y"]
        with pytest.raises(dzarr.CodecError, match="element at"):
            a[3] = "text"
        assert a.read(3).item() == b"b"


def test_threads_share_one_output() -> None:
    a = dzarr.create(
        MemoryStore(), shape=(4000,), chunks=(10,), dtype=str, shards=(100,), options=dzarr.Options(threads=4)
    )
    twin = np.array([f"{k} " * (k % 50) for k in range(4000)], TEXT)
    a[...] = twin
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(a.read())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(same(values, twin) for values in found)


def test_dask(array: dzarr.Array) -> None:
    array[...] = twin = texts()
    for lazy in (array.to_dask(), array.to_dask(chunks=(4, 7)), array[::2, 1:].to_dask()):
        assert lazy.dtype == TEXT
        expected = twin[::2, 1:] if lazy.shape != SHAPE else twin
        assert same(lazy.compute(scheduler="sync"), expected)
        assert same(lazy.compute(scheduler="threads"), expected)
    assert same(array.compute(), twin)
    assert same(np.asarray(array), twin)
    assert np.asarray(array, object).tolist() == twin.tolist()
    assert int((array == "a0").sum().compute()) == int((twin == "a0").sum())
    assert same(array[twin == "a0"].compute(scheduler="sync"), twin[twin == "a0"])
    assert same(array.map_blocks(np.strings.upper, dtype=TEXT).compute(scheduler="sync"), np.strings.upper(twin))
    with pytest.raises(dzarr.GridError, match="chunks don't fit"):
        array.to_dask(chunks="auto")  # dask can't tell how large such blocks would be


@pytest.mark.parametrize("kind", [TEXT, np.dtype(object), np.dtype("U400"), np.dtype("S400")], ids=str)
@pytest.mark.parametrize("blocks", [(2, 3), (5, 7), (4, 2)])
def test_store(array: dzarr.Array, kind: np.dtype[Any], blocks: tuple[int, int]) -> None:
    twin = texts()
    values = np.char.encode(twin.astype("U400"), "utf-8") if kind.kind == "S" else twin.astype(kind)
    expected = np.strings.rstrip(twin, "\0") if kind.kind in "SU" else twin
    with dask.config.set(scheduler="threads"):
        dzarr.store(da.from_array(values, chunks=blocks), array)
    assert array.read().tolist() == expected.tolist()
    with dask.config.set(scheduler="sync"):
        dzarr.store(da.from_array(values, chunks=blocks), array[::-1])
    assert array.read().tolist() == expected[::-1].tolist()


def test_store_makes_new_arrays(tmp_path: Path) -> None:
    twin = texts()
    for k, zarr_format in enumerate((2, 3)):
        result = dzarr.store(da.from_array(twin, chunks=(4, 7)), tmp_path / f"{k}", zarr_format=zarr_format)
        assert result.array.dtype == TEXT
        assert same(result.array.read(), twin)
        lazy = da.from_array(twin.astype(object), chunks=(4, 7))
        assert same(dzarr.store(lazy, tmp_path / f"o{k}", dtype=str, zarr_format=zarr_format).array.read(), twin)
        with pytest.raises(dzarr.DzarrError, match="object"):
            dzarr.store(lazy, tmp_path / f"n{k}", zarr_format=zarr_format)
    copied = dzarr.store(dzarr.open(tmp_path / "1")[1:4], tmp_path / "copy")
    assert same(copied.array.read(), twin[1:4])


def test_store_refuses_what_is_no_text(array: dzarr.Array) -> None:
    array[...] = "kept"
    with pytest.raises(dzarr.DTypeError, match="could be lost"):
        dzarr.store(da.ones(SHAPE, chunks=3), array)
    with pytest.raises(dzarr.DTypeError, match=r"is no text; found int 5"):
        dzarr.store(da.from_array(np.full(SHAPE, 5, object), chunks=9), array)
    assert same(array.read(), np.full(SHAPE, "kept", TEXT))
    dzarr.store(da.ones(SHAPE, chunks=3), array, casting="unsafe")
    assert array.read(0)[0] == "1.0"
    fixed = dzarr.create(MemoryStore(), shape=(1,), chunks=(1,), dtype="U2")
    with pytest.raises(dzarr.DTypeError, match="could be lost"):
        dzarr.store(da.from_array(np.array(["abc"], TEXT), chunks=1), fixed)


def test_masked_blocks_take_the_fill_value(array: dzarr.Array) -> None:
    values = np.ma.masked_array(texts().astype("U400"), np.zeros(SHAPE, bool))
    values.mask[3] = True
    lazy = da.from_array(np.zeros(SHAPE), chunks=9).map_blocks(lambda block: values, dtype="U400")
    dzarr.store(lazy, array)
    assert array.read(3).tolist() == ["none"] * 7
    assert array.read(2)[6] == values[2, 6]


def test_corrupt_objects_are_named() -> None:
    store = MemoryStore()
    a = dzarr.create(store, shape=(4,), chunks=(1,), shards=(2,), dtype=str, codecs=[])
    a[...] = ["a", "b", "c", "d"]
    data = bytearray(store.get("c/1")[0])  # type: ignore[index]
    data[4] = 200
    store.set("c/1", [bytes(data)])
    with pytest.raises(dzarr.CorruptObjectError, match="vlen-utf8") as caught:
        a.read()
    assert (caught.value.key, caught.value.chunk) == ("c/1", (2,))
    assert a.read(slice(0, 2)).tolist() == ["a", "b"]
    store = MemoryStore()
    b = dzarr.create(store, path="b", shape=(2,), chunks=(2,), dtype=str, codecs=[])
    b[...] = ["a", "b"]
    store.set("b/c/0", [b"\2\0\0\0"])
    with pytest.raises(dzarr.CorruptObjectError, match="can't be merged with") as caught:
        b[0] = "x"
    assert (caught.value.key, caught.value.chunk) == ("b/c/0", (0,))
    b[...] = ["c", "d"]
    assert b.read().tolist() == ["c", "d"]


def test_objects_are_read_whole_only_up_to_max_decoded_bytes() -> None:
    store = MemoryStore()
    a = dzarr.create(store, shape=(4,), chunks=(4,), dtype=str, codecs=[])
    a[...] = ["x" * 5000] * 4
    small = dzarr.open(store, options=dzarr.Options(max_decoded_bytes=10_000))
    with pytest.raises(dzarr.CorruptObjectError, match="larger than any") as caught:
        small.read()
    assert "max_decoded_bytes" in str(caught.value)
    assert a.read()[0] == "x" * 5000


def test_reprs_say_nothing_of_bytes_that_nobody_knows(array: dzarr.Array) -> None:
    for text in (repr(array), array._repr_html_(), str(array.info()), repr(array[1:3])):
        assert "StringDType" in text
        assert str(array.nbytes) not in text
    assert array.nbytes == array.size * array.itemsize  # as numpy counts


def test_a_shard_of_long_text_is_one_request() -> None:
    a = dzarr.create(MemoryStore(), shape=(40,), chunks=(2,), shards=(40,), dtype=str, codecs=[])
    a[...] = twin = np.array(["x" * 5000 + str(k) for k in range(40)], TEXT)
    for inflight, requests in ((1 << 26, 1), (1 << 16, 5)):
        options = dzarr.Options(threads=1, cache="off", inflight_bytes=inflight)
        with dzarr.observe() as seen:
            assert same(dzarr.open(a._source.store, options=options).read(), twin)
        data = seen.requests - 1  # the document is one
        assert data == 1 if requests == 1 else data >= requests


def test_text_in_shards_that_can_not_be_flattened() -> None:
    def shards(*chunk: int, codecs: list[Any]) -> dict[str, Any]:
        index = [{"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"]
        config = {"chunk_shape": list(chunk), "codecs": codecs, "index_codecs": index}
        return {"name": "sharding_indexed", "configuration": config}

    store = MemoryStore()
    transpose = {"name": "transpose", "configuration": {"order": [1, 0]}}
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [9, 7],
        "data_type": "string",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 4]}},
        "chunk_key_encoding": "default",
        "fill_value": "none",
        "codecs": [shards(4, 2, codecs=[transpose, shards(1, 2, codecs=["vlen-utf8"]), "crc32c"])],
    }
    store.set("zarr.json", [json.dumps(document).encode()])
    a = dzarr.open(store, mode="r+")
    a[:5] = twin = texts((5, 7))
    assert same(a.read(), np.concatenate([twin, np.full((4, 7), "none", TEXT)]))
    a[3, 3] = "x"
    assert a.read((3, slice(2, 5))).tolist() == [twin[3, 2], "x", twin[3, 4]]


def test_on_a_cluster(client: Any, tmp_path: Path) -> None:
    twin = texts((40, 7))
    lazy = da.from_array(twin, chunks=(7, 7)).map_blocks(np.strings.upper, dtype=TEXT)
    a = dzarr.store(lazy, tmp_path / "a", chunks=(5, 7), shards=(10, 7)).array
    assert same(a.compute(), np.strings.upper(twin))
    assert same(client.compute(a.to_dask()[::3]).result(), np.strings.upper(twin)[::3])
    a[0, 0] = "renewed"
    assert a.to_dask()[0, 0].compute() == "renewed"


def test_protocols(array: dzarr.Array) -> None:
    array[...] = twin = texts()
    assert "a0" in array
    assert "absent" not in array
    assert np.shape(array) == SHAPE
    assert len(array) == 9
    assert np.array_equal(np.asarray(array, "U400"), twin.astype("U400"))
    with pytest.raises(ValueError, match="could not convert"):
        float(array[0, 0])
    assert same(np.concatenate([array, array]).compute(scheduler="sync"), np.concatenate([twin, twin]))
    assert same(array.T.compute(scheduler="sync"), twin.T)


def test_a_group_requires_text() -> None:
    group = dzarr.create_group(MemoryStore())
    group.create_array("a", shape=(3,), dtype=str)
    assert group.require_array("a", shape=(3,), dtype=str).dtype == TEXT
    with pytest.raises(dzarr.DTypeError):
        group.require_array("a", shape=(3,), dtype="i4")


def test_text_codecs_hold_no_bytes() -> None:
    for codec in ("vlen-utf8", "numcodecs.vlen-utf8"):
        with pytest.raises(dzarr.MetadataError, match="can't hold this data type"):
            dzarr.create(MemoryStore(), shape=(3,), dtype="bytes", codecs=[codec])

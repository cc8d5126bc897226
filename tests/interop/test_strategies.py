"""zarr-python's own hypothesis strategies, both ways: what either writes, the other reads with the same bits.

Arrays, chunks, shards, fill values, names, attributes and indices are drawn by ``zarr.testing.strategies``, so that
their authors decide what is worth trying. zarr-python 3.4 and later draw explicit (rectilinear) grids, structures
and the orders of chunks in a shard too; they need Python 3.12, and test_newest.py runs this file there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.format import v2, v3
from dzarr.format.documents import loads
from dzarr.io.memory import MemoryStore
from dzarr.node import DOCUMENTS

zarr = pytest.importorskip("zarr")
theirs = pytest.importorskip("zarr.testing.strategies")

from zarr.core.buffer import default_buffer_prototype  # noqa: E402

BUFFERS = default_buffer_prototype()
RECTILINEAR = hasattr(theirs, "rectilinear_arrays")
STRUCTURES = hasattr(theirs, "structured_dtypes")
STORES = st.builds(dict).map(zarr.storage.MemoryStore)

# Strategies of this size are slow to draw, and filter much.
CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]
QUICK = settings(max_examples=60, suppress_health_check=CHECKS)
LONG = settings(max_examples=5000, suppress_health_check=CHECKS)
pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
]


@pytest.fixture(autouse=True, scope="module")
def every_grid() -> Any:
    """Let zarr-python, where it can, draw and read explicit grids too."""
    with zarr.config.set({"array.rectilinear_chunks": True}):
        yield


def as_ours(store: Any) -> MemoryStore:
    """Return the objects of one of zarr-python's memory stores in one of dzarr's."""
    copy = MemoryStore()
    for key, value in store._store_dict.items():
        copy.set(key, [value.to_bytes()])
    return copy


def as_theirs(store: MemoryStore) -> Any:
    found = {key: store.get(key) for key in store.list("")}
    return zarr.storage.MemoryStore({key: BUFFERS.buffer.from_bytes(got[0]) for key, got in found.items() if got})


def plain(values: Any) -> Any:
    """Return what two equal arrays have alike: shape, dtype in native order, and bytes or, for objects, elements."""
    values = np.asarray(values)
    if values.dtype.hasobject:
        return values.shape, values.tolist()
    native = values.dtype.newbyteorder("=")
    return values.shape, native, np.ascontiguousarray(values.astype(native)).tobytes()


def is_legal(path: str) -> bool:
    """Whether each name may be one: zarr-python takes ``.zarray`` too, and a name of three dots."""
    return all(part.strip(".") and part not in DOCUMENTS and not part.startswith(".dz") for part in path.split("/"))


def region_of(data: Any, shape: tuple[int, ...]) -> Any:
    return data.draw(theirs.basic_indices(shape=shape), label="region")


def check_same(data: Any, ours: dzarr.Array, peer: Any) -> None:
    """Both readers find the same array: its facts, all of it, a region, and lists along its axes."""
    assert ours.shape == peer.shape
    assert plain(ours.fill_value)[-1] == plain(peer.fill_value)[-1] or ours.fill_value is None
    assert dict(ours.attrs) == dict(peer.attrs)
    if peer.metadata.zarr_format == 3:
        names = peer.metadata.dimension_names
        assert ours.dimension_names == (None if names is None else tuple(names))
    values = np.asarray(peer[...])
    assert plain(ours.read()) == plain(values)
    region = region_of(data, ours.shape)
    part = np.asarray(values[region], values.dtype)  # a single string of numpy's is as short as it can be
    assert plain(ours.read(region)) == plain(part)
    assert plain(ours[region].read()) == plain(part)
    if all(ours.shape):
        index, points = data.draw(theirs.orthogonal_indices(shape=ours.shape), label="lists")
        assert plain(ours.oindex[index].read()) == plain(np.asarray(values[points], values.dtype))


def zarr_writes_dzarr_reads(data: Any, arrays: Any) -> None:
    peer = data.draw(arrays, label="array")
    store, path = peer.store_path.store, peer.path
    assume(not path or is_legal(path))
    # A handle may hold a fill value with more bits than its document; a reader has only the document.
    again = zarr.open_array(store, path=path, mode="r")
    check_same(data, dzarr.open_array(as_ours(store), path=path), again)


def dzarr_changes_what_zarr_wrote(data: Any, arrays: Any) -> None:
    """Part of an array is replaced by dzarr, and attributes are; then zarr-python reads the whole of it."""
    peer = data.draw(arrays, label="array")
    path = peer.path
    assume(not path or is_legal(path))
    store = as_ours(peer.store_path.store)
    ours = dzarr.open_array(store, "r+", path=path)
    expected = np.array(peer[...])
    region = region_of(data, ours.shape)
    new = data.draw(theirs.numpy_arrays(shapes=st.just(expected[region].shape), dtype=ours.dtype), label="new values")
    expected[region] = new
    ours[region] = new
    ours.attrs.update({"changed": [1, None, "ü"]})
    again = zarr.open_array(as_theirs(store), path=path, mode="r")
    assert plain(again[...]) == plain(expected)
    assert again.attrs["changed"] == [1, None, "ü"]
    check_same(data, ours, again)


CODECS: list[Any] = [
    "auto", [], ["gzip"], ["zstd", "crc32c"], ["blosc"], [{"name": "bytes", "configuration": {"endian": "big"}}],
]  # fmt: skip
V2_CODECS: list[Any] = [
    "auto", {}, {"order": "F"}, {"compressor": {"id": "zlib", "level": 1}},
    {"filters": [{"id": "crc32"}], "compressor": {"id": "lz4", "acceleration": 1}, "order": "F"},
]  # fmt: skip


def dzarr_writes_zarr_reads(data: Any) -> None:
    values = data.draw(theirs.numpy_arrays(), label="values")
    shape, form = values.shape, data.draw(theirs.zarr_formats, label="format")
    chunks: Any = tuple(max(1, n) for n in data.draw(theirs.chunk_shapes(shape=shape), label="chunks"))
    create: dict[str, Any] = {"zarr_format": form, "codecs": data.draw(st.sampled_from(V2_CODECS), label="codecs")}
    if form == 3:
        create["codecs"] = data.draw(st.sampled_from(CODECS), label="codecs")
        create["dimension_names"] = data.draw(theirs.dimension_names(ndim=len(shape)), label="names")
        if all(n >= step for n, step in zip(shape, chunks, strict=True)):
            shards = st.none() | theirs.shard_shapes(shape=shape, chunk_shape=chunks)
            create["shards"] = data.draw(shards, label="shards")
            create["index_location"] = data.draw(st.sampled_from(["start", "end"]), label="index location")
        if RECTILINEAR and all(shape) and not create.get("shards"):
            explicit = data.draw(st.none() | theirs.rectilinear_chunks(shape=shape), label="explicit chunks")
            chunks = explicit or chunks
    fill = data.draw(st.none() | theirs.npst.from_dtype(values.dtype), label="fill value")
    store, path = MemoryStore(), data.draw(theirs.keys(max_num_nodes=3).filter(is_legal), label="path")
    attributes = data.draw(theirs.attrs, label="attributes") or {}
    ours = dzarr.create(
        store, path=path, shape=shape, dtype=values.dtype, chunks=chunks, fill_value=fill, attributes=attributes,
        **create,
    )  # fmt: skip
    ours[...] = values
    region = region_of(data, shape)
    ours[region] = values[region]
    assert plain(ours.read()) == plain(values)
    peer = zarr.open_array(as_theirs(store), path=path, mode="r", zarr_format=form)
    assert plain(peer[...]) == plain(values)
    assert dict(peer.attrs) == attributes
    check_same(data, dzarr.open_array(store, path=path), peer)


def documents_both_ways(data: Any) -> None:
    """A document of zarr-python's goes through dzarr's model, and zarr-python finds the same in what comes out."""
    metadata = data.draw(theirs.array_metadata(), label="metadata")
    kind = type(metadata)
    written = {name: zarr_json(value) for name, value in metadata.to_buffer_dict(BUFFERS).items()}
    if metadata.zarr_format == 3:
        again = kind.from_dict(v3.array_document(v3.parse_array(written["zarr.json"])))
    else:
        model = v2.parse_array(written[".zarray"], written.get(".zattrs"))
        documents = v2.array_documents(model)
        again = kind.from_dict({**documents[".zarray"], "attributes": documents.get(".zattrs", {})})
    found = {name: zarr_json(value) for name, value in again.to_buffer_dict(BUFFERS).items()}
    for documents in (found, written):
        if "zarr.json" in documents:  # a grid has several spellings
            documents["zarr.json"]["chunk_grid"] = lengths(documents["zarr.json"])
    if len(metadata.shape) < 2:
        found.get(".zarray", {}).pop("order", None), written.get(".zarray", {}).pop("order", None)  # one axis has one
    for name, document in written.items():
        assert found[name] == document


def lengths(document: dict[str, Any]) -> list[Any]:
    """Return the lengths of the cells of each axis; one that repeats is an integer, and 1 where nothing has it."""
    found = document["chunk_grid"]["configuration"]
    axes = []
    for size, axis in zip(document["shape"], found.get("chunk_shapes") or found["chunk_shape"], strict=True):
        runs = [] if isinstance(axis, int) else [run if isinstance(run, list) else [run, 1] for run in axis]
        axes.append([n for n, count in runs for _ in range(count)] or (axis if size else max(1, axis)))
    return axes


def zarr_json(buffer: Any) -> Any:
    return loads(buffer.to_bytes(), "document")


def drawn_arrays() -> Any:
    return theirs.arrays(stores=STORES)


def has_any(dtype: np.dtype[Any], kinds: str) -> bool:
    if dtype.names is not None:
        return any(has_any(dtype[name], kinds) for name in dtype.names)
    return dtype.kind in kinds


def structured_arrays() -> Any:
    """Structures without raw bytes, whose values hypothesis can't draw, and without times, which zarr-python can't
    always write (to v2 never, as a fill value not in every unit): tests/made and test_round_trips.py have those."""
    dtypes = theirs.structured_dtypes().filter(lambda dtype: not has_any(dtype, "VOMm"))
    return theirs.arrays(stores=STORES, arrays=dtypes.flatmap(lambda dtype: theirs.numpy_arrays(dtype=dtype)))


WAYS: dict[str, Callable[[Any], None]] = {
    "zarr writes": lambda data: zarr_writes_dzarr_reads(data, drawn_arrays()),
    "dzarr writes": dzarr_writes_zarr_reads,
    "dzarr changes": lambda data: dzarr_changes_what_zarr_wrote(data, drawn_arrays()),
    "documents": documents_both_ways,
}
if RECTILINEAR:
    WAYS["zarr writes explicit grids"] = lambda data: zarr_writes_dzarr_reads(data, theirs.rectilinear_arrays())
    WAYS["dzarr changes explicit grids"] = lambda data: dzarr_changes_what_zarr_wrote(data, theirs.rectilinear_arrays())
if STRUCTURES:
    WAYS["zarr writes structures"] = lambda data: zarr_writes_dzarr_reads(data, structured_arrays())


@pytest.mark.parametrize("way", WAYS)
@given(data=st.data())
@QUICK
def test_strategies(way: str, data: Any) -> None:
    WAYS[way](data)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("way", WAYS)
@given(data=st.data())
@LONG
def test_five_thousand(way: str, data: Any) -> None:
    WAYS[way](data)

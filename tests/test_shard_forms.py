"""Every form of shards that the specification allows, against a reader and a writer of its own.

Both are written from the text of the codec ``sharding_indexed``, recursive and plain, and know nothing of levels or
layouts: shards nested three deep, transposes and checksums in any place, indexes with and without a checksum, of either
byte order, permuted, at the start and at the end, grids of equal and of unequal shards, arrays that end inside of one.
The writer does what a legal writer may: chunks in any order, gaps between them, equal ones stored once.
"""

from __future__ import annotations

import gzip
import json
import random
import struct
from itertools import accumulate, product
from math import prod
from typing import Any

import google_crc32c
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.io.memory import MemoryStore

Array = np.ndarray[Any, Any]

MISSING = (1 << 64) - 1
FILL = 7
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
CRC = {"name": "crc32c"}
GZIP = {"name": "gzip", "configuration": {"level": 1}}


def encode(array: Array, codecs: list[Any], rng: random.Random) -> bytes:
    data = b""
    for codec in codecs:
        name, configuration = codec["name"], codec.get("configuration", {})
        if name == "transpose":
            array = array.transpose(configuration["order"])
        elif name == "bytes":
            data = array.astype(array.dtype.newbyteorder(configuration["endian"])).tobytes()
        elif name == "sharding_indexed":
            data = encode_shard(array, configuration, rng)
        elif name == "crc32c":
            data += struct.pack("<I", google_crc32c.value(data))
        else:
            data = gzip.compress(data, 1)
    return data


def decode(data: bytes, codecs: list[Any], shape: tuple[int, ...], dtype: Any) -> Array:
    orders = [codec["configuration"]["order"] for codec in codecs if codec["name"] == "transpose"]
    for order in orders:
        shape = tuple(shape[k] for k in order)
    array = np.empty(0)
    for codec in reversed(codecs):
        name, configuration = codec["name"], codec.get("configuration", {})
        if name == "gzip":
            data = gzip.decompress(data)
        elif name == "crc32c":
            assert struct.pack("<I", google_crc32c.value(data[:-4])) == data[-4:]
            data = data[:-4]
        elif name == "bytes":
            array = np.frombuffer(data, np.dtype(dtype).newbyteorder(configuration["endian"])).reshape(shape)
        elif name == "sharding_indexed":
            array = decode_shard(data, configuration, shape, dtype)
        else:
            array = array.transpose(np.argsort(configuration["order"]))
    return array


def parts_of(shape: tuple[int, ...], chunk: list[int]) -> list[tuple[slice, ...]]:
    counts = [range(n // c) for n, c in zip(shape, chunk, strict=True)]
    return [tuple(slice(k * c, (k + 1) * c) for k, c in zip(at, chunk, strict=True)) for at in product(*counts)]


def encode_shard(array: Array, configuration: Any, rng: random.Random) -> bytes:
    boxes = parts_of(array.shape, configuration["chunk_shape"])
    counts = [n // c for n, c in zip(array.shape, configuration["chunk_shape"], strict=True)]
    at_start = configuration.get("index_location") == "start"
    table = np.full((len(boxes), 2), MISSING, np.uint64)

    def index() -> bytes:
        return encode(table.reshape(*counts, 2), configuration["index_codecs"], rng)

    body = b""
    stored: dict[bytes, tuple[int, int]] = {}
    for k in rng.sample(range(len(boxes)), len(boxes)):
        part = array[(*boxes[k], ...)]
        if (part == FILL).all() and rng.random() < 0.6:
            continue
        data = encode(part, configuration["codecs"], rng)
        if data not in stored or rng.random() < 0.5:
            body += rng.randbytes(rng.choice((0, 0, 3)))
            stored[data] = (len(index()) * at_start + len(body), len(data))
            body += data
        table[k] = stored[data]
    return index() + body if at_start else body + index()


def decode_shard(data: bytes, configuration: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    boxes = parts_of(shape, configuration["chunk_shape"])
    counts = tuple(n // c for n, c in zip(shape, configuration["chunk_shape"], strict=True))
    codecs = configuration["index_codecs"]
    size = len(encode(np.zeros((*counts, 2), np.uint64), codecs, random.Random(0)))
    index = data[:size] if configuration.get("index_location") == "start" else data[-size:]
    table = decode(index, codecs, (*counts, 2), np.uint64).reshape(-1, 2).tolist()
    array = np.full(shape, FILL, dtype)
    for box, (start, length) in zip(boxes, table, strict=True):
        if (start, length) != (MISSING, MISSING):
            part = tuple(configuration["chunk_shape"])
            array[box] = decode(data[start : start + length], configuration["codecs"], part, dtype)
    return array


def transposes(draw: st.DrawFn, ndim: int) -> list[Any]:
    orders = [draw(st.permutations(range(ndim))) for _ in range(draw(st.sampled_from((0, 0, 1, 2))))]
    return [{"name": "transpose", "configuration": {"order": order}} for order in orders]


@st.composite
def index_codecs(draw: st.DrawFn, ndim: int) -> list[Any]:
    order = transposes(draw, ndim + 1)[:1] if draw(st.booleans()) else []
    return [*order, draw(st.sampled_from((LITTLE, BIG))), *draw(st.lists(st.just(CRC), max_size=2))]


@st.composite
def chains(draw: st.DrawFn, shape: tuple[int, ...], depth: int) -> list[Any]:
    codecs = transposes(draw, len(shape))
    for codec in codecs:
        shape = tuple(shape[k] for k in codec["configuration"]["order"])
    if depth and draw(st.booleans() if depth < 3 else st.just(True)):
        chunk = [draw(st.sampled_from([c for c in range(1, n + 1) if n % c == 0])) for n in shape]
        configuration: dict[str, Any] = {
            "chunk_shape": chunk,
            "codecs": draw(chains(tuple(chunk), depth - 1)),
            "index_codecs": draw(index_codecs(len(shape))),
        }
        location = draw(st.sampled_from((None, "start", "end")))
        codecs.append({"name": "sharding_indexed", "configuration": configuration})
        if location is not None:
            configuration["index_location"] = location
    else:
        codecs.append(draw(st.sampled_from((LITTLE, BIG))))
    return codecs + draw(st.lists(st.sampled_from((CRC, GZIP)), max_size=1))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    base = tuple(draw(st.lists(st.sampled_from((1, 2, 3, 4, 6)), max_size=3)))
    explicit = draw(st.booleans())
    lengths = [[n * draw(st.integers(1, 2)) if explicit else n for _ in range(draw(st.integers(1, 3)))] for n in base]
    shape = [draw(st.integers(max(0, sum(axis) - max(axis)), sum(axis))) for axis in lengths]
    grid: dict[str, Any] = {"name": "regular", "configuration": {"chunk_shape": list(base)}}
    if explicit:
        grid = {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": lengths}}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": "uint16",
        "chunk_grid": grid,
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": draw(st.sampled_from("/."))}},
        "fill_value": FILL,
        "codecs": draw(chains(base, 3)),
    }


def objects(document: dict[str, Any]) -> list[tuple[str, tuple[slice, ...], tuple[int, ...]]]:
    """The key, the place in the array, and the full shape of each object."""
    configuration = document["chunk_grid"]["configuration"]
    separator = document["chunk_key_encoding"]["configuration"]["separator"]
    axes = []
    for k, size in enumerate(document["shape"]):
        if "chunk_shape" in configuration:
            step = configuration["chunk_shape"][k]
            lengths = [step] * -(-size // step)
        else:
            lengths = configuration["chunk_shapes"][k]
        starts = [0, *accumulate(lengths)]
        axes.append([(c, a, n) for c, (a, n) in enumerate(zip(starts, lengths, strict=False)) if a < size])
    return [
        (
            separator.join(["c", *(str(c) for c, _, _ in cells)]),
            tuple(slice(a, a + n) for _, a, n in cells),
            tuple(n for _, _, n in cells),
        )
        for cells in product(*axes)
    ]


def values_for(document: dict[str, Any], rng: random.Random) -> Array:
    shape = document["shape"]
    few = [rng.choice((FILL, FILL, FILL, 1, 2, 60000)) for _ in range(prod(shape))]
    return np.array(few, "u2").reshape(shape)


def put(document: dict[str, Any], values: Array, rng: random.Random) -> MemoryStore:
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(document).encode()])
    for key, box, full in objects(document):
        padded = np.full(full, FILL, "u2")
        part = values[box]
        padded[tuple(map(slice, part.shape))] = part
        if (part != FILL).any() or rng.random() < 0.3:
            store.set(key, [encode(padded, document["codecs"], rng)])
    return store


def stored_values(document: dict[str, Any], store: MemoryStore) -> Array:
    values = np.full(document["shape"], FILL, "u2")
    for key, box, full in objects(document):
        found = store.get(key)
        if found is not None:
            part = decode(bytes(found[0]), document["codecs"], full, "u2")
            inside = values[(*box, ...)]  # a view, also where there are no axes
            inside[...] = part[tuple(map(slice, inside.shape))]
    return values


def box_of(shape: tuple[int, ...], rng: random.Random) -> tuple[slice, ...]:
    edges = [sorted((rng.randint(0, n), rng.randint(0, n))) for n in shape]
    return tuple(slice(a, b) for a, b in edges)


@given(documents(), st.integers(0, 1 << 32))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_what_any_legal_writer_wrote_is_read_and_changed(document: dict[str, Any], seed: int) -> None:
    rng = random.Random(seed)
    values = values_for(document, rng)
    store = put(document, values, rng)
    array = dzarr.open_array(store, "r+")
    np.testing.assert_array_equal(array.read(), values)
    for _ in range(2):
        box = box_of(values.shape, rng)
        np.testing.assert_array_equal(array.read(box), values[box])
    box = box_of(values.shape, rng)
    array[box] = values[box] = rng.choice((FILL, 3, 513))
    np.testing.assert_array_equal(array.read(), values)
    np.testing.assert_array_equal(stored_values(document, store), values)


@given(documents(), st.integers(0, 1 << 32))
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_what_the_specification_says(document: dict[str, Any], seed: int) -> None:
    rng = random.Random(seed)
    values = values_for(document, rng)
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(document).encode()])
    array = dzarr.open_array(store, "r+")
    array[...] = values
    np.testing.assert_array_equal(stored_values(document, store), values)
    np.testing.assert_array_equal(array.to_dask().compute(scheduler="sync"), values)


@pytest.mark.parametrize("swap", [False, True])
def test_filters_may_stand_before_shards(swap: bool) -> None:
    """No peer reads these; the differences are summed up here."""
    order = {"name": "transpose", "configuration": {"order": [1, 0]}}
    delta = {"name": "numcodecs.delta", "configuration": {"dtype": "<u2"}}
    configuration = {"chunk_shape": [2, 3], "codecs": [BIG, GZIP], "index_codecs": [LITTLE, CRC]}
    sharded = [{"name": "sharding_indexed", "configuration": configuration}, CRC]
    document = plain() | {"shape": [9, 11], "codecs": [*([order] if swap else []), delta, *sharded]}
    document["chunk_grid"] = {"name": "regular", "configuration": {"chunk_shape": [6, 6]}}
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(document).encode()])
    values = np.arange(99, dtype="u2").reshape(9, 11) ** 2
    array = dzarr.open_array(store, "r+")
    array[...] = values
    array[3:8, 5] = values[3:8, 5] = 77
    np.testing.assert_array_equal(dzarr.open_array(store).read(), values)
    found = store.get("c/0/1")
    assert found is not None
    differences = decode(bytes(found[0]), sharded, (6, 6), "u2")
    summed = np.cumsum(differences.reshape(-1), dtype="u2").reshape(6, 6)
    np.testing.assert_array_equal((summed.T if swap else summed)[:, :5], values[:6, 6:])


def plain(**changes: Any) -> dict[str, Any]:
    """Ten elements in shards of 8, cut in chunks of 2 bytes of no codec but ``bytes``."""
    configuration = {"chunk_shape": [2], "codecs": [LITTLE], "index_codecs": [LITTLE]} | changes
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [10],
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [8]}},
        "chunk_key_encoding": "default",
        "fill_value": FILL,
        "codecs": [{"name": "sharding_indexed", "configuration": configuration}],
    }


def shard(*entries: int, body: bytes = bytes(16), at_start: bool = False) -> bytes:
    index = struct.pack("<8Q", *entries)
    return index + body if at_start else body + index


HOLES = (MISSING,) * 6


@pytest.mark.parametrize(
    ("data", "location", "message"),
    [
        (b"", "end", "shorter than its index"),
        (bytes(63), "end", "shorter than its index"),
        (bytes(63), "start", "shorter than its index"),
        (shard(16, 4, *HOLES), "end", "points outside"),  # into the index
        (shard(14, 4, *HOLES), "end", "points outside"),  # half into the index
        (shard(0, 4, *HOLES, at_start=True), "start", "points outside"),
        (shard(62, 4, *HOLES, at_start=True), "start", "points outside"),
        (shard(80, 4, *HOLES, at_start=True), "start", "points outside"),
        (shard(MISSING, 4, *HOLES), "end", "points outside"),  # half missing is not missing
        (shard(0, MISSING, *HOLES), "end", "points outside"),
        (shard(MISSING - 1, 4, *HOLES), "end", "points outside"),  # a sum beyond 64 bits
        (shard(0, 0, *HOLES), "end", "can't be decoded"),  # a chunk of no bytes is not a missing one
        (shard(0, 3, *HOLES), "end", "can't be decoded"),
        (shard(0, 5, *HOLES), "end", "can't be decoded"),
    ],
)
@pytest.mark.parametrize("region", [(), (slice(0, 1),)], ids=["whole", "one"])
def test_a_shard_that_is_broken_is_named(data: bytes, location: str, message: str, region: Any) -> None:
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(plain(index_location=location)).encode()])
    store.set("c/0", [data])
    with pytest.raises(dzarr.CorruptObjectError, match=message) as error:
        dzarr.open_array(store).read(region)
    assert error.value.key == "c/0"


def test_chunks_may_share_bytes_and_leave_gaps() -> None:
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(plain()).encode()])
    body = struct.pack("<8H", *range(8))
    store.set("c/0", [shard(0, 4, 2, 4, 0, 4, 12, 4, body=body)])
    array = dzarr.open_array(store, "r+")
    assert array.read().tolist() == [0, 1, 1, 2, 0, 1, 6, 7, FILL, FILL]
    array[2] = 9
    assert array.read().tolist() == [0, 1, 9, 2, 0, 1, 6, 7, FILL, FILL]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chunk_shape": [3]}, "divide"),
        ({"chunk_shape": [16]}, "divide"),
        ({"chunk_shape": [2, 2]}, "chunk_shape"),
        ({"chunk_shape": []}, "chunk_shape"),
        ({"chunk_shape": 2}, "chunk_shape"),
        ({"chunk_shape": [0]}, "chunk_shape"),
        ({"chunk_shape": ["2"]}, "chunk_shape"),
        ({"codecs": [CRC]}, "order"),
        ({"codecs": [LITTLE, LITTLE]}, "order"),
        ({"codecs": [GZIP, LITTLE]}, "order"),
        ({"index_codecs": [LITTLE, GZIP]}, "fixed size"),
        ({"index_codecs": [CRC]}, "index_codecs"),
        ({"index_codecs": [LITTLE, {"name": "transpose", "configuration": {"order": [1, 0]}}]}, "index_codecs"),
        ({"index_codecs": [{"name": "transpose", "configuration": {"order": [0]}}, LITTLE]}, "index_codecs"),
        ({"index_location": "middle"}, "index_location"),
        ({"index_location": None}, "index_location"),
    ],
    ids=str,
)
def test_a_configuration_that_is_broken_is_named(changes: dict[str, Any], message: str) -> None:
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(plain(**changes)).encode()])
    with pytest.raises((dzarr.MetadataError, dzarr.GridError), match=message):
        dzarr.open_array(store)


@pytest.mark.parametrize("name", ["chunk_shape", "codecs", "index_codecs"])
def test_what_is_missing_is_named(name: str) -> None:
    document = plain()
    del document["codecs"][0]["configuration"][name]
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(document).encode()])
    with pytest.raises(dzarr.MetadataError, match=name):
        dzarr.open_array(store)


def test_shards_may_nest_deeper_than_numpy_has_axes() -> None:
    codecs: list[Any] = [LITTLE]
    for _ in range(60):
        configuration = {"chunk_shape": [2, 2], "codecs": codecs, "index_codecs": [LITTLE, CRC]}
        codecs = [{"name": "sharding_indexed", "configuration": configuration}]
    document = plain() | {"shape": [3, 4], "codecs": codecs}
    document["chunk_grid"] = {"name": "regular", "configuration": {"chunk_shape": [2, 2]}}
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(document).encode()])
    array = dzarr.open_array(store, "r+")
    array[...] = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(dzarr.open_array(store).read(), np.arange(12).reshape(3, 4))


@pytest.mark.parametrize("ndim", [32, 33, 63])
@pytest.mark.parametrize("codecs", [[], ["zstd"]], ids=["raw", "zstd"])
def test_shards_have_as_many_axes_as_numpy_has(ndim: int, codecs: list[Any]) -> None:
    lead = (1,) * (ndim - 1)
    array = dzarr.create(
        MemoryStore(), shape=(*lead, 7), dtype="u2", chunks=(*lead, 2), shards=(*lead, 4), codecs=codecs
    )
    array[...] = np.arange(7)
    array[..., 1] = 9
    assert array.read().ravel().tolist() == [0, 9, 2, 3, 4, 5, 6]
    assert array.to_dask().compute().ravel().tolist() == [0, 9, 2, 3, 4, 5, 6]


def test_an_index_needs_an_axis_of_its_own() -> None:
    with pytest.raises(dzarr.UnsupportedError, match="one axis more"):
        dzarr.create(MemoryStore(), shape=(1,) * 64, dtype="u1", chunks=1, shards=2)

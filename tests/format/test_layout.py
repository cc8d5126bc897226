"""Layouts against brute force: where each chunk of an object is stored, and each element of a chunk."""

from __future__ import annotations

import pickle
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import DzarrError, GridError, MetadataError, UnsupportedError
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.grid import ExplicitAxis, Grid, regular
from dzarr.format.keys import KeyEncoding
from dzarr.format.layout import Layout, bind
from dzarr.format.metadata import ArrayMetadata, Extension

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
INDEX = [LITTLE, {"name": "crc32c"}]


def sharding(chunk: Any, codecs: Any, **changes: Any) -> dict[str, Any]:
    configuration = {"chunk_shape": list(chunk), "codecs": codecs, "index_codecs": INDEX, "index_location": "end"}
    return {"name": "sharding_indexed", "configuration": configuration | changes}


def transpose(order: Any) -> dict[str, Any]:
    return {"name": "transpose", "configuration": {"order": list(order)}}


def bound(grid: Grid, codecs: list[Any], dtype: str = "i4", context: CodecContext | None = None) -> Layout:
    shape = tuple(axis.size for axis in grid)
    chain = tuple(Extension(codec["name"], codec.get("configuration", {})) for codec in codecs)
    metadata = ArrayMetadata(
        zarr_format=3,
        shape=shape,
        dtype=np.dtype(dtype),
        data_type=np.dtype(dtype).name,
        grid=grid,
        keys=KeyEncoding("default", "/"),
        fill_value=np.zeros((), dtype)[()],
        codecs=chain,
    )
    return bind(metadata, context or CodecContext())


@st.composite
def nested(draw: st.DrawFn) -> tuple[list[Any], list[tuple[int, ...]], list[tuple[int, ...]], tuple[int, ...]]:
    """Transposes before shards, shard levels, transposes inside; all shapes are in stored axes, from the inside out."""
    ndim = draw(st.integers(1, 3))
    outer = [tuple(draw(st.permutations(range(ndim)))) for _ in range(draw(st.integers(0, 2)))]
    inner = [tuple(draw(st.permutations(range(ndim)))) for _ in range(draw(st.integers(0, 2)))]
    sizes = st.tuples(*[st.integers(1, 3)] * ndim)
    chunk = draw(sizes)
    levels = [chunk]
    for _ in range(draw(st.integers(1, 2))):
        levels.append(tuple(n * k for n, k in zip(levels[-1], draw(sizes), strict=True)))
    codecs: list[Any] = [*map(transpose, inner), LITTLE]
    for shape in levels[:-1]:
        codecs = [sharding(shape, codecs)]
    return [*map(transpose, outer), *codecs], levels[::-1], inner, tuple(outer)


@given(nested())
def test_every_element_is_found_where_the_codecs_put_it(case: Any) -> None:
    """An object is transposed, cut into shards and chunks, each of these transposed: as numpy does it."""
    codecs, levels, inner, outer = case
    stored_shape = levels[0]
    shape = list(stored_shape)
    for order in reversed(outer):  # undo: what the array's object must have been before
        shape = [shape[order.index(axis)] for axis in range(len(shape))]
    layout = bound(regular(shape, shape), codecs)
    obj = layout.uniform
    assert obj is not None
    assert (obj.shape, layout.is_sharded) == (tuple(shape), True)
    array = np.arange(prod(shape), dtype="i4").reshape(shape)
    stored = array
    for order in outer:
        stored = stored.transpose(order)
    assert stored.shape == stored_shape
    pieces = [stored]
    for below in levels[1:]:
        pieces = [part for piece in pieces for part in parts_of(piece, below)]
    chunks = []
    for piece in pieces:
        for order in inner:
            piece = piece.transpose(order)
        chunks.append(piece)
    assert len(chunks) == obj.count == prod(obj.counts)
    order = np.arange(obj.count) if obj.order is None else obj.order
    assert sorted(order.tolist()) == list(range(obj.count))
    for flat, chunk in zip(order.tolist(), chunks, strict=True):
        assert obj.pipeline.stored_shape == chunk.shape
        seen = obj.as_array(obj.pipeline.decode(np.ascontiguousarray(chunk).tobytes()))
        place = np.unravel_index(flat, obj.counts)
        region = tuple(slice(int(k) * n, (int(k) + 1) * n) for k, n in zip(place, obj.chunk, strict=True))
        assert np.array_equal(seen, array[region])
        assert sum(int(k) * stride for k, stride in zip(place, obj.strides, strict=True)) == flat
    assert layout.chunk_shape == obj.chunk
    assert obj.nbytes == array.nbytes


def parts_of(array: np.ndarray[Any, Any], shape: tuple[int, ...]) -> list[np.ndarray[Any, Any]]:
    counts = [range(n // c) for n, c in zip(array.shape, shape, strict=True)]
    return [
        array[tuple(slice(k * c, (k + 1) * c) for k, c in zip(place, shape, strict=True))] for place in product(*counts)
    ]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_transposes_without_shards(chunk: list[int], data: st.DataObject) -> None:
    orders = [data.draw(st.permutations(range(len(chunk)))) for _ in range(data.draw(st.integers(0, 3)))]
    layout = bound(regular(chunk, chunk), [*map(transpose, orders), LITTLE])
    obj = layout.uniform
    assert obj is not None
    assert (layout.is_sharded, obj.counts, obj.order) == (False, (1,) * len(chunk), None)
    array = np.arange(prod(chunk), dtype="i4").reshape(chunk)
    stored = array
    for order in orders:
        stored = stored.transpose(order)
    assert np.array_equal(obj.as_array(obj.pipeline.decode(np.ascontiguousarray(stored).tobytes())), array)


def test_levels_and_outer_codecs() -> None:
    codecs = [
        transpose((1, 0)),
        sharding((4, 2), [sharding((2, 1), [LITTLE], index_location="start")]),
        {"name": "crc32c"},
    ]
    layout = bound(regular((20, 30), (8, 8)), codecs)
    obj = layout.uniform
    assert obj is not None
    assert len(layout.outer) == 1
    assert [level.counts for level in obj.levels] == [(2, 4), (2, 2)]
    assert [level.at_end for level in obj.levels] == [True, False]
    assert (obj.chunk, obj.counts) == ((1, 2), (8, 4))
    assert layout.axes == (1, 0)


def test_layouts_pickle_as_their_documents() -> None:
    layout = bound(regular((20, 30), (8, 8)), [sharding((4, 4), [LITTLE])])
    data = pickle.dumps(layout)
    assert len(data) < 4096
    again = pickle.loads(data)
    assert again is layout  # a process binds a document once
    assert again.digest == layout.digest
    other = bound(regular((20, 31), (8, 8)), [sharding((4, 4), [LITTLE])])
    assert other.digest != layout.digest


def test_rectilinear_objects() -> None:
    grid = (ExplicitAxis(9, (0, 4, 6, 10)), *regular((5,), (2,)))
    layout = bound(grid, [LITTLE])
    assert layout.uniform is None
    assert layout.chunk_shape is None
    shapes = [layout.object((k, 0)).shape for k in range(3)]
    assert shapes == [(4, 2), (2, 2), (4, 2)]
    assert layout.object((0, 0)) is layout.object((2, 1))  # one layout for each shape


@pytest.mark.parametrize(
    ("codecs", "error", "message"),
    [
        ([sharding((3, 4), [LITTLE])], GridError, "divide"),
        ([sharding((4, 4), [sharding((3, 4), [LITTLE])])], GridError, "divide"),
        ([transpose((1, 0)), sharding((8, 3), [LITTLE])], GridError, "divide"),
        ([sharding((4,), [LITTLE])], MetadataError, "chunk_shape"),
        ([sharding((4, 0), [LITTLE])], MetadataError, "chunk_shape"),
        ([sharding((4, True), [LITTLE])], MetadataError, "chunk_shape"),
        ([sharding((4, 4), [])], MetadataError, "codecs"),
        ([sharding((4, 4), "bytes")], MetadataError, "codecs"),
        ([sharding((4, 4), [LITTLE], index_codecs=[])], MetadataError, "index_codecs"),
        ([sharding((4, 4), [LITTLE], index_codecs=[LITTLE, {"name": "gzip", "configuration": {"level": 1}}])],
         MetadataError, "fixed size"),
        ([sharding((4, 4), [LITTLE], index_codecs=[{"name": "crc32c"}])], MetadataError, "index_codecs"),
        ([sharding((4, 4), [LITTLE], index_location="middle")], MetadataError, "index_location"),
        ([sharding((4, 4), [LITTLE], colour="red")], MetadataError, "colour"),
        ([sharding((4, 4), [LITTLE]), LITTLE], DzarrError, "."),
        ([transpose((0, 2)), sharding((4, 4), [LITTLE])], MetadataError, "transpose"),
        ([transpose((0, 0)), LITTLE], DzarrError, "."),
        ([LITTLE, sharding((4, 4), [LITTLE])], DzarrError, "."),
        ([LITTLE, LITTLE], DzarrError, "."),
        ([], DzarrError, "."),
        ([{"name": "nonesuch"}], UnsupportedError, "nonesuch"),
    ],
)  # fmt: skip
def test_layouts_that_cannot_be(codecs: list[Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        bound(regular((20, 30), (8, 8)), codecs)


def test_sizes_that_are_absurd() -> None:
    big = 1 << 40
    for shape, codecs in (
        ((big, big), [LITTLE]),
        ((big, big), [sharding((big, big), [LITTLE])]),
        ((big, big), [sharding((1, 1), [LITTLE])]),  # the index alone would not fit
    ):
        with pytest.raises(DzarrError, match="larger"):
            bound(regular(shape, shape), codecs)
    with pytest.raises(GridError, match="max_decoded_bytes"):
        bound(regular((100,), (100,)), [LITTLE], context=CodecContext(max_decoded_bytes=399))
    assert bound(regular((100,), (100,)), [LITTLE], context=CodecContext(max_decoded_bytes=400)).uniform is not None

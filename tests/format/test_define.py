"""New arrays: what each keyword becomes in the document, and what is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import DzarrError, GridError, MetadataError, UnsupportedError
from dzarr.format import v2, v3
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.define import define_array
from dzarr.format.documents import dumps, loads
from dzarr.format.grid import cell_shape
from dzarr.format.layout import bind
from dzarr.format.metadata import ArrayMetadata

CONTEXT = CodecContext()
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
ZSTD = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}


def defined(**keywords: Any) -> ArrayMetadata:
    return define_array(**({"shape": (10, 6), "dtype": "i4", "context": CONTEXT} | keywords))


def document(**keywords: Any) -> dict[str, Any]:
    made = defined(**keywords)
    text = v3.array_document(made) if made.zarr_format == 3 else v2.array_documents(made)[".zarray"]
    found: dict[str, Any] = loads(dumps(text), "document")
    parse = v3.parse_array if made.zarr_format == 3 else v2.parse_array
    assert parse(found) == made
    bind(made, CONTEXT)
    return found


def sharding(chunk: Any, codecs: Any, location: str = "end") -> dict[str, Any]:
    return {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": chunk,
            "codecs": codecs,
            "index_codecs": [LITTLE, {"name": "crc32c"}],
            "index_location": location,
        },
    }


def test_a_whole_document() -> None:
    assert document(chunks=(5, 3), shards=(10, 6), attributes={"a": 1}, dimension_names=["y", None], fill_value=7) == {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [10, 6],
        "data_type": "int32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10, 6]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 7,
        "codecs": [sharding([5, 3], [LITTLE, ZSTD])],
        "attributes": {"a": 1},
        "dimension_names": ["y", None],
    }


def test_a_whole_v2_document() -> None:
    filters = [{"id": "delta", "dtype": ">i4"}]
    codecs = {"filters": filters, "compressor": {"id": "zlib", "level": 1}, "order": "F"}
    assert document(dtype=">i4", chunks=(5, 3), zarr_format=2, codecs=codecs, chunk_key_encoding="/") == {
        "zarr_format": 2,
        "shape": [10, 6],
        "chunks": [5, 3],
        "dtype": ">i4",
        "compressor": {"id": "zlib", "level": 1},
        "fill_value": None,
        "order": "F",
        "filters": filters,
        "dimension_separator": "/",
    }


@pytest.mark.parametrize(
    ("codecs", "expected"),
    [
        ("auto", [LITTLE, ZSTD]),
        ([], [LITTLE]),
        (["zstd"], [LITTLE, ZSTD]),
        (("gzip", "crc32c"), [LITTLE, {"name": "gzip", "configuration": {"level": 5}}, {"name": "crc32c"}]),
        ([BIG], [BIG]),
        ([{"name": "zstd", "configuration": {"level": 9}}],
         [LITTLE, {"name": "zstd", "configuration": {"level": 9, "checksum": False}}]),
        (["blosc"], [LITTLE, {"name": "blosc", "configuration": {
            "cname": "lz4", "clevel": 5, "shuffle": "bitshuffle", "blocksize": 0, "typesize": 4}}]),
        ([{"name": "transpose", "configuration": {"order": [1, 0]}}, "crc32c"],
         [{"name": "transpose", "configuration": {"order": [1, 0]}}, LITTLE, {"name": "crc32c"}]),
    ],
)  # fmt: skip
def test_codecs(codecs: Any, expected: Any) -> None:
    assert document(chunks=5, codecs=codecs)["codecs"] == expected


@pytest.mark.parametrize(
    ("dtype", "data_type", "endian"),
    [("i4", "int32", "little"), (">i4", "int32", "big"), ("u1", "uint8", None), ("?", "bool", None),
     ("complex64", "complex64", "little"), (np.float16, "float16", "little"), (float, "float64", "little")],
)  # fmt: skip
def test_data_types(dtype: Any, data_type: str, endian: str | None) -> None:
    found = document(dtype=dtype, codecs=[])
    assert found["data_type"] == data_type
    assert found["codecs"][0].get("configuration", {}).get("endian") == endian
    assert defined(dtype=dtype).dtype.isnative


@pytest.mark.parametrize(
    ("keywords", "objects", "chunk"),
    [
        ({"chunks": 4}, (4, 4), (4, 4)),
        ({"chunks": (4, -1)}, (4, 6), (4, 6)),
        ({"chunks": -1}, (10, 6), (10, 6)),
        ({"chunks": 2, "shards": 4}, (4, 4), (2, 2)),
        ({"chunks": (2, 3), "shards": {"shape": (4, 6)}}, (4, 6), (2, 3)),
        ({"chunks": 1, "shards": [{"shape": 8}, {"shape": (4, 2)}]}, (8, 8), (1, 1)),
        ({"chunks": (np.int64(4), 4)}, (4, 4), (4, 4)),
        ({"chunks": "auto"}, (10, 6), (10, 6)),
        ({"chunks": "auto", "shards": (10, 6)}, (10, 6), (10, 6)),
        ({"chunks": (5, 3), "shards": "auto"}, (10, 6), (5, 3)),
        ({"chunks": ((4, 6), 3)}, ((4, 6), 3), None),
        ({"chunks": [[4, 6], [6]]}, ((4, 6), (6,)), None),
        ({"shape": (0, 5), "chunks": -1}, (1, 5), (1, 5)),
        ({"shape": (), "chunks": ()}, (), ()),
        ({"shape": 7, "chunks": 2}, (2,), (2,)),
    ],
)
def test_grids(keywords: dict[str, Any], objects: Any, chunk: Any) -> None:
    document(**keywords)
    layout = bind(defined(**keywords), CONTEXT)
    assert cell_shape(layout.grid) == objects
    assert layout.chunk_shape == chunk


@pytest.mark.parametrize("location", ["start", "end"])
def test_index_locations(location: str) -> None:
    found = document(chunks=2, shards=[{"shape": 4, "index_location": "end"}, {"shape": 2}], index_location=location)
    outer = found["codecs"][0]["configuration"]
    assert (outer["index_location"], outer["codecs"][0]["configuration"]["index_location"]) == ("end", location)


def test_index_codecs() -> None:
    codecs = ({"name": "bytes", "configuration": {"endian": "big"}},)
    found = document(chunks=2, shards={"shape": 4, "index_codecs": codecs})
    assert found["codecs"][0]["configuration"]["index_codecs"] == list(codecs)


@pytest.mark.parametrize(
    ("dtype", "given", "fill"),
    [("i4", None, 0), ("?", True, True), ("f4", "NaN", "NaN"), ("f4", np.inf, "Infinity"), ("f8", 1, 1.0),
     ("c8", 1 - 2j, [1.0, -2.0]), ("u1", np.int64(3), 3)],
)  # fmt: skip
def test_fill_values(dtype: str, given: Any, fill: Any) -> None:
    assert document(dtype=dtype, fill_value=given)["fill_value"] == fill


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"zarr_format": 1}, MetadataError, "format"),
    ({"shape": (-1, 3)}, GridError, "shape"),
    ({"shape": (1.5, 3)}, GridError, "shape"),
    ({"shape": "ab"}, GridError, "shape"),
    ({"shape": None}, GridError, "shape"),
    ({"shape": True}, GridError, "shape"),
    ({"shape": (1 << 63,)}, GridError, "shape"),
    ({"dtype": "no such"}, MetadataError, "dtype"),
    ({"dtype": object}, DzarrError, "object"),
    ({"chunks": 0}, GridError, "chunks"),
    ({"chunks": -2}, GridError, "chunks"),
    ({"chunks": (1, 2, 3)}, GridError, "chunks"),
    ({"chunks": "large"}, GridError, "chunks"),
    ({"chunks": 2.0}, GridError, "chunks"),
    ({"chunks": ((4, 5), 6)}, GridError, "end before"),
    ({"chunks": ((4, 6), (6,), 1)}, GridError, "axes"),
    ({"chunks": ((4, 0, 6), 6)}, GridError, "chunks"),
    ({"chunks": ((4, 6), 6), "shards": (10, 6)}, UnsupportedError, "explicit"),
    ({"chunks": 4, "shards": 6}, GridError, "whole multiples"),
    ({"chunks": 2, "shards": [{"shape": 6}, {"shape": 4}]}, GridError, "whole multiples"),
    ({"chunks": 2, "shards": {"colour": "red"}}, GridError, "shards"),
    ({"chunks": 2, "shards": {"shape": 4, "index_location": "middle"}}, GridError, "index_location"),
    ({"chunks": 2, "shards": 4, "index_location": "middle"}, GridError, "index_location"),
    ({"index_location": "middle"}, GridError, "index_location"),
    ({"chunks": 2, "shards": 0}, GridError, "shards"),
    ({"codecs": "zstd"}, MetadataError, "codecs"),
    ({"codecs": [3]}, DzarrError, "."),
    ({"codecs": {"compressor": None}}, MetadataError, "codecs"),
    ({"codecs": ["no such"]}, UnsupportedError, "no such"),
    ({"codecs": [sharding([2, 2], [LITTLE])]}, MetadataError, "shards="),
    ({"codecs": [{"name": "zstd", "configuration": {"level": "high"}}]}, MetadataError, "level"),
    ({"fill_value": 1.5}, MetadataError, "1.5"),
    ({"fill_value": "many"}, MetadataError, "many"),
    ({"fill_value": [1, 2]}, MetadataError, "1, 2"),
    ({"dimension_names": "yx"}, MetadataError, "dimension_names"),
    ({"dimension_names": ["y"]}, MetadataError, "dimension_names"),
    ({"dimension_names": ["y", 1]}, MetadataError, "dimension_names"),
    ({"attributes": 3}, DzarrError, "attributes"),
    ({"attributes": ["a"]}, DzarrError, "attributes"),
    ({"chunk_key_encoding": "backwards"}, UnsupportedError, "backwards"),
    ({"chunk_key_encoding": "."}, UnsupportedError, "encoding"),
    ({"zarr_format": 2, "shards": 4, "chunks": 2}, UnsupportedError, "no shards"),
    ({"zarr_format": 2, "chunk_key_encoding": "default"}, MetadataError, "separator"),
    ({"zarr_format": 2, "codecs": ["zstd"]}, MetadataError, "codecs"),
    ({"zarr_format": 2, "codecs": {"compressor": "zlib"}}, MetadataError, "codec"),
    ({"zarr_format": 2, "codecs": {"order": "K"}}, MetadataError, "order"),
    ({"zarr_format": 2, "codecs": {"filters": 3}}, MetadataError, "filters"),
    ({"zarr_format": 2, "codecs": {"compressor": {"id": "no such"}}}, UnsupportedError, "no such"),
]


@pytest.mark.parametrize(("keywords", "error", "named"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_is_refused(keywords: dict[str, Any], error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        bind(defined(**keywords), CONTEXT)


@given(
    st.lists(st.integers(0, 10**12), max_size=4).map(tuple),
    st.sampled_from(["?", "u1", "f4", "c16"]),
    st.sampled_from([None, "auto"]),
    st.sampled_from([2, 3]),
)
def test_any_shape_has_a_layout(shape: tuple[int, ...], dtype: str, shards: Any, zarr_format: int) -> None:
    keywords: dict[str, Any] = {"shape": shape, "dtype": dtype, "zarr_format": zarr_format}
    if zarr_format == 3:
        keywords["shards"] = shards
    layout = bind(defined(**keywords), CONTEXT)
    assert layout.uniform is not None
    assert layout.uniform.pipeline.nbytes <= 8 << 20
    assert layout.uniform.nbytes <= 64 << 20
    document(**keywords)

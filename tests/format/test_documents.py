from __future__ import annotations

import datetime as dt
import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import MetadataError
from dzarr.format import v2, v3
from dzarr.format.canonical import canonical, digest, from_canonical
from dzarr.format.documents import dumps, loads, naming
from dzarr.format.metadata import ArrayMetadata, Extension

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSONS))
def test_documents_come_back(document: dict[str, Any]) -> None:
    data = dumps(document)
    assert loads(data, "k") == document
    assert dumps(loads(data, "k")) == data
    assert loads(memoryview(data), "k") == loads(bytearray(data), "k") == document


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{}x", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"\0" * 100, "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": "\xff"}', "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"3", "not a JSON object"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": {"b": 1, "b": 1}}', "twice"),
    ],
    ids=lambda x: repr(x)[:20],
)
def test_bad_documents_are_named(data: bytes, words: str) -> None:
    with pytest.raises(MetadataError, match=words) as caught:
        loads(data, "a/zarr.json")
    assert caught.value.key == "a/zarr.json"


def test_tokens_of_old_writers() -> None:
    found = loads(b'{"a": [NaN, Infinity, -Infinity]}', ".zattrs")["a"]
    assert np.isnan(found[0])
    assert found[1:] == [np.inf, -np.inf]
    assert dumps({"a": found[1:]}) == b'{\n  "a": [\n    Infinity,\n    -Infinity\n  ]\n}'


def test_numpy_values_become_plain() -> None:
    attributes = {
        "array": np.arange(4, dtype="i2").reshape(2, 2),
        "scalar": np.float32(0.5),
        "flag": np.bool_(True),
        "text": np.str_("x"),
        "tuple": (1, np.uint8(2)),
        "object": np.array([None, "a"], object),
        "zero": np.array(3),
    }
    found = loads(dumps({"zarr_format": 3, "attributes": attributes}), "k")["attributes"]
    assert found == {
        "array": [[0, 1], [2, 3]], "scalar": 0.5, "flag": True, "text": "x", "tuple": [1, 2],
        "object": [None, "a"], "zero": 3
    }  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"when": dt.date(2020, 1, 1)}, r"attributes\.when.*datetime\.date"),
        ({"a": {"b": [1, b"x"]}}, r"attributes\.a\.b\[1\].*bytes"),
        ({"a": 1j}, r"attributes\.a.*complex"),
        ({"a": np.array(["2020"], "M8[D]")}, r"attributes\.a\[0\].*datetime"),
        ({"a": {1, 2}}, r"attributes\.a.*set"),
        ({"a": {1: 2}}, r"attributes\.a.*string"),
        ({"a": float("nan")}, r"attributes\.a.*nan"),
        ({"a": [0, np.float32("-inf")]}, r"attributes\.a\[1\].*-inf"),
        ({"a": np.array([np.nan])}, r"attributes\.a\[0\].*nan"),
    ],
)
def test_what_json_can_not_hold_is_named(attributes: Any, place: str) -> None:
    with pytest.raises(MetadataError, match=place):
        dumps({"zarr_format": 3, "attributes": attributes})


def test_a_document_that_holds_itself() -> None:
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(MetadataError, match="holds itself"):
        dumps(loop)


def test_nan_by_version() -> None:
    assert b"NaN" in dumps({"a": float("nan")})
    assert b"NaN" in dumps({"zarr_format": 3, "a": float("nan")}, nan=True)
    with pytest.raises(MetadataError):
        dumps({"a": float("nan")}, nan=False)


def test_errors_get_the_key_that_is_known() -> None:
    with pytest.raises(MetadataError) as caught, naming("outer"):
        raise MetadataError("x", key="inner")
    assert caught.value.key == "inner"
    with pytest.raises(MetadataError) as caught, naming("a/zarr.json"):
        v3.parse({})
    assert caught.value.key == "a/zarr.json"


def sharded(ndim: int) -> ArrayMetadata:
    inner = {
        "chunk_shape": [32] * ndim,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "zstd", "configuration": {"level": 1}},
        ],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "end",
    }
    return v3.parse_array(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [2**40] * ndim,
            "data_type": "float32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [256] * ndim}},
            "chunk_key_encoding": "default",
            "fill_value": "0x7fa00000",
            "codecs": [{"name": "sharding_indexed", "configuration": inner}],
            "attributes": {"history": "x" * 10_000},
            "dimension_names": ["tzyxc"[k % 5] for k in range(ndim)],
            "dzarr": {"must_understand": False, "live": list(range(1000))},
        }
    )


V2 = v2.parse_array(
    {"zarr_format": 2, "shape": [10, 10], "chunks": [3, 3], "dtype": ">f4", "order": "F", "fill_value": "NaN",
     "filters": [{"id": "fixedscaleoffset", "scale": 0.1, "offset": float("inf"), "dtype": ">f4"}],
     "compressor": {"id": "zlib", "level": 1}},
    {"_ARRAY_DIMENSIONS": ["y", "x"], "a": 1},
)  # fmt: skip


@pytest.mark.parametrize("array", [sharded(0), sharded(1), sharded(5), V2], ids=["0d", "1d", "5d", "v2"])
def test_the_canonical_document_rebuilds_the_model(array: ArrayMetadata) -> None:
    data = canonical(array)
    again = from_canonical(data)
    assert again == replace(array, attributes={}, extra={})
    assert canonical(again) == data
    assert len(data) < 2000
    assert len(digest(data)) == 32
    assert len(pickle.dumps(data)) < 2100


def test_the_canonical_document_knows_only_what_changes_data() -> None:
    array = sharded(2)
    assert canonical(replace(array, attributes={}, extra={})) == canonical(array)
    assert canonical(replace(array, dimension_names=None)) != canonical(array)
    assert canonical(replace(array, fill_value=np.float32("nan"))) != canonical(array)
    spelled = replace(
        array, codecs=tuple(Extension(c.name, dict(reversed(c.configuration.items()))) for c in array.codecs)
    )
    assert canonical(spelled) == canonical(array)


def test_the_canonical_document_takes_numpy_numbers() -> None:
    array = replace(sharded(1), shape=(np.int64(4),), codecs=(Extension("bytes", {"x": np.int8(3)}),))
    assert json.loads(canonical(array))["codecs"] == [{"name": "bytes", "configuration": {"x": 3}}]

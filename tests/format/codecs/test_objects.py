"""Codecs of whole object arrays: what numcodecs wrote is read, in the array's own axes; what is broken is refused."""

from __future__ import annotations

import json
import pickle
from typing import Any

import msgpack
import numcodecs
import numpy as np
import pytest

from dzarr.errors import CodecError, DzarrError, MetadataError, UnsupportedError
from dzarr.format.codecs import objects
from dzarr.format.codecs.codec import CodecContext
from dzarr.format.codecs.objects import leaves
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import build
from dzarr.format.metadata import Extension

OBJECT = np.dtype(object)
ALLOW = frozenset({"pickle"})
BYTES = Extension("bytes")
TRANSPOSE = Extension("transpose", {"order": [1, 0]})
VALUES: list[Any] = ["a", "", 1, -2.5, None, True, {"k": [1, {"l": None}]}, [1, [2]], [], {}, "ß", 2**40]


def bind(codec: str, config: Any, shape: tuple[int, ...], *, fill: Any = None, order: str = "C") -> Pipeline:
    chain = [*([TRANSPOSE] if order == "F" else []), BYTES, Extension(f"numcodecs.{codec}", config)]
    held = np.empty((), object)
    held[()] = fill
    return Pipeline.bind(chain, shape, OBJECT, held, CodecContext(allow=ALLOW))


def array_of(values: list[Any], *shape: int) -> np.ndarray[Any, Any]:
    return np.fromiter(values, object, len(values)).reshape(shape)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("codec", ["json2", "msgpack2", "pickle"])
def test_what_numcodecs_writes_and_reads(codec: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """zarr-python 2 gave the chunk to the filter in its own axes, in the memory order that the document names."""
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True)
    values = array_of(["a", 1, None, 2.5, {"k": 1}, True], 2, 3)
    theirs = numcodecs.get_codec({"id": codec})
    pipeline = bind(codec, {}, (2, 3), order=order)
    assert pipeline.stored_shape == (2, 3)
    assert pipeline.decode(theirs.encode(values.astype(object, order=order))).tolist() == values.tolist()
    assert np.asarray(theirs.decode(pipeline.encode(values))).tolist() == values.tolist()


@pytest.mark.parametrize("shape", [(12,), (3, 4), (2, 2, 3), (12, 1)], ids=str)
@pytest.mark.parametrize("codec", ["json2", "msgpack2", "pickle"])
def test_round_trip(codec: str, shape: tuple[int, ...]) -> None:
    values = array_of(VALUES, *shape)
    pipeline = bind(codec, {}, shape)
    found = pipeline.decode(pipeline.encode(values))
    assert found.shape == shape
    assert list(map(repr, found.reshape(-1))) == list(map(repr, VALUES))
    out = np.empty(shape, object)
    pipeline.decode_into(pipeline.encode(values), out)
    assert list(map(repr, out.reshape(-1))) == list(map(repr, VALUES))


@pytest.mark.parametrize("codec", ["json2", "msgpack2", "pickle"])
def test_one_element(codec: str) -> None:
    values = np.empty((), object)
    values[()] = [1, "a"]
    pipeline = bind(codec, {}, ())
    assert pipeline.decode(pipeline.encode(values)).item() == [1, "a"]


@pytest.mark.parametrize("dtype", ["<i8", ">i4", "<f8", "|b1", "<U3"])
@pytest.mark.parametrize("codec", ["json2", "msgpack2", "pickle"])
def test_numbers_and_text_of_a_fixed_length(codec: str, dtype: str) -> None:
    values = np.array([[0, 1, 2], [3, 4, 100]]).astype(dtype)
    endian = {"endian": "big" if dtype[0] == ">" else "little"}
    chain = [Extension("bytes", endian), Extension(f"numcodecs.{codec}")]
    native = np.dtype(dtype).newbyteorder("=")
    pipeline = Pipeline.bind(chain, (2, 3), native, None, CodecContext(allow=ALLOW))
    found = pipeline.decode(pipeline.encode(values.astype(native)))
    assert found.dtype == native
    assert found.tolist() == values.tolist()
    assert pipeline.decode(numcodecs.get_codec({"id": codec}).encode(values)).tolist() == values.tolist()


@pytest.mark.parametrize(
    "config", [{"encoding": "utf-16"}, {"indent": 2}, {"separators": [", ", ": "]}, {"strict": False}], ids=str
)
def test_styles_of_json(config: dict[str, Any]) -> None:
    values = array_of(["a\nb", {"b": 1, "a": 2}], 2)
    pipeline = bind("json2", config, (2,))
    theirs = numcodecs.JSON(**config)
    assert pipeline.encode(values) == theirs.encode(values)
    assert pipeline.decode(theirs.encode(values)).tolist() == values.tolist()


@pytest.mark.parametrize("config", [{"use_single_float": True}, {"use_bin_type": False, "raw": True}], ids=str)
def test_styles_of_msgpack(config: dict[str, Any]) -> None:
    values = array_of([b"a", 1.5], 2)
    theirs = numcodecs.MsgPack(**config)
    pipeline = bind("msgpack2", config, (2,))
    assert pipeline.encode(values) == theirs.encode(values)
    assert pipeline.decode(pipeline.encode(values)).tolist() == [b"a", 1.5]


def message(codec: str, document: Any) -> bytes:
    return json.dumps(document).encode() if codec == "json2" else msgpack.packb(document)


@pytest.mark.parametrize("codec", ["json2", "msgpack2"])
@pytest.mark.parametrize(
    "document",
    [
        5,
        {},
        [],
        ["|O"],
        ["a", "b", "|O", [3]],
        ["a", "|O", [2]],
        ["a", "b", "c", "|O", [2]],
        ["a", "b", "|O", 2],
        ["a", "b", None, [2]],
        [["a"], ["b"], "|O", [2, 1]],
        ["a", "b", "|O", [1 << 60]],
    ],
    ids=str,
)
def test_documents_of_another_shape(codec: str, document: Any) -> None:
    with pytest.raises(CodecError, match=f"numcodecs.{codec}"):
        bind(codec, {}, (2,)).decode(message(codec, document))


def test_lists_that_are_not_nested_as_they_should_be() -> None:
    for items in ([[1, 2], 3], [[1, 2]], [[1], [2]], [[1, 2], [3, 4], [5, 6]], ["ab", "cd"]):
        with pytest.raises(CodecError, match="not nested"):
            list(leaves(items, (2, 2), "json2"))


@pytest.mark.parametrize("codec", ["json2", "msgpack2", "pickle"])
@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"[" * 100_000, b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff", b'["a","|O",[1]']
)
def test_broken_bytes(codec: str, data: bytes) -> None:
    with pytest.raises(CodecError, match=f"numcodecs.{codec}"):
        bind(codec, {}, (1,)).decode(data)


@pytest.mark.parametrize("codec", ["json2", "msgpack2"])
def test_what_is_no_element(codec: str) -> None:
    for item in (1j, object(), {1, 2}, np.float32(1)):
        with pytest.raises(CodecError, match=r"element at \(1, 0\) of the chunk can't be stored") as caught:
            bind(codec, {}, (2, 1)).encode(array_of(["a", item], 2, 1))
        assert type(item).__name__ in str(caught.value)


def test_pickles_of_other_things() -> None:
    pipeline = bind("pickle", {}, (2,))
    for thing in ([1, 2], np.zeros(2), np.zeros(3, object), np.zeros((2, 1), object), "text", b"bytes", None):
        with pytest.raises(CodecError, match="pickle"):
            pipeline.decode(pickle.dumps(thing))
    with pytest.raises(UnsupportedError, match="allow_codecs"):
        build(Extension("numcodecs.pickle"), CodecContext())


def test_a_pickle_of_what_another_codec_made() -> None:
    chain = [Extension("vlen-utf8"), Extension("numcodecs.zlib"), Extension("numcodecs.pickle", {"protocol": 2})]
    fill = np.zeros((), np.dtypes.StringDType())
    pipeline = Pipeline.bind(chain, (2,), fill.dtype, fill, CodecContext(allow=ALLOW))
    values = np.array(["a", "bc"], fill.dtype)
    data = pipeline.encode(values)
    assert isinstance(pickle.loads(data), bytes)
    assert pipeline.decode(data).tolist() == ["a", "bc"]
    for thing in (np.array([1, "a"], object), 5j, b"x"):
        with pytest.raises(CodecError):
            pipeline.decode(pickle.dumps(thing))


def test_categories() -> None:
    config = {"labels": ["low", "high"], "dtype": "|O", "astype": "|u1"}
    chain = [BYTES, Extension("numcodecs.categorize", config), Extension("numcodecs.zlib", {"level": 1})]
    fill = np.empty((), object)
    for missing in ("", None, 0):
        fill[()] = missing
        pipeline = Pipeline.bind(chain, (2, 2), OBJECT, fill, CodecContext())
        data = pipeline.encode(array_of(["low", missing, "high", ""], 2, 2))
        assert pipeline.decode(data).tolist() == [["low", ""], ["high", ""]]
        for item in ("middle", 1, b"low", True, ["low"]):
            with pytest.raises(CodecError, match=r"element at \(0, 1\) of the chunk is none of the labels"):
                pipeline.encode(array_of(["low", item, "", ""], 2, 2))
    bare = Pipeline.bind(chain[:-1], (4,), OBJECT, fill, CodecContext())
    assert bare.decode(bytes([2, 0, 200, 1])).tolist() == ["high", "", "", "low"]
    assert bytes(bare.encode(array_of(["low", "high", "", "low"], 4))) == b"\1\2\0\1"
    with pytest.raises(CodecError):
        bare.decode(b"\1\2\0")


@pytest.mark.parametrize(
    ("codec", "config", "named"),
    [
        ("json2", {"encoding": "no such"}, "encoding"),
        ("json2", {"encoding": 8}, "encoding"),
        ("json2", {"encoding": "hex"}, "encoding"),
        ("json2", {"indent": []}, "indent"),
        ("json2", {"separators": ","}, "separators"),
        ("json2", {"separators": [",", 1]}, "separators"),
        ("json2", {"skipkeys": 1}, "skipkeys"),
        ("json2", {"strict": None}, "strict"),
        ("json2", {"level": 1}, "level"),
        ("msgpack2", {"raw": 1}, "raw"),
        ("msgpack2", {"encoding": "utf-8"}, "encoding"),
        ("pickle", {"protocol": 99}, "protocol"),
        ("pickle", {"x": 99}, "x"),
        ("categorize", {"dtype": "|O"}, "labels"),
        ("categorize", {"dtype": "|O", "labels": "ab"}, "labels"),
        ("categorize", {"dtype": "|O", "labels": [1]}, "labels"),
        ("categorize", {"dtype": "|O", "labels": ["a"], "astype": "|O"}, "astype"),
        ("categorize", {"dtype": "|O", "labels": ["a"], "astype": "no"}, "astype"),
        ("categorize", {"dtype": "|O", "labels": ["a"] * 256, "astype": "|u1"}, "astype"),
    ],
)
def test_wrong_configurations(codec: str, config: dict[str, Any], named: str) -> None:
    with pytest.raises(MetadataError, match=f"numcodecs.{codec}: .*{named}"):
        build(Extension(f"numcodecs.{codec}", config), CodecContext(allow=ALLOW))


def test_objects_need_a_codec_of_objects() -> None:
    for chain in (
        [BYTES],
        [BYTES, Extension("numcodecs.zlib")],
        [BYTES, Extension("numcodecs.delta", {"dtype": "|O"})],
    ):
        with pytest.raises(DzarrError):
            Pipeline.bind(chain, (2,), OBJECT, None, CodecContext())
    config = {"labels": ["a"], "dtype": "|O", "astype": "|u1"}
    with pytest.raises(MetadataError, match="categorize"):
        Pipeline.bind([BYTES, Extension("numcodecs.categorize", config)], (2,), np.dtype("u1"), None, CodecContext())


def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(objects, "import_module", missing)
    with pytest.raises(UnsupportedError, match="pip install msgpack"):
        build(Extension("numcodecs.msgpack2"), CodecContext())

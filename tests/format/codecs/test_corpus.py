"""The codec blobs that numcodecs keeps: what each must decode to, and every one of them accounted for."""

from __future__ import annotations

import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest

from dzarr.errors import DzarrError, UnsupportedError
from dzarr.format.codecs import numeric
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.metadata import Extension

ALLOW_PICKLE = CodecContext(allow=frozenset({"pickle"}))
TEXT = np.dtypes.StringDType()
OPTIONAL = {name for name in ("pcodec", "zfpy") if find_spec(name) is None}
SNAPPY = {"encoded.04.dat", *(f"encoded.{k:02}.dat" for k in range(7, 13))}

# Blobs of each codec, so that a half-present corpus can't pass as a whole one.
PER_CODEC = {
    "adler32": 13, "astype": 4, "base64": 13, "blosc": 169, "bz2": 52, "categorize": 8, "crc32": 13, "crc32c": 13,
    "delta": 5, "fixedscaleoffset": 25, "gzip": 78, "json2": 34, "lz4": 91, "lzma": 65, "msgpack2": 11, "packbits": 4,
    "pcodec": 110, "pickle": 40, "quantize": 25, "shuffle": 52, "vlen-array": 16, "vlen-bytes": 4, "vlen-utf8": 4,
    "zfpy": 32, "zlib": 78, "zstd": 130,
}  # fmt: skip


@pytest.fixture(scope="session")
def blobs(corpus: Path) -> dict[str, list[tuple[dict[str, Any], Path]]]:
    root = corpus / "numcodecs" / "fixture"
    found: dict[str, list[tuple[dict[str, Any], Path]]] = {codec: [] for codec in PER_CODEC}
    for path in sorted(root.rglob("encoded.*.dat")):
        configuration = json.loads((path.parent / "config.json").read_text())
        found[path.relative_to(root).parts[0]].append((configuration, path))
    assert {codec: len(blobs) for codec, blobs in found.items()} == PER_CODEC
    assert sum(PER_CODEC.values()) == 1089
    return found


def pipeline_of(configuration: dict[str, Any], array: np.ndarray[Any, Any]) -> Pipeline:
    """The v2 chain of one codec, over elements in the order that the array has."""
    config = dict(configuration)
    name = f"numcodecs.{config.pop('id')}"
    order = array.dtype.str[0] == ">"
    chain = [Extension("bytes", {"endian": "big" if order else "little"}), Extension(name, config)]
    return Pipeline.bind(chain, array.shape, array.dtype.newbyteorder("="), None, CodecContext())


def decode(configuration: dict[str, Any], path: Path) -> str:
    """Decode one blob by both ways and compare; return what kind of answer it had."""
    array = np.load(path.parent.parent / f"array.{path.name[8:10]}.npy", allow_pickle=True)
    array = array if array.flags.c_contiguous else array.T
    if configuration["id"] in ("pickle", "json"):
        with pytest.raises(UnsupportedError):
            pipeline_of(configuration, array)
        if configuration["id"] == "json":
            return "refused"
        decode_objects(configuration, array, path.read_bytes())
        return "refused unless allowed"
    if configuration["id"] == "categorize" and array.dtype.hasobject:
        array = array.reshape(-1, order="A")  # which numcodecs had made flat
    if array.dtype.hasobject or configuration["id"] in ("json2", "msgpack2"):
        decode_objects(configuration, array, path.read_bytes())
        return "objects"
    pipeline = pipeline_of(configuration, array)
    data = path.read_bytes()
    out = np.empty(array.shape, array.dtype.newbyteorder("="))
    try:
        pipeline.decode_into(data, out)
    except DzarrError:
        if configuration.get("cname") == "snappy" and path.name in SNAPPY:
            return "snappy"
        raise
    assert pipeline.decode(data).tobytes() == out.tobytes()
    check_encode(pipeline, configuration, array, out)
    if out.astype(array.dtype).tobytes() == array.tobytes():
        return "exact"
    check_lossy(configuration, array, out)
    return "lossy"


def decode_objects(configuration: dict[str, Any], array: np.ndarray[Any, Any], data: bytes) -> None:
    """Decode a blob of objects, or of a codec that keeps shapes, in every way; compare element by element."""
    config = dict(configuration)
    name = f"numcodecs.{config.pop('id')}"
    kinds = [array.dtype, TEXT] if name == "numcodecs.vlen-utf8" else [array.dtype]
    endian = {"endian": "big" if array.dtype.str[0] == ">" else "little"}
    for dtype in kinds:
        native = dtype if dtype.hasobject else dtype.newbyteorder("=")
        chain = [Extension("bytes", endian), Extension(name, config)]
        pipeline = Pipeline.bind(chain, array.shape, native, None, ALLOW_PICKLE)
        values = pipeline.decode(data)
        out = np.empty(array.shape, native)
        pipeline.decode_into(data, out)
        for one in (values, out, pipeline.decode(pipeline.encode(np.ascontiguousarray(values)))):
            assert one.shape == array.shape
            assert one.dtype == native
            assert list(map(plain, one.reshape(-1))) == list(map(plain, array.reshape(-1)))
        theirs = numcodecs.get_codec(configuration)
        if name != "numcodecs.pickle":
            again = np.asarray(theirs.decode(pipeline.encode(values)))
            assert list(map(plain, again.reshape(-1))) == list(map(plain, array.reshape(-1)))


def plain(item: Any) -> Any:
    """An element as something that equals its like: arrays by their values, NaN by its name."""
    if isinstance(item, np.ndarray):
        return item.tolist()
    return "nan" if item != item else item


def check_encode(pipeline: Pipeline, configuration: dict[str, Any], array: Any, decoded: Any) -> None:
    """What dzarr encodes, numcodecs decodes, to the same values."""
    if configuration.get("cname") == "snappy" or configuration.get("delta_spec") in ("none", "no_op"):
        return  # numcodecs itself can't encode these: no snappy, and a name that pcodec has changed
    data = pipeline.encode(array.astype(pipeline.dtype))
    assert pipeline.decode(data).tobytes() == decoded.tobytes()
    theirs = np.asarray(numcodecs.get_codec(configuration).decode(data))
    assert theirs.tobytes() == decoded.astype(array.dtype).tobytes()


def check_lossy(configuration: dict[str, Any], array: np.ndarray[Any, Any], out: np.ndarray[Any, Any]) -> None:
    error = np.abs(array - out).max()
    match configuration["id"]:
        case "fixedscaleoffset":
            assert error <= 0.5 / configuration["scale"] * (1 + 1e-3)
        case "quantize":
            coarse = 4 if configuration["astype"] == "<f2" else 1e-4
            assert error <= 0.5 * 10.0 ** -configuration["digits"] + coarse
        case "astype":
            assert np.allclose(array, out, rtol=1e-6)
        case other:
            pytest.fail(f"{other} lost values")


EXPECTED = {
    "astype": {"exact": 2, "lossy": 2},
    "blosc": {"exact": 162, "snappy": 7},
    "categorize": {"exact": 4, "objects": 4},
    "fixedscaleoffset": {"lossy": 25},
    "json2": {"objects": 18, "refused": 16},
    "msgpack2": {"objects": 11},
    "pickle": {"refused unless allowed": 40},
    "quantize": {"lossy": 25},
    "vlen-array": {"objects": 16},
    "vlen-bytes": {"objects": 4},
    "vlen-utf8": {"objects": 4},
}


@pytest.mark.parametrize("codec", PER_CODEC)
def test_blobs(codec: str, blobs: dict[str, list[tuple[dict[str, Any], Path]]]) -> None:
    if codec in OPTIONAL:
        pytest.skip(f"{codec} is not installed")
    with np.errstate(all="ignore"):
        answers = Counter(decode(configuration, path) for configuration, path in blobs[codec])
    assert answers == EXPECTED.get(codec, {"exact": PER_CODEC[codec]})


@pytest.mark.parametrize("codec", ["pcodec", "zfpy"])
def test_a_codec_whose_package_is_missing_says_what_to_install(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numeric, "import_module", missing)
    with pytest.raises(UnsupportedError, match=f"pip install {codec}"):
        pipeline_of({"id": codec}, np.zeros(3, "f4"))


def missing(name: str) -> None:
    raise ImportError(name)

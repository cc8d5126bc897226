"""All 138 metadata cases of the conformance corpus: each is understood, and means the same when it is written again.

A case is a whole document, a consolidated record, or a fragment (a codec, a grid, a key encoding, a data type, a fill
value), which is put into an otherwise plain document. What is compared are the documents themselves, brought to one
spelling where the specification knows several, and not only dzarr's own model of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dzarr.errors import DzarrError
from dzarr.format import v2, v3
from dzarr.format.canonical import canonical, from_canonical
from dzarr.format.codecs.codec import CodecContext
from dzarr.format.documents import dumps, loads
from dzarr.format.layout import bind
from dzarr.format.metadata import ArrayMetadata

PLAIN: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [8],
    "data_type": "uint8",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [8]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0,
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    "attributes": {"of": ["the", "case"], "number": 0.1},
}
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
BEFORE_BYTES = ("transpose", "cast_value", "scale_offset")


class Case(NamedTuple):
    """A document, the folder that it came from, and the file and name of the case."""

    kind: str
    name: str
    document: dict[str, Any]


@pytest.fixture
def folder(corpus: Path) -> Path:
    return corpus / "zarr-python-metadata" / "packages" / "zarr-metadata" / "tests"


def all_cases(folder: Path) -> Iterator[Case]:
    for kind in ("v2/array", "v2/group", "v2/consolidated", "v3/array", "v3/group", "v3/consolidated"):
        for path in sorted((folder / kind).glob("*.json")):
            yield Case(kind, path.stem, loads(path.read_bytes(), path.name))
    for kind in ("codec", "chunk_grid", "chunk_key_encoding"):
        for path in sorted((folder / "v3" / kind).glob("*/cases.json")):
            for name, fragment in json.loads(path.read_bytes()).items():
                place = PLACES[kind](path.parent.name, fragment)
                yield Case(f"v3/{kind}", f"{path.parent.name}/{name}", PLAIN | place)
    for path in sorted((folder / "v3" / "data_type").glob("*/*.json")):
        spelled = path.parent / "data_type.json"
        data_type = json.loads(spelled.read_bytes()) if spelled.exists() else DATA_TYPES.get(path.parent.name)
        document = PLAIN | {"data_type": data_type or path.parent.name}
        if path == spelled:
            values = json.loads((path.parent / "fill_values.json").read_bytes())
            yield Case("v3/data_type", path.parent.name, document | {"fill_value": next(iter(values.values()))})
            continue
        for name, value in json.loads(path.read_bytes()).items():
            yield Case("v3/fill_value", f"{path.parent.name}/{name}", document | {"fill_value": value})


DATA_TYPES = {"raw": "r32"}


def codec_place(name: str, fragment: Any) -> dict[str, Any]:
    if name == "sharding_indexed":
        chunk = fragment["configuration"]["chunk_shape"]
        return {
            "shape": chunk,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
            "codecs": [fragment],
        }
    if name == "transpose":
        shape = [4, 5, 6]
        return {
            "shape": shape,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}},
            "codecs": [fragment, BYTES],
        }
    if name == "bytes":
        return {"codecs": [fragment]}
    return {"data_type": "float64", "codecs": [fragment, BYTES] if name in BEFORE_BYTES else [BYTES, fragment]}


def grid_place(name: str, fragment: Any) -> dict[str, Any]:
    configuration = fragment["configuration"]
    lengths = configuration["chunk_shapes" if name == "rectilinear" else "chunk_shape"]
    return {"shape": [20] * len(lengths), "chunk_grid": fragment}


PLACES = {
    "codec": codec_place,
    "chunk_grid": grid_place,
    "chunk_key_encoding": lambda name, fragment: {"chunk_key_encoding": fragment},
}


def rewritten(case: Case) -> dict[str, Any]:
    """The case's document, read and written again; the model survives the writing too."""
    version, _, rest = case.kind.partition("/")
    document = case.document
    if case.kind == "v2/consolidated":
        return document | {"metadata": {key: again_v2(key, each) for key, each in document["metadata"].items()}}
    if case.kind == "v3/consolidated":
        group = {"zarr_format": 3, "node_type": "group", "consolidated_metadata": document}
        return again_v3(group)["consolidated_metadata"]
    if version == "v2":
        return again_v2(".zgroup" if rest == "group" else ".zarray", document)
    return again_v3(document)


def again_v2(key: str, document: dict[str, Any]) -> dict[str, Any]:
    name = key.rpartition("/")[2]
    if name == ".zattrs":
        return document
    if name == ".zgroup":
        return v2.group_documents(v2.parse_group(document))[".zgroup"]
    array = v2.parse_array(document)
    assert from_canonical(canonical(array)) == array
    written = loads(dumps(v2.array_documents(array)[name]), name)
    assert v2.parse_array(written) == array
    return written


def again_v3(document: dict[str, Any]) -> dict[str, Any]:
    node = v3.parse(document)
    if isinstance(node, ArrayMetadata):
        assert canonical(from_canonical(canonical(node))) == canonical(node)
    text = v3.array_document(node) if isinstance(node, ArrayMetadata) else v3.group_document(node)
    written = loads(dumps(text), "zarr.json")
    assert v3.parse(written) == node
    record = written.get("consolidated_metadata")
    if record is not None:
        record["metadata"] = {path: again_v3(each) for path, each in record["metadata"].items()}
    return written


# One spelling of what can be said in several ways


def spelled(document: dict[str, Any]) -> dict[str, Any]:
    """A document in the longest of its spellings."""
    found = dict(document)
    if "consolidated_metadata" in found:
        found["consolidated_metadata"] = spelled(found["consolidated_metadata"])
    if "metadata" in found:
        found["metadata"] = {key: spelled(each) for key, each in found["metadata"].items()}
    if found.get("zarr_format") == 2 and "shape" in found:
        found["filters"] = found["filters"] or None
        found.setdefault("dimension_separator", ".")
        found["order"] = found["order"] if len(found["shape"]) > 1 else "C"  # one axis has one order
    if "fill_value" in found:
        found["fill_value"] = SAME_FILLS.get(json.dumps(found["fill_value"]), found["fill_value"])
    if found.get("zarr_format") != 3:
        return found
    found.setdefault("attributes", {})
    if found["node_type"] == "array":
        found["storage_transformers"] = found.get("storage_transformers", [])
        found["codecs"] = [extension(codec) for codec in found["codecs"]]
        found["chunk_grid"] = grid(extension(found["chunk_grid"]))
        keys = found["chunk_key_encoding"] = extension(found["chunk_key_encoding"])
        keys["configuration"].setdefault("separator", "/" if keys["name"] == "default" else ".")
    return found


SAME_FILLS: dict[str, Any] = {
    '"0x0000"': 0.0,
    '"0x00000000"': 0.0,
    '"0x0000000000000000"': 0.0,
    '"0x7fc00000"': "NaN",
    '"0x7ff8000000000000"': "NaN",
    '["0x7fc00000", "0x00000000"]': ["NaN", 0.0],
    '["0x7ff8000000000000", "0x0000000000000000"]': ["NaN", 0.0],
    "[1, 2, 3]": "AQID",
    '"AAAAAAAAAAAAAAAAAAAAAAAAAAA="': 0,
}
"""Fill values of the corpus that may be written otherwise: plain ones as bits, bytes as a list, a zero structure."""


def extension(value: Any) -> dict[str, Any]:
    found = {"configuration": {}} | ({"name": value} if isinstance(value, str) else value)
    configuration = found["configuration"] = dict(found["configuration"])
    if found["name"] == "sharding_indexed":
        configuration.setdefault("index_location", "end")
        for name in ("codecs", "index_codecs"):
            configuration[name] = [extension(codec) for codec in configuration[name]]
    return found


def grid(found: dict[str, Any]) -> dict[str, Any]:
    if found["name"] == "rectilinear":
        lengths = found["configuration"]["chunk_shapes"]
        found["configuration"]["chunk_shapes"] = [axis if isinstance(axis, int) else flat(axis) for axis in lengths]
    return found


def flat(axis: list[Any]) -> list[int]:
    return list(chain.from_iterable([item] if isinstance(item, int) else repeat(*item) for item in axis))


def test_every_case_survives_a_rewrite(folder: Path) -> None:
    kinds: Counter[str] = Counter()
    failed = {}
    for case in all_cases(folder):
        kinds[case.kind] += 1
        try:
            same = spelled(rewritten(case)) == spelled(case.document)
        except DzarrError as error:
            failed[f"{case.kind}/{case.name}"] = str(error)
            continue
        if not same:
            failed[f"{case.kind}/{case.name}"] = "means something else"
    assert failed == {}
    assert len(list(folder.rglob("*.json"))) == 60
    assert sum(kinds.values()) == 138
    assert kinds == {
        "v2/array": 4, "v2/group": 1, "v2/consolidated": 2, "v3/array": 12, "v3/group": 3, "v3/consolidated": 2,
        "v3/codec": 29, "v3/chunk_grid": 6, "v3/chunk_key_encoding": 8, "v3/data_type": 3, "v3/fill_value": 68,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "count"), [("v3/array", 12), ("v3/chunk_grid", 6), ("v3/chunk_key_encoding", 8), ("v2/array", 4)]
)
def test_grids_keys_and_whole_arrays_can_be_opened(folder: Path, kind: str, count: int) -> None:
    """Parsing is not all: what these documents say fits together, too."""
    cases = [case for case in all_cases(folder) if case.kind == kind]
    assert len(cases) == count
    for case in cases:
        array = v2.parse_array(case.document) if kind == "v2/array" else v3.parse_array(case.document)
        layout = bind(array, CodecContext())
        assert layout.shape == tuple(case.document["shape"]), case.name


def test_the_separators_of_the_key_encodings(folder: Path) -> None:
    cases = [case for case in all_cases(folder) if case.kind == "v3/chunk_key_encoding"]
    for case in cases:
        name, spelling = case.name.split("/")
        separator = {"slash_separator": "/", "dot_separator": "."}.get(spelling, {"default": "/", "v2": "."}[name])
        keys = v3.parse_array(case.document).keys
        assert (keys.name, keys.separator) == (name, separator)


def test_the_comparison_tells_documents_apart() -> None:
    """A spelling that hid differences would pass any rewrite."""
    for changed in (
        {"attributes": {}},
        {"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]},
        {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}}},
        {"chunk_grid": {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": [[4, 4]]}}},
        {"fill_value": 1},
        {"unknown": {"must_understand": False}},
    ):
        assert spelled(PLAIN | changed) != spelled(PLAIN)

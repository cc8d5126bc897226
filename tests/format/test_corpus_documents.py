"""Every document of the conformance corpus: understood, or declined by name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dzarr.errors import UnsupportedError
from dzarr.format import v2, v3
from dzarr.format.canonical import canonical, from_canonical
from dzarr.format.documents import dumps, loads
from dzarr.format.dtypes import name_v2
from dzarr.format.metadata import ArrayMetadata

PLAIN: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [],
    "data_type": "uint8",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": []}},
    "chunk_key_encoding": "default",
    "fill_value": 0,
    "codecs": ["bytes"],
}


@pytest.fixture
def cases(corpus: Path) -> Path:
    return corpus / "zarr-python-metadata" / "packages" / "zarr-metadata" / "tests"


def read(path: Path) -> dict[str, Any]:
    return loads(path.read_bytes(), path.name)


def attempt(parse: Callable[[], ArrayMetadata]) -> str:
    """Return what became of a document: nothing but "understood" or the reason why it was declined."""
    try:
        array = parse()
    except UnsupportedError as error:
        return error.message
    again = from_canonical(canonical(array))
    assert canonical(again) == canonical(array)
    return "understood"


def test_all_arrays(corpus: Path) -> None:
    entries = json.loads((corpus / "index.json").read_bytes())
    outcomes: Counter[str] = Counter()
    for entry in entries:
        folder = corpus / entry["path"]

        def parse(folder: Path = folder, entry: dict[str, Any] = entry) -> ArrayMetadata:
            if entry["zarr_format"] == 3:
                document = read(folder / "zarr.json")
                array = v3.parse_array(document)
                assert v3.parse_array(loads(dumps(v3.array_document(array)), "again")) == array
                assert entry["dtype"] == array.data_type
            else:
                document = read(folder / ".zarray")
                attributes = read(folder / ".zattrs") if (folder / ".zattrs").exists() else None
                array = v2.parse_array(document, attributes)
                written = v2.array_documents(array)
                assert v2.parse_array(written[".zarray"], attributes) == array
                for member in ("zarr_format", "shape", "chunks", "dtype", "compressor"):
                    assert written[".zarray"][member] == document[member]
                # One axis has one order.
                assert written[".zarray"]["order"] == (document["order"] if len(array.shape) > 1 else "C")
                assert (written[".zarray"]["filters"] or []) == (document.get("filters") or [])
                assert entry["dtype"] == name_v2(array.dtype, "big" if entry["dtype"][0] == ">" else "little")
            assert list(array.shape) == entry["shape"]
            assert [axis.length(0) for axis in array.grid] == entry["chunks"]
            return array

        outcomes[attempt(parse)] += 1
    assert outcomes == {
        "understood": 168,
        "data type '|O' (objects) is not supported": 1,
        "data type 'string' is not supported": 1,
    }


def test_whole_v3_documents(cases: Path) -> None:
    paths = sorted((cases / "v3" / "array").glob("*.json")) + sorted((cases / "v3" / "group").glob("*.json"))
    assert len(paths) == 15
    for path in paths:
        document = read(path)
        node = v3.parse(document)
        written = v3.array_document(node) if isinstance(node, ArrayMetadata) else v3.group_document(node)
        assert v3.parse(loads(dumps(written), path.name)) == node
        means_the_same(written, document)


def means_the_same(written: dict[str, Any], document: dict[str, Any]) -> None:
    for name, value in document.items():
        if name == "chunk_key_encoding":
            assert written[name]["name"] == value["name"]
        elif name == "storage_transformers":
            assert not value
        elif name == "chunk_grid" and value["name"] == "rectilinear":
            continue  # run lengths may be written otherwise; the model was compared
        else:
            assert written[name] == value, name


def test_whole_v2_documents(cases: Path) -> None:
    paths = sorted((cases / "v2" / "array").glob("*.json"))
    assert len(paths) == 4
    for path in paths:
        document = read(path)
        array = v2.parse_array(document)
        written = v2.array_documents(array)
        assert v2.parse_array(loads(dumps(written[".zarray"]), path.name)) == array
        for member in ("shape", "chunks", "dtype", "compressor"):
            assert written[".zarray"][member] == document[member]
    (group,) = (cases / "v2" / "group").glob("*.json")
    assert v2.group_documents(v2.parse_group(read(group))) == {".zgroup": read(group)}


def test_consolidated_documents(cases: Path) -> None:
    v2_paths, v3_paths = (sorted((cases / version / "consolidated").glob("*.json")) for version in ("v2", "v3"))
    assert (len(v2_paths), len(v3_paths)) == (2, 2)
    for path in v2_paths:
        documents = v2.parse_consolidated(read(path))
        for key, document in documents.items():
            if key.endswith(".zarray"):
                assert v2.parse_array(document).shape == (100,)
    for path in v3_paths:
        record = read(path)
        group = v3.parse_group({"zarr_format": 3, "node_type": "group", "consolidated_metadata": record})
        assert group.consolidated == record["metadata"]
        assert len([v3.parse(document) for document in group.consolidated.values()]) == len(record["metadata"])
        assert v3.group_document(group)["consolidated_metadata"] == record


def fragments(folder: Path, name: str) -> list[tuple[str, str, Any]]:
    return [
        (path.parent.name, case, value)
        for path in sorted(folder.glob(f"*/{name}"))
        for case, value in json.loads(path.read_bytes()).items()
    ]


def test_codecs(cases: Path) -> None:
    found = fragments(cases / "v3" / "codec", "cases.json")
    assert len(found) == 29
    for name, _, fragment in found:
        codecs = ["bytes", fragment]
        array = v3.parse_array(PLAIN | {"codecs": codecs})
        assert array.codecs[1].name == name
        if isinstance(fragment, dict):
            assert dict(array.codecs[1].configuration) == fragment.get("configuration", {})
        assert v3.parse_array(v3.array_document(array)) == array


def test_grids(cases: Path) -> None:
    found = fragments(cases / "v3" / "chunk_grid", "cases.json")
    assert len(found) == 6
    for _, case, fragment in found:
        configuration = fragment["configuration"]
        lengths = configuration.get("chunk_shapes") or configuration["chunk_shape"]
        array = v3.parse_array(PLAIN | {"chunk_grid": fragment, "shape": [20] * len(lengths)})
        assert v3.parse_array(v3.array_document(array)) == array, case


def test_key_encodings(cases: Path) -> None:
    found = fragments(cases / "v3" / "chunk_key_encoding", "cases.json")
    assert len(found) == 8
    for name, case, fragment in found:
        keys = v3.parse_array(PLAIN | {"chunk_key_encoding": fragment}).keys
        separator = {"slash_separator": "/", "dot_separator": "."}.get(case, {"default": "/", "v2": "."}[name])
        assert (keys.name, keys.separator) == (name, separator)


def test_fill_values(cases: Path) -> None:
    folder = cases / "v3" / "data_type"
    found = fragments(folder, "fill_values.json")
    assert len(found) == 68
    outcomes: Counter[str] = Counter()
    for name, case, value in found:
        path = folder / name / "data_type.json"
        data_type = json.loads(path.read_bytes()) if path.exists() else {"raw": "r32"}.get(name, name)
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
        document = PLAIN | {"data_type": data_type, "fill_value": value, "codecs": codecs}

        def parse(document: dict[str, Any] = document, case: str = case) -> ArrayMetadata:
            array = v3.parse_array(document)
            written = loads(dumps(v3.array_document(array)), "zarr.json")
            bits = np.asarray(array.fill_value, array.dtype).tobytes()
            assert np.asarray(v3.parse_array(written).fill_value, array.dtype).tobytes() == bits
            if "signaling" in case:
                assert written["fill_value"] == document["fill_value"]
            return array

        outcomes[attempt(parse)] += 1
    assert outcomes == {
        "understood": 62,
        "data type 'bytes' is not supported": 2,
        "data type 'string' is not supported": 4,
    }


def test_nothing_in_the_corpus_was_passed_over(cases: Path) -> None:
    assert len(list(cases.rglob("*.json"))) == 60

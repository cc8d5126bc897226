"""The document of every array of the conformance corpus: understood, and written again as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dzarr.format import v2, v3
from dzarr.format.canonical import canonical, from_canonical
from dzarr.format.documents import dumps, loads
from dzarr.format.dtypes import name_v2
from dzarr.format.metadata import ArrayMetadata


def read(path: Path) -> dict[str, Any]:
    return loads(path.read_bytes(), path.name)


def test_all_arrays(corpus: Path) -> None:
    entries = json.loads((corpus / "index.json").read_bytes())
    assert len(entries) == 170
    for entry in entries:
        check = check_v3 if entry["zarr_format"] == 3 else check_v2
        array = check(corpus / entry["path"], entry)
        assert list(array.shape) == entry["shape"]
        assert [axis.length(0) for axis in array.grid] == entry["chunks"]
        assert canonical(from_canonical(canonical(array))) == canonical(array)


def check_v3(folder: Path, entry: dict[str, Any]) -> ArrayMetadata:
    array = v3.parse_array(read(folder / "zarr.json"))
    assert v3.parse_array(loads(dumps(v3.array_document(array)), "again")) == array
    assert entry["dtype"] == array.data_type
    return array


def check_v2(folder: Path, entry: dict[str, Any]) -> ArrayMetadata:
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
    return array

"""Groups, attributes, names and consolidated records; and hierarchies with something wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.made.case import PLAIN, Case, put

GROUP = {"zarr_format": 3, "node_type": "group"}
ONES = np.array([1, 2], "u1")


def array3(**members: Any) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [2],
        "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 0,
        "codecs": [PLAIN],
    } | members


ARRAY2 = {
    "zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "|u1", "compressor": None, "fill_value": 0, "order": "C",
    "filters": None,
}  # fmt: skip


def objects(found: Mapping[str, Any]) -> Callable[[Path], None]:
    return lambda folder: put(folder, found)


def inline(**members: Any) -> dict[str, Any]:
    return GROUP | {"consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": members}}


def zmetadata(**documents: Any) -> dict[str, Any]:
    return {"zarr_consolidated_format": 1, "metadata": documents}


V3 = "Zarr v3 core, "
LEGAL = ["a b", "ü∅", "a.b", "-", "~", "a:b", "x" * 200, "...a", "%20", "#?&", "c", "0", "zarr", "_x"]

GROUPS = [
    Case("group", V3 + "group metadata", objects({"zarr.json": GROUP, "a/zarr.json": array3(), "g/zarr.json": GROUP}),
         members=("a", "g")),
    Case("array in a group in a group", V3 + "nodes", objects({"zarr.json": GROUP, "g/h/a/c/0": b"\1\2",
         "g/zarr.json": GROUP, "g/h/zarr.json": GROUP, "g/h/a/zarr.json": array3()}), ONES, path="g/h/a"),
    *[
        Case(f"a name like {name[:20]}", V3 + "node names", objects({"zarr.json": GROUP, f"{name}/zarr.json": array3(),
             f"{name}/c/0": b"\1\2"}), ONES, path=name)
        for name in LEGAL
    ],
    Case("v2 group", "Zarr v2, hierarchies", objects({".zgroup": {"zarr_format": 2}, "a/.zarray": ARRAY2}),
         members=("a",)),
    Case("v2 array in folders without documents", "Zarr v2, hierarchies: zarr-python 2 wrote none for parents",
         objects({"g/a/.zarray": ARRAY2, "g/a/0": b"\1\2"}), ONES, path="g/a"),
    Case("implicit v2 group", "Zarr v2, hierarchies: zarr-python 2 wrote none for parents",
         objects({".zgroup": {"zarr_format": 2}, "g/a/.zarray": ARRAY2}), members=("a",), path="g"),
    Case("v2 attributes", "Zarr v2, attributes", objects({".zarray": ARRAY2, "0": b"\1\2", ".zattrs": {
         "_ARRAY_DIMENSIONS": ["x"], "units": "m"}}), ONES, names=("x",),
         attributes={"_ARRAY_DIMENSIONS": ["x"], "units": "m"}),
    Case("v3 attributes", V3 + "array metadata", objects({"zarr.json": array3(attributes={"é": [1, {"a": None}]}),
         "c/0": b"\1\2"}),
         ONES, attributes={"é": [1, {"a": None}]}),
    Case("both formats in one place, 3", V3 + "metadata", objects({"zarr.json": array3(), ".zarray": ARRAY2 | {
         "dtype": "|i1"}, "c/0": b"\1\2", "0": b"\3\4"}), ONES),
    Case("both formats in one place, 2", "Zarr v2, metadata", objects({"zarr.json": array3(), ".zarray": ARRAY2 | {
         "dtype": "|i1"}, "c/0": b"\1\2", "0": b"\3\4"}), np.array([3, 4], "i1"), zarr_format=2),
    Case("one bad child among good ones", V3 + "group metadata", objects({"zarr.json": GROUP, "a/zarr.json": array3(),
         "b/zarr.json": b"{", "c/zarr.json": GROUP}), members=("a", "b", "c")),
    Case("a bad child, opened", V3 + "group metadata", objects({"zarr.json": GROUP, "b/zarr.json": b"{"}), path="b",
         error="MetadataError", word="JSON"),
    Case("a child of another format", V3 + "group metadata", objects({"zarr.json": GROUP, "a/.zarray": ARRAY2,
         "a/0": b"\1\2"}), ONES, path="a"),
    Case("v3 record", "zarr-python, consolidated metadata", objects({"zarr.json": inline(a=array3()), "a/zarr.json":
         array3(), "a/c/0": b"\1\2"}), ONES, path="a"),
    Case("v3 record names the members", "zarr-python, consolidated metadata",
         objects({"zarr.json": inline(a=array3(), g=GROUP, **{"g/b": array3()})}), members=("a", "g")),
    Case("v3 record, null", "zarr-python 3.0 wrote these",
         objects({"zarr.json": GROUP | {"consolidated_metadata": None},
         "a/zarr.json": array3()}), members=("a",)),
    Case("v3 record with one bad member", "zarr-python, consolidated metadata",
         objects({"zarr.json": inline(a=array3(), b={"zarr_format": 3})}), members=("a", "b")),
    Case("v2 record", "xarray, zarr encoding", objects({".zgroup": {"zarr_format": 2}, ".zmetadata": zmetadata(**{
         ".zgroup": {"zarr_format": 2}, "a/.zarray": ARRAY2, "g/.zgroup": {"zarr_format": 2}})}), members=("a", "g")),
    Case("v2 record, the array in it", "xarray, zarr encoding", objects({".zgroup": {"zarr_format": 2}, ".zmetadata":
         zmetadata(**{".zgroup": {"zarr_format": 2}, "a/.zarray": ARRAY2}), "a/.zarray": ARRAY2, "a/0": b"\1\2"}),
         ONES, path="a"),
    Case("nothing", V3 + "metadata", objects({"x": b""}), error="NodeNotFoundError", word=""),
    Case("a group's document in two lines of nonsense", V3 + "metadata", objects({"zarr.json": b"[1,\n2]"}),
         error="MetadataError", word="object"),
    Case("a node of no kind", V3 + "metadata", objects({"zarr.json": {"zarr_format": 3, "node_type": "dataset"}}),
         error="MetadataError", word="node_type"),
    Case("a v4 node", V3 + "metadata", objects({"zarr.json": GROUP | {"zarr_format": 4}}),
         error="MetadataError|UnsupportedError", word="zarr_format"),
    Case("an array's document that isn't UTF-8", V3 + "metadata", objects({"zarr.json": b"\xff\xfe{}"}),
         error="MetadataError", word="UTF-8"),
]  # fmt: skip

CASES = GROUPS

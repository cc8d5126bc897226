"""One row of the table: what is stored, and the values that must be read.

Knows: documents. Must not know: any reader or writer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Values = np.ndarray[Any, Any]
Document = dict[str, Any]

LITTLE: Document = {"name": "bytes", "configuration": {"endian": "little"}}
BIG: Document = {"name": "bytes", "configuration": {"endian": "big"}}
PLAIN: Document = {"name": "bytes"}
CRC32C: Document = {"name": "crc32c"}


@dataclass(frozen=True)
class Feature:
    """An array of one kind: its documents by name, and its values.

    ``values`` are what dzarr takes and gives; `plain` makes what others give comparable.
    """

    section: str
    name: str
    documents: dict[str, Document]
    values: Values

    @property
    def zarr_format(self) -> int:
        """2 or 3."""
        return 3 if "zarr.json" in self.documents else 2

    def put_documents(self, folder: Path) -> None:
        """Write the documents, and no data."""
        folder.mkdir(parents=True)
        for name, document in self.documents.items():
            (folder / name).write_text(json.dumps(document))


@dataclass(frozen=True)
class Hierarchy:
    """A folder made by `make`; a reader must find `members`, each with the values ``[1, 2, 3, 4]``.

    With `consolidated`, a reader is asked to believe the record alone, which has them while the folder does not.
    """

    section: str
    name: str
    make: Callable[[Path], None]
    members: tuple[str, ...]
    zarr_format: int | None = None
    consolidated: bool = False


@dataclass(frozen=True)
class Place:
    """A kind of store: readers are told its `kind` and what `make` returned, and find ``[1, 2, 3, 4]`` there."""

    section: str
    name: str
    kind: str
    make: Callable[[Path], str]


Row = Feature | Hierarchy | Place


def codec(name: str, **configuration: Any) -> Document:
    """Return the document of a codec, with an empty configuration where v3 does not define the codec itself."""
    if configuration or name.startswith("numcodecs."):
        return {"name": name, "configuration": configuration}
    return {"name": name}


def sharding(chunk: Sequence[int], codecs: Sequence[Document] = (LITTLE,), **more: Any) -> Document:
    """Return the document of a shard."""
    index = more.pop("index_codecs", [LITTLE, CRC32C])
    return codec("sharding_indexed", chunk_shape=list(chunk), codecs=list(codecs), index_codecs=index, **more)


def v3(
    data_type: Any,
    values: Values,
    *,
    codecs: Sequence[Any] = (LITTLE,),
    fill: Any = 0,
    chunks: Sequence[int] = (2,),
    **more: Any,
) -> dict[str, Document]:
    """Return the documents of a v3 array."""
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(values.shape),
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": list(codecs),
        "attributes": {},
    }
    return {"zarr.json": document | more}


def v2(dtype: Any, values: Values, *, fill: Any = 0, chunks: Sequence[int] = (2,), **more: Any) -> dict[str, Document]:
    """Return the documents of a v2 array."""
    document = {
        "zarr_format": 2,
        "shape": list(values.shape),
        "chunks": list(chunks),
        "dtype": dtype,
        "fill_value": fill,
        "order": "C",
        "filters": None,
        "compressor": None,
    }
    return {".zarray": document | more}


def plain(values: Any, raw: bool = False) -> Any:
    """Return values as nested lists of plain things, the same for every library; `raw` ones as bytes."""
    array = np.asarray(values)
    if raw:
        return array.tobytes()  # some have an axis of bytes for it
    kind = array.dtype.kind
    if array.dtype.names is not None:
        return [array.shape, [plain(array[name]) for name in array.dtype.names]]
    if kind in "mM":
        array = array.view("i8")
    elif kind == "V" and array.dtype.type is not np.void:
        array = array.astype("f8")  # the dtypes of ml_dtypes
    elif kind == "f":
        array = array.astype("f8")
    return [array.shape, _listed(array.astype(object).ravel().tolist())]


def _listed(items: list[Any]) -> list[Any]:
    return [_item(item) for item in items]


def _item(item: Any) -> Any:
    if isinstance(item, np.ndarray):
        return item.tolist()
    if isinstance(item, (bool, np.bool_)):
        return bool(item)
    if isinstance(item, (bytearray, memoryview)):
        return bytes(item)
    if isinstance(item, np.generic):
        return item.item()
    return item

"""One thing to read: how it is written, what it must turn out to be, and who says so.

Knows: documents and objects as dicts and bytes. Must not know: how dzarr reads, or what any single case is about.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

Values = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """A node, written into a folder of its own.

    ``values`` is what must be read; ``dtype`` the name of the dtype in memory, where `values` says it in a plainer
    one. ``error`` is the name of the error that must come instead, with `word` in its message. ``location`` is what
    is opened below the folder.
    """

    name: str
    source: str
    write: Callable[[Path], None]
    values: Values | None = None
    dtype: str | None = None
    error: str | None = None
    word: str = ""
    path: str = ""
    location: str = ""
    scheme: str = ""
    zarr_format: int | None = None
    names: tuple[str | None, ...] | None = None
    attributes: Mapping[str, Any] | None = None
    fill: Any = None
    members: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    allow: frozenset[str] = field(default_factory=frozenset)


def codec(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


LITTLE, BIG, PLAIN = codec("bytes", endian="little"), codec("bytes", endian="big"), codec("bytes")
CRC = codec("crc32c")


def sharding(chunk: Sequence[int], codecs: Any = (LITTLE,), index: Any = (LITTLE, CRC), **more: Any) -> dict[str, Any]:
    return codec("sharding_indexed", chunk_shape=list(chunk), codecs=list(codecs), index_codecs=list(index), **more)


def put(folder: Path, objects: Mapping[str, Any]) -> None:
    """Write objects by their keys; what isn't bytes is JSON."""
    for key, value in objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())


def v3(
    data_type: Any, shape: Sequence[int], chunk: Any, objects: Mapping[str, bytes], *, fill: Any = 0,
    codecs: Sequence[Any] = (LITTLE,), **members: Any,
) -> Callable[[Path], None]:  # fmt: skip
    """Return what writes a v3 array; `chunk` is the shape of an object, or a whole grid."""
    regular = {"name": "regular", "configuration": {"chunk_shape": chunk}}
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": data_type,
        "chunk_grid": chunk if isinstance(chunk, dict) else regular,
        "chunk_key_encoding": {"name": "default"},
        "fill_value": fill,
        "codecs": list(codecs),
        "attributes": {},
    } | members
    return lambda folder: put(folder, {"zarr.json": document, **objects})


def v2(
    dtype: Any, shape: Sequence[int], chunks: Sequence[int], objects: Mapping[str, bytes], **members: Any
) -> Callable[[Path], None]:
    """Return what writes a v2 array; members whose value is ``...`` are left out of the document."""
    document = {
        "zarr_format": 2,
        "shape": list(shape),
        "chunks": list(chunks),
        "dtype": dtype,
        "compressor": None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
    } | members
    document = {name: value for name, value in document.items() if value is not ...}
    return lambda folder: put(folder, {".zarray": document, **objects})


MISSING = (2**64 - 1, 2**64 - 1)


def index(entries: Sequence[tuple[int, int]], order: str = "<", *, checked: bool = True) -> bytes:
    """The index of a shard: offset and length of each chunk, and the checksum of that."""
    data = struct.pack(f"{order}{2 * len(entries)}Q", *(n for entry in entries for n in entry))
    return data + struct.pack("<I", google_crc32c.value(data)) if checked else data


def shard(chunks: Sequence[bytes | None], *, start: bool = False, gap: int = 0, **form: Any) -> bytes:
    """A shard that holds `chunks` in order, None for a missing one, each behind `gap` bytes of nothing."""
    size = len(index([MISSING] * len(chunks), **form)) if start else 0
    entries, data, at = [], b"", size
    for chunk in chunks:
        if chunk is None:
            entries.append(MISSING)
            continue
        entries.append((at + gap, len(chunk)))
        data += b"\xee" * gap + chunk
        at = size + len(data)
    return index(entries, **form) + data if start else data + index(entries, **form)

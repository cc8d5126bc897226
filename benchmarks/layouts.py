"""The stored layouts that the benchmarks compare, and the data in them.

Knows: names, chunk and shard sides, codecs as v3 documents, and the field. Must not know: who reads it, or how fast.

All arrays are cubes of uint16. A layout is named by its sides and its codec: ``s256-32-zstd1`` has shards of 256³ that
hold chunks of 32³ compressed by zstd at level 1; ``c128-raw`` has plain chunks of 128³. The files are made by
zarr-python, so that dzarr reads what it did not write.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DTYPE = np.dtype("<u2")
CODECS: dict[str, list[dict[str, Any]]] = {
    "raw": [],
    "zstd1": [{"name": "zstd", "configuration": {"level": 1, "checksum": False}}],
    "zstd0": [{"name": "zstd", "configuration": {"level": 0, "checksum": False}}],
    "blosc": [
        {
            "name": "blosc",
            "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "bitshuffle", "typesize": 2, "blocksize": 0},
        }
    ],
}
BYTES: dict[str, Any] = {"name": "bytes", "configuration": {"endian": "little"}}


@dataclass(frozen=True)
class Layout:
    """Sides of the cubes, in elements, and the codec of a chunk; ``shard`` is None where there are no shards."""

    name: str
    shard: int | None
    chunk: int
    codec: str

    @property
    def side(self) -> int:
        """Side of an object: of a shard, or of a lone chunk."""
        return self.shard or self.chunk

    @property
    def compressors(self) -> list[dict[str, Any]]:
        """The bytes to bytes codecs of a chunk, as v3 documents."""
        return CODECS[self.codec]

    @property
    def shapes(self) -> dict[str, Any]:
        """``chunks=`` and ``shards=`` as zarr-python and dzarr take them."""
        return {"chunks": (self.chunk,) * 3, "shards": None if self.shard is None else (self.shard,) * 3}

    def document(self, size: int) -> dict[str, Any]:
        """The v3 array document of a cube with this many elements a side."""
        codecs = [BYTES, *self.compressors]
        if self.shard is not None:
            configuration = {
                "chunk_shape": [self.chunk] * 3,
                "codecs": codecs,
                "index_codecs": [BYTES, {"name": "crc32c"}],
                "index_location": "end",
            }
            codecs = [{"name": "sharding_indexed", "configuration": configuration}]
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [size] * 3,
            "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [self.side] * 3}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": codecs,
            "attributes": {},
        }


def _all() -> dict[str, Layout]:
    layouts = [Layout(f"c128-{codec}", None, 128, codec) for codec in ("raw", "blosc", "zstd1")]
    for chunk in (32, 64):
        layouts += [Layout(f"s256-{chunk}-{codec}", 256, chunk, codec) for codec in ("zstd1", "blosc", "raw")]
    layouts.append(Layout("s128-32-zstd0", 128, 32, "zstd0"))
    return {layout.name: layout for layout in layouts}


LAYOUTS = _all()


def field(size: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """A smooth field of 100 to 700 counts with Poisson noise, in shape (size, size, size)."""
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    values = np.empty((size, size, size), DTYPE)
    for z in range(size):
        smooth = math.sin(2 * math.pi * z / 211) * np.cos(2 * np.pi * y / 173) + np.sin(2 * np.pi * x / 131)
        values[z] = np.random.default_rng([20260, z]).poisson(400 + 150 * smooth)
    return values


def field_file(data: Path, size: int) -> Path:
    """The .npy file of the field, made once."""
    path = data / f"field-{size}.npy"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npy")
        np.save(unfinished, field(size))
        unfinished.rename(path)
    return path


def array_folder(data: Path, layout: Layout, size: int) -> Path:
    """The stored array of a layout, made once by zarr-python."""
    import zarr

    path = data / f"{layout.name}-{size}.zarr"
    if not path.exists():
        values = np.load(field_file(data, size), mmap_mode="r")
        unfinished = path.with_suffix(".part.zarr")
        shutil.rmtree(unfinished, ignore_errors=True)
        target = zarr.create_array(
            unfinished,
            shape=values.shape,
            dtype="uint16",
            compressors=layout.compressors,
            filters=None,
            **layout.shapes,
        )
        target[...] = values
        unfinished.rename(path)
    return path

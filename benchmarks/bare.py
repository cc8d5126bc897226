"""The bare loop: the practical limit that the engine is held against.

Knows: how to read and write cubes of uint16 in cubic shards or chunks, with two threads, and nothing else. Must not
know: dzarr, or any geometry beyond that (no edges, no missing objects, no regions, no checks).

Each thread takes whole objects: reads the file, looks at the shard index by numpy, and decodes chunk after chunk with
numcodecs into the one output::

    file -> bytes -> index -> [decode -> output[z, y, x]] for each chunk
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import google_crc32c
import numcodecs.blosc
import numcodecs.zstd
import numpy as np
from layouts import DTYPE, Layout

THREADS = 2
INDEX_CHECKSUM = 4
Cube = np.ndarray[Any, np.dtype[np.uint16]]
Corner = tuple[int, int, int]

numcodecs.blosc.use_threads = False


def read(path: Path, layout: Layout, size: int) -> Cube:
    """The whole array, shape (size, size, size).

    Raises
    ------
    ValueError
        `size` is no multiple of the object's side: the loop knows no edges.
    """
    if size % layout.side:
        raise ValueError(f"the bare loop needs whole objects: {size} is no multiple of {layout.side}")
    output = np.empty((size, size, size), DTYPE)
    decode = _decoder(layout.codec)

    def read_object(corner: Corner) -> None:
        with open(path / "c" / "/".join(map(str, corner)), "rb", buffering=0) as file:
            data = memoryview(file.read())
        box = output[_box(corner, layout.side)]
        scratch = np.empty((layout.chunk,) * 3, DTYPE)
        if layout.shard is None:
            box[...] = decode(data, scratch)
            return
        per_axis = layout.shard // layout.chunk
        index = np.frombuffer(data[:-INDEX_CHECKSUM], "<u8", offset=len(data) - INDEX_CHECKSUM - 16 * per_axis**3)
        starts, lengths = index[::2].tolist(), index[1::2].tolist()
        for inner, start, length in zip(_corners(per_axis), starts, lengths, strict=True):
            box[_box(inner, layout.chunk)] = decode(data[start : start + length], scratch)

    _each(read_object, size // layout.side)
    return output


def write(path: Path, values: Cube, layout: Layout) -> None:
    """Write a whole array into a folder that does not exist: every object under a temporary name, then renamed."""
    path.mkdir(parents=True)
    encode = _encoder(layout.codec)

    def write_object(corner: Corner) -> None:
        box = values[_box(corner, layout.side)]
        if layout.shard is None:
            parts = [encode(np.ascontiguousarray(box))]
        else:
            inner = list(_corners(layout.shard // layout.chunk))
            parts = [encode(np.ascontiguousarray(box[_box(place, layout.chunk)])) for place in inner]
            lengths = np.array([len(part) for part in parts], "<u8")
            index = np.stack([np.cumsum(lengths) - lengths, lengths], axis=1).astype("<u8").tobytes()
            parts += [index, google_crc32c.value(index).to_bytes(INDEX_CHECKSUM, "little")]
        target = path / "c" / "/".join(map(str, corner))
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.part")
        with open(unfinished, "wb", buffering=0) as file:
            file.writelines(parts)
        unfinished.rename(target)

    _each(write_object, len(values) // layout.side)
    (path / "zarr.json").write_text(json.dumps(layout.document(len(values))))


def _decoder(codec: str) -> Callable[[memoryview, Cube], Cube]:
    """A function (encoded, scratch) -> chunk; the chunk may be the scratch or lie in the encoded bytes."""
    if codec == "raw":
        return lambda data, scratch: np.frombuffer(data, DTYPE).reshape(scratch.shape)
    decompress = numcodecs.blosc.decompress if codec == "blosc" else numcodecs.zstd.decompress

    def decode(data: memoryview, scratch: Cube) -> Cube:
        decompress(data, scratch)
        return scratch

    return decode


def _encoder(codec: str) -> Callable[[Cube], Any]:
    if codec == "raw":
        return lambda chunk: chunk.reshape(-1).view(np.uint8).data
    if codec == "blosc":
        return lambda chunk: numcodecs.blosc.compress(chunk, b"lz4", 5, numcodecs.blosc.BITSHUFFLE)
    level = int(codec.removeprefix("zstd"))
    return lambda chunk: numcodecs.zstd.compress(chunk, level)


def _each(work: Callable[[Corner], None], per_axis: int) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work, _corners(per_axis)):
            pass


def _corners(per_axis: int) -> Iterator[Corner]:
    return itertools.product(range(per_axis), repeat=3)  # type: ignore[return-value]


def _box(corner: Corner, side: int) -> tuple[slice, ...]:
    return tuple(slice(at * side, (at + 1) * side) for at in corner)

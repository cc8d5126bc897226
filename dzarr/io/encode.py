"""The other hot loop: elements, encoded into the chunks of one object.

Knows: rows of chunks, padding at ragged edges, and which chunks need not be stored. Must not know:
stores, keys or locks. Mirrors place.py: a row of chunks is copied side by side once, then encoded chunk
by chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dzarr.format.layout import Layout, ObjectLayout
from dzarr.format.shard import assemble
from dzarr.io.fetch import Blobs
from dzarr.io.rows import Row

Array = np.ndarray[Any, Any]


def encode_rows(
    layout: Layout, obj: ObjectLayout, rows: Sequence[Row], part: Array, old: Blobs, keep_empty: bool
) -> list[Any]:
    """Return the object's encoded chunks, by flat position: those of `rows` new, the others as in `old`.

    Chunks that are partly covered are merged with what `old` holds of them (the fill value where it
    holds nothing). None stands for a chunk that need not be stored.
    """
    pick = old.get if isinstance(old, dict) else old.__getitem__
    chunks: list[Any] = [pick(flat) for flat in range(obj.count)] if old else [None] * obj.count
    encode = obj.pipeline.encode
    is_fill = None if keep_empty else fill_test(layout.fill)
    for row in rows:
        for flat, chunk in _chunks(layout, obj, row, part, pick if old else None):
            chunks[flat] = None if is_fill is not None and is_fill(chunk) else encode(chunk)
    return chunks


def object_parts(layout: Layout, obj: ObjectLayout, chunks: Sequence[Any]) -> list[Any]:
    """Return the buffers that make up the object, one after the other; none where nothing is to be stored."""
    parts = assemble(obj.levels, obj.order, chunks)
    if not layout.outer or not parts:
        return parts
    data: Any = parts[0] if len(parts) == 1 else b"".join(parts)
    for codec in layout.outer:
        data = codec.encode(data)
    return [data]


def _chunks(layout: Layout, obj: ObjectLayout, row: Row, part: Array, old: Any) -> Iterator[tuple[int, Array]]:
    """Yield (flat position, elements in stored order, contiguous) of each chunk of a row."""
    if row.inside is not None:
        for k in range(row.count):
            yield row.first + k, _merged(layout, obj, row, k, part, old)
        return
    values = part[row.out] if row.out else part
    inverse = obj.inverse
    if row.count == 1:
        stored = values if inverse is None else values.transpose(np.argsort(inverse))
        yield row.first, np.asarray(stored, order="C")
        return
    split = values.reshape(*values.shape[:-1], row.count, obj.chunk[-1], copy=False)
    spread = split.transpose(-2, *range(split.ndim - 2), -1)
    if inverse is not None:
        spread = spread.transpose(0, *(int(k) + 1 for k in np.argsort(inverse)))
    for k, chunk in enumerate(np.asarray(spread, order="C")):
        yield row.first + k, chunk


def _merged(layout: Layout, obj: ObjectLayout, row: Row, k: int, part: Array, old: Any) -> Array:
    """Return the chunk `k` of a row with its new elements over its old ones."""
    pipeline = obj.pipeline
    buffer = np.empty(pipeline.stored_shape, pipeline.dtype)
    blob = None if old is None else old(row.first + k)
    if blob is None:
        buffer[...] = layout.fill
    else:
        pipeline.decode_into(blob, buffer)
    values = part[row.out]
    inside = row.inside
    if row.count > 1:
        length = obj.chunk[-1]
        values = values[..., k * length : (k + 1) * length]
    obj.as_array(buffer)[... if inside is None else inside] = values
    return buffer


def fill_test(fill: Array) -> Any:
    """Return a function that tells whether a contiguous chunk is the fill value throughout, bit for bit.

    -0.0 is not 0.0 here, and a NaN equals a NaN of the same payload only.
    """
    size = fill.dtype.itemsize
    bits = np.dtype(f"u{size}") if size in (1, 2, 4, 8) else np.dtype((np.void, size))
    if fill.dtype.hasobject or size == 0:
        return lambda chunk: False
    pattern = fill.reshape(1).view(bits)[0]
    if bits.kind == "u":
        wanted = int(pattern)

        def is_fill(chunk: Array) -> bool:
            flat = chunk.reshape(-1).view(bits)
            # Nearly every chunk that isn't empty shows it by its first element.
            return flat.size == 0 or (int(flat[0]) == wanted and bool((flat == wanted).all()))

        return is_fill
    raw = np.frombuffer(pattern.tobytes(), np.uint8)
    return lambda chunk: bool((chunk.reshape(-1).view(np.uint8).reshape(-1, size) == raw).all())

"""The other hot loop: elements, encoded into the chunks of one object.

Knows: rows of chunks, padding at ragged edges, and which chunks need not be stored. Must not know:
stores, keys or locks. Mirrors place.py: a row of chunks is copied side by side once, then encoded chunk
by chunk; where nothing is encoded, a whole object is laid out by one copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dzarr.errors import CodecError, CorruptObjectError
from dzarr.format.layout import Layout, ObjectLayout
from dzarr.format.shard import assemble
from dzarr.io.fetch import Blobs
from dzarr.io.rows import Row
from dzarr.io.runs import copy_runs
from dzarr.io.scratch import KEPT_BYTES, scratch_of

Array = np.ndarray[Any, Any]
IsFill = Callable[[Array], bool]


def encode_rows(
    layout: Layout, obj: ObjectLayout, rows: Sequence[Row], part: Array, old: Blobs, keep_empty: bool
) -> list[Any]:
    """Return the object's encoded chunks, by flat position: those of `rows` new, the others as in `old`.

    Chunks that are partly covered are merged with what `old` holds of them (the fill value where it
    holds nothing). None stands for a chunk that need not be stored. The answer may share this thread's
    scratch memory: it is good until the next call.
    """
    is_fill = None if keep_empty else fill_test(layout.fill)
    # Positions in any order may be as many as the object has elements: then every row says which ones.
    in_order = part.shape == obj.shape and rows[0].inside is None
    few_axes = 2 * part.ndim <= 64  # numpy has no more, and laying out takes two for each
    if in_order and few_axes and obj.pipeline.raw and obj.count > 1 and obj.nbytes <= KEPT_BYTES:
        return _laid_out(obj, part, is_fill)
    pick = old.get if isinstance(old, dict) else old.__getitem__
    chunks: list[Any] = [pick(flat) for flat in range(obj.count)] if old else [None] * obj.count
    encode, lone = obj.pipeline.encode, obj.count == 1
    for row in rows:
        for flat, chunk in _chunks(layout, obj, row, part, pick if old else None):
            if is_fill is not None and is_fill(chunk):
                chunks[flat] = None
            else:
                encoded = encode(chunk)
                # Anything but new bytes may lie in the scratch memory that the next chunk overwrites, if there is one.
                chunks[flat] = encoded if lone or isinstance(encoded, bytes) else bytes(encoded)
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


def _laid_out(obj: ObjectLayout, part: Array, is_fill: IsFill | None) -> list[Any]:
    """Lay out a whole object whose chunks are stored as they are."""
    ndim = len(obj.shape)
    split = part.reshape([n for pair in zip(obj.counts, obj.chunk, strict=True) for n in pair])
    axes = range(ndim) if obj.inverse is None else np.argsort(obj.inverse)
    spread = split.transpose(*(2 * k for k in range(ndim)), *(2 * int(k) + 1 for k in axes))
    laid = scratch_of(obj.nbytes, obj.pipeline.dtype).reshape(spread.shape)
    copy_runs(laid, spread)
    nbytes = obj.pipeline.nbytes
    data = laid.reshape(-1).view(np.uint8).data
    chunks = laid.reshape(obj.count, -1)
    return [
        None if is_fill is not None and is_fill(chunk) else data[k * nbytes : (k + 1) * nbytes]
        for k, chunk in enumerate(chunks)
    ]


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
        yield row.first, stored if stored.flags.c_contiguous else _copied(obj, 1, stored[None])[0]
        return
    split = values.reshape(*values.shape[:-1], row.count, obj.chunk[-1], copy=False)
    spread = split.transpose(-2, *range(split.ndim - 2), -1)
    if inverse is not None:
        spread = spread.transpose(0, *(int(k) + 1 for k in np.argsort(inverse)))
    for k, chunk in enumerate(spread if spread.flags.c_contiguous else _copied(obj, row.count, spread)):
        yield row.first + k, chunk


def _copied(obj: ObjectLayout, count: int, spread: Array) -> Array:
    pipeline = obj.pipeline
    if pipeline.variable:
        return spread.copy()
    copy = scratch_of(count * pipeline.nbytes, pipeline.dtype).reshape(count, *pipeline.stored_shape)
    copy_runs(copy, spread)
    return copy


def _merged(layout: Layout, obj: ObjectLayout, row: Row, k: int, part: Array, old: Any) -> Array:
    """Return the chunk `k` of a row with its new elements over its old ones."""
    pipeline = obj.pipeline
    buffer = np.empty(pipeline.stored_shape, pipeline.dtype)
    blob = None if old is None else old(row.first + k)
    if blob is None:
        buffer[...] = layout.fill
    else:
        _decode_old(obj, row.first + k, blob, buffer)
    values = part[row.out]
    inside = row.inside
    if row.count > 1:
        length = obj.chunk[-1]
        values = values[..., k * length : (k + 1) * length]
    obj.as_array(buffer)[... if inside is None else inside] = values
    return buffer


def _decode_old(obj: ObjectLayout, flat: int, blob: Any, buffer: Array) -> None:
    try:
        obj.pipeline.decode_into(blob, buffer)
    except CodecError as error:
        raise CorruptObjectError(
            f"the old object can't be merged with: {error.message}",
            chunk=tuple(int(k) for k in np.unravel_index(flat, obj.counts)) if obj.counts else (),
            found=error.found,
            expected=error.expected,
            fix="write the whole object",
        ) from error


def fill_test(fill: Array) -> IsFill:
    """Return a function that tells whether a contiguous chunk is the fill value throughout, bit for bit.

    -0.0 is not 0.0 here, and a NaN equals a NaN of the same payload only.
    """
    if fill.dtype.hasobject:
        return _same_object(fill)
    size = fill.dtype.itemsize
    bits = np.dtype(f"u{size}") if size in (1, 2, 4, 8) else np.dtype((np.void, size))
    if size == 0:
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


def _same_object(fill: Array) -> IsFill:
    """Return the test for elements of variable length: equal and of one type, as 0, False and 0.0 are not the same.

    Values of other types than these may equal what they are not (nan, -0.0), and are never left out.
    """
    wanted = fill.item()
    kind = type(wanted)
    if kind not in (str, bytes, int, bool, type(None)):
        return lambda chunk: False
    # Text in numpy's own memory is compared there; the first element nearly always decides.
    text = fill.dtype.kind == "T"

    def is_fill(chunk: Array) -> bool:
        flat = chunk.reshape(-1)
        if flat.size and (type(flat[0]) is not kind or flat[0] != wanted):
            return False
        if text:
            return bool((flat == wanted).all())
        return all(type(item) is kind and item == wanted for item in flat.tolist())

    return is_fill

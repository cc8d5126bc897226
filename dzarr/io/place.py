"""The hot loop: encoded chunks, decoded into the output.

Knows: rows of chunks, where each lies in the output, and how to decode it there with the fewest copies.
Must not know: stores, keys or threads. It runs once for every chunk that is read, so what can be known
beforehand is: a *row* is a run of whole chunks along the last axis, decoded side by side into one
scratch buffer and assigned at once; a lone chunk goes straight into the output where its place there is
contiguous.

    output   . . . . . . . . .        scratch  [chunk 4][chunk 5][chunk 6]
             . [4    5    6] .   <-  one assignment of shape (rows, 3, columns)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dzarr.errors import CodecError, CorruptObjectError
from dzarr.format.layout import ObjectLayout
from dzarr.io.fetch import Blobs
from dzarr.io.rows import Row
from dzarr.io.runs import copy_runs
from dzarr.io.scratch import scratch_of

Array = np.ndarray[Any, Any]


def place_rows(
    obj: ObjectLayout, rows: Sequence[Row], blobs: Blobs, view: Array, fill: Array, fields: Any = None
) -> None:
    """Decode the chunks of `rows` into `view`, the object's part of the output.

    Raises CorruptObjectError, naming the chunk within the object, where bytes can't be what was written.
    """
    pick = blobs.get if isinstance(blobs, dict) else blobs.__getitem__
    shown = fill if fields is None else fill[fields]
    if obj.pipeline.variable:
        shown = shown.reshape(1)  # numpy 2.4 loses long text that is assigned from a 0-d array to an index array
    for row in rows:
        try:
            if row.count == 1:
                _place_one(obj, row, pick(row.first), view, shown, fields)
            else:
                _place_row(obj, row, pick, view[row.out], fill, fields)
        except CodecError as error:
            raise _corrupt(obj, row, pick, error) from error


def _place_one(obj: ObjectLayout, row: Row, blob: Any, view: Array, fill: Array, fields: Any) -> None:
    pipeline = obj.pipeline
    if blob is None:
        view[(*row.out, ...)] = fill
        return
    if pipeline.anew:
        values = obj.as_array(pipeline.decode(blob))
    else:
        if row.inside is None and obj.inverse is None and fields is None:
            target = view[(*row.out, ...)]
            if _direct(target, pipeline):
                pipeline.decode_into(blob, target)
                return
        scratch = scratch_of(pipeline.nbytes, pipeline.dtype).reshape(pipeline.stored_shape)
        pipeline.decode_into(blob, scratch)
        values = obj.as_array(scratch)
    if fields is not None:
        values = values[fields]
    if row.inside is None:
        copy_runs(view[(*row.out, ...)], values)
    else:
        view[row.out] = values[row.inside]


def _direct(target: Array, pipeline: Any) -> bool:
    return bool(target.flags.c_contiguous) and target.dtype == pipeline.dtype


def _place_row(obj: ObjectLayout, row: Row, pick: Any, target: Array, fill: Array, fields: Any) -> None:
    pipeline, count = obj.pipeline, row.count
    length = obj.chunk[-1]
    split = target.reshape(*target.shape[:-1], count, length, copy=False)
    chunks = split.transpose(-2, *range(split.ndim - 2), -1)
    encoded = [pick(flat) for flat in range(row.first, row.first + count)]
    if pipeline.raw:
        shown = fill if fields is None else fill[fields]
        for chunk, blob in zip(chunks, encoded, strict=True):
            if blob is None:
                chunk[...] = shown
                continue
            values = obj.as_array(pipeline.decode(blob))
            values = values if fields is None else values[fields]
            copy_runs(chunk, values if row.inside is None else values[row.inside])
        return
    decode_into = pipeline.decode_into
    if row.inside is None and obj.inverse is None and fields is None and _direct(chunks[0], pipeline):
        for chunk, blob in zip(chunks, encoded, strict=True):
            if blob is None:
                chunk[...] = fill
            else:
                decode_into(blob, chunk)
        return
    scratch = scratch_of(count * pipeline.nbytes, pipeline.dtype).reshape(count, *pipeline.stored_shape)
    for part, blob in zip(scratch, encoded, strict=True):
        if blob is None:
            part[...] = fill
        else:
            decode_into(blob, part)
    values = scratch if obj.inverse is None else scratch.transpose(0, *(k + 1 for k in obj.inverse))
    if fields is not None:
        values = values[fields]
    copy_runs(chunks, values if row.inside is None else values[(slice(None), *row.inside)])


def _corrupt(obj: ObjectLayout, row: Row, pick: Any, error: CodecError) -> CorruptObjectError:
    """Find out which chunk of the row it was."""
    flat = row.first
    for flat in range(row.first, row.first + row.count):
        blob = pick(flat)
        if blob is None:
            continue
        try:
            obj.pipeline.decode(blob)
        except CodecError as again:
            error = again
            break
    return CorruptObjectError(
        f"chunk can't be decoded: {error.message}",
        chunk=tuple(int(k) for k in np.unravel_index(flat, obj.counts)) if obj.counts else (),
        found=error.found,
        expected=error.expected,
        fix="write the object again; a write that covers it whole does not read it",
    )

"""Shards inside chunks: sharding where it can't be flattened into levels.

Knows: how to encode and decode a whole chunk that is itself a shard. Must not know: stores or regions.
Documents may put a transpose, a filter or a compressor between two levels of sharding. Such a chunk is
read and written whole, as any chunk is; what lies inside it needs no requests of its own.

    sharding[transpose, sharding[bytes, zstd]]   one level, and chunks whose codec is this one
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dzarr.errors import CodecError, CorruptObjectError, MetadataError
from dzarr.format.codecs.codec import Array, ArrayBytes, Buffer, ChunkSpec, CodecContext, Configuration
from dzarr.format.dtypes import default_fill
from dzarr.format.shard import assemble, flat_index

if TYPE_CHECKING:
    from dzarr.format.layout import ObjectLayout

BindShard: TypeAlias = "Callable[[Configuration, ChunkSpec, CodecContext], ObjectLayout]"
"""How a shard of one shape is laid out; layout.py knows."""


class InnerSharding(ArrayBytes):
    """``sharding_indexed`` as a codec from a whole array to bytes."""

    name = "sharding_indexed"

    def __init__(
        self,
        configuration: Configuration,
        context: CodecContext,
        bind_shard: BindShard,
        obj: ObjectLayout | None = None,
    ) -> None:
        self._configuration = configuration
        self._context = context
        self._bind = bind_shard
        self._obj = obj

    def bound(self, spec: ChunkSpec) -> InnerSharding:
        """Return the codec for chunks of `spec`. Raises MetadataError, GridError."""
        obj = self._bind(self._configuration, spec, self._context)
        return InnerSharding(self._configuration, self._context, self._bind, obj)

    def encode(self, array: Array) -> Buffer:
        """Return the shard's bytes; nothing is left out of it."""
        obj = self._layout()
        chunks = [obj.pipeline.encode(self._stored(array[box])) for box in _boxes(obj)]
        return b"".join(assemble(obj.levels, obj.order, chunks))

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the array. Raises CodecError, also for what is wrong with an index."""
        obj = self._layout()
        view = memoryview(data)
        try:
            table = flat_index(obj.levels, obj.order, len(view), lambda spans: [view[a : a + n] for a, n in spans])
        except CorruptObjectError as error:
            raise CodecError(f"inner shard: {error.message}", found=error.found, expected=error.expected) from error
        out = np.empty(spec.shape, spec.dtype)
        for box, (start, length) in zip(_boxes(obj), table.tolist(), strict=True):
            if start < 0:
                out[box] = spec.fill if spec.fill is not None else default_fill(spec.dtype)
            else:
                out[box] = obj.as_array(obj.pipeline.decode(view[start : start + length]))
        return out

    def _stored(self, chunk: Array) -> Array:
        inverse = self._layout().inverse
        return chunk if inverse is None else chunk.transpose(np.argsort(inverse))

    def _layout(self) -> ObjectLayout:
        if self._obj is None:
            raise MetadataError("sharding_indexed was not bound to a chunk shape")
        return self._obj


def _boxes(obj: ObjectLayout) -> Iterator[tuple[Any, ...]]:
    """Yield the index of each chunk in flat order; it gives a view also where there are no axes."""
    for cell in product(*map(range, obj.counts)):
        yield *(slice(k * n, (k + 1) * n) for k, n in zip(cell, obj.chunk, strict=True)), ...

"""Layouts: what a document implies, bound once, ready for the engine.

Knows: how a chain of codecs becomes an object grid, shard levels and a chunk pipeline. Must not know:
stores, regions or dask. Sharding exists only up to this door: from here on there is an object grid, a
chunk grid and a pipeline, and no loop asks what codec it deals with.

    codecs of the document                           layout
    [transpose, sharding[sharding[bytes, zstd]], crc32c]
     ------------------------------------------->    axes, outer=(crc32c,), two levels, pipeline [bytes, zstd]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import prod
from typing import Any

import numpy as np

from dzarr.errors import DzarrError, GridError, MetadataError
from dzarr.format.canonical import canonical, digest, from_canonical
from dzarr.format.codecs.codec import BytesBytes, ChunkSpec
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext, bytes_codecs, register
from dzarr.format.dtypes import default_fill, name_v3, unset, zero_d
from dzarr.format.grid import Grid, Indices, RegularAxis, regular
from dzarr.format.inner import InnerSharding
from dzarr.format.keys import KeyEncoding
from dzarr.format.levels import SHARDING, ShardSpec, flatten
from dzarr.format.metadata import ArrayMetadata, Extension
from dzarr.format.order import inverse_of, stored_order, unpermute
from dzarr.format.shard import Level
from dzarr.format.v2 import codec_ids

MOST_SHAPES = 512
"""Objects of a rectilinear grid may all differ: so many of their layouts are kept."""


@dataclass(frozen=True, eq=False)
class ObjectLayout:
    """How objects of one shape are made of chunks. All shapes are in array axes.

    ``counts`` is the number of chunks along each axis; a chunk's flat position is its C-order position
    among them. ``order`` lists flat positions in stored order, None where both are the same. ``inverse``
    permutes a decoded buffer's axes into the array's.
    """

    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    counts: tuple[int, ...]
    levels: tuple[Level, ...]
    order: Indices | None
    pipeline: Pipeline
    inverse: tuple[int, ...] | None
    known_rows: dict[Any, Any] = field(default_factory=dict, repr=False)
    """The engine's geometry of boxes that begin where the object does, a few of them."""

    @cached_property
    def grid(self) -> Grid:
        """The chunk grid inside the object, padding included."""
        return tuple(map(RegularAxis, self.shape, self.chunk))

    @cached_property
    def strides(self) -> tuple[int, ...]:
        """What one chunk along each axis adds to the flat position."""
        return tuple(prod(self.counts[k + 1 :]) for k in range(len(self.counts)))

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """What one element along each axis adds to the offset in a decoded chunk, in bytes."""
        stored = self.pipeline.stored_shape
        steps = [prod(stored[k + 1 :]) * self.pipeline.dtype.itemsize for k in range(len(stored))]
        return tuple(steps) if self.inverse is None else tuple(steps[k] for k in self.inverse)

    @cached_property
    def count(self) -> int:
        """How many chunks an object holds."""
        return prod(self.counts)

    @cached_property
    def nbytes(self) -> int:
        """The decoded size of an object, padding included."""
        return self.count * self.pipeline.nbytes

    def as_array(self, stored: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """View a decoded buffer in the array's axes."""
        return stored if self.inverse is None else stored.transpose(self.inverse)


@dataclass(frozen=True, eq=False)
class Layout:
    """An array's metadata with everything that it implies. Pickles as its document."""

    metadata: ArrayMetadata
    context: CodecContext
    document: bytes = field(repr=False)
    digest: str
    outer: tuple[BytesBytes, ...] = field(repr=False)
    _levels: tuple[ShardSpec, ...] = field(repr=False)
    _chain: tuple[Extension, ...] = field(repr=False)
    axes: tuple[int, ...] | None

    shape = property(lambda self: self.metadata.shape)
    dtype = property(lambda self: self.metadata.dtype)
    grid = property(lambda self: self.metadata.grid)

    def __reduce__(self) -> tuple[Any, ...]:
        return layout_from_document, (self.document, self.context)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.metadata.shape)

    @cached_property
    def fill(self) -> np.ndarray[Any, Any]:
        """The fill value as a 0-d array; zero where a v2 document says null."""
        fill = self.metadata.fill_value
        return unset(self.dtype, codec_ids(self.metadata.codecs)) if fill is None else zero_d(fill, self.dtype)

    @property
    def is_sharded(self) -> bool:
        """Whether objects hold an index."""
        return bool(self._levels)

    @cached_property
    def key_parts(self) -> tuple[tuple[str, ...], str, str]:
        """What keys are made of: the parts before the coordinates, the separator, the key of a 0-d array's object."""
        keys = self.metadata.keys
        return keys.head, keys.separator, keys.key(())

    @cached_property
    def _objects(self) -> dict[tuple[int, ...], ObjectLayout]:
        return {}

    @cached_property
    def uniform(self) -> ObjectLayout | None:
        """The layout of every object, where the object grid is regular."""
        if all(isinstance(axis, RegularAxis) for axis in self.grid):
            return self.object((0,) * self.ndim)
        return None

    def object(self, coords: tuple[int, ...]) -> ObjectLayout:
        """Return how the object at `coords` is laid out."""
        return self.of_shape(tuple([axis.length(cell) for axis, cell in zip(self.grid, coords, strict=True)]))

    def of_shape(self, shape: tuple[int, ...]) -> ObjectLayout:
        """Return how objects of `shape` are laid out."""
        found = self._objects.get(shape)
        if found is None:
            found = _bind_object(self, shape)
            if len(self._objects) >= MOST_SHAPES:
                self._objects.clear()
            self._objects[shape] = found
        return found

    @cached_property
    def chunk_shape(self) -> tuple[int, ...] | None:
        """The shape of the innermost chunk, None where objects are chunks of differing shapes."""
        if self._levels:
            return unpermute(self._levels[-1].chunk, self.axes)
        return self.uniform.shape if self.uniform is not None else None


def bind(metadata: ArrayMetadata, context: CodecContext) -> Layout:
    """Return the layout of an array. Raises MetadataError, UnsupportedError or GridError."""
    return layout_from_document(canonical(metadata), context)


@lru_cache(maxsize=256)
def layout_from_document(document: bytes, context: CodecContext) -> Layout:
    """Return the layout that the canonical document stands for; a process makes it once."""
    metadata = from_canonical(document)
    flat = flatten(metadata.codecs, len(metadata.shape))
    # Without levels, the pipeline itself knows what a transpose does to its chunk.
    outer = bytes_codecs(flat.after, context)
    layout = Layout(metadata, context, document, digest(document), outer, flat.levels, flat.chain, flat.axes)
    _check_objects(layout)
    return layout


def _check_objects(layout: Layout) -> None:
    """Bind the largest object, and look whether chunks divide every other: what can't be is told at the door."""
    lengths = [axis.lengths for axis in layout.grid]
    if not all(lengths):
        return  # an axis without cells
    layout.of_shape(tuple(map(max, lengths)))
    for spec in layout._levels[:1]:
        chunk = unpermute(spec.chunk, layout.axes)
        uneven = [n for axis, c in zip(lengths, chunk, strict=True) for n in axis if n % c]
        if uneven:
            raise _uneven(chunk, f"divisors of {uneven[0]} too")


def _bind_shard(configuration: Mapping[str, Any], spec: ChunkSpec, context: CodecContext) -> ObjectLayout:
    """Return how a chunk that is itself a shard is laid out: as the one object of an array of its shape."""
    metadata = ArrayMetadata(
        zarr_format=3,
        shape=spec.shape,
        dtype=spec.dtype,
        data_type=name_v3(spec.dtype),
        grid=regular(spec.shape, spec.shape),
        keys=KeyEncoding("default", "/"),
        fill_value=default_fill(spec.dtype) if spec.fill is None else np.asarray(spec.fill, spec.dtype)[()],
        codecs=(Extension(SHARDING, configuration),),
    )
    return bind(metadata, context).object((0,) * len(spec.shape))


def _inner_sharding(configuration: Mapping[str, Any], context: CodecContext) -> InnerSharding:
    return InnerSharding(configuration, context, _bind_shard)


register(SHARDING, _inner_sharding)


def _bind_object(layout: Layout, shape: tuple[int, ...]) -> ObjectLayout:
    axes, context = layout.axes, layout.context
    stored = shape if axes is None else tuple(shape[k] for k in axes)
    levels, counts = [], []
    for spec in layout._levels:
        if any(n % c for n, c in zip(stored, spec.chunk, strict=True)):
            raise _uneven(spec.chunk, f"divisors of {stored}")
        parts = tuple(n // c for n, c in zip(stored, spec.chunk, strict=True))
        levels.append(Level(parts, _bind_index(spec, parts, context), spec.at_end))
        counts.append(parts)
        stored = spec.chunk
    nbytes = prod(stored) * layout.dtype.itemsize
    if nbytes > context.max_decoded_bytes:
        raise GridError(
            "a chunk is larger than max_decoded_bytes",
            found=f"{nbytes} bytes in chunks of {stored}",
            expected=f"at most {context.max_decoded_bytes}",
            fix="raise Options.max_decoded_bytes, if the document is to be trusted",
        )
    pipeline = Pipeline.bind(layout._chain, stored, layout.dtype, layout.fill, context)
    inverse = inverse_of(axes, pipeline.axes)
    total = tuple(prod(c) for c in zip(*counts, strict=True)) if counts else (1,) * len(shape)
    if prod(total) * 16 > context.max_decoded_bytes:
        raise GridError(
            "the nested shard indexes of an object are larger than max_decoded_bytes",
            found=f"{prod(total)} chunks in an object",
            expected=context.max_decoded_bytes,
        )
    return ObjectLayout(
        shape,
        unpermute(stored, axes),
        unpermute(total, axes),
        tuple(levels),
        stored_order(counts, axes),
        pipeline,
        inverse,
    )


def _uneven(chunk: tuple[int, ...], expected: str) -> GridError:
    return GridError("the inner chunks must divide the shard evenly", found=chunk, expected=expected)


def _bind_index(spec: ShardSpec, counts: tuple[int, ...], context: CodecContext) -> Pipeline:
    limit = context.max_decoded_bytes
    if prod(counts) * 16 > limit:
        raise GridError(
            "a shard index is larger than max_decoded_bytes", found=f"{prod(counts)} chunks in a shard", expected=limit
        )
    fill = np.zeros((), np.uint64)
    try:
        index = Pipeline.bind(spec.index_codecs, (*counts, 2), np.dtype(np.uint64), fill, context)
    except DzarrError as error:
        raise MetadataError(
            f"sharding_indexed: index_codecs: {error.message}", found=error.found, expected=error.expected
        ) from error
    if index.encoded_size is None:
        raise MetadataError(
            "sharding_indexed: index_codecs must give a fixed size", found=[codec.name for codec in spec.index_codecs]
        )
    return index

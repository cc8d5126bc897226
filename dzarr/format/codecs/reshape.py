"""The ``reshape`` and ``squeeze`` codecs: the same elements in the same order, in an array of another shape.

Knows: how the new shape follows from the old one. Must not know: elements. Sources: the registered codec
``reshape``; ``squeeze`` is registered nowhere, zarrs writes it as ``zarrs.squeeze`` with an empty configuration and
drops the axes of length 1.

    chunk (100, 50, 64, 3)    "shape": [[0, 1], [2], -1]    ->   (5000, 64, 3)
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any, TypeAlias

from dzarr.errors import MetadataError
from dzarr.format.codecs.codec import Array, ArrayArray, ChunkSpec, CodecContext, Configuration
from dzarr.format.codecs.configuration import Settings
from dzarr.format.members import is_integer

Extent: TypeAlias = "int | tuple[int, ...]"
"""A length, -1 for what is left, or the axes of the input that are joined."""


class Reshape(ArrayArray):
    """Gives a chunk the shape that `shape` describes."""

    name = "reshape"

    def __init__(self, shape: tuple[Extent, ...]) -> None:
        self.shape = shape

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return the same elements in the new shape. Raises MetadataError where they don't fill it.

        Examples
        --------
        >>> import numpy as np
        >>> Reshape(((0, 1), -1)).resolve(ChunkSpec((4, 3, 5), np.dtype("u1"))).shape
        (12, 5)
        """
        return ChunkSpec(self._shape(spec.shape), spec.dtype, spec.fill)

    def encode(self, array: Array) -> Array:
        """Return the array in the new shape."""
        return array.reshape(self._shape(array.shape))

    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """Return the array in the shape of `spec`."""
        return array.reshape(spec.shape)

    def _shape(self, given: tuple[int, ...]) -> tuple[int, ...]:
        joined = [axis for extent in self.shape if isinstance(extent, tuple) for axis in extent]
        if any(axis >= len(given) for axis in joined):
            raise self._wrong(given, f"axes below {len(given)}")
        shape = [prod(given[k] for k in extent) if isinstance(extent, tuple) else extent for extent in self.shape]
        if -1 in shape:
            known = prod(n for n in shape if n != -1)
            if known == 0 or prod(given) % known:
                raise self._wrong(given, f"lengths that divide {prod(given)} elements")
            shape[shape.index(-1)] = prod(given) // known
        if prod(shape) != prod(given):
            raise self._wrong(given, f"{prod(given)} elements, not {prod(shape)}")
        self._check_joined(shape, given)
        return tuple(shape)

    def _check_joined(self, shape: list[int], given: tuple[int, ...]) -> None:
        """Check that each joined axis really runs along the axes that it names."""
        for k, extent in enumerate(self.shape):
            if isinstance(extent, tuple) and extent:
                before, after = prod(given[: extent[0]]), prod(given[extent[-1] + 1 :])
                if prod(shape[:k]) != before or prod(shape[k + 1 :]) != after:
                    raise self._wrong(given, f"axis {k} with {before} elements before it and {after} behind it")

    def _wrong(self, given: tuple[int, ...], expected: str) -> MetadataError:
        return MetadataError(f"reshape: shape doesn't fit chunks of {given}", found=list(self.shape), expected=expected)


class Squeeze(ArrayArray):
    """Drops the axes of length 1."""

    name = "squeeze"

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return the shape without its ones."""
        return ChunkSpec(tuple(n for n in spec.shape if n != 1), spec.dtype, spec.fill)

    def encode(self, array: Array) -> Array:
        """Return the array without those axes."""
        return array.squeeze()

    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """Return the array with them."""
        return array.reshape(spec.shape)


def reshape(configuration: Configuration, context: CodecContext) -> Reshape:
    """Make the codec from its v3 configuration. Raises MetadataError."""
    settings = Settings("reshape", configuration)
    given: Any = settings.take("shape")
    settings.done()
    if not isinstance(given, (list, tuple)) or not all(map(_is_extent, given)) or list(given).count(-1) > 1:
        raise settings.wrong("shape", given, "a list of lengths, lists of axes, and at most one -1")
    shape = tuple(tuple(extent) if isinstance(extent, (list, tuple)) else extent for extent in given)
    joined = [axis for extent in shape if isinstance(extent, tuple) for axis in extent]
    if any(a >= b for a, b in pairwise(joined)):
        raise settings.wrong("shape", given, "axes in rising order: reshape never permutes them")
    return Reshape(shape)


def _is_extent(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(is_integer(axis, 0) for axis in value)
    return is_integer(value, -1) and value != 0


def squeeze(configuration: Configuration, context: CodecContext) -> Squeeze:
    """Make the codec, which has no configuration. Raises MetadataError."""
    Settings("squeeze", configuration).done()
    return Squeeze()

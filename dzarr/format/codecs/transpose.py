"""The ``transpose`` codec: the same elements with their axes in another order.

Knows: permutations. Must not know: that the pipeline folds leading ones away and never runs them.
Source: Zarr v3 codec ``transpose``: stored axis i is array axis ``order[i]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dzarr.errors import MetadataError
from dzarr.format.codecs.codec import Array, ArrayArray, ChunkSpec, CodecContext, Configuration
from dzarr.format.codecs.configuration import Settings
from dzarr.format.members import is_integer


class Transpose(ArrayArray):
    """Permutes axes. ``order`` may be "C" or "F", as older drafts had it.

    Examples
    --------
    >>> Transpose((2, 0, 1)).resolve(ChunkSpec((3, 4, 5), np.dtype("u1"), None)).shape
    (5, 3, 4)
    """

    name = "transpose"

    def __init__(self, order: tuple[int, ...] | str) -> None:
        self.order = order

    def axes(self, ndim: int) -> tuple[int, ...]:
        """Return the permutation for arrays of `ndim` dimensions. Raises MetadataError."""
        if self.order == "C":
            return tuple(range(ndim))
        if self.order == "F":
            return tuple(reversed(range(ndim)))
        if isinstance(self.order, str) or sorted(self.order) != list(range(ndim)):
            raise MetadataError(
                "transpose: order is wrong", found=list(self.order), expected=f"a permutation of {list(range(ndim))}"
            )
        return self.order

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return the shape in stored order."""
        axes = self.axes(len(spec.shape))
        return ChunkSpec(tuple(spec.shape[k] for k in axes), spec.dtype, spec.fill)

    def encode(self, array: Array) -> Array:
        """View the array with its axes in stored order."""
        return array.transpose(self.axes(array.ndim))

    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """View the array with its axes as they were."""
        return array.transpose(np.argsort(self.axes(array.ndim)).tolist())


def transpose(configuration: Configuration, context: CodecContext) -> Transpose:
    """Make the codec from its v3 configuration. Raises MetadataError."""
    settings = Settings("transpose", configuration)
    order: Any = settings.take("order")
    if order not in ("C", "F"):
        if not isinstance(order, (list, tuple)) or not all(is_integer(k, 0) for k in order):
            raise settings.wrong("order", order, "a list of axes")
        order = tuple(order)
    settings.done()
    return Transpose(order)

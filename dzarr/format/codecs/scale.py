"""The ``scale_offset`` codec: ``(x - offset) * scale`` in the arithmetic of the array's own data type.

Knows: when a step's result is no value of the type, which is an error and never a wrong number. Must not know: how
the results are made shorter (``cast_value`` behind it does that). Source: the registered codec ``scale_offset``.

Integers are checked before they are touched: each step is monotone, so its result fits exactly where its input lies
between two bounds. Floats are checked afterwards: what was finite must still be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dzarr.errors import CodecError, MetadataError, UnsupportedError
from dzarr.format.codecs.codec import Array, ArrayArray, ChunkSpec, CodecContext, Configuration
from dzarr.format.codecs.configuration import Settings
from dzarr.format.codecs.numbers import Floats, Integers, Numbers, numbers
from dzarr.format.codecs.rounding import Unrepresentable, to_floats
from dzarr.format.dtypes import fill_from_json
from dzarr.format.metadata import JSON

NAME = "scale_offset"


class ScaleOffset(ArrayArray):
    """Subtracts, then multiplies; decoding divides, then adds.

    Examples
    --------
    >>> spec = ChunkSpec((2,), np.dtype("u2"), np.uint16(1000))
    >>> codec = scale_offset({"offset": 1000, "scale": 2}, CodecContext()).bound(spec)
    >>> codec.encode(np.array([1000, 1255], "u2")).tolist(), codec.resolve(spec).fill
    ([0, 510], array(0, dtype=uint16))
    """

    name = NAME

    def __init__(self, offset: JSON, scale: JSON, arithmetic: OfIntegers | OfFloats | None = None) -> None:
        self._json = (offset, scale)
        self._arithmetic = arithmetic

    def bound(self, spec: ChunkSpec) -> ScaleOffset:
        """Return the codec with offset and scale read for the spec's dtype. Raises MetadataError, UnsupportedError."""
        kind = numbers(spec.dtype)
        if kind is None:
            raise UnsupportedError(f"{NAME} is for real numbers only", found=f"data type {spec.dtype}")
        offset, scale = _scalar("offset", self._json[0], kind, 0), _scalar("scale", self._json[1], kind, 1)
        if not float(scale):
            raise MetadataError(f"{NAME}: scale is wrong", found=0, expected="a number to divide by")
        for key, value in (("offset", offset), ("scale", scale)):
            if not np.isfinite(float(value)):
                # No element would come back.
                raise MetadataError(f"{NAME}: {key} is wrong", found=float(value), expected="a finite number")
        if isinstance(kind, Integers):
            return ScaleOffset(*self._json, OfIntegers(kind, int(offset), int(scale)))
        return ScaleOffset(*self._json, OfFloats(kind, offset, scale))

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return the same array with its fill value encoded. Raises MetadataError where that can't be."""
        if spec.fill is None:
            return spec
        fill = np.asarray(spec.fill, spec.dtype).reshape(1)
        try:
            encoded = self.encode(fill)
        except CodecError as error:
            raise MetadataError(f"the fill value: {error.message}", found=error.found) from error
        return ChunkSpec(spec.shape, spec.dtype, encoded.reshape(()))

    def encode(self, array: Array) -> Array:
        """Return the encoded numbers. Raises CodecError where one isn't a number of the type."""
        return self._run(self._bound().forth, array, array.dtype)

    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """Return the decoded numbers. Raises CodecError where one isn't a number of the type."""
        return self._run(self._bound().back, array, spec.dtype)

    def _run(self, steps: Callable[[Array], Array], array: Array, dtype: np.dtype[Any]) -> Array:
        try:
            result = steps(array.reshape(-1))
            return result.astype(dtype, copy=False).reshape(array.shape)
        except Unrepresentable as error:
            raise CodecError(f"{NAME}: {error}", found=str(error.value), expected=f"a number of {dtype}") from error

    def _bound(self) -> OfIntegers | OfFloats:
        if self._arithmetic is None:
            raise MetadataError(f"{NAME} was not bound to a data type")
        return self._arithmetic


@dataclass(frozen=True)
class OfIntegers:
    """The steps on 1-d arrays of integers, each refused before it is made. Raise Unrepresentable."""

    kind: Integers
    offset: int
    scale: int

    def forth(self, x: Array) -> Array:
        """Return ``(x - offset) * scale``."""
        x = self._moved(x.astype(self.kind.work, copy=False), -self.offset)
        ends = (self.kind.least, self.kind.most) if self.scale > 0 else (self.kind.most, self.kind.least)
        _within(x, -(-ends[0] // self.scale), ends[1] // self.scale)
        product: Array = x * self.kind.work.type(self.scale)
        return product.astype(self.kind.dtype, copy=False)

    def back(self, x: Array) -> Array:
        """Return ``x / scale + offset``."""
        x = x.astype(self.kind.work, copy=False)
        if self.scale == -1:
            _within(x, -self.kind.most, -self.kind.least)
            x = -x
        else:
            divisor = self.kind.work.type(self.scale)
            _refuse(x % divisor != 0, x, f"is no multiple of {self.scale}")
            x = x // divisor
        return self._moved(x, self.offset).astype(self.kind.dtype, copy=False)

    def _moved(self, x: Array, by: int) -> Array:
        _within(x, self.kind.least - by, self.kind.most - by)
        # What fits is right even where `by` itself doesn't: sums wrap around.
        step = np.uint64(by % (1 << 8 * x.dtype.itemsize)).astype(x.dtype)
        moved: Array = x + step
        return moved


@dataclass(frozen=True)
class OfFloats:
    """The steps on 1-d arrays of floats, each rounded to the type. Raise Unrepresentable for what overflows.

    NaN and infinities go through.
    """

    kind: Floats
    offset: Any
    scale: Any

    def forth(self, x: Array) -> Array:
        """Return ``(x - offset) * scale``."""
        return self._step(np.multiply, self._step(np.subtract, x, self.offset), self.scale)

    def back(self, x: Array) -> Array:
        """Return ``x / scale + offset``."""
        return self._step(np.add, self._step(np.divide, x, self.scale), self.offset)

    def _step(self, operation: Any, x: Array, operand: Any) -> Array:
        x = x.astype(self.kind.dtype, copy=False)
        with np.errstate(all="ignore"):
            if self.kind.bits >= 32:
                result: Array = operation(x, operand)
                _refuse(np.isinf(result) & np.isfinite(x), x, "leaves the type")
                return result
            # The product of two short numbers is exact in float64, sums and quotients nearly: one rounding is enough.
            wide = operation(x.astype(np.float64), np.float64(operand))
        return to_floats(wide, self.kind, "nearest-even", None)


def _within(x: Array, least: int, most: int) -> None:
    """Refuse elements outside [least, most], which may lie outside the dtype."""
    info = np.iinfo(x.dtype)
    if least <= info.min and most >= info.max:
        return
    if least > info.max or most < info.min:
        _refuse(np.ones(x.shape, bool), x, "leaves the type")
    else:
        _refuse((x < max(least, info.min)) | (x > min(most, info.max)), x, "leaves the type")


def _refuse(bad: Array, x: Array, reason: str) -> None:
    if bad.any():
        index = int(np.argmax(bad))
        raise Unrepresentable(index, x[index], reason)


def _scalar(key: str, value: JSON, kind: Numbers, default: int) -> Any:
    if value is None:
        return kind.dtype.type(default)
    try:
        return fill_from_json(value, kind.dtype, 3)
    except MetadataError as error:
        raise MetadataError(f"{NAME}: {key} is wrong", found=error.found, expected=error.expected) from error


def scale_offset(configuration: Configuration, context: CodecContext) -> ScaleOffset:
    """Make the codec from its v3 configuration, which may be empty. Raises MetadataError."""
    settings = Settings(NAME, configuration)
    codec = ScaleOffset(settings.take("offset", None), settings.take("scale", None))
    settings.done()
    return codec

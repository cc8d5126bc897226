"""The ``cast_value`` codec: numbers of one data type kept as numbers of another.

Knows: its configuration, and that mapped scalars come first. Must not know: how numbers are rounded (rounding.py).
Source: the registered codec ``cast_value``.

    float64 [0.4, nan, 300.]   encode to uint8, clamp, NaN -> 0   [0, 0, 255]
    float64 [nan, nan, 255.]   decode, 0 -> NaN                   of these
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dzarr.errors import CodecError, MetadataError, UnsupportedError
from dzarr.format.codecs.codec import Array, ArrayArray, ChunkSpec, CodecContext, Configuration
from dzarr.format.codecs.configuration import Settings
from dzarr.format.codecs.numbers import Integers, Numbers, numbers
from dzarr.format.codecs.rounding import ROUNDINGS, OutOfRange, Unrepresentable, convert
from dzarr.format.dtypes import fill_from_json, parse_v3
from dzarr.format.metadata import JSON

NAME = "cast_value"
DIRECTIONS = ("encode", "decode")


@dataclass(frozen=True)
class Casting:
    """What is cast, how, and which scalars are exempt: pairs of arrays of length 1, the first match counts."""

    source: Numbers
    target: Numbers
    rounding: str
    out_of_range: OutOfRange | None
    exempt: tuple[tuple[Array, Array], ...]

    def apply(self, array: Array) -> Array:
        """Return the numbers cast. Raises Unrepresentable."""
        if not self.exempt:
            return convert(array, self.source, self.target, self.rounding, self.out_of_range)
        flat = array.reshape(-1).astype(self.source.dtype, copy=False)
        chosen = np.full(flat.shape, -1, np.int64)
        for k, (key, _) in enumerate(self.exempt):
            chosen[(chosen < 0) & _same(flat, key)] = k
        # Every type has a one.
        harmless = np.where(chosen >= 0, np.ones(1, self.source.dtype), flat)
        result = convert(harmless, self.source, self.target, self.rounding, self.out_of_range)
        for k, (_, value) in enumerate(self.exempt):
            result[chosen == k] = value[0]
        return result.reshape(array.shape)


def _same(array: Array, key: Array) -> Array:
    """Whether elements are the scalar: any NaN is NaN; zeros of both signs are one number."""
    with np.errstate(invalid="ignore"):
        equal: Array = (array == key) | ((array != array) & (key != key))
    return equal


class CastValue(ArrayArray):
    """Casts to a data type when encoding, and back when decoding.

    Examples
    --------
    >>> spec = ChunkSpec((3,), np.dtype("f8"), np.float64(0))
    >>> codec = cast_value({"data_type": "uint8", "rounding": "towards-zero", "out_of_range": "clamp"}, CodecContext())
    >>> codec = codec.bound(spec)
    >>> codec.encode(np.array([1.9, 300.0, -4.0])).tolist()
    [1, 255, 0]
    >>> codec.resolve(spec).dtype
    dtype('uint8')
    """

    name = NAME

    def __init__(self, settings: CastSettings, forth: Casting | None = None, back: Casting | None = None) -> None:
        self.settings = settings
        self._forth = forth
        self._back = back

    def bound(self, spec: ChunkSpec) -> CastValue:
        """Return the codec for elements of the spec's dtype. Raises MetadataError, UnsupportedError."""
        given = self.settings
        decoded, encoded = _real(spec.dtype), _real(given.dtype)
        forth = Casting(
            decoded, encoded, given.rounding, given.out_of_range, _pairs(given.maps["encode"], decoded, encoded)
        )
        back = Casting(
            encoded, decoded, given.rounding, given.out_of_range, _pairs(given.maps["decode"], encoded, decoded)
        )
        return CastValue(given, forth, back)

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return the same shape in the other data type. Raises MetadataError where the fill value is lost."""
        forth, back = self._both()
        if spec.fill is None:
            return ChunkSpec(spec.shape, forth.target.dtype)
        fill = np.asarray(spec.fill, spec.dtype).reshape(1)
        try:
            cast = forth.apply(fill)
            again = back.apply(cast)
        except Unrepresentable as error:
            raise MetadataError(f"{NAME}: the fill value can't be cast: {error}", found=str(spec.fill)) from error
        if not _same(again, fill.astype(again.dtype)).all():
            raise MetadataError(
                f"{NAME}: the fill value doesn't survive",
                found=f"{again[0]} after a round trip",
                expected=str(spec.fill),
            )
        return ChunkSpec(spec.shape, forth.target.dtype, cast.reshape(()))

    def encode(self, array: Array) -> Array:
        """Return the array in the encoded data type. Raises CodecError for a value that can't be there."""
        return self._cast(self._both()[0], array)

    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """Return the array in the spec's data type. Raises CodecError for a value that can't be there."""
        return self._cast(self._both()[1], array).astype(spec.dtype, copy=False)

    def _cast(self, casting: Casting, array: Array) -> Array:
        try:
            return casting.apply(array)
        except Unrepresentable as error:
            fix = "set out_of_range, or map the value with scalar_map"
            target = str(casting.target.dtype)
            raise CodecError(f"{NAME}: {error}", found=str(error.value), expected=target, fix=fix) from error

    def _both(self) -> tuple[Casting, Casting]:
        if self._forth is None or self._back is None:
            raise MetadataError(f"{NAME} was not bound to a data type")
        return self._forth, self._back


@dataclass(frozen=True)
class CastSettings:
    """The configuration, its JSON scalars not read yet: they need the array's data type."""

    dtype: np.dtype[Any]
    rounding: str
    out_of_range: OutOfRange | None
    maps: dict[str, list[tuple[JSON, JSON]]]


def _real(dtype: np.dtype[Any]) -> Numbers:
    found = numbers(dtype)
    if found is None:
        raise UnsupportedError(f"{NAME} casts real numbers only", found=f"data type {dtype}")
    return found


def _pairs(entries: list[tuple[JSON, JSON]], source: Numbers, target: Numbers) -> tuple[tuple[Array, Array], ...]:
    return tuple((_scalar(key, source), _scalar(value, target)) for key, value in entries)


def _scalar(value: JSON, kind: Numbers) -> Array:
    # The registered text's own example spells infinity with a sign, which fill values don't have.
    value = "Infinity" if value == "+Infinity" else value
    return np.asarray(fill_from_json(value, kind.dtype, 3), kind.dtype).reshape(1)


def cast_value(configuration: Configuration, context: CodecContext) -> CastValue:
    """Make the codec from its v3 configuration. Raises MetadataError, UnsupportedError for an unknown data type."""
    settings = Settings(NAME, configuration)
    dtype = parse_v3(settings.take("data_type"))
    rounding = settings.choice("rounding", tuple(ROUNDINGS), "nearest-even")
    out_of_range = settings.take("out_of_range", None)
    if out_of_range not in (None, "clamp", "wrap"):
        raise settings.wrong("out_of_range", out_of_range, "'clamp' or 'wrap'")
    maps = _maps(settings, settings.take("scalar_map", {}))
    settings.done()
    if out_of_range == "wrap" and not isinstance(_real(dtype), Integers):
        raise settings.wrong("out_of_range", out_of_range, f"none or 'clamp' for {dtype}, which is no integer")
    return CastValue(CastSettings(dtype, rounding, out_of_range, maps))


def _maps(settings: Settings, value: Any) -> dict[str, list[tuple[JSON, JSON]]]:
    inner = Settings(f"{NAME}: scalar_map", value)
    maps = {name: inner.take(name, []) for name in DIRECTIONS}
    inner.done()
    for name, entries in maps.items():
        if not isinstance(entries, (list, tuple)) or not all(
            isinstance(entry, (list, tuple)) and len(entry) == 2 for entry in entries
        ):
            raise settings.wrong(f"scalar_map.{name}", entries, "a list of pairs")
    return {name: [(key, value) for key, value in entries] for name, entries in maps.items()}

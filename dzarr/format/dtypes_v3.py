"""How Zarr v3 names data types: one table.

Knows: the names and their configurations. Must not know: v2, fill values, or the rest of a document. A new type
is one more row (`register`); how its values are spelled stands in fills.py.
Source: Zarr v3 "Data types", and the registered extensions. ``variable_length_bytes`` is what zarr-python calls the
registered ``bytes``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dzarr.errors import UnsupportedError
from dzarr.format.elements import OBJECT, TEXT, check_storable, native, no_name, ordered, sized, structure
from dzarr.format.fills import PLAIN, DType, Style
from dzarr.format.members import extension, is_integer, listed, mapping, only, required, shown, wrong
from dzarr.format.metadata import JSON
from dzarr.format.small import SMALL, Small, small_of


@dataclass(frozen=True)
class DataType:
    """One row of the v3 table.

    ``parse`` makes the dtype from the configuration. ``describe`` makes the document's spelling of a dtype, or
    None where this row isn't the one to write it by. ``style``: how its fill value is spelled, where that doesn't
    follow from the dtype.
    """

    name: str
    parse: Callable[[Mapping[str, JSON]], DType]
    describe: Callable[[DType], JSON | None] = lambda dtype: None
    style: Style = PLAIN


_ROWS: dict[str, DataType] = {}


def register(row: DataType) -> None:
    """Add a row, or replace the one of the same name."""
    _ROWS[row.name] = row


def parse_v3(data_type: JSON) -> DType:
    """Return the numpy dtype of a v3 ``data_type``: native, structures packed and little endian.

    Raises MetadataError for what can't be a data type, UnsupportedError for one that dzarr doesn't know.

    Examples
    --------
    >>> parse_v3("uint16"), parse_v3({"name": "numpy.datetime64", "configuration": {"unit": "ns", "scale_factor": 1}})
    (dtype('uint16'), dtype('<M8[ns]'))
    """
    found = extension(data_type, "data_type")
    configuration = found.configuration
    raw = re.fullmatch(r"r([0-9]{1,18})", found.name)
    if raw:
        only(configuration, (), "data_type.configuration")
        return _raw(int(raw[1]), data_type)
    row = _ROWS.get(found.name)
    if row is None:
        raise UnsupportedError(f"data type {found.name!r} is not supported", found=shown(data_type))
    return row.parse(configuration)


def name_v3(dtype: DType) -> JSON:
    """Return the v3 ``data_type`` of a dtype. Raises UnsupportedError where there is none.

    Examples
    --------
    >>> name_v3(np.dtype(">f8")), name_v3(np.dtype("V3"))
    ('float64', 'r24')
    """
    check_storable(dtype)
    for row in _ROWS.values():
        name = row.describe(dtype)
        if name is not None:
            return name
    if dtype.kind == "V" and dtype.names is None and dtype.subdtype is None and small_of(dtype) is None:
        return f"r{8 * dtype.itemsize}"
    raise no_name(dtype)


def style_v3(data_type: JSON) -> Style:
    """Return how the fill value of a v3 ``data_type``, one that `parse_v3` takes, is spelled.

    Examples
    --------
    >>> style_v3("complex_float16").pair, style_v3("r16") == PLAIN
    (True, True)
    """
    found = extension(data_type, "data_type")
    row = _ROWS.get(found.name)
    if row is None or found.name != "struct":
        return PLAIN if row is None else row.style
    fields = (_struct_field(entry) for entry in found.configuration["fields"])
    return Style(fields={name: style_v3(inner) for name, inner in fields})


def _raw(bits: int, document: JSON) -> DType:
    if bits < 8 or bits % 8:
        raise wrong("data_type", document, "r with a positive multiple of 8 bits")
    return sized("V", bits // 8)


def _plain(name: str, dtype: DType, *, preferred: bool = True, style: Style = PLAIN) -> DataType:
    def parse(configuration: Mapping[str, JSON]) -> DType:
        only(configuration, (), "data_type.configuration")
        return dtype

    return DataType(name, parse, lambda other: name if native(other) == dtype and preferred else None, style)


def _small(row: Small) -> DataType:
    def parse(configuration: Mapping[str, JSON]) -> DType:
        only(configuration, (), "data_type.configuration")
        return row.dtype

    return DataType(row.name, parse, lambda other: row.name if small_of(other) is row else None)


def _complex(name: str, part: str) -> DataType:
    """A complex number that numpy has no dtype for: a structure of its two parts."""

    def parse(configuration: Mapping[str, JSON]) -> DType:
        only(configuration, (), "data_type.configuration")
        real = ordered(parse_v3(part), "little")
        return np.dtype([("real", real), ("imag", real)])

    return DataType(name, parse, style=Style(pair=True))


_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "μs", "ns", "ps", "fs", "as", "generic")


def _time(name: str, kind: str) -> DataType:
    def parse(configuration: Mapping[str, JSON]) -> DType:
        where = "data_type.configuration"
        only(configuration, ("unit", "scale_factor"), where)
        unit, scale = required(configuration, "unit", where), required(configuration, "scale_factor", where)
        if unit not in _UNITS:
            raise wrong(f"{where}.unit", unit, f"one of {', '.join(_UNITS)}")
        if not is_integer(scale, 1, 2**31 - 1):
            raise wrong(f"{where}.scale_factor", scale, "an integer from 1 to 2147483647")
        return np.dtype(f"{kind}8" if unit == "generic" else f"{kind}8[{scale}{unit}]")

    def describe(dtype: DType) -> JSON | None:
        if dtype.kind != kind:
            return None
        unit, scale = np.datetime_data(dtype)
        return {"name": name, "configuration": {"unit": unit, "scale_factor": scale}}

    return DataType(name, parse, describe)


def _fixed(name: str, kind: str, item: int = 1, *, preferred: bool = True, style: Style = PLAIN) -> DataType:
    def parse(configuration: Mapping[str, JSON]) -> DType:
        only(configuration, ("length_bytes",), "data_type.configuration")
        length = required(configuration, "length_bytes", "data_type.configuration")
        if not is_integer(length, 1) or length % item:
            raise wrong("data_type.configuration.length_bytes", length, f"a positive multiple of {item}")
        return sized(kind, length // item)

    def describe(dtype: DType) -> JSON | None:
        if not preferred or dtype.kind != kind:
            return None
        return {"name": name, "configuration": {"length_bytes": dtype.itemsize}}

    return DataType(name, parse, describe, style)


_FIELDS = "data_type.configuration.fields"


def _parse_struct(configuration: Mapping[str, JSON]) -> DType:
    only(configuration, ("fields",), "data_type.configuration")
    fields = listed(required(configuration, "fields", "data_type.configuration"), _FIELDS)
    parsed = [(name, parse_v3(inner)) for name, inner in map(_struct_field, fields)]
    return ordered(structure(parsed, list(fields), _FIELDS), "little")


def _struct_field(entry: JSON) -> tuple[str, JSON]:
    # The legacy name "structured" had pairs here.
    if isinstance(entry, (list, tuple)) and len(entry) == 2:
        entry = {"name": entry[0], "data_type": entry[1]}
    field = mapping(entry, _FIELDS)
    only(field, ("name", "data_type"), _FIELDS)
    name = required(field, "name", _FIELDS)
    if not isinstance(name, str) or not name:
        raise wrong(f"{_FIELDS}.name", name, "a name")
    return name, required(field, "data_type", _FIELDS)


def _describe_struct(dtype: DType) -> JSON | None:
    if dtype.names is None:
        return None
    if any(dtype[name].subdtype is not None for name in dtype.names):
        raise UnsupportedError("v3 has no structures with arrays as fields", found=repr(dtype))
    fields = [{"name": name, "data_type": name_v3(dtype[name])} for name in dtype.names]
    return {"name": "struct", "configuration": {"fields": fields}}


for _name in ("bool", *(f"{sign}int{8 << k}" for sign in ("", "u") for k in range(4))):
    register(_plain(_name, np.dtype(_name)))
for _name in ("float16", "float32", "float64", "complex64", "complex128"):
    register(_plain(_name, np.dtype(_name)))
register(_plain("complex_float32", np.dtype("complex64"), preferred=False))
register(_plain("complex_float64", np.dtype("complex128"), preferred=False))
register(_complex("complex_float16", "float16"))
for _row in SMALL.values():
    register(_small(_row))
    if _row.kind == "f":
        register(_complex(f"complex_{_row.name}", _row.name))
register(_time("numpy.datetime64", "M"))
register(_time("numpy.timedelta64", "m"))
register(_fixed("fixed_length_utf32", "U", 4))
register(_fixed("null_terminated_bytes", "S"))
register(_fixed("raw_bytes", "V", preferred=False, style=Style(old=True)))
register(_plain("string", TEXT))
register(_plain("bytes", OBJECT, style=Style(raw=True)))
for _name in ("variable_length_bytes", "binary"):
    register(_plain(_name, OBJECT, preferred=False, style=Style(raw=True)))
register(DataType("struct", _parse_struct, _describe_struct))
register(DataType("structured", _parse_struct, style=Style(old=True)))

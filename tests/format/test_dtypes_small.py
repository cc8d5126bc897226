"""Small numbers: every bit pattern of every type comes back from its document, and what a type lacks is refused."""

from __future__ import annotations

import importlib
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import DzarrError, MetadataError, UnsupportedError
from dzarr.format.documents import dumps, loads
from dzarr.format.dtypes import (
    default_fill,
    fill_from_json,
    fill_to_json,
    name_v2,
    name_v3,
    parse_v2,
    parse_v3,
    to_scalar,
)
from dzarr.format.elements import has_order, in_order, used_bits
from dzarr.format.small import SMALL, Small, small_of

ml_dtypes = pytest.importorskip("ml_dtypes")

ROWS = list(SMALL.values())
FLOATS = [row for row in ROWS if row.kind == "f"]
INTEGERS = [row for row in ROWS if row.kind == "i"]


def named(rows: list[Small]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)


def every(row: Small) -> Any:
    return np.arange(1 << row.bits, dtype=f"u{row.dtype.itemsize}").view(row.dtype)


def bits(value: Any) -> int:
    return int(np.asarray(value).view(f"u{np.asarray(value).dtype.itemsize}")[()])


@named(ROWS)
def test_names(row: Small) -> None:
    dtype = np.dtype(getattr(ml_dtypes, row.name))
    assert row.dtype == parse_v3(row.name) == parse_v3({"name": row.name, "configuration": {}}) == dtype
    assert parse_v2(row.name) == (dtype, "little" if row.bits == 16 else None)
    assert name_v3(dtype) == name_v2(dtype) == row.name
    assert small_of(dtype) is row
    assert has_order(dtype) == (row.bits == 16)
    structure = np.dtype([("x", dtype), ("y", "<i2")])
    assert parse_v2(name_v2(structure))[0] == parse_v3(name_v3(structure)) == structure
    assert in_order(structure, "big") == np.dtype(
        [("x", dtype.newbyteorder(">") if row.bits == 16 else dtype), ("y", ">i2")]
    )
    for parse in (parse_v2, parse_v3):
        with pytest.raises(DzarrError):
            parse({"name": row.name, "configuration": {"a": 1}})


@named(ROWS)
def test_every_bit_pattern_comes_back(row: Small) -> None:
    dtype = row.dtype
    for value in every(row):
        spelled = loads(dumps({"f": fill_to_json(value, dtype, 3, row.name)}, nan=False), "k")["f"]
        assert bits(fill_from_json(spelled, dtype, 3, row.name)) == bits(value)
        if row.kind == "f":
            assert isinstance(spelled, str) == (not math.isfinite(float(value)))
            digits = f"0x{bits(value):0{2 * dtype.itemsize}x}"
            assert bits(fill_from_json(digits, dtype, 3)) == bits(value)
        else:
            assert spelled == int(value)


@named(FLOATS)
def test_the_one_nan(row: Small) -> None:
    dtype = row.dtype
    if row.nan is None:
        for value in ("NaN", float("nan")):
            with pytest.raises(MetadataError, match="fill_value"):
                fill_from_json(value, dtype, 3)
        return
    nan = fill_from_json("NaN", dtype, 3)
    assert bits(nan) == row.nan == bits(fill_from_json(float("nan"), dtype, 2))
    assert math.isnan(float(nan))
    assert fill_to_json(nan, dtype, 3) == "NaN"


@named(FLOATS)
def test_beyond_the_largest_number(row: Small) -> None:
    dtype = row.dtype
    least, most = row.limits
    assert float(fill_from_json(most, dtype, 3)) == most == float(ml_dtypes.finfo(dtype).max)
    for value in ("Infinity", "-Infinity", 1e300, -1e300, float("inf")):
        if row.infinite:
            assert abs(float(fill_from_json(value, dtype, 3))) == math.inf
        else:
            with pytest.raises(MetadataError, match="fill_value"):
                fill_from_json(value, dtype, 3)
    zero = fill_from_json(0, dtype, 3)
    assert bits(zero) == 0
    assert float(zero) == (least if row.name == "float8_e8m0fnu" else 0.0)
    assert math.copysign(1, float(zero)) == 1


def test_a_number_is_rounded_to_the_nearest() -> None:
    assert float(fill_from_json(0.1, SMALL["float8_e4m3"].dtype, 3)) == 0.1015625
    assert bits(fill_from_json(0.1, SMALL["bfloat16"].dtype, 3)) == 0x3DCD
    assert bits(fill_from_json(-0.0, SMALL["float8_e5m2"].dtype, 3)) == 0x80


@named(INTEGERS)
def test_limits_of_integers(row: Small) -> None:
    least, most = row.limits
    assert (
        (least, most) == (0, 2**row.bits - 1)
        if row.name[0] == "u"
        else (-(2 ** (row.bits - 1)), 2 ** (row.bits - 1) - 1)
    )
    for value in (least - 1, most + 1, 0.5, True, "0", None, float("nan")):
        with pytest.raises(MetadataError, match="fill_value"):
            fill_from_json(value, row.dtype, 3)
    assert int(fill_from_json(float(most), row.dtype, 3)) == most


@named(ROWS)
def test_other_spellings_are_refused(row: Small) -> None:
    digits = 2 * row.dtype.itemsize
    wrong = [None, True, [], {}, "", "1", "0x", "0x" + "0" * (digits - 1), "0x" + "0" * (digits + 1), "nan"]
    if row.bits < 8:
        wrong.append(f"0x{1 << row.bits:02x}")  # bits that the type doesn't have
    for value in wrong:
        with pytest.raises(MetadataError, match="fill_value"):
            fill_from_json(value, row.dtype, 3)


@named(FLOATS)
def test_complex_numbers(row: Small) -> None:
    name = f"complex_{row.name}"
    dtype = parse_v3(name)
    assert dtype == np.dtype([("real", row.dtype), ("imag", row.dtype)])
    patterns = every(row)
    for value in (patterns[:2], patterns[-2:]):
        element = np.zeros((), dtype)
        element["real"], element["imag"] = value
        for endian in ("little", "big"):
            swapped = element.astype(in_order(dtype, endian))  # type: ignore[arg-type]
            document = fill_to_json(swapped[()], swapped.dtype, 3, name)
            assert isinstance(document, list)
            again = fill_from_json(document, swapped.dtype, 3, name)
            assert np.asarray(again).tobytes() == swapped.tobytes()


@named(ROWS)
def test_values_of_callers(row: Small) -> None:
    dtype = row.dtype
    assert bits(default_fill(dtype)) == bits(to_scalar(None, dtype)) == 0
    one = np.array(1).astype(dtype)[()]
    for value in (1, 1.0, True, np.float32(1), np.int64(1), one, np.array(1)):
        assert bits(to_scalar(value, dtype)) == bits(one)
    for value in ("x", [1, 2], 1j, np.complex64(1), object(), 1e300 if not row.infinite else b"x"):
        with pytest.raises(MetadataError, match="fill_value"):
            to_scalar(value, dtype)
    if row.kind == "i":
        for value in (1.5, -9, 16, float("nan"), np.int8(-9)):
            with pytest.raises(MetadataError, match="fill_value"):
                to_scalar(value, dtype)


@pytest.mark.parametrize("name", ["bfloat16", "int4", "complex_float8_e5m2"])
def test_without_the_package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def absent(wanted: str, *more: Any) -> Any:
        if wanted == "ml_dtypes":
            raise ImportError(wanted)
        return real(wanted, *more)

    monkeypatch.setattr("dzarr.format.small.import_module", absent)
    with pytest.raises(UnsupportedError, match=re.escape("dzarr[ml_dtypes]")):
        parse_v3(name)
    assert parse_v3("float32") == np.dtype("f4")


def test_a_big_endian_name_is_v3s_alone() -> None:
    with pytest.raises(UnsupportedError, match="bfloat16"):
        name_v2(SMALL["bfloat16"].dtype, "big")


def test_which_bits_of_an_element_mean_something() -> None:
    four, sixteen = SMALL["int4"].dtype, SMALL["bfloat16"].dtype
    assert used_bits(four) == b"\x0f"
    assert used_bits(sixteen) is used_bits(np.dtype("f8")) is used_bits(np.dtype("S3")) is None
    assert used_bits(np.dtype([("s", [("n", four)], (2,))])) == b"\x0f\x0f"
    assert used_bits(np.dtype([("x", sixteen), ("y", four, (2,)), ("z", "u1")])) == b"\xff\xff\x0f\x0f\xff"


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.lists(st.floats(), max_size=2),
    st.from_regex(r"0x[0-9a-f]{1,5}", fullmatch=True),
)  # fmt: skip


@given(ANYTHING, st.sampled_from(ROWS), st.sampled_from([2, 3]))
def test_no_fill_escapes_as_another_error(document: Any, row: Small, version: int) -> None:
    for read in (fill_from_json, lambda value, dtype, version: to_scalar(value, dtype)):
        try:
            fill = read(document, row.dtype, version)
        except DzarrError as error:
            str(error)
        else:
            assert fill is None or bits(fill) < 1 << row.bits

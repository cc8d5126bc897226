"""Values that a caller assigns: what fits is stored, what would be lost is refused, and the error names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.casting import fitting
from dzarr.errors import DTypeError, MetadataError, RegionError
from dzarr.format.elements import OBJECT, TEXT
from dzarr.format.small import SMALL
from dzarr.io.memory import MemoryStore


def fitted(values: Any, dtype: Any, shape: tuple[int, ...] = (3,)) -> list[Any]:
    found = fitting(values, shape, np.dtype(dtype))
    assert (found.shape, found.dtype) == (shape, np.dtype(dtype))
    return found.tolist()


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2, 3], "f4", [1, 2, 3]), ([1.0, 2.0, 3.0], "i4", [1, 2, 3]), (7, "u1", [7, 7, 7]),
        ([1, -2, 3], "i1", [1, -2, 3]),
        (np.array([1.1]), "f4", [np.float32(1.1)] * 3), (np.array(["a", "b", "c"], "U5"), "U1", None),
        (np.array(["a", "b", "c"], TEXT), "U1", ["a", "b", "c"]), (["ab", "c", ""], "S2", [b"ab", b"c", b""]),
        ((1, 2.5), [("x", "u1"), ("y", ">f4")], [(1, 2.5)] * 3),
    ],
)  # fmt: skip
def test_what_fits(values: Any, dtype: Any, expected: Any) -> None:
    assert fitted(values, dtype) == (expected if expected is not None else ["a", "b", "c"])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1.5, 2, 3], "i4"), ([256, 0, 0], "u1"), ([300, 0, 0], "i1"),
        (np.array([2**31, 0, 0]), "i4"), ([-1, 0, 0], "u1"), (1j, "f4"), (["x", "y", "z"], "f4"),
        (["abc", "a", "a"], "U2"), (np.array(["abc", "", ""]), "U2"), (np.array([b"abc", b"", b""]), "S2"),
        (np.array(["abc", "", ""], TEXT), "U2"), (np.array(["é", "", ""], TEXT), "S2"), ([float("nan"), 0, 0], "i2"),
    ],
)  # fmt: skip
def test_what_would_be_lost(values: Any, dtype: Any) -> None:
    with pytest.raises(DTypeError, match="lost"):
        fitting(values, (3,), np.dtype(dtype))


def test_shapes() -> None:
    with pytest.raises(RegionError, match="fit the region"):
        fitting([1, 2], (3,), np.dtype("u1"))
    with pytest.raises(DTypeError, match="masked"):
        fitting(np.ma.array([1, 2]), (2,), np.dtype("u1"))


@pytest.mark.parametrize("name", [row.name for row in SMALL.values() if row.kind == "i"])
@pytest.mark.parametrize("kind", ["i1", "i8", "u8", "f4", "f8", "?", "bfloat16"])
def test_small_integers_are_never_wrapped(name: str, kind: str) -> None:
    pytest.importorskip("ml_dtypes")
    dtype = SMALL[name].dtype
    source = SMALL[kind].dtype if kind in SMALL else np.dtype(kind)
    least, most = (0, 1) if kind == "?" else SMALL[name].limits
    every = np.array([n for n in range(least, most + 1) if kind != "u8" or n >= 0]).astype(source)
    assert fitting(every, every.shape, dtype).astype(int).tolist() == every.astype(int).tolist()
    for wrong in (least - 1, most + 1, 2**40, 0.5, float("nan"), float("inf")):
        with np.errstate(all="ignore"):
            array = np.array([wrong]).astype(source)
        if (kind in ("i1", "u8", "i8") and wrong != int_or_none(array, wrong)) or kind == "?":
            continue  # the source can't hold it either
        with pytest.raises(DTypeError, match="lost"):
            fitting(array, (1,), dtype)
    with pytest.raises(DTypeError):
        fitting(np.array(["1"]), (1,), dtype)


def int_or_none(array: Any, wrong: float) -> int | None:
    return int(array[0]) if wrong == wrong and int(array[0]) == wrong else None


@pytest.mark.parametrize("row", [row for row in SMALL.values() if row.kind == "f"], ids=lambda row: row.name)
def test_small_floats_are_rounded_and_never_turned_into_nan(row: Any) -> None:
    pytest.importorskip("ml_dtypes")
    least, most = row.limits
    exact = np.array([most, 1.0, 2.0])
    assert fitting(exact, (3,), row.dtype).astype(float).tolist() == exact.tolist()
    rounded = fitting(np.array([1.03]), (1,), row.dtype)
    assert float(rounded[0]) == float(np.array(1.03).astype(row.dtype)) != 0
    assert fitting(2, (2,), row.dtype).astype(float).tolist() == [2, 2]
    for wrong in (2 * most, -2 * most, float("inf")):
        if row.infinite:
            assert abs(float(fitting(np.array([wrong]), (1,), row.dtype)[0])) == np.inf
        else:
            with pytest.raises(DTypeError, match="lost"):
                fitting(np.array([wrong]), (1,), row.dtype)
    nan = np.array([np.nan], "f4")
    if row.nan is None:
        with pytest.raises(DTypeError, match="lost"):
            fitting(nan, (1,), row.dtype)
    else:
        assert fitting(nan, (1,), row.dtype).view(f"u{row.dtype.itemsize}").tolist() == [row.nan]
    if least > 0:
        with pytest.raises(DTypeError, match="lost"):
            fitting(-1.0, (1,), row.dtype)
    with pytest.raises(DTypeError, match="lost"):
        fitting(np.array([1j]), (1,), row.dtype)


@pytest.mark.parametrize("row", [row for row in SMALL.values() if row.kind == "f"], ids=lambda row: row.name)
def test_small_floats_go_into_wider_ones(row: Any) -> None:
    pytest.importorskip("ml_dtypes")
    values = np.array([1.0, 2.0]).astype(row.dtype)
    for dtype in ("f4", "f8", "i4"):
        assert fitted(values, dtype, (2,)) == [1, 2]


def test_a_tuple_in_a_big_endian_structure_of_small_numbers() -> None:
    pytest.importorskip("ml_dtypes")
    dtype = np.dtype([("x", SMALL["bfloat16"].dtype.newbyteorder(">")), ("y", ">i2")])
    assert fitting((1.5, 3), (1,), dtype).tobytes() == bytes.fromhex("3fc00003")


TEXTS = ["a", "é\0", ""]


@pytest.mark.parametrize(
    "values",
    [
        TEXTS, tuple(TEXTS), np.array(TEXTS, TEXT), np.array(TEXTS, object), [text.encode() for text in TEXTS],
        np.array([text.encode() for text in TEXTS], object), [np.str_("a"), "é\0", b""],
        np.array(TEXTS, np.dtypes.StringDType(na_object=None)), np.array(TEXTS, np.dtypes.StringDType(coerce=False)),
    ],
)  # fmt: skip
def test_text(values: Any) -> None:
    assert fitted(values, TEXT) == TEXTS


def test_text_of_fixed_length_and_scalars() -> None:
    assert fitted(np.array(["a", "é", "bc"], ">U2"), TEXT) == ["a", "é", "bc"]
    assert fitted(np.array(["a", "é"]).astype("S2") if False else np.array([b"a", "é".encode(), b""]), TEXT) == [
        "a",
        "é",
        "",
    ]
    assert fitted("long", TEXT) == ["long"] * 3
    assert fitted("a\0", TEXT, ()) == "a\0"
    assert fitted([["a"], ["b"]], TEXT, (2, 2)) == [["a", "a"], ["b", "b"]]


@pytest.mark.parametrize(
    ("values", "where"),
    [
        (["a", 1, "b"], r"\(1,\)"), (np.array(["a", "b", None], object), r"\(2,\)"), (np.arange(3), r"\(0,\)"),
        ([b"a", b"\xff", b""], r"\(1,\)"),
        (np.array(["a", None, "b"], np.dtypes.StringDType(na_object=None)), r"\(1,\)"),
        (5, r"\(\)"), (["a", float("nan"), "b"], r"\(1,\)"), ([["a"], "b", "c"], r"\(0,\)"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_named(values: Any, where: str) -> None:
    with pytest.raises((DTypeError, RegionError), match=f"at {where} is no text|make no array"):
        fitting(values, (3,), TEXT)


@pytest.mark.parametrize("values", ["\ud800", ["a", "\ud800", "b"], np.array(["a", "\ud800", "b"])], ids=repr)
def test_text_without_utf8(values: Any) -> None:
    with pytest.raises(DTypeError, match="UTF-8"):
        fitting(values, (3,), TEXT)


def test_objects() -> None:
    assert fitted([b"a", b"", b"\0b\0"], OBJECT) == [b"a", b"", b"\0b\0"]
    assert fitted(b"ab", OBJECT) == [b"ab"] * 3
    assert fitted([[1, 2], [3], {"a": 1}], OBJECT) == [[1, 2], [3], {"a": 1}]
    assert fitted([[1, 2], [3, 4]], OBJECT, (2,)) == [[1, 2], [3, 4]]
    assert fitted([[1, 2], [3, 4]], OBJECT, (2, 2)) == [[1, 2], [3, 4]]
    assert fitted({"a": 1}, OBJECT) == [{"a": 1}] * 3
    assert fitted([], OBJECT, (0,)) == []
    assert fitted(np.array([1, 2, 3]), OBJECT) == [1, 2, 3]
    assert fitted(np.array([b"a", b"b", b"c"]), OBJECT) == [b"a", b"b", b"c"]
    assert fitted(range(3), OBJECT) == [0, 1, 2]


PAIR = np.dtype([("n", "<i2"), ("x", ">f4"), ("at", [("k", "u1"), ("s", "S2")]), ("m", "<i2", (2,))])


def pair(n: object = 1, x: object = 0.1, k: object = 3, s: object = b"ab", m: object = (4, 5)) -> tuple[object, ...]:
    return n, x, (k, s), m


@pytest.mark.parametrize(
    "lost",
    [{"n": 1.5}, {"n": 70000}, {"n": None}, {"k": -1}, {"k": 256}, {"s": b"abc"}, {"s": "abc"}, {"m": (1, 2.5)}],
    ids=str,
)
def test_nothing_is_lost_in_the_fields_of_a_structure(lost: dict[str, object]) -> None:
    whole = fitting(pair(), (2,), PAIR)
    assert whole.dtype == PAIR
    assert (whole["n"].tolist(), whole["at"].tolist(), whole["m"].tolist()) == ([1, 1], [(3, b"ab")] * 2, [[4, 5]] * 2)
    with pytest.raises((DTypeError, RegionError)):
        fitting(pair(**lost), (2,), PAIR)
    with pytest.raises((DTypeError, RegionError)):
        fitting([pair(), pair(**lost)], (2,), PAIR)
    with pytest.raises(MetadataError, match="fill_value is wrong"):
        dzarr.create(MemoryStore(), shape=(2,), dtype=PAIR, zarr_format=2, fill_value=pair(**lost))
    array = dzarr.create(MemoryStore(), shape=(2,), dtype=PAIR, zarr_format=2, fill_value=pair())
    assert array.read().tobytes() == whole.tobytes()


def test_a_structure_goes_into_a_narrower_one_only_where_it_fits() -> None:
    wide, narrow = np.dtype([("n", "i8"), ("x", "f8")]), np.dtype([("n", ">i2"), ("x", "<f4")])
    values = np.array([(1, 0.1), (-32768, 2)], wide)
    assert fitting(values, (2,), narrow).tolist() == [(1, np.float32(0.1)), (-32768, 2)]
    assert fitting(values[0], (), narrow)["n"] == 1
    values["n"][1] = 32768
    with pytest.raises(DTypeError, match="values would be lost"):
        fitting(values, (2,), narrow)
    other = np.array([(1.0, 2)], [("x", "f8"), ("n", "i8")])
    with pytest.raises(DTypeError, match="the fields are others"):
        fitting(other, (1,), narrow)
    array = dzarr.create(MemoryStore(), shape=(1,), dtype=[("n", "i8"), ("x", "f8")])
    with pytest.raises(DTypeError):
        dzarr.store(other, array)


@pytest.mark.parametrize("unit", ["D", "s", "us"])
def test_a_time_that_its_unit_has_no_room_for_is_refused(unit: str) -> None:
    early, late = np.array(["1999-12-31", "NaT"], f"M8[{unit}]"), np.array(["NaT", "9999-01-01"], f"M8[{unit}]")
    wanted = np.dtype("M8[ns]")
    assert fitting(early, (2,), wanted).astype("M8[D]").tolist() == early.astype("M8[D]").tolist()
    array = dzarr.create(MemoryStore(), shape=(2,), dtype="M8[ns]", fill_value=early[0])
    assert array.fill_value == early[0]
    with pytest.raises(DTypeError, match="out of range"):
        fitting(late, (2,), wanted)
    with pytest.raises(DTypeError, match="out of range"):
        dzarr.store(late, array)
    for fill in (late[1], str(late[1]), late[1].astype("M8[D]").item()):
        with pytest.raises(MetadataError, match="fill_value is wrong"):
            dzarr.create(MemoryStore(), shape=(2,), dtype="M8[ns]", fill_value=fill)

"""Values of variable length: what is text, what casts are safe, and which lists are axes."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from dzarr.errors import DTypeError
from dzarr.format.elements import TEXT
from dzarr.format.variable import can_cast, objects, text


@pytest.mark.parametrize(
    ("source", "wanted", "allowed"),
    [
        ("U3", TEXT, "safe same_kind unsafe"),
        ("S3", TEXT, "safe same_kind unsafe"),
        ("O", TEXT, "safe same_kind unsafe"),
        (np.dtypes.StringDType(na_object=None), TEXT, "safe same_kind unsafe"),
        (TEXT, TEXT, "no equiv safe same_kind unsafe"),
        ("f8", TEXT, "unsafe"),
        ("M8[s]", TEXT, "unsafe"),
        ("?", TEXT, "unsafe"),
        (TEXT, "U3", "unsafe"),
        (TEXT, "S3", "unsafe"),
        (TEXT, "O", "safe same_kind unsafe"),
        ("U3", "O", "safe same_kind unsafe"),
        ("f8", "O", "safe same_kind unsafe"),
        ("O", "f8", "unsafe"),
        ("f4", "f8", "safe same_kind unsafe"),
        ("f8", "f4", "same_kind unsafe"),
    ],
)
def test_casts(source: Any, wanted: Any, allowed: str) -> None:
    castings = ("no", "equiv", "safe", "same_kind", "unsafe")
    assert [c for c in castings if can_cast(np.dtype(source), np.dtype(wanted), c)] == allowed.split()


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=30), max_size=20))
def test_text(items: list[str]) -> None:
    as_objects = np.fromiter(items, object, len(items))
    assert text(as_objects).tolist() == items
    assert text(as_objects).dtype == TEXT
    assert text(text(as_objects)).tolist() == items
    encoded = np.fromiter([item.encode() for item in items], object, len(items))
    assert text(encoded).tolist() == items
    if items:
        fixed = np.array(items)
        assert text(fixed).tolist() == [item.rstrip("\0") for item in items]
        assert text(fixed.astype(fixed.dtype.newbyteorder(">"))).tolist() == [item.rstrip("\0") for item in items]
        assert text(fixed.reshape(1, -1)[:, ::-1]).shape == (1, len(items))


@pytest.mark.parametrize("item", [5, None, 2.5, ["a"], b"\xff", "\ud800", np.datetime64("NaT"), float("nan")], ids=repr)
def test_no_text(item: Any) -> None:
    array = np.empty((2, 3), object)
    array[...] = "good"
    array[1, 2] = item
    with pytest.raises(DTypeError, match=r"the value at \(1, 2\) is no text") as caught:
        text(array)
    assert type(item).__name__ in str(caught.value)
    with pytest.raises(DTypeError, match=r"the value at \(\) is no text"):
        text(array[1, 2, ...])


def test_no_text_of_a_fixed_length() -> None:
    for array in (np.array(["a", "\ud800"]), np.array([b"a", b"\xc3"]), np.array([1, 2])):
        with pytest.raises(DTypeError, match="is no text"):
            text(array)


@pytest.mark.parametrize(
    ("values", "ndim", "shape", "first"),
    [
        ([[1, 2], [3, 4]], 2, (2, 2), 1),
        ([[1, 2], [3, 4]], 1, (2,), [1, 2]),
        ([[1, 2], [3, 4]], 0, (), [[1, 2], [3, 4]]),
        ([[1, 2], [3]], 2, (2,), [1, 2]),
        ([[1, 2], 3], 2, (2,), [1, 2]),
        ([], 1, (0,), None),
        ([[], []], 2, (2, 0), None),
        ([[], []], 1, (2,), []),
        ([], 2, (0,), None),
        ("text", 2, (), "text"),
        (b"bytes", 1, (), b"bytes"),
        ({"a": 1}, 1, (), {"a": 1}),
        (None, 1, (), None),
        (5, 1, (), 5),
        (("a", "b"), 1, (2,), "a"),
        (np.array([1, 2]), 1, (2,), 1),
    ],
    ids=str,
)
def test_objects(values: Any, ndim: int, shape: tuple[int, ...], first: Any) -> None:
    found = objects(values, ndim)
    assert found.dtype == object
    assert found.shape == shape
    if found.size:
        assert found.reshape(-1)[0] == first

"""Selections against numpy: composed as often as one likes, they show what numpy does, element by element."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import DzarrError, RegionError
from dzarr.format.selection import Selection, is_basic, whole

SHAPES = st.lists(st.integers(0, 7), max_size=4).map(tuple)


def evaluate(selection: Selection, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the fields of a selection say that it shows, read off one by one."""
    coords: list[Any] = [None] * array.ndim
    ndim = len(selection.dims)
    point_dims = [k for k, dim in enumerate(selection.dims) if dim.kind == "point"]
    for axis, index in enumerate(selection.axes):
        if isinstance(index, int):
            coords[axis] = np.array(index)
        elif index is not None:
            along = [1] * ndim
            along[selection.dims.index(("axis", axis))] = -1
            coords[axis] = np.array(index, dtype=np.int64).reshape(along)
    if selection.points is not None:
        assert [selection.dims[k].ref for k in point_dims] == list(range(len(point_dims)))
        for axis, positions in zip(selection.points.axes, selection.points.coords, strict=True):
            along = [1] * ndim
            for k, n in zip(point_dims, positions.shape, strict=True):
                along[k] = n
            coords[axis] = positions.reshape(along)
    picked = array[tuple(coords)] if coords else array
    return np.broadcast_to(picked, selection.shape)


def slices(n: int) -> st.SearchStrategy[slice]:
    ends = st.none() | st.integers(-n - 2, n + 2)
    return st.builds(slice, ends, ends, st.sampled_from((None, 1, 2, -1, -3)))


def lists(n: int) -> st.SearchStrategy[Any]:
    positions = st.lists(st.integers(-n, n - 1), max_size=5) if n else st.just([])
    return positions | hnp.arrays(bool, n)


@given(st.data(), SHAPES)
def test_basic_indices_compose(data: st.DataObject, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    view = whole(shape)
    assert view.is_whole
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(hnp.basic_indices(array.shape, allow_newaxis=True, allow_ellipsis=True, max_dims=8))
        assert is_basic(index)
        view, array = view.basic(index), np.asarray(array[index])
        assert view.shape == array.shape
        assert view.is_box
        assert np.array_equal(evaluate(view, np.arange(np.prod(shape, dtype=int)).reshape(shape)), array)
        if view.is_whole and array.ndim:
            assert array.shape == shape
            assert array.ravel().tolist() == list(range(array.size))
    bounds = [tuple(sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))) for n in array.shape]
    part = array[tuple(slice(a, b) for a, b in bounds)]
    assert np.array_equal(evaluate(view.subset(bounds), np.arange(np.prod(shape, dtype=int)).reshape(shape)), part)


@given(st.data(), st.lists(st.integers(0, 7), min_size=1, max_size=3).map(tuple))
def test_orthogonal_indices_compose(data: st.DataObject, shape: tuple[int, ...]) -> None:
    stored = array = np.arange(np.prod(shape)).reshape(shape)
    view = whole(shape)
    for _ in range(data.draw(st.integers(1, 3))):
        items = [data.draw(slices(n) | lists(n) | (st.integers(-n, n - 1) if n else st.nothing())) for n in array.shape]
        items = items[: data.draw(st.integers(0, len(items)))]
        for axis in reversed(range(len(items))):
            item = items[axis]
            if isinstance(item, list):
                item = np.array(item, dtype=np.int64)
            array = np.asarray(array[(slice(None),) * axis + (item,)])
        view = view.orthogonal(tuple(items))
        assert view.shape == array.shape
        assert np.array_equal(evaluate(view, stored), array)


@given(st.data(), st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple))
def test_points_of_views(data: st.DataObject, shape: tuple[int, ...]) -> None:
    stored = array = np.arange(np.prod(shape)).reshape(shape)
    view = whole(shape)
    if data.draw(st.booleans()):
        items = tuple(data.draw(slices(n).filter(lambda s, n=n: len(range(n)[s]))) for n in shape)
        view, array = view.basic(items), array[items]
    if data.draw(st.booleans()):
        mask = data.draw(hnp.arrays(bool, array.shape))
        view, array = view.vectorized(mask), array[mask]
    else:
        where = sorted(data.draw(st.sets(st.integers(0, array.ndim - 1), min_size=1)))
        points = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=4))
        items = tuple(
            data.draw(hnp.arrays(np.int64, points, elements=st.integers(-n, n - 1))) if axis in where else slice(None)
            for axis, n in enumerate(array.shape)
        )
        view = view.vectorized(items)
        array = np.moveaxis(array, where, range(len(where)))[tuple(np.asarray(items[axis]) for axis in where)]
    assert view.shape == array.shape
    assert not view.is_box
    assert np.array_equal(evaluate(view, stored), array)
    items = tuple(data.draw(slices(n) | lists(n)) for n in array.shape)
    for axis in reversed(range(len(items))):
        item = np.array(items[axis], dtype=np.int64) if isinstance(items[axis], list) else items[axis]
        array = array[(slice(None),) * axis + (item,)]
    assert np.array_equal(evaluate(view.orthogonal(items), stored), array)


@given(st.data(), st.lists(st.integers(1, 5), min_size=1, max_size=2).map(tuple))
def test_tokens_tell_views_apart(data: st.DataObject, shape: tuple[int, ...]) -> None:
    stored = np.arange(np.prod(shape)).reshape(shape)

    def draw() -> Selection:
        items = tuple(data.draw(slices(n) | lists(n)) for n in shape)
        return whole(shape).orthogonal(items)

    one, other = draw(), draw()
    if one.token() == other.token():
        assert np.array_equal(evaluate(one, stored), evaluate(other, stored))
    assert one.token() == one.basic(...).token()
    assert hash(one.token()) == hash(one.orthogonal(()).token())


@pytest.mark.parametrize(
    ("index", "basic"),
    [
        ((0, slice(None), None, ...), True),
        (np.int8(3), True),
        ([1, 2], False),
        (np.array(3), False),
        (True, False),
        (np.True_, False),
        ((0, [1]), False),
        ("x", False),
        (1.0, False),
    ],
)
def test_what_is_basic(index: Any, basic: bool) -> None:
    assert is_basic(index) is basic


BASIC: list[Any] = [
    4, -5, (0, 3), (0, 0, 0), (..., ...), (0, ..., 0, 0), "x", 1.0, True, np.False_, [1, 2], slice(None, None, 0),
    slice("a", None), slice(0.5, 2), (slice(None), object()), 1 << 70, {},
]  # fmt: skip
ORTHOGONAL: list[Any] = [
    [4], [-5], [[0, 1]], [0.5], ["x"], [True, False], np.zeros((4, 3), bool), None, (0, 0, 0), np.ones(5, bool),
    [1 << 70], [[1], [2, 3]], np.array(["a"]),
]  # fmt: skip
VECTORIZED: list[Any] = [
    [4], [-5], ([0, 1], [0, 1, 2]), [0.5], np.zeros((3, 4), bool), np.zeros((4, 4, 1), bool), None, slice(None),
    (..., slice(None)), ([0], [0], [0]), ([[1], [2, 3]], 0), [1 << 70], "x", (True, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("way", "index"),
    [
        (way, index)
        for way, rows in (("basic", BASIC), ("orthogonal", ORTHOGONAL), ("vectorized", VECTORIZED))
        for index in rows
    ],
    ids=str,
)
def test_indices_that_do_not_fit(way: str, index: Any) -> None:
    with pytest.raises(RegionError) as caught:
        getattr(whole((4, 3)), way)(index)
    assert isinstance(caught.value, IndexError)


@pytest.mark.parametrize("index", [0, (None, 0), [0], ([0], [0])])
def test_scalars_have_no_axes_to_index(index: Any) -> None:
    with pytest.raises(DzarrError):
        whole(()).vectorized(index)
    assert whole(()).basic((..., None)).shape == (1,)


def test_masks_of_many_dimensions_may_stand_anywhere() -> None:
    stored = np.arange(2 * 3 * 3 * 4).reshape(2, 3, 3, 4)
    mask = np.arange(12).reshape(3, 4) % 5 == 0
    view = whole(stored.shape).vectorized((..., mask))
    assert np.array_equal(evaluate(view, stored), np.moveaxis(stored, (2, 3), (0, 1))[mask])
    view = whole(stored.shape).vectorized(([[1], [0]], ..., mask))
    assert np.array_equal(evaluate(view, stored), np.moveaxis(stored, 1, 3)[[[1], [0]], *np.nonzero(mask)])
    for index in ((..., mask[:, :3]), (mask, ...), (..., mask, 0)):
        with pytest.raises(RegionError, match="differ in shape"):
            whole(stored.shape).vectorized(index)

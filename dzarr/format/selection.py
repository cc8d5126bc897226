"""Selections: which elements of a stored array a view shows, and in what order.

Knows: numpy's indexing rules, as integers. Must not know: chunks, bytes, dask. A selection composes
exactly, because Python's ``range`` does: ``range(100)[10:40][5:8]`` is ``range(15, 18)``, negative
steps included. Per stored axis it holds one of

    an int         the axis is gone from the view
    a range        a slice of any step
    an int64 array an orthogonal index (``oindex``)
    None           the axis is one of those that ``points`` picks together (``vindex``)

and ``dims`` says what each dimension of the view is: a stored axis, a new one, or one of the points'.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dzarr.errors import RegionError
from dzarr.format.grid import Indices

AxisIndex: TypeAlias = "int | range | Indices | None"


class Dim(NamedTuple):
    """One dimension of a view: of ``axis`` (ref = which), ``new`` (ref = length) or ``point`` (ref = which)."""

    kind: str
    ref: int


class Points(NamedTuple):
    """Stored axes indexed together: ``coords[k]`` are positions on ``axes[k]``, all of one shape."""

    axes: tuple[int, ...]
    coords: Indices


@dataclass(frozen=True, eq=False)
class Selection:
    """A view of an array of shape ``size``.

    Examples
    --------
    >>> view = whole((100, 5))
    >>> view.basic((slice(10, 40), 0)).basic(slice(5, 8)).axes
    (range(15, 18), 0)
    """

    size: tuple[int, ...]
    axes: tuple[AxisIndex, ...]
    dims: tuple[Dim, ...]
    points: Points | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the view."""
        return tuple(map(self.length, self.dims))

    def length(self, dim: Dim) -> int:
        """Return how long one of the view's dimensions is."""
        if dim.kind == "new":
            return dim.ref
        if dim.kind == "point":
            return self.points.coords.shape[1 + dim.ref]  # type: ignore[union-attr, no-any-return]
        return len(self.axes[dim.ref])  # type: ignore[arg-type]

    @property
    def is_whole(self) -> bool:
        """Whether the view is the array itself."""
        return len(self.dims) == len(self.size) and all(
            isinstance(index, range) and index == range(n) and dim == ("axis", k)
            for k, (index, n, dim) in enumerate(zip(self.axes, self.size, self.dims, strict=True))
        )

    @property
    def is_box(self) -> bool:
        """Whether only ints and slices made the view."""
        return self.points is None and not any(isinstance(index, np.ndarray) for index in self.axes)

    def __reduce__(self) -> tuple[Any, ...]:
        # A task carries one: plain tuples pickle in a third of the time and the bytes of dataclasses.
        return _rebuild, (self.size, self.axes, tuple(map(tuple, self.dims)), self.points)

    def token(self) -> tuple[Any, ...]:
        """Return plain data that tells this selection from every other one."""
        axes = tuple(("array", i.shape, i.tobytes()) if isinstance(i, np.ndarray) else i for i in self.axes)
        points = self.points and (self.points.axes, self.points.coords.shape, self.points.coords.tobytes())
        return self.size, axes, tuple(map(tuple, self.dims)), points

    def basic(self, index: Any) -> Selection:
        """Compose with ints, slices, Ellipsis and newaxis, as numpy does. Raises RegionError."""
        return self._compose(_expand(index, self.shape, newaxis=True), _basic_item)

    def orthogonal(self, index: Any) -> Selection:
        """Compose with, per dimension, an int, a slice, or a 1-d integer or boolean array."""
        return self._compose(_expand(index, self.shape, newaxis=False), _orthogonal_item)

    def vectorized(self, index: Any) -> Selection:
        """Compose with integer arrays that are broadcast together, or a mask; slices may stand beside.

        The broadcast dimensions come first in the result, as in ``dask.array.Array.vindex``.
        """
        items = _expand(_spread_masks(index, self.shape), self.shape, newaxis=False)
        where = [k for k, item in enumerate(items) if not isinstance(item, slice)]
        if not where:
            raise RegionError("vindex needs at least one integer or boolean array", found=index)
        arrays = _broadcast([_integers(items[k], self.shape[k], k) for k in where])
        rest = self._compose([slice(None) if k in where else item for k, item in enumerate(items)], _basic_item)
        return _pointwise(rest, where, arrays)

    def _compose(self, items: Sequence[Any], normal: Any) -> Selection:
        axes, dims = list(self.axes), []
        points = self.points
        kept: list[Dim] = []
        taken: list[Any] = []
        old = iter(self.dims)
        for item in items:
            if item is None:
                dims.append(Dim("new", 1))
                continue
            dim = next(old)
            n = self.length(dim)
            item = normal(item, n, len(self.dims))
            if dim.kind == "axis":
                axes[dim.ref] = _take(axes[dim.ref], item)
            elif dim.kind == "point":
                taken.append(item)
                if not isinstance(item, int):
                    kept.append(Dim("point", len(kept)))
            else:
                dim = Dim("new", _count(item, n))
            if not isinstance(item, int):
                dims.append(kept[-1] if dim.kind == "point" else dim)
        if points is not None and taken:
            points = Points(points.axes, _take_points(points.coords, taken))
        return replace(self, axes=tuple(axes), dims=tuple(dims), points=points)

    def subset(self, bounds: Sequence[tuple[int, int]]) -> Selection:
        """Return the part of the view within ``[start, stop)`` of each dimension."""
        return self._compose([slice(a, b) for a, b in bounds], _basic_item)


def _rebuild(size: Any, axes: Any, dims: Any, points: Any) -> Selection:
    return Selection(size, axes, tuple(Dim(*dim) for dim in dims), points)


def whole(shape: Sequence[int]) -> Selection:
    """Return the selection of everything.

    Examples
    --------
    >>> whole((3, 4)).is_whole
    True
    """
    size = tuple(shape)
    return Selection(size, tuple(map(range, size)), tuple(Dim("axis", k) for k in range(len(size))))


def is_basic(index: Any) -> bool:
    """Return whether `index` holds nothing but ints, slices, Ellipsis and newaxis."""
    items = index if isinstance(index, tuple) else (index,)
    return all(
        item is None
        or item is Ellipsis
        or (isinstance(item, (slice, int, np.integer)) and not isinstance(item, (bool, np.bool_)))
        for item in items
    )


def _expand(index: Any, shape: tuple[int, ...], newaxis: bool) -> list[Any]:
    """Return one item for each dimension (and the new ones), Ellipsis filled in."""
    items = list(index) if isinstance(index, tuple) else [index]
    new = sum(item is None for item in items)
    if new and not newaxis:
        raise RegionError("newaxis has no meaning here", found=index, fix="index the result instead")
    dots = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise RegionError("an index holds one Ellipsis at most", found=index)
    missing = len(shape) - (len(items) - new - len(dots))
    if missing < 0:
        raise RegionError("too many indices", found=len(items) - new - len(dots), expected=f"at most {len(shape)}")
    at = dots[0] if dots else len(items)
    items[at : at + 1] = [slice(None)] * missing
    return items


def _basic_item(item: Any, n: int, ndim: int) -> int | slice:
    if isinstance(item, slice):
        return _slice(item, n)
    if isinstance(item, (bool, np.bool_)):
        raise RegionError("a boolean is no basic index", found=item, fix="use a.vindex or a.oindex with a mask")
    try:
        position = operator.index(item)
    except TypeError:
        raise RegionError(
            "not a basic index", found=item, expected="ints, slices, Ellipsis and newaxis", fix="see a.oindex, a.vindex"
        ) from None
    if not -n <= position < n:
        raise RegionError("index out of bounds", found=position, expected=f"{-n} to {n - 1} on a dimension of {n}")
    return position + n if position < 0 else position


def _orthogonal_item(item: Any, n: int, ndim: int) -> int | slice | Indices:
    if isinstance(item, (list, np.ndarray, range, tuple)):
        array = _as_array(item)
        if array.ndim == 1:
            return _integers(array, n, None)
        if array.ndim:
            raise RegionError("oindex takes 1-d arrays", found=array.shape, fix="use a.vindex for coordinate arrays")
        item = array[()]
    return _basic_item(item, n, ndim)


def _slice(item: slice, n: int) -> slice:
    try:
        range(n)[item]
    except (TypeError, ValueError) as error:
        raise RegionError(f"illegal slice: {error}", found=item) from None
    return item


def _integers(item: Any, n: int, dim: int | None) -> Indices:
    """Return `item` (integers or a mask) as positions within [0, n)."""
    array = _as_array(item)
    if array.dtype == bool:
        if array.shape != (n,):
            raise RegionError("mask and dimension differ in length", found=array.shape, expected=(n,))
        return np.flatnonzero(array)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise RegionError("an index array must hold integers or booleans", found=array.dtype)
    if array.size and (int(array.min()) < -n or int(array.max()) >= n):
        bad = array[(array < -n) | (array >= n)].flat[0]
        raise RegionError("index out of bounds", found=int(bad), expected=f"{-n} to {n - 1} on a dimension of {n}")
    positions = array.astype(np.int64)
    return np.where(positions < 0, positions + n, positions)


def _spread_masks(index: Any, shape: tuple[int, ...]) -> Any:
    """Replace each mask of two or more dimensions by its coordinates."""
    given = index if isinstance(index, tuple) else (index,)
    masks = [_mask_of_many(item) for item in given]
    items: list[Any] = []
    at = 0
    for k, (item, mask) in enumerate(zip(given, masks, strict=True)):
        if item is Ellipsis:
            items.append(item)
            at = len(shape) - sum(1 if later is None else later.ndim for later in masks[k + 1 :])
        elif mask is None:
            items.append(item)
            at += 1
        else:
            if mask.shape != shape[at : at + mask.ndim]:
                raise RegionError(
                    "mask and array differ in shape", found=mask.shape, expected=shape[at : at + mask.ndim]
                )
            items.extend(np.nonzero(mask))
            at += mask.ndim
    return tuple(items)


def _mask_of_many(item: Any) -> NDArray[np.bool_] | None:
    """Return `item` if it is a mask of two or more dimensions."""
    array = _as_array(item) if isinstance(item, (list, np.ndarray)) else None
    return array if array is not None and array.dtype == bool and array.ndim > 1 else None


def _as_array(item: Any) -> NDArray[Any]:
    try:
        return np.asarray(item)
    except ValueError as error:
        raise RegionError(f"an index array is ragged: {error}", found=item) from None


def _broadcast(arrays: list[Indices]) -> list[Indices]:
    try:
        return [np.asarray(array, order="C") for array in np.broadcast_arrays(*arrays)]
    except ValueError:
        raise RegionError("index arrays can't be broadcast together", found=[array.shape for array in arrays]) from None


def _take(index: AxisIndex, item: int | slice | Indices) -> AxisIndex:
    if isinstance(index, range):
        if isinstance(item, np.ndarray):
            positions: Indices = index.start + index.step * item
            return positions
        return index[item]
    taken = index[item]  # type: ignore[index]
    return int(taken) if isinstance(item, int) else np.asarray(taken, order="C")


def _take_points(coords: Indices, items: list[Any]) -> Indices:
    """Index the points' dimensions, each on its own (orthogonally)."""
    axis = 1
    for item in items:
        coords = coords[(slice(None),) * axis + (item,)]
        axis += not isinstance(item, int)
    return np.ascontiguousarray(coords)


def _count(item: Any, n: int) -> int:
    return len(item) if isinstance(item, np.ndarray) else len(range(n)[item]) if isinstance(item, slice) else 1


def _pointwise(view: Selection, where: list[int], arrays: list[Indices]) -> Selection:
    """Index the dimensions `where` of `view` together."""
    axes = list(view.axes)
    found: dict[int, Indices] = {}
    old = {view.dims[k].ref: array for k, array in zip(where, arrays, strict=True) if view.dims[k].kind == "point"}
    if view.points is not None:
        if len(old) != view.points.coords.ndim - 1:
            raise RegionError(
                "points can't be split by a second vindex", fix="index all dimensions of the points at once"
            )
        picked = view.points.coords[(slice(None), *(old[j] for j in range(len(old))))]  # type: ignore[arg-type]
        found.update(zip(view.points.axes, picked, strict=True))
    for k, array in zip(where, arrays, strict=True):
        dim = view.dims[k]
        if dim.kind == "axis":
            found[dim.ref] = np.asarray(_take(axes[dim.ref], array))
            axes[dim.ref] = None
    if not found:
        raise RegionError("vindex of new dimensions only", fix="index a stored dimension")
    order = sorted(found)
    points = Points(tuple(order), np.stack([found[axis] for axis in order]))
    rest = [dim for k, dim in enumerate(view.dims) if k not in where]
    dims = [Dim("point", j) for j in range(arrays[0].ndim)] + rest
    return Selection(view.size, tuple(axes), tuple(dims), points)

"""Indexing that isn't basic: ``a.oindex``, ``a.vindex`` and ``a.objects``.

Knows: which composition of selections each of them means. Must not know: I/O. Each is a view of its array
that answers ``[...]`` with another lazy view, and ``[...] = x`` with a write.
"""

from __future__ import annotations

from typing import Any, Protocol

from dzarr.errors import RegionError
from dzarr.format.grid import Grid, counts
from dzarr.format.selection import Selection


class _View(Protocol):
    _selection: Selection
    _source: Any

    def _view(self, selection: Selection) -> Any: ...

    def _write(self, selection: Selection, values: Any, lock: Any = "auto") -> Any: ...


class _Indexer:
    def __init__(self, view: _View) -> None:
        self._of = view

    def _select(self, index: Any) -> Selection:
        raise AttributeError("an indexer selects in its own way")

    def __getitem__(self, index: Any) -> Any:
        return self._of._view(self._select(index))

    def __setitem__(self, index: Any, values: Any) -> None:
        self._of._write(self._select(index), values)


class OrthogonalIndexer(_Indexer):
    """Each dimension is indexed on its own, by an int, a slice, or a 1-d array of integers or booleans."""

    def _select(self, index: Any) -> Selection:
        return self._of._selection.orthogonal(index)


class PointIndexer(_Indexer):
    """Integer arrays are broadcast together and name points; a mask names those that it holds true."""

    def _select(self, index: Any) -> Selection:
        return self._of._selection.vectorized(index)


class ObjectIndexer(_Indexer):
    """Whole objects, by their coordinates in the object grid: ints and slices of step 1."""

    @property
    def shape(self) -> tuple[int, ...]:
        """How many objects lie along each axis."""
        return counts(self._of._source.layout.grid)

    def _select(self, index: Any) -> Selection:
        view = self._of._selection
        if not view.is_whole:
            raise RegionError("a view has no objects of its own", fix="use .objects of the array itself")
        return view.basic(object_region(index, self._of._source.layout.grid))


def object_region(index: Any, grid: Grid) -> tuple[slice, ...]:
    """Return the elements that the objects at `index` cover. Raises RegionError.

    Examples
    --------
    >>> from dzarr.format.grid import regular
    >>> object_region((1, slice(0, 2)), regular((10, 10), (4, 4)))
    (slice(4, 8, None), slice(0, 8, None))
    """
    items = list(index) if isinstance(index, tuple) else [index]
    dots = [k for k, item in enumerate(items) if item is Ellipsis]
    if dots:
        at = dots[0]
        items[at : at + 1] = [slice(None)] * (len(grid) - len(items) + 1)
    if len(items) > len(grid):
        raise RegionError("too many indices", found=len(items), expected=f"at most {len(grid)}")
    items += [slice(None)] * (len(grid) - len(items))
    region = []
    for item, axis in zip(items, grid, strict=True):
        cells = range(axis.count)
        try:
            found = cells[item] if isinstance(item, slice) else range(cells[item], cells[item] + 1)
        except (IndexError, TypeError, ValueError) as error:
            raise RegionError(f"no such object: {error}", found=item, expected=f"0 to {axis.count - 1}") from None
        if found.step != 1:
            raise RegionError("objects are taken in order", found=item, expected="an int or a slice of step 1")
        stop = axis.start(found[-1]) + axis.length(found[-1]) if found else 0
        region.append(slice(axis.start(found.start), min(stop, axis.size)) if found else slice(0, 0))
    return tuple(region)

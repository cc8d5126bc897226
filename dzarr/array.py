"""The array handle: one stored array, or a view of it.

Knows: numpy's and Dask's protocols, and which room answers each of them. Must not know: how anything is
read or written. Indexing composes selections and does no I/O; ``read`` and ``write`` call the engine;
everything that computes goes to ``dask.array``.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

import dzarr
from dzarr.attributes import Attributes
from dzarr.casting import fitting
from dzarr.changes import update_attributes
from dzarr.describe import array_facts, storage_facts
from dzarr.display import ArrayFacts, Info, array_html, array_text
from dzarr.errors import DzarrError, ReadOnlyError, RegionError
from dzarr.format.documents import naming
from dzarr.format.grid import cell_shape
from dzarr.format.metadata import ArrayMetadata
from dzarr.format.selection import Selection, is_basic, whole
from dzarr.indexers import ObjectIndexer, OrthogonalIndexer, PointIndexer
from dzarr.io.open import obeying
from dzarr.io.read import read_region
from dzarr.io.source import Source
from dzarr.io.write import write_region
from dzarr.node import Node, document_key, layout_of, read_node
from dzarr.options import Options, changed
from dzarr.protocols import DuckArray, in_task
from dzarr.results import WriteResult

if TYPE_CHECKING:
    import dzarr.graph


class Opening:
    """The id in the names of graphs: shared by a handle and its views, new after each write through any of them."""

    __slots__ = ("id",)

    def __init__(self, id: str | None = None) -> None:
        self.id = id or secrets.token_hex(8)

    def renew(self) -> None:
        """Let graphs made from now on have other names than those made before."""
        self.id = secrets.token_hex(8)


class Array(DuckArray):
    """A chunked array in a store: a lazy Dask collection and a numpy duck array.

    Made by ``dzarr.open``, ``dzarr.create`` and a group's methods. ``a[...]`` is a lazy view that composes
    exactly; ``a.read()`` reads with no Dask at all; arithmetic and numpy functions give
    ``dask.array.Array``. A handle is a snapshot of the array's metadata: ``refresh()`` reads it again.

    Functions of ``dask.array`` that want Dask's own class get ``a.to_dask()``. In particular a bare handle in
    ``dask.array.map_blocks(f, a)`` or in ``dask.delayed(f)(a)`` is a constant to dask: each call gets the whole
    array, read-only. ``a.map_blocks(f)`` and ``a.to_dask()`` give blocks; ``dzarr.store(x, a)`` writes.

    Examples
    --------
    >>> import dzarr
    >>> a = dzarr.create("memory://array-example", shape=(100, 4), dtype="i4", chunks=(10, 4))
    >>> a[10:40][5:8] = 1
    >>> a[14:17].read()[:, 0]
    array([0, 1, 1], dtype=int32)
    >>> int((a + 1).sum().compute())
    412
    """

    __slots__ = ("_attributes", "_dask", "_metadata", "_opening", "_selection", "_source", "_writable")

    def __init__(
        self,
        source: Source,
        selection: Selection,
        metadata: ArrayMetadata | None,
        *,
        writable: bool,
        opening: Opening | None = None,
    ) -> None:
        self._source = source
        self._selection = selection
        self._metadata = metadata
        self._writable = writable
        self._opening = opening or Opening()
        self._dask: tuple[tuple[str, int], Any] | None = None
        self._attributes: Attributes | None = None

    # What it is

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements along each dimension."""
        return self._selection.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._selection.dims)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements, in native byte order."""
        return self._source.layout.metadata.dtype

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements, decoded."""
        return self.size * self.dtype.itemsize

    @property
    def chunks(self) -> tuple[Any, ...]:
        """Shape of the stored array's innermost chunk; an axis of unequal chunks is a tuple of lengths."""
        return self._source.layout.chunk_shape or cell_shape(self._source.layout.grid)

    @property
    def shards(self) -> tuple[Any, ...] | None:
        """Shape of the stored array's objects where they are shards, else None."""
        return cell_shape(self._source.layout.grid) if self._source.layout.is_sharded else None

    @property
    def path(self) -> str:
        """Where the array is in its store."""
        return self._source.path

    @property
    def url(self) -> str:
        """The store, as text without credentials."""
        return self._source.store.token

    @property
    def options(self) -> Options:
        """How this handle reads and writes."""
        return self._source.options

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._writable

    @property
    def is_view(self) -> bool:
        """Whether it shows less, or something else, than the stored array."""
        return not self._selection.is_whole

    @property
    def metadata(self) -> ArrayMetadata:
        """The stored array's metadata: shape, codecs, fill value, attributes."""
        if self._metadata is None:  # left behind by pickling
            node = read_node(self._source.store, self._source.path, self._source.layout.metadata.zarr_format)
            self._metadata = node.metadata  # type: ignore[assignment]
        return self._metadata  # type: ignore[return-value]

    @property
    def zarr_format(self) -> int:
        """2 or 3."""
        return self._source.layout.metadata.zarr_format

    @property
    def fill_value(self) -> Any:
        """What missing chunks hold; None where a v2 document says null (they read as zero)."""
        return self._source.layout.metadata.fill_value

    @property
    def dimension_names(self) -> tuple[str | None, ...] | None:
        """Names of the view's dimensions, None for unnamed ones; None where the array names none."""
        names = self._source.layout.metadata.dimension_names
        if names is None:
            return None
        return tuple(names[dim.ref] if dim.kind == "axis" else None for dim in self._selection.dims)

    @property
    def attrs(self) -> Attributes:
        """The attributes; changes are written at once."""
        if self._attributes is None:
            self._attributes = Attributes(self.metadata.attributes, self._change_attributes if self._writable else None)
        return self._attributes

    def _change_attributes(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        node = Node(self._source.store, self._source.path, self.metadata, None)
        self._metadata = update_attributes(node, change).metadata  # type: ignore[assignment]
        return self.metadata.attributes

    # Reading

    def read(self, region: Any = ..., *, out: np.ndarray[Any, Any] | None = None, fields: Any = None) -> Any:
        """Read eagerly into numpy, without Dask.

        Parameters
        ----------
        region : basic index, optional
            What to read, relative to this view: ints, slices of any step, Ellipsis, newaxis.
        out : numpy.ndarray, optional
            Where to put it: of the region's shape, of the array's dtype, of any strides.
        fields : str or list of str, optional
            Fields of a structured dtype to read.

        Returns
        -------
        numpy.ndarray
            Of the region's shape (0-d where every index is an int); `out` where that was given.

        Raises
        ------
        RegionError, CorruptObjectError, MissingObjectError, StoreError
            For an index or `out` that doesn't fit, and for objects that can't be read.

        Examples
        --------
        >>> a = dzarr.create("memory://read-example", shape=(4, 4), dtype="u1", chunks=(2, 2), fill_value=7)
        >>> a.read((0, slice(None, None, -2)))
        array([7, 7], dtype=uint8)
        """
        selection = self._selection if region is ... else self._selection.basic(region)
        if fields is not None:
            fields = self._fields(fields)
        return read_region(
            self._source,
            selection,
            out,
            fields=fields,
            threads=1 if "distributed" in sys.modules and in_task() else None,
        )

    def _fields(self, fields: Any) -> Any:
        names = [fields] if isinstance(fields, str) else list(fields) if isinstance(fields, (list, tuple)) else []
        known = self.dtype.names or ()
        if not names or len(set(map(repr, names))) < len(names) or any(name not in known for name in names):
            raise RegionError("fields are wrong", found=fields, expected=f"a field, or a list of some of {list(known)}")
        return fields if isinstance(fields, str) else names

    def __getitem__(self, index: Any) -> Any:
        """Return a lazy view for a basic index, a ``dask.array.Array`` for anything else that dask takes."""
        if isinstance(index, Array):
            index = index.to_dask()
        if is_basic(index):
            return self._view(self._selection.basic(index))
        lazy = self.to_dask()
        try:
            return lazy[index]
        except DzarrError:
            raise
        except (IndexError, KeyError, TypeError, ValueError, NotImplementedError) as error:
            raise RegionError(f"dask does not take this index: {error}", found=index) from error

    def _view(self, selection: Selection) -> Array:
        return Array(self._source, selection, self._metadata, writable=self._writable, opening=self._opening)

    @property
    def oindex(self) -> OrthogonalIndexer:
        """Orthogonal indexing: ``a.oindex[[0, 5], mask]`` is a lazy view, and can be assigned to."""
        return OrthogonalIndexer(self)

    @property
    def vindex(self) -> PointIndexer:
        """Pointwise indexing: ``a.vindex[[0, 5], [1, 2]]`` and masks; a lazy view, and can be assigned to."""
        return PointIndexer(self)

    @property
    def objects(self) -> ObjectIndexer:
        """The grid of whole objects: ``a.objects[1, 0:2]`` is the view of these; can be assigned to."""
        return ObjectIndexer(self)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d array")
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        for k in range(len(self)):
            yield self[k]

    # Writing

    def write(self, region: Any, values: Any, *, lock: Any = "auto") -> WriteResult[Array]:
        """Write eagerly.

        Parameters
        ----------
        region : basic index
            Where to, relative to this view; ``...`` for all of it.
        values : array_like
            Broadcast to the region's shape. Their dtype must go into the array's without losing its kind
            (``same_kind``); Python numbers must fit exactly.
        lock : {"auto", "none", "threads", "files"} or lock
            Guards objects that the region covers in part; those it covers whole need none.

        Returns
        -------
        WriteResult

        Raises
        ------
        ReadOnlyError, RegionError, DTypeError, LockError, ConflictError, StoreError

        Examples
        --------
        >>> a = dzarr.create("memory://write-example", shape=(4,), dtype="u1", chunks=(2,))
        >>> a.write(slice(2, 4), [1, 2]).objects
        1
        """
        selection = self._selection if region is ... else self._selection.basic(region)
        return self._write(selection, values, lock)

    def _write(self, selection: Selection, values: Any, lock: Any = "auto") -> WriteResult[Array]:
        self.check_writable()
        array = fitting(values, selection.shape, self.dtype)
        with WriteResult.timed() as timer:
            done = write_region(
                self._source,
                selection,
                array,
                lock=lock,
                threads=1 if "distributed" in sys.modules and in_task() else None,
            )
        self.renew()
        return timer.result(self, selection, done)

    def check_writable(self) -> None:
        """Raise ReadOnlyError where the handle was opened for reading."""
        if not self._writable:
            raise ReadOnlyError("the array was opened for reading", key=self.path or "/", fix="open it with mode='r+'")

    def renew(self) -> None:
        """Give other names to graphs made from now on, after a write that went past this handle."""
        self._opening.renew()

    def __setitem__(self, index: Any, values: Any) -> None:
        if is_basic(index):
            self.write(index, values)
            return
        items = index if isinstance(index, tuple) else (index,)
        try:
            masks = [np.asarray(item).ndim for item in items if np.asarray(item).dtype == bool]
        except ValueError as error:
            raise RegionError(f"an index array is ragged: {error}", found=index) from None
        if len(items) == 1 and masks and masks[0] == self.ndim:
            self.vindex[index] = values
            return
        lists = [item for item in items if isinstance(item, (list, np.ndarray))]
        if len(lists) == 1 and np.asarray(lists[0]).ndim == 1:
            self.oindex[index] = values
            return
        raise RegionError(
            "assigning to several index arrays can mean two things",
            found=[type(item).__name__ for item in items],
            fix="use a.vindex[...] = x (pointwise) or a.oindex[...] = x (orthogonal)",
        )

    def refresh(self) -> Array:
        """Read the metadata again, in place, and forget what graphs were named. Returns the handle itself."""
        if self.is_view:
            raise RegionError("a view can't be refreshed", fix="refresh the array and slice it again")
        node = read_node(self._source.store, self.path, self.zarr_format)
        metadata = node.metadata
        if not isinstance(metadata, ArrayMetadata):
            raise RegionError("the array has been replaced by a group", key=self.path, fix="open it again")
        with naming(document_key(node)):
            layout = layout_of(metadata, self.options)
        self._source = replace(self._source, layout=layout)
        self._selection = whole(metadata.shape)
        self._metadata, self._attributes = metadata, None
        self.renew()
        return self

    def with_options(self, **changes: Any) -> Array:
        """Return the same view with other options, by name: see ``dzarr.Options``."""
        options = changed(self.options, changes)
        store = obeying(self._source.store, options, changes)
        source = replace(self._source, store=store, options=options, layout=layout_of(self.metadata, options))
        return Array(source, self._selection, self._metadata, writable=self._writable)

    # Dask

    def to_dask(self, chunks: Any = None, overlap: Any = None) -> Any:
        """Return a ``dask.array.Array`` that reads this view, one task for each block.

        Parameters
        ----------
        chunks : optional
            Blocks, as ``dask.array`` takes them; a dict may name axes by number or by dimension name, and "auto"
            axes are cut where objects end. None makes blocks of whole objects, as many as come near the
            ``array.chunk-size`` of dask's configuration.
        overlap : int, tuple or dict, optional
            So many more elements on each side of every block, read from the store and clipped at the ends:
            the blocks of ``dask.array.overlap.overlap(boundary="none")`` without its copies.

        Raises
        ------
        GridError, RegionError
            For blocks or an overlap that don't fit, and for axes that the array doesn't have.

        Examples
        --------
        >>> a = dzarr.create("memory://dask-example", shape=(8, 8), dtype="f4", chunks=(2, 2), shards=(4, 4))
        >>> a.to_dask(chunks=(4, 8)).numblocks
        (2, 1)
        """
        open_id = self._opening.id
        if chunks is not None or overlap is not None:
            return dzarr.graph.to_dask(self._source, self._selection, open_id, chunks, overlap)
        made_for = open_id, dzarr.graph.block_bytes()
        if self._dask is None or self._dask[0] != made_for:
            self._dask = made_for, dzarr.graph.to_dask(self._source, self._selection, open_id)
        return self._dask[1].copy()  # dask arrays can be assigned to in place: ours must stay what is stored

    def __dask_tokenize__(self) -> Any:
        layout = self._source.layout.digest
        return "dzarr-array", self.url, self.path, layout, self._selection.token(), self._opening.id

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (self._source, self._selection, self._writable, self._opening.id)

    # People

    def facts(self) -> ArrayFacts:
        """Return what the reprs show, as plain data; the document alone tells it."""
        return array_facts(self._source, self._selection, self.metadata, self._writable)

    def info(self) -> Info:
        """Return the facts with what needs a listing of the store: objects stored, bytes, what is missing."""
        return Info(self.facts(), storage_facts(self._source))

    def __repr__(self) -> str:
        return array_text(self.facts())

    def _repr_html_(self) -> str:
        return array_html(self.facts())


def open_array_node(node: Node, options: Options, *, writable: bool) -> Array:
    """Return the handle of an array's node."""
    metadata = node.metadata
    if not isinstance(metadata, ArrayMetadata):
        raise TypeError("not an array's node")
    within = getattr(node.store, "within", None)
    store = node.store if within is None else within(node.path)
    with naming(document_key(node)):
        layout = layout_of(metadata, options)
    source = Source(store, node.path, layout, options)
    return Array(source, whole(metadata.shape), metadata, writable=writable)


def _revive(source: Source, selection: Selection, writable: bool, open_id: str) -> Array:
    return Array(source, selection, None, writable=writable, opening=Opening(open_id))

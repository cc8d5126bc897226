"""References in parquet files: a folder with ``.zmetadata`` and, for each array, tables of references.

Knows: the parquet layout of the kerchunk specification. Must not know: stores' kinds, or what bytes mean. ::

    .zmetadata                  {"metadata": {key: document}, "record_size": n}
    a/b/refs.0.parq             path, offset, size, raw  of chunks 0 to n - 1 of the array a/b, in C order
    a/b/refs.1.parq             ... of chunks n to 2n - 1

A table is read when the first of its chunks is asked for. Needs pyarrow.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from importlib import import_module
from math import prod
from threading import Lock
from typing import Any

from dzarr.errors import CorruptObjectError, MetadataError, StoreError, UnsupportedError
from dzarr.io.files import is_data
from dzarr.io.names import Names, folder_of
from dzarr.io.references import Section, parse_json
from dzarr.io.store import Buffer, Store, TooLarge, Want, check_key

MOST_TABLE = 1 << 30
"""Bytes of the largest table that is read."""

MOST_ROWS = 20_000_000
"""Rows of the largest table that is read: a few bytes of a file may stand for any number of equal ones."""

MOST_TABLES = 100_000
"""Tables of one array that are asked for one by one, to list what is in a folder that can't be listed."""

KEPT_TABLES = 32

_COLUMNS = ("path", "offset", "size", "raw")
_TABLE = re.compile(r"refs\.(\d{1,18})\.parq", re.ASCII)


class TableReferences:
    """The references below a folder of a store.

    Parameters
    ----------
    store : Store
        Where the folder is.
    folder : str
        The folder.

    Raises
    ------
    MetadataError
        For a ``.zmetadata`` that is not what the layout says.
    UnsupportedError
        By `find`, where pyarrow is not installed.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._below = store, folder_of(folder)
        place = f"{self._below}.zmetadata"
        answer = store.get(place)
        if answer is None:
            raise StoreError("no reference file, and no folder of references", key=place, found=store.token)
        document = parse_json(answer[0], place)
        match document:
            case {"metadata": dict(metadata), "record_size": int(size)} if size > 0:
                self._metadata, self._record_size = metadata, size
            case _:
                raise MetadataError("no folder of references", key=place, expected="members metadata and record_size")
        for key in self._metadata:
            try:
                check_key(key)
            except StoreError as error:
                raise MetadataError("a key that is no path", key=place, found=key, expected=error.expected) from None
        self._names = Names(self._metadata)
        self._grids: dict[str, tuple[int, ...]] = {}
        self._tables: OrderedDict[tuple[str, int], Any] = OrderedDict()
        self._lock = Lock()

    def find(self, key: str) -> bytes | Section | None:
        """See `References.find`."""
        if key in self._metadata:
            document = self._metadata[key]
            return (document if isinstance(document, str) else json.dumps(document)).encode()
        field = self._field_of(key)
        if field is None:
            return None
        number = _number(key[len(field) :].lstrip("/"), self._grid(field))
        return None if number is None else self._row(field, number, key)

    def _field_of(self, key: str) -> str | None:
        field, slash, _ = key.rpartition("/")
        while slash:
            if f"{field}/.zarray" in self._metadata:
                return field
            field, slash, _ = field.rpartition("/")
        return "" if ".zarray" in self._metadata else None

    def _grid(self, field: str) -> tuple[int, ...]:
        """Return how many chunks an array has along each axis."""
        if field not in self._grids:
            key = f"{field}/.zarray" if field else ".zarray"
            document = self._metadata[key]
            if isinstance(document, str):
                document = parse_json(document.encode(), key)
            match document:
                case {"shape": list(shape), "chunks": list(chunks)} if (
                    len(shape) == len(chunks)
                    and all(type(n) is int and n >= 0 for n in shape)
                    and all(type(n) is int and n > 0 for n in chunks)
                ):
                    self._grids[field] = tuple(-(-n // step) for n, step in zip(shape, chunks, strict=True))
                case _:
                    raise MetadataError("an array without shape and chunks", key=key)
        return self._grids[field]

    def _row(self, field: str, number: int, key: str) -> bytes | Section | None:
        record, at = divmod(number, self._record_size)
        table = self._table(field, record)
        if table is None or at >= table.num_rows:
            return None
        row = {name: table[name][at].as_py() for name in _COLUMNS if name in table.schema.names}
        raw, path = row.get("raw"), row.get("path")
        if raw is not None:
            return raw if isinstance(raw, bytes) else str(raw).encode()
        if path is None:
            return None
        start, length = row.get("offset") or 0, row.get("size") or 0
        if not isinstance(path, str) or type(start) is not int or type(length) is not int or min(start, length) < 0:
            raise MetadataError("a reference that is none", key=key, found=row)
        return Section(path, start, length) if length else Section(path)

    def _table(self, field: str, record: int) -> Any:
        with self._lock:
            if (field, record) in self._tables:
                self._tables.move_to_end((field, record))
                return self._tables[field, record]
        place = f"{self._below}{field}/refs.{record}.parq" if field else f"{self._below}refs.{record}.parq"
        try:
            ((_, parts),) = self._store.fetch([Want(place, most=MOST_TABLE)])
        except TooLarge as error:
            raise CorruptObjectError("a table too large to be one", key=place, found=error.size) from error
        table = None if parts is None else read_table(parts.buffers[0], place)
        with self._lock:
            self._tables[field, record] = table
            if len(self._tables) > KEPT_TABLES:
                self._tables.popitem(last=False)
        return table

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`. Reads the tables of all arrays below `prefix`."""
        yield from self._names.list(prefix)
        folder = folder_of(prefix)
        for key in self._metadata:
            field = key.removesuffix("/.zarray") if key != ".zarray" else ""
            if key.endswith(".zarray") and f"{field}/".startswith(folder) and all(map(is_data, field.split("/"))):
                below = f"{field}/" if field else ""
                yield from (below + name for name in self._chunks(field))

    def list_dir(self, prefix: str) -> Iterator[str]:
        """See `Store.list_dir`. Reads the tables of an array, not of what is below a group."""
        yield from self._names.list_dir(prefix)
        field = folder_of(prefix)[:-1]
        if (f"{field}/.zarray" if field else ".zarray") in self._metadata:
            yield from self._chunks(field)

    def _chunks(self, field: str) -> Iterator[str]:
        grid = self._grid(field)
        for record in self._records(field, prod(grid)):
            table = self._table(field, record)
            rows = 0 if table is None else min(table.num_rows, self._record_size)
            first = record * self._record_size
            for number in range(first, min(first + rows, prod(grid))):
                name = _name(number, grid)
                if self._row(field, number, name) is not None:
                    yield name

    def _records(self, field: str, chunks: int) -> Iterable[int]:
        """Return the numbers of the tables of an array: those that are there, or may be, where that isn't told."""
        count = -(-chunks // self._record_size)
        if self._store.can.list:
            found = map(_TABLE.fullmatch, self._store.list_dir(f"{self._below}{field}".rstrip("/")))
            return sorted({int(match[1]) for match in found if match and int(match[1]) < count})
        if count > MOST_TABLES:
            raise UnsupportedError(
                "too many tables of references to ask for each", key=field, found=count, expected=MOST_TABLES
            )
        return range(count)


def _name(number: int, grid: tuple[int, ...]) -> str:
    """Return the name of the chunk at place `number` in C order.

    Examples
    --------
    >>> _name(6, (3, 4)), _name(0, ())
    ('1.2', '0')
    """
    coords: list[str] = []
    for count in reversed(grid):
        number, at = divmod(number, count)
        coords.append(str(at))
    return ".".join(reversed(coords)) or "0"


def _number(name: str, grid: tuple[int, ...]) -> int | None:
    """Return the place of the chunk `name` in C order; None where it is no chunk of the grid.

    Examples
    --------
    >>> _number("1.2", (3, 4)), _number("1/2", (3, 4)), _number("0", ()), _number("3.0", (3, 4))
    (6, 6, 0, None)
    """
    words = name.replace("/", ".").split(".")
    if not grid:
        return 0 if words == ["0"] else None
    if len(words) != len(grid) or not all(word.isascii() and word.isdigit() and len(word) < 20 for word in words):
        return None
    coords = [int(word) for word in words]
    if any(at >= count for at, count in zip(coords, grid, strict=True)):
        return None
    return sum(at * prod(grid[axis + 1 :]) for axis, at in enumerate(coords))


def read_table(data: Buffer, place: str) -> Any:
    """Return the pyarrow table in `data`. Raises UnsupportedError without pyarrow, CorruptObjectError."""
    try:
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise UnsupportedError(
            "references in parquet need pyarrow", key=place, fix="pip install pyarrow, or use references in JSON"
        ) from error
    try:
        file = pq.ParquetFile(pa.BufferReader(bytes(data)))
        _check_table(file.metadata, place)
        columns = {column.path: column.physical_type for column in file.schema if column.path in _COLUMNS}
        # Texts stay in dictionaries: a long one that repeats takes its memory once.
        texts = [name for name, kind in columns.items() if kind == "BYTE_ARRAY"]
        return pq.ParquetFile(pa.BufferReader(bytes(data)), read_dictionary=texts).read(columns=list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptObjectError("no parquet file", key=place, found=str(error)) from error


def _check_table(metadata: Any, place: str) -> None:
    """Raise for a table that unpacks to more than tables have."""
    nbytes = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if metadata.num_rows > MOST_ROWS or nbytes > MOST_TABLE:
        raise CorruptObjectError(
            "a table too large to be one",
            key=place,
            found=f"{metadata.num_rows} rows, {nbytes} bytes",
            expected=f"at most {MOST_ROWS} rows, {MOST_TABLE} bytes",
        )

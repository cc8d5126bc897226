"""What is known of an array once its objects were listed.

Knows: the table that ``a.info()`` shows. Must not know: how objects are listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from dzarr.display.facts import ArrayFacts, StorageFacts
from dzarr.display.html import document
from dzarr.display.words import (
    access_words,
    cell_bytes,
    cells_words,
    codecs_words,
    counted,
    plain,
    shape_words,
    size_words,
)
from dzarr.format.grid import counts


@dataclass(frozen=True, repr=False)
class Info:
    """An array's facts with those of its storage, None where the store can't be listed.

    Examples
    --------
    >>> facts = ArrayFacts("sst", "memory://a", (8, 6), "uint8", (4, 6), None, (8, 6), (), "0", None, 3, 48, True,
    ...                    0, False)
    >>> print(Info(facts, StorageFacts(1, 2, 20, 1, 0)))
    dzarr.Array sst
      shape       (8, 6)
      dtype       uint8
      size        48 B
      chunks      4 x 6, 24 B, 2 chunks
      codecs      no codecs
      fill value  0
      attributes  0
      store       memory://a, zarr v3, writable
      stored      20 B, 41.7% of 48 B
      objects     1 of 2
      missing     1, read as the fill value
    """

    array: ArrayFacts
    storage: StorageFacts | None

    def __repr__(self) -> str:
        return info_text(self)

    def _repr_html_(self) -> str:
        return info_html(self)


def info_text(info: Info) -> str:
    """Return the table in plain text."""
    facts = info.array
    rows = [("shape", shape_words(facts.shape, facts.dimension_names))]
    if facts.is_view:
        rows.append(("view of", shape_words(facts.stored_shape, None)))
    rows += [("dtype", plain(facts.dtype, 80))]
    rows += [("size", size_words(facts.nbytes))] if facts.nbytes is not None else []
    rows += [("chunks", _cells(facts, sharded=False))]
    rows += [("shards", _cells(facts, sharded=True))] if facts.shards is not None else []
    rows += [
        ("codecs", codecs_words(facts.codecs)),
        ("fill value", plain(facts.fill_value, 80)),
        ("attributes", f"{facts.attributes:,}"),
        ("store", f"{plain(facts.place)}, zarr v{facts.zarr_format}, {access_words(facts.writable)}"),
        *_storage_rows(info),
    ]
    head = " ".join(word for word in ("dzarr.Array", plain(facts.name)) if word)
    return "\n".join([head, *(f"  {title:<10}  {words}" for title, words in rows)])


def info_html(info: Info) -> str:
    """Return the table for a notebook, with the drawing."""
    return document(info.array, _storage_rows(info))


def _cells(facts: ArrayFacts, *, sharded: bool) -> str:
    cells = facts.objects if sharded else facts.chunks
    grid = facts.object_grid if sharded else facts.chunk_grid
    nbytes = cell_bytes(grid, facts)
    words = [cells_words(cells), "" if nbytes is None else size_words(nbytes)]
    words.append("" if grid is None else counted(prod(counts(grid)), "shard" if sharded else "chunk"))
    return ", ".join(word for word in words if word)


def _storage_rows(info: Info) -> list[tuple[str, str]]:
    storage = info.storage
    if storage is None:
        return [("stored", "unknown: the store can't be listed")]
    rows = [
        ("stored", f"{size_words(storage.bytes_stored)}{_share(info.array, storage)}"),
        ("objects", f"{storage.objects_stored:,} of {storage.objects_expected:,}"),
    ]
    if storage.missing:
        rows.append(("missing", f"{storage.missing:,}, read as the fill value"))
    if storage.leftovers:
        rows.append(("leftovers", f"{storage.leftovers:,}, of interrupted writers"))
    return rows


def _share(facts: ArrayFacts, storage: StorageFacts) -> str:
    """Return how much of the array's size in memory is stored."""
    whole = facts.stored_nbytes
    return f", {storage.bytes_stored / whole:.1%} of {size_words(whole)}" if whole else ""

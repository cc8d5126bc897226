"""Arrays and groups in a terminal.

Knows: which facts a repr has, and in what order. Must not know: HTML, drawings.

    <dzarr.Array temperature (time: 240, y: 37, x: 49) float32, 1.66 MiB
     chunks 24 x 37 x 49 in shards 120 x 37 x 49, zstd(level=1), zarr v3, file:///data/x.zarr, read-only>
"""

from __future__ import annotations

from dzarr.display.facts import ArrayFacts, GroupFacts
from dzarr.display.words import access_words, cells_words, codecs_words, counted, plain, shape_words, size_words


def array_text(facts: ArrayFacts) -> str:
    """Return the repr of an array: two lines, the first says what it is, the second how it is stored.

    Examples
    --------
    >>> print(array_text(ArrayFacts("sst", "memory://a", (8, 6), "uint8", (4, 6), None, (8, 6), ("zstd(level=1)",),
    ...                             "0", ("y", "x"), 3, 48, True, 0, False)))
    <dzarr.Array sst (y: 8, x: 6) uint8, 48 B
     chunks 4 x 6, zstd(level=1), zarr v3, memory://a, writable>
    """
    words = ["<dzarr.Array", "view" if facts.is_view else "", "of" if facts.is_view and facts.name else ""]
    first = " ".join(word for word in (*words, plain(facts.name), values_words(facts)) if word)
    stored = f"of {shape_words(facts.stored_shape, None)} in " if facts.is_view else ""
    return f"{first}\n {stored}{storage_words(facts)}, {_end_words(facts.place, facts.writable)}"


def array_line(facts: ArrayFacts) -> str:
    """Return an array in one line, under the last part of its path.

    Examples
    --------
    >>> array_line(ArrayFacts("sea/sst", "memory://a", (8, 6), "uint8", (4, 6), None, (8, 6), (), "0", None, 3, 48,
    ...                       True, 0, False))
    'sst (8, 6) uint8, 48 B'
    """
    return f"{plain(facts.name.rpartition('/')[2]) or '/'} {values_words(facts)}"


def group_text(facts: GroupFacts) -> str:
    """Return the repr of a group.

    Examples
    --------
    >>> print(group_text(GroupFacts("sea", "memory://a", 3, 2, 0, 1, True)))
    <dzarr.Group sea: 2 arrays, 0 groups, 1 attribute
     zarr v3, memory://a, writable>
    """
    head = " ".join(word for word in ("<dzarr.Group", plain(facts.name)) if word)
    members = ((facts.arrays, "array"), (facts.groups, "group"), (facts.attributes, "attribute"))
    inside = ", ".join(counted(count, noun) for count, noun in members if count is not None)
    return f"{head}: {inside}\n zarr v{facts.zarr_format}, {_end_words(facts.place, facts.writable)}"


def values_words(facts: ArrayFacts) -> str:
    """Return what an array's values are: shape, dtype, size where it is known."""
    words = f"{shape_words(facts.shape, facts.dimension_names)} {plain(facts.dtype, 80)}"
    return words if facts.nbytes is None else f"{words}, {size_words(facts.nbytes)}"


def storage_words(facts: ArrayFacts) -> str:
    """Return how an array is stored: chunks, shards, codecs, format."""
    shards = "" if facts.shards is None else f" in shards {cells_words(facts.shards)}"
    return f"chunks {cells_words(facts.chunks)}{shards}, {codecs_words(facts.codecs)}, zarr v{facts.zarr_format}"


def _end_words(place: str, writable: bool) -> str:
    return ", ".join(words for words in (plain(place), access_words(writable)) if words) + ">"

"""How a single fact reads: sizes, shapes, cells, names.

Knows: wording, lengths, and which characters are safe to print. Must not know: which facts belong together.

Names come from documents that anybody may have written. ``plain`` makes them printable (no newline, no
terminal escape, no character that turns the text around), ``cut`` bounds their length.
"""

from __future__ import annotations

from math import prod

from dzarr.display.facts import ArrayFacts, Cells
from dzarr.format.grid import ExplicitAxis, Grid

MOST_AXES = 12
MOST_LENGTHS = 4
MOST_CODECS = 8

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def plain(text: str, most: int = 200) -> str:
    r"""Return `text` in printable characters, at most `most` of them, the middle left out.

    Examples
    --------
    >>> plain("a\nb\x1b[31m")
    'a\\nb\\x1b[31m'
    >>> plain("temperature", 7)
    'tem...e'
    """
    if len(text) > most:  # before the escapes, so that a long text costs little
        text = text[:most] + text[-most:]
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    if len(printable) <= most:
        return printable
    tail = max(0, most - 3) // 4
    return printable[: max(0, most - 3 - tail)] + "..." + (printable[-tail:] if tail else "")


def size_words(nbytes: int) -> str:
    """Return a number of bytes in three figures and a binary unit.

    Examples
    --------
    >>> size_words(1740480), size_words(64 << 20), size_words(999), size_words(1048575)
    ('1.66 MiB', '64 MiB', '999 B', '1 MiB')
    """
    power = 0
    while power < len(_UNITS) - 1 and nbytes >= 1024 ** (power + 1):
        power += 1
    if power == 0:
        return f"{nbytes} B"
    value = nbytes / 1024**power
    if round(value) == 1024 and power < len(_UNITS) - 1:
        value, power = 1.0, power + 1
    number = f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {_UNITS[power]}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "object"), counted(12500, "object")
    ('1 object', '12,500 objects')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shape_words(sizes: tuple[int, ...], names: tuple[str | None, ...] | None) -> str:
    """Return a shape as Python writes it, with the names of its dimensions where there are any.

    Examples
    --------
    >>> shape_words((240, 37), ("time", None)), shape_words((5,), None), shape_words((), None)
    ('(time: 240, 37)', '(5,)', '()')
    """
    named = names if names is not None and len(names) == len(sizes) else (None,) * len(sizes)
    words = [str(n) if name is None else f"{plain(name, 40)}: {n}" for n, name in zip(sizes, named, strict=True)]
    inside = ", ".join(_ends(words, MOST_AXES))
    return f"({inside},)" if len(words) == 1 and named[0] is None else f"({inside})"


def cells_words(cells: Cells, times: str = " x ") -> str:
    """Return the shape of chunks or shards; explicit lengths stand in parentheses.

    Examples
    --------
    >>> cells_words((24, (20, 17))), cells_words(()), cells_words(((5, 5, 5, 5, 2),))
    ('24 x (20, 17)', 'scalar', '(5, 5, ... 2; 5 lengths)')
    """
    words = [_lengths(cell) if isinstance(cell, tuple) else str(cell) for cell in cells]
    return times.join(_ends(words, MOST_AXES)) or "scalar"


def codecs_words(codecs: tuple[str, ...]) -> str:
    """Return the codecs in the order in which they encode.

    Examples
    --------
    >>> codecs_words(("bytes", "zstd(level=1)")), codecs_words(())
    ('bytes | zstd(level=1)', 'no codecs')
    """
    return " | ".join(_ends([plain(codec, 80) for codec in codecs], MOST_CODECS)) or "no codecs"


def access_words(writable: bool) -> str:
    """Return what may be done with a node."""
    return "writable" if writable else "read-only"


def cell_bytes(grid: Grid | None, facts: ArrayFacts) -> int | None:
    """Return the decoded bytes of a cell of `grid`, padding included; None where cells differ or it can't be told."""
    if grid is None or facts.itemsize is None or any(isinstance(axis, ExplicitAxis) for axis in grid):
        return None
    return facts.itemsize * prod(axis.length(0) for axis in grid)


def _lengths(lengths: tuple[int, ...]) -> str:
    if len(lengths) <= MOST_LENGTHS:
        return "(" + ", ".join(map(str, lengths)) + ")"
    return f"({lengths[0]}, {lengths[1]}, ... {lengths[-1]}; {len(lengths):,} lengths)"


def _ends(words: list[str], most: int) -> list[str]:
    if len(words) <= most:
        return words
    return [*words[: most - 3], f"... {len(words) - most + 1} more ...", *words[-2:]]

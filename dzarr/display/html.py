"""Arrays and groups in a notebook.

Knows: the tables of facts, and the one style sheet. Must not know: how text or drawings are made.

Every text from outside goes through ``plain`` (bounded, printable) and then ``escape``. The markup is XML as
well as HTML, fetches nothing, runs nothing, and still reads where the style sheet is stripped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import prod

from dzarr.display.drawing import axis_texts, drawing, left_out
from dzarr.display.facts import ArrayFacts, Cells, GroupFacts, inner_count
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

Row = tuple[str, ...]

STYLE = (
    "<style>"
    ".dzarr{font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);color:inherit;margin:4px 0}"
    ".dzarr-head{padding-bottom:4px;margin-bottom:8px;border-bottom:1px solid var(--dzarr-line,rgba(128,128,128,.4))}"
    ".dzarr-kind,.dzarr th,.dzarr-note{opacity:.68}"
    ".dzarr code{font:12px/1.5 var(--jp-code-font-family,ui-monospace,monospace);"
    "background:none;color:inherit;padding:0}"
    ".dzarr-body{display:flex;flex-wrap:wrap;gap:12px 36px;align-items:flex-start}"
    ".dzarr table{border-collapse:collapse;margin:0 0 8px;font-size:inherit;color:inherit}"
    ".dzarr tr{background:none!important}"
    ".dzarr th,.dzarr td{text-align:left;font-weight:400;padding:1px 18px 1px 0;border:0;vertical-align:top;"
    "max-width:30em;overflow-wrap:anywhere;white-space:normal}"
    ".dzarr thead th{font-weight:600}"
    ".dzarr-note{font-size:12px;max-width:32em;margin-top:4px}"
    ".dzarr-drawing{max-width:100%;height:auto;overflow:visible}"
    ".dzarr-fill{fill:var(--dzarr-accent,#e8792b)}"
    ".dzarr-accent{stroke:var(--dzarr-accent,#e8792b)}"
    ".dzarr ul{list-style:none;margin:0;padding:0 0 0 1.2em}"
    ".dzarr summary{cursor:pointer}"
    "</style>"
)


def array_html(facts: ArrayFacts) -> str:
    """Return the notebook repr of an array: its facts beside a drawing of its grids; under 20 kB.

    Examples
    --------
    >>> facts = ArrayFacts("<b>", "memory://a", (8, 6), "uint8", (4, 6), None, (8, 6), (), "0", None, 3, 48, True,
    ...                    0, False)
    >>> "&lt;b&gt;" in array_html(facts), "<b>" in array_html(facts)
    (True, False)
    """
    return document(facts, ())


def document(facts: ArrayFacts, more: Iterable[Row]) -> str:
    """Return an array with further rows of facts."""
    rows: list[Row] = [
        ("dtype", plain(facts.dtype, 80)),
        ("codecs", codecs_words(facts.codecs)),
        ("fill value", plain(facts.fill_value, 80)),
        *more,
        ("attributes", f"{facts.attributes:,}"),
        ("store", f"{plain(facts.place)}, zarr v{facts.zarr_format}, {access_words(facts.writable)}"),
    ]
    kind = "dzarr.Array, a view" if facts.is_view else "dzarr.Array"
    head = f"{_head(kind, facts.name)} <code>{escape(shape_words(facts.shape, facts.dimension_names))}</code>"
    return page(head, _table(_grid_rows(facts), titled=True) + _table(rows), _figure(facts))


def group_html(facts: GroupFacts) -> str:
    """Return the notebook repr of a group.

    Examples
    --------
    >>> "<td>12</td>" in group_html(GroupFacts("sea", "memory://a", 3, 12, 0, 1, True))
    True
    """
    members = (("arrays", facts.arrays), ("groups", facts.groups), ("attributes", facts.attributes))
    rows: list[Row] = [(noun, f"{count:,}") for noun, count in members if count is not None]
    rows.append(("store", f"{plain(facts.place)}, zarr v{facts.zarr_format}, {access_words(facts.writable)}"))
    return page(_head("dzarr.Group", facts.name), _table(rows))


def page(head: str, *columns: str) -> str:
    """Return a whole repr: a head line, and columns that stand side by side where there is room."""
    body = "".join(f"<div>{column}</div>" for column in columns if column)
    return f'<div class="dzarr">{STYLE}<div class="dzarr-head">{head}</div><div class="dzarr-body">{body}</div></div>'


def _head(kind: str, name: str) -> str:
    return f'<span class="dzarr-kind">{kind}</span> <strong>{escape(plain(name) or "/")}</strong>'


def _table(rows: Sequence[Row], titled: bool = False) -> str:
    """Return rows whose first cell is a heading; where `titled`, the first row holds the titles."""
    head = ""
    if titled:
        titles = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
        head, rows = f"<thead><tr>{titles}</tr></thead>", rows[1:]
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f"<table>{head}<tbody>{body}</tbody></table>"


def _grid_rows(facts: ArrayFacts) -> list[Row]:
    """Return array, shards and chunks side by side: shape, bytes, count."""
    columns: list[Row] = [("", "shape", "bytes", "count")]
    if facts.is_view:
        columns.append(("view", _times(facts.shape), "" if facts.nbytes is None else size_words(facts.nbytes), ""))
    stored = facts.stored_nbytes
    columns.append(("array", _times(facts.stored_shape), "" if stored is None else size_words(stored), ""))
    for title, cells, grid in (("shard", facts.shards, facts.object_grid), ("chunk", facts.chunks, facts.chunk_grid)):
        if cells is not None:
            nbytes = cell_bytes(grid, facts)
            count = "" if grid is None else f"{prod(counts(grid)):,}"
            columns.append((title, _times(cells), "" if nbytes is None else size_words(nbytes), count))
    return [tuple(cells) for cells in zip(*columns, strict=True)]


def _times(cells: Cells) -> str:
    return cells_words(cells, " \N{MULTIPLICATION SIGN} ")


def _figure(facts: ArrayFacts) -> str:
    svg = drawing(facts)
    notes = [escape(note) for note in _notes(facts)]
    return svg + (f'<div class="dzarr-note">{"<br/>".join(notes)}</div>' if svg and notes else "")


def _notes(facts: ArrayFacts) -> list[str]:
    """Return what the drawing can't say by itself."""
    notes = ["the stored array, of which the view is a part"] if facts.is_view else []
    objects, chunks = facts.object_grid, facts.chunk_grid
    if objects and chunks and 0 not in facts.stored_shape:
        inside = "" if facts.shards is None else f", holding {counted(inner_count(objects, chunks), 'chunk')}"
        notes.append(f"in colour: one of {counted(prod(counts(objects)), 'object')}{inside}")
    if len(facts.stored_shape) > 3:
        stacked = axis_texts(facts)[:-3]
        notes.append(plain(f"the last three axes; stacked: {', '.join(stacked)}", 160))
    if left_out(facts):
        notes.append("dotted: not every line is drawn")
    return notes

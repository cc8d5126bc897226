"""The object grid and the chunk grid of an array, drawn.

Knows: which parts a drawing has. Must not know: the page around it, how an axis is measured (scale.py),
projected (box.py) or inked (ink.py).

Strong lines are objects, fine ones the chunks inside the first object, which has the accent; dotted lines
run through what was left out; brackets behind say that there are more axes than three.
"""

from __future__ import annotations

from dzarr.display.box import BACK, STRIP, Face, Point, faces, measure
from dzarr.display.facts import ArrayFacts
from dzarr.display.ink import Label, fill, page, path, stroke
from dzarr.display.scale import Ruler
from dzarr.display.words import plain, shape_words

SHEET = 6.0
EMPTY = (150.0, 60.0)


def drawing(facts: ArrayFacts) -> str:
    """Return the SVG of the stored array's grids; "" where the cells don't fit the shape.

    Of more than three axes the last three are drawn.

    Examples
    --------
    >>> facts = ArrayFacts("sst", "memory://a", (8, 6), "uint8", (4, 6), None, (8, 6), (), "0", None, 3, 48,
    ...                    True, 0, False)
    >>> drawing(facts)[:27]
    '<svg class="dzarr-drawing" '
    """
    title = f"grid of an array of shape {shape_words(facts.stored_shape, None)}"
    if not facts.stored_shape:
        return _nothing("one element", (STRIP[1], STRIP[1]), title, first=True)
    if 0 in facts.stored_shape:
        return _nothing("no elements", EMPTY, title)
    measured = _measured(facts)
    if measured is None:
        return ""
    sheets = _sheets(measured) if len(facts.stored_shape) > 3 else []
    shift = SHEET * len(sheets)
    seen = faces(measured)
    corners = [point for face in seen for point in face.outline((0, face.u.length), (0, face.v.length))]
    parts = [stroke("far", [path(sheet) for sheet in sheets]), *_painted(seen)]
    labels = _labels(measured, axis_texts(facts)[-3:], shift)
    return page(parts, labels, [*corners, *(point for sheet in sheets for point in sheet)], title)


def axis_texts(facts: ArrayFacts) -> list[str]:
    """Return what stands at each axis of the stored array: its name, if it has one, and its size.

    A view may have lost axes or have new ones, so its names are left out.

    Examples
    --------
    >>> axis_texts(ArrayFacts("a", "", (8000, 6), "u1", (4, 6), None, (8000, 6), (), "0", ("y", None), 3, 48000,
    ...                       True, 0, False))
    ['y: 8,000', '6']
    """
    names = facts.dimension_names
    if names is None or facts.is_view or len(names) != len(facts.stored_shape):
        names = (None,) * len(facts.stored_shape)
    sizes = zip(facts.stored_shape, names, strict=True)
    return [f"{size:,}" if name is None else f"{plain(name, 20)}: {size:,}" for size, name in sizes]


def left_out(facts: ArrayFacts) -> bool:
    """Return whether the drawing of an array leaves lines out."""
    measured = None if 0 in facts.stored_shape else _measured(facts)
    return measured is not None and any(axis.gap is not None or axis.sampled for axis in measured)


def _measured(facts: ArrayFacts) -> tuple[Ruler, ...] | None:
    objects, chunks = facts.object_grid, facts.chunk_grid
    return measure(objects[-3:], chunks[-3:]) if objects and chunks else None


def _painted(seen: tuple[Face, ...]) -> list[str]:
    """Return areas first, then lines from the weakest to the strongest."""
    kinds: dict[str, list[str]] = {"gap": [], "line": [], "edge": [], "fine": [], "sample": []}
    for face in seen:
        for kind, start, stop in face.strokes():
            kinds[kind].append(path([start, stop]))
    shades = [fill("".join(path(part, closed=True) for part in face.parts), face.shade) for face in seen]
    accents = [fill(path(face.first, closed=True), 0.16 + 1.6 * face.shade, accent=True) for face in seen]
    lines = [stroke(kind, data) for kind, data in kinds.items()]
    return [*shades, *accents, *lines, stroke("first", [path(face.first, closed=True) for face in seen])]


def _labels(measured: tuple[Ruler, ...], texts: list[str], shift: float) -> list[Label]:
    """Return the texts: the last axis below, the one before it on the right, the depth at its lower edge."""
    width = measured[-1].length
    height = STRIP[1] if len(measured) == 1 else measured[-2].length
    labels = [Label(texts[-1], (width / 2 + shift / 2, height + 17 + shift), "middle")]
    if len(measured) > 1:
        labels.append(Label(texts[-2], (width + 9 + shift, height / 2 + 4 + shift / 2), "start"))
    if len(measured) > 2:
        half = measured[0].length / 2
        labels.append(Label(texts[0], (half * BACK[0] - 5, height + half * BACK[1] + 15), "end"))
    return labels


def _sheets(measured: tuple[Ruler, ...]) -> list[list[Point]]:
    """Return the near corners of two more boxes behind this one."""
    width, height = measured[-1].length, measured[-2].length
    return [[(off, height + off), (width + off, height + off), (width + off, off)] for off in (SHEET, 2 * SHEET)]


def _nothing(text: str, sides: Point, title: str, *, first: bool = False) -> str:
    """Return a box without a grid: of one element (`first`) or of none."""
    width, height = sides
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    box = path(corners, closed=True)
    parts = [fill(box, 0.3, accent=True), stroke("first", [box])] if first else [stroke("none", [box])]
    at, anchor = ((width + 9, height / 2 + 4), "start") if first else ((width / 2, height / 2 + 4), "middle")
    return page(parts, [Label(text, at, anchor)], corners, title)

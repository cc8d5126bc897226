"""SVG, character by character.

Knows: paths, colours, the estimated width of a text. Must not know: arrays.

Colours are the text's own (``currentColor``), so that light and dark pages both work; the one accent may be
changed with the CSS variable ``--dzarr-accent``. Nothing is fetched, nothing runs, nothing has an id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias
from unicodedata import east_asian_width

Point: TypeAlias = tuple[float, float]

ACCENT = "#e8792b"
MARGIN = 3.0
LETTER = 6.8
_SHARE = {"start": 0.0, "middle": 0.5, "end": 1.0}

_COLOUR = f'class="dzarr-accent" stroke="{ACCENT}"'
STROKES = {
    "gap": 'stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-dasharray=".1 4"',
    "line": 'stroke="currentColor" stroke-opacity=".55"',
    "edge": 'stroke="currentColor" stroke-opacity=".9" stroke-width="1.3" stroke-linecap="round"',
    "fine": f'{_COLOUR} stroke-width=".75"',
    "sample": f'{_COLOUR} stroke-width=".75" stroke-dasharray="1.5 1.5"',
    "first": f'{_COLOUR} stroke-width="1.5" stroke-linejoin="round"',
    "far": 'stroke="currentColor" stroke-opacity=".3"',
    "none": 'stroke="currentColor" stroke-opacity=".6" stroke-dasharray="4 3"',
}


@dataclass(frozen=True)
class Label:
    """A text whose `anchor` ("start", "middle", "end") lies at `at`."""

    text: str
    at: Point
    anchor: str

    @property
    def box(self) -> tuple[Point, Point]:
        """Two opposite corners, estimated: nothing here can measure a font."""
        width = LETTER * sum(2 if east_asian_width(letter) in "WF" else 1 for letter in self.text)
        left = self.at[0] - _SHARE[self.anchor] * width
        return (left, self.at[1] - 11), (left + width, self.at[1] + 4)

    def __str__(self) -> str:
        x, y = self.at
        anchor = "" if self.anchor == "start" else f' text-anchor="{self.anchor}"'
        return f'<text x="{_number(x)}" y="{_number(y)}"{anchor}>{escape(self.text)}</text>'


def path(points: Sequence[Point], closed: bool = False) -> str:
    """Return path data through `points`.

    Examples
    --------
    >>> path([(0, 0), (10.04, -2.5)])
    'M0 0L10 -2.5'
    """
    return "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points) + ("Z" if closed else "")


def stroke(kind: str, data: Iterable[str]) -> str:
    """Return lines of one kind as one element; a line that is there twice is drawn once."""
    inked = "".join(dict.fromkeys(data))
    return f'<path d="{inked}" fill="none" {STROKES[kind]}/>' if inked else ""


def fill(data: str, opacity: float, accent: bool = False) -> str:
    """Return an area, in the text's colour or in the accent."""
    paint = f'class="dzarr-fill" fill="{ACCENT}"' if accent else 'fill="currentColor"'
    return f'<path d="{data}" {paint} fill-opacity="{opacity:.2f}"/>' if data else ""


def page(parts: Iterable[str], labels: Sequence[Label], points: Iterable[Point], title: str) -> str:
    """Return the whole SVG, as large as `points` and `labels` need.

    Examples
    --------
    >>> page([], [], [(0, 0), (10, 10)], "nothing").endswith("</svg>")
    True
    """
    corners = [*points, *(corner for label in labels for corner in label.box)]
    left, top = (min(axis) - MARGIN for axis in zip(*corners, strict=True))
    right, bottom = (max(axis) + MARGIN for axis in zip(*corners, strict=True))
    width, height = _number(right - left), _number(bottom - top)
    return (
        f'<svg class="dzarr-drawing" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}" '
        f'width="{width}" height="{height}" viewBox="{_number(left)} {_number(top)} {width} {height}" '
        f'fill="currentColor" font-family="system-ui,sans-serif" font-size="12">'
        f"{''.join(parts)}{''.join(map(str, labels))}</svg>"
    )


def _number(value: float) -> str:
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")

"""The faces of an array's box: rulers put into the plane.

Knows: projection. Must not know: SVG, colours, facts.

Three axes make a box seen from the corner where all indices are 0, so that the first object shows three of
its faces; two axes make one face of it, one axis a strip:

    ┌ ─ ─ ─ ─ ─ ─ ─ ┐
      ╲               ╲         axis 0 goes away from you, up and to the left
    │   ┌──┬──────────┐
      ╲ ├──┼──────────┤         axis 1 down
    └ ─ └──┴──────────┘         axis 2 to the right
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, radians, sin
from typing import TypeAlias

from dzarr.display.scale import Ruler, bare, ruler
from dzarr.format.grid import Grid

Point: TypeAlias = tuple[float, float]

STRIP = (300.0, 34.0)
LONGEST = {2: 200.0, 3: 160.0}
SHORTEST = 44.0
DEPTH = (40.0, 90.0)
FORESHORTENED = 0.6

RIGHT: Point = (1.0, 0.0)
DOWN: Point = (0.0, 1.0)
BACK: Point = (-cos(radians(36)), -sin(radians(36)))


@dataclass(frozen=True)
class Face:
    """A parallelogram with a corner at the origin: ruler `u` runs along `across`, ruler `v` along `down`.

    ``shade`` is how dark it is, from 0 to 1.
    """

    across: Point
    u: Ruler
    down: Point
    v: Ruler
    shade: float

    def at(self, a: float, b: float) -> Point:
        """Return the point at `a` on `u` and `b` on `v`."""
        return a * self.across[0] + b * self.down[0], a * self.across[1] + b * self.down[1]

    def outline(self, a: tuple[float, float], b: tuple[float, float]) -> tuple[Point, ...]:
        """Return the four corners of the part from `a[0]` to `a[1]` on `u` and `b[0]` to `b[1]` on `v`."""
        return self.at(a[0], b[0]), self.at(a[1], b[0]), self.at(a[1], b[1]), self.at(a[0], b[1])

    @property
    def first(self) -> tuple[Point, ...]:
        """The corners of the first object."""
        return self.outline((0, self.u.first), (0, self.v.first))

    @property
    def parts(self) -> tuple[tuple[Point, ...], ...]:
        """The corners of each part between the gaps."""
        full = [[(start, stop) for start, stop, whole in side.spans if whole] for side in (self.u, self.v)]
        return tuple(self.outline(a, b) for a in full[0] for b in full[1])

    def strokes(self) -> Iterator[tuple[str, Point, Point]]:
        """Yield each line to draw: its kind ("edge", "line", "gap", "fine", "sample"), from, to.

        A line is cut where it crosses a gap; chunk edges stay inside the first object.
        """
        for side, other, at in ((self.u, self.v, self.at), (self.v, self.u, lambda b, a: self.at(a, b))):
            for place in side.lines:
                kind = "edge" if place in (0, side.length) else "line"
                for start, stop, whole in other.spans:
                    yield kind if whole else "gap", at(place, start), at(place, stop)
            for place in side.fine:
                yield "sample" if side.sampled else "fine", at(place, 0), at(place, other.first)


def measure(objects: Grid, chunks: Grid) -> tuple[Ruler, ...]:
    """Return rulers for one to three axes with elements: to scale, but no side too short to be read.

    Examples
    --------
    >>> from dzarr.format.grid import regular
    >>> [axis.length for axis in measure(regular((50, 100), (10, 10)), regular((50, 100), (5, 5)))]
    [100.0, 200.0]
    """
    sizes = [axis.size for axis in objects]
    lengths = [STRIP[0]]
    if len(sizes) > 1:
        longest = LONGEST[len(sizes)]
        widest = max(sizes[-2:])
        lengths = [max(size / widest * longest, SHORTEST) for size in sizes[-2:]]
        if len(sizes) == 3:
            lengths.insert(0, max(DEPTH[0], min(sizes[0] / widest * longest * FORESHORTENED, DEPTH[1])))
    return tuple(ruler(*axis) for axis in zip(objects, chunks, lengths, strict=True))


def faces(measured: tuple[Ruler, ...]) -> tuple[Face, ...]:
    """Return what is seen of one to three axes, the front last."""
    if len(measured) == 1:
        return (Face(RIGHT, measured[0], DOWN, bare(STRIP[1]), 0.08),)
    front = Face(RIGHT, measured[-1], DOWN, measured[-2], 0.08)
    if len(measured) == 2:
        return (front,)
    z, y, x = measured
    return Face(RIGHT, x, BACK, z, 0.03), Face(BACK, z, DOWN, y, 0.16), front

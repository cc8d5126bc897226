"""Reprs: what they say, that they are well formed and small, and that hostile names stay text."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from html.parser import HTMLParser
from math import prod
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.display import (
    ArrayFacts,
    GroupFacts,
    Info,
    StorageFacts,
    TreeNode,
    array_html,
    array_line,
    array_text,
    drawing,
    group_html,
    group_text,
    info_html,
    info_text,
    tree_html,
    tree_text,
)
from dzarr.display.box import faces, measure
from dzarr.display.facts import grid_of
from dzarr.display.scale import MOST_CELLS, ruler
from dzarr.display.words import plain, size_words
from dzarr.format.grid import ExplicitAxis, RegularAxis, regular

SMALL = 20_000
HOSTILE = "<script>alert('x')</script>\"&\x00\x1b[31m\u202e\n]]>"


def facts(shape: tuple[int, ...] = (240, 37, 49), **changes: Any) -> ArrayFacts:
    start = ArrayFacts(
        name="temperature",
        place="file:///data/x.zarr",
        shape=shape,
        dtype="float32",
        chunks=tuple(min(24, max(n, 1)) for n in shape),
        shards=None,
        stored_shape=shape,
        codecs=("zstd(level=1)",),
        fill_value="0.0",
        dimension_names=None,
        zarr_format=3,
        nbytes=4 * prod(shape),
        writable=False,
        attributes=2,
        is_view=False,
    )
    return replace(start, **changes)


CLIMATE = facts(chunks=(24, 37, 49), shards=(120, 37, 49), dimension_names=("time", "y", "x"))


def xml(markup: str) -> ET.Element:
    """Return markup parsed as XML, which it must be, too."""
    return ET.fromstring(markup)  # noqa: S314  (it is our own)


def times(*sizes: int) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(map(str, sizes))


class Markup(HTMLParser):
    """Collects tags, attributes and text, and insists that every tag is closed in its place."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append(tag)
        self.attributes += attrs

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def check(html: str, most: int = SMALL) -> Markup:
    """Return the parsed markup of a repr: XML and HTML alike, bounded, with nothing that runs or is fetched."""
    assert len(html.encode()) < most
    xml(html)
    markup = Markup(html)
    assert set(markup.tags) <= set(
        "div style span strong code table thead tbody tr th td br svg path text ul li details summary".split()
    )
    names = {name for name, _ in markup.attributes}
    assert not any(name.startswith("on") or name in {"href", "src", "id"} for name in names)
    assert "url(" not in html
    assert "@import" not in html
    return markup


# ------------------------------------------------------------------------------------------------ text


def test_the_repr_of_an_array():
    assert array_text(CLIMATE) == (
        "<dzarr.Array temperature (time: 240, y: 37, x: 49) float32, 1.66 MiB\n"
        " chunks 24 x 37 x 49 in shards 120 x 37 x 49, zstd(level=1), zarr v3, file:///data/x.zarr, read-only>"
    )


def test_the_repr_of_a_root_array_has_no_name():
    assert array_text(facts((5,), name="", writable=True)).startswith("<dzarr.Array (5,) float32, 20 B\n chunks 5, ")
    assert array_line(facts((5,), name="")) == "/ (5,) float32, 20 B"


def test_the_repr_of_a_scalar():
    assert "temperature () float32, 4 B\n chunks scalar," in array_text(facts(()))


def test_the_repr_of_a_view_says_what_it_is_of():
    text = array_text(replace(CLIMATE, shape=(10, 49), dimension_names=("time", "x"), nbytes=1960, is_view=True))
    assert text.startswith("<dzarr.Array view of temperature (time: 10, x: 49) float32, 1.91 KiB\n")
    assert " of (240, 37, 49) in chunks 24 x 37 x 49 in shards 120 x 37 x 49," in text
    assert array_text(facts((5,), name="", is_view=True)).startswith("<dzarr.Array view (5,)")


def test_explicit_lengths_are_shortened():
    many = facts((50, 9), chunks=((10,) * 5, (4, 5)))
    assert "chunks (10, 10, ... 10; 5 lengths) x (4, 5)," in array_text(many)


def test_the_repr_of_a_group():
    group = GroupFacts("sea", "memory://a", 2, 1, 3, 0, True)
    assert group_text(group) == "<dzarr.Group sea: 1 array, 3 groups, 0 attributes\n zarr v2, memory://a, writable>"
    unlisted = replace(group, name="", arrays=None, groups=None)
    assert group_text(unlisted).startswith("<dzarr.Group: 0 attributes\n")


@pytest.mark.parametrize(
    ("nbytes", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1 MiB"),
        (10 * 1024 + 100, "10.1 KiB"),
        (100 << 30, "100 GiB"),
        (10**27, "827 YiB"),
        (10**30, "827181 YiB"),
    ],
)
def test_sizes(nbytes, words):
    assert size_words(nbytes) == words


def test_text_has_nothing_that_a_terminal_obeys():
    named = facts((3,), name=HOSTILE, dtype=HOSTILE, codecs=(HOSTILE,), dimension_names=(HOSTILE,), place=HOSTILE)
    for text in (array_text(named), info_text(Info(named, None)), tree_text(TreeNode(HOSTILE, named, ()))):
        assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert array_text(named).count("\n") == 1
    assert array_line(named).count("\n") == 0


@given(st.text(), st.integers(4, 40))
def test_plain_text_is_printable_and_bounded(text, most):
    assert plain(text, most).isprintable()
    assert len(plain(text, most)) <= most


# ------------------------------------------------------------------------------------------------ html


def test_the_html_of_an_array_shows_its_facts():
    text = check(array_html(CLIMATE)).text
    for words in (
        "temperature",
        times(240, 37, 49),
        times(120, 37, 49),
        times(24, 37, 49),
        "1.66 MiB",
        "850 KiB",
        "170 KiB",
    ):
        assert words in text
    for words in ("float32", "zstd(level=1)", "0.0", "zarr v3", "read-only", "file:///data/x.zarr", "time: 240"):
        assert words in text
    assert "one of 2 objects, holding 5 chunks" in text


def test_a_view_shows_the_stored_grids():
    text = check(array_html(replace(CLIMATE, shape=(10, 49), nbytes=1960, is_view=True, dimension_names=None))).text
    assert times(10, 49) in text
    assert times(240, 37, 49) in text
    assert "1.66 MiB" in text
    assert "of which the view is a part" in text


def test_an_empty_array_still_tells_the_size_of_its_chunks():
    text = check(array_html(facts((0, 64), chunks=(256, 64), shards=(1024, 64)))).text
    assert "64 KiB" in text
    assert "256 KiB" in text
    assert "no elements" in text


@pytest.mark.parametrize("field", ["name", "place", "dtype", "fill_value"])
def test_hostile_texts_stay_text(field):
    html = array_html(facts((3, 4), **{field: HOSTILE}))
    assert "<script" not in html
    assert "<script>alert('x')</script>" in check(html).text


def test_hostile_dimension_and_codec_names_stay_text():
    array = facts((3, 4, 5, 6), dimension_names=(HOSTILE,) * 4, codecs=(HOSTILE,))
    for html in (array_html(array), info_html(Info(array, None)), tree_html(TreeNode(HOSTILE, array, ()))):
        assert "<script" not in html
        check(html)
    assert "script" not in check(group_html(GroupFacts(HOSTILE, HOSTILE, 3, 1, 1, 1, True))).tags


def test_the_worst_document_is_still_small():
    worst = facts(
        (10**18,) * 64,
        name='"' * 5000,
        place='"' * 5000,
        dtype='"' * 5000,
        fill_value='"' * 5000,
        chunks=((10**18 - 20000, *[1] * 20000),) * 64,
        shards=(10**9,) * 64,
        codecs=('"' * 5000,) * 500,
        dimension_names=('"' * 5000,) * 64,
        nbytes=10**80,
        is_view=False,
    )
    check(info_html(Info(worst, StorageFacts(10**30, 10**30, 10**30, 10**30, 10**30))))


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_a_million_objects_on_each_axis_are_a_small_picture(rank):
    html = array_html(facts((10**6,) * rank, chunks=(1,) * rank))
    check(html, 8000)
    assert "not every line is drawn" in html


# --------------------------------------------------------------------------------------------- drawing


def texts(svg: str) -> list[str | None]:
    return [entry.text for entry in xml(svg).iter() if entry.tag.endswith("text")]


def test_axes_have_names_and_sizes():
    assert sorted(map(str, texts(drawing(CLIMATE)))) == ["time: 240", "x: 49", "y: 37"]
    assert texts(drawing(facts((5, 6), dimension_names=("y", None)))) == ["6", "y: 5"]


def test_only_the_last_three_axes_are_drawn():
    five = facts((7, 8, 4, 5, 6), dimension_names=("a", "b", "c", "d", "e"))
    assert sorted(map(str, texts(drawing(five)))) == ["c: 4", "d: 5", "e: 6"]
    assert "stacked: a: 7, b: 8" in array_html(five)


def test_what_has_no_grid_has_a_picture_or_none():
    assert texts(drawing(facts(()))) == ["one element"]
    assert texts(drawing(facts((3, 0)))) == ["no elements"]
    assert drawing(facts((3, 4), chunks=(2,))) == ""
    assert drawing(facts((3,), chunks=((2,),))) == ""
    assert drawing(facts((3,), chunks=(0,))) == ""


def test_colours_are_the_pages_own():
    colours = set(re.findall(r'(?:stroke|fill)="([^"]*)"', drawing(CLIMATE)))
    assert colours == {"currentColor", "none", "#e8792b"}
    assert "var(--dzarr-accent,#e8792b)" in array_html(CLIMATE)


def test_everything_lies_inside_the_picture():
    for array in (CLIMATE, facts((10**6,) * 2, chunks=(3, 5)), facts((9,) * 5), facts((4,))):
        svg = drawing(array)
        left, top, width, height = map(float, re.findall(r'viewBox="([^"]*)"', svg)[0].split())
        for data in re.findall(r' d="([^"]*)"', svg):
            for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", data):
                assert left <= float(x) <= left + width
                assert top <= float(y) <= top + height


def test_edges_are_true_to_scale():
    axis = ruler(RegularAxis(10, 4), RegularAxis(10, 2), 200.0)
    assert axis.lines == pytest.approx((0, 80, 160, 200))
    assert axis.fine == pytest.approx((40,))
    explicit = ruler(ExplicitAxis(10, (0, 3, 12)), ExplicitAxis(10, (0, 1, 3, 12)), 100.0)
    assert explicit.lines == pytest.approx((0, 30, 100))
    assert explicit.fine == pytest.approx((10,))


def test_many_cells_leave_a_gap_and_keep_the_ragged_edge():
    axis = ruler(RegularAxis(1050, 10), RegularAxis(1050, 5), 100.0)
    assert axis.gap is not None
    widths = [b - a for a, b in zip(axis.lines, axis.lines[1:], strict=False)]
    assert widths[0] == pytest.approx(widths[1]) == pytest.approx(widths[-1])
    ragged = ruler(RegularAxis(1045, 10), RegularAxis(1045, 5), 100.0)
    assert ragged.lines[-1] - ragged.lines[-2] == pytest.approx(ragged.first / 2)


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(1, 10**4), st.floats(30, 300, allow_subnormal=False))
def test_an_axis_has_few_lines_in_order(size, chunk, per_object, length):
    axis = ruler(RegularAxis(size, chunk * per_object), RegularAxis(size, chunk), length)
    assert axis.lines[0] == 0
    assert axis.lines[-1] == length
    assert list(axis.lines) == sorted(set(axis.lines))
    assert len(axis.lines) <= MOST_CELLS + 1
    assert len(axis.fine) < MOST_CELLS
    assert all(0 < line < axis.first for line in axis.fine)
    assert axis.spans[0][0] == 0
    assert axis.spans[-1][1] == length


def test_the_first_object_of_a_box_shows_three_faces():
    grid = regular((6, 6, 6), (3, 3, 3))
    seen = faces(measure(grid, regular((6, 6, 6), (1, 1, 1))))
    assert len(seen) == 3
    assert all(face.first[0] == (0, 0) for face in seen)


# ------------------------------------------------------------------------------------------------ trees

TREE = TreeNode(
    "climate",
    None,
    (
        TreeNode("ocean", None, (TreeNode("sst", facts((8, 6), dimension_names=("y", "x")), ()),)),
        TreeNode("empty", None, ()),
        TreeNode("air", facts((5,)), ()),
    ),
)


def test_a_tree_in_text():
    assert tree_text(TREE).splitlines() == [
        "climate",
        "├── ocean",
        "│   └── sst (y: 8, x: 6) float32, 192 B",
        "├── empty",
        "└── air (5,) float32, 20 B",
    ]
    assert tree_text(TREE, depth=1).splitlines()[1] == "├── ocean (1 inside)"
    assert tree_text(TREE, depth=0) == "climate (3 inside)"
    assert tree_text(TREE, limit=2).splitlines()[-1] == "... 3 more nodes"


def test_a_tree_in_html():
    markup = check(tree_html(TREE))
    assert markup.tags.count("details") == 2
    assert markup.tags.count("li") == 5
    assert "sst (y: 8, x: 6) float32, 192 B" in markup.text
    assert "3 more nodes not shown" in check(tree_html(TREE, limit=2)).text


def test_deep_and_wide_trees_are_bounded():
    deep = TreeNode("end", None, ())
    for _ in range(3000):
        deep = TreeNode("a", None, (deep,))
    wide = TreeNode("", None, tuple(TreeNode(f"array{i}", facts((i,)), ()) for i in range(5000)))
    assert tree_text(deep).endswith("... 2,001 more nodes")
    assert tree_text(wide).endswith("... 4,001 more nodes")
    check(tree_html(deep), 20_000)
    check(tree_html(wide), 120_000)


# ------------------------------------------------------------------------------------------------- info


def test_info_in_text_and_html():
    info = Info(CLIMATE, StorageFacts(1, 2, 415_000, 1, 3))
    assert repr(info).splitlines() == [
        "dzarr.Array temperature",
        "  shape       (time: 240, y: 37, x: 49)",
        "  dtype       float32",
        "  size        1.66 MiB",
        "  chunks      24 x 37 x 49, 170 KiB, 10 chunks",
        "  shards      120 x 37 x 49, 850 KiB, 2 shards",
        "  codecs      zstd(level=1)",
        "  fill value  0.0",
        "  attributes  2",
        "  store       file:///data/x.zarr, zarr v3, read-only",
        "  stored      405 KiB, 23.8% of 1.66 MiB",
        "  objects     1 of 2",
        "  missing     1, read as the fill value",
        "  leftovers   3, of interrupted writers",
    ]
    text = check(info._repr_html_()).text
    assert "405 KiB, 23.8% of 1.66 MiB" in text
    assert "1 of 2" in text


def test_info_without_a_listing():
    info = Info(CLIMATE, None)
    assert "can't be listed" in repr(info)
    check(info._repr_html_())
    assert pickle.loads(pickle.dumps(info)) == info


# ---------------------------------------------------------------------------------------- random facts


@st.composite
def random_facts(draw: st.DrawFn) -> ArrayFacts:
    def cells(sizes: tuple[int, ...]) -> tuple[Any, ...]:
        one = st.one_of(st.integers(1, 10**10), st.lists(st.integers(1, 10**6), min_size=1, max_size=30).map(tuple))
        return tuple(draw(one) for _ in sizes)

    size = st.one_of(st.integers(0, 60), st.integers(0, 10**15))
    stored = tuple(draw(st.lists(size, max_size=6)))
    is_view = draw(st.booleans())
    shape = tuple(draw(st.lists(size, max_size=6))) if is_view else stored
    names = draw(st.none() | st.tuples(*[st.none() | st.text() for _ in shape]))
    return ArrayFacts(
        name=draw(st.text()),
        place=draw(st.text()),
        shape=shape,
        dtype=draw(st.text()),
        chunks=cells(stored),
        shards=draw(st.none() | st.builds(cells, st.just(stored))),
        stored_shape=stored,
        codecs=tuple(draw(st.lists(st.text(), max_size=12))),
        fill_value=draw(st.text()),
        dimension_names=names,
        zarr_format=draw(st.sampled_from([2, 3])),
        nbytes=draw(st.integers(1, 16)) * prod(shape),
        writable=draw(st.booleans()),
        attributes=draw(st.integers(0, 10**6)),
        is_view=is_view,
    )


@given(random_facts(), st.none() | st.builds(StorageFacts, *[st.integers(0, 10**20)] * 5))
def test_whatever_the_facts_reprs_are_well_formed_and_small(array, storage):
    assert array_text(array).count("\n") == 1
    assert array_text(array).startswith("<dzarr.Array")
    assert array_line(array).isprintable()
    assert info_text(Info(array, storage))
    check(info_html(Info(array, storage)))
    svg = drawing(array)
    if svg:
        xml(svg)
    assert (
        bool(svg)
        or grid_of(array.stored_shape, array.objects) is None
        or grid_of(array.stored_shape, array.chunks) is None
    )


@given(
    st.recursive(
        st.builds(TreeNode, st.text(), st.none() | random_facts(), st.just(())),
        lambda nodes: st.builds(TreeNode, st.text(), st.none(), st.lists(nodes, max_size=4).map(tuple)),
        max_leaves=8,
    ),
    st.none() | st.integers(0, 3),
)
def test_whatever_the_tree_it_is_well_formed(node, depth):
    assert tree_text(node, depth)
    check(tree_html(node, depth), 60_000)


@given(
    st.builds(
        GroupFacts,
        st.text(),
        st.text(),
        st.sampled_from([2, 3]),
        st.none() | st.integers(0),
        st.none() | st.integers(0),
        st.integers(0),
        st.booleans(),
    )
)
def test_whatever_the_group_it_is_well_formed(group):
    assert group_text(group).count("\n") == 1
    check(group_html(group))

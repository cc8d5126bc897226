"""Hierarchies, as ``tree`` prints folders and as a notebook folds them.

Knows: the order of rows, and how many are shown. Must not know: where nodes come from. Both forms walk with a
list instead of recursion: a path may be deeper than Python's stack.

    climate
    ├── ocean
    │   └── sst (y: 8, x: 6) float32, 192 B
    └── air (5,) float32, 20 B
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from dzarr.display.facts import TreeNode
from dzarr.display.html import page
from dzarr.display.text import storage_words, values_words
from dzarr.display.words import counted, plain

MOST_NODES = 1000
MOST_FOLDED = 400
DEEPEST_FOLDED = 60
"""Browsers flatten elements nested more than 512 deep."""


@dataclass(frozen=True)
class _Row:
    """A node on its line: how deep, which of its ancestors and itself are the last of their kin, what is hidden."""

    node: TreeNode
    lasts: tuple[bool, ...]
    hidden: int


def tree_text(node: TreeNode, depth: int | None = None, *, limit: int = MOST_NODES) -> str:
    """Return a hierarchy drawn with lines, `depth` levels deep, `limit` nodes long.

    Examples
    --------
    >>> print(tree_text(TreeNode("", None, (TreeNode("a", None, (TreeNode("b", None, ()),)), TreeNode("c", None, ())))))
    /
    ├── a
    │   └── b
    └── c
    """
    lines = []
    rows = list(_rows(node, depth))
    for row in rows[:limit]:
        indent = "".join("    " if last else "│   " for last in row.lasts[:-1])
        branch = "" if not row.lasts else "└── " if row.lasts[-1] else "├── "
        lines.append(f"{indent}{branch}{_words(row)}")
    rest = len(rows) - len(lines)
    return "\n".join([*lines, f"... {counted(rest, 'more node')}"] if rest else lines)


def tree_html(node: TreeNode, depth: int | None = None, *, limit: int = MOST_FOLDED) -> str:
    """Return a hierarchy whose groups fold; the first two levels are open.

    Examples
    --------
    >>> "<summary><strong>sea</strong>" in tree_html(TreeNode("sea", None, (TreeNode("a", None, ()),)))
    True
    """
    parts: list[str] = []
    closing: list[str] = []
    rows = list(_rows(node, DEEPEST_FOLDED if depth is None else min(depth, DEEPEST_FOLDED)))
    for row in rows[:limit]:
        while len(closing) > len(row.lasts):
            parts.append(closing.pop())
        start, end = _folded(row)
        parts.append(start)
        closing.append(end)
    parts.extend(reversed(closing))
    rest = len(rows) - limit
    note = f'<div class="dzarr-note">{counted(rest, "more node")} not shown</div>' if rest > 0 else ""
    return page('<span class="dzarr-kind">dzarr tree</span>', f"<ul>{''.join(parts)}</ul>{note}")


def _rows(node: TreeNode, depth: int | None) -> Iterator[_Row]:
    waiting: list[tuple[TreeNode, tuple[bool, ...]]] = [(node, ())]
    while waiting:
        node, lasts = waiting.pop()
        within = depth is None or len(lasts) < depth
        yield _Row(node, lasts, 0 if within else len(node.children))
        if within and node.array is None:
            final = len(node.children) - 1
            waiting.extend((child, (*lasts, i == final)) for i, child in reversed([*enumerate(node.children)]))


def _words(row: _Row) -> str:
    name = plain(row.node.name) or "/"
    if row.node.array is not None:
        return f"{name} {values_words(row.node.array)}"
    return f"{name} ({row.hidden:,} inside)" if row.hidden else name


def _folded(row: _Row) -> tuple[str, str]:
    """Return how a row starts and how it ends, once its children are done."""
    name, array = escape(plain(row.node.name) or "/"), row.node.array
    if array is not None:
        return f'<li title="{escape(storage_words(array))}">{name} <code>{escape(values_words(array))}</code>', "</li>"
    inside = counted(len(row.node.children), "member")
    if row.hidden or not row.node.children:
        return f'<li><strong>{name}</strong> <span class="dzarr-kind">{inside}</span>', "</li>"
    open_ = ' open="open"' if len(row.lasts) < 2 else ""
    summary = f'<summary><strong>{name}</strong> <span class="dzarr-kind">{inside}</span></summary>'
    return f"<li><details{open_}>{summary}<ul>", "</ul></details></li>"

"""A hierarchy that prints as one.

Knows: the two reprs of a tree. Must not know: where its nodes come from.
"""

from __future__ import annotations

from dzarr.display import TreeNode, tree_html, tree_text


class Tree:
    """A hierarchy that prints as one."""

    def __init__(self, node: TreeNode) -> None:
        self.node = node

    def __repr__(self) -> str:
        return tree_text(self.node)

    def _repr_html_(self) -> str:
        return tree_html(self.node)

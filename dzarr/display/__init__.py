"""How arrays, groups and trees look to people: in a terminal, and in a notebook.

Knows: plain facts, and how to say and draw them. Must not know: stores, handles, dask, or where the
facts come from. Every function here is pure and takes whatever a document may legally say, hostile
names included; whatever it is given, the HTML of an array stays under 20 kB.

    facts.py    what there is to say          words.py    how one fact reads
    text.py     reprs for a terminal          html.py     reprs for a notebook
    scale.py    an axis measured on paper     drawing.py  the two grids as SVG
    tree.py     hierarchies                   info.py     what needed a listing
"""

from __future__ import annotations

from dzarr.display.drawing import drawing
from dzarr.display.facts import ArrayFacts, GroupFacts, StorageFacts, TreeNode
from dzarr.display.html import array_html, group_html
from dzarr.display.info import Info, info_html, info_text
from dzarr.display.text import array_line, array_text, group_text
from dzarr.display.tree import tree_html, tree_text

__all__ = [
    "ArrayFacts",
    "GroupFacts",
    "Info",
    "StorageFacts",
    "TreeNode",
    "array_html",
    "array_line",
    "array_text",
    "drawing",
    "group_html",
    "group_text",
    "info_html",
    "info_text",
    "tree_html",
    "tree_text",
]

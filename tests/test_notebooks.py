"""The notebooks: every one runs from top to bottom, shows what it ends its cells with, and is kept without outputs."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))


def cells_of(book: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(book.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def run(cell: dict[str, Any], where: str, names: dict[str, Any]) -> None:
    """Run a cell as Jupyter would: its last line, if it is an expression, is shown."""
    tree = ast.parse("".join(cell["source"]), where)
    shown = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)  # noqa: S102
    if isinstance(shown, ast.Expr):
        show(eval(compile(ast.Expression(shown.value), where, "eval"), names))  # noqa: S307


def show(value: Any) -> None:
    assert isinstance(repr(value), str)
    html = getattr(value, "_repr_html_", None)
    assert html is None or "<" in html()


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("book", NOTEBOOKS, ids=lambda book: book.stem)
def test_runs_from_top_to_bottom(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for k, cell in enumerate(cells_of(book, "code")):
        run(cell, f"{book.name}, code cell {k}", names)
    assert not list(tmp_path.iterdir())  # what a notebook makes, it makes in temporary folders


@pytest.mark.parametrize("book", NOTEBOOKS, ids=lambda book: book.stem)
def test_is_kept_without_outputs(book: Path) -> None:
    whole = json.loads(book.read_text(encoding="utf-8"))
    assert (whole["nbformat"], whole["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in whole["cells"]}) == len(whole["cells"])
    for cell in cells_of(book, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None

"""The templates of reference files: text with ``{{ expressions }}`` in it.

Knows: as much of jinja's expressions as the kerchunk specification uses: names, integers, strings, integer
arithmetic, and templates called with keywords. Must not know: references. A reference file may come from anyone,
so nothing is ever handed to a template engine or evaluated by Python; more than that is declined by name.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dzarr.errors import MetadataError, UnsupportedError

_BRACES = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LONGEST, _DEEPEST, _LARGEST = 200, 8, 1 << 63
MOST_TEXT = 1 << 16
"""Characters of the longest text that templates make: no url and no key has more."""

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def render(text: str, names: Mapping[str, Any], depth: int = 0) -> str:
    """Return `text` with its expressions replaced by their values.

    Parameters
    ----------
    text : str
        A template.
    names : mapping
        What names stand for: integers, or text, which is a template itself.

    Raises
    ------
    UnsupportedError
        For what jinja can and this can't.
    MetadataError
        For a name that stands for nothing, or templates that call each other without end.

    Examples
    --------
    >>> render("http://{{u}}_{{(i + 1) * 10}}", {"u": "server", "i": 4})
    'http://server_50'
    >>> render("{{f(c='text')}}.nc", {"f": "a/{{c}}"})
    'a/text.nc'
    """
    if "{%" in text or "{#" in text:
        raise UnsupportedError("a template with statements", found=text, expected="expressions in {{ }} alone")
    if "{{" not in text:
        return text
    if depth > _DEEPEST:
        raise MetadataError("templates that call each other too deeply", found=text)
    pieces, size, at = [], 0, 0
    for match in _BRACES.finditer(text):
        pieces += [text[at : match.start()], str(_value(match[1].strip(), names, depth))]
        size, at = size + len(pieces[-2]) + len(pieces[-1]), match.end()
        if size > MOST_TEXT:
            raise MetadataError("templates that make too long a text", found=text[:80], expected=MOST_TEXT)
    return "".join([*pieces, text[at:]])


def _value(expression: str, names: Mapping[str, Any], depth: int) -> Any:
    try:
        tree = _parsed(expression)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise UnsupportedError("a template expression that is not understood", found=expression) from error
    try:
        return _evaluate(tree, names, depth)
    except (ZeroDivisionError, TypeError) as error:
        raise MetadataError("a template expression without a value", found=expression) from error


@lru_cache(maxsize=1024)  # a generator evaluates the same few for every reference that it makes
def _parsed(expression: str) -> ast.expr:
    if len(expression) > _LONGEST:
        raise SyntaxError("too long")
    return ast.parse(expression, mode="eval").body


def _evaluate(node: ast.expr, names: Mapping[str, Any], depth: int) -> Any:
    match node:
        case ast.Constant(value=value) if type(value) in (int, str):
            return value
        case ast.Name(id=name):
            return _named(name, names, {}, depth)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _integer(-_integer(_evaluate(operand, names, depth)))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            a, b = _evaluate(left, names, depth), _evaluate(right, names, depth)
            if isinstance(op, ast.Add) and isinstance(a, str) and isinstance(b, str):
                return a + b
            return _integer(_OPERATORS[type(op)](_integer(a), _integer(b)))
        case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords) if all(word.arg for word in keywords):
            given = {str(word.arg): _evaluate(word.value, names, depth) for word in keywords}
            return _named(name, names, given, depth)
    raise UnsupportedError("a template expression that is not understood", found=ast.unparse(node))


def _named(name: str, names: Mapping[str, Any], given: Mapping[str, Any], depth: int) -> Any:
    if name not in names:
        raise MetadataError("a template uses a name that stands for nothing", found=name, expected=sorted(names))
    value = names[name]
    return render(value, given, depth + 1) if isinstance(value, str) and "{{" in value else value


def _integer(value: Any) -> int:
    if type(value) is not int or abs(value) >= _LARGEST:
        raise MetadataError("a template computes with what is no integer, or too large", found=str(value)[:80])
    return value

"""Packages that only the demo needs.

Knows: the name of the extra. Must not know: what the packages are used for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dzarr.errors import UnsupportedError


def require(name: str) -> Any:
    """Import the module `name`. Raises UnsupportedError, naming the extra, where it is not installed.

    Examples
    --------
    >>> require("math").sqrt(4.0)
    2.0
    >>> require("no_such_package")
    Traceback (most recent call last):
    dzarr.errors.UnsupportedError: the demo needs 'no_such_package'; fix: pip install 'dzarr[demo]'
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UnsupportedError(f"the demo needs {name!r}", fix="pip install 'dzarr[demo]'") from error

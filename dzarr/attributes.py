"""Attributes of a node, as a mapping that is written through.

Knows: that every change is one compare-and-swap, applied again to the newest document where somebody
else was faster. Must not know: arrays or groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from dzarr.errors import MetadataError, ReadOnlyError


class Attributes(MutableMapping[str, Any]):
    """A node's attributes: a snapshot to read, and every change written at once.

    ``update`` changes many in one write. Changes made elsewhere are kept; they show after ``refresh()``
    of the node. Values are what JSON can hold (numpy numbers become plain ones).
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        change: Callable[[Callable[[dict[str, Any]], dict[str, Any]]], Mapping[str, Any]] | None,
    ) -> None:
        self._values = dict(values)
        self._change = change

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        if name not in self._values:
            raise KeyError(name)
        self._apply(lambda values: {key: value for key, value in values.items() if key != name})

    def update(self, *others: Any, **values: Any) -> None:
        """Set several attributes in one write."""
        fresh = _mapping(*others) | values
        self._apply(lambda old: old | fresh)

    def clear(self) -> None:
        """Remove all attributes in one write."""
        self._apply(lambda old: {})

    def put(self, values: Mapping[str, Any]) -> None:
        """Replace all attributes by `values` in one write."""
        fresh = _mapping(values)
        self._apply(lambda old: fresh)

    def asdict(self) -> dict[str, Any]:
        """Return them as a plain dict."""
        return dict(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def _apply(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        if self._change is None:
            raise ReadOnlyError("the node was opened for reading", fix="open it with mode='r+'")
        self._values = dict(self._change(change))


def _mapping(*values: Any) -> dict[str, Any]:
    try:
        return dict(*values)
    except (TypeError, ValueError) as error:
        raise MetadataError(
            "attributes are wrong", found=str(error), expected="a mapping, or pairs of a name and a value"
        ) from error

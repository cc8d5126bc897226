"""The words dzarr uses when something is wrong.

Knows: the tree of exceptions, and how one reads. Must not know: who raises them.

    DzarrError
    ├── NodeNotFoundError     KeyError, FileNotFoundError    no array or group there
    ├── NodeExistsError       FileExistsError                something is there already
    ├── NodeTypeError         TypeError                      an array where a group was asked for, or the reverse
    ├── MetadataError         ValueError                     a document that breaks its specification
    ├── UnsupportedError      NotImplementedError            legal, and declined by name
    ├── CodecError            ValueError                     a codec that is misconfigured or fails
    ├── CorruptObjectError    OSError                        stored bytes that can't be what was written
    ├── MissingObjectError    KeyError                       an object that ``missing="error"`` asked for
    ├── RegionError           IndexError                     an index or region that doesn't fit
    ├── GridError             ValueError                     chunks or shards that can't be
    ├── OptionError           ValueError                     an option whose value can't be
    ├── DTypeError            TypeError                      values that a dtype can't hold
    ├── AlignmentError        ValueError                     blocks and objects that don't line up
    ├── ConflictError         RuntimeError                   somebody else changed it first
    ├── LockError             RuntimeError                   a lock that can't be had
    ├── StoreError            OSError                        a store that failed: refused, timed out, cut short
    └── ReadOnlyError         PermissionError                a write through something opened for reading

Every error may carry five facts, and prints those it has: the ``key`` of the object or document, the
``chunk`` inside it, what was ``found``, what was ``expected``, and the ``fix``.
"""

from __future__ import annotations

from typing import Any


class DzarrError(Exception):
    """The root of everything that dzarr raises on purpose.

    Parameters
    ----------
    message : str
        What went wrong, in one sentence without a full stop.
    key : str, optional
        The object or document that it happened to.
    chunk : tuple of int, optional
        The chunk, counted in the chunk grid of the array.
    found, expected : optional
        What was there, and what should have been.
    fix : str, optional
        What to do about it.

    Examples
    --------
    >>> print(DzarrError("wrong length", key="a/c/0", found=3, expected=4))
    wrong length; key 'a/c/0'; found 3; expected 4
    """

    def __init__(
        self,
        message: str,
        *,
        key: str | None = None,
        chunk: tuple[int, ...] | None = None,
        found: Any = None,
        expected: Any = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.key = key
        self.chunk = chunk
        self.found = found
        self.expected = expected
        self.fix = fix

    def __str__(self) -> str:
        words = [self.message]
        if self.key is not None:
            words.append(f"key {self.key!r}")
        if self.chunk is not None:
            words.append(f"chunk {self.chunk}")
        if self.found is not None:
            words.append(f"found {_short(self.found)}")
        if self.expected is not None:
            words.append(f"expected {_short(self.expected)}")
        if self.fix is not None:
            words.append(f"fix: {self.fix}")
        return "; ".join(words)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions travel between processes by their positional arguments alone; ours have keywords.
        return _rebuild, (type(self), self.message, self.__dict__)


def _rebuild(cls: type[DzarrError], message: str, facts: dict[str, Any]) -> DzarrError:
    error = cls(message)
    error.__dict__.update(facts)
    return error


def _short(fact: Any) -> str:
    text = fact if isinstance(fact, str) else repr(fact)
    return text if len(text) <= 200 else text[:197] + "..."


class NodeNotFoundError(DzarrError, KeyError, FileNotFoundError):
    """There is no array or group at that place."""


class NodeExistsError(DzarrError, FileExistsError):
    """There is an array or group at that place already."""


class NodeTypeError(DzarrError, TypeError):
    """The node is an array where a group was asked for, or the reverse."""


class MetadataError(DzarrError, ValueError):
    """A metadata document breaks its specification."""


class UnsupportedError(DzarrError, NotImplementedError):
    """The request or document is legal, and dzarr declines it by name."""


class CodecError(DzarrError, ValueError):
    """A codec is misconfigured, or failed to encode or decode."""


class CorruptObjectError(DzarrError, OSError):
    """The stored bytes can't be what was written."""


class MissingObjectError(DzarrError, KeyError):
    """An object is missing and ``missing="error"`` asked for it."""


class RegionError(DzarrError, IndexError):
    """An index or a region doesn't fit the array."""


class GridError(DzarrError, ValueError):
    """Chunks or shards that can't be."""


class OptionError(DzarrError, ValueError):
    """An option has a value that it can't have."""


class DTypeError(DzarrError, TypeError):
    """Values would be lost in the array's dtype."""


class AlignmentError(DzarrError, ValueError):
    """Blocks and objects don't line up, and nothing protects the write."""


class ConflictError(DzarrError, RuntimeError):
    """Somebody else changed it first."""


class LockError(DzarrError, RuntimeError):
    """A lock is needed and can't be had."""


class StoreError(DzarrError, OSError):
    """A store failed: it refused, timed out, or cut an answer short."""


class ReadOnlyError(DzarrError, PermissionError):
    """A write through something that was opened for reading."""

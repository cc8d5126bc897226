"""The switches of a handle, in one frozen dataclass.

Knows: every option, its default and its unit. Must not know: who obeys it. Nothing in dzarr reads
the environment; options travel with the handle and change by ``with_options``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from dzarr.errors import OptionError

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Options:
    """How a handle reads and writes. Sizes are bytes, times are seconds. Raises OptionError for a wrong value.

    Parameters
    ----------
    missing : {"fill", "error"}
        What an absent object means when it is read: the fill value, or a MissingObjectError.
    durability : {"none", "file", "full"}
        What an acknowledged write survives: the death of the process; also of the machine, once the
        file's bytes are synced; also of the machine, with its directories synced too.
    write_empty_chunks : bool
        Store chunks that hold nothing but the fill value (compared bitwise).
    verify_checksums : bool
        Check the checksums that codecs carry.
    threads : int or None
        Threads of one eager call; None for the number of cores. In a Dask task it is always one.
    inflight_bytes : int
        Encoded bytes that one call may hold at once.
    merge_gap : int or None
        Ranges closer than this are fetched as one; None is 16 KiB for local files, 1 MiB elsewhere.
    merge_bytes : int
        Largest merged range.
    whole_fraction : float
        From this wanted share of an object on, it is read whole.
    concurrency : int
        Requests that one call may have under way in a remote store.
    retries, timeout : int, float
        Attempts after the first, and the deadline, of one request.
    lock_timeout, lease : float
        How long to wait for a lock; how long a silent owner keeps one.
    cache : {"revalidate", "pinned", "off"}
        Whether a cached shard index is believed after asking for the object's version, without
        asking, or never.
    index_cache_bytes, chunk_cache_bytes : int
        Memory for shard indexes and for decoded chunks, per process.
    allow_codecs : frozenset of str
        Codecs that are refused unless named here (``pickle``).
    max_decoded_bytes : int
        Largest chunk that is decoded.
    missing_status : tuple of int
        HTTP answers that mean "not there".

    Examples
    --------
    >>> Options(missing="error").missing
    'error'
    """

    missing: Literal["fill", "error"] = "fill"
    durability: Literal["none", "file", "full"] = "none"
    write_empty_chunks: bool = False
    verify_checksums: bool = True
    threads: int | None = None
    inflight_bytes: int = 64 * MIB
    merge_gap: int | None = None
    merge_bytes: int = 16 * MIB
    whole_fraction: float = 0.6
    concurrency: int = 32
    retries: int = 8
    timeout: float = 60.0
    lock_timeout: float = 60.0
    lease: float = 60.0
    cache: Literal["revalidate", "pinned", "off"] = "revalidate"
    index_cache_bytes: int = 64 * MIB
    chunk_cache_bytes: int = 0
    allow_codecs: frozenset[str] = frozenset()
    max_decoded_bytes: int = 2048 * MIB
    missing_status: tuple[int, ...] = (404,)

    def __post_init__(self) -> None:
        _one_of("missing", self.missing, ("fill", "error"))
        _one_of("durability", self.durability, ("none", "file", "full"))
        _one_of("cache", self.cache, ("revalidate", "pinned", "off"))
        for name in ("write_empty_chunks", "verify_checksums"):
            _one_of(name, getattr(self, name), (True, False))
        for name in ("inflight_bytes", "merge_bytes", "concurrency", "max_decoded_bytes"):
            _count(name, getattr(self, name), 1)
        for name in ("retries", "index_cache_bytes", "chunk_cache_bytes"):
            _count(name, getattr(self, name), 0)
        for name in ("timeout", "lock_timeout", "lease", "whole_fraction"):
            _seconds(name, getattr(self, name))
        if self.threads is not None:
            _count("threads", self.threads, 1)
        if self.merge_gap is not None:
            _count("merge_gap", self.merge_gap, 0)
        if not isinstance(self.allow_codecs, frozenset) or not all(isinstance(n, str) for n in self.allow_codecs):
            raise _wrong("allow_codecs", self.allow_codecs, "a frozenset of names")
        if not isinstance(self.missing_status, tuple) or not all(isinstance(n, int) for n in self.missing_status):
            raise _wrong("missing_status", self.missing_status, "a tuple of HTTP statuses")


def checked(options: object) -> Options:
    """Return `options`, the defaults for None. Raises OptionError for anything that isn't Options.

    Examples
    --------
    >>> checked(None) == Options()
    True
    """
    if options is None:
        return Options()
    if not isinstance(options, Options):
        raise OptionError("options are wrong", found=type(options).__name__, expected="dzarr.Options(...)")
    return options


def changed(options: Options, changes: Mapping[str, Any]) -> Options:
    """Return `options` with some of them changed, by name. Raises OptionError.

    Examples
    --------
    >>> changed(Options(), {"threads": 2}).threads
    2
    """
    known = [entry.name for entry in fields(Options)]
    unknown = [name for name in changes if name not in known]
    if unknown:
        raise OptionError("no such option", found=", ".join(unknown), expected=f"of {', '.join(known)}")
    return replace(options, **changes)


def _one_of(name: str, value: object, legal: tuple[object, ...]) -> None:
    if not any(value is one or (isinstance(value, str) and value == one) for one in legal):
        raise _wrong(name, value, " or ".join(map(repr, legal)))


def _count(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _wrong(name, value, f"an integer of at least {least}")


def _seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise _wrong(name, value, "a number of at least 0")


def _wrong(name: str, value: object, expected: str) -> OptionError:
    return OptionError(f"option {name} is wrong", found=repr(value), expected=expected)

"""The switches of a handle, in one frozen dataclass.

Knows: every option, its default and its unit. Must not know: who obeys it. Nothing in dzarr reads
the environment; options travel with the handle and change by ``with_options``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Options:
    """How a handle reads and writes. Sizes are bytes, times are seconds.

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
        Ranges closer than this are fetched as one; None is 64 KiB for local files, 1 MiB elsewhere.
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
        for name in ("inflight_bytes", "merge_bytes", "concurrency", "max_decoded_bytes"):
            _at_least(name, getattr(self, name), 1)
        for name in ("retries", "timeout", "lock_timeout", "lease", "index_cache_bytes"):
            _at_least(name, getattr(self, name), 0)
        _at_least("chunk_cache_bytes", self.chunk_cache_bytes, 0)
        if self.threads is not None:
            _at_least("threads", self.threads, 1)
        if self.merge_gap is not None:
            _at_least("merge_gap", self.merge_gap, 0)


def _one_of(name: str, value: object, legal: tuple[str, ...]) -> None:
    if value not in legal:
        raise ValueError(f"option {name}={value!r}: expected one of {', '.join(map(repr, legal))}")


def _at_least(name: str, value: float, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
        raise ValueError(f"option {name}={value!r}: expected a number of at least {least}")

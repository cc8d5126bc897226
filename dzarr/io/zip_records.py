"""The records of a zip archive, read and written: pure bytes.

Knows: APPNOTE.TXT 6.3.10 of the zip format: local headers (4.3.7), the central directory (4.3.12), its end
(4.3.16), the 64-bit forms (4.3.14, 4.5.3), names (appendix D). Must not know: files, stores, arrays. ::

    | header name extra | data | ... | central directory | (end64, locator) | end |
      ^ entry.offset      ^ start                                            ^ found from the back

Nothing that an archive says is believed before it is checked: entries may not overlap each other or the
directory, names may not leave the archive, and sizes are bounded before memory is taken. Of two entries of
one name the last in the directory counts, as for everyone who reads zip files.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

from dzarr.errors import CorruptObjectError, StoreError, UnsupportedError
from dzarr.io.store import Buffer, check_key

STORED, DEFLATED = 0, 8
MOST_DIRECTORY = 512 << 20
"""Bytes of the largest central directory that is read: several million entries."""

MOST_NAME = 0xFFFF
"""Bytes of the longest name of an entry."""

_HEADER = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_UTF8, _ENCRYPTED = 0x800, 0x2041
_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 99: "AES"}


class Entry(NamedTuple):
    """One object of an archive, as the central directory describes it."""

    name: str
    raw: bytes | None
    """The name's bytes where they are not its UTF-8."""
    offset: int
    packed: int
    size: int
    crc: int
    method: int
    flags: int
    bound: int
    """Where the next thing in the archive begins."""

    @property
    def raw_name(self) -> bytes:
        """The name as the archive spells it."""
        return self.name.encode() if self.raw is None else self.raw


Read = Callable[[int, int], Buffer]


def read_directory(read: Read, size: int, key: str) -> dict[str, Entry]:
    """Return the entries of an archive of `size` bytes by name; folders are left out.

    Parameters
    ----------
    read : callable
        ``read(start, stop)`` returns these bytes of the archive.
    size : int
        Bytes of the archive.
    key : str
        What errors call it.

    Raises
    ------
    CorruptObjectError
        For what is no archive, or one that contradicts itself or names what lies outside.
    UnsupportedError
        For an archive in several parts, or one whose directory is larger than `MOST_DIRECTORY`.
    """
    start, stop, shift = _find_directory(read, size, key)
    if stop - start > MOST_DIRECTORY:
        raise UnsupportedError(
            "the archive's directory is too large", key=key, found=f"{stop - start} bytes", expected=MOST_DIRECTORY
        )
    data = bytes(read(start, stop))
    entries = []
    at = 0
    while at < len(data):
        entry, at = _parse_entry(data, at, shift, key)
        entries.append(entry)
    bound = start
    found: dict[str, Entry] = {}
    bounds = [bound] * len(entries)
    for i in sorted(range(len(entries)), key=lambda i: entries[i].offset, reverse=True):
        bounds[i], bound = bound, entries[i].offset
    for entry, bound in zip(entries, bounds, strict=True):
        if not entry.name.endswith("/"):
            found[entry.name] = entry._replace(bound=bound)
    return found


def _corrupt(what: str, key: str, found: object = None, expected: object = None) -> CorruptObjectError:
    return CorruptObjectError(f"broken zip archive: {what}", key=key, found=found, expected=expected)


def _find_directory(read: Read, size: int, key: str) -> tuple[int, int, int]:
    """Return (start, stop) of the central directory, and what is to be added to the offsets in it."""
    begin = max(0, size - _END.size - _FULL16)
    tail = bytes(read(begin, size))
    at = len(tail)
    while True:
        at = tail.rfind(b"PK\5\6", 0, at + 3)
        if at < 0:
            raise _corrupt("no end of a central directory: cut short, or no archive", key, f"{size} bytes")
        if at + _END.size <= len(tail):
            _, disk, first, here, count, nbytes, offset, comment = _END.unpack_from(tail, at)
            if at + _END.size + comment == len(tail):
                break
    stop = begin + at
    if at >= _LOCATOR.size and tail[at - _LOCATOR.size : at - _LOCATOR.size + 4] == b"PK\6\7":
        locator = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
        stop, disk, first, here, count, nbytes, offset = _read_end64(read, locator, stop - _LOCATOR.size, key)
    if disk or first or here != count:
        raise UnsupportedError("a zip archive in several parts", key=key, found=f"part {disk}")
    start = stop - nbytes
    if start < 0 or start < offset or count * _ENTRY.size > nbytes:
        raise _corrupt("its directory can't be where it says", key, f"{count} entries, {nbytes} bytes at {offset}")
    return start, stop, start - offset


def _read_end64(
    read: Read, locator: tuple[bytes, int, int, int], end: int, key: str
) -> tuple[int, int, int, int, int, int, int]:
    _, part, place, parts = locator
    if part or parts > 1:
        raise UnsupportedError("a zip archive in several parts", key=key, found=f"{parts} parts")
    for at in (place, end - _END64.size):  # the second where something was put before the archive
        if 0 <= at <= end - _END64.size:
            fields = _END64.unpack(read(at, at + _END64.size))
            if fields[0] == b"PK\6\6" and at + 12 + fields[1] == end:
                return (at, *fields[4:10])
    raise _corrupt("no 64-bit end of its directory where its locator says", key, place)


def _parse_entry(data: bytes, at: int, shift: int, key: str) -> tuple[Entry, int]:
    if at + _ENTRY.size > len(data) or data[at : at + 4] != b"PK\1\2":
        raise _corrupt("its directory is cut short or overwritten", key, f"at {at} of {len(data)}")
    fields = _ENTRY.unpack_from(data, at)
    flags, method, crc, packed, size = fields[3], fields[4], fields[7], fields[8], fields[9]
    n_name, n_extra, n_comment, offset = fields[10], fields[11], fields[12], fields[16]
    begin = at + _ENTRY.size
    at = begin + n_name + n_extra + n_comment
    if at > len(data):
        raise _corrupt("its directory is cut short", key)
    raw, extra = data[begin : begin + n_name], data[begin + n_name : begin + n_name + n_extra]
    name = _decode(raw, flags, extra, key)
    if _FULL32 in (packed, size, offset):
        size, packed, offset = _wide(extra, (size, packed, offset), name, key)
    _check_name(name, key)
    same = None if name.encode() == raw else raw
    return Entry(name, same, offset + shift, packed, size, crc, method, flags, 0), at


def _decode(raw: bytes, flags: int, extra: bytes, key: str) -> str:
    if raw.isascii():
        return raw.decode()
    try:
        if flags & _UTF8:
            return raw.decode()
        unicode = _extra(extra, 0x7075)  # appendix D.2, 4.6.9: believed only beside the very name that it is of
        if unicode is not None and len(unicode) > 5 and unicode[1:5] == struct.pack("<L", crc32(raw)):
            return unicode[5:].decode()
    except UnicodeDecodeError as error:
        raise _corrupt("a name that is no UTF-8", key, raw) from error
    return raw.decode("cp437")


def _check_name(name: str, key: str) -> None:
    try:
        check_key(name.removesuffix("/"))
    except StoreError as error:
        raise _corrupt("an entry with a name that leads out of it, or is no path", key, name, error.expected) from None


def _extra(extra: bytes, wanted: int) -> bytes | None:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return None


def _wide(extra: bytes, narrow: tuple[int, int, int], name: str, key: str) -> list[int]:
    """Return the fields with those that did not fit into 32 bits taken from the 64-bit extra field."""
    wide = _extra(extra, 1) or b""
    fields = []
    for value in narrow:
        if value == _FULL32:
            if len(wide) < 8:
                raise _corrupt("an entry without its 64-bit sizes", key, name)
            value, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        fields.append(value)
    return fields


def check_entry(entry: Entry) -> None:
    """Raise for an entry that can't be read: encrypted, packed by an unknown method, or lying about its size."""
    if entry.flags & _ENCRYPTED:
        raise UnsupportedError("an encrypted zip entry", key=entry.name, fix="decrypt the archive first")
    if entry.method not in (STORED, DEFLATED):
        raise UnsupportedError(
            "a zip entry packed by a method that is not read",
            key=entry.name,
            found=_METHODS.get(entry.method, f"method {entry.method}"),
            expected="stored or deflated",
            fix="zip it again with `zip -0`",
        )
    # Deflate makes at most 1032 bytes of one.
    if entry.size != entry.packed if entry.method == STORED else entry.size > 1032 * entry.packed + 64:
        raise CorruptObjectError(
            "a zip entry that lies about its size", key=entry.name, found=f"{entry.size} of {entry.packed} packed"
        )
    if entry.offset + HEADER_BYTES + len(entry.raw_name) + entry.packed > entry.bound:
        raise CorruptObjectError("a zip entry that overlaps what follows it", key=entry.name, found=entry.offset)


HEADER_BYTES = _HEADER.size


def data_start(entry: Entry, header: Buffer) -> int:
    """Return where in the archive the data of `entry` begins, told by its local header (and name)."""
    raw = entry.raw_name
    view = memoryview(header)
    if len(view) < HEADER_BYTES + len(raw) or bytes(view[:4]) != b"PK\3\4":
        raise CorruptObjectError("no zip entry where the directory says", key=entry.name, found=entry.offset)
    _, _, flags, method, *_, n_name, n_extra = _HEADER.unpack_from(view)
    if bytes(view[HEADER_BYTES : HEADER_BYTES + n_name]) != raw or method != entry.method or flags & _ENCRYPTED:
        raise CorruptObjectError("a zip entry that is not what the directory says", key=entry.name, found=entry.offset)
    start: int = entry.offset + HEADER_BYTES + n_name + n_extra
    if start + entry.packed > entry.bound:
        raise CorruptObjectError("a zip entry that overlaps what follows it", key=entry.name, found=entry.offset)
    return start


def local_header(name: str, size: int, crc: int, stamp: tuple[int, int]) -> bytes:
    """Return the header of a stored entry. `stamp` is (date, time) as `dos_time` gives it."""
    raw = name.encode()
    extra = struct.pack("<2H2Q", 1, 16, size, size) if size >= _FULL32 else b""
    narrow = _FULL32 if extra else size
    date, time = stamp
    version, flags = 45 if extra else 20, 0 if raw.isascii() else _UTF8
    return _HEADER.pack(b"PK\3\4", version, flags, STORED, time, date, crc, narrow, narrow, len(raw), len(extra)) + (
        raw + extra
    )


def directory_entry(name: str, offset: int, size: int, crc: int, stamp: tuple[int, int]) -> bytes:
    """Return what the central directory says of a stored entry (an ordinary file, mode 644)."""
    raw = name.encode()
    wide = [value for value in (size, size, offset) if value >= _FULL32]
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    date, time = stamp
    version, flags = 45 if extra else 20, 0 if raw.isascii() else _UTF8
    narrow, made_on_unix = min(size, _FULL32), 3 << 8
    return _ENTRY.pack(
        b"PK\1\2", made_on_unix | version, version, flags, STORED, time, date, crc, narrow, narrow,
        len(raw), len(extra), 0, 0, 0, 0o100644 << 16, min(offset, _FULL32),
    ) + (raw + extra)  # fmt: skip


def directory_end(count: int, start: int, nbytes: int) -> bytes:
    """Return what follows a central directory of `count` entries, `nbytes` long, that begins at `start`."""
    end64 = b""
    if count >= _FULL16 or start >= _FULL32 or nbytes >= _FULL32:
        end64 = _END64.pack(b"PK\6\6", _END64.size - 12, 3 << 8 | 45, 45, 0, 0, count, count, nbytes, start)
        end64 += _LOCATOR.pack(b"PK\6\7", 0, start + nbytes, 1)
    short = min(count, _FULL16)
    return end64 + _END.pack(b"PK\5\6", 0, 0, short, short, min(nbytes, _FULL32), min(start, _FULL32), 0)


def dos_time(year: int, month: int, day: int, hour: int, minute: int, second: int) -> tuple[int, int]:
    """Return (date, time) as zip files keep them: two seconds fine, from 1980 on.

    Examples
    --------
    >>> dos_time(1980, 1, 1, 0, 0, 0)
    (33, 0)
    """
    return (max(year, 1980) - 1980) << 9 | month << 5 | day, hour << 11 | minute << 5 | second // 2

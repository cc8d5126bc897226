"""What ``dzarr check`` finds: nothing in a clean hierarchy of any kind, and after each kind of damage to real files
exactly that damage.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest
import zarr

import dzarr
from dzarr.check import CODES, Finding, Report, check
from dzarr.check.findings import MOST_ALIKE
from dzarr.io.atomic import HOST
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.store import Capabilities, Want
from tests.features.engines import served

Seen = tuple[str, str, tuple[int, ...] | None]


def seen(report: Report) -> set[Seen]:
    """Return the findings as (code, key, chunk)."""
    assert report.left_out == 0
    return {(finding.code, finding.key, finding.chunk) for finding in report.findings}


def filled(url: Any, path: str = "", **create: Any) -> dzarr.Array:
    """Make an array without a fill value in it."""
    array = dzarr.create(url, path=path, **create)
    values = np.arange(1, array.size + 1).reshape(array.shape) % 100 + 1
    array[...] = values.astype(array.dtype)
    return array


# ------------------------------------------------------------------------------------------- clean hierarchies

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"shape": (7, 9), "dtype": "f4", "chunks": (3, 4)},
    "raw": {"shape": (7, 9), "dtype": ">i2", "chunks": (3, 4), "codecs": ["bytes"]},
    "checksum": {"shape": (7,), "dtype": "i8", "chunks": (3,), "codecs": ["bytes", "crc32c"]},
    "v2": {"shape": (7, 9), "dtype": "f8", "chunks": (3, 4), "zarr_format": 2},
    "v2, Fortran order": {
        "shape": (7, 9),
        "dtype": "f8",
        "chunks": (3, 4),
        "zarr_format": 2,
        "codecs": {"order": "F", "filters": [{"id": "shuffle", "elementsize": 8}], "compressor": {"id": "zlib"}},
    },
    "v2, nested keys": {"shape": (7, 9), "dtype": "u1", "chunks": (3, 4), "zarr_format": 2, "chunk_key_encoding": "/"},
    "keys with dots": {
        "shape": (7, 9),
        "dtype": "u1",
        "chunks": (3, 4),
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
    },
    "keys of v2": {"shape": (7, 9), "dtype": "u1", "chunks": (3, 4), "chunk_key_encoding": "v2"},
    "keys of v2, nested": {
        "shape": (7, 9),
        "dtype": "u1",
        "chunks": (3, 4),
        "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}},
    },
    "sharded": {"shape": (20, 30), "dtype": "f4", "chunks": (4, 5), "shards": (8, 15)},
    "index at the start": {
        "shape": (20,),
        "dtype": "u2",
        "chunks": (2,),
        "shards": (8,),
        "index_location": "start",
    },
    "shards in shards": {"shape": (20,), "dtype": "u2", "chunks": (2,), "shards": [{"shape": (16,)}, {"shape": (4,)}]},
    "transposed shards": {
        "shape": (8, 12),
        "dtype": "u2",
        "chunks": (2, 3),
        "shards": (4, 6),
        "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, "bytes", "gzip"],
    },
    "rectilinear": {"shape": (10, 4), "dtype": "i4", "chunks": ((3, 7), (2, 2))},
    "strings": {"shape": (7,), "dtype": np.dtypes.StringDType(), "chunks": (3,)},
    "strings in shards": {"shape": (8,), "dtype": np.dtypes.StringDType(), "chunks": (2,), "shards": (4,)},
    "strings, v2": {"shape": (7,), "dtype": np.dtypes.StringDType(), "chunks": (3,), "zarr_format": 2},
    "small floats": {"shape": (7,), "dtype": "bfloat16", "chunks": (3,)},
    "packed integers": {"shape": (7,), "dtype": "uint4", "chunks": (3,), "codecs": ["packbits"]},
    "no dimension": {"shape": (), "dtype": "f8"},
    "no dimension, v2": {"shape": (), "dtype": "f8", "zarr_format": 2},
    "no element": {"shape": (0, 5), "dtype": "f8", "chunks": (2, 5)},
    "booleans": {"shape": (9,), "dtype": "?", "chunks": (4,)},
    "structures": {"shape": (6,), "dtype": [("a", "u1"), ("b", "<f4")], "chunks": (4,), "zarr_format": 2},
    "dates": {"shape": (6,), "dtype": "M8[s]", "chunks": (4,), "zarr_format": 2},
}


@pytest.mark.parametrize("deep", [True, False], ids=["deep", "fast"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_clean_array_has_no_findings(tmp_path: Path, kind: str, deep: bool) -> None:
    array = dzarr.create(tmp_path / "a", **KINDS[kind])
    values = np.arange(1, array.size + 1).reshape(array.shape) % 10 + 1
    array[...] = np.ones(array.shape, array.dtype) if kind == "structures" else values.astype(array.dtype)
    report = check(tmp_path / "a", deep=deep)
    assert report.findings == ()
    assert not report.damaged
    objects = len(
        [path for path in (tmp_path / "a").rglob("*") if path.is_file() and not path.name.startswith((".z", "zarr"))]
    )
    assert report.tally.objects == objects
    assert report.tally.arrays == 1
    assert (report.tally.chunks > 0) == (deep and objects > 0)


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("place", ["folder", "memory"])
def test_a_clean_hierarchy_has_no_findings(tmp_path: Path, form: int, place: str) -> None:
    url: Any = tmp_path / "g" if place == "folder" else MemoryStore()
    group = dzarr.create_group(url, zarr_format=form, attributes={"a": 1})
    for path in ("x", "deep/er/y", "with space/ünï"):
        filled(url, path, shape=(5,), dtype="i4", chunks=(2,), zarr_format=form, attributes={"units": "m"})
    group.create_group("empty")
    report = check(url)
    assert report.findings == ()
    assert (report.tally.arrays, report.tally.groups, report.tally.objects) == (3, 5, 9)
    assert "nothing found" in repr(report)


@pytest.mark.parametrize("form", [2, 3])
def test_a_true_record_has_no_findings(tmp_path: Path, form: Any) -> None:
    records(tmp_path, form)
    assert check(tmp_path).findings == ()


def n5_block(values: list[int]) -> bytes:
    header = np.array([0, 1], ">u2").tobytes() + np.array([len(values)], ">u4").tobytes()
    return header + np.array(values, ">i2").tobytes()


def n5(folder: Path) -> None:
    """Make an N5 container by hand: blocks have a header, mode 0, then the size of each axis."""
    (folder / "s/a").mkdir(parents=True)
    (folder / "attributes.json").write_text('{"n5": "2.5.1"}')
    dataset = {"dimensions": [3], "blockSize": [2], "dataType": "int16", "compression": {"type": "raw"}}
    (folder / "s/a/attributes.json").write_text(json.dumps(dataset))
    (folder / "s/a/0").write_bytes(n5_block([1, 2]))
    (folder / "s/a/1").write_bytes(n5_block([3]))


def test_an_n5_container(tmp_path: Path) -> None:
    n5(tmp_path / "n5")
    report = check(tmp_path / "n5")
    assert report.findings == ()
    assert (report.tally.arrays, report.tally.groups, report.tally.chunks) == (1, 2, 2)
    cut(tmp_path / "n5/s/a/0", 1)
    (tmp_path / "n5/s/a/7").write_bytes(b"x")
    assert seen(check(tmp_path / "n5")) == {("object-corrupt", "s/a/0", (0,)), ("orphan", "s/a/7", None)}
    dzarr.create_group(tmp_path)
    (found,) = check(tmp_path).findings
    assert (found.severity, found.code, found.key) == ("note", "not-checked", "n5")


def test_the_corpus_has_no_errors(corpus: Path) -> None:
    entries = json.loads((corpus / "index.json").read_bytes())
    harmless = {"objects-missing", "two-documents", "unsupported"}
    objects = 0
    for path in sorted({entry["path"] for entry in entries}):
        report = check(corpus / path)
        assert {finding.code for finding in report.findings} <= harmless, report
        objects += report.tally.objects
    assert objects > 3000


def test_part_of_a_hierarchy(tmp_path: Path) -> None:
    filled(tmp_path, "a", shape=(4,), dtype="u1", chunks=(2,))
    filled(tmp_path, "b", shape=(4,), dtype="u1", chunks=(2,))
    (tmp_path / "a" / "c" / "0").write_bytes(b"x")
    assert check(tmp_path).damaged
    report = check(tmp_path, path="b")
    assert report.findings == ()
    assert report.tally.objects == 2


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(dzarr.NodeNotFoundError, match="no array or group here"):
        check(tmp_path / "nothing")


def test_nothing_is_written(tmp_path: Path) -> None:
    records(tmp_path, 3)
    (tmp_path / "a" / "c" / "7").write_bytes(b"an orphan")
    (tmp_path / "a" / "c" / "1").write_bytes(b"broken")
    before = {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in tmp_path.rglob("*")}
    with dzarr.observe() as observed:
        assert check(tmp_path).damaged
    assert {
        path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in tmp_path.rglob("*")
    } == before
    assert set(observed.by_kind) <= {"get", "fetch", "head", "list"}


# --------------------------------------------------------------------------------------------- damaged objects


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def reindexed(path: Path, chunks: int, change: Callable[[Any], None]) -> None:
    """Change a shard's index at the end of a file, with the right checksum."""
    data = path.read_bytes()
    size = 16 * chunks + 4
    table = np.frombuffer(data[-size:-4], "<u8").reshape(chunks, 2).copy()
    change(table)
    index = table.tobytes()
    path.write_bytes(data[:-size] + index + int(google_crc32c.value(index)).to_bytes(4, "little"))


def entry(flat: int, offset: int | None, length: int | None) -> Callable[[Any], None]:
    def change(table: Any) -> None:
        table[flat] = [old if new is None else new for old, new in zip(table[flat], (offset, length), strict=True)]

    return change


SHARDED: dict[str, Any] = {"shape": (8,), "dtype": "u2", "chunks": (2,), "shards": (4,), "codecs": ["bytes"]}
"""Two shards of two chunks of 4 bytes: 8 bytes of data and 36 of index each."""
SUMMED: dict[str, Any] = {**SHARDED, "codecs": ["bytes", "crc32c"]}
PLAIN: dict[str, Any] = {"shape": (8,), "dtype": "u2", "chunks": (4,)}
RAW: dict[str, Any] = {**PLAIN, "codecs": ["bytes"]}

OBJECT_DAMAGE: dict[str, tuple[dict[str, Any], Callable[[Path], Any], set[Seen], set[Seen]]] = {
    # what: (array, damage, findings, findings of the fast mode)
    "a flipped byte of a compressed chunk": (
        PLAIN,
        lambda a: flip(a / "c/1", 0),
        {("object-corrupt", "c/1", (1,))},
        set(),
    ),
    "a flipped byte under a checksum": (
        {**PLAIN, "codecs": ["bytes", "crc32c"]},
        lambda a: flip(a / "c/1", 2),
        {("object-corrupt", "c/1", (1,))},
        set(),
    ),
    "a truncated raw chunk": (
        RAW,
        lambda a: cut(a / "c/0", 1),
        {("object-corrupt", "c/0", (0,))},
        {("object-corrupt", "c/0", None)},
    ),
    "a raw chunk that is too long": (
        RAW,
        lambda a: (a / "c/0").write_bytes(bytes(9)),
        {("object-corrupt", "c/0", (0,))},
        {("object-corrupt", "c/0", None)},
    ),
    "an empty file": (
        PLAIN,
        lambda a: (a / "c/0").write_bytes(b""),
        {("object-corrupt", "c/0", (0,))},
        {("object-corrupt", "c/0", None)},
    ),
    "a truncated compressed chunk": (
        PLAIN,
        lambda a: cut(a / "c/0", 3),
        {("object-corrupt", "c/0", (0,))},
        set(),
    ),
    "a folder in place of an object": (
        PLAIN,
        lambda a: ((a / "c/0").unlink(), (a / "c/0").mkdir()),
        {("objects-missing", "/", None)},
        {("objects-missing", "/", None)},
    ),
    "a truncated v2 chunk": (
        {**PLAIN, "zarr_format": 2},
        lambda a: cut(a / "0", 3),
        {("object-corrupt", "0", (0,))},
        set(),
    ),
    "a flipped byte of an index": (
        SHARDED,
        lambda a: flip(a / "c/1", 12),
        {("object-corrupt", "c/1", None)},
        {("object-corrupt", "c/1", None)},
    ),
    "a flipped checksum of an index": (
        SHARDED,
        lambda a: flip(a / "c/1", -1),
        {("object-corrupt", "c/1", None)},
        {("object-corrupt", "c/1", None)},
    ),
    "a shard shorter than its index": (
        SHARDED,
        lambda a: (a / "c/0").write_bytes(bytes(35)),
        {("object-corrupt", "c/0", None)},
        {("object-corrupt", "c/0", None)},
    ),
    "a shard that lost its tail": (
        SHARDED,
        lambda a: cut(a / "c/0", 1),
        {("object-corrupt", "c/0", None)},
        {("object-corrupt", "c/0", None)},
    ),
    "an index that points beyond the object": (
        SHARDED,
        lambda a: reindexed(a / "c/1", 2, entry(1, 1 << 40, None)),
        {("object-corrupt", "c/1", None)},
        {("object-corrupt", "c/1", None)},
    ),
    "an index that points into itself": (
        SHARDED,
        lambda a: reindexed(a / "c/1", 2, entry(1, 6, 4)),
        {("object-corrupt", "c/1", None)},
        {("object-corrupt", "c/1", None)},
    ),
    "an index that is half missing": (
        SHARDED,
        lambda a: reindexed(a / "c/1", 2, entry(1, None, (1 << 64) - 1)),
        {("object-corrupt", "c/1", None)},
        {("object-corrupt", "c/1", None)},
    ),
    "a wrong length in an index": (
        SHARDED,
        lambda a: reindexed(a / "c/1", 2, entry(1, None, 3)),
        {("object-corrupt", "c/1", (3,))},
        {("object-corrupt", "c/1", (3,))},
    ),
    "chunks that overlap": (
        SHARDED,
        lambda a: reindexed(a / "c/0", 2, entry(1, 2, None)),
        {("index-overlap", "c/0", (1,))},
        {("index-overlap", "c/0", (1,))},
    ),
    "chunks that share their bytes, which is legal": (
        SHARDED,
        lambda a: reindexed(a / "c/0", 2, entry(1, 0, None)),
        set(),
        set(),
    ),
    "a flipped byte in one chunk of a shard": (
        SUMMED,
        lambda a: flip(a / "c/1", 9),
        {("object-corrupt", "c/1", (3,))},
        set(),
    ),
    "flipped bytes in all chunks of a shard": (
        SUMMED,
        lambda a: (flip(a / "c/1", 9), flip(a / "c/1", 1)),
        {("object-corrupt", "c/1", (2,)), ("object-corrupt", "c/1", (3,))},
        set(),
    ),
    "an object beside the grid": (
        PLAIN,
        lambda a: shutil.copy(a / "c/0", a / "c/2"),
        {("orphan", "c/2", None)},
        {("orphan", "c/2", None)},
    ),
    "an object of another rank": (
        PLAIN,
        lambda a: ((a / "c/x").mkdir(), (a / "c/x/0").write_bytes(b"x")),
        {("stray", "c/x/0", None)},
        {("stray", "c/x/0", None)},
    ),
    "a file that is no object": (
        PLAIN,
        lambda a: (a / "notes.txt").write_text("x"),
        {("stray", "notes.txt", None)},
        {("stray", "notes.txt", None)},
    ),
    "a folder of other files": (
        PLAIN,
        lambda a: ((a / "photos").mkdir(), (a / "photos/1").write_bytes(b"x")),
        {("stray", "photos", None)},
        {("stray", "photos", None)},
    ),
    "a missing object": (
        PLAIN,
        lambda a: (a / "c/1").unlink(),
        {("objects-missing", "/", None)},
        {("objects-missing", "/", None)},
    ),
}


@pytest.mark.parametrize("what", OBJECT_DAMAGE)
def test_damage_to_objects(tmp_path: Path, what: str) -> None:
    create, damage, expected, expected_fast = OBJECT_DAMAGE[what]
    filled(tmp_path / "a", **create)
    assert check(tmp_path / "a").findings == ()
    damage(tmp_path / "a")
    for deep, wanted in ((True, expected), (False, expected_fast)):
        report = check(tmp_path / "a", deep=deep)
        assert seen(report) == wanted, report
        assert report.damaged == any(CODES[code] == "error" for code, _, _ in wanted)


def test_damage_below_nested_shards_is_named_by_its_chunk(tmp_path: Path) -> None:
    filled(
        tmp_path,
        shape=(16,),
        dtype="u2",
        chunks=(2,),
        shards=[{"shape": (8,)}, {"shape": (4,)}],
        codecs=["bytes", "crc32c"],
    )
    flip(tmp_path / "c/1", 1)
    assert seen(check(tmp_path)) == {("object-corrupt", "c/1", (4,))}


def test_damage_behind_codecs_around_shards(tmp_path: Path) -> None:
    filled(tmp_path, shape=(8,), dtype="u2", chunks=(2,), shards=(4,), codecs=["bytes", "crc32c"])
    document = json.loads((tmp_path / "zarr.json").read_text())
    document["codecs"].append({"name": "gzip", "configuration": {"level": 1}})
    (tmp_path / "zarr.json").write_text(json.dumps(document))
    assert {code for code, _, _ in seen(check(tmp_path, deep=False))} == {"object-corrupt"}
    array = dzarr.open_array(tmp_path, "r+")
    for path in (tmp_path / "c").iterdir():
        path.unlink()
    array[...] = np.arange(1, 9)
    assert check(tmp_path).findings == ()
    cut(tmp_path / "c/1", 9)
    assert seen(check(tmp_path)) == {("object-corrupt", "c/1", None)}


def test_damage_in_strings(tmp_path: Path) -> None:
    array = dzarr.create(tmp_path, shape=(4,), dtype=np.dtypes.StringDType(), chunks=(2,), codecs=["vlen-utf8"])
    array[:] = ["one", "two", "three", "four"]
    flip(tmp_path / "c/0", 4)  # a length
    flip(tmp_path / "c/1", 8)  # a letter
    assert seen(check(tmp_path)) == {("object-corrupt", "c/0", (0,)), ("object-corrupt", "c/1", (1,))}
    assert seen(check(tmp_path, deep=False)) == set()


def test_damage_in_a_rectilinear_grid(tmp_path: Path) -> None:
    filled(tmp_path, shape=(10,), dtype="u2", chunks=((3, 7),), codecs=["bytes", "crc32c"])
    flip(tmp_path / "c/1", 1)
    assert seen(check(tmp_path)) == {("object-corrupt", "c/1", (1,))}


def test_missing_objects_may_be_errors(tmp_path: Path) -> None:
    filled(tmp_path, shape=(4, 4), dtype="u1", chunks=(2, 2))
    (tmp_path / "c/0/1").unlink()
    (tmp_path / "c/1/1").unlink()
    (note,) = check(tmp_path).findings
    assert (note.severity, note.code) == ("note", "objects-missing")
    assert note.what == "2 of 4 objects are not there, and read as the fill value"
    report = check(tmp_path, options=dzarr.Options(missing="error"))
    assert seen(report) == {("object-missing", "c/0/1", None), ("object-missing", "c/1/1", None)}
    assert report.damaged
    assert report.tally.missing == 2


def test_more_missing_objects_than_are_named(tmp_path: Path) -> None:
    dzarr.create(tmp_path, shape=(1 << 40,), dtype="u1", chunks=(1,))
    report = check(tmp_path, options=dzarr.Options(missing="error"))
    assert [finding.what for finding in report.findings] == [f"{1 << 40:,} objects are missing"]
    dzarr.create(tmp_path, shape=(1200,), dtype="u1", chunks=(1,), overwrite=True)
    report = check(tmp_path, options=dzarr.Options(missing="error"))
    assert report.counts["error"] == MOST_ALIKE + 1
    assert report.findings[0].key == "/" or report.findings[-1].what == "the object is missing"


def test_of_many_findings_alike_a_thousand_are_kept_and_all_counted(tmp_path: Path) -> None:
    filled(tmp_path, shape=(4,), dtype="u1", chunks=(2,))
    for k in range(2, MOST_ALIKE + 502):
        (tmp_path / "c" / str(k)).touch()
    report = check(tmp_path, deep=False)
    assert len(report.findings) == MOST_ALIKE
    assert report.counts["warning"] == MOST_ALIKE + 500
    assert report.left_out == 500
    assert "500 more" in repr(report)


def test_unreadable_objects_are_no_crash(tmp_path: Path) -> None:
    class Refusing(LocalStore):
        def _answer(self, want: Want) -> Any:
            if want.key == "c/1":
                raise dzarr.StoreError("could not read it: Input/output error", key=want.key)
            return super()._answer(want)

    filled(tmp_path, **PLAIN)
    report = check(Refusing(tmp_path))
    assert seen(report) == {("object-unreadable", "c/1", None)}


def test_folders_that_cannot_be_listed_hide_no_others(tmp_path: Path) -> None:
    class Refusing(LocalStore):
        def list_dir(self, prefix: str) -> Iterator[str]:
            if prefix == "s":
                raise dzarr.StoreError("could not list it: Permission denied", key=prefix)
            return super().list_dir(prefix)

    hierarchy(tmp_path, 3)
    report = check(Refusing(tmp_path))
    assert seen(report) == {("object-unreadable", "s", None)}
    assert report.tally.objects == 2


@pytest.mark.parametrize("place", ["a/x", "a/c/up", "stray/up", "broken/up"])
def test_links_that_lead_back_from_where_no_member_is(tmp_path: Path, place: str) -> None:
    dzarr.create_group(tmp_path)
    filled(tmp_path, "a", shape=(4,), dtype="i4", chunks=(2,))
    (tmp_path / place).parent.mkdir(exist_ok=True)
    if place.startswith("broken"):
        (tmp_path / "broken/zarr.json").write_text("{")
    for name in (place, f"{place}2"):
        (tmp_path / name).symlink_to(tmp_path)
    report = check(tmp_path)
    assert report.tally.arrays == 1
    assert {finding.key for finding in report.findings if finding.code == "not-checked"} >= {place}
    assert {finding.code for finding in report.findings} <= {"not-checked", "stray", "document-broken"}


def test_empty_attributes_are_as_good_as_none(tmp_path: Path) -> None:
    dzarr.create_group(tmp_path, zarr_format=2)
    filled(tmp_path, "a", shape=(4,), dtype="i4", chunks=(2,), zarr_format=2)
    zarr.consolidate_metadata(tmp_path, zarr_format=2)
    assert not seen(check(tmp_path))
    dzarr.consolidate(tmp_path)
    (tmp_path / "a/.zattrs").write_text("{}")
    assert not seen(check(tmp_path))


def test_links_that_lead_back_are_followed_once(tmp_path: Path) -> None:
    hierarchy(tmp_path, 3)
    dzarr.create_group(tmp_path / "t")
    (tmp_path / "t/around").symlink_to("../s")
    (tmp_path / "s/around").symlink_to("../t")
    (tmp_path / "up").symlink_to(".")
    report = check(tmp_path)
    assert {(code, key) for code, key, _ in seen(report)} == {
        ("not-checked", "up"),
        ("not-checked", "s/around/around"),
        ("not-checked", "t/around/around"),
    }
    assert report.tally.arrays == 3  # one of them on two ways


def test_memory_stays_bounded(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 255, (1 << 24), np.uint8)
    array = dzarr.create(tmp_path, shape=values.shape, dtype="u1", chunks=(1 << 16,), shards=(1 << 24,))
    array[...] = values
    options = dzarr.Options(threads=1, inflight_bytes=1 << 20)
    check(tmp_path, options=options)
    tracemalloc.start()
    try:
        assert check(tmp_path, options=options).tally.nbytes >= 1 << 24
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_lying_index_takes_no_memory(tmp_path: Path) -> None:
    """A file with a hole of a terabyte, and an index that says one chunk is all of it."""
    filled(tmp_path, shape=(4,), dtype="u1", chunks=(2,), shards=(4,))
    size = 1 << 40
    index = np.array([[0, size], [0, 2]], "<u8").tobytes()
    with (tmp_path / "c/0").open("r+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(index + int(google_crc32c.value(index)).to_bytes(4, "little"))
    report = check(tmp_path)
    assert ("object-corrupt", "c/0", (0,)) in seen(report)
    found = next(one for one in report.findings if (one.code, one.chunk) == ("object-corrupt", (0,)))
    assert found.what.startswith("chunk is longer than any that it could be")


# --------------------------------------------------------------------------------------------------- documents


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DOCUMENT_DAMAGE: dict[str, tuple[int, Callable[[Path], Any], set[Seen]]] = {
    "JSON that is none": (
        3,
        lambda g: (g / "s/a/zarr.json").write_text("{"),
        {("document-broken", "s/a/zarr.json", None)},
    ),
    "no shape": (
        3,
        lambda g: edit(g / "s/a/zarr.json", shape=None),
        {("document-broken", "s/a/zarr.json", None)},
    ),
    "codecs in a wrong order": (
        3,
        lambda g: edit(g / "s/a/zarr.json", codecs=["crc32c", "bytes"]),
        {("document-broken", "s/a/zarr.json", None)},
    ),
    "a codec that nobody knows": (
        3,
        lambda g: edit(g / "s/a/zarr.json", codecs=["bytes", "acme.squeeze"]),
        {("unsupported", "s/a/zarr.json", None)},
    ),
    "a member that nobody knows": (
        3,
        lambda g: edit(g / "s/a/zarr.json", acme=1),
        {("unsupported", "s/a/zarr.json", None)},
    ),
    "bare NaN": (
        3,
        lambda g: edit(g / "s/a/zarr.json", attributes={"x": float("nan")}),
        {("document-loose", "s/a/zarr.json", None)},
    ),
    "a broken group": (
        3,
        lambda g: (g / "s/zarr.json").write_text("[]"),
        {("document-broken", "s/zarr.json", None), ("hidden", "s/a/zarr.json", None)},
    ),
    "a group without its document": (
        3,
        lambda g: (g / "s/zarr.json").unlink(),
        {("hidden", "s/a/zarr.json", None)},
    ),
    "an array inside an array": (
        3,
        lambda g: shutil.copytree(g / "s/a", g / "b/inner"),
        {("hidden", "b/inner/zarr.json", None)},
    ),
    "an array among an array's keys": (
        3,
        lambda g: shutil.copytree(g / "s/a", g / "b/c/inner"),
        {("hidden", "b/c/inner/zarr.json", None), *(("stray", f"b/c/inner/c/{k}", None) for k in range(2))},
    ),
    "a reserved name": (
        3,
        lambda g: (g / "b").rename(g / "__b"),
        {("reserved-name", "__b", None)},
    ),
    "documents of both formats": (
        3,
        lambda g: (g / "s/.zgroup").write_text('{"zarr_format": 2}'),
        {("two-documents", "s/zarr.json", None)},
    ),
    "a file in a group": (3, lambda g: (g / "s/readme").write_text("x"), {("stray", "s/readme", None)}),
    "a folder in a group": (
        3,
        lambda g: ((g / "s/x/y").mkdir(parents=True), (g / "s/x/y/z").write_text("x")),
        {("stray", "s/x", None)},
    ),
    "v2: JSON that is none": (
        2,
        lambda g: (g / "s/a/.zarray").write_text("{"),
        {("document-broken", "s/a/.zarray", None)},
    ),
    "v2: broken attributes": (
        2,
        lambda g: (g / "s/a/.zattrs").write_text("[1]"),
        {("document-broken", "s/a/.zattrs", None)},
    ),
    "v2: a broken group": (
        2,
        lambda g: (g / "s/.zgroup").write_text('{"zarr_format": 7}'),
        {("document-broken", "s/.zgroup", None), ("hidden", "s/a/.zarray", None)},
    ),
    "v2: a group and an array in one place": (
        2,
        lambda g: (g / "s/a/.zgroup").write_text('{"zarr_format": 2}'),
        {("two-documents", "s/a/.zarray", None)},
    ),
    "v2: a group without its document": (
        2,
        lambda g: ((g / "s/.zgroup").unlink(), (g / "s/.zattrs").unlink(missing_ok=True)),
        {("implicit-group", "s", None)},
    ),
}


@pytest.mark.parametrize("what", DOCUMENT_DAMAGE)
def test_damage_to_documents(tmp_path: Path, what: str) -> None:
    form, damage, expected = DOCUMENT_DAMAGE[what]
    hierarchy(tmp_path, form)
    assert check(tmp_path).findings == ()
    damage(tmp_path)
    report = check(tmp_path)
    assert seen(report) == expected, report
    assert report.damaged == any(CODES[code] == "error" for code, _, _ in expected)


def hierarchy(folder: Path, form: int) -> None:
    dzarr.create_group(folder, zarr_format=form)
    for path in ("s/a", "b"):
        filled(folder, path, shape=(4,), dtype="u1", chunks=(2,), zarr_format=form)


def test_a_broken_root_is_a_finding(tmp_path: Path) -> None:
    hierarchy(tmp_path, 3)
    (tmp_path / "zarr.json").write_text("{")
    expected = {
        ("document-broken", "zarr.json", None),
        ("hidden", "b/zarr.json", None),
        ("hidden", "s/zarr.json", None),
    }
    assert seen(check(tmp_path)) == expected


def test_both_formats_of_an_array_are_checked(tmp_path: Path) -> None:
    filled(tmp_path, shape=(8,), dtype="u1", chunks=(2,), zarr_format=2, codecs={"compressor": None})
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [6],
        "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3]}},
        "chunk_key_encoding": "v2",
        "fill_value": 0,
        "codecs": ["bytes"],
    }
    (tmp_path / "zarr.json").write_text(json.dumps(document))
    codes = {(code, key) for code, key, _ in seen(check(tmp_path))}
    assert codes == {("two-documents", "zarr.json"), ("object-corrupt", "0"), ("object-corrupt", "1")}


# ------------------------------------------------------------------------------------------------------ records


def records(folder: Path, form: Any) -> None:
    """Make a tree with records in its root and in ``s``, written by zarr-python."""
    root = zarr.open_group(folder, mode="w", zarr_format=form)
    root.attrs["title"] = "t"
    for path in ("a", "s/b", "s/deep/c"):
        array = root.create_array(path, shape=(4,), chunks=(2,), dtype="i4", attributes={"units": "m"})
        array[:] = np.arange(1, 5)
    zarr.consolidate_metadata(folder, path="s", zarr_format=form)
    zarr.consolidate_metadata(folder, zarr_format=form)


def document(form: int) -> str:
    return "zarr.json" if form == 3 else ".zarray"


def record(form: int) -> str:
    return "zarr.json" if form == 3 else ".zmetadata"


@pytest.mark.parametrize("form", [2, 3])
def test_a_record_that_says_another_shape(tmp_path: Path, form: int) -> None:
    records(tmp_path, form)
    edit(tmp_path / "s/b" / document(form), shape=[3])
    assert seen(check(tmp_path)) == {("record-stale", record(form), None), ("record-stale", f"s/{record(form)}", None)}
    assert all("shape" in finding.what for finding in check(tmp_path).findings)


@pytest.mark.parametrize("form", [2, 3])
def test_a_record_with_other_attributes(tmp_path: Path, form: int) -> None:
    records(tmp_path, form)
    if form == 3:
        edit(tmp_path / "a/zarr.json", attributes={"units": "km"})
    else:
        edit(tmp_path / "a/.zattrs", units="km")
    report = check(tmp_path)
    assert seen(report) == {("record-attributes", record(form), None)}
    assert not report.damaged


@pytest.mark.parametrize("form", [2, 3])
def test_a_record_of_a_member_that_is_gone(tmp_path: Path, form: int) -> None:
    records(tmp_path, form)
    shutil.rmtree(tmp_path / "a")
    report = check(tmp_path)
    assert {(finding.code, finding.key) for finding in report.findings if finding.severity == "error"} == {
        ("record-stale", record(form))
    }


@pytest.mark.parametrize("form", [2, 3])
def test_a_member_that_no_record_knows(tmp_path: Path, form: int) -> None:
    records(tmp_path, form)
    shutil.copytree(tmp_path / "a", tmp_path / "new")
    (found,) = (finding for finding in check(tmp_path).findings if finding.code == "record-incomplete")
    assert found.severity == "warning"
    assert "'new'" in found.what


@pytest.mark.parametrize("form", [2, 3])
def test_a_broken_record(tmp_path: Path, form: int) -> None:
    records(tmp_path, form)
    edit(tmp_path / record(form), **({"metadata": 3} if form == 2 else {"consolidated_metadata": 3}))
    report = check(tmp_path)
    codes = {(finding.code, finding.key) for finding in report.findings}
    assert ("record-broken" if form == 2 else "document-broken", record(form)) in codes
    assert report.damaged


def test_a_record_that_is_only_spelled_otherwise(tmp_path: Path) -> None:
    records(tmp_path, 3)
    member = json.loads((tmp_path / "a/zarr.json").read_text())
    member["codecs"] = [codec["name"] if not codec.get("configuration") else codec for codec in member["codecs"]]
    member.pop("storage_transformers", None)
    (tmp_path / "a/zarr.json").write_text(json.dumps(member))
    assert check(tmp_path).findings == ()


def test_records_of_dzarr_stay_true(tmp_path: Path) -> None:
    records(tmp_path, 3)
    group = dzarr.open_group(tmp_path, "r+")
    group.create_array("new", shape=(2,), dtype="u1", chunks=(2,))[:] = 1
    group["a"].attrs["more"] = 1
    del group["s/b"]
    assert check(tmp_path).findings == ()


# ---------------------------------------------------------------------------------------------------- leftovers


@pytest.fixture
def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_temporaries(tmp_path: Path, dead: int) -> None:
    filled(tmp_path, "a", **PLAIN)
    folder = tmp_path / "a/.dzarr/tmp"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{HOST}-{dead}-0123456789abcdef").touch()
    (folder / f"{HOST}-{os.getpid()}-0123456789abcdef").touch()
    old = tmp_path / ".dz-01234567"
    old.touch()
    os.utime(old, (1e9, 1e9))
    (tmp_path / ".dz-89abcdef").touch()
    (tmp_path / ".dz-lock").touch()
    assert seen(check(tmp_path)) == {
        ("leftover", f"a/.dzarr/tmp/{HOST}-{dead}-0123456789abcdef", None),
        ("being-written", f"a/.dzarr/tmp/{HOST}-{os.getpid()}-0123456789abcdef", None),
        ("leftover", ".dz-01234567", None),
        ("being-written", ".dz-89abcdef", None),
    }
    assert LocalStore(tmp_path).sweep("") == 1
    assert LocalStore(tmp_path).sweep("a") == 1
    assert {code for code, _, _ in seen(check(tmp_path))} == {"being-written"}


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        ({"state": "writing", "host": socket.gethostname(), "pid": "dead"}, "claim-dead"),
        ({"state": "writing", "host": socket.gethostname(), "pid": os.getpid()}, "being-written"),
        ({"state": "writing", "host": "elsewhere", "pid": "dead"}, "being-written"),
        ({"state": "abandoned", "host": "elsewhere", "pid": 1}, "claim-dead"),
        ({"state": "published", "host": socket.gethostname(), "pid": "dead"}, "claim-dead"),
        ("no claim at all", "claim-dead"),
    ],
)
@pytest.mark.parametrize("published", [True, False])
def test_claims(tmp_path: Path, dead: int, claim: Any, code: str, published: bool) -> None:
    dzarr.create_group(tmp_path)
    filled(tmp_path, "a", **PLAIN)
    if not published:
        (tmp_path / "a/zarr.json").unlink()
    (tmp_path / "a/.dzarr").mkdir(exist_ok=True)
    if isinstance(claim, dict) and claim["pid"] == "dead":
        claim = claim | {"pid": dead}
    (tmp_path / "a/.dzarr/claim").write_text(json.dumps(claim))
    report = check(tmp_path)
    assert seen(report) == {(code, "a/.dzarr/claim", None)}
    assert not report.damaged


def test_the_claim_of_a_store_that_failed(tmp_path: Path) -> None:
    import dask.array as da

    def fail(block: Any) -> Any:
        raise ValueError("no")

    dzarr.create_group(tmp_path)
    broken = da.ones((8,), chunks=4).map_blocks(fail, dtype="f8", meta=np.empty((0,)))
    with pytest.raises(ValueError, match="no"):
        dzarr.store(broken, tmp_path / "new", chunks=(4,))
    assert seen(check(tmp_path)) == {("claim-dead", "new/.dzarr/claim", None)}


# ---------------------------------------------------------------------------------- stores that can't be listed


class Unlisted:
    """A store that answers by name alone."""

    def __init__(self, inner: MemoryStore) -> None:
        self._inner = inner
        self.token = inner.token
        self.can = Capabilities(set_if=False, list=False, versions=True, local_path=False, writable=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def list(self, prefix: str) -> Iterator[str]:
        raise AssertionError("it was listed")

    def list_dir(self, prefix: str) -> Iterator[str]:
        raise AssertionError("it was listed")


@pytest.mark.parametrize("form", [2, 3])
def test_a_store_that_cannot_be_listed(form: int) -> None:
    inner = MemoryStore()
    group = dzarr.create_group(inner, zarr_format=form)
    filled(inner, "s/a", shape=(4,), dtype="u1", chunks=(2,), zarr_format=form)
    report = check(Unlisted(inner))
    assert {finding.code for finding in report.findings} == {"not-checked"}
    assert report.tally.arrays == 0

    array = "s/a/zarr.json" if form == 3 else "s/a/.zarray"
    member = json.loads(bytes(inner.get(array)[0]))  # type: ignore[index]
    if form == 3:
        own = json.loads(bytes(inner.get("zarr.json")[0]))  # type: ignore[index]
        middle = {"zarr_format": 3, "node_type": "group", "attributes": {}}
        own["consolidated_metadata"] = {
            "kind": "inline",
            "must_understand": False,
            "metadata": {"s": middle, "s/a": member, "gone": middle},
        }
        inner.set("zarr.json", [json.dumps(own).encode()])
    else:
        entries = {".zgroup": {"zarr_format": 2}, "s/.zgroup": {"zarr_format": 2}, "gone/.zgroup": {"zarr_format": 2}}
        own = {"zarr_consolidated_format": 1, "metadata": entries | {"s/a/.zarray": member}}
        inner.set(".zmetadata", [json.dumps(own).encode()])
    report = check(Unlisted(inner))
    assert {finding.code for finding in report.findings} == {"not-checked", "record-stale"}
    assert (report.tally.arrays, report.tally.groups, report.tally.objects) == (1, 2, 2)
    inner.delete("s/a/c/1" if form == 3 else "s/a/1")
    report = check(Unlisted(inner), options=dzarr.Options(missing="error"))
    assert ("object-missing", "s/a/c/1" if form == 3 else "s/a/1", None) in seen(report)
    assert report.tally.missing == 1
    assert group.path == ""


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_a_zip_file(tmp_path: Path, compression: int) -> None:
    hierarchy(tmp_path / "g", 3)
    filled(tmp_path / "g", "sharded", **SUMMED)
    with zipfile.ZipFile(tmp_path / "g.zip", "w", compression) as file:
        for path in sorted((tmp_path / "g").rglob("*")):
            if path.is_file() and ".dzarr" not in path.parts:
                file.write(path, path.relative_to(tmp_path / "g").as_posix())
    report = check(tmp_path / "g.zip")
    assert report.findings == ()
    assert (report.tally.arrays, report.tally.objects) == (3, 6)
    with zipfile.ZipFile(tmp_path / "g.zip", "a", compression) as file:
        file.writestr("sharded/c/2", b"x")
        file.writestr("b/c/notes", b"x")
    assert seen(check(tmp_path / "g.zip")) == {("orphan", "sharded/c/2", None), ("stray", "b/c/notes", None)}


def test_a_web_server(tmp_path: Path) -> None:
    records(tmp_path / "g", 3)
    (tmp_path / "g/s/b/c/1").write_bytes(b"broken")
    with served(str(tmp_path / "g")) as url:
        report = check(url)
    assert {(code, key) for code, key, _ in seen(report)} == {("not-checked", "/"), ("object-corrupt", "s/b/c/1")}
    assert report.tally.arrays == 3


# ------------------------------------------------------------------------------------------------------- report


def test_the_json_is_stable(tmp_path: Path) -> None:
    hierarchy(tmp_path, 3)
    flip(tmp_path / "s/a/c/1", 0)
    (tmp_path / "s/notes").touch()
    plain = json.loads(json.dumps(check(tmp_path).as_json()))
    assert set(plain) == {
        "schema", "dzarr", "store", "path", "deep", "seconds", "looked_at", "counts", "findings", "left_out",
    }  # fmt: skip
    assert plain["schema"] == 1
    assert plain["dzarr"] == dzarr.__version__
    assert plain["counts"] == {"error": 1, "warning": 1, "note": 0}
    assert set(plain["looked_at"]) == {"arrays", "groups", "objects", "chunks", "missing", "bytes"}
    first, second = plain["findings"]
    assert {name: first[name] for name in ("severity", "code", "node", "key", "fix")} == {
        "severity": "warning", "code": "stray", "node": "s", "key": "s/notes", "fix": "move it elsewhere",
    }  # fmt: skip
    assert "zstd" in second["what"]
    assert (second["severity"], second["code"], second["node"], second["key"], second["chunk"]) == (
        "error", "object-corrupt", "s/a", "s/a/c/1", [1],
    )  # fmt: skip


def test_the_codes_are_pinned() -> None:
    assert {severity: sorted(code for code in CODES if CODES[code] == severity) for severity in CODES.values()} == {
        "error": [
            "document-broken", "hidden", "object-corrupt", "object-missing", "object-unreadable", "record-broken",
            "record-stale",
        ],
        "warning": [
            "claim-dead", "document-loose", "index-overlap", "leftover", "orphan", "record-attributes",
            "record-incomplete", "reserved-name", "stray", "two-documents", "unsupported",
        ],
        "note": ["being-written", "implicit-group", "not-checked", "object-changing", "objects-missing"],
    }  # fmt: skip


def test_hostile_names_are_printed_harmlessly(tmp_path: Path) -> None:
    dzarr.create_group(tmp_path)
    (tmp_path / "a\x1b[31mred\nline").touch()
    text = repr(check(tmp_path))
    assert "\x1b" not in text
    assert "a\\x1b[31mred\\nline" in text


def test_findings_know_how_bad_they_are() -> None:
    assert Finding("hidden", "", "", "").severity == "error"


def test_watchers_see_progress(tmp_path: Path) -> None:
    filled(tmp_path, **PLAIN)
    told: list[tuple[int, int]] = []
    check(tmp_path, watch=lambda tally, findings: told.append((tally.objects, findings)))
    assert told[-1] == (2, 0)

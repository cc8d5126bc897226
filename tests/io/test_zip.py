"""Zip archives: read in place whoever made them, refused when they lie, written by one writer and finished at once.

The oracles are Python's zipfile and zarr-python's ZipStore, in both directions. What every store promises is in
test_store_contract.py.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
import random
import struct
import tracemalloc
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.errors import (
    CorruptObjectError,
    DzarrError,
    NodeExistsError,
    NodeNotFoundError,
    ReadOnlyError,
    StoreError,
    UnsupportedError,
)
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.open import open_store
from dzarr.io.remote import DIGESTED, RemoteStore
from dzarr.io.store import TooLarge, VersionChanged, Want
from dzarr.io.zip import ZipStore
from dzarr.io.zip_records import directory_end, directory_entry, read_directory
from dzarr.io.zip_writer import ZipWriter

BODIES = {"zarr.json": b"{}", "a/c/0": bytes(range(256)) * 40, "a/c/1": b"", "a/é/日本": b"named"}


def archive(path, bodies=BODIES, method=zipfile.ZIP_STORED, **how):
    with zipfile.ZipFile(path, "w", method, **how) as file:
        for name, body in bodies.items():
            file.writestr(name, body)
    return path


def in_memory(data):
    base = MemoryStore()
    base.set("x.zip", [data])
    return ZipStore(base, "x.zip")


def made(bodies=BODIES, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    archive(file, bodies, method)
    return file.getvalue()


def one(store, *wants):
    return [parts for _, parts in sorted(store.fetch(wants), key=lambda answer: answer[0])]


def body(store, key):
    found = store.get(key)
    return None if found is None else bytes(found[0])


def check(store, bodies=BODIES):
    for key, expected in bodies.items():
        assert body(store, key) == expected
        assert store.head(key) == (len(expected), store.get(key)[1])
        n = len(expected)
        spans = ((0, n), (n // 3, n // 2), (n // 2, None), (0, 0)) + (((-(n // 2), None),) if n > 1 else ())
        (parts,) = one(store, Want(key, spans, store.head(key)[1]))
        expectations = [expected[a : n if b is None else b] for a, b in spans[:4]] + [expected[-(n // 2) :]]
        assert [bytes(buffer) for buffer in parts.buffers] == expectations[: len(spans)]
        for outside in ((0, n + 1), (n + 1, None), (-n - 1, None)):
            with pytest.raises(StoreError):
                one(store, Want(key, (outside,)))
    assert sorted(store.list("")) == sorted(bodies)


# Reading


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_zipfile_writes(tmp_path, method):
    store = open_store(archive(tmp_path / "x.zip", method=method))
    check(store)
    assert sorted(store.list_dir("a")) == ["c/", "é/"]
    for key in ("a", "a/c", "a/c/2", "nothing"):
        assert store.get(key) is None
        assert store.head(key) is None
        assert one(store, Want(key, ((0, 1),))) == [None]
        with pytest.raises(VersionChanged):
            one(store, Want(key, (), "a version"))
    assert store.can.list
    assert store.can.versions
    assert not store.can.writable
    assert not store.can.set_if


def test_what_is_named_an_archive(tmp_path):
    archive(tmp_path / "x.zip")
    archive(tmp_path / "x.ozx")
    archive(tmp_path / "named_otherwise")
    (tmp_path / "folder.zip").mkdir()
    for name in ("x.zip", "x.ozx", "named_otherwise"):
        for url in (str(tmp_path / name), tmp_path / name, f"file://{tmp_path}/{name}", f"zip://{tmp_path}/{name}"):
            store = open_store(url)
            assert store.token == f"zip://{tmp_path}/{name}"
            assert open_store(store.token) == store
            assert body(store, "zarr.json") == b"{}"
        assert open_store(f"zip::{tmp_path}/{name}") == store
    assert isinstance(open_store(tmp_path / "folder.zip"), LocalStore)


def test_nothing_there_is_nothing_found(tmp_path):
    store = open_store(tmp_path / "x.zip")
    assert store.get("zarr.json") is None
    assert list(store.list("")) == []
    with pytest.raises(NodeNotFoundError, match=r"x\.zip"):
        dzarr.open(tmp_path / "x.zip")
    with pytest.raises(ReadOnlyError, match="mode='w'"):
        dzarr.create(tmp_path / "x.zip", shape=3, dtype="u1")
    assert list(tmp_path.iterdir()) == []
    archive(tmp_path / "x.zip")
    assert body(store, "zarr.json") == b"{}"


def test_sizes_that_follow_the_data(tmp_path):
    # A writer that can't seek leaves them out of the local header (a "data descriptor").
    class Unseekable(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise OSError

        def tell(self):
            raise OSError

    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = Unseekable()
        with zipfile.ZipFile(file, "w", method) as writing:
            for name, data in BODIES.items():
                with writing.open(name, "w") as entry:
                    entry.write(data)
        check(in_memory(file.getvalue()))


def test_64_bit_archives(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writing:
        for name, data in BODIES.items():
            with writing.open(name, "w", force_zip64=True) as entry:
                entry.write(data)
    check(in_memory(file.getvalue()))


def test_comments_and_what_was_put_before(tmp_path):
    file = io.BytesIO(b"#!/bin/sh\nexit\n")
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "a") as writing:
        writing.comment = b"PK\5\6 is no end" * 3
        for name, data in BODIES.items():
            writing.writestr(name, data)
    check(in_memory(file.getvalue()))
    check(in_memory(b"prefix" + made()))


def test_folders_and_names_of_old_tools():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writing:
        writing.mkdir("a/")
        writing.writestr("a/0", b"1")
    assert list(in_memory(file.getvalue()).list("")) == ["a/0"]
    old = made({"a/é": b"1"}).replace(b"\xc3\xa9", b"\x82x").replace(b"\0\x08\0\0", b"\0\0\0\0")
    assert body(in_memory(old), "a/éx") == b"1"  # code page 437, where the flag does not say UTF-8


def test_the_last_of_two_entries_counts():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writing:
        writing.writestr("zarr.json", b"old")
        with pytest.warns(UserWarning, match="Duplicate"):
            writing.writestr("zarr.json", b"newer")
    store = in_memory(file.getvalue())
    assert body(store, "zarr.json") == b"newer"
    assert list(store.list("")) == ["zarr.json"]


def test_dzarr_own_names_and_empty_archives():
    assert list(in_memory(made({})).list("")) == []
    store = in_memory(made({"a/.dzarr/tmp/1": b"", "a/0": b""}))
    assert list(store.list("")) == ["a/0"]
    assert list(store.list_dir("a")) == ["0"]


def test_an_archive_that_is_replaced(tmp_path):
    path = archive(tmp_path / "x.zip")
    store, other = open_store(path), open_store(path)
    version = store.head("a/c/0")[1]
    assert body(other, "zarr.json") == b"{}"
    archive(tmp_path / "y.zip", {"a/c/0": b"new", "zarr.json": b"[]", "b": b""}).replace(path)
    with pytest.raises(VersionChanged):
        one(store, Want("a/c/0", ((0, 1),), version))
    assert body(store, "a/c/0") == b"new"
    assert body(other, "b") == b""  # not missing before the archive was looked at again
    assert store.head("a/c/0")[1] == other.get("a/c/0")[1] != version
    path.unlink()
    assert store.head("zarr.json") is None
    assert list(store.list("")) == []


def test_an_archive_that_is_replaced_where_nothing_has_a_version():
    def archive(value, padding):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as written:
            written.writestr("pad", bytes(padding))
            written.writestr("a", value * 100)
        return file.getvalue()

    base = RemoteStore("memory://replaced-archive")
    base.set("x.zip", [archive(b"1", DIGESTED)])
    store = ZipStore(base, "x.zip")
    for value, padding in ((b"1", 0), (b"2", DIGESTED + 50), (b"3", DIGESTED + 7)):
        if padding:
            base.set("x.zip", [archive(value, padding)])
        ((_, parts),) = store.fetch([Want("a", ((10, 20),))])
        assert bytes(parts.buffers[0]) == value * 10
    base.delete_dir("")


def test_it_is_read_from_anywhere(tmp_path, web):
    array = np.arange(10000.0).reshape(100, 100)
    with open_store(tmp_path / "x.zarr.zip", mode="w") as writing:
        a = dzarr.create(writing, path="a", shape=array.shape, dtype="f8", chunks=(10, 10), shards=(50, 50))
        a[...] = array
    web.serve_folder(tmp_path)
    store = open_store(f"{web.url}/x.zarr.zip")
    a = dzarr.open_array(store, path="a")
    np.testing.assert_array_equal(a[3:60, 20:30].read(), array[3:60, 20:30])
    np.testing.assert_array_equal(a.read(), array)
    assert web.requests("GET") < 20
    web.asked.clear()
    with dzarr.observe() as seen:
        store.get("a/zarr.json")
    assert web.requests() == seen.requests == 1  # counted once, by the store that it is in
    assert body(ZipStore(RemoteStore(web.url), "x.zarr.zip"), "a/zarr.json") is not None
    assert store.token == f"zip::{web.url}/x.zarr.zip"
    assert open_store(store.token) == store
    assert pickle.loads(pickle.dumps(store)) == store


# Lies


def patched(data, what, offset, form, value, entry=0):
    """Return an archive with one field of a local header ("PK\\3\\4") or directory entry ("PK\\1\\2") changed."""
    at = -1
    for _ in range(entry + 1):
        at = data.index(what, at + 1)
    return data[: at + offset] + struct.pack(form, value) + data[at + offset + struct.calcsize(form) :]


LOCAL, ENTRY, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


@pytest.mark.parametrize(
    ("what", "offset", "form", "value", "error", "words"),
    [
        (ENTRY, 8, "<H", 1, UnsupportedError, "encrypted"),
        (LOCAL, 6, "<H", 1, CorruptObjectError, "not what the directory says"),
        (ENTRY, 10, "<H", 12, UnsupportedError, "bzip2"),
        (ENTRY, 10, "<H", 77, UnsupportedError, "method 77"),
        (LOCAL, 8, "<H", 8, CorruptObjectError, "not what the directory says"),
        (ENTRY, 16, "<L", 1, CorruptObjectError, "checksum"),
        (ENTRY, 20, "<L", 5, CorruptObjectError, "lies about its size"),
        (ENTRY, 24, "<L", 1 << 31, CorruptObjectError, "lies about its size"),
        (ENTRY, 42, "<L", 4000, CorruptObjectError, "overlaps|no zip entry"),
        (ENTRY, 42, "<L", (1 << 32) - 2, CorruptObjectError, "overlaps"),
        (ENTRY, 28, "<H", 60000, CorruptObjectError, "cut short"),
        (ENTRY, 0, "<L", 7, CorruptObjectError, "overwritten"),
        (LOCAL, 26, "<H", 3, CorruptObjectError, "not what the directory says"),
        (LOCAL, 28, "<H", 60000, CorruptObjectError, "overlaps"),
        (LOCAL, 0, "<L", 7, CorruptObjectError, "no zip entry"),
        (END, 4, "<H", 1, UnsupportedError, "several parts"),
        (END, 10, "<H", 2, UnsupportedError, "several parts"),
        (END, 12, "<L", 1 << 31, CorruptObjectError, "directory"),
        (END, 16, "<L", 1 << 31, CorruptObjectError, "directory"),
        (END, 20, "<H", 1, CorruptObjectError, "no end"),
    ],
)
def test_archives_that_lie(what, offset, form, value, error, words):
    store = in_memory(patched(made({"a/c/0": b"1234567890" * 100}), what, offset, form, value))
    with pytest.raises(error, match=words):
        store.get("a/c/0")
    for want in (Want("a/c/0", ((0, 5),)), Want("a/c/0", lend=True, most=100_000)):
        try:
            one(store, want)
        except (DzarrError, TooLarge):
            continue
        assert words == "checksum"  # which a range can't tell
        assert want.ranges


def test_sizes_that_were_not_worth_a_field():
    data = patched(made({"a": b"12345"}), ENTRY, 20, "<L", 0xFFFFFFFF)
    with pytest.raises(CorruptObjectError, match="64-bit"):
        in_memory(data).get("a")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a//b", "..", "c:\\x", "a/./b", "a\0b", "../"])
def test_names_that_lead_out(name):
    # zipfile refuses some of them, so a harmless name of the same length is changed.
    data = made({"x" * len(name): b"1"}).replace(b"x" * len(name), name.encode())
    with pytest.raises(CorruptObjectError, match="leads out"):
        in_memory(data).get("zarr.json")


def test_overlapping_entries():
    # Two entries that share their bytes: how small archives unpack to terabytes.
    data = made({"a": b"1" * 100, "b": b"2" * 100})
    twice = patched(data, ENTRY, 42, "<L", 0, entry=1)
    store = in_memory(twice)
    with pytest.raises(CorruptObjectError, match=r"overlaps|not what the directory says"):
        store.get("b") and store.get("a")
    within = patched(data, ENTRY, 42, "<L", 10, entry=1)
    with pytest.raises(CorruptObjectError, match=r"overlaps|no zip entry"):
        in_memory(within).get("a")


def test_what_inflates_to_too_much():
    bomb = made({"a": b"\0" * 50_000_000}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 60_000
    store = in_memory(bomb)
    tracemalloc.start()
    with pytest.raises(TooLarge):
        one(store, Want("a", most=1_000_000))
    small = ZipStore(store.base, "x.zip", most=1_000_000)
    for act in (lambda: small.get("a"), lambda: one(small, Want("a", ((0, 1),)))):
        with pytest.raises(StoreError, match="too large"):
            act()
    # It says 1 kB, and would be 50 MB.
    lying = in_memory(patched(bomb, ENTRY, 24, "<L", 1000))
    with pytest.raises(CorruptObjectError, match="lies about its size"):
        lying.get("a")
    # It says 4 GB in a few bytes.
    with pytest.raises(CorruptObjectError, match="lies about its size"):
        in_memory(patched(bomb, ENTRY, 24, "<L", 0xFFFFFFFE)).get("a")
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
    assert body(store, "a") == b"\0" * 50_000_000


def test_a_directory_that_is_a_hole(tmp_path):
    # A sparse file of a terabyte whose end says that nearly all of it is the directory.
    with (tmp_path / "x.zip").open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0, io.SEEK_END)
        size = (1 << 40) - 1000
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 5, 5, size, 1000))
        file.write(
            struct.pack("<4sLQL", b"PK\6\7", 0, 1 << 40, 1)
            + struct.pack("<4s4H2LH", END, *[0xFFFF] * 0, 0, 0, 5, 5, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        )
    with pytest.raises(UnsupportedError, match="too large"):
        open_store(tmp_path / "x.zip").get("zarr.json")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_cut_short_anywhere(method):
    data = made({"zarr.json": b'{"zarr_format": 3}', "a/0": b"1234" * 20}, method)
    for n in range(len(data)):
        with pytest.raises(CorruptObjectError):
            in_memory(data[:n]).get("zarr.json")


_FUZZED = [
    made({"zarr.json": b'{"a": 1}', "a/0": b"1234" * 20, "é": b""}, zipfile.ZIP_STORED),
    made({"zarr.json": b'{"a": 1}', "a/0": b"1234" * 20, "é": b""}, zipfile.ZIP_DEFLATED),
]


def fuzz(data, changes, cut):
    changed = bytearray(data)
    for at, value in changes:
        changed[at % len(changed)] = value
    store = in_memory(bytes(changed[: len(changed) - cut % 40]))
    for act in (
        lambda: list(store.list("")),
        lambda: store.get("a/0"),
        lambda: store.get("zarr.json"),
        lambda: one(store, Want("a/0", ((2, 5), (-3, None)), lend=True)),
    ):
        with suppress(DzarrError, TooLarge):
            act()


_changes = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=6)


@given(st.sampled_from(_FUZZED), _changes, st.sampled_from([0, 0, 0, 1, 22, 30]))
@settings(max_examples=600)
def test_mutated_archives_give_errors_of_ours_only(data, changes, cut):
    fuzz(data, changes, cut)


@pytest.mark.soak
def test_many_mutated_archives():
    chance = random.Random(0)
    for _ in range(200_000):
        changes = [(chance.randrange(1000), chance.randrange(256)) for _ in range(chance.randrange(1, 6))]
        fuzz(chance.choice(_FUZZED), changes, chance.choice([0, 0, 0, 1, 22, 30]))


# Writing


def test_the_archive_appears_when_it_is_finished(tmp_path):
    path = tmp_path / "x.zip"
    with open_store(path, mode="w") as store:
        store.set("zarr.json", [b"{}"])
        store.set("a/c/0", [b"one", np.arange(3, dtype="u1")])
        assert not path.exists()
        assert [entry.name[:4] for entry in tmp_path.iterdir()] == [".dz-"]
        assert body(store, "a/c/0") == b"one\0\1\2"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.zip"]
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert {name: file.read(name) for name in file.namelist()} == {"zarr.json": b"{}", "a/c/0": b"one\0\1\2"}
        assert {entry.compress_type for entry in file.infolist()} == {zipfile.ZIP_STORED}
        assert file.infolist()[0].external_attr >> 16 == 0o100644
    assert body(store, "a/c/0") == b"one\0\1\2"  # it reads on
    for act in (
        lambda: store.set("b", [b""]),
        lambda: store.set_if("b", [b""], None),
        lambda: store.delete("zarr.json"),
        lambda: store.delete_dir(""),
        store.finish,
    ):
        with pytest.raises(ReadOnlyError, match="finished"):
            act()
    assert not store.can.writable


def test_what_is_read_back_is_what_was_written(tmp_path):
    bodies = {**BODIES, "a/" + "n" * 300: b"1", "large": os.urandom(3_000_000)}
    with open_store(tmp_path / "x.zip", mode="w") as store:
        for key, data in bodies.items():
            store.set(key, [b"something else"])
            store.set(key, [data])
        store.set("gone", [b"1"])
        store.delete("gone")
        store.set("a/.dzarr/claim", [b"1"])
        check(store, bodies)
    check(open_store(tmp_path / "x.zip"), bodies)
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        assert file.testzip() is None
        assert {name: file.read(name) for name in file.namelist()} == bodies


def test_documents_come_first_from_the_root_down(tmp_path):
    with open_store(tmp_path / "x.zip", mode="w") as store:
        for key in ("a/b/c/1", "a/b/zarr.json", "a/b/c/0", "a/zarr.json", "zarr.json"):
            store.set(key, [b"1"])
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        assert file.namelist() == ["zarr.json", "a/zarr.json", "a/b/zarr.json", "a/b/c/1", "a/b/c/0"]


def test_an_exception_leaves_everything_as_it_was(tmp_path):
    path = archive(tmp_path / "x.zip")
    before = path.read_bytes()
    store = open_store(path, mode="w")
    with suppress(ZeroDivisionError), store:
        store.set("zarr.json", [b"new"])
        raise ZeroDivisionError
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ReadOnlyError, match="abandoned"):
        store.set("b", [b""])
    unfinished = open_store(path, mode="w")
    unfinished.set("zarr.json", [b"new"])
    assert len(list(tmp_path.iterdir())) == 2
    del unfinished
    gc.collect()
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_and_creating(tmp_path):
    path = archive(tmp_path / "x.zip")
    with open_store(path, mode="w") as store:
        store.set("only", [b"1"])
        assert body(open_store(path), "zarr.json") == b"{}"
    assert list(open_store(path).list("")) == ["only"]
    with pytest.raises(NodeExistsError):
        open_store(path, mode="x")
    first, second = open_store(tmp_path / "y.zip", mode="x"), open_store(f"zip://{tmp_path}/y.zip", mode="x")
    first.set("first", [b""])
    first.finish()
    with pytest.raises(NodeExistsError, match="meanwhile"):
        second.finish()
    second.abandon()
    assert list(open_store(tmp_path / "y.zip").list("")) == ["first"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["x.zip", "y.zip"]


@pytest.mark.parametrize("durability", ["file", "full"])
def test_durable_archives(tmp_path, durability):
    with open_store(tmp_path / "x.zip", mode="x", durability=durability) as store:
        store.set("a", [b"1"])
    assert body(open_store(tmp_path / "x.zip"), "a") == b"1"


def test_modes_and_places_that_mean_nothing(tmp_path):
    for url, mode in ((tmp_path, "w"), ("memory://x", "w"), (tmp_path / "x.zip", "a"), ("https://h/x.zip", "w")):
        with pytest.raises(UnsupportedError, match="mode"):
            open_store(url, mode=mode)
    with pytest.raises(UnsupportedError, match="mode"):
        open_store(MemoryStore(), mode="w")
    with pytest.raises(StoreError, match="could not make"):
        open_store(tmp_path / "not" / "there" / "x.zip", mode="w")
    with pytest.raises(UnsupportedError, match="storage_options"):
        open_store(tmp_path / "x.zip", mode="w", storage_options={"a": 1})


def test_an_archive_that_exists_is_never_changed(tmp_path):
    store = open_store(archive(tmp_path / "x.zip"))
    before = (tmp_path / "x.zip").read_bytes()
    for act in (
        lambda: store.set("b", [b""]),
        lambda: store.set_if("b", [b""], None),
        lambda: store.delete("zarr.json"),
        lambda: store.delete_dir("a"),
    ):
        with pytest.raises(ReadOnlyError, match="finished zip archive"):
            act()
    assert (tmp_path / "x.zip").read_bytes() == before


def test_only_the_process_that_made_it_writes(tmp_path, processes):
    store = open_store(tmp_path / "x.zip", mode="w")
    store.set("a", [b"1"])
    text = """
        import pickle, sys
        from dzarr.errors import StoreError
        try:
            print(bytes(pickle.loads(bytes.fromhex(sys.argv[1])).get("a")[0]))
        except StoreError as error:
            print(error.message)
        """
    (printed,) = processes.run(1, text, pickle.dumps(store).hex())
    assert "one process only" in printed
    assert pickle.loads(pickle.dumps(store)) is store
    store.finish()
    (printed,) = processes.run(1, text, pickle.dumps(store).hex())
    assert printed.strip() == "b'1'"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_keeps_its_hands_off(tmp_path):
    store = open_store(tmp_path / "x.zip", mode="w")
    store.set("a", [b"1"])
    child = os.fork()
    if not child:
        status = 1
        try:
            try:
                store.set("b", [b"2"])
            except StoreError:
                store.abandon()
                del store
                gc.collect()
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    store.finish()
    assert list(open_store(tmp_path / "x.zip").list("")) == ["a"]


@pytest.mark.parametrize("key", ["a" * 70_000, "é" * 40_000, "a\ud800"])
def test_keys_that_no_archive_can_hold(tmp_path, key):
    with open_store(tmp_path / "x.zip", mode="w") as store:
        with pytest.raises(StoreError):
            store.set(key, [b"1"])
        store.set("a" * 65_535, [b"2"])
    assert list(open_store(tmp_path / "x.zip").list("")) == ["a" * 65_535]


def test_a_killed_writer_leaves_the_old_archive(tmp_path, processes):
    path = archive(tmp_path / "x.zip")
    before = path.read_bytes()
    process = processes.start(
        """
        import sys
        from dzarr.io.open import open_store
        store = open_store(sys.argv[1], mode="w")
        store.set("a", [b"1" * 1000])
        print("written", flush=True)
        sys.stdin.read()
        """,
        path,
    )
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.wait()
    assert path.read_bytes() == before
    assert sorted(entry.name[:4] for entry in tmp_path.iterdir()) == [".dz-", "x.zi"]
    assert sorted(LocalStore(tmp_path).list("")) == ["x.zip"]


def test_threads_write_together(tmp_path):
    with open_store(tmp_path / "x.zip", mode="w") as store, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.set(f"a/{i}", [bytes([i]) * 10_000]), range(200)))
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        assert all(file.read(f"a/{i}") == bytes([i]) * 10_000 for i in range(200))


def test_more_entries_than_16_bits_count(tmp_path):
    with open_store(tmp_path / "x.zip", mode="w") as store:
        for i in range(66_000):
            store.set(f"{i}", [])
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        assert len(file.namelist()) == 66_000
    store = open_store(tmp_path / "x.zip")
    assert sum(1 for _ in store.list("")) == 66_000
    assert body(store, "65999") == b""


def test_offsets_beyond_32_bits(tmp_path):
    with open_store(tmp_path / "x.zip", mode="w") as store:
        store.set("first", [b"1"])
        store._end = 5 << 30  # a hole, as if so much had been written
        store.set("zarr.json", [b"{}"])
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        assert file.read("zarr.json") == b"{}"
        assert file.read("first") == b"1"
    assert body(open_store(tmp_path / "x.zip"), "zarr.json") == b"{}"


def test_sizes_beyond_32_bits():
    stamp, size = (33, 0), 6 << 30
    entries = directory_entry("big", 0, size, 7, stamp) + directory_entry("far", size + 100, 3, 8, stamp)
    end = directory_end(2, size + 200, len(entries))

    def read(start, stop):
        start, stop = start - size - 200, stop - size - 200
        return (entries + end)[max(0, start) : stop] if start >= 0 else b"\0" * -start + (entries + end)[:stop]

    found = read_directory(read, size + 200 + len(entries) + len(end), "x.zip")
    assert (found["big"].size, found["big"].packed, found["big"].offset, found["big"].bound) == (
        size,
        size,
        0,
        size + 100,
    )
    assert (found["far"].size, found["far"].offset, found["far"].bound) == (3, size + 100, size + 200)


def test_a_full_disk_is_an_error_that_names_the_key(tmp_path, monkeypatch):
    store = open_store(tmp_path / "x.zip", mode="w")
    store.set("a", [b"1"])

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("dzarr.io.atomic.write_parts", full)
        with pytest.raises(StoreError, match="No space left") as caught:
            store.set("b", [b"2"])
        assert caught.value.key == "b"
        with pytest.raises(StoreError, match="No space left"):
            store.finish()
    store.set("c", [b"3"])
    store.finish()
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        assert {name: file.read(name) for name in file.namelist()} == {"a": b"1", "c": b"3"}


# Arrays, and peers


def test_a_graph_fills_an_archive(tmp_path):
    values = np.random.default_rng(0).integers(0, 100, (60, 50), "i4")
    with open_store(tmp_path / "x.zarr.zip", mode="w") as store:
        root = dzarr.create_group(store, attributes={"title": "zipped"})
        result = dzarr.store(da.from_array(values, chunks=(20, 25)), store, path="a", chunks=(5, 5), shards=(20, 25))
        b = root.create_array("b", shape=values.shape, dtype="i4", chunks=(7, 9))
        b[...] = 0
        b[3:50, 2:40] = values[3:50, 2:40]  # objects in part: read, merged, replaced
        b.attrs["unit"] = "m"
        np.testing.assert_array_equal(result.array.read(), values)
    root = dzarr.open_group(tmp_path / "x.zarr.zip")
    assert root.attrs["title"] == "zipped"
    np.testing.assert_array_equal(root["a"].compute(), values)
    np.testing.assert_array_equal(root["b"].read()[3:50, 2:40], values[3:50, 2:40])
    assert root["b"].attrs["unit"] == "m"
    with zarr.storage.ZipStore(tmp_path / "x.zarr.zip") as peer:
        group = zarr.open_group(peer, mode="r")
        np.testing.assert_array_equal(group["a"][...], values)
        np.testing.assert_array_equal(group["b"][...], root["b"].read())
        assert dict(group["b"].attrs) == {"unit": "m"}
    with pytest.raises(ReadOnlyError):
        dzarr.open_group(tmp_path / "x.zarr.zip", "r+").attrs["title"] = "other"
    with zipfile.ZipFile(tmp_path / "x.zarr.zip") as file:
        assert not [name for name in file.namelist() if ".dz" in name]


def test_a_cluster_writes_no_archive(tmp_path, client):
    with open_store(tmp_path / "x.zip", mode="w") as store:
        with pytest.raises(StoreError, match="one process"):
            dzarr.store(da.ones((4, 4), chunks=2), store)
        dzarr.store(da.ones((4, 4), chunks=2), store, compute=False).compute(scheduler="threads")
    assert dzarr.open_array(tmp_path / "x.zip").read().sum() == 16


def test_a_cluster_reads_an_archive(tmp_path, client):
    values = np.arange(400.0).reshape(20, 20)
    with open_store(tmp_path / "x.zip", mode="w") as store:
        dzarr.create(store, shape=values.shape, dtype="f8", chunks=(5, 5))[...] = values
    assert float((dzarr.open_array(tmp_path / "x.zip") + 1).sum().compute()) == values.sum() + 400


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(("zarr_format", "shards"), [(2, None), (3, None), (3, (20, 30))])
def test_what_zarr_python_writes(tmp_path, compression, zarr_format, shards):
    values = np.random.default_rng(1).normal(size=(40, 60))
    with zarr.storage.ZipStore(tmp_path / "x.zip", mode="w", compression=compression) as peer:
        group = zarr.open_group(peer, mode="w", zarr_format=zarr_format)
        a = group.create_array("deep/a", shape=values.shape, dtype="f8", chunks=(10, 15), shards=shards)
        a[...] = values
    root = dzarr.open_group(tmp_path / "x.zip")
    assert list(root) == ["deep"]
    a = root["deep/a"]
    np.testing.assert_array_equal(a.read(), values)
    np.testing.assert_array_equal(a[5:33:7, 50:2:-3].read(), values[5:33:7, 50:2:-3])
    np.testing.assert_array_equal(a.compute(), values)


def test_crc_of_whole_stored_entries_is_checked(tmp_path):
    data = bytearray(made({"a": b"payload payload"}))
    data[data.index(b"payload")] ^= 1
    with pytest.raises(CorruptObjectError, match="checksum"):
        in_memory(bytes(data)).get("a")
    assert zlib.crc32(b"payload payload") == read_directory(lambda a, b: bytes(data)[a:b], len(data), "x")["a"].crc


def test_a_writer_says_what_it_is(tmp_path):
    writer = ZipWriter(tmp_path / "x.zip")
    assert repr(writer) == f"<ZipWriter {tmp_path}/x.zip, open>"
    assert not writer.can.shared
    writer.abandon()
    assert writer.get("zarr.json") is None
    assert repr(open_store(tmp_path / "x.zip")) == f"<ZipStore zip://{tmp_path}/x.zip>"

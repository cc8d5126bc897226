"""Stores behind a network: only "not there" is missing, all else is an error that names the key and no secret.

Plain http is asked of a real server on this machine, which misbehaves on request; the other schemes go through
fsspec's own file systems. What every store promises is in test_store_contract.py.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import time
import traceback
import tracemalloc
from hashlib import sha1

import dask.array as da
import fsspec
import numpy as np
import pytest
import zarr
from fsspec.implementations.memory import MemoryFileSystem

import dzarr
from dzarr.errors import (
    ConflictError,
    DzarrError,
    LockError,
    NodeNotFoundError,
    ReadOnlyError,
    StoreError,
    UnsupportedError,
)
from dzarr.io.n5 import N5Store
from dzarr.io.open import obeying, open_store
from dzarr.io.remote import DIGESTED, RemoteStore
from dzarr.io.shown import public_name
from dzarr.io.store import TooLarge, VersionChanged, Want
from dzarr.io.transport import status_of
from dzarr.io.waiting import Policy
from dzarr.options import Options

QUICK = Policy(retries=2, timeout=20.0)


def one(store, *wants):
    return [parts for _, parts in sorted(store.fetch(wants), key=lambda answer: answer[0])]


def ranged(store, key, *ranges, version=None):
    (parts,) = one(store, Want(key, ranges, version))
    return None if parts is None else [bytes(buffer) for buffer in parts.buffers]


@pytest.fixture
def served(web):
    """A store over the server, which serves one object of ten bytes."""
    web.objects["s/a/x"] = b"0123456789"
    return RemoteStore(f"{web.url}/s", None, QUICK)


# Plain http


def test_objects_and_ranges_over_http(web, served):
    data, version = served.get("a/x")
    assert bytes(data) == b"0123456789"
    assert version == f'"{sha1(b"0123456789").hexdigest()}"'
    assert served.head("a/x") == (10, version)
    (parts,) = one(served, Want("a/x", ((0, 10), (3, 5), (7, None), (-4, None), (10, None), (4, 4), (-10, None))))
    assert [bytes(buffer) for buffer in parts.buffers] == [
        b"0123456789",
        b"34",
        b"789",
        b"6789",
        b"",
        b"",
        b"0123456789",
    ]
    assert (parts.size, parts.version) == (10, version)
    for outside in ((0, 11), (11, None), (-11, None), (5, 3), (11, 12), (-3, 5)):
        with pytest.raises(StoreError, match="inside the object") as caught:
            ranged(served, "a/x", outside)
        assert caught.value.key == "a/x"
    web.objects["s/empty"] = b""
    assert served.head("empty")[0] == 0
    assert ranged(served, "empty", (0, None), (0, 0)) == [b"", b""]
    assert served.can.versions
    assert not served.can.list
    assert not served.can.writable
    assert not served.can.set_if


def test_only_404_is_missing(web, served):
    assert served.get("nothing") is None
    assert served.head("nothing") is None
    assert ranged(served, "nothing", (0, 1)) is None
    assert ranged(served, "nothing", (0, 0)) is None
    assert one(served, Want("nothing"), Want("a/x"))[0] is None
    web.absent = 403
    for act in (
        lambda: served.get("nothing"),
        lambda: served.head("nothing"),
        lambda: one(served, Want("nothing")),
        lambda: ranged(served, "nothing", (0, 1)),
    ):
        with pytest.raises(StoreError, match=r"403.*missing_status") as caught:
            act()
        assert caught.value.key == "nothing"
    hidden = RemoteStore(served.url, None, Policy(missing_status=(404, 403)))
    assert hidden.get("nothing") is None
    assert hidden.head("nothing") is None
    assert ranged(hidden, "nothing", (0, 1)) is None
    for status in (400, 401, 402, 410, 418):
        web.absent = status
        with pytest.raises(StoreError, match=str(status)):
            served.get("nothing")


def test_a_pinned_version_over_http(web, served):
    version = served.head("a/x")[1]
    assert ranged(served, "a/x", (0, 3), version=version) == [b"012"]
    web.objects["s/a/x"] = b"abcdefghij"
    for ranges in ((), ((0, 3),)):
        with pytest.raises(VersionChanged) as caught:
            one(served, Want("a/x", ranges, version))
        assert caught.value.key == "a/x"
    del web.objects["s/a/x"]
    with pytest.raises(VersionChanged):
        one(served, Want("a/x", ((0, 3),), version))


def test_ranges_of_two_states_are_never_mixed(web, served, monkeypatch):
    # The object is replaced between the two requests of one want.
    transport = served._transport()
    asked = transport._part

    async def late(key, wanted):
        if wanted == (5, 7):
            await asyncio.sleep(0.3)
            web.objects["s/a/x"] = b"abcdefghij"
        return await asked(key, wanted)

    monkeypatch.setattr(transport, "_part", late)
    with pytest.raises(VersionChanged) as caught:
        ranged(served, "a/x", (0, 3), (5, 7))
    assert caught.value.key == "a/x"
    assert ranged(served, "a/x", (0, 3), (5, 7)) == [b"abc", b"fg"]


@pytest.mark.parametrize("etags", ["weak", "none"])
def test_servers_without_strong_etags(web, served, etags):
    web.etags = etags
    version = served.get("a/x")[1]
    assert version.startswith("=")  # its content is its version
    assert served.head("a/x") == (10, version)
    assert not served.can.versions
    (whole, part) = one(served, Want("a/x"), Want("a/x", ((0, 2),)))
    assert (whole.version, part.version) == (version, None)
    assert ranged(served, "a/x", (2, 4), (-1, None), version=version) == [b"23", b"9"]
    web.objects["s/a/x"] = b"abcdefghij"
    with pytest.raises(VersionChanged):
        ranged(served, "a/x", (2, 4), version=version)
    web.objects["s/a/large"] = bytes(DIGESTED + 1)
    assert served.head("a/large") == (DIGESTED + 1, None)
    assert one(served, Want("a/large"))[0].version is None


def test_servers_that_know_no_ranges(web, served):
    web.ranges = "ignored"
    assert ranged(served, "a/x", (3, 5), (-2, None), (9, None)) == [b"34", b"89", b"9"]
    with pytest.raises(StoreError, match="inside the object"):
        ranged(served, "a/x", (3, 11))


@pytest.mark.parametrize("ranges", ["shifted", "short", "untold", "unmarked"])
def test_servers_that_lie_about_ranges(web, served, ranges):
    web.ranges = ranges
    with pytest.raises(StoreError, match=r"another range|cut short|does not say|more bytes") as caught:
        ranged(served, "a/x", (3, 5))
    assert caught.value.key == "a/x"


def test_servers_that_refuse_head(web, served):
    web.head = False
    assert served.head("a/x") == (10, f'"{sha1(b"0123456789").hexdigest()}"')
    assert served.head("nothing") is None
    web.objects["s/empty"] = b""
    assert served.head("empty")[0] == 0
    web.ranges = "ignored"
    assert served.head("a/x")[0] == 10


def test_failures_that_pass(web, served):
    for failures in ([500], [503, 429], [0], [-1, 0]):
        web.failures["s/a/x"] = list(failures)
        assert bytes(served.get("a/x")[0]) == b"0123456789"
        web.failures["s/a/x"] = list(failures)
        assert ranged(served, "a/x", (3, 5)) == [b"34"]


@pytest.mark.parametrize("failure", [500, 503, 0, -1])
def test_failures_that_stay(web, served, failure):
    web.failures["s/a/x"] = [failure] * 100
    for act in (lambda: served.get("a/x"), lambda: ranged(served, "a/x", (3, 5))):
        web.asked.clear()
        with pytest.raises(StoreError, match="2 times more") as caught:
            act()
        assert caught.value.key == "a/x"
        assert web.requests() in (3, 6)  # aiohttp asks a second time by itself where a connection was dropped


def test_nobody_answers():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    store = RemoteStore(f"http://127.0.0.1:{port}/s", None, Policy(retries=1))
    with pytest.raises(StoreError, match="ClientConnectorError") as caught:
        store.get("a/x")
    assert caught.value.key == "a/x"


def test_a_server_that_hangs(web):
    web.objects["x"] = b"1"
    web.delay = 30
    store = RemoteStore(web.url, None, Policy(timeout=0.3))
    begin = time.monotonic()
    for act in (lambda: store.get("x"), lambda: store.head("x"), lambda: one(store, Want("x"), Want("x"))):
        with pytest.raises(StoreError, match=r"no answer in time.*Options\.timeout"):
            act()
    assert time.monotonic() - begin < 10


def test_large_objects_are_not_read_on_trust(web, served):
    web.objects["s/large"] = bytes(50_000_000)
    tracemalloc.start()
    with pytest.raises(TooLarge) as caught:
        one(served, Want("large", most=1000))
    assert (caught.value.key, caught.value.size) == ("large", 50_000_000)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_requests_run_together_but_not_too_many(web):
    for i in range(40):
        web.objects[f"{i}"] = bytes([i]) * 10
    web.delay = 0.02
    store = RemoteStore(web.url, None, Policy(concurrency=5))
    answers = dict(store.fetch([Want(f"{i}", ((0, 1),)) for i in range(40)]))
    assert {i: parts.buffers for i, parts in answers.items()} == {i: (bytes([i]),) for i in range(40)}
    assert 1 < web.most_at_once <= 5
    some = store.fetch([Want(f"{i}") for i in range(40)])
    next(some)
    some.close()  # the others are given up
    web.asked.clear()
    time.sleep(0.3)
    assert web.requests() <= 5


@pytest.mark.parametrize("key", ["a/é/日本語", "a/with space", "a/x%20y", "a/+&#;'\"?=", "a/c.0.0", "a/[*]"])
def test_keys_of_any_letters_over_http(web, served, key):
    web.objects[f"s/{key}"] = b"1"
    assert bytes(served.get(key)[0]) == b"1"
    assert served.head(key)[0] == 1


def test_urls_with_odd_paths(web):
    web.objects["s p/a%b/x"] = b"1"
    for url in (f"{web.url}/s p/a%25b", f"{web.url}/s%20p/a%25b/"):
        assert bytes(RemoteStore(url).get("x")[0]) == b"1"
    with pytest.raises(StoreError):
        RemoteStore(f"{web.url}/x#fragment").get("x")


def test_what_http_can_not_do(served):
    for act in (lambda: list(served.list("")), lambda: list(served.list_dir("a"))):
        with pytest.raises(UnsupportedError, match=r"listed.*consolidated"):
            act()
    for act in (
        lambda: served.set("b", [b"1"]),
        lambda: served.set_if("b", [b"1"], None),
        lambda: served.delete("a/x"),
        lambda: served.delete_dir("a"),
    ):
        with pytest.raises(ReadOnlyError):
            act()


def test_signed_urls_and_headers(web):
    web.objects["s/x"] = b"1"
    web.query, web.header = "sig=very-secret&exp=soon", ("X-Key", "hush-hush")
    url = f"{web.url}/s?{web.query}"
    store = open_store(url, storage_options={"headers": {"X-Key": "hush-hush"}})
    assert bytes(store.get("x")[0]) == b"1"
    assert bytes(pickle.loads(pickle.dumps(store)).get("x")[0]) == b"1"
    web.header = ("X-Key", "other")
    with pytest.raises(StoreError) as caught:
        store.get("x")
    said = "".join(traceback.format_exception(caught.value)) + store.token + repr(store) + str(caught.value.__dict__)
    for secret in ("very-secret", "hush-hush"):
        assert secret not in said
    assert store != open_store(f"{web.url}/s?sig=another-one")
    assert store.token.startswith(f"{web.url}/s?")


# Arrays over http


def test_arrays_over_http(tmp_path, web, client):
    values = np.random.default_rng(0).normal(size=(60, 80))
    group = zarr.open_group(tmp_path / "s", mode="w")
    a = group.create_array("deep/a", shape=values.shape, dtype="f8", chunks=(6, 8), shards=(30, 40))
    a[:40, :70] = values[:40, :70]
    zarr.consolidate_metadata(tmp_path / "s")
    web.serve_folder(tmp_path)
    values[40:] = values[:, 70:] = 0
    a = dzarr.open_array(f"{web.url}/s", path="deep/a")
    np.testing.assert_array_equal(a.read(), values)
    np.testing.assert_array_equal(a[5:50:3, 60:2:-7].read(), values[5:50:3, 60:2:-7])
    assert float(a.sum().compute()) == pytest.approx(values.sum())
    # Members are known from the consolidated record, because there is no listing.
    root = dzarr.open_group(f"{web.url}/s")
    assert [name for name, _ in root["deep"].arrays()] == ["a"]
    np.testing.assert_array_equal(root["deep/a"][3:9].read(), values[3:9])
    with pytest.raises(NodeNotFoundError):
        dzarr.open(f"{web.url}/s", path="nothing")


def test_missing_status_reaches_the_store(tmp_path, web):
    a = dzarr.create(tmp_path / "a", shape=(4, 4), dtype="u1", chunks=(2, 2), fill_value=7)
    a[:2, :2] = 1
    web.serve_folder(tmp_path)
    web.absent = 403
    with pytest.raises(StoreError, match="missing_status"):
        dzarr.open(f"{web.url}/a").read()
    hidden = dzarr.open(f"{web.url}/a", options=Options(missing_status=(403, 404)))
    assert hidden.read().tolist() == [[1, 1, 7, 7], [1, 1, 7, 7], [7, 7, 7, 7], [7, 7, 7, 7]]
    again = dzarr.open(f"{web.url}/a").with_options(missing_status=(403,))
    assert again.read().sum() == hidden.read().sum()
    assert pickle.loads(pickle.dumps(again)).read().sum() == hidden.read().sum()


def test_a_cached_index_is_not_used_for_another_shard(tmp_path, web):
    for etags in ("strong", "none"):
        web.etags = etags
        a = dzarr.create(tmp_path / etags, shape=(8,), dtype="u1", chunks=(2,), shards=(8,))
        a[...] = np.arange(8)
        web.serve_folder(tmp_path)
        remote = dzarr.open(f"{web.url}/{etags}")
        assert remote[0:2].read().tolist() == [0, 1]
        a[...] = 0
        a[2:4] = 9
        web.serve_folder(tmp_path)
        assert remote[2:4].read().tolist() == [9, 9]
        assert remote[0:2].read().tolist() == [0, 0]
        assert remote.read().tolist() == [0, 0, 9, 9, 0, 0, 0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_asks_anew(served):
    assert bytes(served.get("a/x")[0]) == b"0123456789"
    child = os.fork()
    if not child:
        status = 1
        try:
            status = 0 if bytes(served.get("a/x")[0]) == b"0123456789" else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert bytes(served.get("a/x")[0]) == b"0123456789"


def test_a_running_event_loop_is_no_hindrance(served):
    async def ask():
        return served.get("a/x")[0]

    assert bytes(asyncio.run(ask())) == b"0123456789"


# Other schemes


class TroubledFileSystem(MemoryFileSystem):
    """fsspec's memory, with an error of its own for each name."""

    protocol = "troubled"
    store = {}  # noqa: RUF012  # as its base has it
    pseudo_dirs = [""]  # noqa: RUF012

    def __init__(self, **options):
        super().__init__()
        self.given = options

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.replace("troubled://", "memory://"))

    def _raise(self, path):
        match path.rpartition("/")[2]:
            case "forbidden":
                raise PermissionError(13, "denied")
            case "status-403":
                error = OSError("odd")
                error.status = 403
                raise error
            case "timeout":
                raise TimeoutError
            case "value":
                raise ValueError("what?")
            case "telling":
                raise RuntimeError(f"failed with {self.given}")
            case "slow":
                time.sleep(1.5)

    def info(self, path, **how):
        self._raise(path)
        found = super().info(path, **how)
        return {**found, "size": None} if path.endswith("unsized") else found

    def cat_file(self, path, start=None, end=None, **how):
        self._raise(path)
        data = super().cat_file(path, start, end, **how)
        if path.endswith("nothing-in-it") and end is not None:
            raise ValueError("InvalidRange")  # what S3 says to any range of an empty object
        return data[:-1] if path.endswith("short") and start is not None else data

    def pipe_file(self, path, value, mode="overwrite", **how):
        self._raise(path)
        super().pipe_file(path, value, mode, **how)


fsspec.register_implementation("troubled", TroubledFileSystem, clobber=True)


@pytest.mark.parametrize("name", ["forbidden", "status-403", "timeout", "value", "telling"])
def test_whatever_a_file_system_raises(name):
    store = RemoteStore("troubled://x", {"token": "a-secret-word", "nested": {"password": "another-word"}})
    for act in (
        lambda: store.get(name),
        lambda: store.head(name),
        lambda: one(store, Want("fine"), Want(name)),
        lambda: ranged(store, name, (0, 1)),
        lambda: ranged(store, name, (-1, None)),
        lambda: store.set(name, [b"1"]),
    ):
        with pytest.raises(StoreError) as caught:
            act()
        assert caught.value.key == name
        said = "".join(traceback.format_exception(caught.value))
        assert "secret-word" not in said
        assert "another-word" not in said
    assert ("missing_status" in str(caught.value)) == (name in ("forbidden", "status-403"))


def test_statuses_that_mean_missing():
    store = RemoteStore("troubled://x", None, Policy(missing_status=(404, 403)))
    for name in ("forbidden", "status-403"):
        assert store.get(name) is None
        assert store.head(name) is None
        assert ranged(store, name, (0, 1)) is None
    botocore = OSError()
    botocore.response = {"ResponseMetadata": {"HTTPStatusCode": 412}}
    wrapped = OSError()
    wrapped.__cause__ = botocore
    assert status_of(wrapped) == 412


def test_short_reads_unknown_sizes_and_slow_answers():
    store = RemoteStore("troubled://y", None, Policy(timeout=0.3))
    for name in ("short", "unsized"):
        store.set(name, [b"0123456789"])
    for wanted in ((2, 5), (-3, None)):
        with pytest.raises(StoreError, match="cut short") as caught:
            ranged(store, "short", wanted)
        assert caught.value.key == "short"
    with pytest.raises(StoreError, match="does not tell sizes"):
        store.head("unsized")
    begin = time.monotonic()
    with pytest.raises(StoreError, match="no answer in time"):
        store.get("slow")
    assert time.monotonic() - begin < 1.4
    time.sleep(1.4)  # until that request is over, as this file system is asked one thing at a time


def test_a_large_object_is_pinned_to_what_get_said():
    store = RemoteStore("memory://pinned-large")
    store.set("a", [bytes(DIGESTED), b"end"])
    _, version = store.get("a")
    assert ranged(store, "a", (DIGESTED, None), version=version) == [b"end"]
    assert one(store, Want("a", (), version))[0].version == version
    store.set("a", [bytes(DIGESTED), b"END"])
    with pytest.raises(VersionChanged):
        ranged(store, "a", (0, 1), version=version)
    store.delete_dir("")


def test_empty_objects_where_they_have_no_ranges():
    store = RemoteStore("troubled://z")
    store.set("nothing-in-it", [])
    store.set("some/nothing-in-it", [b"1"])
    parts, short = one(store, Want("nothing-in-it", most=5), Want("nothing-in-it", ((0, 0),)))
    assert (parts.buffers, parts.size, short.buffers) == ((b"",), 0, (b"",))
    with pytest.raises(StoreError, match="InvalidRange"):
        one(store, Want("some/nothing-in-it", most=5))


def test_writing_through_fsspec(tmp_path):
    values = np.arange(600.0).reshape(20, 30)
    store = RemoteStore(f"local://{tmp_path}/x.zarr")
    root = dzarr.create_group(store, attributes={"a": 1})
    a = root.create_array("deep/a", shape=values.shape, dtype="f8", chunks=(5, 10), shards=(10, 10))
    dzarr.store(da.from_array(values, chunks=(10, 10)), a)
    a.attrs["unit"] = "m"
    a.attrs["unit"] = "km"
    np.testing.assert_array_equal(dzarr.open_array(store, path="deep/a").read(), values)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "x.zarr", path="deep/a")[...], values)
    assert dict(zarr.open_array(tmp_path / "x.zarr", path="deep/a").attrs) == {"unit": "km"}
    assert list(dzarr.open_group(store)) == ["deep"]
    with pytest.raises(LockError, match="lock of your own"):
        a[3:5] = 0
    import threading

    a.write((slice(3, 5),), np.zeros((2, 30)), lock=threading.Lock())
    values[3:5] = 0
    np.testing.assert_array_equal(a.read(), values)
    made = dzarr.store(da.from_array(values, chunks=(10, 10)), store, path="new", chunks=(5, 5), shards=(10, 10))
    np.testing.assert_array_equal(made.array.read(), values)
    dzarr.store(da.zeros((4, 4)), store, path="new", overwrite=True)
    assert dzarr.open_array(store, path="new").shape == (4, 4)
    root = dzarr.open_group(store, "r+")
    del root["deep"], root["new"]
    assert sorted(store.list("")) == ["zarr.json"]


def test_a_large_object_is_merged_under_a_lock(tmp_path):
    import threading

    store = RemoteStore(f"local://{tmp_path}/x.zarr")
    a = dzarr.create(store, shape=(1000, 1000), dtype="f8", chunks=(1000, 1000), codecs=["bytes"])
    a[...] = 1.0
    assert store.head("c/0/0") == (8_000_000, None)
    a.write((slice(3, 5),), np.zeros((2, 1000)), lock=threading.Lock())
    assert a.read().sum() == 998_000


def test_listings_are_never_remembered(tmp_path):
    class Remembering(MemoryFileSystem):
        protocol = "remembering"

        def ls(self, path, detail=True, **how):
            if path not in self.dircache:
                answer = super().ls(path, detail, **how)
                self.dircache[path] = answer
                return answer
            return self.dircache[path]

    fsspec.register_implementation("remembering", Remembering, clobber=True)
    store = RemoteStore(f"remembering://{tmp_path}")
    peer = fsspec.filesystem("memory")
    for i in range(3):
        peer.pipe_file(f"remembering://{tmp_path}/a{i}/x", b"1")
        assert list(store.list_dir("")) == [f"a{n}/" for n in range(i + 1)]
    peer.rm_file(f"remembering://{tmp_path}/a1/x")
    assert list(store.list("")) == ["a0/x", "a2/x"]
    assert list(store.list_dir("")) == ["a0/", "a2/"]


def test_patterns_in_names_are_names(tmp_path):
    store = RemoteStore(f"local://{tmp_path}")
    for key in ("a/x", "ab/x", "a*/x", "[ab]/x", "a?/x"):
        store.set(key, [b"1"])
    store.delete_dir("a*")
    store.delete_dir("[ab]")
    store.delete("a?/x")
    assert sorted(store.list("")) == ["a/x", "ab/x"]


def test_looking_first_is_all_that_set_if_does(tmp_path):
    store = RemoteStore(f"memory://{tmp_path}")
    version = store.set_if("a", [b"1"], None)
    for stale in (None, "=0000", "other"):
        with pytest.raises(ConflictError):
            store.set_if("a", [b"2"], stale)
    assert store.set_if("a", [b"2"], version) != version
    large = bytes(DIGESTED + 1)
    version = store.set_if("large", [large], None)
    assert store.get("large")[1] == version
    assert store.set_if("large", [large, b"1"], version) != version
    with pytest.raises(ConflictError):
        store.delete("large", version)


def test_parts_that_are_no_buffers_are_refused(tmp_path):
    store = RemoteStore(f"memory://{tmp_path}")
    with pytest.raises(StoreError) as caught:
        store.set("a", ["text"])
    assert caught.value.key == "a"


# Names


def test_schemes(monkeypatch):
    assert isinstance(open_store("s3://bucket/x.zarr"), RemoteStore)
    assert open_store("gs://bucket/x.zarr/").token == "gs://bucket/x.zarr"
    assert open_store("github://org:repo@main/x").token != open_store("github://org:other@main/x").token
    with pytest.raises(UnsupportedError, match="nosuch://"):
        open_store("nosuch://x")
    with pytest.raises(StoreError, match="without a place"):
        open_store("s3://")

    def missing(scheme):
        raise ImportError("Install it")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    with pytest.raises(UnsupportedError, match=r"dzarr\[s3\]"):
        open_store("s3://bucket/x").get("a")
    with pytest.raises(UnsupportedError, match="Install it"):
        open_store("abfs://bucket/x").get("a")


def test_tokens_tell_places_apart_and_no_secrets():
    name = "s3://bucket/x"
    plain = public_name(name, {})
    assert plain == public_name(name, {"key": "me", "secret": "mine", "token": "t", "anon": True})
    assert plain != public_name(name, {"endpoint_url": "http://a"}) != public_name(name, {"endpoint_url": "http://b"})
    nested = {"client_kwargs": {"endpoint_url": "http://a", "aws_secret_access_key": "x"}}
    assert public_name(name, nested) != plain
    assert public_name("HTTPS://me:word@host:80/x", {}) == "https://host:80/x"
    assert public_name("abfs://container@account/x", {}) == "abfs://container@account/x"
    assert public_name("other://me:word@account/x", {}) == "other://me@account/x"
    assert public_name("https://host/x?a", {}) != public_name("https://host/x?b", {})


def test_bad_options_of_a_file_system():
    store = RemoteStore("sftp://host/x", {"no_such_thing": 1})
    with pytest.raises(DzarrError):
        store.get("a")


def test_policies_follow_options(tmp_path):
    store = RemoteStore("memory://policy")
    options = Options(missing_status=(404, 403), retries=1, timeout=2.0, concurrency=3)
    assert obeying(store, options, {"threads": 2}) is store
    assert obeying(store, options, {"retries": 1}).policy == Policy((404, 403), 3, 1, 2.0)
    opened = open_store("s3://bucket", options=options)
    assert opened.policy == Policy((404, 403), 3, 1, 2.0)
    assert pickle.loads(pickle.dumps(opened)).policy == opened.policy
    assert obeying(opened, options, {"retries": 1}) is opened
    container = obeying(N5Store(store, "a"), options, {"retries": 1})
    assert (container.inner.policy.retries, container.array) == (1, "a")

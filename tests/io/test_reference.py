"""References (kerchunk) in JSON and in parquet: what the specification says, what fsspec makes of it, what is refused.

fsspec's ReferenceFileSystem is the oracle for what a reference file means, zarr-python for the arrays behind it.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import struct
import sys
import threading
import traceback
import types
from contextlib import suppress

import fsspec
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.errors import CorruptObjectError, DzarrError, MetadataError, ReadOnlyError, StoreError, UnsupportedError
from dzarr.io import reference_tables
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.open import open_store
from dzarr.io.reference import ReferenceStore
from dzarr.io.reference_targets import Trust
from dzarr.io.references import MOST_GENERATED, JsonReferences, Section
from dzarr.io.store import TooLarge, VersionChanged, Want
from dzarr.io.templates import render

ZARRAY = {
    "zarr_format": 2,
    "shape": [6, 4],
    "chunks": [3, 2],
    "dtype": "<i4",
    "fill_value": -1,
    "order": "C",
    "filters": None,
    "compressor": None,
}
VALUES = np.arange(24, dtype="<i4").reshape(6, 4)
HEADER = b"a header that is no data"


def chunk(i, j):
    return VALUES[3 * i : 3 * i + 3, 2 * j : 2 * j + 2].tobytes()


def one(store, *wants):
    return [parts for _, parts in sorted(store.fetch(wants), key=lambda answer: answer[0])]


def body(store, key):
    found = store.get(key)
    return None if found is None else bytes(found[0])


@pytest.fixture
def data(tmp_path):
    """A file like those that references are made of: a header, then chunks."""
    path = tmp_path / "data.nc"
    path.write_bytes(HEADER + chunk(0, 0) + chunk(0, 1) + chunk(1, 0))
    return path


def references(target):
    n = len(chunk(0, 0))
    return {
        ".zgroup": json.dumps({"zarr_format": 2}),
        "a/.zarray": ZARRAY,
        "a/.zattrs": json.dumps({"_ARRAY_DIMENSIONS": ["y", "x"]}),
        "a/0.0": [str(target), len(HEADER), n],
        "a/0.1": [str(target), len(HEADER) + n, n],
        "a/1.0": [str(target), len(HEADER) + 2 * n, n],
    }


def written(path, document):
    path.write_text(json.dumps(document))
    return path


def expected():
    values = VALUES.copy()
    values[3:, 2:] = -1
    return values


# What a reference file means


@pytest.mark.parametrize("version", [0, 1])
def test_an_array_of_references(tmp_path, data, version):
    document = references("data.nc") if version == 0 else {"version": 1, "refs": references("data.nc")}
    path = written(tmp_path / "refs.json", document)
    for url in (f"reference://{path}", f"reference::{path}", f"reference::file://{path}"):
        store = open_store(url)
        assert store.token == f"reference://{path}"
        a = dzarr.open_array(store, path="a")
        np.testing.assert_array_equal(a.read(), expected())
        np.testing.assert_array_equal(a[1:5, 1:3].read(), expected()[1:5, 1:3])
        np.testing.assert_array_equal(a.compute(), expected())
    assert open_store("reference://", storage_options={"fo": str(path)}) == store
    assert list(dzarr.open_group(f"reference://{path}")) == ["a"]
    peer = fsspec.filesystem("reference", fo=document | {"a/.zarray": json.dumps(ZARRAY)} if version == 0 else document)
    assert sorted(store.list("")) == sorted(peer.find(""))


def test_ranges_of_references(tmp_path, data):
    store = open_store(f"reference://{written(tmp_path / 'refs.json', references('data.nc') | {'whole': ['data.nc']})}")
    n, whole = len(chunk(0, 0)), data.read_bytes()
    size, version = store.head("a/0.1")
    assert size == n
    (parts,) = one(store, Want("a/0.1", ((0, n), (3, 5), (-4, None), (n, None), (2, 2)), version))
    own = chunk(0, 1)
    assert [bytes(b) for b in parts.buffers] == [own, own[3:5], own[-4:], b"", b""]
    assert (parts.size, parts.version) == (n, version)
    for outside in ((0, n + 1), (-n - 1, None), (n + 1, None)):  # the target goes on, the reference doesn't
        with pytest.raises(StoreError) as caught:
            one(store, Want("a/0.1", (outside,)))
        assert caught.value.key == "a/0.1"
    assert body(store, "whole") == whole
    assert store.head("whole")[0] == len(whole)
    (parts,) = one(store, Want("whole", ((2, 8), (-3, None))))
    assert [bytes(b) for b in parts.buffers] == [whole[2:8], whole[-3:]]
    answers = one(store, Want("a/.zattrs", ((0, 2),)), Want("nothing"), Want("a/1.0"), Want("whole", ((0, 1),)))
    assert [None if p is None else bytes(p.buffers[0]) for p in answers] == [b'{"', None, chunk(1, 0), whole[:1]]
    for key in ("whole", "a/0.0", "a/.zattrs"):
        with pytest.raises(TooLarge) as caught:
            one(store, Want(key, most=5))
        assert caught.value.key == key


def test_the_example_of_the_specification():
    document = {
        "version": 1,
        "templates": {"u": "server.domain/path", "f": "{{c}}"},
        "gen": [
            {
                "key": "gen_key{{i}}",
                "url": "http://{{u}}_{{i}}",
                "offset": "{{(i + 1) * 1000}}",
                "length": "1000",
                "dimensions": {"i": {"stop": 5}},
            }
        ],
        "refs": {
            "key0": "data",
            "key1": ["http://target_url", 10000, 100],
            "key2": ["http://{{u}}", 10000, 100],
            "key3": ["http://{{f(c='text')}}", 10000, 100],
        },
    }
    found = JsonReferences(document, "refs.json")
    assert found.find("key0") == b"data"
    assert [found.find(f"key{i}") for i in (1, 2, 3)] == [
        Section("http://target_url", 10000, 100),
        Section("http://server.domain/path", 10000, 100),
        Section("http://text", 10000, 100),
    ]
    assert [found.find(f"gen_key{i}") for i in range(6)] == [
        *(Section(f"http://server.domain/path_{i}", 1000 * (i + 1), 1000) for i in range(5)),
        None,
    ]
    assert sorted(found.list("")) == sorted([*(f"key{i}" for i in range(4)), *(f"gen_key{i}" for i in range(5))])


def test_generators_agree_with_fsspec(tmp_path):
    document = {
        "version": 1,
        "templates": {"root": "memory://refs", "part": "{{a}}-{{b}}"},
        "gen": [
            {
                "key": "x/{{i}}.{{j}}",
                "url": "{{root}}/{{part(a=i, b=j)}}",
                "dimensions": {"i": {"start": 2, "stop": 9, "step": 3}, "j": [5, 7]},
            },
            {
                "key": "y/{{k}}",
                "url": "{{root}}/y",
                "offset": "{{k * 10 - 3 % 2}}",
                "length": "{{ 4 }}",
                "dimensions": {"k": {"start": 3, "stop": 0, "step": -1}},
            },
        ],
    }
    peer = fsspec.filesystem("reference", fo=document, simple_templates=False, remote_protocol="memory")
    ours = JsonReferences(document, "refs.json")
    assert sorted(ours.list("")) == sorted(peer.references)
    for key, (url, *span) in peer.references.items():
        assert ours.find(key) == Section(url, *span)


def test_data_in_the_reference_file():
    raw = os.urandom(50)
    found = JsonReferences(
        {
            "text": "é plain",
            "raw": "base64:" + base64.b64encode(raw).decode(),
            "object": {"a": [1, None]},
            "gone": None,
            "a/empty": "",
        },
        "refs.json",
    )
    assert found.find("text") == "é plain".encode()
    assert found.find("raw") == raw
    assert json.loads(found.find("object")) == {"a": [1, None]}
    assert found.find("gone") is None
    assert found.find("a/empty") == b""
    assert list(found.list_dir("")) == ["a/", "object", "raw", "text"]


def test_versions_and_pickles(tmp_path, data):
    store = open_store(f"reference://{written(tmp_path / 'refs.json', references('data.nc'))}")
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store
    assert hash(copy) == hash(store)
    version, inline = copy.head("a/0.0")[1], store.head("a/.zattrs")[1]
    data.write_bytes(data.read_bytes())
    for key, old in (("a/0.0", version), ("a/.zattrs", "=other"), ("nothing", inline)):
        with pytest.raises(VersionChanged) as caught:
            one(store, Want(key, ((0, 1),), old))
        assert caught.value.key == key
    assert one(store, Want("a/.zattrs", ((0, 1),), inline))[0].version == inline
    # Nothing is missing before the file was looked at again.
    assert store.get("b/.zgroup") is None
    written(tmp_path / "refs.json", references("data.nc") | {"b/.zgroup": {"zarr_format": 2}})
    assert body(store, "b/.zgroup") == b'{"zarr_format": 2}'


def test_references_are_for_reading(tmp_path, data):
    store = open_store(f"reference://{written(tmp_path / 'refs.json', references('data.nc'))}")
    for act in (
        lambda: store.set("b", [b""]),
        lambda: store.set_if("b", [b""], None),
        lambda: store.delete("a/0.0"),
        lambda: store.delete_dir("a"),
    ):
        with pytest.raises(ReadOnlyError):
            act()
    assert not store.can.writable
    with pytest.raises(StoreError, match="illegal key"):
        store.get("../x")


def test_over_http(tmp_path, data, web, client):
    web.serve_folder(tmp_path)
    web.objects["refs.json"] = json.dumps(references("data.nc")).encode()
    web.objects["absolute.json"] = json.dumps(references(f"{web.url}/data.nc")).encode()
    for name in ("refs.json", "absolute.json"):
        a = dzarr.open_array(f"reference::{web.url}/{name}", path="a")
        np.testing.assert_array_equal(a.read(), expected())
        assert int(a.sum().compute()) == expected().sum()
    assert not any(asked[1] == "data.nc" and asked[2] is None and asked[0] == "GET" for asked in web.asked)
    path = written(tmp_path / "local.json", references(f"{web.url}/data.nc"))
    np.testing.assert_array_equal(dzarr.open_array(f"reference://{path}", path="a").read(), expected())
    web.header = ("X-Key", "1")
    options = {"remote_options": {"headers": {"X-Key": "1"}}}
    a = dzarr.open_array(f"reference://{path}", path="a", storage_options=options)
    np.testing.assert_array_equal(a.read(), expected())
    options["target_options"] = {"headers": {"X-Key": "1"}}
    a = dzarr.open_array(f"reference::{web.url}/absolute.json", path="a", storage_options=options)
    np.testing.assert_array_equal(a.read(), expected())


def test_what_zarr_python_writes_seen_through_references(tmp_path):
    # A sharded v3 array whose objects are all referred to, whole or as a section of one concatenated file.
    values = np.random.default_rng(0).normal(size=(40, 40))
    a = zarr.create_array(tmp_path / "z", shape=values.shape, chunks=(5, 10), shards=(20, 20), dtype="f8")
    a[...] = values
    document, everything = {}, b""
    for path in sorted((tmp_path / "z").rglob("*")):
        if path.is_file():
            key, content = path.relative_to(tmp_path / "z").as_posix(), path.read_bytes()
            document[key] = ["one.bin", len(everything), len(content)] if "0/" in key else [f"z/{key}"]
            everything += content
    (tmp_path / "one.bin").write_bytes(everything)
    a = dzarr.open_array(f"reference://{written(tmp_path / 'refs.json', document)}")
    np.testing.assert_array_equal(a.read(), values)
    np.testing.assert_array_equal(a[3:33:7, 39:0:-4].read(), values[3:33:7, 39:0:-4])


# What it may name


def test_files_outside_the_folder_need_leave(tmp_path, data):
    inner = tmp_path / "inner"
    inner.mkdir()
    for target in (data, f"file://{data}", "../data.nc", f"file://localhost{data}", f"local://{data}"):
        path = written(inner / "refs.json", references(target))
        with pytest.raises(StoreError, match="file_roots") as caught:
            open_store(f"reference://{path}").get("a/0.0")
        assert caught.value.key == "a/0.0"
        allowed = open_store(f"reference://{path}", storage_options={"file_roots": [tmp_path]})
        assert body(allowed, "a/0.0") == chunk(0, 0)
    link = inner / "link.nc"
    link.symlink_to(data)
    with pytest.raises(StoreError, match="file_roots"):
        open_store(f"reference://{written(inner / 'refs.json', references('link.nc'))}").get("a/0.0")
    # Absolute, and within: as kerchunk writes them.
    assert body(open_store(f"reference://{written(tmp_path / 'refs.json', references(data))}"), "a/0.0") == chunk(0, 0)


def test_a_reference_file_from_elsewhere_names_no_local_files(tmp_path, data, web):
    for target in (str(data), f"file://{data}", "/data.nc", "file:/data.nc"):
        web.objects["deep/refs.json"] = json.dumps(references(target)).encode()
        with pytest.raises(StoreError, match="may not name"):
            open_store(f"reference::{web.url}/deep/refs.json").get("a/0.0")
    web.objects["data.nc"] = data.read_bytes()
    web.objects["deep/refs.json"] = json.dumps(references("../data.nc")).encode()
    with pytest.raises(StoreError, match="no path"):
        open_store(f"reference::{web.url}/deep/refs.json").get("a/0.0")


def test_schemes_need_leave(tmp_path):
    for target in ("memory://x/y", "ftp://host/x", "zip://x.zip/y", "github://a/b", "reference://x"):
        path = written(tmp_path / "refs.json", {"a": [target]})
        with pytest.raises(UnsupportedError, match="schemes"):
            open_store(f"reference://{path}").get("a")
    fsspec.filesystem("memory").pipe_file("/refs-test/y", b"content")
    path = written(tmp_path / "refs.json", {"a": ["memory://refs-test/y", 0, 4]})
    allowed = open_store(f"reference://{path}", storage_options={"schemes": ["memory"]})
    assert body(allowed, "a") == b"cont"
    path = written(tmp_path / "refs.json", {"a": ["/refs-test/y", 0, 4]})
    allowed = open_store(f"reference://{path}", storage_options={"schemes": ["memory"], "remote_protocol": "memory"})
    assert body(allowed, "a") == b"cont"


def test_targets_that_fail(tmp_path, data):
    n = len(data.read_bytes())
    document = {
        "gone": ["nothing.nc", 0, 5],
        "gone whole": ["nothing.nc"],
        "beyond": ["data.nc", n - 2, 5],
        "folder": ["."],
        "fine": ["data.nc", n - 2, 2],
    }
    store = open_store(f"reference://{written(tmp_path / 'refs.json', document)}")
    for key in ("gone", "gone whole", "beyond", "folder"):
        with pytest.raises(StoreError) as caught:
            store.get(key)
        assert caught.value.key == key
    for key in ("gone", "gone whole"):
        with pytest.raises(StoreError, match="gone"):
            store.head(key)
    assert len(body(store, "fine")) == 2


def test_errors_show_no_signature_of_a_target(tmp_path, web):
    web.query = "sig=hunter2"
    place = web.url.replace("://", "://me:hunter2@")
    document = {
        "gone": [f"{place}/x.nc?sig=hunter2", 0, 5],
        "broken": [f"{place}/x.nc?sig=hunter2", 0, "5"],
        "no url": ["http://[hunter2@host/x.nc?sig=hunter2", 0, 5],
    }
    store = open_store(f"reference://{written(tmp_path / 'refs.json', document)}")
    for key in document:
        with pytest.raises(DzarrError) as caught:
            store.get(key)
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(StoreError, match=r"is gone.*/x\.nc\?\*\*\*"):
        store.get("gone")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_references_are_read(tmp_path, data):
    path = written(tmp_path / "refs.json", {"a": "x"})
    reading, forked = threading.Event(), threading.Event()

    class Slow(LocalStore):
        def fetch(self, wanted):
            reading.set()
            forked.wait(20)
            return super().fetch(wanted)

    reader = threading.Thread(target=lambda: ReferenceStore(Slow(tmp_path), "refs.json").get("a"))
    reader.start()
    assert reading.wait(20)
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(0 if body(open_store(f"reference://{path}"), "a") == b"x" else 1)
    try:
        other = written(tmp_path / "other.json", {"a": "y"})
        assert body(open_store(f"reference://{other}"), "a") == b"y"  # a file being read holds up no other
        assert os.waitpid(child, 0)[1] == 0
    finally:
        forked.set()
        reader.join()


# What is broken, or declined


@pytest.mark.parametrize(
    "document",
    [
        "[]",
        "3",
        "",
        "{",
        "[" * 100_000,
        '{"version": 1, "refs": []}',
        '{"version": 1, "templates": {"a": 3}}',
        '{"version": 1, "gen": {}}',
        '{"version": 1, "gen": [3]}',
        '{"version": 1, "gen": [{"key": "a", "url": "b", "dimensions": {"i": {"stop": "x"}}}]}',
        '{"version": 1, "gen": [{"key": "a", "url": "b", "dimensions": {"i": {"stop": 3, "step": 0}}}]}',
        '{"version": 1, "gen": [{"key": "a", "url": "b", "offset": "1", "dimensions": {"i": [1]}}]}',
        '{"version": 1, "gen": [{"key": "a", "url": 3, "dimensions": {"i": [1]}}]}',
        '{"version": 1, "gen": [{"key": "a", "url": "b", "offset": "x", "length": "1", "dimensions": {"i": [1]}}]}',
        '{"version": 1, "gen": [{"key": "a{{j}}", "url": "b", "dimensions": {"i": [1]}}]}',
        '{"version": 1, "gen": [{"key": "a", "url": "b", "dimensions": {"i": {"stop": 1e3}}}]}',
        '{"../x": "1"}',
        '{"/etc/passwd": "1"}',
        '{"a//b": "1"}',
    ],
)
def test_reference_files_that_are_none(tmp_path, document):
    (tmp_path / "refs.json").write_text(document)
    with pytest.raises(MetadataError):
        open_store(f"reference://{tmp_path}/refs.json").get("a")


@pytest.mark.parametrize(
    "entry",
    [
        3,
        True,
        [],
        [1],
        ["a", 1],
        ["a", 1, 2, 3],
        ["a", -1, 2],
        ["a", 1, -2],
        ["a", 1.5, 2],
        ["a", "1", "2"],
        "base64:%",
    ],
)
def test_one_broken_entry_hides_no_other(tmp_path, entry):
    store = open_store(f"reference://{written(tmp_path / 'refs.json', {'bad': entry, 'good': '1'})}")
    assert body(store, "good") == b"1"
    assert list(store.list("")) == ["bad", "good"]
    for act in (lambda: store.get("bad"), lambda: store.head("bad"), lambda: one(store, Want("bad", ((0, 1),)))):
        with pytest.raises(MetadataError) as caught:
            act()
        assert caught.value.key == "bad"


def test_what_is_declined(tmp_path):
    huge = {"key": "{{i}}.{{j}}", "url": "u", "dimensions": {"i": {"stop": 10**6}, "j": {"stop": 10**6}}}
    for document, words in (
        ({"version": 2, "refs": {}}, "unknown version"),
        ({"version": 1, "gen": [huge]}, str(MOST_GENERATED)),
        ({"a": [None, 0, 5]}, "not named"),
    ):
        with pytest.raises(UnsupportedError, match=words):
            open_store(f"reference://{written(tmp_path / 'refs.json', document)}").get("a")
    with pytest.raises(UnsupportedError, match="nonsense"):
        open_store(f"reference://{tmp_path}/refs.json", storage_options={"nonsense": 1})
    with pytest.raises(UnsupportedError, match="without a file"):
        open_store("reference://", storage_options={"fo": {"a": "1"}})
    with pytest.raises(StoreError, match="no reference file"):
        open_store(f"reference://{tmp_path}/nothing.json").get("a")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{{ x", None),
        ("{{ nothing }}", MetadataError),
        ("{{ i / 2 }}", UnsupportedError),
        ("{{ i ** 9 }}", UnsupportedError),
        ("{{ 9 << 9 }}", UnsupportedError),
        ("{{ i | upper }}", UnsupportedError),
        ("{{ i.real }}", UnsupportedError),
        ("{{ ''.__class__ }}", UnsupportedError),
        ("{{ f('a') }}", UnsupportedError),
        ("{{ f(**i) }}", UnsupportedError),
        ("{{ [i][0] }}", UnsupportedError),
        ("{{ i // 0 }}", MetadataError),
        ("{{ 'a' * 1000 }}", MetadataError),
        ("{{ 'a' + 1 }}", MetadataError),
        ("{{ 9999999999 * 9999999999 }}", MetadataError),
        ("{{ loop }}", MetadataError),
        ("{{ (lambda: 1)() }}", UnsupportedError),
        ("{{ __import__('os') }}", UnsupportedError),
        ("{% for i in x %}", UnsupportedError),
        ("{# note #}", UnsupportedError),
        ("{{ " + "(" * 150 + ")" * 20 + " }}", UnsupportedError),
        ("{{ " + "-" * 180 + "1 }}", None),
        ("{{ " + "1 + " * 100 + "1 }}", UnsupportedError),
        ("{{ }}", UnsupportedError),
    ],
)
def test_templates_evaluate_nothing_but_arithmetic(text, error):
    names = {"i": 7, "f": "{{c}}", "loop": "{{ loop(loop=1) }}"}
    if error is None:
        assert "{{" not in render(text, names) or text == "{{ x"
        return
    with pytest.raises(error):
        render(text, names)


def test_templates_that_grow():
    names = {"f": "{{c}}" * 2000}
    assert len(render("{{f(c='xxxx')}}", names)) == 8000
    with pytest.raises(MetadataError, match="too long"):
        render("{{f(c=f(c=f(c='xxxx')))}}", names)


def test_templates_that_call_themselves():
    names = {"a": "{{ b(a=a) }}"}
    with pytest.raises(DzarrError):
        render("{{ a(b='{{ b(b=b) }}') }}", names)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["base64:!", "{{i}}", "{{u}}", "x"]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["version", "refs", "gen", "templates", "key", "url", "dimensions", "stop", "i", "a"]),
                inner,
            )
        ),
        max_leaves=15,
    )
)
@settings(max_examples=300)
def test_any_json_gives_errors_of_ours_only(document):
    base = MemoryStore()
    base.set("refs.json", [json.dumps(document).encode()])
    store = ReferenceStore(base, "refs.json", Trust())
    for act in (lambda: list(store.list("")), lambda: store.get("a"), lambda: store.head("i")):
        with suppress(DzarrError):
            act()


# Parquet


class Column(list):
    def __getitem__(self, at):
        return types.SimpleNamespace(as_py=lambda: list.__getitem__(self, at))


class Table:
    """As much of a pyarrow table as is used."""

    def __init__(self, **columns):
        self.columns = {name: Column(values) for name, values in columns.items()}
        self.num_rows = max(map(len, self.columns.values()))
        self.schema = types.SimpleNamespace(names=list(columns))

    def __getitem__(self, name):
        return self.columns[name]


def table_folder(tmp_path, tables, record_size=3):
    folder = tmp_path / "refs.parq"
    metadata = {
        ".zgroup": {"zarr_format": 2},
        "g/.zgroup": {"zarr_format": 2},
        "g/a/.zarray": ZARRAY,
        "g/a/.zattrs": {"unit": "m"},
        "s/.zarray": ZARRAY | {"shape": [], "chunks": []},
    }
    (folder / "g" / "a").mkdir(parents=True)
    (folder / "s").mkdir()
    (folder / ".zmetadata").write_text(json.dumps({"metadata": metadata, "record_size": record_size}))
    for name, table in tables.items():
        (folder / name).write_bytes(table)
    return folder


def rows():
    n = len(chunk(0, 0))
    first = {
        "path": ["data.nc", None, "refs.parq/chunk10"],
        "offset": [len(HEADER), 0, 0],
        "size": [n, 0, 0],
        "raw": [None, chunk(0, 1), None],
    }
    second = {"path": [None] * 3, "offset": [0] * 3, "size": [0] * 3, "raw": [None] * 3}
    scalar = {"raw": [struct.pack("<i", 42)]}
    return first, second, scalar


def check_tables(tmp_path, folder):
    (folder / "chunk10").write_bytes(chunk(1, 0))
    store = open_store(f"reference://{folder}")
    a = dzarr.open_array(store, path="g/a")
    np.testing.assert_array_equal(a.read(), expected())
    assert a.attrs["unit"] == "m"
    assert dzarr.open_array(store, path="s").read() == 42
    assert list(dzarr.open_group(store)) == ["g", "s"]
    assert sorted(store.list_dir("g/a")) == [".zarray", ".zattrs", "0.0", "0.1", "1.0"]
    assert sorted(store.list("g")) == ["g/.zgroup", "g/a/.zarray", "g/a/.zattrs", "g/a/0.0", "g/a/0.1", "g/a/1.0"]
    for key in ("g/a/2.0", "g/a/0", "g/a/x.y", "g/a/-1.0", "g/a/0.0.0", "g/nothing/0", "x", "s/1"):
        assert store.get(key) is None
        assert store.head(key) is None
    assert pickle.loads(pickle.dumps(store)).head("g/a/0.1")[0] == len(chunk(0, 1))


def test_tables_of_references(tmp_path, data, monkeypatch):
    first, second, scalar = rows()
    known = {b"first": Table(**first), b"second": Table(**second), b"scalar": Table(**scalar)}
    monkeypatch.setattr(reference_tables, "read_table", lambda found, place: known[bytes(found)])
    folder = table_folder(
        tmp_path, {"g/a/refs.0.parq": b"first", "g/a/refs.1.parq": b"second", "s/refs.0.parq": b"scalar"}
    )
    check_tables(tmp_path, folder)
    (folder / "g" / "a" / "refs.1.parq").unlink()  # a table that is not there has no references
    check_tables(tmp_path, folder)


def test_tables_in_parquet(tmp_path, data):
    pa = pytest.importorskip("pyarrow", reason="parquet files need pyarrow to be written and read")
    pq = pytest.importorskip("pyarrow.parquet")
    folder = table_folder(tmp_path, {})
    first, second, scalar = rows()
    types_ = {"path": pa.string(), "offset": pa.int64(), "size": pa.int64(), "raw": pa.binary()}
    for name, columns in (("g/a/refs.0.parq", first), ("g/a/refs.1.parq", second), ("s/refs.0.parq", scalar)):
        arrays = {column: pa.array(values, types_[column]) for column, values in columns.items()}
        if name == "g/a/refs.0.parq":
            arrays["path"] = arrays["path"].dictionary_encode()  # as kerchunk writes paths that repeat
        pq.write_table(pa.table(arrays), folder / name, compression="zstd")
    check_tables(tmp_path, folder)
    # Tables are kept as long as .zmetadata stays what it was: the broken one is in a folder of its own.
    broken = table_folder(tmp_path / "broken", {"g/a/refs.0.parq": b"PAR1 broken"})
    with pytest.raises(CorruptObjectError, match="no parquet file"):
        open_store(f"reference://{broken}").get("g/a/0.1")


def test_tables_that_unpack_to_too_much(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow", reason="parquet files need pyarrow to be written and read")
    pq = pytest.importorskip("pyarrow.parquet")
    repeated = pa.array(["x" * 100_000]).dictionary_encode().take(pa.array([0] * 50_000))
    pq.write_table(pa.table({"path": repeated}), tmp_path / "t", store_schema=False)
    packed = (tmp_path / "t").read_bytes()
    assert len(packed) < 100_000
    before = pa.total_allocated_bytes()
    table = reference_tables.read_table(packed, "t")
    assert pa.total_allocated_bytes() - before < 50 << 20  # and not 5 GB
    assert table["path"][7].as_py() == "x" * 100_000
    monkeypatch.setattr(reference_tables, "MOST_ROWS", 49_999)
    with pytest.raises(CorruptObjectError, match="too large"):
        reference_tables.read_table(packed, "t")


def test_listing_an_endless_array_asks_for_its_tables_alone(tmp_path, data, monkeypatch):
    first, _, _ = rows()
    monkeypatch.setattr(reference_tables, "read_table", lambda found, place: Table(**first))
    folder = table_folder(tmp_path, {"g/a/refs.0.parq": b"", "g/a/refs.5.parq": b""})
    endless = {"g/a/.zarray": ZARRAY | {"shape": [10**15, 1], "chunks": [1, 1]}}
    (folder / ".zmetadata").write_text(json.dumps({"metadata": endless, "record_size": 3}))
    store = open_store(f"reference://{folder}")
    assert list(store.list_dir("g/a")) == [".zarray", "0.0", "1.0", "2.0", "15.0", "16.0", "17.0"]


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    store = open_store(f"reference://{table_folder(tmp_path, {'g/a/refs.0.parq': b'PAR1'})}")
    assert body(store, ".zgroup") == b'{"zarr_format": 2}'
    with pytest.raises(UnsupportedError, match="pip install pyarrow"):
        store.get("g/a/0.0")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"metadata": {}, "record_size": 0},
        {"metadata": [], "record_size": 1},
        {"metadata": {"../x": {}}, "record_size": 1},
        {"metadata": {"a/.zarray": 3}, "record_size": 1},
        {"metadata": {"a/.zarray": {"shape": [3], "chunks": [0]}}, "record_size": 1},
        {"metadata": {"a/.zarray": {"shape": [3], "chunks": [1, 1]}}, "record_size": 1},
        {"metadata": {"a/.zarray": "{"}, "record_size": 1},
    ],
)
def test_folders_that_are_none(tmp_path, document):
    (tmp_path / ".zmetadata").write_text(json.dumps(document))
    with pytest.raises(MetadataError):
        open_store(f"reference://{tmp_path}").get("a/0")

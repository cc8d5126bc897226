"""What a user may name as a store, and what is said to everything else."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from dzarr.errors import DzarrError, StoreError, UnsupportedError
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.open import open_store
from dzarr.io.reference import ReferenceStore
from dzarr.io.remote import RemoteStore
from dzarr.io.zip import ZipStore
from dzarr.options import Options


def test_folders(tmp_path, monkeypatch):
    expected = f"file://{tmp_path}/a b"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for url in (
        "a b",
        "./a b/",
        "~/a b",
        f"{tmp_path}/x/../a b",
        tmp_path / "a b",
        Path("a b"),
        f"file://{tmp_path}/a%20b",
        f"file://{tmp_path}/a b",
        f"file:{tmp_path}/a b",
        f"FILE://localhost{tmp_path}/a b",
    ):
        store = open_store(url)
        assert isinstance(store, LocalStore)
        assert store.token == expected
    assert open_store(tmp_path.as_uri() + "/%23%3F").token == f"file://{tmp_path}/#?"
    assert open_store(f"file://{tmp_path}/a?b#c").token == f"file://{tmp_path}/a?b#c"


def test_a_drive_is_no_scheme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_store("C:/data/x.zarr"), LocalStore)
    assert isinstance(open_store("name:with:colons"), LocalStore)


def test_durability(tmp_path):
    assert open_store(tmp_path, durability="full")._publisher.durability == "full"
    with pytest.raises(StoreError, match="durability"):
        open_store(tmp_path, durability="most")


def test_options_are_where_durability_comes_from(tmp_path):
    assert open_store(tmp_path, options=Options(durability="file"))._publisher.durability == "file"
    assert open_store(tmp_path, durability="none", options=Options(durability="file"))._publisher.durability == "none"


def test_which_store_speaks_which_url(tmp_path):
    for url, kind, token in (
        (f"local://{tmp_path}/a", LocalStore, f"file://{tmp_path}/a"),
        ("s3://bucket/x.zarr", RemoteStore, "s3://bucket/x.zarr"),
        ("HTTPS://host/x.zarr/", RemoteStore, "https://host/x.zarr"),
        ("abfs://container@account/x", RemoteStore, "abfs://container@account/x"),
        ("https://host/a%20b/x.zip", ZipStore, "zip::https://host/a%20b/x.zip"),
        ("s3://bucket/x.ozx", ZipStore, "zip::s3://bucket/x.ozx"),
        ("zip::s3://bucket/x", ZipStore, "zip::s3://bucket/x"),
        (f"zip://{tmp_path}/a b%20#?.zip", ZipStore, f"zip://{tmp_path}/a b%20#?.zip"),
        ("reference::gs://bucket/x.json", ReferenceStore, "reference::gs://bucket/x.json"),
        (f"reference://{tmp_path}/x.json", ReferenceStore, f"reference://{tmp_path}/x.json"),
    ):
        store = open_store(url)
        assert isinstance(store, kind)
        assert store.token == token
        assert open_store(store.token) == store
        assert pickle.loads(pickle.dumps(store)) == store
        assert isinstance(store, (RemoteStore, LocalStore)) or not store.can.writable


def test_memory():
    assert open_store("memory://test-open") == MemoryStore("test-open")
    assert open_store("memory://test-open/b/") == MemoryStore("test-open/b")
    with pytest.raises(StoreError, match="needs a name"):
        open_store("memory://")


def test_stores_are_taken_as_they_are(tmp_path):
    for store in (LocalStore(tmp_path), MemoryStore()):
        assert open_store(store) is store


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nosuch://bucket/x.zarr", "nosuch://"),
        ("simplecache::s3://bucket/x", "chained"),
        ("zip::simplecache::s3://bucket/x.zip", "chained"),
        ("zip://inside::/data/x.zip", "chained"),
        ({}, "dict"),
        (3, "int"),
        (None, "NoneType"),
        (b"bytes", "bytes"),
        (MemoryStore, "type"),
    ],
)
def test_what_is_declined_by_name(url, words):
    with pytest.raises(UnsupportedError) as caught:
        open_store(url)
    assert words in str(caught.value)
    assert "memory://name" in str(caught.value)


def test_other_troubles(tmp_path):
    (tmp_path / "x.nc").write_bytes(b"CDF")
    (tmp_path / "x.json").write_bytes(b"{}")
    with pytest.raises(UnsupportedError, match="not a folder"):
        open_store(tmp_path / "x.nc")
    with pytest.raises(UnsupportedError, match=r"reference://.*x\.json"):
        open_store(tmp_path / "x.json")
    for url in (tmp_path, "memory://test-open"):
        with pytest.raises(UnsupportedError, match="storage_options"):
            open_store(url, storage_options={"anon": True})
        assert open_store(url, storage_options={})
    for url in ("", "file://elsewhere/x", "https://", "s3:///", "zip::https://x.zip", "reference::https://x.json"):
        with pytest.raises(DzarrError):
            open_store(url)

"""What a user may name as a store, and what is said to everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dzarr.errors import DzarrError, StoreError, UnsupportedError
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.open import open_store


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
        ("s3://bucket/x.zarr", "s3://"),
        ("gs://bucket/x.zarr", "later release"),
        ("https://host/x.zarr", "https://"),
        ("simplecache::s3://bucket/x", "chained"),
        ("zip::/data/x.zip", "chained"),
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
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(UnsupportedError, match="not a folder"):
        open_store(tmp_path / "x.zip")
    for url in (tmp_path, "memory://test-open"):
        with pytest.raises(UnsupportedError, match="storage_options"):
            open_store(url, storage_options={"anon": True})
        assert open_store(url, storage_options={})
    for url in ("", "file://elsewhere/x"):
        with pytest.raises(DzarrError):
            open_store(url)

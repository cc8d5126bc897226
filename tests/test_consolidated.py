"""Consolidated records that zarr-python wrote stay true: whatever dzarr makes, changes, moves or removes below a
group, ``zarr.open_consolidated`` sees what is there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zarr

import dzarr
from dzarr.consolidated import change_document
from dzarr.errors import ConflictError, MetadataError
from dzarr.io.memory import MemoryStore

SMALL: dict[str, Any] = {"shape": (4,), "dtype": "i4", "chunks": (2,)}


@pytest.fixture(params=[2, 3], ids=["v2", "v3"])
def form(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def g(tmp_path: Path, form: int) -> dzarr.Group:
    """A tree with records in its root and in ``s``, written by zarr-python."""
    root = zarr.open_group(tmp_path, mode="w", zarr_format=form)  # type: ignore[arg-type]
    root.attrs["title"] = "t"
    root.create_array("a", shape=(4,), chunks=(2,), dtype="i4", attributes={"units": "m"})
    root.create_array("s/b", shape=(6,), chunks=(2,), dtype="f4")
    root.create_array("s/deep/c", shape=(8,), chunks=(2,), dtype="u1", attributes={"k": 1})
    zarr.consolidate_metadata(tmp_path, path="s", zarr_format=form)  # type: ignore[arg-type]
    zarr.consolidate_metadata(tmp_path, zarr_format=form)  # type: ignore[arg-type]
    return dzarr.open_group(tmp_path, "r+")


def facts(group: Any) -> dict[str, Any]:
    """Return what a zarr-python group says of all below it."""
    return {
        path: (getattr(member, "shape", None), dict(member.attrs)) for path, member in group.members(max_depth=None)
    }


def record(tmp_path: Path, form: int, path: str = "") -> dict[str, Any]:
    document = json.loads((tmp_path / path / (".zmetadata" if form == 2 else "zarr.json")).read_text())
    return dict((document if form == 2 else document["consolidated_metadata"])["metadata"])


def told_truly(tmp_path: Path, form: int, *paths: str) -> None:
    for path in ("", *paths):
        told = zarr.open_consolidated(tmp_path, path=path, zarr_format=form)  # type: ignore[arg-type]
        assert told.metadata.consolidated_metadata is not None
        true = zarr.open_group(tmp_path, path=path, mode="r", zarr_format=form, use_consolidated=False)  # type: ignore[arg-type]
        assert facts(told) == facts(true)
        assert dict(told.attrs) == dict(true.attrs)


CHANGES: dict[str, Callable[[dzarr.Group], Any]] = {
    "an array's attributes": lambda g: g["s/b"].attrs.update(units="K"),
    "attributes removed": lambda g: g["a"].attrs.clear(),
    "a group's attributes": lambda g: g["s"].attrs.update(note="n"),
    "a deep group's attributes": lambda g: g["s/deep"].attrs.update(note="n"),
    "its own attributes": lambda g: g.attrs.update(title="other"),
    "a new array": lambda g: g.create_array("new", **SMALL),
    "a new array far down": lambda g: g.create_array("s/x/y/new", attributes={"z": 1}, **SMALL),
    "a new group": lambda g: g.create_group("s/deep/new"),
    "an array replaced": lambda g: g.create_array("s/b", overwrite=True, **SMALL),
    "a group replaced by an array": lambda g: g.create_array("s/deep", overwrite=True, **SMALL),
    "an array replaced by a group": lambda g: g.create_group("a", attributes={"now": "a group"}, overwrite=True),
    "a hierarchy": lambda g: g.create_hierarchy({"h": None, "h/i": SMALL, "s/j": SMALL}),
    "an array removed": lambda g: g.__delitem__("s/b"),
    "a group removed": lambda g: g.__delitem__("s/deep"),
    "a group with a record removed": lambda g: g.__delitem__("s"),
    "an array moved": lambda g: g.move("a", "s/a"),
    "an array moved far": lambda g: g.move("s/deep/c", "x/y/c"),
    "a group moved": lambda g: g.move("s/deep", "deep"),
    "a group with a record moved": lambda g: g.move("s", "x/s"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_record_tells_the_truth_after(tmp_path: Path, form: int, g: dzarr.Group, change: str) -> None:
    told_truly(tmp_path, form, "s")
    CHANGES[change](g)
    inner = {"a group with a record removed": (), "a group with a record moved": ("x/s",)}.get(change, ("s",))
    told_truly(tmp_path, form, *inner)


def test_a_record_stays_true_through_everything(tmp_path: Path, form: int, g: dzarr.Group) -> None:
    g["s"].attrs["step"] = 1
    g.create_array("s/deep/d", **SMALL)
    g.move("s/deep", "deep")
    g["deep/d"].attrs["units"] = "m"
    del g["deep/c"]
    g.create_group("s/deep")
    g.move("a", "s/deep/a")
    g["s/deep/a"].attrs["units"] = "km"
    told_truly(tmp_path, form, "s")
    assert dict(zarr.open_consolidated(tmp_path)["s/deep/a"].attrs) == {"units": "km"}


def test_no_record_is_made_where_there_was_none(tmp_path: Path, form: int) -> None:
    g = dzarr.create_group(tmp_path, zarr_format=form)
    g.create_array("s/a", **SMALL).attrs["x"] = 1
    g.move("s", "t")
    assert not list(tmp_path.rglob(".zmetadata"))
    assert not any("consolidated_metadata" in path.read_text() for path in tmp_path.rglob("zarr.json"))


def test_other_members_of_a_record_are_kept(tmp_path: Path, form: int, g: dzarr.Group) -> None:
    path = tmp_path / (".zmetadata" if form == 2 else "zarr.json")
    document = json.loads(path.read_text())
    place = document if form == 2 else document["consolidated_metadata"]
    place["note"] = {"kept": True}
    path.write_text(json.dumps(document))
    g["a"].attrs["x"] = 1
    document = json.loads(path.read_text())
    assert (document if form == 2 else document["consolidated_metadata"])["note"] == {"kept": True}
    told_truly(tmp_path, form)


def test_a_foreign_change_in_between_is_noted_too(tmp_path: Path, form: int, g: dzarr.Group) -> None:
    zarr.open_array(tmp_path, path="a", mode="r+", zarr_format=form).attrs["units"] = "foreign"  # type: ignore[arg-type]
    assert "foreign" not in json.dumps(record(tmp_path, form))
    g["a"].attrs["x"] = 1
    assert "foreign" in json.dumps(record(tmp_path, form))
    told_truly(tmp_path, form, "s")


def test_four_threads_that_change_members_leave_a_true_record(tmp_path: Path, form: int, g: dzarr.Group) -> None:
    ready = threading.Barrier(4)
    errors: list[BaseException] = []

    def change(k: int) -> None:
        ready.wait()
        try:
            for step in range(5):
                g["a"].attrs[f"{k}-{step}"] = step
                g.create_array(f"s/new{k}-{step}", **SMALL)
                if step:
                    del g[f"s/new{k}-{step - 1}"]
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=change, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    told_truly(tmp_path, form, "s")
    assert len(zarr.open_consolidated(tmp_path)["a"].attrs) == 21


def test_the_late_one_notes_what_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changes a member; before A notes it, B changes it too and notes that."""
    store = MemoryStore()
    g = dzarr.create_group(store)
    g.create_array("a", **SMALL)
    document = json.loads(bytes(store.get("zarr.json")[0]))  # type: ignore[index]
    document["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": {}}
    store.set("zarr.json", [json.dumps(document).encode()])
    late, early = (dzarr.open_array(store, "r+", path="a") for _ in range(2))
    real = MemoryStore.set_if

    def overtaken(self: MemoryStore, key: str, parts: Any, version: Any) -> Any:
        if key == "zarr.json":  # A is about to note its change
            monkeypatch.setattr(MemoryStore, "set_if", real)
            early.attrs["b"] = 2
        return real(self, key, parts, version)

    monkeypatch.setattr(MemoryStore, "set_if", overtaken)
    late.attrs["a"] = 1
    told = json.loads(bytes(store.get("zarr.json")[0]))["consolidated_metadata"]["metadata"]  # type: ignore[index]
    assert told["a"]["attributes"] == {"a": 1, "b": 2}


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    dzarr.create_group(tmp_path, zarr_format=2).create_array("a", **SMALL)
    (tmp_path / ".zmetadata").write_text("{")
    with pytest.raises(MetadataError, match=r"\.zmetadata"):
        dzarr.open_array(tmp_path, "r+", path="a").attrs["x"] = 1
    (tmp_path / ".zmetadata").write_text('{"metadata": 5}')
    dzarr.open_array(tmp_path, "r+", path="a").attrs["y"] = 1


def test_a_document_that_never_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dzarr.consolidated.PATIENCE", 0)
    store = MemoryStore()
    store.set("x", [b"{}"])

    def change(document: dict[str, Any]) -> dict[str, Any]:
        store.set("x", [json.dumps({"n": document.get("n", 0) + 1}).encode()])
        return {"mine": True}

    with pytest.raises(ConflictError, match=r"5 tries.*'x'"):
        change_document(store, "x", change)
    assert json.loads(bytes(store.get("x")[0])) == {"n": 5}  # type: ignore[index]

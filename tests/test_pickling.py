"""Handles that travel: small, without attributes and caches, and still the same array for Dask."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import dask
import numpy as np
import pytest

import dzarr

LIMIT = 4096
SECRET = "an attribute that is long " * 400


def round_trips() -> dict[str, Callable[[Any], Any]]:
    return {
        "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
        "pickle-2": lambda thing: pickle.loads(pickle.dumps(thing, protocol=2)),
        "cloudpickle": lambda thing: pickle.loads(cloudpickle.dumps(thing)),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
    }


@pytest.fixture(params=round_trips().values(), ids=round_trips().keys())
def travel(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def array(tmp_path: Path) -> dzarr.Array:
    made = dzarr.create(
        tmp_path / "a.zarr",
        shape=(40, 60),
        dtype="i4",
        chunks=(5, 5),
        shards=(20, 20),
        codecs=[{"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5}}, "crc32c"],
        dimension_names=("y", "x"),
        attributes={"text": SECRET},
        fill_value=-1,
    )
    made[...] = np.arange(2400).reshape(40, 60)
    return made


VIEWS: dict[str, Callable[[dzarr.Array], dzarr.Array]] = {
    "whole": lambda a: a,
    "slice": lambda a: a[3:30:2, ::-1],
    "plane": lambda a: a[7],
    "newaxis": lambda a: a[None, :, 5],
    "orthogonal": lambda a: a.oindex[[3, 1, 30], 4:9],
    "points": lambda a: a.vindex[[3, 1, 30], [0, 59, 7]],
    "objects": lambda a: a.objects[1, 0:2],
    "options": lambda a: a.with_options(threads=1, missing="error"),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_a_view_arrives_as_it_left(
    array: dzarr.Array, view: Callable[[dzarr.Array], dzarr.Array], travel: Callable[[Any], Any]
) -> None:
    sent = view(array)
    found = travel(sent)
    assert (found.shape, found.dtype, found.chunks, found.shards) == (sent.shape, sent.dtype, sent.chunks, sent.shards)
    assert (found.path, found.url, found.options) == (sent.path, sent.url, sent.options)
    assert (found.writable, found.is_view, found.dimension_names) == (sent.writable, sent.is_view, sent.dimension_names)
    assert found.fill_value == sent.fill_value
    np.testing.assert_array_equal(found.read(), sent.read())
    assert repr(found) == repr(sent)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_the_open_id_travels(
    array: dzarr.Array, view: Callable[[dzarr.Array], dzarr.Array], travel: Callable[[Any], Any]
) -> None:
    sent = view(array)
    found = travel(sent)
    assert found.to_dask().name == sent.to_dask().name
    assert dask.base.tokenize(found) == dask.base.tokenize(sent)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"])
def test_a_warm_handle_is_small(
    array: dzarr.Array, view: Callable[[dzarr.Array], dzarr.Array], dumps: Callable[[Any], bytes]
) -> None:
    sent = view(array)
    cold = len(dumps(sent))
    sent.read()
    (sent.to_dask() + 1).sum().compute(scheduler="sync")
    assert sent.attrs["text"] == SECRET
    sent.facts()
    sent.info()
    data = dumps(sent)
    assert len(data) < LIMIT
    assert len(data) <= cold
    assert b"an attribute" not in data


def test_attributes_are_read_again_where_they_are_asked_for(array: dzarr.Array, travel: Callable[[Any], Any]) -> None:
    found = travel(array)
    assert found.attrs["text"] == SECRET
    found.attrs["colour"] = "green"
    assert array.refresh().attrs["colour"] == "green"


def test_a_handle_that_travelled_writes(array: dzarr.Array, travel: Callable[[Any], Any]) -> None:
    travel(array)[0, 0] = 77
    assert array[0, 0].read() == 77
    with pytest.raises(dzarr.ReadOnlyError):
        travel(dzarr.open_array(array.url))[0, 0] = 1


def test_groups_travel(tmp_path: Path, travel: Callable[[Any], Any]) -> None:
    group = dzarr.create_group(tmp_path / "g.zarr", attributes={"a": 1})
    group.create_array("inner/a", shape=(4,), dtype="u1")[...] = 3
    found = travel(group)
    assert found == group
    assert found.attrs["a"] == 1
    assert list(found) == ["inner"]
    assert found["inner/a"].read().sum() == 12
    assert found.writable


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"])
def test_a_group_is_small(tmp_path: Path, dumps: Callable[[Any], bytes]) -> None:
    group = dzarr.create_group(tmp_path / "g.zarr", attributes={"text": SECRET})
    assert group.attrs["text"] == SECRET
    data = dumps(group)
    assert len(data) < LIMIT
    assert b"an attribute" not in data


def test_a_handle_works_in_another_process(array: dzarr.Array, tmp_path: Path) -> None:
    (tmp_path / "handle").write_bytes(pickle.dumps(array[10:20, 5]))
    root = str(Path(dzarr.__file__).parents[1])
    code = "import sys, pickle; print(pickle.load(open(sys.argv[1], 'rb')).read().sum())"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{code}", str(tmp_path / "handle")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == array[10:20, 5].read().sum()


def test_results_options_and_errors_travel(array: dzarr.Array, travel: Callable[[Any], Any]) -> None:
    done = array.write((0, 0), 5)
    found = travel(done)
    assert (found.region, found.objects, found.array.read((0, 0))) == (done.region, done.objects, 5)
    assert travel(dzarr.Options(threads=3)) == dzarr.Options(threads=3)
    error = travel(dzarr.CorruptObjectError("bad", key="a/c/0", chunk=(1, 2), found=3, expected=4, fix="none"))
    assert isinstance(error, dzarr.CorruptObjectError)
    assert str(error) == "bad; key 'a/c/0'; chunk (1, 2); found 3; expected 4; fix: none"
    assert error.chunk == (1, 2)

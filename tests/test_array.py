"""Handles as people use them: as numpy arrays, as Dask collections, and as things to look at.

Which elements an index names is compared with numpy in test_numpy_oracle.py, what Dask's functions do with a
handle in test_dask_functions.py.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

import dzarr

VALUES = np.random.default_rng(11).integers(1, 9, (6, 6)).astype("f8")
OTHER = np.random.default_rng(12).integers(1, 9, (6, 6)).astype("f8")
WHOLE = np.arange(1, 37).reshape(6, 6)


def made(values: Any, url: Any = None, **more: Any) -> dzarr.Array:
    """Return a handle of an array that holds `values`."""
    values = np.asarray(values)
    form = {"chunks": (2, 3)[: values.ndim]} | more
    place = url or f"memory://array/{np.random.default_rng().integers(1 << 62)}"
    array = dzarr.create(place, shape=values.shape, dtype=values.dtype, **form)
    array[...] = values
    return array


def lazy(result: Any) -> np.ndarray[Any, Any]:
    """Compute what must be a ``dask.array.Array`` and nothing else."""
    assert type(result) is da.Array
    return result.compute(scheduler="sync")  # type: ignore[no-any-return]


# Operators

ARITHMETIC = "add sub mul truediv floordiv mod pow matmul lt le eq ne gt ge".split()
BITS = "and_ or_ xor lshift rshift".split()
SIDES: dict[str, Callable[[Any], Any]] = {
    "handle": made,
    "view": lambda values: made(np.concatenate([values, values]))[: len(values)],
    "dask": lambda values: da.from_array(values, chunks=(4, 2)),
    "numpy": np.asarray,
}


@pytest.mark.parametrize("right", ["handle", "view", "dask", "numpy"])
@pytest.mark.parametrize("left", ["handle", "view", "dask", "numpy"])
@pytest.mark.parametrize("name", ARITHMETIC + BITS)
def test_operators_take_anything_on_either_side(name: str, left: str, right: str) -> None:
    if not {left, right} & {"handle", "view"}:
        return
    x, y = (VALUES, OTHER) if name in ARITHMETIC else (VALUES.astype("i8"), OTHER.astype("i8"))
    apply = getattr(operator, name)
    np.testing.assert_array_equal(lazy(apply(SIDES[left](x), SIDES[right](y))), apply(x, y))


@pytest.mark.parametrize("name", [name for name in ARITHMETIC if name != "matmul"])
@pytest.mark.parametrize("number", [3, 2.5, np.float64(2), np.int8(2)])
def test_operators_take_numbers_on_either_side(name: str, number: Any) -> None:
    apply, a = getattr(operator, name), made(VALUES)
    for found, expected in ((apply(a, number), apply(VALUES, number)), (apply(number, a), apply(number, VALUES))):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(lazy(found), expected)


@pytest.mark.parametrize("apply", [operator.neg, operator.pos, operator.abs, operator.invert])
def test_operators_of_one(apply: Callable[[Any], Any]) -> None:
    np.testing.assert_array_equal(lazy(apply(made(WHOLE))), apply(WHOLE))


@pytest.mark.parametrize("left", [made(WHOLE), WHOLE, 7], ids=["handle", "numpy", "number"])
def test_divmod(left: Any) -> None:
    expected = divmod(7 if isinstance(left, int) else WHOLE, WHOLE[::-1])
    for one, other in zip(divmod(left, made(WHOLE[::-1])), expected, strict=True):
        np.testing.assert_array_equal(lazy(one), other)


def test_broadcasting_between_handles() -> None:
    row = made(np.arange(6.0))
    np.testing.assert_array_equal(lazy(made(VALUES) * row), VALUES * np.arange(6.0))
    np.testing.assert_array_equal(lazy(made(VALUES) - row[:, None]), VALUES - np.arange(6.0)[:, None])


def test_a_handle_is_not_changed_in_place_by_operators() -> None:
    a = made(VALUES)
    with pytest.raises(dzarr.ReadOnlyError, match=r"can't be the out=.*use a\[\.\.\.\] ="):
        a += 1
    np.testing.assert_array_equal(a.read(), VALUES)


def test_numpy_and_dask_arrays_are_changed_in_place_by_handles() -> None:
    values = VALUES.copy()
    same = values
    values += made(OTHER)
    assert values is same
    np.testing.assert_array_equal(values, VALUES + OTHER)
    blocks = da.from_array(VALUES, chunks=2)
    blocks -= made(OTHER)
    np.testing.assert_array_equal(lazy(blocks), VALUES - OTHER)


def test_a_handle_is_not_hashable_and_compares_elementwise() -> None:
    a = made(VALUES)
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)
    assert lazy(a == a).all()


# numpy


UFUNCS = [np.sin, np.sqrt, np.exp, np.negative, np.isfinite, np.floor, np.square, np.logical_not]


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
def test_ufuncs_stay_lazy(ufunc: Any) -> None:
    np.testing.assert_array_equal(lazy(ufunc(made(VALUES))), ufunc(VALUES))


def test_ufuncs_put_out() -> None:
    a = made(VALUES)
    out = np.zeros((6, 6))
    assert np.add(a, 1, out=out) is out
    np.testing.assert_array_equal(out, VALUES + 1)
    np.multiply(OTHER, a, out=out)
    np.testing.assert_array_equal(out, VALUES * OTHER)
    blocks = da.zeros((6, 6))
    np.add(a, 1, out=blocks)
    np.testing.assert_array_equal(lazy(blocks), VALUES + 1)
    with pytest.raises(dzarr.ReadOnlyError, match="out="):
        np.add(OTHER, 1, out=a)


def test_other_methods_of_ufuncs() -> None:
    a = made(np.arange(1.0, 5.0))
    np.testing.assert_array_equal(lazy(np.add.outer(a, a)), np.add.outer(*[np.arange(1.0, 5.0)] * 2))
    with pytest.raises(TypeError, match="returned NotImplemented"):
        np.add.reduce(a)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "concatenate": lambda x: np.concatenate([x, OTHER]),
    "concatenate-first": lambda x: np.concatenate([OTHER, x], axis=1),
    "stack": lambda x: np.stack((x, x)),
    "vstack": lambda x: np.vstack([x, x]),
    "hstack": lambda x: np.hstack([x, x]),
    "block": lambda x: np.block([[x, x], [x, x]]),
    "where": lambda x: np.where(x > 4, x, OTHER),
    "mean": lambda x: np.mean(x, axis=0),
    "sum": lambda x: np.sum(x),
    "max": lambda x: np.max(x, axis=1),
    "std": lambda x: np.std(x, axis=0),
    "argmax": lambda x: np.argmax(x, axis=0),
    "median": lambda x: np.median(x, axis=1),
    "cumsum": lambda x: np.cumsum(x, axis=0),
    "clip": lambda x: np.clip(x, 2, 5),
    "round": lambda x: np.round(x / 3, 1),
    "around": lambda x: np.around(x, 1),
    "transpose": lambda x: np.transpose(x),
    "reshape": lambda x: np.reshape(x, (36,)),
    "ravel": lambda x: np.ravel(x),
    "squeeze": lambda x: np.squeeze(x[:1]),
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "roll": lambda x: np.roll(x, 2, axis=1),
    "flip": lambda x: np.flip(x, axis=0),
    "pad": lambda x: np.pad(x, 1),
    "diff": lambda x: np.diff(x, axis=0),
    "dot": lambda x: np.dot(x, x),
    "matmul": lambda x: np.matmul(x, OTHER),
    "tensordot": lambda x: np.tensordot(x, OTHER, axes=1),
    "einsum": lambda x: np.einsum("ij,jk->ik", x, OTHER),
    "any": lambda x: np.any(x > 8),
    "count_nonzero": lambda x: np.count_nonzero(x > 3),
    "isin": lambda x: np.isin(x, [2, 3]),
    "histogram": lambda x: np.histogram(x, bins=4, range=(0, 10))[0],
    "ones_like": lambda x: np.ones_like(x),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 6, 6)),
    "take": lambda x: np.take(x, [0, 2], axis=1),
    "repeat": lambda x: np.repeat(x, 2, axis=0),
    "nansum": lambda x: np.nansum(x, axis=0),
    "linalg.norm": lambda x: np.linalg.norm(x),
    "fft.fft": lambda x: np.fft.fft(x[:, :3].rechunk(-1) if hasattr(x, "rechunk") else x[:, :3]),
}


@pytest.mark.parametrize("call", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_numpy_functions_give_dask_arrays(call: Callable[[Any], Any]) -> None:
    np.testing.assert_allclose(lazy(call(made(VALUES))), call(VALUES), rtol=1e-12)


def test_numpy_asks_for_facts_without_reading() -> None:
    a = made(VALUES)
    with dzarr.observe() as seen:
        assert (np.shape(a), np.ndim(a), np.size(a)) == ((6, 6), 2, 36)
        assert (np.size(a, 1), np.isrealobj(a), np.iscomplexobj(a)) == (6, True, False)
        assert np.result_type(a, "f4") == np.float64
    assert seen.requests == 0


def test_asarray_reads() -> None:
    a = made(WHOLE)
    for found in (np.asarray(a), np.array(a), a.__array__(), a.compute()):
        assert type(found) is np.ndarray
        assert found.dtype == WHOLE.dtype
        assert found.flags.writeable
        np.testing.assert_array_equal(found, WHOLE)
    assert np.asarray(a, dtype="f4").dtype == np.float32
    np.testing.assert_array_equal(np.asarray(a[::-2, 1]), WHOLE[::-2, 1])
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(a, copy=False)


# Python


@pytest.mark.parametrize("kind", [float, int, complex, bool, operator.index])
def test_python_numbers(kind: Callable[[Any], Any]) -> None:
    a = made(WHOLE)
    assert kind(a[2, 3]) == kind(WHOLE[2, 3])
    assert kind(made(np.array(5))) == kind(5)


@pytest.mark.parametrize("kind", [float, int, complex, operator.index])
def test_only_one_element_makes_a_number_and_nothing_is_read_to_find_out(kind: Callable[[Any], Any]) -> None:
    a = made(WHOLE)
    with dzarr.observe() as seen, pytest.raises(TypeError, match="0-dimensional"):
        kind(a)
    assert seen.requests == 0


def test_a_float_is_no_index() -> None:
    with pytest.raises(TypeError):
        operator.index(made(VALUES)[0, 0])


def test_truth() -> None:
    assert made(np.ones((1, 1)))
    assert not made(np.zeros(1))
    with pytest.raises(ValueError, match="36 elements is ambiguous"):
        bool(made(VALUES))


def test_length_and_iteration() -> None:
    a = made(WHOLE)
    assert len(a) == 6
    with dzarr.observe() as seen:
        rows = list(a)
    assert seen.requests == 0
    assert all(isinstance(row, dzarr.Array) and row.shape == (6,) for row in rows)
    np.testing.assert_array_equal(np.stack([row.read() for row in rows]), WHOLE)
    np.testing.assert_array_equal([row.read() for row in reversed(a)], WHOLE[::-1])
    first, *_ = a
    assert first.shape == (6,)
    with pytest.raises(TypeError, match="0-d"):
        len(a[0, 0])
    with pytest.raises(TypeError, match="0-d"):
        list(a[0, 0])


def test_membership() -> None:
    a = made(WHOLE)
    assert 17 in a
    assert 99 not in a
    assert 17 not in a[0]


# Dask


def test_a_handle_is_a_dask_collection() -> None:
    a, b = made(VALUES), made(OTHER)
    assert dask.is_dask_collection(a)
    found, total, plain = dask.compute(a, (b + a).sum(), 3, scheduler="sync")
    np.testing.assert_array_equal(found, VALUES)
    assert (total, plain) == ((VALUES + OTHER).sum(), 3)
    (kept,) = dask.persist(a, scheduler="sync")
    np.testing.assert_array_equal(lazy(kept), VALUES)
    np.testing.assert_array_equal(lazy(a.persist(scheduler="sync")), VALUES)
    (optimised,) = dask.optimize(a)
    np.testing.assert_array_equal(lazy(optimised), VALUES)


def test_the_shared_result_of_dask_compute_is_read_only() -> None:
    # The same graph is what dask fills in for a handle that a task means to write into; see protocols.py.
    (found,) = dask.compute(made(VALUES), scheduler="sync")
    assert not found.flags.writeable


@pytest.mark.parametrize("keywords", [{}, {"scheduler": "threads"}, {"scheduler": "sync"}, {"optimize_graph": False}])
def test_compute_is_the_eager_read_here(keywords: dict[str, Any]) -> None:
    a = made(VALUES)
    np.testing.assert_array_equal(a.compute(**keywords), VALUES)
    np.testing.assert_array_equal(a[2:5, ::-1].compute(**keywords), VALUES[2:5, ::-1])


def test_what_to_dask_gave_can_be_assigned_to_without_changing_the_handle() -> None:
    a = made(VALUES)
    blocks = a.to_dask()
    blocks[0] = -1
    assert blocks.compute()[0, 0] == -1
    np.testing.assert_array_equal(a.to_dask().compute(scheduler="sync"), VALUES)
    np.testing.assert_array_equal(lazy(a + 0), VALUES)
    assert a.to_dask().name == a.to_dask().name


def test_methods_that_dask_has() -> None:
    a = made(VALUES)
    np.testing.assert_array_equal(lazy(a.T), VALUES.T)
    np.testing.assert_array_equal(lazy(a.rechunk((6, 1)).cumsum(axis=0)), VALUES.cumsum(axis=0))
    np.testing.assert_array_equal(lazy(a.map_blocks(np.negative)), -VALUES)
    np.testing.assert_array_equal(lazy(a.astype("f4")), VALUES.astype("f4"))
    assert a.numblocks == a.to_dask().numblocks
    assert lazy(a.sum()) == VALUES.sum()


def test_map_blocks_gets_blocks_of_whole_objects() -> None:
    a = made(VALUES)
    with dask.config.set({"array.chunk-size": "1 B"}):
        shapes = a.map_blocks(lambda x: np.full((1, 1), x.size), chunks=(1, 1), dtype="i8")
        np.testing.assert_array_equal(lazy(shapes), np.full((3, 2), 6))


def test_delayed_gets_the_whole_view() -> None:
    total = dask.delayed(lambda values: values.sum())(made(VALUES)[1:3])
    assert total.compute(scheduler="sync") == VALUES[1:3].sum()


def test_fancy_indices_that_are_not_views() -> None:
    a = made(VALUES)
    np.testing.assert_array_equal(lazy(a[[4, 0]]), VALUES[[4, 0]])
    np.testing.assert_array_equal(lazy(a[VALUES > 5]), VALUES[VALUES > 5])
    np.testing.assert_array_equal(lazy(a[a > 5]), VALUES[VALUES > 5])
    np.testing.assert_array_equal(lazy(made(VALUES)[da.from_array(np.array([1, 2]))]), VALUES[[1, 2]])


# What it is


def test_dimension_names_follow_the_view() -> None:
    a = made(np.zeros((2, 3, 4)), chunks=(1, 3, 4), dimension_names=("t", None, "x"))
    assert a.dimension_names == ("t", None, "x")
    assert a[0].dimension_names == (None, "x")
    assert a[..., None].dimension_names == ("t", None, "x", None)
    assert a[:, 1, ::2].dimension_names == ("t", "x")
    assert a.oindex[:, [0, 1], 2].dimension_names == ("t", None)
    assert a.vindex[[0, 1], [0, 1]].dimension_names == (None, "x")
    assert made(VALUES).dimension_names is None


def test_facts_of_arrays_and_views() -> None:
    a = made(VALUES, chunks=(1, 2), shards=(2, 4))
    assert (a.shape, a.ndim, a.size, a.itemsize, a.nbytes) == ((6, 6), 2, 36, 8, 288)
    assert (a.chunks, a.shards, a.is_view) == ((1, 2), (2, 4), False)
    view = a[1:, 0]
    assert (view.shape, view.ndim, view.size, view.nbytes) == ((5,), 1, 5, 40)
    assert (view.chunks, view.shards, view.is_view) == ((1, 2), (2, 4), True)
    assert not a[...].is_view
    assert made(VALUES).shards is None


def test_reprs_show_the_document_and_ask_the_store_nothing(tmp_path: Path) -> None:
    a = made(VALUES, tmp_path / "a.zarr", shards=(4, 6), dimension_names=("y", "x"))
    with dzarr.observe() as seen:
        text, html = repr(a), a._repr_html_()
        view = repr(a[1:3, ::2])
    assert seen.requests == 0
    for word in ("y: 6, x: 6", "float64", "2 x 3", "4 x 6", "zstd", "writable"):
        assert word in text
    assert "<svg" in html
    assert "view" in view
    assert "read-only" in repr(dzarr.open(tmp_path / "a.zarr"))


def test_info_lists_what_is_stored(tmp_path: Path) -> None:
    a = dzarr.create(tmp_path / "a.zarr", shape=(6, 6), dtype="f8", chunks=(2, 3))
    a[:2] = 1
    info = a.info()
    assert (info.storage.objects_stored, info.storage.objects_expected, info.storage.missing) == (2, 6, 4)
    assert info.storage.bytes_stored == sum(file.stat().st_size for file in (tmp_path / "a.zarr" / "c").rglob("*/*"))
    assert "2 of 6" in repr(info)
    assert "2 of 6" in info._repr_html_()


# Attributes


def test_attributes_are_a_mapping_that_is_written_through(tmp_path: Path) -> None:
    a = made(VALUES, tmp_path / "a.zarr", attributes={"units": "K"})
    a.attrs["scale"] = np.float32(0.5)
    a.attrs.update(title="x", n=np.int64(3))
    assert dict(dzarr.open(tmp_path / "a.zarr").attrs) == {"units": "K", "scale": 0.5, "title": "x", "n": 3}
    del a.attrs["units"]
    assert "units" not in a.attrs
    a.attrs.put({"only": [1, 2]})
    assert dzarr.open(tmp_path / "a.zarr").attrs.asdict() == {"only": [1, 2]}
    a.attrs.clear()
    assert len(a.attrs) == 0
    np.testing.assert_array_equal(a.read(), VALUES)


def test_attributes_of_others_survive_an_update(tmp_path: Path) -> None:
    first = made(VALUES, tmp_path / "a.zarr")
    second = dzarr.open(tmp_path / "a.zarr", "r+")
    first.attrs["a"] = 1
    second.attrs["b"] = 2
    assert dict(second.attrs) == {"a": 1, "b": 2}
    assert dict(first.attrs) == {"a": 1}
    assert dict(first.refresh().attrs) == {"a": 1, "b": 2}


def test_attributes_say_what_is_wrong(tmp_path: Path) -> None:
    a = made(VALUES, tmp_path / "a.zarr", attributes={"a": 1})
    with pytest.raises(KeyError):
        a.attrs["missing"]
    with pytest.raises(KeyError):
        del a.attrs["missing"]
    with pytest.raises(dzarr.MetadataError):
        a.attrs["bad"] = object()
    with pytest.raises(dzarr.ReadOnlyError, match=r"mode='r\+'"):
        dzarr.open(tmp_path / "a.zarr").attrs["a"] = 2
    assert dict(dzarr.open(tmp_path / "a.zarr").attrs) == {"a": 1}


# Options and refreshing


def test_options_change_by_name_on_a_new_handle() -> None:
    a = dzarr.create("memory://array/options", shape=(4,), dtype="u1", chunks=(2,), overwrite=True)
    strict = a[1:].with_options(missing="error", threads=1)
    assert (strict.options.missing, strict.options.threads, strict.shape) == ("error", 1, (3,))
    assert a.options == dzarr.Options()
    np.testing.assert_array_equal(a.read(), 0)
    with pytest.raises(dzarr.MissingObjectError, match="missing='fill'"):
        strict.read()


def test_durability_reaches_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(descriptor))
    monkeypatch.setattr("os.fdatasync", lambda descriptor: synced.append(descriptor))
    a = made(VALUES, tmp_path / "a.zarr")
    assert synced == []
    a.with_options(durability="file")[0, 0] = 1
    assert synced
    del synced[:]
    a[0, 0] = 2
    assert synced == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"missing": "maybe"},
        {"durability": True},
        {"threads": 0},
        {"threads": 1.5},
        {"concurrency": 0},
        {"timeout": -1},
        {"retries": "8"},
        {"cache": None},
        {"max_decoded_bytes": 0},
        {"merge_gap": -1},
        {"allow_codecs": ["pickle"]},
        {"colour": "green"},
    ],
    ids=str,
)
def test_options_are_checked(wrong: dict[str, Any]) -> None:
    a = made(VALUES)
    with pytest.raises(dzarr.OptionError, match=next(iter(wrong))):
        a.with_options(**wrong)
    group = dzarr.create_group("memory://array/group-of-options", overwrite=True)
    with pytest.raises(dzarr.OptionError, match=next(iter(wrong))):
        group.with_options(**wrong)


def test_a_handle_is_a_snapshot_until_it_is_refreshed(tmp_path: Path) -> None:
    made(VALUES, tmp_path / "a.zarr")
    a = dzarr.open(tmp_path / "a.zarr")
    before = a.to_dask().name
    dzarr.create(tmp_path / "a.zarr", shape=(3,), dtype="u2", overwrite=True)
    assert a.shape == (6, 6)
    assert a.refresh() is a
    assert (a.shape, a.dtype) == ((3,), np.uint16)
    assert a.to_dask().name != before
    np.testing.assert_array_equal(a.read(), 0)


def test_refreshing_what_is_gone_or_another_thing(tmp_path: Path) -> None:
    a = made(VALUES, tmp_path / "a.zarr")
    with pytest.raises(dzarr.RegionError, match="refresh the array and slice it again"):
        a[1:].refresh()
    dzarr.create_group(tmp_path / "a.zarr", overwrite=True)
    with pytest.raises(dzarr.DzarrError):
        a.refresh()


def test_graphs_have_new_names_after_each_write() -> None:
    a = made(VALUES)
    view = a[1:4]
    names = [a.to_dask().name, view.to_dask().name]
    assert a.to_dask().name == names[0]
    view[...] = 5
    assert a.to_dask().name not in names
    assert view.to_dask().name not in names
    np.testing.assert_array_equal(lazy(a + 0)[1:4], 5)
    assert dzarr.open(a.url).to_dask().name != a.to_dask().name


# Writing through handles


def test_assignment() -> None:
    a, values = made(VALUES), VALUES.copy()
    for index, new in [
        ((0, 0), 7),
        (slice(1, 3), 8.5),
        ((slice(None), -1), np.arange(6)),
        ((..., slice(None, None, -2)), OTHER[:, :3]),
        ([5, 0], OTHER[:2]),
        (VALUES > 7, 0),
        ((slice(None), np.array([0, 3])), OTHER[:, :2]),
        ((None, 2), OTHER[:1]),
    ]:
        a[index] = new
        values[index] = new
        np.testing.assert_array_equal(a.read(), values, err_msg=str(index))
    a[...] = da.from_array(OTHER, chunks=2)
    np.testing.assert_array_equal(a.read(), OTHER)
    a[1:3] = made(VALUES)[3:5]
    np.testing.assert_array_equal(a[1:3].read(), VALUES[3:5])


@pytest.mark.parametrize(
    ("index", "values", "error"),
    [
        (0, np.zeros(7), dzarr.RegionError),
        (99, 0, dzarr.RegionError),
        (([0], [1]), 0, dzarr.RegionError),
        (0, "text", dzarr.DTypeError),
        (0, 1 + 2j, dzarr.DTypeError),
        (0, np.ma.masked_array([1.0] * 6, True), dzarr.DTypeError),
        (0, [[1], [2, 3]], dzarr.RegionError),
    ],
)
def test_bad_assignments_change_nothing(index: Any, values: Any, error: type[dzarr.DzarrError]) -> None:
    a = made(VALUES)
    with pytest.raises(error):
        a[index] = values
    np.testing.assert_array_equal(a.read(), VALUES)


def test_a_handle_for_reading_refuses_writes() -> None:
    a = dzarr.open(made(VALUES).url)
    for change in (
        lambda: a.write(0, 1),
        lambda: operator.setitem(a, 0, 1),
        lambda: operator.setitem(a[0], 0, 1),
        lambda: operator.setitem(a.oindex, [0], 1),
        lambda: operator.setitem(a.vindex, ([0], [0]), 1),
        lambda: operator.setitem(a.objects, (0, 0), 1),
    ):
        with pytest.raises(dzarr.ReadOnlyError, match=r"mode='r\+'"):
            change()
    np.testing.assert_array_equal(a.read(), VALUES)


# Watching


def test_observers_count_requests_and_bytes(tmp_path: Path) -> None:
    a = made(VALUES, tmp_path / "a.zarr")
    with dzarr.observe() as outer:
        with dzarr.observe() as inner:
            a.read((slice(0, 2), slice(0, 3)))
        a[...] = 3
    assert inner.requests == 1
    assert inner.bytes_read == (tmp_path / "a.zarr" / "c" / "0" / "0").stat().st_size or inner.bytes_read > 0
    assert inner.bytes_written == 0
    assert outer.requests > inner.requests
    assert outer.bytes_written > 0
    assert "bytes read" in repr(outer)


def test_requests_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    a = made(VALUES, tmp_path / "a.zarr")
    with caplog.at_level(logging.DEBUG, logger="dzarr"):
        a.read((0, 0))
    lines = [record for record in caplog.records if record.name.startswith("dzarr")]
    assert any("c/0/0" in record.getMessage() for record in lines)
    caplog.clear()
    a.read((0, 0))
    assert not [record for record in caplog.records if record.name.startswith("dzarr")]


def test_tuples_are_structures() -> None:
    a = dzarr.create("memory://tuples", shape=(4,), dtype=[("a", "i4"), ("b", "f8")], chunks=(2,))
    a[0] = (1, 2.5)
    a[2:] = [(3, 4.5), (5, 6.5)]
    assert a.read().tolist() == [(1, 2.5), (0, 0.0), (3, 4.5), (5, 6.5)]
    with pytest.raises(dzarr.RegionError, match="make no array"):
        a[0] = (1, 2, 3)

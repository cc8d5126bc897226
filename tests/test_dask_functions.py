"""Every public function of ``dask.array`` with a handle in the place of each of its arrays.

A handle must do what a dask array of the same values does, or fail with a clear error, or stand in a table
here with the reason. The functions are found by walking the modules, so that a new dask shows: what is in no
table fails. Where numpy has the function too, its answer is compared as well.
"""

from __future__ import annotations

import importlib.util
import inspect
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

import dzarr

MODULES = {
    "": (da, np),
    "linalg.": (da.linalg, np.linalg),
    "fft.": (da.fft, np.fft),
    "ma.": (da.ma, np.ma),
    "lib.stride_tricks.": (da.lib.stride_tricks, np.lib.stride_tricks),
}
"""``da.random`` is left out: its functions draw numbers, and take arrays only as parameters of distributions."""

RANDOM = np.random.default_rng(7)
ARRAYS: dict[str, Any] = {
    "x": RANDOM.uniform(0.1, 0.9, (6, 8)),
    "y": RANDOM.uniform(1.1, 2.9, (6, 8)),
    "u": RANDOM.uniform(0.1, 0.9, 12),
    "v": RANDOM.uniform(0.1, 0.9, 12),
    "i": RANDOM.integers(0, 9, (6, 8)),
    "j": RANDOM.integers(1, 5, (6, 8)),
    "k": RANDOM.integers(0, 6, 12),
    "mask": RANDOM.uniform(0, 1, (6, 8)) > 0.4,
    "row": RANDOM.uniform(0, 1, 6) > 0.4,
    "edges": np.linspace(0, 1, 5),
    "regular": RANDOM.uniform(0, 1, (8, 8)) + 8 * np.eye(8),
    "definite": np.cov(RANDOM.normal(size=(8, 30))) + 3 * np.eye(8),
    "lower": np.tril(RANDOM.uniform(1, 2, (8, 8))),
    "tall": RANDOM.normal(size=(12, 3)),
    "wide": RANDOM.normal(size=(3, 12)),
    "right": RANDOM.normal(size=8),
    "z": RANDOM.normal(size=(6, 8)) + 1j * RANDOM.normal(size=(6, 8)),
    "gaps": np.where(RANDOM.uniform(0, 1, (6, 8)) > 0.6, np.nan, RANDOM.uniform(0, 1, (6, 8))),
    "cube": RANDOM.uniform(0, 1, (4, 6, 8)),
    "planes": RANDOM.uniform(0, 1, (4, 6, 8)),
}
"""Values that the calls below name by their parameters."""
CHUNKS = {
    "tall": (4, 3),
    "wide": (3, 4),
    "regular": (4, 4),
    "definite": (4, 4),
    "lower": (4, 4),
    "cube": (2, 3, 4),
    "planes": (2, 6, 8),
}

Call = Callable[..., Any]


def each(names: str, call: Call) -> dict[str, Call]:
    return dict.fromkeys(names.split(), call)


CALLS: dict[str, Call] = {
    # elementwise
    **each(
        """abs absolute arcsin arctan arcsinh arccos arctanh array asanyarray asarray cbrt ceil cos cosh deg2rad degrees
        exp exp2 expm1 fabs fix floor frexp i0 isfinite isinf isneginf isposinf log log10 log1p log2 logical_not modf
        nan_to_num negative positive rad2deg radians reciprocal rint round sign signbit sin sinc sinh spacing
        sqrt square tan tanh trunc""",
        lambda f, x: f(x),
    ),
    **each("angle conj imag real iscomplex isreal", lambda f, z: f(z)),
    **each("isnan isnull notnull", lambda f, gaps: f(gaps)),
    **each("bitwise_not invert", lambda f, i: f(i)),
    **each("bitwise_and bitwise_or bitwise_xor left_shift right_shift", lambda f, i, j: f(i, j)),
    **each(
        """add arctan2 copysign divide divmod equal float_power floor_divide fmax fmin fmod greater greater_equal hypot
        isclose less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mod multiply
        nextafter not_equal power remainder subtract true_divide""",
        lambda f, x, y: f(x, y),
    ),
    "arccosh": lambda f, y: f(y),
    "ldexp": lambda f, x, j: f(x, j),
    "clip": lambda f, x: f(x, 0.3, 0.6),
    "where": lambda f, mask, x, y: f(mask, x, y),
    "select": lambda f, mask, i, x, y: f([mask, i > 4], [x, y], 0),
    "choose": lambda f, k, u, v: f(k % 2, [u, v]),
    "isin": lambda f, i, k: f(i, k),
    "digitize": lambda f, x: f(x, ARRAYS["edges"]),
    "searchsorted": lambda f, edges, u: f(edges, u),
    "frompyfunc": lambda f, x, y: f(np.hypot, 2, 1)(x, y).astype("f8"),
    # reductions
    **each("all any", lambda f, mask: f(mask, axis=1)),
    **each("argmax argmin max mean min prod ptp std sum var count_nonzero", lambda f, x: f(x, axis=0)),
    **each("nanargmax nanargmin nanmax nanmean nanmin nanprod nanstd nansum nanvar", lambda f, x: f(x, axis=1)),
    **each("median nanmedian", lambda f, x: f(x, axis=1)),
    **each("cumsum cumprod nancumsum nancumprod", lambda f, x: f(x, axis=0)),
    **each("percentile nanpercentile", lambda f, x: f(x, [10, 60], axis=1)),
    **each("quantile nanquantile", lambda f, x: f(x, [0.1, 0.6], axis=1)),
    "moment": lambda f, x: f(x, 3),
    "average": lambda f, x, y: f(x, axis=1, weights=y),
    "allclose": lambda f, x, y: f(x, y),
    "reduction": lambda f, x: f(x, np.sum, np.sum, axis=0, dtype="f8"),
    "topk": lambda f, u: f(u, 3),
    "argtopk": lambda f, u: f(u, -3),
    "trace": lambda f, regular: f(regular),
    # linear algebra
    "dot": lambda f, x, tall: f(x, tall[:8]),
    "matmul": lambda f, regular, definite: f(regular, definite),
    "tensordot": lambda f, x, y: f(x, y, axes=([1], [1])),
    "vdot": lambda f, x, y: f(x, y),
    "outer": lambda f, u, v: f(u, v),
    "einsum": lambda f, x, y: f("ab,cb->ac", x, y),
    **each("corrcoef cov", lambda f, x, y: f(x, y)),
    # where things are
    **each("argwhere flatnonzero nonzero", lambda f, mask: f(mask)),
    "compress": lambda f, row, x: f(row, x, axis=0),
    "extract": lambda f, mask, x: f(mask, x),
    "take": lambda f, x: f(x, [1, 5, 2], axis=1),
    "unique": lambda f, k: f(k),
    "union1d": lambda f, i, j: f(i, j),
    "bincount": lambda f, k, u: f(k, weights=u, minlength=6),
    "histogram": lambda f, u, v: f(u, bins=4, range=(0, 1), weights=v),
    "histogram2d": lambda f, u, v: f(u, v, bins=3, range=((0, 1), (0, 1))),
    "histogramdd": lambda f, tall: f(tall, bins=2, range=((-3, 3),) * 3),
    "ravel_multi_index": lambda f, k: f((k % 4, k), (4, 6)),
    "unravel_index": lambda f, k: f(k, (4, 6)),
    **each("tril_indices_from triu_indices_from", lambda f, regular: f(regular)),
    # other shapes
    **each("atleast_1d atleast_2d atleast_3d", lambda f, u, x: f(u, x)),
    **each("fliplr flipud ravel rot90 squeeze transpose tril triu", lambda f, x: f(x)),
    "flip": lambda f, x: f(x, axis=1),
    "append": lambda f, x, y: f(x, y, axis=0),
    **each("concatenate stack", lambda f, x, y: f([x, y], axis=1)),
    **each("hstack vstack dstack block", lambda f, x, y: f([x, y])),
    "broadcast_arrays": lambda f, x, right: f(x, right),
    "broadcast_to": lambda f, right: f(right, (3, 8)),
    "coarsen": lambda f, x: f(np.sum, x, {0: 2, 1: 4}),
    "delete": lambda f, x: f(x, [1, 3], axis=1),
    "insert": lambda f, x, row: f(x, 2, row, axis=1),
    "diag": lambda f, u: f(u),
    "diagonal": lambda f, x: f(x),
    "diff": lambda f, x: f(x, axis=1),
    "ediff1d": lambda f, u: f(u),
    "expand_dims": lambda f, x: f(x, 1),
    "gradient": lambda f, x: f(x, axis=1),
    "meshgrid": lambda f, u, right: f(u, right),
    "moveaxis": lambda f, cube: f(cube, 0, 2),
    "rollaxis": lambda f, cube: f(cube, 2),
    "swapaxes": lambda f, cube: f(cube, 0, 2),
    "pad": lambda f, x: f(x, ((1, 2), (0, 3)), mode="edge"),
    "push": lambda f, gaps: f(gaps, 2, 1),
    "repeat": lambda f, x: f(x, 2, axis=1),
    "reshape": lambda f, cube: f(cube, (24, 8)),
    "reshape_blockwise": lambda f, cube: f(cube, (24, 8)),
    "roll": lambda f, x: f(x, 3, axis=1),
    "shuffle": lambda f, x: f(x, [[1, 3], [0, 2, 4, 5]], axis=0),
    "tile": lambda f, x: f(x, (2, 1)),
    "rechunk": lambda f, x: f(x, (2, 5)),
    "unify_chunks": lambda f, x, y: f(x, "ij", y, "ij")[1],
    # like others, and about them
    **each("ones_like zeros_like", lambda f, x: f(x)),
    "full_like": lambda f, x: f(x, 3),
    "empty_like": lambda f, x: f(x).shape,
    **each("ndim shape", lambda f, x: f(x)),
    "result_type": lambda f, x, i: f(x, i),
    "compute": lambda f, x, y: f(x, y),
    "assert_eq": lambda f, x: f(x, ARRAYS["x"]) is not None,
    # functions of functions
    "apply_along_axis": lambda f, x: f(np.sum, 1, x),
    "apply_over_axes": lambda f, cube: f(np.sum, cube, [0, 2]),
    "apply_gufunc": lambda f, x, y: f(np.add, "(),()->()", x, y),
    "as_gufunc": lambda f, x: f(signature="(i)->()", output_dtypes=float, allow_rechunk=True)(_sum_last)(x),
    "map_overlap": lambda f, x: f(np.negative, x, depth=1, boundary="none", dtype="f8"),
    "blockwise": lambda f, x, y: f(np.add, "ij", x, "ij", y, "ij", dtype="f8"),
    # modules
    **each("linalg.cholesky linalg.inv", lambda f, definite: f(definite)),
    "linalg.norm": lambda f, x: f(x, axis=1),
    "linalg.lstsq": lambda f, tall, u: f(tall, u),
    "linalg.lu": lambda f, regular: f(regular),
    **each("linalg.qr linalg.svd linalg.tsqr", lambda f, tall: f(tall)),
    "linalg.sfqr": lambda f, wide: f(wide),
    "linalg.solve": lambda f, regular, right: f(regular, right),
    "linalg.solve_triangular": lambda f, lower, right: f(lower, right, lower=True),
    "linalg.svd_compressed": lambda f, tall: f(tall, 2, seed=0),
    "linalg.compression_matrix": lambda f, tall: f(tall, 2, seed=0),
    **each(
        "fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft fft.fft2 fft.ifft2 fft.rfft2 fft.irfft2",
        lambda f, planes: f(planes),
    ),
    **each("fft.fftn fft.ifftn fft.rfftn fft.irfftn", lambda f, planes: f(planes, axes=(1, 2))),
    **each("fft.fftshift fft.ifftshift", lambda f, x: f(x)),
    **each(
        "ma.count ma.filled ma.getdata ma.getmaskarray ma.nonzero ma.ones_like ma.zeros_like",
        lambda f, x: f(x),
    ),
    "ma.empty_like": lambda f, x: f(x).shape,
    "ma.set_fill_value": lambda f, x: f(x, 9) is None,
    "ma.average": lambda f, x, y: f(x, weights=y, axis=1),
    "ma.fix_invalid": lambda f, gaps: f(gaps),
    "ma.masked_array": lambda f, x, mask: f(x, mask),
    "ma.masked_invalid": lambda f, gaps: f(gaps),
    **each(
        """ma.masked_equal ma.masked_greater ma.masked_greater_equal ma.masked_less ma.masked_less_equal
        ma.masked_not_equal""",
        lambda f, i: f(i, 4),
    ),
    **each("ma.masked_inside ma.masked_outside", lambda f, x: f(x, 0.3, 0.6)),
    "ma.masked_values": lambda f, x: f(x, 0.5),
    "ma.masked_where": lambda f, mask, x: f(mask, x),
    "ma.where": lambda f, mask, x, y: f(mask, x, y),
    "lib.stride_tricks.sliding_window_view": lambda f, x: f(x, (2, 3)),
}

NO_ARRAYS = set(
    """
    arange array_expr_enabled empty eye from_delayed from_npy_stack from_tiledb from_zarr fromfunction full indices
    linspace ones optimize register_chunk_type tri tril_indices triu_indices zeros linalg.compression_level fft.fftfreq
    fft.fft_wrap fft.rfftfreq ma.normalize_masked_array
    """.split()
)
"""Make arrays, or take something else than arrays: numbers, functions, files, graphs."""
ELSEWHERE = {
    "store": "test_writers",
    "to_npy_stack": "test_writers",
    "to_zarr": "test_writers",
    "from_array": "test_from_array_warns",
    **dict.fromkeys(["around", "map_blocks", "piecewise"], "test_literals"),
    "to_hdf5": "needs h5py; writes by the same da.store",
    "to_tiledb": "needs tiledb; writes by the same da.store",
    "atop": "an old name that only raises",
}
"""Shown by another test of this file, or not at all and why."""

CHUNKS_READ = "dask reads the argument's .chunks as its own, and a handle's are the shape of a stored chunk"
WARNS = "dask calls from_array, which warns of a collection; its blocks would be handles"
OWN_CLASS = "dask asks for its own class, and says so"
META = "dask looks for its private _meta"
LISTED: dict[str, str] = {
    **dict.fromkeys(
        """argmax argmin nanargmax nanargmin cumsum cumprod nancumsum nancumprod bincount histogram histogram2d coarsen
        insert repeat reshape reshape_blockwise shuffle rechunk fft.fftshift fft.ifftshift linalg.cholesky linalg.inv
        linalg.lu linalg.lstsq linalg.qr linalg.solve linalg.solve_triangular linalg.svd linalg.tsqr linalg.sfqr
        lib.stride_tricks.sliding_window_view""".split(),
        CHUNKS_READ,
    ),
    **dict.fromkeys(["dot", "tensordot", "linalg.svd_compressed"], WARNS),
    **dict.fromkeys(["diag", "map_overlap"], OWN_CLASS),
    **dict.fromkeys(["argtopk", "searchsorted"], META),
}
"""Don't take a handle itself. Each fails (or warns) before it computes anything; ``a.to_dask()`` is the fix, and for
many of them the handle's own method: ``a.cumsum()``, ``a.rechunk()``, ``a.argmax()``."""

OTHER_IN_NUMPY = {
    "result_type": "numpy's asks each argument for a scalar",
    "linalg.cholesky": "dask's makes the upper triangle",
    "linalg.qr": "signs are free",
    "linalg.svd": "dask's is the thin one",
    "ma.average": "numpy's is a masked array also where nothing is masked",
}
NEED = {
    "push": "bottleneck",
    **dict.fromkeys(["isnull", "notnull"], "pandas"),
    **dict.fromkeys("cholesky inv lstsq lu solve solve_triangular".split(), "scipy"),
}


def _sum_last(values: Any) -> Any:
    return values.sum(axis=-1)


def functions() -> Iterator[str]:
    for prefix, (module, _) in MODULES.items():
        for name in dir(module):
            thing = getattr(module, name)
            if name.startswith("_") or isinstance(thing, (type, types.ModuleType)) or not callable(thing):
                continue
            if not prefix or thing.__module__ == module.__name__ or f"{prefix}{name}" in CALLS:
                yield prefix + name


def find(name: str, side: int) -> Any:
    prefix = next((prefix for prefix in MODULES if prefix and name.startswith(prefix)), "")
    return getattr(MODULES[prefix][side], name.removeprefix(prefix), None)


def lazy(name: str) -> da.Array:
    values = ARRAYS[name]
    return da.from_array(values, chunks=CHUNKS.get(name, (4, 5)[: values.ndim]))


@pytest.fixture(scope="module")
def handles() -> dict[str, dzarr.Array]:
    made = {}
    for name, values in ARRAYS.items():
        url, chunks = f"memory://functions/{name}", CHUNKS.get(name, (4, 5)[: values.ndim])
        made[name] = dzarr.create(url, shape=values.shape, dtype=values.dtype, chunks=chunks, overwrite=True)
        made[name][...] = values
    return made


@pytest.fixture(autouse=True)
def _one_block_for_each_object() -> Iterator[None]:
    with dask.config.set({"array.chunk-size": "1 B", "scheduler": "sync"}):
        yield


def answer(result: Any) -> Any:
    """Return what a call gave: for each lazy array its shape, its dtype and its values."""
    if isinstance(result, (tuple, list)):
        return [answer(one) for one in result]
    if isinstance(result, (da.Array, dzarr.Array)):
        values = result.compute()
        assert not dask.is_dask_collection(values)
        return [repr(result.shape), result.dtype, values]
    assert not dask.is_dask_collection(result)
    return result


def check_same(found: Any, expected: Any, rtol: float = 0.0) -> None:
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            check_same(one, other, rtol)
    elif isinstance(expected, np.ma.MaskedArray):
        np.testing.assert_array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(expected))
        np.testing.assert_allclose(found.filled(0), expected.filled(0), rtol=rtol)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert rtol or (type(found), found.dtype) == (type(expected), expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
    else:
        assert found == expected


def cases(chosen: Callable[[str], bool]) -> list[Any]:
    marks = {
        name: pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"{package} is not installed")
        for name, package in NEED.items()
    }
    return [pytest.param(name, id=name, marks=marks.get(name.rpartition(".")[2], ())) for name in CALLS if chosen(name)]


def substitutions(call: Call) -> list[set[str]]:
    """Return each array on its own, then all of them."""
    names = list(inspect.signature(call).parameters)[1:]
    return [{name} for name in names] + ([set(names)] if len(names) > 1 else [])


def run(name: str, replaced: set[str], stand_in: Callable[[str], Any]) -> Any:
    names = list(inspect.signature(CALLS[name]).parameters)[1:]
    return CALLS[name](find(name, 0), *(stand_in(one) if one in replaced else lazy(one) for one in names))


def test_every_function_is_in_one_table() -> None:
    known = [*CALLS, *NO_ARRAYS, *ELSEWHERE]
    assert sorted(known) == sorted(set(known))
    assert set(functions()) == set(known)
    assert set(LISTED) <= set(CALLS)


@pytest.mark.parametrize("name", cases(lambda name: name not in LISTED))
def test_a_handle_does_what_a_dask_array_does(name: str, handles: dict[str, dzarr.Array]) -> None:
    expected = answer(run(name, set(), lazy))
    for replaced in substitutions(CALLS[name]):
        check_same(answer(run(name, replaced, handles.__getitem__)), expected)


@pytest.mark.parametrize("name", cases(lambda name: find(name, 1) is not None and name not in OTHER_IN_NUMPY))
def test_the_answer_is_numpys(name: str, handles: dict[str, dzarr.Array]) -> None:
    names = list(inspect.signature(CALLS[name]).parameters)[1:]
    expected = CALLS[name](find(name, 1), *(ARRAYS[one] for one in names))
    found = run(name, set(names), lambda one: handles[one].to_dask() if name in LISTED else handles[one])
    check_same(values_of(found), list(expected) if isinstance(expected, tuple) else expected, rtol=1e-9)


def values_of(result: Any) -> Any:
    return (
        list(map(values_of, result))
        if isinstance(result, (tuple, list))
        else (result.compute() if isinstance(result, da.Array) else result)
    )


@pytest.mark.parametrize("name", cases(LISTED.__contains__))
def test_what_takes_no_handle_says_so_before_it_computes(name: str, handles: dict[str, dzarr.Array]) -> None:
    expected = answer(run(name, set(), lazy))
    failed = 0
    for replaced in substitutions(CALLS[name]):
        with dzarr.observe() as seen, warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                result = run(name, replaced, handles.__getitem__)
            except (TypeError, ValueError, AttributeError, IndexError, AssertionError, UserWarning):
                failed += 1
                assert seen.requests == 0
                continue
        check_same(answer(result), expected)
    assert failed, "takes handles now: move it out of LISTED"
    check_same(answer(run(name, set(substitutions(CALLS[name])[-1]), lambda one: handles[one].to_dask())), expected)


LITERALS: dict[str, Callable[[Any], Any]] = {
    "map_blocks": lambda x: da.map_blocks(np.negative, x),
    "around": lambda x: da.around(x, 2),
    "piecewise": lambda x: da.piecewise(x, [ARRAYS["mask"]], [1, 2]),
}


@pytest.mark.parametrize("call", LITERALS.values(), ids=LITERALS.keys())
def test_literals(call: Callable[[Any], Any], handles: dict[str, dzarr.Array]) -> None:
    """``da.map_blocks`` takes all but its own Array for a literal: each block gets the whole array. Documented."""
    assert call(handles["x"]).shape == ()
    fixed = call(handles["x"].to_dask())
    assert fixed.shape == (6, 8)


def test_map_blocks_as_a_method_is_right(handles: dict[str, dzarr.Array]) -> None:
    np.testing.assert_array_equal(handles["x"].map_blocks(np.negative).compute(), -ARRAYS["x"])
    np.testing.assert_array_equal(np.round(handles["x"], 1).compute(), np.round(ARRAYS["x"], 1))


def test_delayed_gets_the_whole_array(handles: dict[str, dzarr.Array]) -> None:
    kind, total = dask.delayed(lambda values: (type(values), values.sum()))(handles["x"]).compute()
    assert kind is np.ndarray
    assert total == ARRAYS["x"].sum()


def test_from_array_warns(handles: dict[str, dzarr.Array]) -> None:
    with pytest.warns(UserWarning, match="already a Dask collection"):
        da.from_array(handles["x"])
    assert isinstance(da.asarray(handles["x"]), da.Array)


def test_writers(handles: dict[str, dzarr.Array], tmp_path: Path) -> None:
    """Dask's own writers want their own Array, and a handle is no target for them: nothing is lost in silence."""
    x, values = handles["x"], ARRAYS["x"]
    target = np.zeros((6, 8))
    da.store(x.to_dask(), target)
    np.testing.assert_array_equal(target, values)
    with pytest.raises(ValueError, match="All sources must be dask array objects"):
        da.store(x, target)
    da.to_npy_stack(tmp_path / "stack", x.to_dask())
    np.testing.assert_array_equal(da.from_npy_stack(tmp_path / "stack").compute(), values)
    for writer in (lambda: da.to_npy_stack(tmp_path / "other", x), lambda: da.to_zarr(x, tmp_path / "z.zarr")):
        with pytest.raises(TypeError):
            writer()


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_dask_store_into_a_handle_fails_loudly(tmp_path: Path, scheduler: str) -> None:
    into = dzarr.create(tmp_path / "a.zarr", shape=(6, 8), dtype="f8", chunks=(4, 5))
    with dask.config.set(scheduler=scheduler):
        with pytest.raises(ValueError, match="read-only"):
            da.store(da.ones((6, 8), chunks=3), into)
        with pytest.raises(ValueError, match="read-only"):
            da.ones((6, 8), chunks=3).store(into, lock=False)
        dzarr.store(da.ones((6, 8), chunks=3), into)
    assert into.read().sum() == 48


def test_on_a_cluster_a_handle_is_the_same_collection(tmp_path: Path, client: Any) -> None:
    made = dzarr.create(tmp_path / "a.zarr", shape=(6, 8), dtype="f8", chunks=(4, 5))
    made[...] = ARRAYS["x"]
    with dask.config.set(scheduler=None):
        np.testing.assert_array_equal(made.compute(), ARRAYS["x"])
        np.testing.assert_array_equal(client.compute(made[1:, ::2]).result(), ARRAYS["x"][1:, ::2])
        np.testing.assert_array_equal(client.persist(made + 1).compute(), ARRAYS["x"] + 1)
        assert dask.delayed(np.sum)(made).compute() == ARRAYS["x"].sum()
        with pytest.raises(ValueError, match="read-only"):
            da.store(da.zeros((6, 8), chunks=3), made)
    np.testing.assert_array_equal(made.read(), ARRAYS["x"])

"""The same things as other writers store them: zarr-python, tensorstore and xarray, from values that are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.made.case import BIG, LITTLE, Case, codec, sharding


def by_zarr(values: Any, **create: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        import zarr

        made = {"shape": values.shape, "chunks": (2,) * values.ndim, "dtype": values.dtype} | create
        array = zarr.create_array(folder, **made)
        array[...] = values

    return write


def bytes_by_zarr(zarr_format: int) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        from zarr.dtype import VariableLengthBytes

        by_zarr(BYTES, dtype=VariableLengthBytes(), zarr_format=zarr_format)(folder)

    return write


def by_tensorstore(
    values: Any, data_type: Any, fill: Any, codecs: list[Any], chunk: list[int]
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        import tensorstore

        metadata = {
            "shape": list(values.shape), "data_type": data_type, "fill_value": fill, "codecs": codecs,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        }  # fmt: skip
        kvstore = {"driver": "file", "path": f"{folder}/"}
        spec = {"driver": "zarr3", "kvstore": kvstore, "metadata": metadata}
        tensorstore.open(spec, create=True).result().write(values).result()

    return write


def consolidated(zarr_format: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        import zarr

        root = zarr.create_group(folder, zarr_format=zarr_format, attributes={"title": "t"})
        root.create_group("g")
        root.create_array("g/a", shape=(3,), chunks=(2,), dtype="i2", fill_value=7)[:2] = [1, 2]
        root.create_array("b", shape=(), dtype="f8")
        zarr.consolidate_metadata(folder, zarr_format=zarr_format)

    return write


def dataset(zarr_format: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        import xarray

        time = np.array(["2000-01-01", "2000-01-02"], "M8[ns]")
        data = {"t": (("time", "x"), np.arange(6, dtype="f4").reshape(2, 3), {"units": "K"})}
        xarray.Dataset(data, {"time": time}).to_zarr(folder, zarr_format=zarr_format)

    return write


def in_zip(folder: Path) -> None:
    import zarr

    with zarr.storage.ZipStore(folder / "x.zip", mode="w") as store:
        zarr.create_array(store, name="a", shape=(3,), chunks=(2,), dtype="i2")[:] = [1, 2, 3]


STRINGS = np.array([["", "a", "∅𝄞"], ["b" * 300, "é", "c"]], "T")
BYTES = np.array([b"", b"a\0", b"\xff" * 300], object)
TIMES = np.array([[0, 1, -1], [2**40, -(2**63), 5]], "i8")
RECORD = np.array([(1, 2.5, (3, b"ab")), (-1, np.nan, (0, b"")), (7, -0.0, (9, b"xyz"))],
                  [("a", "i4"), ("b", "f8"), ("c", [("d", "u2"), ("e", "S3")])])  # fmt: skip
NUMBERS = np.arange(24, dtype="f4").reshape(4, 6)
SMALL = NUMBERS[:, :4]
PEER = "zarr-python"

ZARR = [
    *[
        Case(f"zarr-python, v{form} {values.dtype}", PEER, by_zarr(values, zarr_format=form, **create), values)
        for form in (2, 3)
        for values, create in [
            (np.array(5, "i2"), {"chunks": ()}),
            (np.zeros((0, 3), "f4"), {"chunks": (1, 2)}),
            (TIMES.view("M8[ns]"), {"fill_value": np.datetime64("NaT")}),
            (TIMES.view("m8[10s]"), {"fill_value": np.timedelta64(1, "s")}),
            (np.array([1 + 2j, complex(np.nan, -0.0), 0]), {}),
            (np.array([b"ab", b"", b"\xff"], "S3"), {}),
            (np.array(["ab", "", "𝄞"]), {}),
            (np.array([b"abc", b"\0\1\2", b"\0\0\0"], "V3"), {}),
            (RECORD, {}),
            (np.array([True, False, True]), {}),
        ]
    ],
    Case("zarr-python, v3 string", PEER, by_zarr(STRINGS), STRINGS),
    Case("zarr-python, v3 string, sharded", PEER, by_zarr(STRINGS, chunks=(1, 2), shards=(2, 2)), STRINGS),
    Case("zarr-python, v2 string", PEER, by_zarr(STRINGS, zarr_format=2), STRINGS),
    *[Case(f"zarr-python, v{form} bytes", PEER, bytes_by_zarr(form), BYTES) for form in (2, 3)],
    Case("zarr-python, index at the start", PEER,
         by_zarr(SMALL, shards={"shape": (4, 4), "index_location": "start"}, compressors=codec("gzip", level=1)),
         SMALL),
    Case("zarr-python, v2 in F order", PEER, by_zarr(SMALL, zarr_format=2, order="F"), SMALL),
    *[
        Case(f"zarr-python, v{form} record", PEER, consolidated(form), np.array([1, 2, 7], "i2"), path="g/a")
        for form in (2, 3)
    ],
    *[
        Case(f"zarr-python, members of a v{form} record", PEER, consolidated(form), members=("b", "g"),
             attributes={"title": "t"})
        for form in (2, 3)
    ],
    Case("zarr-python, zip", PEER, in_zip, np.array([1, 2, 3], "i2"), path="a", location="x.zip"),
    *[
        Case(f"xarray, v{form}", "xarray", dataset(form), np.arange(6, dtype="f4").reshape(2, 3), path="t",
             names=("time", "x"), needs=("xarray",))
        for form in (2, 3)
    ],
]  # fmt: skip


def typed(name: str) -> Any:
    import ml_dtypes

    return np.array([0, 1, -1, 0.5], getattr(ml_dtypes, name))


TENSORSTORE = [
    *[
        Case(f"tensorstore, {name}", "tensorstore",
             lambda folder, name=name: by_tensorstore(typed(name), name, 1.0, [LITTLE], [3])(folder),
             np.array([0, 1, -1, 0.5], "f4"), name, needs=("tensorstore", "ml_dtypes"))
        for name in ("bfloat16", "float8_e4m3fnuz", "float8_e4m3b11fnuz", "float8_e5m2", "float8_e5m2fnuz",
        "float4_e2m1fn")
    ],
    Case("tensorstore, int4", "tensorstore",
         lambda folder: by_tensorstore(np.array([-8, 7, 0], "i1").astype(__import__("ml_dtypes").int4), "int4", -1,
                                       [LITTLE], [2])(folder),
         np.array([-8, 7, 0], "i1"), "int4", needs=("tensorstore", "ml_dtypes")),
    Case("tensorstore, nested shards", "tensorstore",
         by_tensorstore(NUMBERS, "float32", 0.0, [sharding([2, 6], [sharding([1, 3], [BIG])])], [4, 6]), NUMBERS,
         needs=("tensorstore",)),
    Case("tensorstore, shards after a transpose", "tensorstore",
         by_tensorstore(NUMBERS, "float32", 0.0,
                        [codec("transpose", order=[1, 0]), sharding([3, 2], [LITTLE, codec("gzip", level=1)])], [4, 6]),
         NUMBERS, needs=("tensorstore",)),
    Case("tensorstore, index at the start", "tensorstore",
         by_tensorstore(NUMBERS, "float32", 0.0, [sharding([2, 3], index_location="start")], [4, 6]), NUMBERS,
         needs=("tensorstore",)),
]  # fmt: skip

CASES = [*ZARR, *TENSORSTORE]

"""What the conformance corpus does not hold, made from the specifications and by other writers: dzarr reads it all.

Whole, in part, and through Dask; and what is broken is refused with the reason. The cases stand beside this file:
scalars.py, strings.py, small.py, layouts.py, hierarchies.py and foreign.py by hand, peers.py by others.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
from tests.made.case import Case, Values
from tests.made.make import CASES, missing

pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore:.*Consolidated metadata is currently not part"),
]

DECLINED: dict[str, str] = {}


def parameters() -> list[Any]:
    return [
        pytest.param(
            case,
            id=case.name,
            marks=[pytest.mark.xfail(strict=True, reason=DECLINED[case.name])] if case.name in DECLINED else [],
        )
        for case in CASES
    ]


def url_of(case: Case, folder: Path) -> Any:
    return f"{case.scheme}{folder / case.location}" if case.scheme else folder / case.location


def opened(case: Case, folder: Path) -> Any:
    options = dzarr.Options(allow_codecs=case.allow)
    return dzarr.open(url_of(case, folder), path=case.path, zarr_format=case.zarr_format, options=options)


def bits(values: Values, *, one_nan: bool = False) -> Any:
    """Return what two equal arrays have alike: the shape, and bytes or elements."""
    if values.dtype.hasobject:
        return values.shape, values.tolist()
    if one_nan:  # which NaN of a larger type a small one becomes, nobody says
        values = np.where(values != values, np.nan, values)
    return values.shape, np.ascontiguousarray(values).tobytes()


def in_terms_of(case: Case, values: Any) -> Any:
    """Return values that were read in the dtype that the case spells them in; theirs is checked."""
    values = np.asarray(values)
    assert case.values is not None
    like = case.values.dtype
    if case.dtype is None:
        assert values.dtype == like or values.dtype == like.newbyteorder("=")
        return values if like.names or like.hasobject else values.astype(like)
    if case.dtype == "any complex":
        if values.dtype.names is not None:
            real, imaginary = (values[name].astype("f4") for name in values.dtype.names)
            values = real + 1j * imaginary
        return values.astype(like)
    assert values.dtype.name == case.dtype
    return values.astype(like)


def check_array(case: Case, array: dzarr.Array) -> None:
    expected, small = case.values, case.dtype is not None
    assert expected is not None
    assert array.shape == expected.shape
    for values in (array.read(), array.to_dask().compute(scheduler="sync")):
        assert bits(in_terms_of(case, values), one_nan=small) == bits(expected, one_nan=small)
    part = tuple(slice(n // 2, None) for n in expected.shape)
    wanted = np.asarray(expected[part], expected.dtype)
    assert bits(in_terms_of(case, array[part].read()), one_nan=small) == bits(wanted, one_nan=small)
    if case.names is not None:
        assert array.dimension_names == case.names
    if case.fill is not None:
        assert bits(np.asarray(array.fill_value, array.dtype)) == bits(np.asarray(case.fill, array.dtype))


@pytest.mark.parametrize("case", parameters())
def test_case(case: Case, tmp_path: Path) -> None:
    if missing(case):
        pytest.skip(f"needs {', '.join(missing(case))}")
    case.write(tmp_path)
    if case.error is not None:
        refused(case, tmp_path)
        return
    node = opened(case, tmp_path)
    if case.attributes is not None:
        assert dict(node.attrs) == case.attributes
    if case.members is not None:
        assert sorted(node) == sorted(case.members)
        node.tree()
    else:
        check_array(case, node)


def refused(case: Case, folder: Path) -> None:
    wanted = tuple(getattr(dzarr, name) for name in (case.error or "").split("|"))
    with pytest.raises(wanted) as caught:
        opened(case, folder).read()
    assert case.word in str(caught.value)


def test_the_script_writes_them_all(tmp_path: Path) -> None:
    script = Path(__file__).with_name("make.py")
    subprocess.run([sys.executable, "-W", "ignore", str(script), str(tmp_path)], check=True, timeout=120)
    entries = json.loads((tmp_path / "index.json").read_text())
    assert len(entries) == len([case for case in CASES if not missing(case)])
    assert len({case.name for case in CASES}) == len(CASES)
    for entry in entries:
        assert any((tmp_path / entry["folder"]).iterdir())
        assert {"error", "members", "npy", "values"} & set(entry)

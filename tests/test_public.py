"""The public names, pinned; and that each of them explains itself."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import dask.array as da
import pytest

import dzarr
from dzarr.delegation import DELEGATED

NAMES = """
    AlignmentError Array CodecError ConflictError CorruptObjectError DTypeError DzarrError GridError Group LockError
    MetadataError MissingObjectError NodeExistsError NodeNotFoundError NodeTypeError OptionError Options ReadOnlyError
    RegionError StoreError StoreResult UnsupportedError WriteResult __version__ consolidate create create_group observe
    open open_array open_group open_store store
""".split()
ERRORS = [name for name in NAMES if name.endswith("Error")]
WITH_EXAMPLES = [name for name in NAMES if name not in ERRORS and name != "__version__"]
ARRAY = """
    attrs check_writable chunks compute dimension_names dtype facts fill_value info is_view itemsize metadata nbytes
    ndim objects oindex options path persist read refresh renew shape shards size to_dask to_dask_array url vindex
    with_options writable write zarr_format
""".split()
GROUP = """
    arrays attrs create_array create_group create_hierarchy facts get groups items keys metadata move options path
    refresh require_array require_group tree url values with_options writable zarr_format
""".split()


def public(cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name in vars(base) if not name.startswith("_")}


def test_the_names_are_these() -> None:
    assert sorted(dzarr.__all__) == sorted(NAMES)
    assert all(hasattr(dzarr, name) for name in NAMES)


def test_star_gives_just_them(tmp_path: Path) -> None:
    code = "before = set(dir()); from dzarr import *; print(*sorted(set(dir()) - before - {'before'}))"
    root = str(Path(dzarr.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r}); del sys; {code}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert set(done.stdout.split()) == set(NAMES)


def test_no_submodule_has_the_name_of_a_public_function() -> None:
    for name in NAMES:
        assert not inspect.ismodule(getattr(dzarr, name))


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        dzarr.opne  # noqa: B018


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_a_public_name_has_a_running_example(name: str) -> None:
    text = inspect.getdoc(getattr(dzarr, name))
    assert text is not None
    assert ">>> " in text


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_one_tree_and_say_when(name: str) -> None:
    error = getattr(dzarr, name)
    assert issubclass(error, dzarr.DzarrError)
    assert inspect.getdoc(error)
    builtin = [base for base in error.__mro__ if base.__module__ == "builtins"]
    assert name == "DzarrError" or builtin[0] is not Exception, "users expect a builtin behind it"


@pytest.mark.parametrize(("cls", "names"), [(dzarr.Array, ARRAY), (dzarr.Group, GROUP)])
def test_handles_offer_these_and_explain_each(cls: type, names: list[str]) -> None:
    assert public(cls) == set(names)
    silent = [name for name in names if not inspect.getdoc(getattr(cls, name))]
    assert silent == []


def test_the_delegation_table_is_all_that_dask_has_and_a_handle_lacks() -> None:
    theirs = {name for name in dir(da.Array) if not name.startswith("_")}
    assert theirs - set(ARRAY) == set(DELEGATED)


def test_delegated_names_are_shown_by_dir_and_answered() -> None:
    array = dzarr.create("memory://public", shape=(4, 6), dtype="f8", chunks=(2, 3))
    assert set(DELEGATED) <= set(dir(array))
    for name in DELEGATED - {"A"}:
        assert getattr(array, name) is not None
    with pytest.raises(AttributeError, match="'Array' object has no attribute 'colour'"):
        array.colour  # noqa: B018

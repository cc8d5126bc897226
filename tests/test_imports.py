"""What `import dzarr` loads and what it doesn't: each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import dzarr

HEAVY = ("dask.array", "distributed", "zarr", "pandas", "matplotlib", "xarray", "tensorstore", "scipy")


def loaded_after(code: str, folder: Path) -> set[str]:
    """Return which of the heavy packages are loaded once `code` has run in a new interpreter."""
    told = f"\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    root = str(Path(dzarr.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n" + dedent(code) + told],
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_import_is_light(tmp_path: Path) -> None:
    assert loaded_after("import dzarr", tmp_path) == set()


def test_eager_work_never_loads_dask(tmp_path: Path) -> None:
    work = """
        import dzarr, numpy as np
        group = dzarr.create_group("g.zarr")
        array = group.create_array("a", shape=(8, 8), dtype="u2", chunks=(2, 2), shards=(4, 4))
        array[...] = 1
        array[1:3].oindex[:, [0, 2]] = 2
        view = dzarr.open("g.zarr")["a"][1:3, ::2]
        assert np.asarray(view).sum() == view.read().sum() == view.compute().sum() == 12
        assert float(view[0, 0]) == 2.0
        repr(array), array._repr_html_(), array.info(), group.tree()
        array.attrs["a"] = 1
        array.refresh().with_options(threads=1)
    """
    assert loaded_after(work, tmp_path) == set()


def test_the_command_line_is_light(tmp_path: Path) -> None:
    assert loaded_after("import dzarr.cli", tmp_path) == set()


def test_graphs_are_built_without_a_cluster(tmp_path: Path) -> None:
    # dask itself loads distributed when it computes.
    work = """
        import dzarr
        array = dzarr.create("memory://a", shape=(8,), dtype="u2", chunks=(2,))
        total = (array[2:] + 1).sum()
        planned = dzarr.store(array + 1, "memory://b", compute=False)
        str(planned.plan), repr(total)
    """
    assert loaded_after(work, tmp_path) == loaded_after("import dask.array", tmp_path)

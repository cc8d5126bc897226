"""What `import dzarr` brings along; the layers themselves are checked by import-linter in `make lint`."""

from __future__ import annotations

import subprocess
import sys


def test_import_is_light() -> None:
    heavy = ["dask.array", "distributed", "zarr", "matplotlib"]
    code = f"import sys, dzarr; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""The peers: readers and writers of Zarr that share no code with dzarr."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

Array = np.ndarray[Any, Any]


class Peer(Protocol):
    """Reads, and writes into, an array whose document is there."""

    def read(self, folder: Path) -> Array: ...

    def write(self, folder: Path, region: Any, values: Array) -> None: ...


def zarr_format_of(folder: Path) -> int:
    return 3 if (folder / "zarr.json").exists() else 2


class ZarrPython:
    name = "zarr-python"

    def _open(self, folder: Path, mode: Any) -> Any:
        import zarr

        return zarr.open_array(folder, mode=mode, zarr_format=zarr_format_of(folder))

    def read(self, folder: Path) -> Array:
        return np.asarray(self._open(folder, "r")[...])

    def write(self, folder: Path, region: Any, values: Array) -> None:
        self._open(folder, "r+")[region] = values


class TensorStore:
    name = "tensorstore"

    def _open(self, folder: Path) -> Any:
        import tensorstore

        driver = "zarr3" if zarr_format_of(folder) == 3 else "zarr"
        spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{folder}/"}}
        return tensorstore.open(spec, open=True).result()

    def read(self, folder: Path) -> Array:
        return np.asarray(self._open(folder).read().result())

    def write(self, folder: Path, region: Any, values: Array) -> None:
        self._open(folder)[region].write(values).result()


PEERS: dict[str, Peer] = {"zarr": ZarrPython(), "tensorstore": TensorStore()}


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest) -> Peer:
    pytest.importorskip(request.param)
    return PEERS[request.param]


@pytest.fixture
def write_document(tmp_path: Path) -> Callable[..., Path]:
    """Write a document as it stands into a new folder, and return the folder."""

    def write(name: str, document: dict[str, Any], file: str = "zarr.json") -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / file).write_text(json.dumps(document))
        return folder

    return write

"""The four implementations, behind one face: read, write, look for members, open a kind of store.

Knows: how each is called. Must not know: features. What an implementation raises is its answer.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import dzarr

Values = Any


class Refused(Exception):
    """It has no such thing: not a failure of a call, but the lack of one."""


class Dzarr:
    name = "dzarr"
    version = dzarr.__version__
    there = True

    def read(self, folder: Path, form: int | None) -> Values:
        return dzarr.open_array(folder, zarr_format=form).read()

    def write(self, folder: Path, form: int, values: Any) -> None:
        dzarr.open_array(folder, "r+", zarr_format=form)[...] = values

    def members(self, folder: Path, form: int | None, consolidated: bool) -> dict[str, Values]:
        group = dzarr.open_group(folder, zarr_format=form, consolidated=True if consolidated else None)
        return dict(self._below(group, ""))

    def _below(self, group: Any, above: str) -> Iterator[tuple[str, Values]]:
        for name, member in group.groups():
            yield from self._below(member, f"{above}{name}/")
        for name, member in group.arrays():
            yield above + name, member.read()

    def store(self, kind: str, place: str) -> Values:
        with served(place) if kind == "http" else _as_it_is(place, kind) as url:
            return dzarr.open_array(url).read()


@contextmanager
def _as_it_is(place: str, kind: str) -> Iterator[str]:
    yield {"fsspec": f"local://{place}", "reference": f"reference://{place}"}.get(kind, place)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def list_directory(self, path: Any) -> None:
        self.send_error(404)


@contextmanager
def served(place: str) -> Iterator[str]:
    """Serve a folder on this machine alone, while the block runs."""
    handler = partial(_Silent, directory=str(Path(place).parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{Path(place).name}"
        finally:
            server.shutdown()
            thread.join()


class ZarrPython:
    name = "zarr-python"
    package = "zarr"

    @property
    def there(self) -> bool:
        return find_spec(self.package) is not None

    @property
    def version(self) -> str:
        return version(self.package)

    @contextmanager
    def _set_up(self) -> Iterator[Any]:
        import zarr

        with zarr.config.set({"array.rectilinear_chunks": True}):
            yield zarr

    def read(self, folder: Path, form: int | None) -> Values:
        with self._set_up() as zarr:
            return np.asarray(zarr.open_array(folder, mode="r", zarr_format=form)[...])

    def write(self, folder: Path, form: int, values: Any) -> None:
        with self._set_up() as zarr:
            zarr.open_array(folder, mode="r+", zarr_format=form)[...] = values

    def members(self, folder: Path, form: int | None, consolidated: bool) -> dict[str, Values]:
        with self._set_up() as zarr:
            group = zarr.open_group(folder, mode="r", zarr_format=form, use_consolidated=consolidated)
            found = group.members(max_depth=None)
            return {path: np.asarray(member[...]) for path, member in found if isinstance(member, zarr.Array)}

    def store(self, kind: str, place: str) -> Values:
        with self._set_up() as zarr, served(place) if kind == "http" else _as_it_is(place, kind) as url:
            if kind == "zip":
                url = zarr.storage.ZipStore(place, mode="r")
            elif kind == "reference":
                import fsspec

                files = fsspec.filesystem("reference", fo=place, asynchronous=True, remote_protocol="file")
                url = zarr.storage.FsspecStore(files, read_only=True)
            return np.asarray(zarr.open_array(url, mode="r", zarr_format=3)[...])


class Zarrs(ZarrPython):
    name = "zarrs"
    package = "zarrs"

    @contextmanager
    def _set_up(self) -> Iterator[Any]:
        import zarr
        import zarrs  # noqa: F401  # it has to be there

        pipeline = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "codec_pipeline.strict": True}
        with zarr.config.set({"array.rectilinear_chunks": True, **pipeline}):
            yield zarr


class TensorStore:
    name = "tensorstore"

    @property
    def there(self) -> bool:
        return find_spec("tensorstore") is not None

    @property
    def version(self) -> str:
        return version("tensorstore")

    def _open(self, kvstore: Any, form: int | None) -> Any:
        import tensorstore

        driver = {2: "zarr", 3: "zarr3", None: "n5"}[form]
        return tensorstore.open({"driver": driver, "kvstore": kvstore}, open=True).result()

    def _folder(self, folder: Path, form: int | None) -> Any:
        return self._open({"driver": "file", "path": f"{folder}/"}, form)

    def read(self, folder: Path, form: int | None) -> Values:
        return np.asarray(self._folder(folder, form).read().result())

    def write(self, folder: Path, form: int, values: Any) -> None:
        self._folder(folder, form)[...].write(values).result()

    def members(self, folder: Path, form: int | None, consolidated: bool) -> dict[str, Values]:
        if form is None:
            return {"a": self.read(folder / "a", None)}
        raise Refused("it opens arrays by their paths and knows no groups")

    def store(self, kind: str, place: str) -> Values:
        if kind == "zip":
            kvstore: Any = {"driver": "zip", "base": f"file://{place}"}
        elif kind == "http":
            with served(place) as url:
                return np.asarray(self._open(f"{url}/", 3).read().result())
        elif kind == "folder":
            kvstore = {"driver": "file", "path": f"{place}/"}
        else:
            raise Refused("it has no such store")
        return np.asarray(self._open(kvstore, 3).read().result())


ENGINES: tuple[Any, ...] = (Dzarr(), ZarrPython(), TensorStore(), Zarrs())

"""Codecs of other packages, by entry points that really are on the path; and unknown ones that may be ignored."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.errors import MetadataError, UnsupportedError
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext, build_all, bytes_codecs
from dzarr.format.metadata import Extension

ROOT = Path(__file__).parents[3]
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
HINT = {"name": "a-hint", "configuration": {"level": 3}, "must_understand": False}

MODULE = '''
    """A package that offers one codec, which inverts all bits."""
    import numpy as np
    from dzarr.format.codecs.codec import BytesBytes, flat

    class Invert(BytesBytes):
        name = "invert"

        def encoded_size(self, n):
            return n

        def encode(self, data):
            return (~flat(data)).tobytes()

        def decode(self, data, size, limit):
            return (~np.frombuffer(data, np.uint8)).tobytes()

    def invert(configuration, context):
        return Invert()
'''
PROGRAM = """
    import sys
    import numpy as np
    import dzarr

    url, values = sys.argv[1], np.arange(40, dtype="i4")
    codecs = ["bytes", "invert"]
    for shards in (None, (20,)):
        array = dzarr.create(f"{url}/{shards}", shape=(40,), dtype="i4", chunks=(10,), shards=shards, codecs=codecs)
        array[...] = values
        assert (dzarr.open_array(f"{url}/{shards}").read() == values).all()
    print((~np.fromfile(f"{url}/None/c/0", "i4")).tolist())
"""


def test_a_real_entry_point(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    info = folder / "inverting-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "inverting.py").write_text(textwrap.dedent(MODULE))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: inverting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dzarr.codecs]\ninvert = inverting:invert\n")
    run = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path / "data")]
    path = {"PYTHONPATH": f"{folder}:{ROOT}"}
    done = subprocess.run(run, capture_output=True, text=True, env=path, cwd=tmp_path, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(list(range(10)))
    # Without the package, opening says which one is missing.
    with pytest.raises(UnsupportedError, match=r"unknown codec invert.*entry point 'invert'"):
        dzarr.open_array(str(tmp_path / "data/None"))


def test_codecs_that_may_be_ignored() -> None:
    context = CodecContext()
    hint = Extension("a-hint", {}, must_understand=False)
    assert [codec.name for codec in build_all([hint, Extension("bytes"), hint], context)] == ["bytes"]
    assert [codec.name for codec in bytes_codecs([hint, Extension("crc32c")], context)] == ["crc32c"]
    with pytest.raises(UnsupportedError, match="unknown codec a-hint"):
        build_all([Extension("a-hint")], context)
    with pytest.raises(MetadataError, match="bytes to bytes"):
        bytes_codecs([Extension("bytes")], context)
    # One that is known counts, whatever it says; a broken one isn't ignored.
    with pytest.raises(MetadataError, match="level"):
        build_all([Extension("gzip", {"level": 10}, must_understand=False)], context)
    with pytest.raises(MetadataError, match="wrong order"):
        Pipeline.bind([Extension("to-bytes", {}, must_understand=False)], (3,), np.dtype("u1"), None, context)


def document(*codecs: Any) -> dict[str, Any]:
    return {
        "zarr_format": 3, "node_type": "array", "shape": [6], "data_type": "int16", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [6]}}, "chunk_key_encoding": "default",
        "codecs": list(codecs),
    }  # fmt: skip


SHARDING = {
    "name": "sharding_indexed",
    "configuration": {"chunk_shape": [3], "codecs": [HINT, LITTLE], "index_codecs": [LITTLE, HINT, "crc32c"]},
}


@pytest.mark.parametrize("codecs", [[HINT, LITTLE], [LITTLE, HINT], [SHARDING], [SHARDING, HINT], [HINT, SHARDING]])
def test_everywhere_in_a_document(codecs: list[Any], tmp_path: Path, write_zarr: Callable[..., str]) -> None:
    url = write_zarr(document(*codecs))
    array = dzarr.open_array(url, mode="r+")
    array[...] = np.arange(6, dtype="i2")
    again = dzarr.open_array(url)
    assert again.read().tolist() == list(range(6))
    plain = [
        LITTLE if SHARDING not in codecs else {**SHARDING, "configuration": {
            "chunk_shape": [3], "codecs": [LITTLE], "index_codecs": [LITTLE, "crc32c"]}}
    ]  # fmt: skip
    other = write_zarr(document(*plain))
    dzarr.open_array(other, mode="r+")[...] = np.arange(6, dtype="i2")
    assert (Path(url) / "c/0").read_bytes() == (Path(other) / "c/0").read_bytes()


@pytest.fixture
def write_zarr(tmp_path: Path) -> Callable[..., str]:
    import json

    def write(content: dict[str, Any]) -> str:
        folder = tmp_path / f"array-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "zarr.json").write_text(json.dumps(content))
        return str(folder)

    return write

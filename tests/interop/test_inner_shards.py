"""Shards inside chunks, with codecs between the levels: dzarr and zarr-python read each other's values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import dzarr

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
ZSTD = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
CRC = {"name": "crc32c"}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
ROLL = {"name": "transpose", "configuration": {"order": [2, 0, 1]}}
SWAP = {"name": "transpose", "configuration": {"order": [1, 0]}}


def sharding(
    chunk: list[int], codecs: list[Any], location: str = "end", index_codecs: list[Any] | None = None
) -> dict[str, Any]:
    configuration = {
        "chunk_shape": chunk,
        "codecs": codecs,
        "index_codecs": index_codecs or [BYTES, CRC],
        "index_location": location,
    }
    return {"name": "sharding_indexed", "configuration": configuration}


CHAINS = {
    "transpose between": [sharding([6, 4], [SWAP, sharding([2, 3], [BYTES, ZSTD])])],
    "checksum around the inner": [sharding([6, 4], [sharding([2, 2], [BYTES, ZSTD], "start"), CRC])],
    "compressed inner": [sharding([6, 4], [sharding([2, 2], [BYTES]), ZSTD])],
    "three levels": [sharding([6, 6], [sharding([6, 3], [sharding([2, 3], [BYTES, ZSTD])], "start")])],
    "indexes of every kind": [
        sharding([6, 4], [sharding([3, 4], [BYTES], index_codecs=[BIG])], "start", index_codecs=[ROLL, BIG, CRC, CRC])
    ],
    "transposes at every level": [SWAP, sharding([6, 4], [SWAP, sharding([2, 3], [SWAP, BYTES, ZSTD])]), ZSTD],
}


def document(codecs: list[Any], fill: int) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [24, 23],
        "data_type": "int32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [12, 12]}},
        "chunk_key_encoding": {"name": "default"},
        "fill_value": fill,
        "codecs": codecs,
        "attributes": {},
    }


@pytest.mark.parametrize("codecs", CHAINS.values(), ids=CHAINS)
@pytest.mark.filterwarnings("ignore")
def test_both_read_what_either_wrote(codecs: list[Any], tmp_path: Path) -> None:
    values = np.arange(24 * 23, dtype="i4").reshape(24, 23)
    values[:8, :8] = 7
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "zarr.json").write_text(json.dumps(document(codecs, fill=7)))
    ours = dzarr.open_array(tmp_path / "ours", "r+")
    ours[...] = values
    ours[3:5, 7:20] = values[3:5, 7:20] = -1
    np.testing.assert_array_equal(ours.read(), values)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "ours", mode="r")[...], values)
    zarr.open_array(tmp_path / "theirs", mode="r+")[...] = values
    theirs = dzarr.open_array(tmp_path / "theirs")
    np.testing.assert_array_equal(theirs.read(), values)
    np.testing.assert_array_equal(theirs[::-3, 5:2:-1].read(), values[::-3, 5:2:-1])


@pytest.mark.parametrize("codecs", CHAINS.values(), ids=CHAINS)
def test_damage_inside_is_named(codecs: list[Any], tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text(json.dumps(document(codecs, fill=0)))
    array = dzarr.open_array(tmp_path, "r+")
    array[...] = np.arange(24 * 23).reshape(24, 23)
    victim = tmp_path / "c" / "0" / "0"
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(dzarr.CorruptObjectError, match="c/0/0"):
        array.read((slice(0, 12), slice(0, 12)))

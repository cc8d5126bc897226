"""``reshape`` and ``squeeze``: which shapes follow from which, and that elements keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dzarr.errors import MetadataError
from dzarr.format.codecs.codec import ChunkSpec
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.codecs.reshape import reshape, squeeze
from dzarr.format.metadata import Extension

CHUNK = (4, 3, 1, 5)


def shaped(shape: Any, chunk: tuple[int, ...] = CHUNK) -> tuple[int, ...]:
    return reshape({"shape": shape}, CodecContext()).resolve(ChunkSpec(chunk, np.dtype("u1"))).shape


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([60], (60,)),
        ([-1], (60,)),
        ([[0, 1], -1], (12, 5)),
        ([[0], [1], [2], [3]], CHUNK),
        ([[0, 1, 2, 3]], (60,)),
        ([[0], -1, [3]], (4, 3, 5)),
        ([2, 2, [1, 2], 5], (2, 2, 3, 5)),
        ([12, 1, 5, 1], (12, 1, 5, 1)),
        ([[0, 1], [], [3]], (12, 1, 5)),
    ],
    ids=str,
)
def test_shapes(shape: Any, expected: tuple[int, ...]) -> None:
    assert shaped(shape) == expected


@pytest.mark.parametrize(
    "shape",
    [
        [61], [7, -1], [-1, -1], [0], [[1], [0]], [[1, 0], 5], [[3], [0, 1]], [[0, 0], 15], [[0], [3], 3], [[4], -1],
        [3, [0], 5], [True, 60], ["60"], 60, None, [[-1], 60], [-2],
    ],
    ids=str,
)  # fmt: skip
def test_shapes_that_can_not_be(shape: Any) -> None:
    with pytest.raises(MetadataError, match="reshape"):
        shaped(shape)


@pytest.mark.parametrize("steps", [
    ["squeeze"],
    [Extension("reshape", {"shape": [[0, 1], -1]})],
    [Extension("transpose", {"order": [3, 0, 2, 1]}), Extension("reshape", {"shape": [10, -1]})],
    [Extension("reshape", {"shape": [12, 5]}), Extension("transpose", {"order": [1, 0]}), Extension("squeeze")],
], ids=str)  # fmt: skip
def test_elements_keep_their_order(steps: list[Any]) -> None:
    chain = [step if isinstance(step, Extension) else Extension(step) for step in steps]
    values = np.arange(60, dtype="<i2").reshape(CHUNK)
    stored = values
    for step in chain:
        if step.name == "transpose":
            stored = stored.transpose(step.configuration["order"])
        elif step.name == "reshape":
            shape = step.configuration["shape"]
            stored = stored.reshape([12 if n == [0, 1] else n for n in shape])
    chain.append(Extension("bytes", {"endian": "little"}))
    pipeline = Pipeline.bind(chain, CHUNK, values.dtype, None, CodecContext())
    given = values if pipeline.axes is None else values.transpose(pipeline.axes)
    data = bytes(pipeline.encode(given))
    assert data == stored.tobytes()
    assert (pipeline.decode(data) == given).all()


def test_squeeze_has_no_configuration() -> None:
    assert squeeze({}, CodecContext()).resolve(ChunkSpec((1, 1), np.dtype("u1"))).shape == ()
    with pytest.raises(MetadataError, match="squeeze"):
        squeeze({"axis": 1}, CodecContext())

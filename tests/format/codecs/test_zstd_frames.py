"""Frames of both builds of zstd: the same content, the same promises, whoever wrote them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numcodecs.zstd
import numpy as np
import pytest

from dzarr.errors import CodecError
from dzarr.format.codecs import zstd_frames
from dzarr.format.codecs.codec import CodecContext
from dzarr.format.codecs.zstd import Zstd, zstd

SIZES = (0, 1, 300, zstd_frames.SMALL, zstd_frames.SMALL + 1)


@pytest.fixture(params=["whichever is faster", "numcodecs alone"])
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "numcodecs alone":
        monkeypatch.setattr(zstd_frames, "python_build", lambda: None)
    elif zstd_frames.python_build() is None:
        pytest.skip("no backports.zstd, and Python is older than 3.14")
    return str(request.param)


def values(size: int, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 9, size, dtype="u1")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("level", [-131072, -1, 0, 1, 3, 22])
def test_one_frame_that_names_its_size(build: str, level: int, checksum: bool, size: int) -> None:
    data = values(size)
    frame = Zstd(level, checksum).encode(data)
    assert not size or numcodecs.zstd.decompress(frame) == data.tobytes()  # which refuses a frame of nothing
    descriptor = frame[4]
    assert bool(descriptor >> 2 & 1) == checksum
    assert descriptor >> 5 & 1 or descriptor >> 6, "the frame does not say how long its content is"
    assert Zstd(level, checksum).decode(frame, size, size) == data.tobytes()
    assert zstd_frames.compress(data.tobytes(), level, checksum) == frame


def test_threads_and_settings_do_not_mix(build: str) -> None:
    def work(seed: int) -> None:
        for k in range(50):
            level, checksum, data = (seed + k) % 5, bool(k % 2), values(200 + 13 * k, seed)
            frame = Zstd(level, checksum).encode(data)
            assert frame[4] >> 2 & 1 == checksum
            assert Zstd(level, checksum).decode(frame, None, 10**6) == data.tobytes()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))


def test_what_is_no_memory_is_refused_and_the_next_chunk_is_fine(build: str) -> None:
    codec = zstd({"level": 1}, CodecContext())
    with pytest.raises(CodecError, match="zstd can't encode"):
        codec.encode(["no", "memory"])  # type: ignore[arg-type]
    assert codec.decode(codec.encode(b"abc"), 3, 3) == b"abc"

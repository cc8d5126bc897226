"""The brain leg: an average T1 image, smoothed at several scales.

Knows: the question (how does the image look at each scale, and which grey values does it have). Must not
know: how figures look.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

import dzarr
from dzarr.demo import science
from dzarr.demo.recorder import Recorder
from dzarr.demo.sources import brain_file, nifti_array, read_nifti

SIGMAS = (1.0, 2.0, 4.0)
"""Standard deviations of the smoothing, in voxels of 1 mm."""
CHUNKS, SHARDS = (32, 32, 32), (96, 128, 96)
ODD_BLOCKS, OTHER_CHUNKS, OTHER_SHARDS = (70, 61, 83), (25, 25, 25), (100, 125, 100)
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Brain:
    """What the leg found: for each scale its three orthogonal slices, and the histogram of the original."""

    url: str
    slices: dict[str, list[NDArray[Any]]]
    histogram: NDArray[Any]


def run(recorder: Recorder, folder: Path) -> Brain:
    """Convert the volume, smooth it, count its grey values, store and verify."""
    recorder.begin("Brain: average T1 image of 152 people, 1 mm")
    url = str(folder / "brain.zarr")
    file = brain_file()
    group = dzarr.create_group(url, attributes={"title": file.title, "space": "MNI152NLin2009aSym"}, overwrite=True)
    group.create_group("smooth", attributes={"method": "Gaussian, mirrored edges"})
    recorder.store(
        f"convert {file.path.name}",
        nifti_array(file, (96, 128, 96)),
        f"{url}/T1",
        chunks=CHUNKS,
        shards=SHARDS,
        dimension_names=AXES,
        attributes={"spacing_mm": [1.0, 1.0, 1.0]},
    )
    volume = dzarr.open_array(f"{url}/T1")
    for sigma in SIGMAS:
        _store_smooth(recorder, url, volume, sigma)
    counts, _ = da.histogram(volume.to_dask(), bins=256, range=(0, 256))
    (histogram,) = recorder.compute("histogram", counts, nbytes=volume.nbytes)
    _verify(recorder, url, read_nifti(file.path), histogram)
    return Brain(url, _slices(recorder, url), histogram)


def _path(url: str, sigma: float) -> str:
    return f"{url}/smooth/{sigma:g}mm"


def _store_smooth(recorder: Recorder, url: str, volume: Any, sigma: float) -> None:
    smooth = da.map_overlap(
        science.smooth,
        volume.to_dask(chunks=(96, 96, 96)),
        depth=science.reach(sigma),
        boundary="none",
        dtype=np.float32,
        sigma=sigma,
    )
    recorder.store(
        f"smooth by {sigma:g} mm, stored from misaligned blocks {ODD_BLOCKS}",
        smooth.rechunk(ODD_BLOCKS),
        _path(url, sigma),
        chunks=OTHER_CHUNKS,
        shards=OTHER_SHARDS,
        dimension_names=AXES,
        attributes={"sigma_mm": sigma},
    )


def _slices(recorder: Recorder, url: str) -> dict[str, list[NDArray[Any]]]:
    paths = {"original": f"{url}/T1"} | {f"smoothed by {sigma:g} mm": _path(url, sigma) for sigma in SIGMAS}
    with recorder.step("orthogonal slices of every scale"):
        return {title: _orthogonal(dzarr.open_array(path)) for title, path in paths.items()}


def _orthogonal(volume: Any) -> list[NDArray[Any]]:
    x, y, z = (size // 2 for size in volume.shape)
    return [volume[x].read(), volume[:, y].read(), volume[:, :, z].read()]


def _verify(recorder: Recorder, url: str, raw: NDArray[Any], histogram: NDArray[Any]) -> None:
    recorder.check("volume as stored", dzarr.open_array(f"{url}/T1").read(), raw)
    for sigma in SIGMAS:
        found = dzarr.open_array(_path(url, sigma)).read()
        recorder.check(f"smoothed by {sigma:g} mm as stored", found, science.smooth(raw, sigma))
    recorder.check("histogram", histogram, np.histogram(raw, bins=256, range=(0, 256))[0])

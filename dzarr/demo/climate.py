"""The climate leg: two scenarios of air temperature over North America, 1860-2099.

Knows: the question (where does it get warmer, and how much less under the milder scenario). Must not know:
how figures look.
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
from dzarr.demo.sources import Real, climate_file, describe, netcdf_array, read_netcdf

SCENARIOS = ("E1", "A1B")
CHUNKS, SHARDS = (20, 16, 16), (80, 48, 64)
ODD_BLOCKS, OTHER_CHUNKS, OTHER_SHARDS = (37, 11, 23), (24, 8, 8), (120, 24, 24)
LATE = 2070


@dataclass(frozen=True)
class Climate:
    """What the leg found. Temperatures are K, trends K per century; maps are (latitude, longitude)."""

    url: str
    years: NDArray[Any]
    latitude: NDArray[Any]
    longitude: NDArray[Any]
    trends: dict[str, NDArray[Any]]
    difference: NDArray[Any]
    means: dict[str, NDArray[Any]]


def run(recorder: Recorder, folder: Path) -> Climate:
    """Convert both scenarios, compute trends, the difference and regional means, store and verify."""
    recorder.begin("Climate: air temperature over North America, 1860-2099")
    url = str(folder / "climate.zarr")
    files = {scenario: climate_file(scenario) for scenario in SCENARIOS}
    _convert(recorder, url, files)
    group = dzarr.open_group(url)
    years = _years(group)
    latitude = group["latitude"].read()
    lazy = {scenario: group[f"{scenario}/air_temperature"] for scenario in SCENARIOS}
    found = _compute(recorder, lazy, years, latitude)
    _store_results(recorder, url, lazy)
    raw = {scenario: read_netcdf(file.path, file.variable) for scenario, file in files.items()}
    _verify(recorder, url, raw, found, years, latitude)
    trends = {"E1": found[0], "A1B": found[1]}
    means = {"E1": found[3], "A1B": found[4]}
    return Climate(url, years, latitude, group["longitude"].read(), trends, found[2], means)


def _convert(recorder: Recorder, url: str, files: dict[str, Real]) -> None:
    group = dzarr.create_group(url, attributes={"title": "Two scenarios, North America"}, overwrite=True)
    for name in ("time", "latitude", "longitude"):
        copy_coordinate(group, files["E1"].path, name)
    for scenario, file in files.items():
        facts = describe(file.path, file.variable)
        group.create_group(scenario, attributes={"scenario": scenario})
        recorder.store(
            f"convert {file.path.name}",
            netcdf_array(file, (60, -1, -1)),
            f"{url}/{scenario}/{file.variable}",
            chunks=CHUNKS,
            shards=SHARDS,
            dimension_names=facts.dimensions,
            attributes=facts.attributes,
        )


def copy_coordinate(group: Any, path: Path, name: str) -> None:
    """Write a whole NetCDF coordinate into the group, with its attributes."""
    facts, values = describe(path, name), read_netcdf(path, name)
    array = group.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=values.shape,
        dimension_names=facts.dimensions,
        attributes=facts.attributes,
    )
    array[...] = values


def _years(group: Any) -> NDArray[Any]:
    time = group["time"]
    years, _ = science.dates(time.read(), time.attrs["units"], time.attrs["calendar"])
    return years


def _late(values: Any, years: NDArray[Any]) -> Any:
    return values[int(np.searchsorted(years, LATE)) :]


def _compute(recorder: Recorder, lazy: dict[str, Any], years: NDArray[Any], latitude: NDArray[Any]) -> list[Any]:
    columns = {name: array.to_dask(chunks=(-1, 16, 16)) for name, array in lazy.items()}
    trends = [x.map_blocks(science.trend, years, drop_axis=0, dtype=np.float64) for x in columns.values()]
    late = _late(lazy["A1B"], years) - _late(lazy["E1"], years)
    columns_late = late.rechunk({0: -1, 1: 16, 2: 16})
    difference = columns_late.map_blocks(science.mean_over_time, drop_axis=0, dtype=np.float64)
    means = [
        array.to_dask(chunks=(40, -1, -1)).map_blocks(science.area_mean, latitude, drop_axis=(1, 2), dtype=np.float64)
        for array in lazy.values()
    ]
    nbytes = 2 * sum(x.nbytes for x in columns.values()) + 2 * late.nbytes
    return recorder.compute("trends, scenario difference, regional means", *trends, difference, *means, nbytes=nbytes)


def _store_results(recorder: Recorder, url: str, lazy: dict[str, Any]) -> None:
    difference: da.Array = (lazy["A1B"] - lazy["E1"]).rechunk(ODD_BLOCKS)
    recorder.store(
        f"store A1B - E1 from misaligned blocks {ODD_BLOCKS}",
        difference,
        f"{url}/difference",
        chunks=OTHER_CHUNKS,
        shards=OTHER_SHARDS,
        dimension_names=("time", "latitude", "longitude"),
        attributes={"units": "K", "long_name": "air temperature, A1B minus E1"},
    )


def _verify(
    recorder: Recorder,
    url: str,
    raw: dict[str, NDArray[Any]],
    found: list[Any],
    years: NDArray[Any],
    latitude: NDArray[Any],
) -> None:
    for scenario, expected in raw.items():
        recorder.check(f"{scenario} as stored", dzarr.open_array(f"{url}/{scenario}/air_temperature").read(), expected)
    recorder.check("A1B - E1 as stored", dzarr.open_array(f"{url}/difference").read(), raw["A1B"] - raw["E1"])
    for values, (scenario, expected) in zip(found, raw.items(), strict=False):
        recorder.check(f"trend of {scenario}", values, science.trend(expected, years))
    late = science.mean_over_time(_late(raw["A1B"], years) - _late(raw["E1"], years))
    recorder.check("scenario difference", found[2], late)
    for values, (scenario, expected) in zip(found[3:], raw.items(), strict=True):
        recorder.check(f"regional means of {scenario}", values, science.area_mean(expected, latitude))

"""The ocean leg: monthly surface temperature of the sea around the equator, with land masked.

Knows: the question (how strong are the seasons, and when is it warmest). Must not know: how figures look.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import dzarr
from dzarr.demo import science
from dzarr.demo.climate import copy_coordinate
from dzarr.demo.recorder import Recorder
from dzarr.demo.sources import describe, netcdf_array, ocean_file, read_netcdf

CHUNKS, SHARDS = (9, 9, 54), (27, 18, 108)
ODD_BLOCKS, OTHER_CHUNKS, OTHER_SHARDS = (5, 7, 100), (4, 6, 36), (12, 12, 144)


@dataclass(frozen=True)
class Ocean:
    """What the leg found. Temperatures are K; `cycle` is (month, latitude, longitude), NaN on land."""

    url: str
    latitude: NDArray[Any]
    longitude: NDArray[Any]
    cycle: NDArray[Any]


def run(recorder: Recorder, folder: Path) -> Ocean:
    """Convert the analyses, compute the mean of each calendar month, store and verify."""
    recorder.begin("Ocean: sea surface temperature around the equator, 2006-2010")
    url = str(folder / "ocean.zarr")
    file = ocean_file()
    facts = describe(file.path, file.variable)
    fill = facts.attributes["_FillValue"]
    group = dzarr.create_group(url, attributes={"title": file.title}, overwrite=True)
    for name in ("time", "latitude", "longitude"):
        copy_coordinate(group, file.path, name)
    recorder.store(
        f"convert {file.path.name}",
        netcdf_array(file, (18, -1, 144)),
        f"{url}/{file.variable}",
        chunks=CHUNKS,
        shards=SHARDS,
        fill_value=fill,
        dimension_names=facts.dimensions,
        attributes=facts.attributes,
    )
    group = dzarr.open_group(url)
    months = _store_cycle(recorder, url, group, fill)
    raw = read_netcdf(file.path, file.variable)
    cycle = dzarr.open_array(f"{url}/seasonal_cycle").read()
    recorder.check("analyses as stored", group[file.variable].read(), raw)
    recorder.check("seasonal cycle as stored", cycle, science.seasonal_cycle(raw, months, fill))
    return Ocean(url, group["latitude"].read(), group["longitude"].read(), cycle)


def _store_cycle(recorder: Recorder, url: str, group: Any, fill: float) -> NDArray[Any]:
    time = group["time"]
    _, months = science.dates(time.read(), time.attrs["units"], time.attrs["calendar"])
    columns = group["surface_temperature"].to_dask(chunks=(-1, 9, 54))
    cycle = columns.map_blocks(
        science.seasonal_cycle, months, fill, chunks=(12, *columns.chunks[1:]), dtype=columns.dtype
    )
    recorder.store(
        f"seasonal cycle, stored from misaligned blocks {ODD_BLOCKS}",
        cycle.rechunk(ODD_BLOCKS),
        f"{url}/seasonal_cycle",
        chunks=OTHER_CHUNKS,
        shards=OTHER_SHARDS,
        fill_value=float("nan"),
        dimension_names=("month", "latitude", "longitude"),
        attributes={"units": "K", "long_name": "mean sea surface temperature of each calendar month"},
    )
    return months

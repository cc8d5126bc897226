"""The real files: where they are, who made them, and how their parts become dask arrays.

Knows: NetCDF, NIfTI, and the packages that ship the files. Must not know: Zarr.

A task opens its file by itself and reads one region of it, so nothing but a path travels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from dzarr.demo.optional import require

MET_OFFICE = "British Crown copyright, Met Office; from iris-sample-data on PyPI"
OPEN_GOVERNMENT = "UK Open Government Licence (nationalarchives.gov.uk/doc/open-government-licence)"
MNI = (
    "Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill "
    "University; Fonov et al., NeuroImage 54:1 (2011); from nilearn on PyPI"
)
MNI_TERMS = (
    "The atlas's own: use, copy, modify and distribute for any purpose without fee, keeping the copyright notice; as "
    "is, without warranty"
)


@dataclass(frozen=True)
class Real:
    """One variable of one real file."""

    title: str
    path: Path
    variable: str
    owner: str
    licence: str


def climate_file(scenario: str) -> Real:
    """Return the yearly air temperature (K) over North America, 1860-2099, of scenario "E1" or "A1B"."""
    title = f"Air temperature over North America, scenario {scenario}, Unified Model 6.05, yearly means"
    return _met_office(title, f"{scenario}_north_america.nc", "air_temperature")


def ocean_file() -> Real:
    """Return the monthly surface temperature of the sea around the equator, 2006-2010, land masked."""
    return _met_office(
        "Sea surface temperature, OSTIA analyses, monthly means", "ostia_monthly.nc", "surface_temperature"
    )


def brain_file() -> Real:
    """Return the average brain ICBM 152 (2009a, symmetric), T1, 1 mm: uint8, 197 x 233 x 189."""
    folder = Path(require("nilearn").__file__).parent / "datasets" / "data"
    path = folder / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    return Real("Average T1 image of 152 brains, ICBM 152 2009a, 1 mm", path, "T1", MNI, MNI_TERMS)


def _met_office(title: str, name: str, variable: str) -> Real:
    folder = Path(require("iris_sample_data").path)
    return Real(title, folder / name, variable, MET_OFFICE, OPEN_GOVERNMENT)


@dataclass(frozen=True)
class Variable:
    """A NetCDF variable without its values: dimension names, shape, dtype, attributes fit for JSON."""

    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: dict[str, Any]


def describe(path: Path, variable: str) -> Variable:
    """Return the facts of a NetCDF variable."""
    with require("netCDF4").Dataset(path) as file:
        found = file.variables[variable]
        attributes = {name: _plain(found.getncattr(name)) for name in found.ncattrs()}
        return Variable(found.dimensions, found.shape, found.dtype, attributes)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def read_netcdf(path: Path, variable: str, region: tuple[slice, ...] = ()) -> NDArray[Any]:
    """Return the stored values in `region` of a NetCDF variable: no mask, no scaling."""
    with require("netCDF4").Dataset(path) as file:
        file.set_auto_maskandscale(False)
        return np.asarray(file.variables[variable][region or ...])


def read_nifti(path: Path, region: tuple[slice, ...] = ()) -> NDArray[Any]:
    """Return the voxels in `region` of a NIfTI volume as they are stored."""
    voxels: NDArray[Any] = np.asarray(require("nibabel").load(path).dataobj[region or ...])
    return np.ascontiguousarray(voxels)


def netcdf_array(source: Real, chunks: Any) -> da.Array:
    """Return a NetCDF variable as a dask array; each block opens the file."""
    facts = describe(source.path, source.variable)
    return _lazy(read_netcdf_block, facts.shape, facts.dtype, chunks, path=source.path, variable=source.variable)


def nifti_array(source: Real, chunks: Any) -> da.Array:
    """Return a NIfTI volume as a dask array; each block opens the file."""
    image = require("nibabel").load(source.path)
    return _lazy(read_nifti_block, image.shape, image.get_data_dtype(), chunks, path=source.path)


def _lazy(read: Any, shape: tuple[int, ...], dtype: Any, chunks: Any, **where: Any) -> da.Array:
    blocks = da.core.normalize_chunks(chunks, shape, dtype=dtype)
    lazy: da.Array = da.map_blocks(read, chunks=blocks, dtype=dtype, meta=np.empty((0,) * len(shape), dtype), **where)
    return lazy


def read_netcdf_block(path: Path, variable: str, block_info: Any = None) -> NDArray[Any]:
    """Read the block that `block_info` tells: the task of `netcdf_array`."""
    return read_netcdf(path, variable, _region(block_info))


def read_nifti_block(path: Path, block_info: Any = None) -> NDArray[Any]:
    """Read the block that `block_info` tells: the task of `nifti_array`."""
    return read_nifti(path, _region(block_info))


def _region(block_info: Any) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in block_info[None]["array-location"])

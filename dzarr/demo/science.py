"""What a scientist computes, as numpy functions.

Knows: arrays and their units. Must not know: dask, Zarr, files.

Each function sums along the first axis only, or looks at a neighbourhood only, so its value at an element doesn't
depend on how the rest is cut into blocks: blocks and whole arrays give the same bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dzarr.demo.optional import require

Floats = NDArray[np.float64]


def trend(values: NDArray[Any], years: NDArray[Any]) -> Floats:
    """Return the least-squares slope of `values` (years first) along `years`, in units per century.

    slope = sum((t - mean t) x) / sum((t - mean t)^2), for evenly or unevenly spaced t.

    Examples
    --------
    >>> t = np.arange(2000, 2010)
    >>> trend(0.02 * t[:, None] + np.zeros((1, 2)), t).round(6)
    array([2., 2.])
    """
    centred = np.asarray(years, np.float64) - np.mean(years)
    weights = centred / np.sum(centred**2)
    total: Floats = np.zeros(values.shape[1:], np.float64)
    for weight, value in zip(weights, values, strict=True):
        total += weight * value
    return 100.0 * total


def mean_over_time(values: NDArray[Any]) -> Floats:
    """Return the mean along the first axis in float64, added up in order.

    Examples
    --------
    >>> mean_over_time(np.array([[1, 2], [3, 4]], "float32"))
    array([2., 3.])
    """
    total: Floats = np.zeros(values.shape[1:], np.float64)
    for value in values:
        total += value
    return total / len(values)


def area_mean(values: NDArray[Any], latitude: NDArray[Any]) -> Floats:
    """Return the mean over (latitude, longitude) for each time, weighted by cos(latitude in degrees).

    Examples
    --------
    >>> area_mean(np.full((2, 3, 4), 280.0, "float32"), np.array([0.0, 30.0, 60.0])).round(9)
    array([280., 280.])
    """
    weights = np.cos(np.deg2rad(np.asarray(latitude, np.float64)))
    rows = [np.sum(weights * np.sum(value, axis=1, dtype=np.float64)) for value in values]
    means: Floats = np.array(rows, np.float64) / (np.sum(weights) * values.shape[2])
    return means


def seasonal_cycle(values: NDArray[Any], months: NDArray[Any], fill: float) -> NDArray[Any]:
    """Return the mean of each calendar month (1 to 12, first axis) of `values`, NaN where all are `fill`.

    Examples
    --------
    >>> cycle = seasonal_cycle(np.array([[280.0], [290.0], [9e9]]), np.array([1, 1, 2]), 9e9)
    >>> cycle[:2, 0]
    array([285.,  nan])
    """
    cycle = np.full((12, *values.shape[1:]), np.nan, values.dtype)
    for month in range(12):
        chosen = values[months == month + 1]
        there = chosen != values.dtype.type(fill)
        total = np.zeros(values.shape[1:], np.float64)
        for value, valid in zip(chosen, there, strict=True):
            total += np.where(valid, value, 0)
        count = there.sum(axis=0)
        np.divide(total, count, out=cycle[month], where=count > 0, casting="same_kind")
    return cycle


def smooth(volume: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Return `volume` smoothed by a Gaussian of `sigma` voxels, float32; the edge is mirrored."""
    radius = reach(sigma)
    blurred = require("scipy.ndimage").gaussian_filter(volume, sigma, output=np.float32, mode="reflect", radius=radius)
    return np.asarray(blurred)


def reach(sigma: float) -> int:
    """Return how many voxels around it a smoothed voxel depends on: four standard deviations.

    Examples
    --------
    >>> reach(1.5)
    6
    """
    return int(np.ceil(4 * sigma))


def dates(hours: NDArray[Any], units: str, calendar: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the years and the months of CF times, in their own calendar."""
    found = require("netCDF4").num2date(np.asarray(hours), units, calendar)
    return np.array([date.year for date in found]), np.array([date.month for date in found])

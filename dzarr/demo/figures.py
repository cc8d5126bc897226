"""The figures: one of each leg, in one style.

Knows: matplotlib, units and colours. Must not know: clusters or Zarr.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dzarr.demo.brain import AXES, Brain
from dzarr.demo.climate import LATE, Climate
from dzarr.demo.ocean import Ocean
from dzarr.demo.optional import require
from dzarr.demo.recorder import Step

STYLE = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "font.family": "sans-serif",
    "font.size": 9,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "savefig.facecolor": "white",
}
MILD, STRONG, THIRD = "#2a6f97", "#c1440e", "#5c946e"
ZERO_CELSIUS = 273.15
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TISSUES = {"grey matter": 170, "white matter": 220}
"""Where the two peaks of the histogram are."""
BASINS = {"Pacific": (160, 280), "Atlantic": (310, 370), "Indian Ocean": (50, 100)}
"""Longitudes (degrees east) of what the curves call a basin."""


def draw_all(folder: Path, climate: Climate, ocean: Ocean, brain: Brain, steps: Sequence[Step]) -> dict[str, Path]:
    """Draw every figure into `folder`; return their captions and files."""
    matplotlib = require("matplotlib")
    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, tuple[str, Callable[[], Any]]] = {
        "climate": ("How much warmer, and where: two scenarios over North America.", lambda: draw_climate(climate)),
        "ocean": ("The seasons of the sea around the equator; land is grey.", lambda: draw_ocean(ocean)),
        "brain": ("An average brain at four scales, in three orthogonal slices.", lambda: draw_brain(brain)),
        "histogram": ("Grey values of the same brain.", lambda: draw_histogram(brain)),
        "timings": ("Throughput of the synthetic field on this machine.", lambda: draw_timings(steps)),
    }
    captions = {}
    with matplotlib.rc_context(STYLE):
        for name, (caption, draw) in drawings.items():
            figure = draw()
            captions[caption] = folder / f"{name}.png"
            figure.savefig(captions[caption])
            require("matplotlib.pyplot").close(figure)
    return captions


def _figure(rows: int, columns: int, size: tuple[float, float], title: str, **layout: Any) -> tuple[Any, Any]:
    figure, axes = require("matplotlib.pyplot").subplots(rows, columns, figsize=size, squeeze=False, **layout)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    return figure, axes


def _map(axes: Any, values: NDArray[Any], latitude: NDArray[Any], longitude: NDArray[Any], **colours: Any) -> Any:
    mesh = axes.pcolormesh(longitude, latitude, values, shading="nearest", rasterized=True, **colours)
    axes.set_facecolor("#bbbbbb")
    axes.xaxis.set_major_locator(require("matplotlib.ticker").MultipleLocator(30))
    axes.xaxis.set_major_formatter(lambda degrees, _: _east(degrees))
    axes.yaxis.set_major_formatter(lambda degrees, _: _north(degrees))
    return mesh


def _east(degrees: float) -> str:
    signed = (degrees + 180) % 360 - 180
    letter = "" if signed in (0, -180) else "W" if signed < 0 else "E"
    return f"{abs(signed):g}°{letter}"


def _north(degrees: float) -> str:
    return f"{abs(degrees):g}°{'S' if degrees < 0 else 'N' if degrees > 0 else ''}"


def draw_climate(found: Climate) -> Any:
    """Trends of both scenarios, what lies between them, and the regional means."""
    figure, axes = _figure(2, 2, (10, 7.2), "Air temperature at 1.5 m over North America, yearly means 1860-2099")
    top = float(max(values.max() for values in found.trends.values()))
    for panel, (scenario, values) in zip(axes[0], found.trends.items(), strict=True):
        mesh = _map(panel, values, found.latitude, found.longitude, cmap="YlOrRd", vmin=0, vmax=top)
        panel.set_title(f"Trend 1860-2099, scenario {scenario}")
        figure.colorbar(mesh, ax=panel, label="K per century")
    mesh = _map(axes[1, 0], found.difference, found.latitude, found.longitude, cmap="inferno")
    axes[1, 0].set_title(f"A1B minus E1, mean of {LATE}-2099")
    figure.colorbar(mesh, ax=axes[1, 0], label="K")
    for (scenario, values), colour in zip(found.means.items(), (MILD, STRONG), strict=True):
        axes[1, 1].plot(found.years, values - ZERO_CELSIUS, color=colour, lw=1.2, label=scenario)
    axes[1, 1].set_title("Mean over the region, weighted by area")
    axes[1, 1].set(xlabel="year", ylabel="°C")
    axes[1, 1].legend(loc="upper left", title="scenario")
    return figure


def draw_ocean(found: Ocean) -> Any:
    """Yearly mean, strength of the seasons, month of the maximum, and curves of three oceans."""
    title = "Sea surface temperature around the equator, monthly means April 2006 - September 2010"
    figure, axes = _figure(4, 1, (10, 8.4), title, height_ratios=(1, 1, 1, 1.9))
    land = np.isnan(found.cycle).all(axis=0)
    cycle = np.ma.masked_array(found.cycle, np.broadcast_to(land, found.cycle.shape)) - ZERO_CELSIUS
    # A circle of colours, as the months are one; softened, and none of them the grey of land.
    circle = require("matplotlib").colormaps["hsv"](np.arange(12) / 12)[:, :3]
    twelve = require("matplotlib.colors").ListedColormap(0.15 + 0.75 * circle)
    warmest = np.ma.masked_array(np.argmax(cycle.filled(-np.inf), axis=0) + 1, land)
    panels: list[tuple[str, Any, str, dict[str, Any]]] = [
        ("Mean of the year", cycle.mean(axis=0), "°C", {"cmap": "viridis"}),
        (
            "Strength of the seasons: warmest minus coldest month",
            cycle.max(axis=0) - cycle.min(axis=0),
            "K",
            {"cmap": "magma"},
        ),
        ("Warmest month", warmest, "", {"cmap": twelve, "vmin": 0.5, "vmax": 12.5}),
    ]
    for panel, (name, values, unit, colours) in zip(axes[:, 0], panels, strict=False):
        mesh = _map(panel, values, found.latitude, found.longitude, **colours)
        panel.set_title(name)
        bar = figure.colorbar(mesh, ax=panel, label=unit, pad=0.01)
    bar.set_ticks(range(1, 13), labels=[name if i % 3 == 1 else "" for i, name in enumerate(MONTHS)])
    _draw_basins(axes[3, 0], found, cycle)
    return figure


def _draw_basins(axes: Any, found: Ocean, cycle: Any) -> None:
    for (name, (west, east)), colour in zip(BASINS.items(), (MILD, STRONG, THIRD), strict=True):
        inside = (found.longitude - west) % 360 <= east - west
        axes.plot(MONTHS, cycle[:, :, inside].mean(axis=(1, 2)), color=colour, marker="o", ms=3.5, label=name)
    axes.set_title("Seasonal cycle, 5°S to 4.4°N")
    axes.set_ylabel("°C")
    axes.legend(loc="upper right", ncols=3)


def draw_brain(found: Brain) -> Any:
    """Three orthogonal slices through the middle, at every scale."""
    heights = [plane.shape[1] / plane.shape[0] for plane in next(iter(found.slices.values()))]
    head = "Average T1 image of 152 people, at four scales"
    figure, axes = _figure(3, len(found.slices), (10, 7.4), head, height_ratios=heights)
    for column, (title, planes) in zip(axes.T, found.slices.items(), strict=True):
        for panel, plane, across in zip(column, planes, range(3), strict=True):
            image = panel.imshow(plane.T, cmap="gray", origin="lower", vmin=0, vmax=255)
            width, height = (name for i, name in enumerate(AXES) if i != across)
            panel.set(xlabel=f"{width} (mm)", xticks=(0, 100, 200), yticks=(0, 100, 200))
            panel.set(xlim=(0, plane.shape[0]), ylim=(0, plane.shape[1]))
            if panel in axes[:, 0]:
                panel.set_ylabel(f"{height} (mm)")
        column[0].set_title(title[0].upper() + title[1:])
    figure.colorbar(image, ax=axes, label="grey value", shrink=0.5)
    return figure


def draw_histogram(found: Brain) -> Any:
    """How often each grey value occurs, without the background."""
    figure, axes = _figure(1, 1, (10, 3.2), "Grey values of the T1 image")
    panel = axes[0, 0]
    panel.bar(np.arange(1, 256), found.histogram[1:] / 1000, width=1, color=MILD)
    for tissue, place in TISSUES.items():
        height = found.histogram[place] / 1000
        panel.annotate(tissue, (place, height), (0, 6), textcoords="offset points", ha="center")
    share = found.histogram[0] / found.histogram.sum()
    panel.set(xlabel="grey value", ylabel="thousand voxels (mm³)", xlim=(0, 256))
    panel.margins(y=0.15)
    panel.set_title(f"Without the background (value 0: {share:.0%} of all voxels)")
    return figure


def draw_timings(steps: Sequence[Step]) -> Any:
    """Decoded megabytes a second of the steps of the synthetic leg."""
    shown = [step for step in steps if step.leg.startswith("Synthetic") and step.nbytes]
    figure, axes = _figure(1, 1, (10, 0.9 + 0.55 * len(shown)), "The synthetic field: array bytes per second")
    rates = [step.nbytes / step.seconds / 1e6 for step in shown]
    bars = axes[0, 0].barh([step.title for step in shown], rates, color=THIRD)
    axes[0, 0].bar_label(
        bars, [f" {rate:,.0f} MB/s, {step.seconds:.1f} s" for rate, step in zip(rates, shown, strict=True)]
    )
    axes[0, 0].set(xlabel="MB of array data a second", xlim=(0, 1.3 * max(rates, default=1)))
    axes[0, 0].invert_yaxis()
    return figure

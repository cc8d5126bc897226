"""The demo: its numpy, its synthetic field, its report, and the whole of it where its extra is installed."""

from __future__ import annotations

import base64
import importlib.util
from html.parser import HTMLParser
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from dzarr.demo import field, report, science, synthetic
from dzarr.demo.optional import require
from dzarr.demo.recorder import Check, Recorder, Step
from dzarr.demo.sources import Real
from dzarr.errors import UnsupportedError

MISSING = [
    name
    for name in ("iris_sample_data", "matplotlib", "netCDF4", "nibabel", "nilearn", "scipy")
    if importlib.util.find_spec(name) is None
]
needs_extra = pytest.mark.skipif(bool(MISSING), reason=f"the demo extra is not installed: no {', '.join(MISSING)}")

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_trend_is_the_slope_of_a_fitted_line() -> None:
    years = np.arange(1860, 2100)
    values = np.random.default_rng(0).normal(280, 3, (240, 3, 4)).astype("float32")
    slopes = np.polyfit(years - 1980.0, values.reshape(240, -1).astype("float64"), 1)[0]
    np.testing.assert_allclose(science.trend(values, years).ravel(), 100 * slopes, rtol=1e-9, atol=1e-12)


def test_area_mean_weights_by_the_cosine() -> None:
    latitude = np.linspace(15, 60, 5)
    values = np.random.default_rng(1).normal(280, 3, (6, 5, 7)).astype("float32")
    weights = np.broadcast_to(np.cos(np.deg2rad(latitude))[:, None], (5, 7))
    expected = [np.average(value, weights=weights) for value in values.astype("float64")]
    np.testing.assert_allclose(science.area_mean(values, latitude), expected, rtol=1e-12)


def test_seasonal_cycle_leaves_out_masked_values() -> None:
    months = np.arange(30) % 12 + 1
    values = np.random.default_rng(2).normal(300, 2, (30, 4, 5)).astype("float32")
    values[:, 0, 0] = 1e20
    values[3, 1, 1] = 1e20
    masked = np.where(values == np.float32(1e20), np.nan, values.astype("float64"))
    cycle = science.seasonal_cycle(values, months, 1e20)
    assert cycle.dtype == np.float32
    assert np.isnan(cycle[:, 0, 0]).all()
    assert not np.isnan(cycle[:, 1:]).any()
    np.testing.assert_allclose(cycle[3, 1, 1], np.nanmean(masked[months == 4, 1, 1]), rtol=1e-6)
    np.testing.assert_allclose(cycle[5, 2:], masked[months == 6].mean(axis=0)[2:], rtol=1e-6)


@pytest.mark.parametrize("function", [science.mean_over_time, lambda x: science.trend(x, np.arange(len(x)))])
def test_blocks_and_whole_give_the_same_bytes(function: object) -> None:
    values = np.random.default_rng(3).normal(280, 3, (50, 9, 11)).astype("float32")
    lazy = da.from_array(values, chunks=(-1, 4, 3)).map_blocks(function, drop_axis=0, dtype="float64")
    assert lazy.compute(scheduler="sync").tobytes() == function(values).tobytes()  # type: ignore[operator]


def test_any_part_of_the_field_is_the_part_of_the_whole() -> None:
    whole = field.values((slice(0, 80),) * 3, 80)
    assert whole.dtype == np.uint16
    assert whole.std() > 100
    assert (field.lazy(80, (33, 17, 80)).compute(scheduler="sync") == whole).all()


@pytest.mark.parametrize(("nbytes", "edge"), [(1, 80), (10**9, 800), (2 * 160**3, 160)])
def test_edge_fits_both_grids_of_shards(nbytes: int, edge: int) -> None:
    assert synthetic.edge_for(nbytes) == edge
    assert edge % 16 == edge % 20 == 0


def test_missing_package_names_the_extra() -> None:
    with pytest.raises(UnsupportedError, match=r"no_such_package.*pip install 'dzarr\[demo\]'"):
        require("no_such_package")


def test_report_needs_no_other_file(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG)
    account = report.Account(
        seconds=3.2,
        workers="2 worker processes",
        steps=[Step("Climate", "store <x>", 1.5, 10, 20, 30_000, 40_000, 50_000)],
        checks=[Check("Climate", "x as stored", 50_000, equal=True), Check("Climate", "y", 8, equal=False)],
        sources=[Real("Temperature", picture, "t", "Somebody", "Open & free")],
        figures={"A caption": picture},
        trees={"x.zarr": "/\n└── a"},
        handle="<b>array</b>",
    )
    report.write(tmp_path / "report.html", account)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    HTMLParser().feed(text)
    assert "1 of 2 comparisons with numpy differ" in text
    assert "store &lt;x&gt;" in text
    assert "Open &amp; free" in text
    assert 'src="data:image/png' in text
    assert "http://" not in text


def test_recorder_counts_tasks_and_compares(client: object, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder(client)  # type: ignore[arg-type]
    recorder.begin("Test")
    (value,) = recorder.compute("sum", da.ones(10, chunks=5).sum(), nbytes=80)
    assert value == 10
    (step,) = recorder.steps
    assert step.leg == "Test"
    assert step.tasks > 0
    recorder.check("same", np.arange(3), np.arange(3))
    recorder.check("other bytes", np.array([0.0]), np.array([-0.0]))
    recorder.check("other dtype", np.arange(3), np.arange(3, dtype="int32"))
    assert [check.equal for check in recorder.checks] == [True, False, False]
    assert "DIFFER" in capsys.readouterr().out


@needs_extra
@pytest.mark.filterwarnings("default")  # the readers of other people's files may warn
def test_whole_demo(tmp_path: Path) -> None:
    from dzarr.demo.run import run

    outcome = run(tmp_path / "out", nbytes=1, workers=2)
    assert outcome.equal
    assert {path.stem for path in outcome.figures.iterdir()} == {"climate", "ocean", "brain", "histogram", "timings"}
    text = outcome.report.read_text(encoding="utf-8")
    assert "Open Government Licence" in text
    assert "Synthetic" in text
    assert sorted(path.name for path in outcome.data.iterdir()) == ["brain.zarr", "climate.zarr", "ocean.zarr"]

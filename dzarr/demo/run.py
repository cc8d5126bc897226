"""The demo from beginning to end.

Knows: the order of the legs, the cluster, where the output goes. Must not know: how anything is computed.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from distributed import Client, LocalCluster

import dzarr
from dzarr.demo import brain, climate, figures, ocean, report, sources, synthetic
from dzarr.demo.optional import require
from dzarr.demo.recorder import Recorder

NEEDED = ("iris_sample_data", "matplotlib", "netCDF4", "nibabel", "nilearn", "scipy.ndimage")


@dataclass(frozen=True)
class Outcome:
    """Where the demo's output is, and whether every comparison with numpy was equal."""

    report: Path
    data: Path
    figures: Path
    seconds: float
    equal: bool


def run(out: str | os.PathLike[str] = "dzarr-demo", *, nbytes: int = 10**9, workers: int | None = None) -> Outcome:
    """Run the demo on a local cluster of processes and write figures, arrays and a report.

    Parameters
    ----------
    out : path
        Folder for the output; made if it isn't there. Arrays of an earlier run are replaced.
    nbytes : int
        Size of the synthetic field.
    workers : int, optional
        Worker processes; by default one for each core, at least 2 and at most 4.

    Returns
    -------
    Outcome

    Raises
    ------
    UnsupportedError
        The `demo` extra is not installed.
    """
    for name in NEEDED:
        require(name)
    out = Path(out).absolute()
    data = out / "data"
    data.mkdir(parents=True, exist_ok=True)
    cores = os.cpu_count() or 2
    workers = workers or min(4, max(2, cores))
    threads = max(1, cores // workers)
    print(f"dzarr demo: {workers} worker processes with {threads} thread(s) each, output in {out}")
    with (
        LocalCluster(n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        return _run(Recorder(client), out, data, nbytes, f"{workers} worker processes with {threads} thread(s) each")


def _run(recorder: Recorder, out: Path, data: Path, nbytes: int, workers: str) -> Outcome:
    start = time.perf_counter()
    weather = climate.run(recorder, data)
    sea = ocean.run(recorder, data)
    head = brain.run(recorder, data)
    synthetic.run(recorder, data, nbytes)
    print("\nFigures and report")
    drawn = figures.draw_all(out / "figures", weather, sea, head, recorder.steps)
    seconds = time.perf_counter() - start
    account = report.Account(
        seconds,
        workers,
        recorder.steps,
        recorder.checks,
        [*map(sources.climate_file, climate.SCENARIOS), sources.ocean_file(), sources.brain_file()],
        drawn,
        {Path(leg.url).name: str(dzarr.open_group(leg.url).tree()) for leg in (weather, sea, head)},
        dzarr.open_group(head.url)["T1"]._repr_html_(),
    )
    report.write(out / "report.html", account)
    outcome = Outcome(
        out / "report.html", data, out / "figures", seconds, all(check.equal for check in recorder.checks)
    )
    _say(outcome, len(recorder.checks), sum(check.nbytes for check in recorder.checks))
    return outcome


def _say(outcome: Outcome, checks: int, nbytes: int) -> None:
    verdict = f"all {nbytes:,} bytes equal to numpy" if outcome.equal else "SOME BYTES DIFFER FROM NUMPY"
    print(f"\n{outcome.seconds:.0f} s, {checks} comparisons: {verdict}")
    print(f"report   {outcome.report}")
    print(f"figures  {outcome.figures}")
    print(f"arrays   {outcome.data}")

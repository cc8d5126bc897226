"""The report: one HTML file that needs nothing else.

Knows: what the recorder wrote down, and how it reads. Must not know: clusters or arrays.
"""

from __future__ import annotations

import base64
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dzarr.demo.recorder import Check, Step
from dzarr.demo.sources import Real

PACKAGES = ("dzarr", "dask", "distributed", "numpy", "numcodecs", "scipy", "netCDF4", "nibabel", "matplotlib")

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1040px; margin: 2rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 } h2 { margin-top: 2.2rem; border-bottom: 1px solid #ddd } img { max-width: 100% }
figure { margin: 1.2rem 0 } figcaption { color: #555 } pre { background: #f6f6f6; padding: .8rem; overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: 13px } td, th { padding: .25rem .6rem; text-align: left }
th { border-bottom: 2px solid #ccc } tr:nth-child(even) td { background: #f8f8f8 } .n { text-align: right;
font-variant-numeric: tabular-nums } .leg td { background: #eef3f6 !important; font-weight: 600 }
td code { overflow-wrap: anywhere }
.good { color: #2d6a4f; font-weight: 600 } .bad { color: #b00020; font-weight: 600 }
"""


@dataclass(frozen=True)
class Account:
    """Everything that the report tells."""

    seconds: float
    workers: str
    steps: Sequence[Step]
    checks: Sequence[Check]
    sources: Sequence[Real]
    figures: Mapping[str, Path]
    trees: Mapping[str, str]
    handle: str
    """The HTML repr of one of the arrays."""


def write(path: Path, account: Account) -> None:
    """Write the report to `path`."""
    parts = [
        "<h1>dzarr demo</h1>",
        _summary(account),
        "<h2>Figures</h2>",
        *(_figure(caption, file) for caption, file in account.figures.items()),
        "<h2>What each step cost</h2>",
        _steps(account.steps),
        "<h2>Compared with numpy, byte for byte</h2>",
        _checks(account.checks),
        "<h2>What was written</h2>",
        account.handle,
        *(f"<p><code>{escape(name)}</code></p><pre>{escape(tree)}</pre>" for name, tree in account.trees.items()),
        "<h2>Sources and licences</h2>",
        _sources(account.sources),
        "<h2>Versions and machine</h2>",
        f"<p>{escape(', '.join(versions()))}</p><p>{escape(machine())}; {escape(account.workers)}</p>",
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>dzarr demo</title><style>{STYLE}</style>'
    path.write_text("\n".join([head, *parts, "</html>"]), encoding="utf-8")


def _summary(account: Account) -> str:
    wrong = sum(not check.equal for check in account.checks)
    total = sum(check.nbytes for check in account.checks)
    made_up = sum(check.nbytes for check in account.checks if check.leg.startswith("Synthetic"))
    verdict = (
        f'<span class="bad">{wrong} of {len(account.checks)} comparisons with numpy differ</span>'
        if wrong
        else f'<span class="good">all {total:,} bytes equal to numpy</span>'
    )
    return (
        f"<p>Real NetCDF and NIfTI files became sharded Zarr v3 arrays on a local cluster, were opened lazily and "
        f"computed with, and the results stored from blocks that don't fit the shards. {account.seconds:.0f} s in all; "
        f"{verdict} in {len(account.checks)} comparisons. The real files are small, so the throughput is measured on a "
        f"synthetic field, {made_up:,} of these bytes.</p>"
    )


def _figure(caption: str, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    image = f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _steps(steps: Iterable[Step]) -> str:
    rows = ["<tr><th>step<th class=n>s<th class=n>tasks<th class=n>requests<th class=n>bytes read<th class=n>written"]
    leg = None
    for step in steps:
        if step.leg != leg:
            leg = step.leg
            rows.append(f"<tr class=leg><td colspan=6>{escape(leg)}")
        counts = (f"{n:,}" for n in (step.tasks, step.requests, step.bytes_read, step.bytes_written))
        numbers = "".join(f"<td class=n>{n}" for n in (f"{step.seconds:.2f}", *counts))
        rows.append(f"<tr><td>{escape(step.title)}{numbers}")
    note = (
        "<p>Tasks are those that ran on the cluster. Requests and bytes are those of dzarr's stores, in all processes: "
        "encoded bytes of objects and documents. Reading the NetCDF and NIfTI files themselves isn't counted.</p>"
    )
    return f"<table>{''.join(rows)}</table>{note}"


def _checks(checks: Iterable[Check]) -> str:
    rows = [
        f"<tr><td>{escape(check.leg)}<td>{escape(check.title)}<td class=n>{check.nbytes:,}"
        f"<td class={'good>equal' if check.equal else 'bad>differs'}"
        for check in checks
    ]
    return f"<table><tr><th>leg<th>array<th class=n>bytes<th>{''.join(rows)}</table>"


def _sources(sources: Iterable[Real]) -> str:
    rows = [
        f"<tr><td>{escape(real.title)}<br><code>{escape(real.path.name)}</code><td class=n>{real.path.stat().st_size:,}"
        f"<td>{escape(real.owner)}<td>{escape(real.licence)}"
        for real in sources
    ]
    synthetic = (
        "<p>The synthetic field is a formula and means nothing; it is there for the timings, and was deleted.</p>"
    )
    return f"<table><tr><th>data and file<th class=n>bytes<th>from<th>licence{''.join(rows)}</table>{synthetic}"


def versions() -> list[str]:
    """Return "package version" for each package that took part."""
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} (not installed as a package)")
    return found


def machine() -> str:
    """Return one line about the machine: system, processor, cores."""
    return f"{platform.system()} {platform.release()}, {_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()

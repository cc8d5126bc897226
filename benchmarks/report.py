"""What every benchmark script shares at its edges: options in, JSON and verdicts out.

Knows: argument names, where results go. Must not know: what is measured.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import machine
from claims import Claim
from layouts import LAYOUTS

RESULTS = Path(__file__).resolve().parent / "results"


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of every script: --out and --data."""
    options = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    options.add_argument("--out", type=Path, help="JSON file to write (benchmarks/results/<script>-<time>.json)")
    options.add_argument("--data", type=Path, default=RESULTS / "data", help="folder for the stored arrays")
    return options


def arena_parser(description: str | None, contestants: Iterable[str]) -> argparse.ArgumentParser:
    """The options of the scripts that hold a contest."""
    options = parser(description)
    options.add_argument("--layouts", nargs="+", default=list(LAYOUTS), choices=list(LAYOUTS), metavar="LAYOUT")
    options.add_argument(
        "--contestants", nargs="+", default=list(contestants), choices=list(contestants), metavar="NAME"
    )
    options.add_argument("--rounds", type=int, default=9, help="counted runs of each contestant (9)")
    options.add_argument("--size", type=int, default=512, help="side of the cube of uint16 (512)")
    options.add_argument(
        "--slow", type=float, default=math.inf, help="run whoever needs more seconds only in every third round"
    )
    return options


def legs(named: Mapping[str, Callable[[], dict[str, Any]]]) -> dict[str, Any]:
    """Run each leg and print what it found; one that fails is reported, and the others go on."""
    found: dict[str, Any] = {}
    for name, run in named.items():
        try:
            found[name] = run()
        # A library under comparison may fail in any way.
        except Exception as error:  # noqa: BLE001
            found[name] = {"error": f"not available: {type(error).__name__}: {error}"[:300]}
        print(f"{name}: {json.dumps(found[name])}", flush=True)
    return found


def publish(
    script: str, options: argparse.Namespace, figures: Mapping[str, Any], claims: Sequence[Claim]
) -> dict[str, Any]:
    """Print the verdicts, write the JSON document, answer it."""
    facts = machine.describe(options.data)
    print(f"\n{machine.line(facts)}\n")
    for claim in claims:
        print(claim.line())
    settings = {
        key: value if isinstance(value, (int, float, list)) else str(value) for key, value in vars(options).items()
    }
    document = {
        "benchmark": script,
        "machine": facts,
        "settings": settings,
        "figures": figures,
        "claims": [claim.document() for claim in claims],
    }
    out = options.out or RESULTS / f"{script}-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nwritten to {out}")
    return document

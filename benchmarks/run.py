"""Every benchmark by one command: makes the environment, runs all scripts in it, writes one JSON document.

    python benchmarks/run.py            # an hour or so on two cores
    python benchmarks/run.py --quick    # minutes: a small cube, few rounds; shows that everything runs

Knows: the scripts and their order. Must not know: what they measure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import environment

HERE = Path(__file__).resolve().parent
SCRIPTS = ("read", "write", "graph", "memory")
QUICK = {
    "read": ["--size", "256", "--rounds", "3"],
    "write": ["--size", "256", "--rounds", "3"],
    "graph": ["--tasks", "1000"],
    "memory": ["--size", "256", "--shards", "2"],
}


def main() -> int:
    """Exit status 0 if every script ran and every claim is met, 1 otherwise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small and short: the figures mean little")
    parser.add_argument("--only", nargs="+", default=list(SCRIPTS), choices=SCRIPTS)
    parser.add_argument("--out", type=Path, default=HERE / "results" / f"{datetime.now(UTC):%Y-%m-%d}.json")
    parser.add_argument("--upgrade", action="store_true", help="install newer rivals where there are any")
    options = parser.parse_args()
    python = environment.prepare(upgrade=options.upgrade)
    found: dict[str, Any] = {}
    for script in options.only:
        print(f"\n{'=' * 20} {script} {'=' * 20}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.json"
            command = [str(python), str(HERE / f"{script}.py"), "--out", str(out)]
            status = subprocess.run([*command, *(QUICK[script] if options.quick else [])], check=False).returncode
            found[script] = json.loads(out.read_text()) if out.exists() else {"error": f"exit status {status}"}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    broken = [script for script, document in found.items() if "error" in document]
    missed = [claim for document in found.values() for claim in document.get("claims", ()) if not claim["met"]]
    print(f"\n{len(missed)} claims not met, {len(broken)} scripts failed; all figures are in {options.out}")
    for claim in missed:
        print(claim["line"])
    return int(bool(missed or broken))


if __name__ == "__main__":
    sys.exit(main())

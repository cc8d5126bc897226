"""How fast is a whole array written? Everyone in turns, over every layout, with equal durability.

python benchmarks/write.py --layouts c128-raw --rounds 9
"""

from __future__ import annotations

import shutil
import sys
from typing import Any

import claims
import report
import writers
from arena import Arena, summaries, table
from layouts import field_file

REFERENCE = "dzarr-write"


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run it with command line arguments; answers the JSON document."""
    options = report.arena_parser(__doc__, writers.CONTESTANTS).parse_args(arguments)
    field = field_file(options.data, options.size)
    expected = writers.expected(field)
    folder = options.data / "written"
    figures: dict[str, dict[str, Any]] = {}
    verdicts: list[claims.Claim] = []
    for layout in options.layouts:
        job = {"field": str(field), "layout": layout, "folder": str(folder)}
        folder.mkdir(parents=True, exist_ok=True)
        names = [name for name in writers.names(layout) if name in options.contestants]
        with Arena("writers", names, rounds=options.rounds, slow=options.slow) as arena:
            found = summaries(arena.compete(job, names, expected), REFERENCE)
        shutil.rmtree(folder)
        figures[layout] = {"write": found}
        print(f"\n{table(f'{layout} write', found, REFERENCE)}", flush=True)
        verdicts += claims.of_writing(layout, figures[layout])
    return report.publish("write", options, figures, verdicts)


if __name__ == "__main__":
    main(sys.argv[1:])

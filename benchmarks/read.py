"""How fast is a stored array read? Everyone in turns, over every layout: whole, planes, small random boxes, a sum.

python benchmarks/read.py --layouts s256-32-zstd1 --rounds 9
"""

from __future__ import annotations

import sys
from typing import Any

import claims
import readers
import report
from arena import Arena, summaries, table
from layouts import LAYOUTS, array_folder, field_file

REFERENCE = "dzarr-read"


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run it with command line arguments; answers the JSON document."""
    parser = report.arena_parser(__doc__, readers.CONTESTANTS)
    parser.add_argument("--operations", nargs="+", default=list(readers.OPERATIONS), choices=readers.OPERATIONS)
    options = parser.parse_args(arguments)
    field = field_file(options.data, options.size)
    figures: dict[str, dict[str, Any]] = {}
    verdicts: list[claims.Claim] = []
    digests: dict[str, int] = {}
    for layout in options.layouts:
        path = array_folder(options.data, LAYOUTS[layout], options.size)
        figures[layout] = {}
        with Arena("readers", options.contestants, rounds=options.rounds, slow=options.slow) as arena:
            for operation in options.operations:
                job = {"path": str(path), "layout": layout, "operation": operation, "size": options.size}
                if operation not in digests:
                    digests[operation] = readers.expected(field, job)
                names = [name for name in readers.names(operation, layout) if name in options.contestants]
                found = summaries(arena.compete(job, names, digests[operation]), REFERENCE)
                figures[layout][operation] = found
                print(f"\n{table(f'{layout} {operation}', found, REFERENCE)}", flush=True)
        verdicts += claims.of_reading(layout, figures[layout])
    return report.publish("read", options, figures, verdicts)


if __name__ == "__main__":
    main(sys.argv[1:])

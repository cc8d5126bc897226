"""Writes every made case into a folder of its own, beside an index of what each must turn out to be.

    python tests/made/make.py FOLDER

``index.json`` names each case with its folder, what of it to open, who says what its bytes mean, and the outcome: the
error, the members of a group, or the values, which lie in ``expected/NNN.npy`` where numpy can keep them without
pickle, else stand in the index as a list.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.made import foreign, hierarchies, layouts, peers, scalars, small, strings
from tests.made.case import Case, Values

BY_HAND: list[Case] = [
    case for module in (scalars, strings, small, layouts, hierarchies, foreign) for case in module.CASES
]
CASES: list[Case] = [*BY_HAND, *peers.CASES]


def missing(case: Case) -> list[str]:
    """The packages that a case needs to be written or read, and that are not here."""
    return [package for package in case.needs if find_spec(package) is None]


def keep(folder: Path, number: int, values: Values) -> dict[str, Any]:
    if values.dtype.hasobject:
        listed = [element.hex() if isinstance(element, bytes) else element for element in values.ravel().tolist()]
        return {"values": listed, "shape": list(values.shape)}
    (folder / "expected").mkdir(exist_ok=True)
    np.save(folder / "expected" / f"{number:03}.npy", values, allow_pickle=False)
    return {"npy": f"expected/{number:03}.npy"}


def outcome(folder: Path, number: int, case: Case) -> dict[str, Any]:
    if case.error is not None:
        return {"error": case.error, "word": case.word}
    if case.values is None:
        return {"members": list(case.members or ())}
    return {"dtype": case.dtype or str(case.values.dtype), **keep(folder, number, case.values)}


def make(folder: Path) -> Iterator[dict[str, Any]]:
    """Write all cases; yields their entries in the index."""
    for number, case in enumerate(CASES):
        if missing(case):
            continue
        place = folder / f"{number:03}"
        place.mkdir(parents=True)
        case.write(place)
        opened = {"location": case.location, "scheme": case.scheme, "path": case.path, "zarr_format": case.zarr_format}
        yield {"name": case.name, "folder": place.name, "source": case.source, **opened} | outcome(folder, number, case)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    entries = list(make(folder))
    (folder / "index.json").write_text(json.dumps(entries, indent=1))
    sys.stdout.write(f"{len(entries)} cases in {folder}\n")


if __name__ == "__main__":
    main()

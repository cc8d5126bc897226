"""The feature table: every row run in every implementation that is there, and what was seen, as Markdown.

    python -m tests.features.table            write docs/features.md
    python -m tests.features.table --print    print what would be written

Whoever is not installed gets no column, so that the table is to be made where all four are.

Everyone writes an array into a fresh folder that has the document alone. What the first one that could has written,
everyone reads; what each has written is read by another one that could read before, or by itself where there is none.
"""

from __future__ import annotations

import platform
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from tests.features.catalogue import FOUR, rows
from tests.features.engines import ENGINES, Refused
from tests.features.feature import Feature, Hierarchy, Place, Row, plain

TARGET = Path(__file__).parents[2] / "docs" / "features.md"
LONGEST = 140
_SHORTER = (
    (r" \[(source locations|tensorstore_spec).*", ""),
    (r"^[A-Z_]+: ", ""),
    (r'Error opening "\w+" driver: ', ""),
    (r'Error reading local file "[^"]*": ', ""),
    (r"Error parsing (object member|value at position \d+:?) ?", ""),
    (r'"(codecs|compressor)": "(name|id)": "\S+" is not registered', "the codec is not registered"),
    (r"An implementation for codec '\S+' is not available.*", "no implementation of the codec is available"),
    (r"Sharding codec .* is not compatible with subsequent.*", "codecs after shards are not supported"),
    (r'("(data_type|dtype)": )\S+ data type is not one of the supported data types.*', r"\1not one that it knows"),
    (r'("dtype": )Unsupported zarr dtype.*', r"\1not one that it knows"),
    (r"(No Zarr data type found) that matches .*", r"\1"),
    (r"(file://)?(/[\w.+-]+){2,}/?", "..."),
    (r"http://127\.0\.0\.1:\d+", "http://..."),
    (r"\b0x[0-9a-f]{6,}\b", "..."),
)
"""What is left out of reasons: where it was, and the same words again and again."""
WRONG = "wrong values"


@dataclass(frozen=True)
class Outcome:
    """What one implementation did with one row: "" where it went well, else why not."""

    read: str
    write: str = ""

    @property
    def word(self) -> str:
        """The verdict in one or two words."""
        if WRONG in (self.read, self.write):
            return WRONG
        return {(True, True): "yes", (True, False): "reads", (False, True): "writes", (False, False): "no"}[
            not self.read, not self.write
        ]

    @property
    def reason(self) -> str:
        """Why it is not a plain yes."""
        if self.word in ("yes", WRONG):
            return ""
        return self.read or self.write


def attempt(call: Callable[[], Any], wanted: Any = None) -> str:
    """Call, and return "" where it gives what is wanted, else why not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            got = call()
        if wanted is not None and not equal(got, wanted):
            return WRONG
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  # a panic in Rust is no Exception, and an answer all the same
        return reason_of(error)
    return ""


def equal(got: Any, wanted: Any) -> bool:
    """Return whether the values are the same, in whatever dtype a library holds them."""
    raw = wanted.dtype.type is np.void and wanted.dtype.names is None
    return bool(plain(got, raw) == plain(wanted, raw))


def reason_of(error: BaseException) -> str:
    """Return what an error says, in one short line without paths."""
    if isinstance(error, Refused):
        return str(error)
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    text = " ".join(text.split())
    for pattern, instead in _SHORTER:
        text = re.sub(pattern, instead, text)
    if isinstance(error, (ImportError, KeyError)) and " " not in text:
        text = f"{type(error).__name__}: {text}"
    text = text.replace("<", "&lt;")
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def run(row: Row, engines: Sequence[Any], folder: Path) -> dict[str, Outcome]:
    """Return the outcome of one row for each implementation, by its name."""
    folder.mkdir(parents=True)
    if isinstance(row, Feature):
        return _run_feature(row, engines, folder)
    if isinstance(row, Place):
        place = row.make(folder)
        return {engine.name: _once(partial(engine.store, row.kind, place), FOUR) for engine in engines}
    row.make(folder / "h")
    return {engine.name: _once(partial(_members, engine, row, folder / "h"), None) for engine in engines}


def _once(call: Callable[[], Any], wanted: Any) -> Outcome:
    reason = attempt(call, wanted)
    return Outcome(reason, reason)


def _members(engine: Any, row: Hierarchy, folder: Path) -> None:
    found = engine.members(folder, row.zarr_format, row.consolidated)
    if sorted(found) != sorted(row.members):
        raise Refused(f"it finds {', '.join(sorted(found)) or 'no member'} instead of {', '.join(row.members)}")
    for values in found.values():
        if plain(values) != plain(FOUR):
            raise Refused(WRONG)


def _run_feature(row: Feature, engines: Sequence[Any], folder: Path) -> dict[str, Outcome]:
    written: dict[str, str] = {}
    form = row.zarr_format
    for engine in engines:
        row.put_documents(folder / engine.name)
        written[engine.name] = attempt(partial(engine.write, folder / engine.name, form, row.values))
    maker = next((engine.name for engine in engines if not written[engine.name]), None)
    if maker is None:  # there is nothing to read
        return {name: Outcome(reason, reason) for name, reason in written.items()}
    read = {engine.name: attempt(partial(engine.read, folder / maker, form), row.values) for engine in engines}
    readers = [engine for engine in engines if not read[engine.name]]
    for engine in engines:
        # Whoever reads what he wrote himself shows little.
        judge = next((reader for reader in readers if reader is not engine), engine)
        if not written[engine.name] and not read[judge.name]:
            written[engine.name] = attempt(partial(judge.read, folder / engine.name, form), row.values)
    return {engine.name: Outcome(read[engine.name], written[engine.name]) for engine in engines}


def run_all(engines: Sequence[Any]) -> list[tuple[Row, dict[str, Outcome]]]:
    """Run every row."""
    with tempfile.TemporaryDirectory() as folder:
        return [(row, run(row, engines, Path(folder) / str(k))) for k, row in enumerate(rows())]


def render(found: Sequence[tuple[Row, dict[str, Outcome]]], engines: Sequence[Any]) -> str:
    """Return the table as Markdown."""
    lines = [*_head(engines)]
    for section, part in groupby(found, key=lambda item: item[0].section):
        lines += ["", f"## {section}", ""]
        lines += _section(list(part), engines)
    return "\n".join(lines) + "\n"


def _head(engines: Sequence[Any]) -> list[str]:
    seen = ", ".join(f"{engine.name} {engine.version}" for engine in engines)
    return [
        "# Features",
        "",
        "What dzarr and its peers do with every feature of the Zarr formats. Made by `python -m tests.features.table`,",
        "which runs each row in each of them on small arrays and writes down what was seen. For arrays, `yes` is that",
        "it reads what another one wrote, and that another one reads what it writes (itself, where nobody else can);",
        "`reads` and `writes` that only that went well.",
        "",
        f"Seen with {seen}, Python {platform.python_version()}.",
        "zarrs is used through zarr-python, as its strict codec pipeline: what documents may say is for zarr-python.",
    ]


def _section(part: list[tuple[Row, dict[str, Outcome]]], engines: Sequence[Any]) -> list[str]:
    lines = [f"| | {' | '.join(engine.name for engine in engines)} |", "|---" * (len(engines) + 1) + "|"]
    notes: list[str] = []
    for row, outcomes in part:
        cells = [_cell(outcomes[engine.name], notes) for engine in engines]
        name = row.name.replace("|", "\\|")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines + [""] * bool(notes) + [f"{k}. {note}" for k, note in enumerate(notes, 1)]


def _cell(outcome: Outcome, notes: list[str]) -> str:
    if not outcome.reason:
        return outcome.word
    if outcome.reason not in notes:
        notes.append(outcome.reason)
    return f"{outcome.word} ({notes.index(outcome.reason) + 1})"


def parse(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """Return the words of a table by (section, row) and implementation; numbers of notes are left out."""
    section, names, cells = "", [""], {}
    for line in text.splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| | "):
            names = [name.strip() for name in line.strip("|").split("|")][1:]
        elif line.startswith("| "):
            row, *words = (part.strip() for part in re.split(r"(?<!\\)\|", line.strip("|")))
            cells[section, row.replace("\\|", "|")] = {
                name: re.sub(r" \(\d+\)$", "", word) for name, word in zip(names, words, strict=True)
            }
    return cells


def main(arguments: Sequence[str]) -> None:
    """Make the table."""
    engines = [engine for engine in ENGINES if engine.there]
    text = render(run_all(engines), engines)
    if "--print" in arguments:
        sys.stdout.write(text)
    else:
        TARGET.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])

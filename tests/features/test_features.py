"""The feature table in the docs is true: every row is there, and all that are installed do now what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.features.catalogue import rows
from tests.features.engines import ENGINES
from tests.features.feature import Row
from tests.features.table import TARGET, Outcome, parse, render, run


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Row, dict[str, Outcome]]]:
    """Run every row in all that is installed."""
    engines = [engine for engine in ENGINES if engine.there]
    folder: Path = tmp_path_factory.mktemp("features")
    return [(row, run(row, engines, folder / str(k))) for k, row in enumerate(rows())]


@pytest.fixture(scope="module")
def told() -> dict[tuple[str, str], dict[str, str]]:
    """Return what the docs say."""
    return parse(TARGET.read_text())


def test_every_row_is_there_once(told: dict[tuple[str, str], dict[str, str]]) -> None:
    names = [(row.section, row.name) for row in rows()]
    assert len(set(names)) == len(names)
    assert list(told) == names


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.name))
def test_what_the_table_says_is_what_is_seen(
    engine: Any, seen: list[tuple[Row, dict[str, Outcome]]], told: dict[tuple[str, str], dict[str, str]]
) -> None:
    if not engine.there:
        pytest.skip(f"{engine.name} is not installed")
    stated = re.search(rf"{engine.name} ([\w.]+),", TARGET.read_text())
    if engine.name != "dzarr" and (stated is None or stated[1] != engine.version):
        pytest.skip(f"the table was made with another {engine.name} than {engine.version}")
    now = {(row.section, row.name): outcomes[engine.name].word for row, outcomes in seen}
    assert now == {row: cells[engine.name] for row, cells in told.items()}


def test_dzarr_reads_what_anybody_reads(seen: list[tuple[Row, dict[str, Outcome]]]) -> None:
    behind = [
        row.name
        for row, outcomes in seen
        if outcomes["dzarr"].word != "yes" and any(outcome.word == "yes" for outcome in outcomes.values())
    ]
    assert behind == []


def test_the_table_reads_back(seen: list[tuple[Row, dict[str, Outcome]]]) -> None:
    engines = [engine for engine in ENGINES if engine.there]
    words = {
        (row.section, row.name): {engine.name: outcomes[engine.name].word for engine in engines}
        for row, outcomes in seen
    }
    assert parse(render(seen, engines)) == words

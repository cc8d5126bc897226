"""What every test may ask for: the conformance corpus, clusters, and a folder of its own for each docstring."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from distributed import Client

ROOT = Path(__file__).resolve().parent.parent

# Disks and loaded machines make single examples slow now and then: time is bounded by pytest-timeout instead.
hypothesis.settings.register_profile("desk", deadline=None, print_blob=True)
hypothesis.settings.register_profile("soak", deadline=None, print_blob=True, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "desk"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of the conformance corpus; a test that asks for it is skipped where it is absent."""
    folder = Path(os.environ.get("DZARR_CORPUS", ROOT.parent / "shared" / "conformance"))
    if not (folder / "index.json").exists():
        pytest.skip(f"no conformance corpus in {folder}; say where it is with DZARR_CORPUS")
    return folder


@pytest.fixture(scope="session")
def process_cluster() -> Iterator[Client]:
    """Two worker processes, started once for all tests that need a real cluster."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def client(process_cluster: Client) -> Iterator[Client]:
    """Yield the cluster of processes as the scheduler of this one test."""
    with process_cluster.as_current():
        yield process_cluster

"""What dzarr claims about its speed, checked against the figures.

Knows: the limits, and which contestants a claim compares. Must not know: how anything was measured.

"At least as fast" is a ratio of medians of at most 1.05, or 1.10 where a median is under 50 ms. A claim whose figures
are missing is listed as not measured and counts as not met; a rival that failed is named in the claim it is missing
from, and so is a comparison of too few runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

RIVALS = ("tensorstore", "tensorstore-cached", "tensorstore-transaction", "zarrs", "zarr-python", "zarr-fused")
ENOUGH_RUNS = 9
Summaries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Claim:
    """One comparison: `ours` over `theirs` (seconds, or whatever `unit` says) must not be above `limit`.

    None stands for a figure that could not be measured; `note` says why, or what else a reader should know.
    """

    what: str
    where: str
    ours: float | None
    theirs: float | None
    limit: float
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over theirs."""
        return None if self.ours is None or self.theirs is None else self.ours / self.theirs

    @property
    def met(self) -> bool:
        """Whether the limit holds; False where there is nothing to compare."""
        return self.ratio is not None and self.ratio <= self.limit

    def line(self) -> str:
        """The claim as one line of text."""
        note = f" ({self.note})" if self.note else ""
        if self.ratio is None:
            return f"{'NOT MEASURED':<23}{self.where:<26}{self.what}{note}"
        verdict = "met" if self.met else "NOT MET"
        measured = f"{self.ours:.4g} {self.unit} against {self.theirs:.4g} {self.unit}"
        return f"{verdict:<8}{self.ratio:6.2f} <= {self.limit:<5.2f}{self.where:<26}{self.what}: {measured}{note}"

    def document(self) -> dict[str, Any]:
        """The claim as JSON."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met, "line": self.line()}


def of_reading(layout: str, operations: Mapping[str, Summaries]) -> Iterator[Claim]:
    """The claims about reading one layout, as far as their contestants took part."""
    for operation, found in operations.items():
        where = f"{layout} {operation}"
        if operation != "sum":
            yield from against_the_fastest("dzarr-read", found, where, RIVALS)
        if operation == "whole":
            yield from pair(found, where, "dzarr-read", "bare", 1.15)
            yield from pair(found, where, "dzarr-compute", "dzarr-read", 1.05)
            if layout.startswith("s256-32-"):
                yield from pair(found, where, "dzarr-compute", "dask", 0.10)
        if operation == "sum":
            yield from pair(found, where, "dzarr-dask", "dzarr-read", 1.30)


def of_writing(layout: str, operations: Mapping[str, Summaries]) -> Iterator[Claim]:
    """The claims about writing one layout."""
    for operation, found in operations.items():
        yield from against_the_fastest("dzarr-write", found, f"{layout} {operation}", (*RIVALS, "dask"))


def against_the_fastest(ours: str, found: Summaries, where: str, rivals: Iterable[str]) -> Iterator[Claim]:
    """Ours against the rival with the smallest median."""
    present = [name for name in rivals if name in found]
    if ours not in found or not present:
        return
    medians = {name: found[name]["median"] for name in present if "median" in found[name]}
    fastest = min(medians, key=lambda name: medians[name]) if medians else present[0]
    limit = 1.10 if min(_median(found, ours) or 1, _median(found, fastest) or 1) < 0.05 else 1.05
    yield _claim(found, where, f"{ours} as fast as {fastest}", ours, fastest, limit, failed=set(present) - set(medians))


def pair(found: Summaries, where: str, ours: str, theirs: str, limit: float) -> Iterator[Claim]:
    """Ours against one other contestant."""
    if ours in found and theirs in found:
        yield _claim(found, where, f"{ours} within {limit:.2f} of {theirs}", ours, theirs, limit, failed=set())


def _claim(found: Summaries, where: str, what: str, ours: str, theirs: str, limit: float, *, failed: set[str]) -> Claim:
    notes = [f"{name}: {found[name]['error']}" for name in (ours, theirs) if "error" in found[name]]
    notes += [f"without {name}, which failed" for name in sorted(failed - {theirs})]
    runs = min(found[name].get("runs", ENOUGH_RUNS) for name in (ours, theirs))
    if runs < ENOUGH_RUNS:
        notes.append(f"only {runs} runs")
    return Claim(what, where, _median(found, ours), _median(found, theirs), limit, note="; ".join(notes))


def _median(found: Summaries, name: str) -> float | None:
    return found[name].get("median")

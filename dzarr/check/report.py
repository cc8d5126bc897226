"""Reports: what was found, as text for people and as JSON for programs.

Knows: wording, grouping, order, the JSON schema. Must not know: how anything is found.

The JSON has these members and keeps them; more may be added, and then `SCHEMA` stays as it is:

    schema, dzarr, store, path, deep, seconds
    looked_at   {arrays, groups, objects, chunks, missing, bytes}
    counts      {error, warning, note}, those that are left out included
    findings    [{severity, code, node, key, chunk, what, fix}], by node, errors first
    left_out    how many findings were counted and not kept
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import dzarr
from dzarr.check.findings import CODES, Finding, Findings, Severity, Tally
from dzarr.display.words import counted, plain, size_words

SCHEMA = 1

_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, repr=False)
class Report:
    """What a check found.

    Attributes
    ----------
    store, path : str
        Where.
    deep : bool
        Whether chunks were decoded.
    findings : tuple of Finding
        By node, the worst first; of very many alike, the first thousand.
    counts : dict
        How many findings there were of each severity, left-out ones included.
    tally : Tally
        What was looked at.
    seconds : float
    """

    store: str
    path: str
    deep: bool
    findings: tuple[Finding, ...]
    counts: dict[Severity, int]
    tally: Tally
    seconds: float

    @property
    def damaged(self) -> bool:
        """Whether there is any error."""
        return self.counts["error"] > 0

    @property
    def left_out(self) -> int:
        """How many findings were counted and not kept."""
        return sum(self.counts.values()) - len(self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain data; see the schema at the top of this module's source.

        Examples
        --------
        >>> found = Finding("stray", "", "notes.txt", "a file that is nothing that Zarr knows")
        >>> report = Report("memory://r", "", True, (found,), {"error": 0, "warning": 1, "note": 0}, Tally(), 0.5)
        >>> report.as_json()["findings"][0]["code"]
        'stray'
        """
        tally = self.tally
        return {
            "schema": SCHEMA,
            "dzarr": dzarr.__version__,
            "store": self.store,
            "path": self.path,
            "deep": self.deep,
            "seconds": round(self.seconds, 6),
            "looked_at": {
                "arrays": tally.arrays,
                "groups": tally.groups,
                "objects": tally.objects,
                "chunks": tally.chunks,
                "missing": tally.missing,
                "bytes": tally.nbytes,
            },
            "counts": {severity: self.counts[severity] for severity in _SEVERITIES},
            "findings": [_finding_json(finding) for finding in self.findings],
            "left_out": self.left_out,
        }

    def __repr__(self) -> str:
        return "\n".join(_lines(self))


def report_of(store: str, path: str, deep: bool, findings: Findings, seconds: float) -> Report:
    """Return the report of what was gathered."""
    counts: dict[Severity, int] = dict.fromkeys(_SEVERITIES, 0)
    for code, number in findings.counts.items():
        counts[CODES[code]] += number
    kept = tuple(sorted(findings.kept, key=_order))
    return Report(store, path, deep, kept, counts, findings.tally, seconds)


def _order(finding: Finding) -> tuple[Any, ...]:
    severity = _SEVERITIES.index(finding.severity)
    return finding.node, severity, finding.code, finding.key, finding.chunk or (), finding.what


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "code": finding.code,
        "node": finding.node,
        "key": finding.key,
        "chunk": None if finding.chunk is None else list(finding.chunk),
        "what": finding.what,
        "fix": finding.fix,
    }


def _lines(report: Report) -> Iterator[str]:
    tally = report.tally
    yield f"{plain(report.store)}{'/' + plain(report.path) if report.path else ''}"
    looked = [counted(tally.arrays, "array"), counted(tally.groups, "group"), counted(tally.objects, "object")]
    looked += [counted(tally.chunks, "chunk") + " decoded"] if report.deep else ["chunks not decoded"]
    yield f"  {', '.join(looked)}, {size_words(tally.nbytes)} read in {report.seconds:.1f} s"
    for node, findings in groupby(report.findings, key=lambda finding: finding.node):
        yield ""
        yield plain(node) or "/"
        for finding in findings:
            yield from _finding_lines(finding, node)
    yield ""
    if report.left_out:
        yield f"{report.left_out:,} more, of kinds that are told above"
    counts = [counted(report.counts[severity], severity) for severity in _SEVERITIES]
    yield ", ".join(counts) if report.findings else "nothing found"


def _finding_lines(finding: Finding, node: str) -> Iterator[str]:
    key = finding.key[len(node) + 1 :] if node and finding.key.startswith(f"{node}/") else finding.key
    chunk = "" if finding.chunk is None else f" chunk {finding.chunk}"
    where = "" if key in (node, "/") else f" {plain(key)}"
    yield f"  {finding.severity:<7}  {finding.code}:{where}{chunk}"
    yield f"           {plain(finding.what, 400)}"
    if finding.fix:
        yield f"           fix: {plain(finding.fix, 400)}"

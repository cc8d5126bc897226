"""Looking a hierarchy through: is what is stored what the documents promise?

    url -> walk over folders -> documents, records, leftovers          walk.py, nodes.py, records.py, remains.py
                             -> an array's keys -> objects             keys.py
                                    -> index, chunks, decoded          objects.py, by several threads
                             -> findings -> report: text, JSON         findings.py, report.py

Nothing is ever written. Memory is bounded by an object's index, the chunks that the threads decode at this moment,
and a number of findings; of what goes beyond it the report has the count.
"""

from __future__ import annotations

from dzarr.check.findings import CODES, Finding, Severity, Tally
from dzarr.check.report import Report
from dzarr.check.run import check

__all__ = ["CODES", "Finding", "Report", "Severity", "Tally", "check"]

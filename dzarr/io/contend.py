"""Patience: how often a compare-and-swap is tried again when somebody else was faster.

Knows: time and chance. Must not know: what is being changed. Rivals that pause for the same time meet
again, so the pauses differ; they grow, so that many rivals get out of each other's way. Nobody is beaten
without somebody else getting on: who loses again and again against the same version isn't beaten by a
rival, and gives up (a folder stands where the object should be; a store contradicts itself).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import count

LEAST = 5
_LONGEST = 0.05  # seconds of one pause


class Tries:
    """The tries of one change: for `seconds`, and at least five, with pauses in between.

    Examples
    --------
    >>> tries = Tries(60)
    >>> for _ in tries:
    ...     tries.lost("the same version")
    >>> tries.made
    6
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.made = 0
        self._version: object = self
        self._same = 0

    def __iter__(self) -> Iterator[None]:
        end = time.monotonic() + self.seconds
        for self.made in count(1):
            yield
            if self._same >= LEAST or (self.made >= LEAST and time.monotonic() >= end):
                return
            time.sleep(random.uniform(0, min(_LONGEST, 0.0005 * 2 ** min(self.made, 10))))

    def lost(self, version: object) -> None:
        """Note that the object did not have `version` any more, as somebody else says."""
        self._same = self._same + 1 if version == self._version else 0
        self._version = version

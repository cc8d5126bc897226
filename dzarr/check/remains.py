"""What writers leave behind: temporaries and claims, of the dead and of those who are still at it.

Knows: the files of dzarr's own. Must not know: documents or objects.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from dzarr.check.findings import Findings
from dzarr.io.leftovers import is_gone
from dzarr.io.local import LocalStore
from dzarr.io.paths import OWN
from dzarr.io.store import Store, key_in


def check_remains(store: Store, path: str, findings: Findings) -> bool:
    """Note temporaries and a claim in the folder of a node; return whether there is a claim."""
    if isinstance(store, LocalStore):
        for key, dead in store.leftovers(path):
            if dead:
                what = "a temporary of a writer that is no more"
                findings.add("leftover", path, key, what, fix="delete it")
            else:
                what = "a temporary, of somebody who may be writing at this moment"
                findings.add("being-written", path, key, what)
    return _check_claim(store, path, findings)


def _check_claim(store: Store, path: str, findings: Findings) -> bool:
    key = key_in(path, f"{OWN}/claim")
    answer = store.get(key)
    if answer is None:
        return False
    claim: Any
    try:
        claim = json.loads(bytes(answer[0]))
    except (ValueError, RecursionError):
        claim = None
    fix = "store the array again, with overwrite=True; or delete the claim"
    if not isinstance(claim, dict) or not isinstance(claim.get("state"), str):
        findings.add("claim-dead", path, key, "a claim that can't be read", fix=fix)
        return True
    owner = f"process {claim.get('pid')} on {claim.get('host')} since {claim.get('since')}"
    if claim["state"] == "abandoned":
        findings.add("claim-dead", path, key, f"the claim of a run that failed: {owner}", fix=fix)
    elif claim.get("host") == socket.gethostname() and is_gone(claim.get("pid")):
        findings.add("claim-dead", path, key, f"the claim of a run that is no more: {owner}", fix=fix)
    else:
        findings.add("being-written", path, key, f"an array that is being written: by {owner}")
    return True

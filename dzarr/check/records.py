"""Consolidated records, held against the members that they copy.

Knows: both forms of a record, and what makes an entry lie. Must not know: stores; the walk brings each member by.

    entry and member say the same    nothing
    their attributes differ          record-attributes
    anything else differs            record-stale: who believes the record reads the member wrongly
    an entry, and no such member     record-stale: who believes the record reads fill values
    a member, and no entry           record-incomplete
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from dzarr.check.findings import Findings
from dzarr.check.nodes import NAMES, Found
from dzarr.errors import DzarrError
from dzarr.format import v2, v3
from dzarr.format.metadata import JSON
from dzarr.format.records import alone
from dzarr.io.store import key_in

_V2 = (".zarray", ".zgroup", ".zattrs")
_FIX = "consolidate the group again"


@dataclass
class Record:
    """A record; entries are taken out of it as their members come by.

    Parameters
    ----------
    group : str
        The path of the group that holds it.
    key : str
        The key of the document that holds it.
    form : int
        2 or 3.
    entries : mapping
        As the record has them: by path (v3), by key (v2), seen from the group.
    """

    group: str
    key: str
    form: int
    entries: Mapping[str, JSON]
    left: dict[str, JSON] = field(init=False)

    def __post_init__(self) -> None:
        self.left = dict(self.entries)

    def paths(self) -> Iterator[str]:
        """Yield the paths, in the store, of the members that it names."""
        for entry in self.entries:
            if self.form == 3:
                inner = entry
            elif entry.rpartition("/")[2] in (".zarray", ".zgroup"):
                inner = entry.rpartition("/")[0]
            else:
                continue
            if inner:
                yield f"{self.group}/{inner}" if self.group else inner

    def meet(self, found: Found, findings: Findings) -> None:
        """Compare with what lies at one path, at the record's group or below it."""
        if found.path != self.group and self.group and not found.path.startswith(f"{self.group}/"):
            return
        inner = found.path[len(self.group) :].lstrip("/")
        if self.form == 2:
            for name in _V2:
                self._meet(found, name, key_in(inner, name), _same_v2(name), findings)
        elif inner:
            self._meet(found, "zarr.json", inner, _same_v3, findings)

    def _meet(self, found: Found, name: str, entry: str, same: Compare, findings: Findings) -> None:
        if name not in found.names:
            return
        if entry not in self.left:
            if found.key(name) != self.key and name != ".zattrs":
                what = f"the consolidated record has no entry for {found.path or 'its own group'!r}"
                findings.add("record-incomplete", self.group, self.key, what, fix=_FIX)
            elif name == ".zattrs" and found.documents.get(name) != {}:
                what = f"the consolidated record has no attributes for {found.path or '/'!r}, which has some"
                findings.add("record-attributes", self.group, self.key, what, fix=_FIX)
            return
        copy = self.left.pop(entry)
        if name not in found.documents:
            return  # it can't be read: told already
        outcome = same(copy, found.documents[name])
        if outcome == "attributes":
            what = f"the consolidated record has other attributes for {found.path or '/'!r} than it has itself"
            findings.add("record-attributes", self.group, self.key, what, fix=_FIX)
        elif outcome:
            what = f"the consolidated record says of {found.path or '/'!r} what its own document does not: {outcome}"
            findings.add("record-stale", self.group, self.key, what, fix=_FIX)

    def close(self, findings: Findings) -> None:
        """Note the entries that no member came by for."""
        for entry in self.left:
            name = entry.rpartition("/")[2]
            if self.form == 2 and name not in NAMES:
                what = f"the consolidated record has an entry {entry!r} that is no document"
            elif self.form == 2 and name == ".zattrs":
                if self.left[entry] == {}:
                    continue  # as good as none
                what = f"the consolidated record has attributes {entry!r} that are not there"
                findings.add("record-attributes", self.group, self.key, what, fix=_FIX)
                continue
            else:
                what = f"the consolidated record has an entry {entry!r}, and there is no such member"
            findings.add("record-stale", self.group, self.key, what, fix=_FIX)


Compare = Callable[[JSON, JSON], str]
"""Returns "" where entry and document mean the same, "attributes", or the members that differ."""


def _same_v2(name: str) -> Compare:
    def compare(entry: JSON, document: JSON) -> str:
        if not isinstance(entry, Mapping):
            return "it is no document"
        if name == ".zgroup":
            entry = alone(entry)  # zarr-python puts an empty record there
        if _text(entry) == _text(document):
            return ""
        if name == ".zattrs":
            return "attributes"
        parse = v2.parse_array if name == ".zarray" else v2.parse_group
        return _differences(entry, document, lambda one: parse(one, None))

    return compare


def _same_v3(entry: JSON, document: JSON) -> str:
    if not isinstance(entry, Mapping):
        return "it is no document"
    entry, document = alone(entry), alone(document)
    if _text(entry) == _text(document):
        return ""
    attributes = entry.get("attributes") or {}, document.get("attributes") or {}
    bare = {**entry, "attributes": {}}, {**document, "attributes": {}}
    different = _differences(*bare, v3.parse) if _text(bare[0]) != _text(bare[1]) else ""
    return different or ("attributes" if _text(attributes[0]) != _text(attributes[1]) else "")


def _differences(entry: Mapping[str, JSON], document: Mapping[str, JSON], parse: Callable[[JSON], object]) -> str:
    """Return the names of members that differ, "" where the two mean the same although they are spelled differently."""
    try:
        if parse(entry) == parse(document):
            return ""
    except DzarrError:
        pass
    names = [name for name in {**entry, **document} if _text(entry.get(name)) != _text(document.get(name))]
    return ", ".join(names)


def _text(value: JSON) -> str:
    # NaN equals NaN in text.
    return json.dumps(value, sort_keys=True)

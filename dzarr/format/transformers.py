"""Storage transformers of a v3 document: none is known, and some may be passed over.

Knows: which of them a reader may ignore. Must not know: stores. Source: Zarr v3 core, "Storage transformers" and
"must_understand"; none is registered.
"""

from __future__ import annotations

from dzarr.errors import UnsupportedError
from dzarr.format.members import extension, listed
from dzarr.format.metadata import JSON


def parse_transformers(value: JSON) -> dict[str, JSON]:
    """Return what the model keeps of ``storage_transformers``: those that may be ignored, for writing them back.

    Raises MetadataError for what is no list of extensions, UnsupportedError by name for one that must be understood.

    Examples
    --------
    >>> parse_transformers([]), parse_transformers([{"name": "mirror", "must_understand": False}])
    ({}, {'storage_transformers': [{'name': 'mirror', 'must_understand': False}]})
    """
    items = listed([] if value is None else value, "storage_transformers")
    for k, item in enumerate(items):
        found = extension(item, f"storage_transformers[{k}]", ignorable=True)
        if found.must_understand:
            raise UnsupportedError(
                f"storage transformer {found.name!r} is not supported",
                expected="no storage transformers, or such as may be ignored (must_understand false)",
            )
    return {"storage_transformers": list(items)} if items else {}

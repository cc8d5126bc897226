"""The canonical document: the least that rebuilds an array's model, as bytes.

It is what rides in Dask tasks and what digests are made of. Knows: that there are two versions. Must not know: what
either says. Attributes and ignorable members are left out: they change nothing that is read or written, and would
make the bytes large and different from day to day.
"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from dzarr.format import v2, v3
from dzarr.format.attributes import plain
from dzarr.format.documents import loads
from dzarr.format.metadata import JSON, ArrayMetadata


def canonical(metadata: ArrayMetadata) -> bytes:
    """Return the same bytes for every model that reads and writes the same, under 2 kB for regular grids.

    Raises MetadataError where the model can't be said in its own version.
    """
    bare = replace(metadata, attributes={}, dimension_names=None, extra={})
    document = v3.array_document(bare) if metadata.zarr_format == 3 else v2.array_documents(bare)[".zarray"]
    document.pop("attributes", None)
    if metadata.dimension_names is not None:
        # In v2 too, where the document proper has them among the attributes.
        document["dimension_names"] = list(metadata.dimension_names)
    # Nearly all of it is plain already: every open comes this way.
    return json.dumps(document, default=_plain, sort_keys=True, separators=(",", ":")).encode("ascii")


def _plain(value: Any) -> JSON:
    return plain(value, nan=True)


def from_canonical(document: bytes) -> ArrayMetadata:
    """Return the model without attributes and extra members that `document` was made of."""
    members = loads(document, "canonical document")
    names = members.pop("dimension_names", None)
    metadata = v3.parse_array(members) if members.get("zarr_format") == 3 else v2.parse_array(members)
    return metadata if names is None else replace(metadata, dimension_names=tuple(names))


def digest(document: bytes) -> str:
    """Return 128 bits that name a canonical document, as 32 hexadecimal digits.

    Examples
    --------
    >>> digest(b"{}")
    '2afb9b83f9314e5d029766197f539792'
    """
    return blake2b(document, digest_size=16).hexdigest()

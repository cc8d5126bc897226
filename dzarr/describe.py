"""From what a handle holds to the plain facts that are shown.

Knows: layouts, documents and listings. Must not know: how facts are drawn, or handles.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from dzarr.display import ArrayFacts, StorageFacts
from dzarr.format.grid import cell_shape, counts
from dzarr.format.metadata import ArrayMetadata, Extension
from dzarr.format.selection import Selection
from dzarr.io.source import Source


def array_facts(source: Source, selection: Selection, metadata: ArrayMetadata, writable: bool) -> ArrayFacts:
    """Return the facts of a view; its document alone is asked."""
    layout = source.layout
    names = metadata.dimension_names
    shape = selection.shape
    return ArrayFacts(
        name=source.path,
        place=source.store.token,
        shape=shape,
        dtype=str(layout.dtype),
        chunks=layout.chunk_shape or cell_shape(layout.grid),
        shards=cell_shape(layout.grid) if layout.is_sharded else None,
        stored_shape=metadata.shape,
        codecs=tuple(map(codec_text, chunk_codecs(metadata.codecs))),
        fill_value=_fill_text(metadata.fill_value),
        dimension_names=None
        if names is None
        else tuple(names[dim.ref] if dim.kind == "axis" else None for dim in selection.dims),
        zarr_format=metadata.zarr_format,
        nbytes=None if layout.dtype.hasobject else prod(shape) * layout.dtype.itemsize,
        writable=writable,
        attributes=len(metadata.attributes),
        is_view=not selection.is_whole,
    )


def _fill_text(fill: Any) -> str:
    try:
        return str(fill)
    except ValueError:
        return str(np.asarray(fill).view(np.int64))  # numpy has no text for a time without a unit


def chunk_codecs(codecs: tuple[Extension, ...]) -> tuple[Extension, ...]:
    """Return the codecs that chunks go through, those inside shards included, without the shards."""
    flat: list[Extension] = []
    for codec in codecs:
        if codec.name == "sharding_indexed":
            inner = tuple(
                Extension(c, {}) if isinstance(c, str) else Extension(c["name"], c.get("configuration", {}))
                for c in codec.configuration.get("codecs", ())
            )
            flat += chunk_codecs(inner)
        else:
            flat.append(codec)
    return tuple(flat)


def codec_text(codec: Extension) -> str:
    """Return a codec as people read it.

    Examples
    --------
    >>> codec_text(Extension("zstd", {"level": 1, "checksum": False})), codec_text(Extension("crc32c"))
    ('zstd(level=1)', 'crc32c')
    """
    shown = {name: value for name, value in codec.configuration.items() if value is not False and value is not None}
    words = ", ".join(f"{name}={_word(value)}" for name, value in shown.items())
    return f"{codec.name}({words})" if words else codec.name


def _word(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def storage_facts(source: Source) -> StorageFacts:
    """List an array's folder: how many objects are there, and how large they are. Costs a request an object."""
    layout = source.layout
    grid = counts(layout.grid)
    prefix = f"{source.path}/" if source.path else ""
    stored = nbytes = strangers = 0
    for key in source.store.list(source.path):
        name = key[len(prefix) :]
        coords = layout.metadata.keys.coords(name, layout.ndim)
        if coords is None:
            strangers += name not in ("zarr.json", ".zarray", ".zattrs")
        elif any(c >= n for c, n in zip(coords, grid, strict=True)):
            strangers += 1
        else:
            found = source.store.head(key)
            if found is not None:
                stored, nbytes = stored + 1, nbytes + found[0]
    expected = prod(grid)
    return StorageFacts(
        objects_stored=stored,
        objects_expected=expected,
        bytes_stored=nbytes,
        missing=expected - stored,
        leftovers=strangers,
    )

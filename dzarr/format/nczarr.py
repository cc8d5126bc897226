"""NCZarr: where netCDF-C keeps the names of an array's dimensions.

Knows: the members that NCZarr adds to Zarr's documents, in all their spellings. Must not know: Zarr's own members, or
stores. Source: the NCZarr specification, "Array Annotations"; netCDF-C 4.8 and later.

    "_nczarr_array": {"dimension_references": ["/lat", "/g1/lon"]}      an attribute, since 4.9.3
    "_NCZARR_ARRAY": {"dimrefs": ["/lat", "/g1/lon"]}                   an attribute, or a member of ``.zarray``
    {"dimrefs": ["/lat", "/g1/lon"]}                                    a document of its own, in 4.8.0: ``.nczarray``

A reference is the path of a dimension that some group declares; its last part is the name.
"""

from __future__ import annotations

from collections.abc import Mapping

from dzarr.format.metadata import JSON

DOCUMENT = ".nczarray"

_MEMBERS = ("_nczarr_array", "_NCZARR_ARRAY", "_nczarray")
_REFERENCES = ("dimension_references", "dimrefs", "dimensions")


def dimension_names(ndim: int, *places: Mapping[str, JSON]) -> tuple[str, ...] | None:
    """Return the names that the first of `places` has that has any: attributes, or a document.

    Whatever is no list of `ndim` references is passed over: it is another tool's.

    Examples
    --------
    >>> dimension_names(2, {}, {"_NCZARR_ARRAY": {"dimrefs": ["/lat", "/g1/lon"], "storage": "chunked"}})
    ('lat', 'lon')
    """
    for place in places:
        for member in _MEMBERS:
            annotation = place.get(member)
            found = _names(annotation, ndim) if isinstance(annotation, Mapping) else None
            if found is not None:
                return found
    return None


def _names(annotation: Mapping[str, JSON], ndim: int) -> tuple[str, ...] | None:
    for name in _REFERENCES:
        references = annotation.get(name)
        if isinstance(references, (list, tuple)) and len(references) == ndim:
            if all(isinstance(reference, str) for reference in references):
                return tuple(reference.rpartition("/")[2] for reference in references)
    return None

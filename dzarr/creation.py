"""From the keywords of a caller to metadata, and from what is there to what was required.

Knows: the keywords of ``dzarr.create``. Must not know: stores or documents.
"""

from __future__ import annotations

from typing import Any

from dzarr.array import Array
from dzarr.errors import DTypeError, GridError, NodeTypeError
from dzarr.format.asked import asked
from dzarr.format.define import define_array
from dzarr.format.metadata import ArrayMetadata
from dzarr.node import context_of, layout_of
from dzarr.options import Options


def array_metadata(options: Options, **create: Any) -> ArrayMetadata:
    """Return the metadata of a new array, bound once so that whatever is wrong shows before anything is written."""
    metadata = define_array(context=context_of(options), **create)
    layout_of(metadata, options)
    return metadata


def checked_array(member: Any, shape: Any, dtype: Any) -> Array:
    """Return `member` if it is an array of that shape and dtype. Raises NodeTypeError, GridError, DTypeError."""
    if not isinstance(member, Array):
        raise NodeTypeError("a group is in the array's place", key=member.path)
    wanted = (shape,) if isinstance(shape, int) else tuple(shape)
    if member.shape != wanted:
        raise GridError("the array has another shape", key=member.path, found=member.shape, expected=wanted)
    expected = asked(dtype).dtype
    if member.dtype != expected:
        raise DTypeError("the array has another dtype", key=member.path, found=member.dtype, expected=expected)
    return member


def checked_group(member: Any) -> Any:
    """Return `member` if it is a group. Raises NodeTypeError."""
    if isinstance(member, Array):
        raise NodeTypeError("an array is in the group's place", key=member.path)
    return member

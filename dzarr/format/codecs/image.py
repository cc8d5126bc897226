"""The codecs of the package ``imagecodecs``: image formats and compressors, as its module for numcodecs has them.

Knows: that they see the chunk as an image, and decode into memory that they are given. Must not know: any of them.
Their names begin with ``imagecodecs_`` in either version; what their members mean, the package says.

    chunk (1, 40, 50, 1) uint16   ->  image (40, 50)  ->  JPEG 2000      and back into an array of that shape
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from dzarr.errors import MetadataError, UnsupportedError
from dzarr.format.codecs.codec import (
    Array,
    ArrayBytes,
    Buffer,
    BytesBytes,
    ChunkSpec,
    CodecContext,
    Configuration,
    Data,
    broken,
    flat,
    unencodable,
    wrong_length,
)
from dzarr.format.members import shown

PREFIX = "imagecodecs_"


class Image(ArrayBytes):
    """One of the package's codecs, as the codec that makes bytes of an array."""

    after_bytes = True

    def __init__(self, name: str, codec: Any) -> None:
        self.name = name
        self.codec = codec
        self.on_bytes = OnBytes(name, codec)

    def bound(self, spec: ChunkSpec) -> Image:
        """Check that elements have the size that the codec is told. Raises UnsupportedError, MetadataError."""
        if spec.dtype.hasobject:
            raise UnsupportedError(f"{self.name} on elements of variable length", found=f"data type {spec.dtype}")
        itemsize = getattr(self.codec, "itemsize", spec.dtype.itemsize)
        if itemsize != spec.dtype.itemsize:
            # The package would shuffle by the array's own size, and back by this one.
            raise MetadataError(f"{self.name}: itemsize is wrong", found=itemsize, expected=spec.dtype.itemsize)
        return self

    def encode(self, array: Array) -> Data:
        """Return what the package makes of the array."""
        return _encode(self.name, self.codec, array)

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the decoded array. What the bytes say of its size must fit the chunk, before anything is decoded."""
        shape = _image_shape(spec.shape, getattr(self.codec, "squeeze", False))
        decoded = _decode(self.name, self.codec, data, np.empty(shape, spec.dtype))
        if decoded.nbytes != spec.nbytes:
            raise wrong_length(decoded.nbytes, spec.nbytes, self.name)
        return decoded.view(spec.dtype).reshape(spec.shape)


class OnBytes(BytesBytes):
    """The same codec where bytes go in."""

    def __init__(self, name: str, codec: Any) -> None:
        self.name = name
        self.codec = codec

    def encode(self, data: Data) -> Data:
        """Return the encoded bytes."""
        return _encode(self.name, self.codec, flat(data))

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the decoded bytes."""
        room = limit if size is None else size
        decoded = _decode(self.name, self.codec, data, np.empty(room, np.uint8))
        if decoded.nbytes != size and (size is not None or decoded.nbytes > limit):
            raise wrong_length(decoded.nbytes, size, self.name, limit)
        return decoded.data


def _encode(name: str, codec: Any, array: Array) -> Data:
    try:
        encoded = codec.encode(array)
    except Exception as error:
        # The package has errors of its own for each library that it wraps.
        raise unencodable(name, error) from error
    return np.ascontiguousarray(encoded) if isinstance(encoded, np.ndarray) else bytes(encoded)


def _decode(name: str, codec: Any, data: Buffer, out: Array) -> Array:
    """Return the decoded bytes as a 1-d uint8 array."""
    try:
        decoded = codec.decode(bytes(data), out=out)
        return flat(np.ascontiguousarray(decoded) if isinstance(decoded, np.ndarray) else decoded)
    except Exception as error:
        raise broken(name, error) from error


def _image_shape(shape: tuple[int, ...], squeezed: Any) -> tuple[int, ...]:
    """Return the shape of the image that a chunk is to the package."""
    if squeezed is None:
        kept = tuple(n for n in shape if n > 1)
        return (1,) * (2 - len(kept)) + kept
    if not squeezed:
        return shape
    return tuple(n for n, dropped in zip(shape, squeezed, strict=True) if not dropped)


@cache
def _classes() -> dict[str, Any]:
    """Return the package's codecs by id. Raises UnsupportedError where it isn't installed."""
    try:
        module = import_module("imagecodecs.numcodecs")
    except ImportError as error:
        raise UnsupportedError(
            "codecs imagecodecs_* need a package that is not installed", fix="pip install 'dzarr[imagecodecs]'"
        ) from error
    return {found.codec_id: found for found in vars(module).values() if _is_codec(found)}


def _is_codec(found: Any) -> bool:
    return isinstance(found, type) and str(getattr(found, "codec_id", "")).startswith(PREFIX)


def image(codec_id: str, configuration: Configuration, context: CodecContext) -> Image:
    """Make the codec from its configuration. Raises UnsupportedError or MetadataError."""
    if codec_id not in _classes():
        raise UnsupportedError(f"unknown codec {codec_id}", expected="one that the installed imagecodecs has")
    try:
        codec = _classes()[codec_id](**configuration)
    except Exception as error:
        if "not available" in str(error):
            raise UnsupportedError(f"codec {codec_id} is not part of the installed imagecodecs") from error
        raise MetadataError(f"{codec_id}: configuration is wrong: {error}", found=shown(dict(configuration))) from error
    return Image(codec_id, codec)

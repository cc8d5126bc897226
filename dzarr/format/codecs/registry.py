"""Codecs by name.

Knows: every name, and where to look for those of other packages. Must not know: what the codecs do.

A name stands for a factory: ``factory(configuration, context) -> Codec``. Other packages offer theirs as entry
points of the group ``dzarr.codecs``, which are looked up when an unknown name is met, and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from dzarr.errors import DzarrError, MetadataError, UnsupportedError
from dzarr.format import members
from dzarr.format.codecs import blosc, checksum, endian, filters, numcodecs, streams, transpose, zstd
from dzarr.format.codecs.codec import ArrayArray, ArrayBytes, BytesBytes, Codec, CodecContext, Configuration
from dzarr.format.metadata import Extension

__all__ = ["GROUP", "CodecContext", "Factory", "build", "bytes_codec", "extension", "names", "register"]

Factory: TypeAlias = Callable[[Configuration, CodecContext], Codec]

GROUP = "dzarr.codecs"
NUMCODECS = ("numcodecs.", "https://zarr.dev/numcodecs/")


def _bitround(configuration: Configuration, context: CodecContext) -> Codec:
    return filters.Filter("bitround", "bitround", configuration)


_factories: dict[str, Factory] = {
    "bytes": endian.bytes_codec,
    "endian": endian.bytes_codec,
    "transpose": transpose.transpose,
    "bitround": _bitround,
    "blosc": blosc.blosc,
    "zstd": zstd.zstd,
    "gzip": streams.gzip,
    "crc32c": checksum.crc32c,
}


def register(name: str, factory: Factory) -> None:
    """Let `name` stand for `factory` in this process, in place of whatever it stood for.

    Examples
    --------
    >>> register("squeeze-nothing", lambda configuration, context: transpose.Transpose("C"))
    >>> "squeeze-nothing" in names()
    True
    >>> del _factories["squeeze-nothing"]
    """
    _factories[name] = factory


def names() -> tuple[str, ...]:
    """Return the names that are known without looking for entry points."""
    return (*sorted(_factories), "numcodecs.*")


def extension(value: Any) -> Extension:
    """Return a codec of a document, an object or a bare name, as an Extension. Raises MetadataError."""
    return members.extension(value, "codec")


def build(codec: Extension, context: CodecContext) -> Codec:
    """Return the codec that a document names.

    Raises UnsupportedError for an unknown or refused name, MetadataError for a bad configuration.

    Examples
    --------
    >>> build(Extension("gzip", {"level": 1}), CodecContext()).name
    'gzip'
    """
    made = _factory(codec.name)(codec.configuration, context)
    if not isinstance(made, (ArrayArray, ArrayBytes, BytesBytes)):
        raise UnsupportedError(f"codec {codec.name}: its factory made no codec", found=type(made).__name__)
    return made


def bytes_codec(codec: Extension, context: CodecContext) -> BytesBytes:
    """Return a codec that must be one from bytes to bytes. Raises MetadataError where it isn't."""
    made = build(codec, context)
    if not isinstance(made, BytesBytes):
        raise MetadataError("a codec from bytes to bytes belongs here", found=codec.name)
    return made


def _factory(name: str) -> Factory:
    factory = _factories.get(name)
    if factory is not None:
        return factory
    for prefix in NUMCODECS:
        if name.startswith(prefix):
            codec_id = name.removeprefix(prefix)
            return lambda configuration, context: numcodecs.numcodec(codec_id, configuration, context)
    for point in entry_points(group=GROUP, name=name):
        _factories[name] = loaded = _load(point)
        return loaded
    raise UnsupportedError(
        f"unknown codec {name}",
        expected=f"one of {', '.join(names())}",
        fix=f"install a package with an entry point {name!r} in the group {GROUP!r}",
    )


def _load(point: Any) -> Factory:
    try:
        loaded: Factory = point.load()
    except DzarrError:
        raise
    except Exception as error:
        # Importing another package may fail in any way.
        raise UnsupportedError(
            f"codec {point.name}: its entry point can't be loaded: {error}", found=point.value
        ) from error
    return loaded

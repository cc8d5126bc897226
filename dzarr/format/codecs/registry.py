"""Codecs by name.

Knows: every name, and where to look for those of other packages. Must not know: what the codecs do.

A name stands for a factory: ``factory(configuration, context) -> Codec``. Other packages offer theirs as entry
points of the group ``dzarr.codecs``, which are looked up when an unknown name is met, and not before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from dzarr.errors import DzarrError, MetadataError, UnsupportedError
from dzarr.format import members
from dzarr.format.codecs import (
    bitround,
    blosc,
    cast,
    checksum,
    conditional,
    endian,
    image,
    n5,
    numcodecs,
    packbits,
    reshape,
    scale,
    streams,
    transpose,
    vlen,
    zfp,
    zstd,
)
from dzarr.format.codecs.codec import ArrayArray, ArrayBytes, BytesBytes, Codec, CodecContext, Configuration
from dzarr.format.metadata import Extension

__all__ = [
    "GROUP",
    "CodecContext",
    "Factory",
    "build",
    "build_all",
    "bytes_codec",
    "bytes_codecs",
    "extension",
    "names",
    "register",
]

Factory: TypeAlias = Callable[[Configuration, CodecContext], Codec]

GROUP = "dzarr.codecs"
NUMCODECS = ("numcodecs.", "https://zarr.dev/numcodecs/")
ZARRS = re.compile(r"zarrs\.|https://codec\.zarrs\.dev/\w+/")
"""What zarrs put before names before they were registered, or had one elsewhere."""


def _bitround(configuration: Configuration, context: CodecContext) -> Codec:
    return bitround.bitround("bitround", configuration, context)


def _n5_default(configuration: Configuration, context: CodecContext) -> Codec:
    return n5.n5_default(configuration, context, bytes_codec)


def _conditional(configuration: Configuration, context: CodecContext) -> Codec:
    return conditional.conditional(configuration, context, bytes_codec)


def _gdeflate(configuration: Configuration, context: CodecContext) -> Codec:
    raise UnsupportedError(
        "codec gdeflate is not supported: no library for Python decodes it without a GPU", found=dict(configuration)
    )


_factories: dict[str, Factory] = {
    "bytes": endian.bytes_codec,
    "endian": endian.bytes_codec,
    "transpose": transpose.transpose,
    "reshape": reshape.reshape,
    "squeeze": reshape.squeeze,
    "bitround": _bitround,
    "cast_value": cast.cast_value,
    "scale_offset": scale.scale_offset,
    "packbits": packbits.packbits,
    "zfp": zfp.zfp,
    "n5_default": _n5_default,
    "blosc": blosc.blosc,
    "zstd": zstd.zstd,
    "gzip": streams.gzip,
    "gdeflate": _gdeflate,
    "crc32c": checksum.crc32c,
    "conditional": _conditional,
    "vlen-utf8": vlen.vlen_utf8,
    "vlen-bytes": vlen.vlen_bytes,
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
    return (*sorted(_factories), "numcodecs.*", "imagecodecs_*")


def extension(value: Any) -> Extension:
    """Return a codec of a document, an object or a bare name, as an Extension. Raises MetadataError."""
    return members.extension(value, "codec", ignorable=True)


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


def build_all(codecs: Iterable[Extension], context: CodecContext) -> list[Codec]:
    """Return the codecs of a chain, without those that dzarr doesn't have and the document lets it ignore.

    Source: Zarr v3 core, "must_understand". Raises as `build` does.

    Examples
    --------
    >>> chain = [Extension("bytes"), Extension("hint", {}, must_understand=False)]
    >>> [codec.name for codec in build_all(chain, CodecContext())]
    ['bytes']
    """
    found = []
    for codec in codecs:
        try:
            found.append(build(codec, context))
        except UnsupportedError:
            if codec.must_understand:
                raise
    return found


def bytes_codec(codec: Extension, context: CodecContext) -> BytesBytes:
    """Return a codec that must be one from bytes to bytes. Raises MetadataError where it isn't."""
    made = build(codec, context)
    if not isinstance(made, BytesBytes):
        raise _no_bytes(made)
    return made


def bytes_codecs(codecs: Iterable[Extension], context: CodecContext) -> tuple[BytesBytes, ...]:
    """Return codecs that must all be from bytes to bytes, ignoring what `build_all` does. Raises MetadataError."""
    made = build_all(codecs, context)
    for codec in made:
        if not isinstance(codec, BytesBytes):
            raise _no_bytes(codec)
    return tuple(codec for codec in made if isinstance(codec, BytesBytes))


def _no_bytes(codec: Codec) -> MetadataError:
    return MetadataError("a codec from bytes to bytes belongs here", found=codec.name)


def _factory(name: str) -> Factory:
    factory = _factories.get(name) or _by_prefix(name)
    if factory is not None:
        return factory
    for point in entry_points(group=GROUP, name=name):
        _factories[name] = loaded = _load(point)
        return loaded
    raise UnsupportedError(
        f"unknown codec {name}",
        expected=f"one of {', '.join(names())}",
        fix=f"install a package with an entry point {name!r} in the group {GROUP!r}",
    )


def _by_prefix(name: str) -> Factory | None:
    for prefix in NUMCODECS:
        if name.startswith(prefix):
            codec_id = name.removeprefix(prefix)
            return lambda configuration, context: numcodecs.numcodec(codec_id, configuration, context)
    if name.startswith(image.PREFIX):
        return lambda configuration, context: image.image(name, configuration, context)
    if prefixed := ZARRS.match(name):
        plain = name[prefixed.end() :]
        return _factories.get(plain) or (_by_prefix(f"numcodecs.{plain}") if plain in numcodecs.SHARED else None)
    return None


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

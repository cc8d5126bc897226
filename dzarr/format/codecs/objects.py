"""Chunks of Python objects, whole: ``json2``, ``msgpack2``, ``pickle`` and ``categorize`` of v2 documents.

Knows: what numcodecs writes for an array of objects. Must not know: documents, or which chunks are stored.
Source: numcodecs, "JSON", "MsgPack", "Pickle" and "Categorize".

    json2, msgpack2   [elements, nested as the array is..., dtype, shape]
    categorize        a number for each element: 1 and up for the labels, 0 for nothing

The first three store an array with its shape, so that an ``order`` of "F" does nothing to what they hold: they see
the chunk in the array's own axes.
"""

from __future__ import annotations

import json
import pickle
import reprlib
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from dzarr.errors import CodecError, DzarrError, MetadataError, UnsupportedError
from dzarr.format.codecs.codec import (
    Array,
    ArrayArray,
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
from dzarr.format.codecs.configuration import Settings
from dzarr.format.codecs.vlen import objects_of
from dzarr.format.members import shown


class Nested(ArrayBytes):
    """What json2 and msgpack2 share: an array as nested lists, and behind them its dtype and its shape."""

    after_bytes = True
    keeps_axes = True

    def encode(self, array: Array) -> bytes:
        """Return the array as one document. Raises CodecError, naming the index, for what can't be in one."""
        items = array.reshape(-1).tolist() if array.ndim == 0 else array.tolist()
        try:
            return self.dumps([*items, array.dtype.str, list(array.shape)])
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise self._misfit(array, error) from error

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the array. Raises CodecError for one of another shape."""
        try:
            document = self.loads(bytes(data))
        except DzarrError:
            raise
        except Exception as error:
            # msgpack and text encodings have exceptions of their own, and RecursionError is none of ValueError's.
            raise broken(self.name, error) from error
        if not isinstance(document, list) or len(document) < 2 or not isinstance(document[-2], (str, bytes)):
            raise broken(self.name, "these are not elements, a dtype and a shape")
        if document[-1] != list(spec.shape):
            raise CodecError(
                f"{self.name}: the chunk has another shape", found=shown(document[-1]), expected=str(list(spec.shape))
            )
        items = list(leaves(document[:-2], spec.shape or (1,), self.name))
        if spec.dtype.hasobject:
            return objects_of(items, spec)
        try:
            return np.array(items, spec.dtype).reshape(spec.shape)
        except (TypeError, ValueError, OverflowError) as error:
            raise broken(self.name, error) from error

    @abstractmethod
    def dumps(self, document: list[Any]) -> bytes:
        """Return the bytes of a document."""

    @abstractmethod
    def loads(self, data: bytes) -> Any:
        """Return the document that bytes are."""

    def _misfit(self, array: Array, error: Exception) -> CodecError:
        for index in np.ndindex(array.shape):
            item = array[index]
            try:
                self.dumps([item])
            except (TypeError, ValueError, OverflowError, RecursionError) as reason:
                return CodecError(
                    f"{self.name}: the element at {index} of the chunk can't be stored: {reason}",
                    found=f"{type(item).__name__} {reprlib.repr(item)}",
                )
        return unencodable(self.name, error)


def leaves(items: Sequence[Any], shape: tuple[int, ...], name: str) -> Iterator[Any]:
    """Yield the elements of lists nested as `shape` says, in C order. Raises CodecError where they aren't.

    Examples
    --------
    >>> list(leaves([[1, [2]], [3, 4]], (2, 2), "json2"))
    [1, [2], 3, 4]
    """
    if not isinstance(items, list) or len(items) != shape[0]:
        raise broken(name, f"its lists are not nested as an array of shape {shape} is")
    if len(shape) == 1:
        yield from items
        return
    for item in items:
        yield from leaves(item, shape[1:], name)


class Json(Nested):
    """``json2``.

    Examples
    --------
    >>> json2({}, CodecContext()).encode(np.array([1, "a"], object))
    b'[1,"a","|O",[2]]'
    """

    name = "numcodecs.json2"

    def __init__(self, encoding: str, strict: bool, style: dict[str, Any]) -> None:
        self.encoding = encoding
        self.strict = strict
        self.style = style

    def dumps(self, document: list[Any]) -> bytes:
        """Return JSON text."""
        return json.dumps(document, **self.style).encode(self.encoding)

    def loads(self, data: bytes) -> Any:
        """Return what JSON text says."""
        return json.loads(data.decode(self.encoding), strict=self.strict)


class MsgPack(Nested):
    """``msgpack2``."""

    name = "numcodecs.msgpack2"

    def __init__(self, library: Any, use_single_float: bool, use_bin_type: bool, raw: bool) -> None:
        self.library = library
        self.style = {"use_single_float": use_single_float, "use_bin_type": use_bin_type}
        self.raw = raw

    def dumps(self, document: list[Any]) -> bytes:
        """Return a msgpack message."""
        return self.library.packb(document, **self.style)  # type: ignore[no-any-return]

    def loads(self, data: bytes) -> Any:
        """Return what a message says; no list or text in it is longer than the message itself."""
        return self.library.unpackb(data, raw=self.raw, strict_map_key=False)


class Pickle(ArrayBytes):
    """Pickled arrays, for callers who trust their source: loading one may run any code that it holds."""

    name = "numcodecs.pickle"
    after_bytes = True
    keeps_axes = True

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol
        self.on_bytes = PickledBytes(protocol)

    def encode(self, array: Array) -> bytes:
        """Return the pickled array."""
        try:
            return pickle.dumps(array, self.protocol)
        except Exception as error:
            # An element's own __reduce__ may raise anything.
            raise unencodable(self.name, error) from error

    def decode(self, data: Buffer, spec: ChunkSpec) -> Array:
        """Return the array. Raises CodecError for one of another shape or dtype."""
        array = loaded(data, self.name)
        if array.shape != spec.shape or array.dtype != spec.dtype:
            raise CodecError(
                f"{self.name}: another array than the chunk",
                found=f"{array.dtype} {array.shape}",
                expected=f"{spec.dtype} {spec.shape}",
            )
        return array


class PickledBytes(BytesBytes):
    """Pickles of what another codec made: the rest of ``numcodecs.pickle``."""

    name = "numcodecs.pickle"

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol

    def encode(self, data: Data) -> bytes:
        """Return the pickled bytes."""
        return pickle.dumps(data if isinstance(data, np.ndarray) else bytes(data), self.protocol)

    def decode(self, data: Buffer, size: int | None, limit: int) -> Buffer:
        """Return the bytes, or the memory of the array that was pickled."""
        array = loaded(data, self.name)
        if array.dtype.hasobject:
            raise broken(self.name, f"{array.dtype} elements where bytes belong")
        if array.nbytes != size and (size is not None or array.nbytes > limit):
            raise wrong_length(array.nbytes, size, self.name, limit)
        return flat(np.ascontiguousarray(array)).data


def loaded(data: Buffer, name: str) -> Array:
    """Return what was pickled, bytes as an array of them. Raises CodecError."""
    try:
        found = pickle.loads(data)  # noqa: S301  allowed by name
        return np.frombuffer(found, np.uint8) if isinstance(found, (bytes, bytearray)) else np.asarray(found)
    except Exception as error:
        # A pickle may call anything, which may raise anything.
        raise broken(name, error) from error


class Categorize(ArrayArray):
    """Text that is one of a few labels as numbers; the rest of ``numcodecs.categorize`` is a filter of numpy text.

    Examples
    --------
    >>> codec = Categorize(("a", "b"), np.dtype("u1"))
    >>> codec.encode(np.array(["b", "", "a"], object))
    array([2, 0, 1], dtype=uint8)
    """

    name = "numcodecs.categorize"
    after_bytes = True

    def __init__(self, labels: tuple[str, ...], stored: np.dtype[Any], fill: Any = "") -> None:
        self.labels = labels
        self.stored = stored
        self.fill = fill

    def bound(self, spec: ChunkSpec) -> ArrayArray:
        """Return the codec with the array's fill value, which stands for nothing. Raises MetadataError."""
        if not spec.dtype.hasobject:
            raise MetadataError(f"{self.name}: dtype is not the array's", found="|O", expected=spec.dtype.str)
        fill = "" if spec.fill is None else spec.fill[()]
        return Categorize(self.labels, self.stored, fill if type(fill) in (int, str, type(None)) else "")

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return as many numbers."""
        return ChunkSpec(spec.shape, self.stored)

    def encode(self, array: Array) -> Array:
        """Return the numbers of the labels. Raises CodecError, naming the index, for what is none of them."""
        numbers: dict[Any, int] = {self.fill: 0, "": 0}
        numbers |= {label: k + 1 for k, label in enumerate(self.labels)}
        codes = []
        for k, item in enumerate(array.reshape(-1).tolist()):
            code = numbers.get(item) if type(item) in (int, str, type(None)) else None
            if code is None:
                index = tuple(int(at) for at in np.unravel_index(k, array.shape)) if array.shape else ()
                raise CodecError(
                    f"{self.name}: the element at {index} of the chunk is none of the labels",
                    found=reprlib.repr(item),
                    expected=shown(list(self.labels)),
                )
            codes.append(code)
        return np.array(codes, self.stored).reshape(array.shape)

    def decode(self, array: Array, spec: ChunkSpec) -> Array:
        """Return the labels; any other number is an empty text."""
        count = len(self.labels)
        known = np.where((array >= 1) & (array <= count), array, 0).astype(np.intp)
        if spec.dtype.kind == "T":
            return np.array(["", *self.labels], spec.dtype)[known].reshape(spec.shape)
        return np.array(["", *self.labels], object)[known].reshape(spec.shape)


def json2(configuration: Configuration, context: CodecContext) -> Json:
    """Make ``numcodecs.json2``. Raises MetadataError."""
    settings = Settings(Json.name, configuration)
    encoding = settings.take("encoding", "utf-8")
    try:
        "[]".encode(encoding)
    except (LookupError, TypeError, ValueError) as error:
        raise settings.wrong("encoding", encoding, "the name of a text encoding") from error
    style: dict[str, Any] = {"indent": settings.take("indent", None), "separators": settings.take("separators", None)}
    if style["indent"] is not None and not isinstance(style["indent"], (int, str)):
        raise settings.wrong("indent", style["indent"], "a number, a string or null")
    if style["separators"] is None:
        style["separators"] = (",", ":") if style["indent"] is None else (", ", ": ")
    if not isinstance(style["separators"], (list, tuple)) or not _are_texts(style["separators"], 2):
        raise settings.wrong("separators", style["separators"], "two strings, or null")
    defaults = {"skipkeys": False, "ensure_ascii": True, "check_circular": True, "allow_nan": True, "sort_keys": True}
    style |= {key: settings.boolean(key, default) for key, default in defaults.items()}
    strict = settings.boolean("strict", True)
    settings.done()
    return Json(encoding, strict, style)


def _are_texts(values: Sequence[Any], count: int) -> bool:
    return len(values) == count and all(isinstance(value, str) for value in values)


def msgpack2(configuration: Configuration, context: CodecContext) -> MsgPack:
    """Make ``numcodecs.msgpack2``. Raises MetadataError; UnsupportedError where msgpack isn't installed."""
    settings = Settings(MsgPack.name, configuration)
    single = settings.boolean("use_single_float", False)
    binary = settings.boolean("use_bin_type", True)
    raw = settings.boolean("raw", False)
    settings.done()
    try:
        library = import_module("msgpack")
    except ImportError as error:
        raise UnsupportedError(
            f"codec {MsgPack.name} needs a package that is not installed", fix="pip install msgpack"
        ) from error
    return MsgPack(library, single, binary, raw)


def pickled(configuration: Configuration, context: CodecContext) -> Pickle:
    """Make ``numcodecs.pickle``. Raises UnsupportedError unless the caller allows it, MetadataError."""
    if not context.allow & {"pickle", Pickle.name}:
        raise UnsupportedError(
            "codec numcodecs.pickle is refused: reading it may run any code that the data holds",
            fix='if you trust the data, pass Options(allow_codecs=frozenset({"pickle"}))',
        )
    settings = Settings(Pickle.name, configuration)
    protocol = settings.integer("protocol", 0, pickle.HIGHEST_PROTOCOL, pickle.HIGHEST_PROTOCOL)
    settings.done()
    return Pickle(protocol)


def categorize(configuration: Configuration, context: CodecContext) -> Categorize:
    """Make ``numcodecs.categorize`` for elements of variable length. Raises MetadataError."""
    settings = Settings(Categorize.name, configuration)
    labels, spelling = settings.take("labels"), settings.take("astype", "u1")
    settings.take("dtype", "|O")
    settings.done()
    if not isinstance(labels, (list, tuple)) or not _are_texts(labels, len(labels)):
        raise settings.wrong("labels", labels, "a list of strings")
    try:
        stored = np.dtype(str(spelling))
    except (TypeError, ValueError) as error:
        raise settings.wrong("astype", spelling, "numpy's name of a data type") from error
    if stored.kind not in "iu" or len(labels) > np.iinfo(stored).max:
        raise settings.wrong("astype", spelling, f"integers up to {len(labels)}")
    return Categorize(tuple(labels), stored)

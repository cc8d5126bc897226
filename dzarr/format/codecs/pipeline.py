"""A chain of codecs bound to one chunk shape: encode, decode, decode into.

Knows: how to run a chain with little Python. Must not know: documents, objects, regions.

A read decodes thousands of chunks, so everything that can be known is known before the first one: `Pipeline.bind`
picks functions for the shape of the chain, and `decode`, `decode_into`, `encode` are attributes that hold them.

    [bytes]                    the chunk is the buffer
    [bytes, X], [bytes, X, Y]  Y decodes to bytes, X into the caller's array, swapped in place if need be
    anything else              array by array, then one copy
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from dzarr.errors import CodecError
from dzarr.format.codecs.chain import link
from dzarr.format.codecs.codec import ChunkSpec, CodecContext
from dzarr.format.codecs.endian import BytesCodec
from dzarr.format.codecs.registry import build_all
from dzarr.format.codecs.run import Decode, DecodeInto, Encode, by_arrays, by_bytes, by_memory, encoder, stored_dtype
from dzarr.format.metadata import Extension


class Pipeline:
    """Codecs bound to one chunk shape. Pickles as its codecs.

    Attributes
    ----------
    shape, dtype
        The chunk, in array axes.
    axes : tuple of int or None
        Leading transposes in one permutation: a decoded buffer is ``array.transpose(axes)`` in C order.
    stored_shape : tuple of int
        The shape of that buffer.
    nbytes : int
        Decoded bytes of a chunk, without what elements of variable length refer to.
    raw : bool
        Whether the encoded bytes are the elements of the buffer as they lie in memory.
    variable : bool
        Whether elements have no fixed size: an array of them can't be made of bytes, nor copied as such.
    anew : bool
        Whether `decode` is as good as `decode_into`: what it answers is a view, or made of new elements anyway.
    encoded_size : int or None
        Bytes of every encoded chunk, None where they differ.
    longest : int or None
        What the encoded bytes of elements of variable length may be at most, None where `nbytes` tells.
    decode : callable(data) -> ndarray
        Return the chunk, of `stored_shape`, in C order, perhaps read-only and over the memory of `data`.
    decode_into : callable(data, out) -> None
        Decode into `out`, a C-contiguous array of `stored_shape` and `dtype`.
    encode : callable(chunk) -> Buffer
        Encode an array of `stored_shape` and `dtype`, of any strides. The answer may share its memory.

    All three raise CodecError, and never allocate more than the chunk's size by much.

    Examples
    --------
    >>> codecs = [Extension("bytes", {"endian": "little"}), Extension("zstd", {"level": 1})]
    >>> pipeline = Pipeline.bind(codecs, (2, 3), np.dtype("u2"), None, CodecContext())
    >>> out = np.empty((2, 3), "u2")
    >>> pipeline.decode_into(pipeline.encode(np.arange(6, dtype="u2").reshape(2, 3)), out)
    >>> out.tolist(), pipeline.nbytes, pipeline.raw
    ([[0, 1, 2], [3, 4, 5]], 12, False)
    """

    __slots__ = (
        "_origin",
        "anew",
        "axes",
        "decode",
        "decode_into",
        "dtype",
        "encode",
        "encoded_size",
        "longest",
        "nbytes",
        "raw",
        "shape",
        "stored_shape",
        "variable",
    )

    _origin: tuple[Any, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: tuple[int, ...] | None
    stored_shape: tuple[int, ...]
    nbytes: int
    raw: bool
    variable: bool
    anew: bool
    encoded_size: int | None
    longest: int | None
    decode: Decode
    decode_into: DecodeInto
    encode: Encode

    @classmethod
    def bind(
        cls,
        codecs: Sequence[Extension],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        fill: Any,
        context: CodecContext,
    ) -> Pipeline:
        """Return the pipeline of a document's codecs for chunks of `shape`, in array axes.

        Raises MetadataError for a chain that can't be, UnsupportedError for a codec that is declined,
        CodecError for a chunk above ``context.max_decoded_bytes``.
        """
        chain = link(build_all(codecs, context), ChunkSpec(shape, dtype, fill))
        nbytes = _checked(prod(shape) * dtype.itemsize, context)
        self = cls()
        self._origin = (tuple(codecs), shape, dtype, fill, context)
        self.shape, self.dtype, self.nbytes = shape, dtype, nbytes
        self.axes, self.stored_shape = chain.axes, chain.stored.shape
        self.encoded_size, self.variable = chain.encoded_size, dtype.hasobject
        self.longest = context.max_decoded_bytes if self.variable else None
        direct = not chain.arrays and isinstance(chain.to_bytes, BytesCodec)
        self.raw = direct and not chain.after and stored_dtype(chain) == dtype
        self.anew = self.raw or self.variable
        self.encode = encoder(chain)
        if not direct:
            self.decode, self.decode_into = by_arrays(chain, context)
        elif chain.after:
            self.decode, self.decode_into = by_bytes(chain, context)
        else:
            self.decode, self.decode_into = by_memory(chain)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Pipeline.bind, self._origin

    def __repr__(self) -> str:
        codecs = ", ".join(codec.name for codec in self._origin[0])
        return f"<Pipeline [{codecs}] of {self.stored_shape} {self.dtype}>"


def _checked(nbytes: int, context: CodecContext) -> int:
    if nbytes > context.max_decoded_bytes:
        raise CodecError(
            "a chunk is larger than max_decoded_bytes",
            found=f"{nbytes} bytes",
            expected=f"at most {context.max_decoded_bytes}",
            fix="raise Options.max_decoded_bytes, if the data is to be trusted",
        )
    return nbytes

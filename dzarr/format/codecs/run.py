"""How a chain runs: functions for each shape that a chain can have, everything looked up beforehand.

Knows: what each step of a chain takes and gives. Must not know: documents, or who calls in a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from dzarr.errors import CodecError, DzarrError
from dzarr.format.codecs.chain import Chain
from dzarr.format.codecs.codec import (
    Array,
    Buffer,
    BytesBytes,
    CodecContext,
    bound_of,
    broken,
    copy_into,
    flat,
    unencodable,
    wrong_length,
)
from dzarr.format.codecs.endian import BytesCodec

Decode: TypeAlias = Callable[[Buffer], Array]
DecodeInto: TypeAlias = Callable[[Buffer, Array], None]
Encode: TypeAlias = Callable[[Array], Buffer]

PLAIN = "biufc"
"""Kinds whose arrays every codec can take a buffer of, and assign as fast as copy."""


def by_memory(chain: Chain) -> tuple[Decode, DecodeInto]:
    """[bytes]: the buffer is the chunk, but for its byte order."""
    shape, dtype, nbytes = chain.stored.shape, chain.stored.dtype, chain.stored.nbytes
    stored, plain = stored_dtype(chain), is_plain(dtype)
    swap = _swapper(dtype, stored)
    ndarray = np.ndarray

    def decode(data: Buffer) -> Array:
        if len(data) != nbytes:
            raise wrong_length(len(data), nbytes, "bytes")
        return ndarray(shape, stored, data).astype(dtype, copy=False)

    def decode_into(data: Buffer, out: Array) -> None:
        if len(data) != nbytes:
            raise wrong_length(len(data), nbytes, "bytes")
        out[...] = ndarray(shape, stored, data)

    def copy(data: Buffer, out: Array) -> None:
        # Assigning structures goes field by field, and assigning text pads it: their memory is copied.
        copy_into(data, out)
        if swap is not None:
            swap(out)

    return decode, decode_into if plain else copy


def by_bytes(chain: Chain, context: CodecContext) -> tuple[Decode, DecodeInto]:
    """[bytes, X, ...]: all codecs but X give bytes, X decodes into the chunk."""
    shape, dtype = chain.stored.shape, chain.stored.dtype
    stored, plain = stored_dtype(chain), is_plain(dtype)
    first = chain.after[0][0].decode_into
    last_name = chain.after[0][0].name
    unwrap = _unwrapper(chain.after[1:], chain, context) if len(chain.after) > 1 else None
    swap = _swapper(dtype, stored)

    def decode_into(data: Buffer, out: Array) -> None:
        try:
            first(data if unwrap is None else unwrap(data), out if plain else flat(out))
        except DzarrError:
            raise
        except Exception as error:
            # A codec of another package may raise anything.
            raise broken(last_name, error) from error
        if swap is not None:
            swap(out)

    alone = unwrap is None and swap is None and plain
    into: DecodeInto = first if alone and chain.after[0][0].careful else decode_into

    def decode(data: Buffer) -> Array:
        out = np.empty(shape, dtype)
        into(data, out)
        return out

    return decode, into


def by_arrays(chain: Chain, context: CodecContext) -> tuple[Decode, DecodeInto]:
    """Return functions for any other chain."""
    unwrap = _unwrapper(chain.after, chain, context)
    back = chain.arrays[::-1]
    to_bytes, spec = chain.to_bytes, chain.spec

    def decode(data: Buffer) -> Array:
        try:
            array = to_bytes.decode(unwrap(data), spec)
            for codec, before in back:
                array = codec.decode(array, before)
        except DzarrError:
            raise
        except Exception as error:
            raise broken(to_bytes.name, error) from error
        return np.asarray(array, order="C")

    def decode_into(data: Buffer, out: Array) -> None:
        copy_into(decode(data), out)

    def assign_into(data: Buffer, out: Array) -> None:
        out[...] = decode(data)

    return decode, assign_into if chain.stored.dtype.hasobject else decode_into


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether every codec can take a buffer of arrays of `dtype`: numpy exports none of dtypes that it didn't build."""
    return dtype.kind in PLAIN and dtype.isbuiltin != 2


def stored_dtype(chain: Chain) -> np.dtype[Any]:
    """Return the dtype of the elements that the chain turns into bytes."""
    codec = chain.to_bytes
    return codec.stored(chain.spec.dtype) if isinstance(codec, BytesCodec) else chain.spec.dtype


def _swapper(dtype: np.dtype[Any], stored: np.dtype[Any]) -> Callable[[Array], Any] | None:
    """Return what turns an array that holds elements of `stored` into one of `dtype`, in place."""
    if stored == dtype:
        return None
    if dtype.kind == "V":
        return lambda out: np.copyto(out, out.view(stored).copy())
    return lambda out: out.byteswap(inplace=True)


def _unwrapper(
    after: Sequence[tuple[BytesBytes, int | None]], chain: Chain, context: CodecContext
) -> Callable[[Buffer], Buffer]:
    """Return the function that undoes bytes to bytes codecs, the last one first."""
    limit = context.max_decoded_bytes
    if not chain.spec.dtype.hasobject:
        limit = min(bound_of(max(chain.stored.nbytes, chain.spec.nbytes)), limit)
    steps = [(codec.decode, size, limit if size is None else size) for codec, size in reversed(after)]

    def unwrap(data: Buffer) -> Buffer:
        for decode, size, most in steps:
            data = decode(data, size, most)
        return data

    return unwrap


def encoder(chain: Chain) -> Encode:
    """Return the function that encodes, for any chain."""
    shape, dtype = chain.stored.shape, chain.stored.dtype
    arrays = [codec.encode for codec, _ in chain.arrays]
    to_bytes = chain.to_bytes.encode
    after = [codec.encode for codec, _ in chain.after]
    name = chain.to_bytes.name

    def encode(chunk: Array) -> Buffer:
        if chunk.shape != shape or chunk.dtype != dtype:
            raise CodecError(
                "a chunk of another shape or dtype", found=f"{chunk.shape} {chunk.dtype}", expected=f"{shape} {dtype}"
            )
        try:
            for step in arrays:
                chunk = step(chunk)
            data: Any = to_bytes(chunk if chunk.flags.c_contiguous else chunk.copy("C"))
            for code in after:
                data = code(data)
        except DzarrError:
            raise
        except Exception as error:
            raise unencodable(name, error) from error
        return flat(data).data if isinstance(data, np.ndarray) else data

    return encode

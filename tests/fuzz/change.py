"""Ways to spoil bytes and JSON, each drawn from one random generator, so that a number is enough to repeat it.

Knows: bytes, JSON, and numbers that programs trip over. Must not know: Zarr, but for the words that it gives values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

NUMBERS = [
    -1,
    0,
    1,
    2,
    3,
    7,
    255,
    256,
    65535,
    2**31 - 1,
    2**31,
    2**32,
    2**53 + 1,
    2**62,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
]
FLOATS = [0.0, -0.0, 0.5, 1e-320, 1e308, float("nan"), float("inf"), float("-inf")]
# Names and spellings that documents of one kind have, and those of another kind don't.
WORDS = (
    "|u1 <f4 >c16 |O |S0 <U3 |V1 <M8[ns] |b1 <i3 bool int2 float32 float8_e5m2 complex_bfloat16 string bytes struct r8 "
    "r7 numpy.datetime64 fixed_length_utf32 C F . / c start end little big none first_byte NaT NaN Infinity -Infinity "
    "0x7fc00001 AAAA base64:AA== vlen-utf8 vlen-bytes vlen-array json2 msgpack2 pickle zlib zstd blosc lz4 gzip crc32c "
    "transpose reshape squeeze bytes packbits cast_value scale_offset conditional sharding_indexed n5_default "
    "zfp pcodec numcodecs.delta numcodecs.zfpy regular rectilinear inline array group raw xz uint16 object ../x {{u}}"
).split()
LARGEST = 200_000
"""The largest document made: what takes long because it is long shows nothing."""

TEXTS = ["", " ", "\0", "é", "\ud800", "a" * 5000, "/", "..", "[" * 2000]


def value(choose: Random, pool: list[Any]) -> Any:
    """Something else: a number, a word, an empty or a deep thing, or a piece of the document itself."""
    kind = choose.randrange(9)
    if kind <= 1:
        return choose.choice(NUMBERS)
    if kind == 2:
        return choose.choice(FLOATS)
    if kind <= 4:
        return choose.choice(WORDS)
    if kind == 5:
        return choose.choice(TEXTS)
    if kind == 6:
        return choose.choice([None, True, False, [], {}, [[]], [{}], {"name": "x"}, {"id": 1}])
    if kind == 7:
        return deep(choose.choice([3, 60, 900]), choose)
    return deepcopy(choose.choice(pool))


def deep(levels: int, choose: Random) -> Any:
    found: Any = choose.choice([0, "x", None])
    wrap = choose.choice(
        [lambda inner: [inner], lambda inner: {"codecs": [inner]}, lambda inner: {"fields": [["a", inner]]}]
    )
    for _ in range(levels):
        found = wrap(found)
    return found


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or position) of a document."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for key, held in list(inner):
        yield document, key
        if isinstance(held, (dict, list)):
            yield from places(held)


def spoil_json(document: Any, choose: Random) -> Any:
    """Return a document with one to three things changed."""
    document = deepcopy(document)
    for _ in range(choose.choice([1, 1, 1, 2, 3])):
        if not isinstance(document, (dict, list)):
            return document
        found = list(places(document))
        if not found:
            return value(choose, [document])
        # Outer members are few and inner ones many: both get their share.
        container, key = choose.choice(found if choose.random() < 0.7 else found[:12])
        spoil_place(container, key, [held[at] for held, at in found], choose)
    return document


def spoil_place(container: Any, key: Any, pool: list[Any], choose: Random) -> None:
    kind = choose.randrange(14)
    held = container[key]
    if kind > 9 and isinstance(held, int) and not isinstance(held, bool):
        container[key] = choose.choice([*range(9), held + 1, held - 1])  # what is still possible goes deeper
    elif kind > 9 and isinstance(held, str):
        container[key] = choose.choice(WORDS)
    elif kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, list):
        container.insert(key, deepcopy(held))
    elif kind == 1:
        container[choose.choice([*WORDS, "unknown", ""])] = value(choose, pool)
    elif kind == 2 and isinstance(held, list):
        held *= choose.choice([0, 2, 70, 3000])
    elif kind == 3 and isinstance(held, str) and held:
        at = choose.randrange(len(held))
        container[key] = held[:at] + choose.choice(["", "0", "9", "-", "[", "\0", "é"]) + held[at + 1 :]
    elif kind == 4 and isinstance(held, int):
        container[key] = held + choose.choice([-1, 1, 8, -held * 2, held * 1000, 2**40])
    else:
        container[key] = value(choose, pool)


def spoil_bytes(data: bytes, choose: Random) -> bytes:
    """Return bytes cut, lengthened, flipped, overwritten, or put together in another order."""
    spoiled = bytearray(data)
    kind = choose.randrange(9)
    if not spoiled or kind == 0:
        return bytes(spoiled) + choose.randbytes(choose.choice([1, 4, 40, 3000]))
    if kind == 1:
        return bytes(spoiled[: choose.randrange(len(spoiled))])
    if kind == 2:
        return bytes(spoiled[choose.randrange(len(spoiled)) :])
    if kind == 3:
        at, size = choose.randrange(len(spoiled)), choose.choice([1, 2, 4, 8])
        spoiled[at : at + size] = (choose.choice(NUMBERS) % 2 ** (8 * size)).to_bytes(
            size, choose.choice(["little", "big"])
        )
    elif kind == 4:
        a, b = sorted(choose.randrange(len(spoiled) + 1) for _ in range(2))
        spoiled[a:b] = spoiled[a:b] * choose.choice([0, 2, 3])
    elif kind == 5:
        at = choose.randrange(min(32, len(spoiled)))  # headers decide most
        spoiled[at] = choose.choice([0, 1, 0x7F, 0x80, 0xFF, choose.randrange(256)])
    elif kind == 6:
        at = len(spoiled) - 1 - choose.randrange(min(64, len(spoiled)))  # and so do indexes and directories at the end
        spoiled[at] = choose.choice([0, 1, 0x7F, 0x80, 0xFF, choose.randrange(256)])
    for _ in range(choose.randrange(4) if kind < 8 else choose.randrange(1, 9)):
        if spoiled:
            spoiled[choose.randrange(len(spoiled))] ^= 1 << choose.randrange(8)
    return bytes(spoiled)


def spoil(data: bytes, choose: Random) -> bytes:
    """Spoil an object: the members of a document, or bytes; a document's bytes now and then."""
    if data[:1] in (b"{", b"[") and choose.random() < 0.9:
        try:
            spoiled = json.dumps(spoil_json(json.loads(data), choose)).encode()
        except (ValueError, RecursionError):
            spoiled = b""
        if 0 < len(spoiled) < LARGEST:
            return spoiled
    return spoil_bytes(data, choose)

"""Text and bytes, of fixed length and of any: v3's and the registered extensions' spellings, and v2's."""

from __future__ import annotations

import numpy as np

from tests.made.case import BIG, PLAIN, Case, codec, shard, sharding, v2, v3

EXTENSION = "zarr-extensions, data-types/"

TEXT = [
    Case("fixed_length_utf32", EXTENSION + "fixed_length_utf32", v3(codec("fixed_length_utf32", length_bytes=12), [2],
         [1], {"c/0": "Hi\0".encode("utf-32-le")}, fill="ab𝄞"), np.array(["Hi", "ab𝄞"])),
    Case("fixed_length_utf32, big endian", EXTENSION + "fixed_length_utf32",
         v3(codec("fixed_length_utf32", length_bytes=12), [2], [1], {"c/0": "Hi\0".encode("utf-32-be")}, fill="",
            codecs=[BIG]), np.array(["Hi", ""], "U3")),
    Case("fixed_length_utf32, a fill value too long", EXTENSION + "fixed_length_utf32",
         v3(codec("fixed_length_utf32", length_bytes=4), [1], [1], {}, fill="ab"), error="MetadataError",
         word="fill_value"),
    Case("null_terminated_bytes", "zarr-python's name of |S", v3(codec("null_terminated_bytes", length_bytes=4), [2],
         [1], {"c/0": b"ab\0\0"}, fill="eHl6", codecs=[PLAIN]), np.array([b"ab", b"xyz"], "S4")),
    *[
        Case(f"v2 |S3, fill {fill!r}", "zarr-python 2 wrote these", v2("|S3", [2], [1], {"0": b"ab\0"},
             fill_value=fill),
             np.array([b"ab", filled], "S3"))
        for fill, filled in [(0, b""), (None, b""), ("", b""), ("eHk=", b"xy"), ("AAAA", b""), (..., b"")]
    ],
    *[
        Case(f"v2 {dtype}, fill {fill!r}", "zarr-python 2 wrote these",
             v2(dtype, [2], [1], {"0": "é\0\0\0".encode(f"utf-32-{'be' if dtype[0] == '>' else 'le'}")},
             fill_value=fill),
             np.array(["é", filled], "U4"))
        for dtype in ("<U4", ">U4") for fill, filled in [(0, ""), (None, ""), ("", ""), ("xyzw", "xyzw"), (..., "")]
    ],
    Case("string", EXTENSION + "string", v3("string", [3], [2], {"c/0": b"\2\0\0\0\0\0\0\0\3\0\0\0\xe2\x88\x85"},
         fill="f", codecs=[codec("vlen-utf8")]), np.array(["", "∅", "f"], "T"), fill="f"),
    Case("string, sharded, zstd behind", "sharding_indexed",
         v3("string", [4], [4], {"c/0": shard([None, b"\2\0\0\0\1\0\0\0a\0\0\0\0"])}, fill="-",
            codecs=[sharding([2], [codec("vlen-utf8")])]), np.array(["-", "-", "a", ""], "T")),
    *[
        Case(f"{name}, fill {fill!r}", EXTENSION + "bytes",
             v3(name, [2], [1], {"c/0": b"\1\0\0\0\2\0\0\0\0\xff"}, fill=fill, codecs=[codec("vlen-bytes")]),
             np.array([b"\0\xff", b"\1\2\3"], object))
        for name, fill in [("bytes", "AQID"), ("bytes", [1, 2, 3]), ("variable_length_bytes", "AQID")]
    ],
    *[
        Case(f"v2 |O of {name}, fill {fill!r}", "numcodecs, vlen",
             v2("|O", [2], [1], {"0": b"\1\0\0\0\2\0\0\0ab"}, filters=[{"id": f"vlen-{name}"}], fill_value=fill),
             values)
        for name, fill, values in [
            ("utf8", "", np.array(["ab", ""], "T")), ("utf8", None, np.array(["ab", ""], "T")),
            ("utf8", 0, np.array(["ab", "0"], "T")), ("utf8", "none", np.array(["ab", "none"], "T")),
            ("bytes", "", np.array([b"ab", b""], object)), ("bytes", None, np.array([b"ab", b""], object)),
            ("bytes", 0, np.array([b"ab", b""], object)), ("bytes", "eHk=", np.array([b"ab", b"xy"], object)),
        ]
    ],
]  # fmt: skip

CASES = TEXT

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.format.keys import KeyEncoding

ENCODINGS = [KeyEncoding(name, separator) for name in ("default", "v2") for separator in ("/", ".")]
COORDS = st.lists(st.integers(0, 2**63 - 1), max_size=6).map(tuple)


@pytest.mark.parametrize(
    ("encoding", "coords", "key"),
    [
        # The examples of the specification.
        (KeyEncoding("default", "/"), (1, 23, 45), "c/1/23/45"),
        (KeyEncoding("default", "."), (1, 23, 45), "c.1.23.45"),
        (KeyEncoding("default", "/"), (), "c"),
        (KeyEncoding("default", "."), (), "c"),
        (KeyEncoding("v2", "."), (1, 23, 45), "1.23.45"),
        (KeyEncoding("v2", "/"), (1, 23, 45), "1/23/45"),
        (KeyEncoding("v2", "."), (), "0"),
        (KeyEncoding("v2", "/"), (7,), "7"),
    ],
)
def test_keys_of_the_specification(encoding: KeyEncoding, coords: tuple[int, ...], key: str) -> None:
    assert encoding.key(coords) == key
    assert encoding.coords(key, len(coords)) == coords


@given(st.sampled_from(ENCODINGS), COORDS)
def test_a_key_gives_its_coordinates_back(encoding: KeyEncoding, coords: tuple[int, ...]) -> None:
    key = encoding.key(coords)
    assert encoding.coords(key, len(coords)) == coords


@given(st.sampled_from(ENCODINGS), st.text("c0123456789./-zarjson ", max_size=12), st.integers(0, 4))
def test_what_is_no_key_has_no_coordinates(encoding: KeyEncoding, key: str, ndim: int) -> None:
    coords = encoding.coords(key, ndim)
    assert coords is None or (len(coords) == ndim and encoding.key(coords) == key)


@pytest.mark.parametrize(
    ("encoding", "key", "ndim"),
    [
        (KeyEncoding("default", "/"), "c/01", 1),
        (KeyEncoding("default", "/"), "c/-1", 1),
        (KeyEncoding("default", "/"), "c/²", 1),
        (KeyEncoding("default", "/"), "c/1", 2),
        (KeyEncoding("default", "/"), "c.1", 1),
        (KeyEncoding("default", "/"), "zarr.json", 1),
        (KeyEncoding("default", "/"), "", 0),
        (KeyEncoding("v2", "."), ".zarray", 1),
        (KeyEncoding("v2", "."), "", 1),
        (KeyEncoding("v2", "."), "1", 0),
        (KeyEncoding("v2", "."), "9" * 5000, 1),
    ],
)
def test_strays_are_no_keys(encoding: KeyEncoding, key: str, ndim: int) -> None:
    assert encoding.coords(key, ndim) is None


@given(st.sampled_from(ENCODINGS), st.sets(COORDS.filter(bool), max_size=20))
def test_no_two_objects_share_a_key(encoding: KeyEncoding, all_coords: set[Any]) -> None:
    by_ndim = {(len(coords), encoding.key(coords)) for coords in all_coords}
    assert len(by_ndim) == len(all_coords)

"""What is spoiled: hierarchies that are right, as objects by their keys, and what of them is looked at.

Knows: the made cases, and the types and chains of the round trips. Must not know: how anything is spoiled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dzarr
from dzarr.io.memory import MemoryStore
from tests.made import foreign
from tests.made.case import Case
from tests.made.make import BY_HAND, missing
from tests.test_round_trips import CHAINS, SHAPE, TYPES, V2_CHAINS, chain_v2, chain_v3


@dataclass(frozen=True)
class Seed:
    """Objects, which of them are spoiled, and how the node is opened; ``location`` where only files will do."""

    name: str
    objects: dict[str, bytes]
    keys: tuple[str, ...]
    path: str = ""
    location: str = ""
    zarr_format: int | None = None


def is_document(key: str) -> bool:
    return key.rsplit("/", maxsplit=1)[-1] in (
        "zarr.json",
        ".zarray",
        ".zattrs",
        ".zgroup",
        ".zmetadata",
        "attributes.json",
    )


def written(case: Case) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        case.write(Path(folder))
        paths = (path for path in Path(folder).rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def of_cases(cases: list[Case], *, documents: bool) -> Iterator[Seed]:
    for case in cases:
        if missing(case) or case.location:
            continue
        objects = written(case)
        keys = tuple(key for key in objects if is_document(key) == documents and objects[key])
        if keys:
            yield Seed(case.name, objects, keys, case.path, zarr_format=case.zarr_format)


def documents() -> Iterator[Seed]:
    yield from of_cases(BY_HAND, documents=True)
    for zarr_format in (2, 3):
        for seed in of_chains(zarr_format):
            keys = tuple(key for key in seed.objects if is_document(key))
            yield Seed(seed.name, seed.objects, keys)


def objects() -> Iterator[Seed]:
    yield from of_cases(BY_HAND, documents=False)


def of_chains(zarr_format: int) -> Iterator[Seed]:
    """One array for each codec and kind of type that it takes, filled whole."""
    chains, spell = (CHAINS, chain_v3) if zarr_format == 3 else (V2_CHAINS, chain_v2)
    kinds = {kind.kind: kind for kind in reversed(TYPES.values()) if zarr_format in kind.formats}
    for called, chain in chains.items():
        for kind in (kinds[name] for name in chain.kinds.split() if name in kinds):
            if not chain.only(kind.values.dtype):
                continue
            form: dict[str, Any] = {"chunks": (3, 4)} if zarr_format == 2 else {"chunks": (2, 4), "shards": (4, 4)}
            store = MemoryStore()
            codecs = spell(called, chain, kind.values.dtype, kind.kind)
            dzarr.create(
                store,
                shape=SHAPE,
                dtype=kind.asked,
                fill_value=kind.fill,
                codecs=codecs,
                zarr_format=zarr_format,
                **form,
            )[...] = kind.values
            found = {key: bytes(got[0]) for key in store.list("") if (got := store.get(key))}
            yield Seed(
                f"{called} of {kind.asked}, v{zarr_format}", found, tuple(k for k in found if not is_document(k))
            )


def chunks() -> Iterator[Seed]:
    """Chunks of every codec: in shards the index stays right only where bytes are changed in place."""
    yield from of_chains(2)
    yield from of_chains(3)


def files(cases: list[Case]) -> Iterator[Seed]:
    for case in cases:
        found = written(case)
        keys = (case.location,) if case.location in found else ()
        yield Seed(case.name, found, keys, case.path, f"{case.scheme}{{folder}}/{case.location}")


def zips() -> Iterator[Seed]:
    yield from files(foreign.ZIPS)


def references() -> Iterator[Seed]:
    yield from files(foreign.REFERENCES)


TARGETS = {"documents": documents, "objects": objects, "chunks": chunks, "zips": zips, "references": references}

"""What a handle leaves to ``dask.array.Array``.

Knows: names. Must not know: anything else; in particular it must not import dask. A test compares the
table with the real class, so that a new dask shows here.
"""

from __future__ import annotations

DELEGATED = frozenset(
    """
    A T all any argmax argmin argtopk astype blocks choose chunksize clip compute_chunk_sizes conj copy cumprod
    cumsum dask dot flatten imag map_blocks map_overlap max mean min moment name nonzero npartitions numblocks
    partitions prod ravel real rechunk repeat reshape round shuffle squeeze std store sum swapaxes to_backend
    to_dask_dataframe to_delayed to_hdf5 to_svg to_tiledb to_zarr topk trace transpose var view visualize
    """.split()
)
"""Offered by the handle, computed by the lazy array that ``to_dask()`` gives."""

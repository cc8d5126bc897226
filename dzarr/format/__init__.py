"""What Zarr says: grids, documents, codecs, shard bytes. Pure: no I/O and no dask."""

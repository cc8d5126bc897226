"""Bytes and the engine: stores, caches, locks, and reading and writing regions. No dask, no handles."""

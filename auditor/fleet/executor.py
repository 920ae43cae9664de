"""Audits a fleet by several workers: shards by account, here or on a Dask cluster, with one report as if by one."""

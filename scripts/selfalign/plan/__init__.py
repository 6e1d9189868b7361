"""What a study will cost, before anything is submitted: jobs, rows, GPU hours, disk, wall time, and shard sizes.

:mod:`assumptions` holds the defaults, :mod:`measured` replaces them by what earlier runs in this folder took,
:mod:`stages` turns a config into stages, :mod:`shards` recommends a number of shards, :mod:`table` prints.
"""

"""Shared code of the workflow's scripts, split by subject.

Nothing here imports a script, and only :mod:`selfalign.adapter` knows that Snakemake exists.
"""

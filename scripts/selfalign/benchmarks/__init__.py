"""Benchmarks: where their files come from (`sources`), and their problems in one form (`problems`)."""

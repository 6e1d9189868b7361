"""From executions to the verdict on a response: which trials there are, which are required, what may be reused.

`policy` holds the config's `validation`, `executor` runs programs with a journal, `consensus` lets the samples of a task
judge each other.
"""

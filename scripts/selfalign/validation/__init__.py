"""From executions to the verdict on a response: which trials there are, which are required, what may be reused.

`policy` holds the config's `validation`, `executor` runs programs with a journal, `consensus` lets the samples of a task
judge each other.
"""

AT_LEAST_ONE = 0.01
"""The share of up to a hundred mutants that stands for one of them; without mutants it asks for nothing."""

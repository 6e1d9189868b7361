"""What runs inside the container: standard library only, bound read-only, never with a right that it does not need.

`server` starts workers and passes messages, `worker` gives every program its own process and watches over it with
`process_tree`, `isolation` speaks to the kernel, `harness` runs the program, `checks` counts its checks,
`evalplus_job` scores completions with EvalPlus. `frames` is the form of the messages, on the host too.
"""

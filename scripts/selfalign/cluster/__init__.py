"""Runs on a SLURM cluster: what a site sets, the guard of a start, and what stands between the plugin and SLURM."""

"""Verdicts to instruction-tuning pairs."""

"""Model weights: where they come from, and proof of what they are."""

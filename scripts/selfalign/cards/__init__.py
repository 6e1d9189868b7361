"""Cards: what a reader of a dataset or a model needs to know, with the hub's metadata."""

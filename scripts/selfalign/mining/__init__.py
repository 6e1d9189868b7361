"""From source files to seeds: extraction, what a function needs from its module, static filters, type check."""

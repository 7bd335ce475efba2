"""Names that components agree on: events, keys, tasks. Constants alone."""

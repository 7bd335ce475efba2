"""Parts of jobs: who loads, saves, selects, aggregates and finds models."""

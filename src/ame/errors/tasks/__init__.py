"""Of tasks on this machine: what was written, how it runs, what is kept."""

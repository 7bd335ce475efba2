"""The secrets of a run: read before it starts, kept out of all that it shows and saves."""

"""The algorithms: what a server has its sites do, and what it makes of it."""

"""Keeping: databases, contents of files, secrets."""

"""Workspaces: a step's own folder, its files as values, and how files flow between steps."""

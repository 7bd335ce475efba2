"""Doing a step: its attempts on a workbench, or the result of an earlier step used again."""

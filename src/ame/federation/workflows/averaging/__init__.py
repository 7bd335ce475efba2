"""Workflows whose rounds average what the sites made of the model."""

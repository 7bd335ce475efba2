"""Devices that come: which task each gets, or why none, what it hands in, when it is to return."""

"""Devices that come: which task each gets, or why none, and when it is to come back."""

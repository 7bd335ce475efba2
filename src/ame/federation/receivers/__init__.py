"""Receivers of what sites tell of themselves, and the parts of a site that tell it."""

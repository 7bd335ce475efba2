"""Flower's apps on Flower's own engine: a SuperLink, SuperNodes, and runs that are submitted."""

"""Flower's apps in our simulator, and on any sites of ours."""

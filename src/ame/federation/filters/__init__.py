"""Filters: what leaves or enters a site is changed or stopped."""

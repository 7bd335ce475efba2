"""Deciding and keeping: tasks, rounds and assignments of a fleet of devices."""

"""Doing a task of an `ame.yml` on this machine.

`start.start` is the way in. The package imports nothing itself: lists of runs need little of it.
"""

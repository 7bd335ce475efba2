"""SQLite files of this machine, for all processes of its user: runs, data sets, leases."""

from ame.storage.sqlite.runs import Database

__all__ = ["Database"]

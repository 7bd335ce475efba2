"""Databases for what many clients write at once: SQLite on one machine, PostgreSQL for several."""

from ame.storage.databases.database import Database, Rows, Work
from ame.storage.databases.opening import opened

__all__ = ["Database", "Rows", "Work", "opened"]

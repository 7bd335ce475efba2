"""SQLite, bound to the system's library.

TensorFlow brings a lesser SQLite along, and lets every library find its functions before those of
the system. So SQLite is bound here, and had from here, by all of this package.
"""

import os
import sys

if "_sqlite3" not in sys.modules:
    _flags = sys.getdlopenflags()
    sys.setdlopenflags(_flags | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        import sqlite3
    finally:
        sys.setdlopenflags(_flags)
else:
    import sqlite3

SQLITE_BUSY = sqlite3.SQLITE_BUSY
SQLITE_INTERRUPT = sqlite3.SQLITE_INTERRUPT
Connection = sqlite3.Connection
OperationalError = sqlite3.OperationalError

__all__ = ["SQLITE_BUSY", "SQLITE_INTERRUPT", "Connection", "OperationalError", "sqlite3"]

"""Keeping: databases, contents of files, secrets.

TensorFlow brings a lesser SQLite along, and lets every library find its functions before those of
the system. So SQLite is bound to the system's here, before anything of this package imports it.
"""

import os
import sys

if "_sqlite3" not in sys.modules:
    _flags = sys.getdlopenflags()
    sys.setdlopenflags(_flags | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        import sqlite3  # noqa: F401  # to have it bound
    finally:
        sys.setdlopenflags(_flags)

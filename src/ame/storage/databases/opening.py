"""Which database an address means."""

from pathlib import Path

from ame import errors
from ame.storage.databases.database import Database
from ame.storage.databases.sqlite import Sqlite
from ame.storage.sqlite.connections import MIGRATIONS

_POSTGRES = ("postgresql", "postgres")


def opened(address: str, schema: str) -> Database:
    """The database at a `postgresql://` URL, or in the SQLite file of this path.

    `schema` names one of the schemas that ame has.

    Raises:
        errors.DatabaseUnknown: it is a URL of another kind.
        errors.DatabaseUnusable: it cannot be reached, opened or written.
        errors.DatabaseDamaged: the file is no database, or a broken one.
        errors.DatabaseNewer: a newer ame wrote it.
        errors.ExtraMissing: PostgreSQL is asked for, and its driver is not installed.
    """
    if "://" not in address:
        return Sqlite(Path(address), MIGRATIONS / schema)
    scheme = address.partition("://")[0]
    if scheme not in _POSTGRES:
        raise errors.DatabaseUnknown(scheme)
    try:
        from ame.storage.databases.postgres import Postgres
    except ImportError:
        raise errors.ExtraMissing("postgres", "PostgreSQL") from None
    return Postgres(address, MIGRATIONS / schema)

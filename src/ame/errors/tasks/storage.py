"""Databases, and the contents of files."""

from typing import TYPE_CHECKING

from ame.errors.tree import Conflict, Damaged, Denied, Invalid, NotFound, Unavailable, Unsupported

if TYPE_CHECKING:
    from pathlib import Path


class DatabaseDamaged(Damaged):
    """A database file is not one, or its pages cannot be read."""

    def __init__(self, path: "Path", detail: str) -> None:
        self.path = path
        self.detail = detail
        super().__init__(
            f"the database {path} is damaged ({detail}): put back a copy of it, save what is left "
            f"with `sqlite3 {path} .recover`, or move it away to start with an empty one"
        )


class DatabaseNewer(Unsupported):
    """A database was written by a newer ame."""

    def __init__(self, path: "Path | str", version: int, known: int) -> None:
        self.path = path
        self.version = version
        self.known = known
        super().__init__(
            f"the database {path} has version {version}, this ame knows up to {known}: "
            "upgrade ame, or point AME_HOME at another folder"
        )


class DatabaseUnknown(Invalid):
    """The address of a database has a scheme that no database of ame has."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        super().__init__(
            f"`{scheme}://…` is no address of a database: give a `postgresql://` URL, "
            "or the path of a SQLite file"
        )


class DatabaseUnusable(Unavailable):
    """A database cannot be opened or written: no room, no right, or a lock held too long."""

    def __init__(self, path: "Path | str", detail: str) -> None:
        self.path = path
        self.detail = detail
        super().__init__(
            f"the database {path} cannot be used ({detail}): see that its folder can be written, "
            "that the disk has room, and that no stopped process holds it"
        )


class BlobNotFound(NotFound):
    """The content of a file is not kept, or no longer."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"content {digest[:12]} is not kept: run again the step that made it")


class BlobDamaged(Damaged):
    """What is kept under a digest is not what was put there."""

    def __init__(self, digest: str, path: "Path | str") -> None:
        self.digest = digest
        self.path = path
        super().__init__(
            f"content {digest[:12]} is damaged: delete {path} and run again the step that made it"
        )


class FileChanged(Conflict):
    """A file was written to while it was read."""

    def __init__(self, path: "Path") -> None:
        self.path = path
        super().__init__(f"{path} changed while it was read: try again when it is complete")


class Unreadable(Denied):
    """A file or folder of a project cannot be read."""

    def __init__(self, path: "Path", why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(
            f"{path} cannot be read ({why}): make it readable, or leave it out by a line in "
            ".ameignore"
        )


class BucketUnusable(Unavailable):
    """A bucket cannot be reached, read or written."""

    def __init__(self, url: str, why: str) -> None:
        self.url = url
        self.why = why
        super().__init__(
            f"the bucket {url} cannot be used ({why}): see that it exists, and that the "
            "credentials in the environment may read and write it"
        )

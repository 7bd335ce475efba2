"""The files by which a SuperLink of the tests speaks TLS."""

from pathlib import Path

from parts.certificates import HERE, authority


def certificates(folder: Path, *names: str) -> Path:
    """`ca.crt`, `server.pem` and `server.key`, for these hosts beside this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    by = authority()
    by.write(folder / "ca.crt")
    by.issue("server", hosts=(*HERE, *names)).write(folder / "server.pem", folder / "server.key")
    return folder

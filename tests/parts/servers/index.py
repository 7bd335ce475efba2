"""A package index on loopback, with the real wheels of a few small packages."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from parts import pages


@contextmanager
def serving(folder: Path, *packages: str) -> Iterator[str]:
    """The address of an index with these packages and what they need, kept in `folder`."""
    wheels = folder / "wheels"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--dest", wheels, *packages],
        check=True,
        capture_output=True,
    )
    names: dict[str, list[Path]] = {}
    for wheel in wheels.iterdir():
        names.setdefault(wheel.name.split("-")[0].replace("_", "-").lower(), []).append(wheel)
    for name, files in names.items():
        page = folder / "simple" / name / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text("".join(map(_link, files)))
    (folder / "simple" / "index.html").write_text("".join(f'<a href="{n}/">{n}</a>' for n in names))
    with pages.files(folder) as address:
        yield f"{address}/simple"


def _link(wheel: Path) -> str:
    digest = sha256(wheel.read_bytes()).hexdigest()
    return f'<a href="../../wheels/{wheel.name}#sha256={digest}">{wheel.name}</a>\n'

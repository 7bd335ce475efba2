"""A package index on loopback, with the real wheels of a few small packages."""

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path


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
    pages = functools.partial(_Quiet, directory=str(folder))
    with _Server(("127.0.0.1", 0), pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()
            thread.join()


def _link(wheel: Path) -> str:
    digest = sha256(wheel.read_bytes()).hexdigest()
    return f'<a href="../../wheels/{wheel.name}#sha256={digest}">{wheel.name}</a>\n'


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that leaves early is none."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

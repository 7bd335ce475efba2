import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ame import errors
from ame.cli import remote


class Page(BaseHTTPRequestHandler):
    """A web server that knows nothing of ame."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path.endswith("/page") else 404)
        self.end_headers()
        self.wfile.write(b"<html>Hello</html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def page() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("path", ["page", "tasks"])
def test_a_server_that_is_none_of_ame_is_told_in_a_line(path: str) -> None:
    with page() as address, pytest.raises(errors.ServerRefused, match="is no server of ame"):
        remote.ask(address, "GET", path)


def test_over_tls_it_is_told_how_to_name_an_authority_and_a_certificate() -> None:
    with page() as address, pytest.raises(errors.ServerSilent, match=r"AME_CA .*AME_CERTIFICATE "):
        remote.ask(address.replace("http:", "https:"), "GET", "tasks")


def test_an_address_without_a_server_is_named() -> None:
    with pytest.raises(errors.ServerSilent, match=r"http://127\.0\.0\.1:port"):
        remote.ask("http://127.0.0.1:port", "GET", "tasks")

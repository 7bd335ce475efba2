from http.server import BaseHTTPRequestHandler

import pytest

from ame import errors
from ame.cli import remote
from parts import pages


class Page(pages.Quiet, BaseHTTPRequestHandler):
    """A web server that knows nothing of ame."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path.endswith("/page") else 404)
        self.end_headers()
        self.wfile.write(b"<html>Hello</html>")


@pytest.mark.parametrize("path", ["page", "tasks"])
def test_a_server_that_is_none_of_ame_is_told_in_a_line(path: str) -> None:
    refused = pytest.raises(errors.ServerRefused, match="is no server of ame")
    with pages.served(Page) as address, refused:
        remote.ask(address, "GET", path)


def test_over_tls_it_is_told_how_to_name_an_authority_and_a_certificate() -> None:
    silent = pytest.raises(errors.ServerSilent, match=r"AME_CA .*AME_CERTIFICATE ")
    with pages.served(Page) as address, silent:
        remote.ask(address.replace("http:", "https:"), "GET", "tasks")


def test_an_address_without_a_server_is_named() -> None:
    with pytest.raises(errors.ServerSilent, match=r"http://127\.0\.0\.1:port"):
        remote.ask("http://127.0.0.1:port", "GET", "tasks")

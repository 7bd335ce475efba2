"""What devices download, and what they keep of it."""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ame import errors
from ame.device.links.link import Link
from ame.device.links.transport import Response
from ame.device.resources import Resources
from ame.protocol.pb import common
from server.fleets import Clock


@dataclass
class Shelf:
    """A server that sends one thing."""

    body: bytes = b"plan"
    type: str = "application/octet-stream"
    seen: list[str] = field(default_factory=list)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        self.seen.append(url)
        await asyncio.sleep(0)
        return Response(status=200, type=self.type, body=self.body)


def resource(cached: str = "", age: int = 60) -> common.Resource:
    made = common.Resource(uri="https://f/a%2Fb?x=%24", client_cache_id=cached)
    made.max_age.FromSeconds(age)
    return made


def fetched(shelf: Shelf, kept: Resources, *asked: common.Resource) -> list[bytes]:
    link = Link(transport=shelf, server="https://f")

    async def go() -> list[bytes]:
        return await asyncio.gather(*(kept.content(link, each) for each in asked))

    return asyncio.run(go())


def test_an_address_is_asked_for_as_it_is_written(tmp_path: Path) -> None:
    shelf = Shelf()

    assert fetched(shelf, Resources(tmp_path), resource()) == [b"plan"]
    assert shelf.seen == ["https://f/a%2Fb?x=%24"]


def test_what_is_the_same_is_downloaded_once_while_it_may_be_kept(tmp_path: Path) -> None:
    shelf, clock = Shelf(), Clock()
    kept = Resources(tmp_path, clock=clock)

    assert fetched(shelf, kept, resource("a"), resource("a")) == [b"plan", b"plan"]
    assert fetched(shelf, Resources(tmp_path, clock=clock), resource("a")) == [b"plan"]
    assert len(shelf.seen) == 1
    clock.now += 61
    fetched(shelf, kept, resource("a"), resource("b"))
    assert len(shelf.seen) == 3


def test_what_has_no_name_is_not_kept(tmp_path: Path) -> None:
    shelf = Shelf()
    kept = Resources(tmp_path)

    fetched(shelf, kept, resource())
    fetched(shelf, kept, resource())

    assert len(shelf.seen) == 2


def test_what_is_compressed_is_decompressed(tmp_path: Path) -> None:
    shelf = Shelf(body=gzip.compress(b"plan"), type="application/x-protobuf+gzip")
    inline = common.Resource()
    inline.inline_resource.data = gzip.compress(b"spec")
    inline.inline_resource.compression_format = common.RESOURCE_COMPRESSION_FORMAT_GZIP

    assert fetched(shelf, Resources(tmp_path), resource(), inline) == [b"plan", b"spec"]


def test_what_came_with_the_message_is_a_file_too(tmp_path: Path) -> None:
    inline = common.Resource()
    inline.inline_resource.data = b"spec"
    link = Link(transport=Shelf(), server="https://f")

    path = asyncio.run(Resources(tmp_path).file(link, inline))

    assert path.read_bytes() == b"spec"


@pytest.mark.parametrize("body", [b"plan", gzip.compress(b"plan")[:-9]])
def test_what_is_no_gzip_is_refused(tmp_path: Path, body: bytes) -> None:
    inline = common.Resource()
    inline.inline_resource.data = body
    inline.inline_resource.compression_format = common.RESOURCE_COMPRESSION_FORMAT_GZIP
    shelf = Shelf(body=body, type="application/octet-stream+gzip")

    for asked in (inline, resource()):
        with pytest.raises(errors.RequestMalformed, match="gzip"):
            fetched(shelf, Resources(tmp_path), asked)


def test_a_resource_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.RequestMalformed, match="address"):
        fetched(Shelf(), Resources(tmp_path), common.Resource())

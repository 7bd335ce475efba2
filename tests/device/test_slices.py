"""Slices that a plan asks for, fetched by the template of its assignment."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.device import records
from ame.device.plans.slices import Fetcher
from ame.protocol.pb import plan as pb
from device import devices

TEMPLATE = "https://fleet/v1/slices/token/{served_at_id}/{key_base10}"


class Told:
    """A server that says what it was asked for."""

    def __init__(self, missing: str = "none") -> None:
        self.asked: list[str] = []
        self.missing = missing

    async def download(self, uri: str) -> bytes:
        self.asked.append(uri)
        if self.missing in uri:
            raise errors.CallFailed(5, "HTTP 404")
        return uri.rpartition("/")[2].encode()


def selector(served_at: str, *keys: int) -> pb.ExampleSelector:
    made = pb.ExampleSelector(collection_uri="internal:/federated_select")
    made.criteria.Pack(pb.SlicesSelector(served_at_id=served_at, keys=keys))
    return made


def fetched(told: Told, *wanted: pb.ExampleSelector, template: str = TEMPLATE) -> Any:
    link: Any = told
    fetcher = Fetcher(link=link, template=template)
    return asyncio.run(fetcher.beside(devices.holding(b"own"), wanted))


def test_each_key_is_fetched_and_stands_in_its_place(tmp_path: Path) -> None:
    wanted, told = selector("words", 4, 1, 4), Told()
    own = pb.ExampleSelector(collection_uri="app://a")

    found = fetched(told, own, wanted)

    assert list(found.select(wanted)) == [b"4", b"1", b"4"]
    assert list(found.select(own)) == [b"own"]
    assert (found.count(wanted), found.count(own)) == (3, 1)
    for number, each in enumerate((wanted, own)):
        found.lay(each, tmp_path / str(number))
    assert list(records.read(tmp_path / "0")) == [b"4", b"1", b"4"]
    assert list(records.read(tmp_path / "1")) == [b"own"]


def test_what_is_put_into_the_template_is_not_escaped() -> None:
    told = Told()

    fetched(told, selector("a b/%ü", 2147483647))

    assert told.asked == ["https://fleet/v1/slices/token/a b/%ü/2147483647"]


@pytest.mark.parametrize(
    "template",
    ["", "http://fleet/{served_at_id}/{key_base10}", "https://fleet/{served_at_id}", "https://x"],
)
def test_a_template_that_breaks_its_rules_is_not_used(template: str) -> None:
    told = Told()

    with pytest.raises(errors.PlanInvalid, match="no template"):
        fetched(told, selector("words", 1), template=template)
    assert not told.asked


def test_a_plan_that_asks_for_no_slices_needs_no_template() -> None:
    own = pb.ExampleSelector(collection_uri="app://a")

    assert list(fetched(Told(), own, template="").select(own)) == [b"own"]


def test_a_slice_that_cannot_be_had_fails_the_plan() -> None:
    with pytest.raises(errors.CallFailed, match="404"):
        fetched(Told("/7"), selector("words", 1, 7))

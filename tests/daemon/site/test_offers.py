from typing import Any

import pytest

from ame import errors
from ame.daemon.site import offers
from ame.daemon.site.offers import Allowed, Offer, Passed

SAID: dict[str, Any] = {
    "ID": "4fe5",
    "host": "h",
    "port": 8080,
    "tags": ["mnist"],
    "client_arguments": "a  b",
    "username": "u",
    "password": "p",
    "files_paths": ["./task_4fe5/client.py", "lib/x.py"],
}
ANY = Allowed(any=True)


def offer(**more: Any) -> Offer:
    return Offer.read({**SAID, **more})


def test_an_offer_is_read_as_a_server_sends_it() -> None:
    read = offer(client_arguments=None, tags=None)

    assert (read.task, read.username, read.password) == ("4fe5", "u", "p")
    assert read.files == ("client.py", "lib/x.py")
    assert read.arguments == ()
    assert offer().arguments == ("a", "b")


@pytest.mark.parametrize(
    "more",
    [
        {"ID": "../x"},
        {"ID": ""},
        {"ID": 3.5, "files_paths": ["../x"]},
        {"files_paths": ["../x.py"]},
        {"files_paths": ["/etc/passwd"]},
        {"files_paths": ["a\\..\\..\\x"]},
        {"files_paths": "client.py"},
        {"files_paths": [3]},
        {"files_paths": ["x"] * 3000},
        {"tags": {"a": 1}},
    ],
)
def test_an_offer_that_leads_elsewhere_or_is_none_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises((errors.OfferRefused, errors.CodePathInvalid)):
        offer(**more)
    with pytest.raises(errors.OfferRefused):
        Offer.read([SAID])


def test_only_what_the_owner_allows_is_taken() -> None:
    found = [offer(), offer(ID="b", tags=["x"]), offer(ID="c", tags=[])]

    def taken(allowed: Allowed) -> list[str]:
        return [each.task for each in offers.chosen(found, (), allowed, Passed(), 9)]

    assert taken(Allowed()) == []
    assert taken(ANY) == ["4fe5", "b", "c"]
    assert taken(Allowed(tasks=frozenset({"c"}))) == ["c"]
    assert taken(Allowed(tags=frozenset({"x", "y"}))) == ["b"]


def test_as_many_run_as_there_is_room_for() -> None:
    found = [offer(ID=name) for name in "abc"]

    def taken(running: set[str], room: int) -> list[str]:
        return [each.task for each in offers.chosen(found, running, ANY, Passed(), room)]

    assert taken(set(), 1) == ["a"]
    assert taken({"a"}, 1) == []
    assert taken({"a"}, 2) == ["b"]
    assert taken({"x", "y", "z"}, 2) == []


def test_what_failed_is_not_tried_again_until_something_of_it_changes() -> None:
    passed = Passed().failing(offer())

    assert offers.chosen([offer(password="new")], (), ANY, passed, 1) == []
    passed = passed.seeing([])
    assert offers.chosen([offer()], (), ANY, passed, 1) == []
    assert offers.chosen([offer(port=9)], (), ANY, passed, 1) == [offer(port=9)]


def test_what_finished_runs_again_only_after_it_was_offered_no_more() -> None:
    passed = Passed().finishing(offer()).seeing([offer()])

    assert offers.chosen([offer()], (), ANY, passed, 1) == []
    assert offers.chosen([offer()], (), ANY, passed.seeing([]), 1) == [offer()]

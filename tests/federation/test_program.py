"""A federated job as data."""

from pathlib import PurePosixPath

import pytest

from ame import errors
from ame.federation.program import App, File, Part, Program, Routed, within

A, B = Part(path="m.A", id="a"), Part(path="m.B", id="b")


def program(*, everyone: bool, sites: tuple[str, ...] = ()) -> Program:
    return Program(
        name="p", everyone=App() if everyone else None, sites={site: App() for site in sites}
    )


def test_a_site_does_what_everyone_does_and_its_own() -> None:
    both = Program(name="p", everyone=App(components=(A,)), sites={"site-1": App(components=(B,))})

    assert both.app("site-1").components == (A, B)
    assert both.app("site-2").components == (A,)


def test_a_sites_own_executor_counts_before_everyones_for_the_same_tasks() -> None:
    everyone = App(
        executors=(Routed(tasks=("*",), executor=A), Routed(tasks=("train",), executor=A))
    )
    own = App(executors=(Routed(tasks=("train",), executor=B),))

    assert [(routed.tasks, routed.executor) for routed in everyone.joined(own).executors] == [
        (("train",), B),
        (("*",), A),
    ]


def test_a_sites_own_file_counts_before_everyones() -> None:
    def app(content: bytes) -> App:
        return App(files=(File(source=content, target=PurePosixPath("data.txt")),))

    assert [file.read() for file in app(b"all").joined(app(b"own")).files] == [b"own"]


def test_a_site_that_the_job_does_not_name_is_unknown() -> None:
    with pytest.raises(errors.SiteUnknown, match="site-9"):
        program(everyone=False, sites=("site-1",)).app("site-9")


@pytest.mark.parametrize(
    ("everyone", "sites", "clients", "names"),
    [
        (True, (), 3, ("site-1", "site-2", "site-3")),
        (True, (), ["ams", "ber"], ("ams", "ber")),
        (False, ("a", "b"), None, ("a", "b")),
        (True, ("site-2",), 3, ("site-1", "site-2", "site-3")),
        (True, ("ams",), 3, ("site-1", "site-2", "ams")),
        (True, ("ams",), ["ber", "ams"], ("ber", "ams")),
    ],
)
def test_which_sites_take_part(
    everyone: bool, sites: tuple[str, ...], clients: int | list[str] | None, names: tuple[str, ...]
) -> None:
    assert program(everyone=everyone, sites=sites).site_names(clients) == names


@pytest.mark.parametrize(
    ("everyone", "sites", "clients", "why"),
    [
        (True, (), None, "Clients were not specified"),
        (True, (), 0, "at least 1"),
        (True, ("a", "b"), 1, "at least 2"),
        (False, ("a",), 2, "already specified clients"),
        (True, ("a",), ["b"], "says what a does"),
        (True, (), ["b", "b"], "twice"),
    ],
)
def test_which_sites_take_part_must_be_clear(
    everyone: bool, sites: tuple[str, ...], clients: int | list[str] | None, why: str
) -> None:
    with pytest.raises(errors.SitesUnclear, match=why):
        program(everyone=everyone, sites=sites).site_names(clients)


def test_the_parts_among_arguments_are_parts_too() -> None:
    nested = Part(path="m.C", args={"x": [{"y": A}], "z": 1}, lead=[B])

    assert list(within(nested)) == [nested, B, A]

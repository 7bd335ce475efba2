"""What a site is offered, and which of it is taken next. All of it is decided here, and pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from ame import errors
from ame.daemon import paths

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

FILES: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A task that a site may run."""

    task: str
    arguments: tuple[str, ...]
    host: str
    port: int
    """Where the task's Flower server answers."""
    username: str
    password: str
    files: tuple[str, ...]
    """Their paths within the task."""
    tags: frozenset[str]
    joins: str
    """How a site joins in: by running the task's client, where it is empty; or `superlink`."""
    key: str
    """By which the very same task is known when it is offered again."""

    @classmethod
    def read(cls, said: object) -> Self:
        """The offer that a server has sent.

        Raises:
            errors.OfferRefused: it is none.
            errors.CodePathInvalid: a file of it leads out of the task's folder.
        """
        if not isinstance(said, dict):
            raise errors.OfferRefused("", "is no object")
        task = str(said.get("ID", ""))
        if not paths.ID.fullmatch(task):
            raise errors.OfferRefused(task[:100], "its id is no name of a folder")
        files = said.get("files_paths") or []
        tags = said.get("tags") or []
        port = said.get("port")
        if not _texts(files) or not _texts(tags) or len(files) > FILES:
            raise errors.OfferRefused(task, "its files or tags are no list of texts, or too many")
        # a password may be another each time
        known = {name: value for name, value in said.items() if name != "password"}
        return cls(
            task=task,
            arguments=tuple(str(said.get("client_arguments") or "").split()),
            host=str(said.get("host") or ""),
            port=port if isinstance(port, int) else 0,
            username=str(said.get("username") or ""),
            password=str(said.get("password") or ""),
            files=tuple(paths.within(task, each) for each in files),
            tags=frozenset(tags),
            joins=str(said.get("joins") or ""),
            key=json.dumps(known, sort_keys=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Which tasks the site's owner lets run here."""

    any: bool = False
    tasks: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    def allows(self, offer: Offer) -> bool:
        """Whether this one may."""
        return self.any or offer.task in self.tasks or bool(self.tags & offer.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What was tried before."""

    failed: frozenset[str] = frozenset()
    """Keys of tasks in quarantine: they have failed here, and are not tried again as they are."""
    done: frozenset[str] = frozenset()
    """Keys of tasks that have finished here, and have been offered ever since."""

    def failing(self, offer: Offer) -> Self:
        """Puts a task into quarantine, for as long as it is offered unchanged."""
        return replace(self, failed=self.failed | {offer.key})

    def finishing(self, offer: Offer) -> Self:
        """A task has done what it had to do; its server may take a moment to end."""
        return replace(self, done=self.done | {offer.key})

    def seeing(self, offers: Collection[Offer]) -> Self:
        """Forgets what has finished and is offered no more: when it is again, it runs again."""
        return replace(self, done=self.done & {offer.key for offer in offers})


def chosen(
    offers: Sequence[Offer], running: Collection[str], allowed: Allowed, passed: Passed, room: int
) -> list[Offer]:
    """What is to be started beside what runs, in the order of the offers, up to `room` in all."""
    free = [
        offer
        for offer in offers
        if offer.task not in running
        and allowed.allows(offer)
        and offer.key not in passed.failed | passed.done
    ]
    return free[: max(room - len(running), 0)]


def _texts(values: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(values, list) and all(isinstance(each, str) for each in values)

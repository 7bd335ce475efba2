"""What the targets of a job were given so far, and how it belongs together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from ame import errors
from ame.federation.job.capture.objects import Capture
from ame.federation.job.checks import ALL_SITES, SERVER
from ame.federation.job.draft import Draft, Place
from ame.federation.program import App, Part, Value


class Given:
    """A draft for each target; for a client also one of what it is set up with, before all else."""

    def __init__(self) -> None:
        self.clients: list[str] = []
        """Those that were given something, in that order; `"@ALL"` is one of them."""
        self.capture = Capture()
        self.drafts: dict[str, Draft] = {}
        self._set_ups: dict[str, Draft] = {}
        self._setting_up: str | None = None
        self._references: dict[str, object] = {}

    def begin(self, target: str, set_up: Callable[[str], None]) -> None:
        """Makes a target's drafts, if it has none; a client is set up then."""
        if target in self.drafts:
            return
        self.drafts[target] = Draft(target)
        if target == SERVER:
            return
        self.clients.append(target)
        self._set_ups[target] = Draft(target)
        outer, self._setting_up = self._setting_up, target
        try:
            set_up(target)
        finally:
            self._setting_up = outer

    def draft(self, target: str) -> Draft:
        """Where what is added now belongs."""
        if target not in self.drafts:
            raise errors.JobConflict(f"`{target}` was given nothing by `to`; call that")
        return self._set_ups[target] if self._setting_up == target else self.drafts[target]

    def beside(self, target: str) -> list[Draft]:
        """What else is of the same target: its set-up, or what it was given."""
        both = [self.drafts[target], self._set_ups.get(target)]
        return [draft for draft in both if draft and draft is not self.draft(target)]

    def refer(self, obj: object) -> str:
        """A reference to an object, which goes along wherever the reference goes."""
        reference = str(uuid4())
        self._references[reference] = obj
        return reference

    def add(self, place: Place, wanted: str | None, obj: Any, target: str, default: str) -> str:
        """Adds an object, unless it is there already; returns its id."""
        draft = self.draft(target)
        for each in (draft, *self.beside(target)):
            if (known := each.id_of(obj)) is not None:
                return known
        part = self.part(obj, target)
        free = draft.free_id(default if wanted is None else wanted, self._ids_beside(target))
        draft.add(place, obj, replace(part, id=free))
        return free

    def part(self, obj: Any, target: str) -> Part:
        """An object as a part, its code carried along, and what it refers to added before it."""
        part = obj if isinstance(obj, Part) else self.capture.part(obj)
        self.draft(target).carry(self.capture.taken())
        return self._referred(part, target) if self._references else part

    def server(self) -> App:
        """The server's app."""
        return self.drafts[SERVER].app() if SERVER in self.drafts else App()

    def objects(self) -> dict[str, object]:
        """The server's components and workflows, by their ids."""
        return self.drafts[SERVER].objects() if SERVER in self.drafts else {}

    def objects_of(self, client: str) -> dict[str, object]:
        """The components of a client, by their ids."""
        return {**self._set_ups[client].objects(), **self.drafts[client].objects()}

    def app(self, client: str) -> App:
        """A client's app. Where all are set up, one need not be again."""
        own = self.drafts[client].app()
        if client == ALL_SITES or ALL_SITES not in self.drafts:
            own = self._set_ups[client].app().joined(own)
        return self.capture.settled(own)

    def _ids_beside(self, target: str) -> set[str]:
        """Ids that are taken where this will be, by what others are given."""
        near = self.beside(target)
        if target == ALL_SITES:
            near += [self.drafts[site] for site in self.clients if site != ALL_SITES]
        elif target != SERVER:
            near += [each[ALL_SITES] for each in (self.drafts, self._set_ups) if ALL_SITES in each]
        return {taken for draft in near for taken in draft.ids()}

    def _referred(self, part: Part, target: str) -> Part:
        args = {name: self._resolved(value, target) for name, value in part.args.items()}
        lead = tuple(self._resolved(each, target) for each in part.lead)
        return replace(part, args=args, lead=lead)

    def _resolved(self, value: Value, target: str) -> Value:
        """A value in which references are the ids of what they refer to, which is added."""
        match value:
            case str():
                if value not in self._references:
                    return value
                return self.add("components", value, self._references[value], target, value)
            case Part():
                return self._referred(value, target)
            case Mapping():
                return {name: self._resolved(each, target) for name, each in value.items()}
            case Sequence():
                return [self._resolved(each, target) for each in value]
        return value

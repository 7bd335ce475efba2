"""What operators see and do over HTTP, as JSON: populations, tasks, rounds, metrics, sessions."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from google.protobuf import json_format

from ame import errors
from ame.protocol import eligibility
from ame.protocol.pb import _pool, odp_task
from ame.protocol.wires import Caller
from ame.server.ledger import changes, populations, rounds, tasks
from ame.server.recipes import keys
from ame.server.rounds import RoundStatus
from ame.server.tasks import TaskStatus
from ame.server.visits.population import MODES, Policy, mode

if TYPE_CHECKING:
    from ame.server.app import App
    from ame.server.ledger.tasks import Kept
    from ame.server.rounds import Round

Said = dict[str, Any]
PREFIX: Final = "/api/v1/"
Answer = Callable[["Api", Mapping[str, str], Said, Caller], Awaitable[Any]]


class Api:
    """The routes, and what each of them does."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def answer(self, method: str, path: str, body: bytes, caller: Caller) -> bytes:
        """The reply to a request below `/api/v1/`, as JSON. Names in the path are percent-encoded.

        Raises:
            errors.CallUnknown: there is no such route.
            errors.RequestMalformed: the body is no JSON object.
        """
        for known, pattern, do in ROUTES:
            found = pattern.fullmatch(path.removeprefix(PREFIX)) if known == method else None
            if found:
                named = {name: unquote(each) for name, each in found.groupdict().items() if each}
                reply = await do(self, named, _said(body), caller)
                return json.dumps(reply).encode()
        raise errors.CallUnknown(method, path)

    async def populations(self, at: Mapping[str, str], said: Said, caller: Caller) -> Any:  # noqa: ANN401, ARG002 - JSON
        """All populations with their settings."""
        return await self._app.fleet.database.read(populations.populations)

    async def put_population(self, at: Mapping[str, str], said: Said, caller: Caller) -> Any:  # noqa: ANN401 - JSON
        """Makes a population, or changes its settings; says where its eligibility plan goes."""
        name = at["population"]
        if said.keys() - {"paused"} or not isinstance(said.get("paused", False), bool):
            raise errors.RequestMalformed('no settings of a population, such as {"paused": true}')
        await self._app.management.put_population(name, said)
        addresses = self._app.management.graph_addresses(name, caller)
        return {"name": name, **said, "eligibility_urls": addresses}

    async def tasks(self, at: Mapping[str, str], said: Said, caller: Caller) -> Any:  # noqa: ANN401, ARG002 - JSON
        """A population's tasks, or those of all."""
        found = await self._app.fleet.database.read(
            lambda rows: tasks.tasks(rows, at.get("population"))
        )
        return [_task(kept) for kept in found]

    async def create_task(self, at: Mapping[str, str], said: Said, caller: Caller) -> Any:  # noqa: ANN401 - JSON
        """Makes a task. Its answer says where its plan and its checkpoint go."""
        aggregation = said.pop("aggregation", {})
        policies = _policies(said.pop("policies", []))
        mode = _mode(said.pop("taskAssignmentMode", ""))
        keys.read(aggregation)
        proto = odp_task.Task()
        try:
            json_format.ParseDict(said, proto, descriptor_pool=_pool.POOL)
        except json_format.ParseError as error:
            raise errors.RequestMalformed(f"no task: {error}") from None
        asked = odp_task.CreateTaskRequest(task=proto)
        fields = {"population_name": at["population"]}
        named = Caller(fields=fields, headers=caller.headers, base=caller.base)
        made = (await self._app.management.create_task(asked, named)).task
        beside = {"aggregation": aggregation, "policies": policies, "mode": mode}
        if settings := {name: value for name, value in beside.items() if value}:
            await self._app.management.set_artifacts(at["population"], made.task_id, settings)
        address = self._app.management.slices_address(at["population"], made.task_id, caller)
        told = json_format.MessageToDict(made, descriptor_pool=_pool.POOL)
        return {**told, "slicesUrl": [address]}

    async def task(self, at: Mapping[str, str], said: Said, caller: Caller) -> Any:  # noqa: ANN401, ARG002 - JSON
        """One task with its rounds, their metrics, and all that it went through."""
        population, number = at["population"], int(at["task"])
        database = self._app.fleet.database
        kept = await database.read(lambda rows: tasks.task(rows, population, number))
        gone = await database.read(lambda rows: rounds.rounds(rows, population, number))
        measured = await database.read(lambda rows: rounds.metrics(rows, population, number))
        passed = await database.read(lambda rows: changes.changes(rows, population, number))
        await self._app.fleet.refresh()  # who comes after this was told finds what it tells
        metrics: dict[int, dict[str, float]] = {}
        for round_, name, value in measured:
            metrics.setdefault(round_, {})[name] = value
        return {
            **_task(kept),
            "rounds": [{**_round(each), "metrics": metrics.get(each.number, {})} for each in gone],
            "history": [
                {"round": round_, "status": _status(round_, status), "reason": why, "at": when}
                for round_, status, why, when in passed
            ],
        }

    async def cancel(self, at: Mapping[str, str], said: Said, caller: Caller) -> Any:  # noqa: ANN401 - JSON
        """Ends a task and its rounds."""
        fields = {"population_name": at["population"], "task_id": at["task"]}
        await self._app.management.cancel_task(None, Caller(fields=fields))
        return await self.task(at, said, caller)

    async def pause(self, at: Mapping[str, str], said: Said, caller: Caller) -> Any:  # noqa: ANN401 - JSON
        """Stops a task from taking devices, or lets it go on."""
        paused = at["deed"] == "pause"
        await self._app.management.pause_task(at["population"], int(at["task"]), paused=paused)
        return await self.task(at, said, caller)

    async def checkpoint(self, at: Mapping[str, str], said: Said, caller: Caller) -> Any:  # noqa: ANN401, ARG002 - JSON
        """Where a round's checkpoint, or a task's newest one, can be had for a while."""
        population, number = at["population"], int(at["task"])
        fleet, asked = self._app.fleet, at.get("round")
        digest = await fleet.database.read(
            lambda rows: (
                rounds.newest_result(rows, population, number)
                if asked is None
                else rounds.result(rows, population, number, int(asked))
            )
        )
        kept = await fleet.database.read(lambda rows: tasks.task(rows, population, number))
        digest = digest or kept.settings.get("checkpoint", "")
        if not digest:
            raise errors.ArtifactsMissing(kept.task.name, "checkpoint")
        until = int(fleet.clock() + fleet.settings.url_seconds)
        token = fleet.tokens.make("resource", f"{digest}.{until}")
        return {"url": f"{caller.base}/v1/resources/{token}", "digest": digest}

    async def session(self, at: Mapping[str, str], said: Said, caller: Caller) -> Any:  # noqa: ANN401, ARG002 - JSON
        """What is known of a device's session."""
        return await self._app.management.explain(at["population"], at["session"])


def _routes() -> tuple[tuple[str, re.Pattern[str], Answer], ...]:
    task = r"populations/(?P<population>[^/]+)/tasks/(?P<task>\d{1,15})"
    known: tuple[tuple[str, str, Answer], ...] = (
        ("GET", r"populations", Api.populations),
        ("PUT", r"populations/(?P<population>[^/]+)", Api.put_population),
        ("GET", r"tasks", Api.tasks),
        ("GET", r"populations/(?P<population>[^/]+)/tasks", Api.tasks),
        ("POST", r"populations/(?P<population>[^/]+)/tasks", Api.create_task),
        ("GET", task, Api.task),
        ("GET", task + r"(/rounds/(?P<round>\d{1,15}))?/checkpoint", Api.checkpoint),
        ("POST", task + "/cancel", Api.cancel),
        ("POST", task + "/(?P<deed>pause|resume)", Api.pause),
        ("GET", r"sessions/(?P<population>[^/]+)/(?P<session>.+)", Api.session),
    )
    return tuple((method, re.compile(path), do) for method, path, do in known)


ROUTES: Final = _routes()


def _said(body: bytes) -> Said:
    try:
        said = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise errors.RequestMalformed(f"no JSON: {error}") from None
    if not isinstance(said, dict):
        raise errors.RequestMalformed("JSON that is no object")
    return said


def _mode(said: object) -> str:
    """How devices are given a task, by its name in the protocol; empty where it is as usual.

    Raises:
        errors.TaskInvalid: it is no such name.
    """
    if said and said not in MODES:
        raise errors.TaskInvalid("taskAssignmentMode", f"must be one of {', '.join(MODES)}")
    return str(said)


def _policies(said: object) -> list[Said]:
    """What is asked of a task's devices beside what its message can say, as JSON.

    Raises:
        errors.TaskInvalid: some of it can never be met.
    """
    if not isinstance(said, list):
        raise errors.TaskInvalid("policies", "must be a list")
    for place, each in enumerate(said):
        try:
            policy = json_format.ParseDict(each, Policy(), descriptor_pool=_pool.POOL)
            why = eligibility.fault(policy)
        except (json_format.ParseError, TypeError, AttributeError) as error:
            first = str(error).partition("\n")[0]
            why = f"is no EligibilityPolicyEvalSpec: {first}"
            raise errors.TaskInvalid(f"policies[{place}]", why) from None
        if why:
            raise errors.TaskInvalid(f"policies[{place}]", f"can be met by no device: {why}")
    return said


def _task(kept: Kept) -> Said:
    task = kept.task
    return {
        "population": task.population,
        "id": task.id,
        "name": task.name,
        "kind": "evaluation" if task.evaluates else "training",
        "status": task.status.name,
        "paused": task.paused,
        "reason": task.reason,
        "created": task.created,
        "rounds_wanted": task.proto.total_iteration,
        "goal": task.goal,
        "capacity": task.capacity,
        "traffic_weight": task.weight,
        "assignment_mode": mode(kept),
        "missing": [name for name in ("client_plan", "checkpoint") if not kept.settings.get(name)],
    }


def _round(each: Round) -> Said:
    return {
        "number": each.number,
        "status": each.status.name,
        "base": each.base,
        "evaluated": each.evaluated,
        "active": each.active,
        "accepted": each.accepted,
        "failed": each.failed,
        "opened": each.opened,
        "ended": each.ended,
        "reason": each.reason,
    }


def _status(round_: int, status: int) -> str:
    return RoundStatus(status).name if round_ else TaskStatus(status).name

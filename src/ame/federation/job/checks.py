"""What may be said of a job: names, targets, tasks, numbers."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from ame import errors
from ame.federation.program import ALL, App, Program, within

SERVER = SERVER_SITE_NAME = "server"
ALL_SITES = "@ALL"
CLIENT = "client"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_log = logging.getLogger("ame.federation.job")
UNFIT = re.compile(r"[\"!@#$%^&*()+?=,<>/\\\x00-\x1f\x7f]")
SAID_ALREADY = ("name", "deploy_map", "min_clients", "mandatory_clients")


class JobTargetType:
    """Where an object of a job may belong, as its `get_job_target_type` says."""

    SERVER = SERVER
    CLIENT = CLIENT

    @classmethod
    def get_target_type(cls, target: str) -> str:
        """That of a target."""
        return cls.SERVER if target == SERVER else cls.CLIENT


def name(given: object) -> str:
    """A job's name."""
    text = _text("name", given)
    if not NAME.fullmatch(text):
        fit = re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip("._-")
        raise errors.JobInvalid(
            f"name {text!r} must start with a letter or digit and may contain only letters, "
            "digits, '.', '_', and '-'" + (f"; for instance {fit!r}" if fit else "")
        )
    return text


def target(given: object) -> str:
    """A target: `server`, `@ALL`, or a site's name."""
    if not given:
        raise errors.JobInvalid(
            "Must provide a valid target name: `target` is empty; give 'server' or a client's name"
        )
    text = _text("target", given)
    if text == ALL_SITES:
        return text
    if found := UNFIT.search(text):
        raise errors.JobInvalid(
            f"target {text} name contains invalid character {found[0]!r}; give 'server', or the "
            "name of a client without it"
        )
    if text.strip() != text or text in {".", ".."}:
        raise errors.JobInvalid(f"target {text!r} is no name; leave out spaces around it")
    if text.lower() == SERVER and text != SERVER:
        raise errors.JobInvalid(f"target {text!r} would be a client; the server is 'server'")
    return text


def made(argument: str, given: object) -> None:
    """That an object is one, and no class."""
    if given is None or isinstance(given, type):
        name = getattr(given, "__name__", "Net")
        raise errors.JobInvalid(
            f"`{argument}` is {given!r}; give an object, which is made: `{name}(…)`"
        )


def identity(given: object) -> str | None:
    """A component's id, or None."""
    return None if given is None else _text("id", given)


def tasks(given: object) -> tuple[str, ...]:
    """The tasks of an executor or a filter; a single one may stand alone; None is all."""
    if given is None:
        return ALL
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Sequence):
        raise errors.JobTypeInvalid("tasks", "a list of tasks' names", given)
    if not given:
        raise errors.JobInvalid("`tasks` is empty; leave it out for all tasks")
    for each in given:
        if not _text("tasks", each):
            raise errors.JobInvalid("`tasks` holds an empty name; leave it out")
    return tuple(dict.fromkeys(given))


def count(argument: str, given: object) -> int:
    """A number of at least 1."""
    if not isinstance(given, int) or isinstance(given, bool):
        raise errors.JobTypeInvalid(argument, "an int", given)
    if given < 1:
        raise errors.JobInvalid(f"`{argument}` must be at least 1, not {given}")
    return given


def names(argument: str, given: object) -> tuple[str, ...]:
    """A list of sites."""
    if given is None:
        return ()
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise errors.JobTypeInvalid(argument, "a list of clients' names", given)
    return tuple(target(_text(argument, each)) for each in given)


def meta(given: object) -> Mapping[str, object]:
    """What else `meta.json` is to say."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise errors.JobTypeInvalid("meta_props", "a dict", given)
    for key in SAID_ALREADY:
        if key in given:
            raise errors.JobInvalid(f"`meta_props` holds {key!r}, which the job says itself")
    return given


def flag(argument: str, given: object) -> bool:
    """True or False."""
    if not isinstance(given, bool):
        raise errors.JobTypeInvalid(argument, "a bool", given)
    return given


def program(given: Program) -> None:
    """That a job can run at all.

    Raises:
        errors.JobInvalid: it lacks a workflow, clients or executors.
    """
    if not given.server.workflows:
        raise errors.JobInvalid(
            f"Missing server components! Job `{given.name}` has no workflow; give the server a "
            "controller: `job.to_server(FedAvg(…))`"
        )
    if given.everyone is None and not given.sites:
        raise errors.JobInvalid(
            f"job `{given.name}` has no clients; give them what they do: "
            "`job.to_clients(ScriptRunner(…))`"
        )
    for site in given.sites or ("@ALL",):
        app = given.everyone if site == ALL_SITES else given.app(site)
        if app is not None and not app.executors:
            raise errors.JobInvalid(
                f"client `{site}` of job `{given.name}` has no executor, so it does no task; "
                "give it a ScriptRunner or an Executor"
            )
    with suppress(errors.SitesUnclear):
        clients(given, given.site_names())
    _filtered(given)


def clients(given: Program, known: Sequence[str]) -> None:
    """That a job can run with these clients.

    Raises:
        errors.JobInvalid: they are too few, or one that must be there is not.
    """
    if given.min_clients > len(known):
        shown = ", ".join([*known[:5], *(["…"] if len(known) > 5 else [])])
        raise errors.JobInvalid(
            f"`min_clients` is {given.min_clients}, and the job has {len(known)} clients: "
            f"{shown}; lower it, or add clients"
        )
    if missing := [each for each in given.mandatory_clients if each not in known]:
        raise errors.JobInvalid(
            f"`mandatory_clients` names {', '.join(missing)}, which the job does not have"
        )


def aggregators(server: App, objects: Mapping[str, object]) -> None:
    """That those that the server was given, `objects` by their ids, are used by its workflows.

    Raises:
        errors.JobInvalid: one is not, and a plain mean would be taken instead, without a word.
    """
    from ame.federation.job import asked

    found = _aggregators(objects)
    if not found or not asked.is_known(server):
        return
    used = _said(server)
    handed = {part.path.rpartition(".")[2] for top in server.workflows for part in within(top.args)}
    for name, kind in found.items():
        if name not in used and kind not in handed:
            raise errors.JobInvalid(
                f"`{kind}` is given to the server as `{name}`, and no workflow uses it; hand it to "
                f"yours, `FedAvg(aggregator={kind}(…))`, or by its id, "
                f"`ScatterAndGather(aggregator_id={name!r})`"
            )


def idle(given: Program, objects: Mapping[str, Mapping[str, object]]) -> None:
    """Warns of aggregators that clients were given, `objects` by client and id, and do not use.

    NVFLARE runs such jobs, and so does ame; what executors of a user's own use is not known.
    """
    from ame.federation.flare import names

    found = {client: _aggregators(each) for client, each in objects.items()}
    apps = [app for app in given.apps() if app is not given.server]
    executors = [routed.executor.path for app in apps for routed in app.executors]
    if not any(found.values()) or not all(map(names.ours, executors)):
        return
    used = {text for app in apps for text in _said(app)}
    for client, aggregators in found.items():
        for name, kind in aggregators.items():
            if name not in used:
                _log.warning(
                    "`%s` is given to %s as `%s`, and no executor there uses it: it does nothing. "
                    "Where the server aggregates, hand it to the workflow, "
                    "`FedAvg(aggregator=%s(…))`; else leave it out",
                    kind, "all clients" if client == ALL_SITES else f"`{client}`", name, kind,
                )  # fmt: skip


def _aggregators(objects: Mapping[str, object]) -> dict[str, str]:
    """The kinds of those among them, by their ids."""
    from ame.federation.spec.learnable import Aggregator

    return {
        name: type(obj).__name__ for name, obj in objects.items() if isinstance(obj, Aggregator)
    }


def _said(app: App) -> set[str]:
    """All texts among the arguments of its parts: the ids that they ask for are there."""
    from ame.federation.job import asked

    return {text for part in app.parts() for text in _texts([part.lead, asked.arguments(part)])}


def _filtered(given: Program) -> None:
    """That no filter is for a task that is spelt almost like one of the job's."""
    from difflib import get_close_matches

    from ame.federation.job import asked

    filtered = [
        each for app in given.apps() for each in (*app.task_data_filters, *app.task_result_filters)
    ]
    if not filtered or not asked.is_known(given.server):
        return
    known = asked.tasks(given.apps())
    for each in filtered:
        for task in set(each.tasks).difference(known):
            if near := get_close_matches(task, known, n=1, cutoff=0.8):
                raise errors.JobInvalid(
                    f"`{each.filters[0].path.rpartition('.')[2]}` filters the task `{task}`, which "
                    f"the job does not give; did you mean `{near[0]}`?"
                )


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for each in value.values():
                yield from _texts(each)
        case Sequence():
            for each in value:
                yield from _texts(each)


def _text(argument: str, given: object) -> str:
    if not isinstance(given, str):
        raise errors.JobTypeInvalid(argument, "a str", given)
    return given

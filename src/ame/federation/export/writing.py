"""A program as the files of NVFLARE's job folder."""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ame import errors
from ame.federation.export import models, scripts, tasks
from ame.federation.export.parts import Writer
from ame.federation.export.rewriting import rewritten
from ame.federation.job import asked
from ame.federation.job.draft import free
from ame.federation.program import App, File, Filtered, Part, Program, Version

Files = dict[PurePosixPath, bytes]
Plain = Any

EVERYWHERE = "@ALL"
STEPS = "ame.federation.workflows.averaging.fedopt_torch.FedOpt"
"""Takes whole models for differences there."""


def files(program: Program, version: Version, clients: int | Sequence[str] | None = None) -> Files:
    """All files of the job's folder, by their places in it.

    Raises:
        errors.NotExportable, errors.SitesUnclear: see `export.write`.
    """
    if version not in {"2.7", "2.9"}:
        raise errors.JobInvalid(f"`flare_version` is {version!r}; give '2.7' or '2.9'")
    found: Files = {}
    deploy: dict[str, list[str]] = {}
    writing = _Writing(program, version)
    for name, (app, client, sites) in _apps(program, clients).items():
        found |= writing.app(name, app, client)
        deploy[name] = list(sites)
    found[PurePosixPath("meta.json")] = _json(_meta(program, deploy))
    return found


def _apps(
    program: Program, clients: int | Sequence[str] | None
) -> dict[str, tuple[App | None, App | None, tuple[str, ...]]]:
    """The folders of apps: what is the server's in it, what is a client's, and who gets it."""
    if not program.sites and clients is None:
        assert program.everyone is not None
        if not _clash(program.server, program.everyone):
            return {"app": (program.server, program.everyone, (EVERYWHERE,))}
    sites = program.site_names(_mixed(program, clients))
    alike: dict[int, list[str]] = {}
    kept = {site: program.app(site) for site in sites}
    for site in sites:
        same = next((other for other in alike if kept[alike[other][0]] == kept[site]), len(alike))
        alike.setdefault(same, []).append(site)
    found: dict[str, tuple[App | None, App | None, tuple[str, ...]]] = {
        "app_server": (program.server, None, ("server",))
    }
    for group in alike.values():
        name = f"app_{group[0]}" if len(group) == 1 else f"app_clients{len(found)}"
        found[name] = (None, kept[group[0]], tuple(group))
    return found


def _mixed(program: Program, clients: int | Sequence[str] | None) -> int | Sequence[str] | None:
    if clients is None and program.everyone is not None:
        raise errors.SitesUnclear(
            "some clients have parts of their own beside those of all, and NVFLARE must be told "
            "of each client what it does; give `clients`: how many, or their names"
        )
    return clients


def _clash(one: App, other: App) -> bool:
    """Whether two apps have different files for one place."""
    places = {(file.folder, file.target): file.read() for file in one.files}
    return any(places.get((f.folder, f.target), f.read()) != f.read() for f in other.files)


def _meta(program: Program, deploy: Mapping[str, Sequence[str]]) -> dict[str, Plain]:
    named = (
        {"mandatory_clients": list(program.mandatory_clients)} if program.mandatory_clients else {}
    )
    return {
        "name": program.name,
        "resource_spec": {},
        "min_clients": program.min_clients,
        "deploy_map": deploy,
        **named,
        **program.meta,
    }


class _Writing:
    """Writes the apps of one job for one version."""

    def __init__(self, program: Program, version: Version) -> None:
        self.version = version
        self.tasks = asked.tasks(program.apps())
        self.workflows = program.server.workflows
        self.known = asked.is_known(program.server)
        self.models = models.Models(
            files=models.all_files(app.files for app in program.apps()),
            packages=program.packages,
        )

    def app(self, name: str, server: App | None, client: App | None) -> Files:
        """One app's folder, below its name."""
        found: Files = {}
        for app, kind in ((server, "server"), (client, "client")):
            if app is None:
                continue
            writer = Writer(version=self.version, models=self.models, known=frozenset(app.params))
            config = self._server(app, writer) if kind == "server" else self._client(app, writer)
            found[PurePosixPath(f"config/config_fed_{kind}.json")] = _json(config)
            for file in app.files:
                found[PurePosixPath(file.folder) / file.target] = self._content(file)
            for target, content in writer.files.items():
                place = PurePosixPath("custom") / target
                if found.get(place, content) != content:
                    raise errors.JobConflict(
                        f"`{target}` is a file of the job and of its export; rename the first"
                    )
                found[place] = content
        return {PurePosixPath(name) / target: content for target, content in found.items()}

    def _content(self, file: File) -> bytes:
        content = file.read()
        if file.cut_from is not None:
            content = f"{ast.unparse(ast.parse(content))}\n".encode()
        is_code = file.folder == "custom" and file.target.suffix == ".py"
        return rewritten(content, str(file.target), self.version) if is_code else content

    def _server(self, app: App, writer: Writer) -> dict[str, Plain]:
        return {
            "format_version": 2,
            **app.params,
            "workflows": [writer.component(part) for part in app.workflows],
            "components": [*map(writer.component, self.models.located(app.components))],
            **self._filters(app, writer),
        }

    def _client(self, app: App, writer: Writer) -> dict[str, Plain]:
        taken = {part.id for part in app.components}

        def unused(wanted: str) -> str:
            found = free(wanted, taken)
            taken.add(found)
            return found

        executors, beside = [], []
        scripted = [each for each in app.executors if each.executor.path == scripts.EXECUTOR]
        if self.version == "2.9" and len(scripted) > 1:
            raise errors.NotExportable(
                str(scripted[1].executor.args["script"]), self.version,
                "there a client runs one script only; give one script all tasks",
            )  # fmt: skip
        for each in scripted:
            self._check_differences(each.executor)
        for routed in app.executors:
            if routed in scripted:
                made = scripts.executor(routed.executor, self.version, unused, writer.known)
                executor = made.executor
                beside += made.components
            else:
                executor = writer.object(routed.executor)
            executors.append({"tasks": list(routed.tasks), "executor": executor})
        return {
            "format_version": 2,
            **app.params,
            "executors": executors,
            "components": [*map(writer.component, app.components), *beside],
            **self._filters(app, writer),
        }

    def _check_differences(self, script: Part) -> None:
        steps = any(part.path == STEPS for part in self.workflows)
        if steps and script.args.get("params_transfer_type", "FULL") != "DIFF":
            raise errors.NotExportable(
                str(script.args["script"]), self.version,
                "there FedOpt takes what clients send for differences; give its ScriptRunner "
                "`params_transfer_type='DIFF'`, with which it trains the same here",
            )  # fmt: skip

    def _filters(self, app: App, writer: Writer) -> dict[str, Plain]:
        return {
            "task_data_filters": list(self._chains(app.task_data_filters, writer)),
            "task_result_filters": list(self._chains(app.task_result_filters, writer)),
        }

    def _chains(self, filtered: Sequence[Filtered], writer: Writer) -> Iterator[Plain]:
        for each in tasks.by_task(filtered, self.tasks, known=self.known, version=self.version):
            way = {"direction": each.direction} if each.direction else {}
            made = [writer.object(part) for part in each.filters]
            yield {"tasks": list(each.tasks), **way, "filters": made}


def _json(value: Plain) -> bytes:
    return json.dumps(value, indent=4, allow_nan=False).encode() + b"\n"

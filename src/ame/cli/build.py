"""`ame build`, and `task_builder_client`, which is the same under another name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ame import errors
from ame.cli import remote
from ame.cli.options import json_or_text
from ame.cli.terminal import shown

if TYPE_CHECKING:
    from ame.builder.places import Server
    from ame.builder.work import Asked, Built
    from ame.protocol.pb import task_builder as pb

Command = TypeVar("Command", bound=Callable[..., Any])
DONE: Final = "Success! Tasks are built, and artifacts are uploaded to the cloud."
OWN_SERVER: Final = "http://127.0.0.1:8080"
ODP_SERVER: Final = "http://localhost:8082/"
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"


def option(name: str, help_: str, **more: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's
    """An option that may be spelt with `_` and with `-`."""
    return click.option(f"--{name}", f"--{name.replace('_', '-')}", help=help_, **more)


def switch(name: str, help_: str) -> Callable[[Command], Command]:
    """An option that is on as `--name`, `--name=true`, and off as `--name=false`."""
    return option(name, help_, type=click.BOOL, is_flag=False, flag_value="true", default=False)


OPTIONS: Final = (
    option("saved_model", "A SavedModel or a `.keras` file: a path, `gs://…` or `s3://…`."),
    option("task_config", "A TaskConfig in text protobuf: a path, `gs://…` or `s3://…`."),
    switch("build_artifact_only", "Make no tasks; `artifact_building` says where artifacts go."),
    option("task_management_server", "Where tasks are made.", metavar="URL"),
    option("gcp_service_account", "A service account to be for that server.", default=""),
    option("gcp_target_scope", "Of that account's token.", default=SCOPE),
    option("google_cloud_project", "Of buckets, instead of the default one.", default=""),
    option("batch_size", "Examples in a batch, instead of what the configuration says.", type=int),
    option("max_training_batches_per_client", "Likewise how many batches.", type=int),
    option("example_collection_uri", "Likewise which examples.", default=""),
    option("population_name", "Likewise which devices.", default=""),
    option("storage_path", "What stands for `{storage_path}` in it.", default=""),
    option("task_builder_server", "Have this server build.", default="", metavar="URL"),
    option("impersonate_service_account", "A service account to be for it.", default=""),
    option("api_key", "An api key for it.", default="", envvar="AME_BUILDER_KEY"),
    switch("skip_flex_ops_check", "Let through operations that devices may not have."),
    switch("skip_dp_check", "Let through noise that is not enough for the target."),
    switch("skip_dp_aggregator", "Clip nothing and add no noise."),
    switch("client_graph", "Put the client's graph beside the flatbuffer, for TensorFlow."),
    click.option("--report", is_flag=True, help="Say what is learnt, how privately, how large."),
    json_or_text,
)


SWITCHES: Final = (
    "build_artifact_only",
    "skip_flex_ops_check",
    "skip_dp_check",
    "skip_dp_aggregator",
    "client_graph",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The command line."""

    saved_model: str | None
    task_config: str | None
    build_artifact_only: bool
    task_management_server: str
    gcp_service_account: str
    gcp_target_scope: str
    google_cloud_project: str
    batch_size: int | None
    max_training_batches_per_client: int | None
    example_collection_uri: str
    population_name: str
    storage_path: str
    task_builder_server: str
    impersonate_service_account: str
    api_key: str
    skip_flex_ops_check: bool
    skip_dp_check: bool
    skip_dp_aggregator: bool
    client_graph: bool
    report: bool
    form: str


def _command(name: str, server: str) -> click.Command:
    def run(task_management_server: str | None, **said: Any) -> None:  # noqa: ANN401 - click's
        """Builds plans, checkpoints and tasks of a model and a TaskConfig.

        With --build_artifact_only the artifacts go where `artifact_building` says; else tasks are
        made on --task_management_server, and the artifacts go to them.
        """
        named = task_management_server or os.environ.get("AME_SERVER") or server
        _run(Said(task_management_server=named, **said))

    for part in reversed(OPTIONS):
        run = part(run)
    example = f"Example: `{name} --saved_model=model --task_config=task.pbtxt --report`"
    return click.command(name, epilog=example)(run)


command = _command("ame build", OWN_SERVER)


def main() -> None:
    """`task_builder_client`."""
    from ame.cli.main import run

    sys.argv[1:] = [_spelt(each) for each in sys.argv[1:]]
    run(_command("task_builder_client", ODP_SERVER), "task_builder_client")


def _spelt(argument: str) -> str:
    """An option that is spelt as Google's commands may have it: `-name`, and `--noname`."""
    name = argument.lstrip("-")
    if argument.startswith("-") and not argument.startswith("--") and name[:1].isalpha():
        return f"--{name}"
    if argument.startswith("--no") and name.removeprefix("no") in SWITCHES:
        return f"--{name.removeprefix('no')}=false"
    return argument


def _run(said: Said) -> None:
    for name in ("saved_model", "task_config"):
        if not getattr(said, name):
            raise click.UsageError(f"`--{name}` is required but not set.")
    from ame.builder import work
    from ame.builder.places import Files
    from ame.protocol.pb import task_builder as pb

    files = Files(project=said.google_cloud_project)
    changes = work.Changes(
        population=said.population_name,
        batch_size=said.batch_size or 0,
        max_batches=said.max_training_batches_per_client or 0,
        selector=said.example_collection_uri,
        storage=said.storage_path,
    )
    asked = work.Asked(
        model=str(said.saved_model),
        config=work.read(str(said.task_config), files, changes),
        flags=pb.ExperimentFlags(
            skip_flex_ops_check=said.skip_flex_ops_check,
            skip_dp_check=said.skip_dp_check,
            skip_dp_aggregator=said.skip_dp_aggregator,
        ),
        artifacts_only=said.build_artifact_only,
        graph=said.client_graph,
    )
    if said.task_builder_server:
        _remotely(said, asked)
        return
    built = work.build(asked, files)
    from ame.builder import group, report

    if said.build_artifact_only:
        group.upload(files, built.group, built.made)
        made = built.group
    else:
        made = group.create(_tasks_server(said), files, built.group, built.made)
    answer = pb.BuildTaskResponse(task_group=made, task_report=report.message(built.settings))
    _show(said, answer, built)


def _remotely(said: Said, asked: Asked) -> None:
    """Has another server build. A model of this machine goes with what it is asked for."""
    from ame.builder import making
    from ame.builder.places import servers, tokens
    from ame.protocol.pb import task_builder as pb

    url = said.task_builder_server
    headers = _own(url)
    if not (headers or said.api_key or tokens.is_local(url)):
        path = "build-artifacts" if asked.artifacts_only else "build-task-group"
        audience = f"{url.rstrip('/')}/taskbuilder/v1:{path}"
        headers = _bearer(tokens.id_token(said.impersonate_service_account, audience))
    request = pb.BuildTaskRequest(task_config=asked.config, flags=asked.flags)
    model = Path(asked.model.removeprefix("file://"))
    if "://" not in str(model) and model.exists():
        request.saved_model.inline_resource.data = making.pack(model)
    else:
        request.saved_model.uri = asked.model
    builder = servers.Server(url=url, headers=headers, key=said.api_key)
    answer = builder.build(request, artifacts_only=asked.artifacts_only)
    if answer.WhichOneof("result") != "task_group":
        kind = pb.ErrorType.Enum.Name(answer.error_info.error_type)
        raise errors.BuildRefused(kind, answer.error_info.error_message)
    _show(said, answer, None)


def _tasks_server(said: Said) -> Server:
    from ame.builder.places import servers, tokens

    url = said.task_management_server
    headers = _own(url)
    account, scope = said.gcp_service_account, said.gcp_target_scope
    if account and scope and not headers and not tokens.is_local(url):
        headers = _bearer(tokens.access_token(account, scope))
    return servers.Server(url=url, headers=headers)


def _own(url: str) -> dict[str, str]:
    """The operators' token of an `ame server`, where there is one for this address."""
    from ame.builder.places import tokens

    if tokens.is_local(url) or os.environ.get("AME_OPERATOR_TOKEN"):
        return _bearer(remote.token())
    return {}


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


def _show(said: Said, answer: pb.BuildTaskResponse, built: Built | None) -> None:
    if said.form == "json":
        from google.protobuf import json_format

        from ame.protocol.pb import _pool

        click.echo(shown.as_json(json_format.MessageToDict(answer, descriptor_pool=_pool.POOL)))
        return
    if said.report:
        from ame.builder import report

        text = report.text(built.settings, built.made) if built else report.told(answer.task_report)
        click.echo(text + "\n")
    group = answer.task_group
    for kind, task in (("training", group.training_task), ("evaluation", group.eval_task)):
        if task.task_id:
            click.echo(f"task {task.population_name}/{task.task_id}: {kind}")
        for url in (*task.server_phase_url, *task.client_only_plan_url, *task.init_checkpoint_url):
            if not task.task_id:
                click.echo(f"{kind}: {url}")
    looks = group.eval_task.info.evaluation_info.training_task_id
    if group.training_task.task_id and looks and looks != group.training_task.task_id:
        click.echo(
            f"the evaluation is of task {looks}, as source_training_task_id says, not of "
            f"{group.training_task.task_id}",
            err=True,
        )
    click.echo(DONE)

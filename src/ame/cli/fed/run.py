"""`ame fed run`: a federated job on simulated sites, or on another engine."""

import json
import os
from pathlib import Path

import click

import ame
from ame import errors
from ame.cli import completion, exits
from ame.cli.fed import jobs
from ame.cli.fed import options as shared
from ame.cli.options import Amount, json_or_text, open_store
from ame.cli.terminal import shown
from ame.federation import engines
from ame.federation.codes import Code


@click.command(
    "run",
    cls=shared.OfScript,
    epilog="""\b
Examples:
  ame fed run job.py                   as `python job.py`, and NVFLARE's names work, too
  ame fed run job.py --clients 100 --threads 8
  ame fed run job.py -- --epochs 3     arguments for job.py
  ame fed run exported/my_job --clients site-1,site-2
  ame fed run --resume my_job-k3p9x2   continue from its last round
""",
)
@click.argument(
    "target", required=False, type=click.Path(exists=True, path_type=Path), metavar="TARGET"
)
@shared.arguments
@shared.clients
@click.option("-t", "--threads", type=click.IntRange(min=1), help="Worker processes.")
@click.option("--gpu", metavar="IDS", help="GPUs that sites share, such as `0,1`.")
@click.option(
    "-w",
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the job's files go; what is there stays.",
)
@click.option("--seed", type=int, help="What chance depends on; 0 unless given.")
@click.option("--isolate", is_flag=True, default=None, help="Give each site a process of its own.")
@click.option(
    "--dropout",
    type=Amount(0, 1),
    help="The part of sites that stays away from each round, by the seed.",
)
@click.option(
    "--stragglers", type=Amount(0, 1), help="The part of sites that is slow, by the seed."
)
@click.option("--slowdown", type=Amount(min=1), help="How many times as long those take; 10.")
@click.option(
    "--deadline",
    type=Amount(min=0, min_open=True),
    help="After how many times the usual time a site is lost.",
)
@click.option(
    "--engine",
    type=click.Choice(["ame", "flower", "nvflare"]),
    help="What does the job: this simulator, Flower, or the NVFLARE that is installed.",
)
@click.option(
    "--superlink",
    metavar="HOST:PORT",
    help="With `--engine flower`: the SuperLink to use; `http://HOST:PORT` for one without TLS.",
)
@click.option(
    "--root-certificates",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="By which the SuperLink's certificate is checked (PEM).",
)
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=completion.run_names,
    help="Continue RUN from its last round.",
)
@click.option("--logs", is_flag=True, default=None, help="Show what sites print.")
@click.option(
    "--tolerate", "tolerant", is_flag=True, default=None, help="Exit with 0 though sites were lost."
)
@json_or_text
def command(*, target: Path | None, arguments: tuple[str, ...], form: str, **given: object) -> None:
    """Runs a federated job and waits for its end.

    TARGET is a Python script that defines a job, or the folder of an exported job. A script runs
    as `__main__`; what is said here goes before what it says. ARGUMENTS are the script's.
    """
    if form == "json":
        given["quiet"] = True
    asked = engines.Command(
        options=engines.Options(**given),  # type: ignore[arg-type]  # click gives what it declares
        target=str(target.absolute()) if target else "",
        arguments=arguments,
    )
    if asked.options.resume:
        target = _resumed(asked, asked.options.resume, target)
    if target is None:
        raise click.UsageError("say which job to run: a script, or the folder of an exported job")
    try:
        jobs.do(target, asked, aside=form == "json")
    except errors.Error as error:
        ame.fail(str(error))
        raise
    if form == "json":
        store = open_store()
        click.echo(shown.as_json([shown.whole(each.run, store) for each in asked.results]))
    for result in asked.results:
        code = engines.code(result, tolerant=bool(asked.options.tolerant))
        if code is Code.FAILED and result.error is not None:
            raise click.exceptions.Exit(exits.code_of(result.error))
        if code is not Code.DONE:
            raise click.exceptions.Exit(int(code))


def _resumed(asked: engines.Command, name: str, target: Path | None) -> Path:
    """Takes over what the earlier run was asked for, where nothing else is said."""
    earlier = open_store().find(name)
    if earlier.kind != "fedjob":
        raise errors.NotAFedJob(earlier.name, earlier.kind)
    if not earlier.state.final:
        raise errors.RunUnfinished(earlier.name, str(earlier.state))
    told = json.loads(earlier.spec)
    said = {**told["options"], **asked.options.said(), "resume": earlier.name}
    said["workspace"] = Path(said["workspace"])
    asked.options = engines.Options(**said)
    asked.arguments = asked.arguments or tuple(told["arguments"])
    asked.target = asked.target or told["target"]
    os.chdir(earlier.folder)
    return target.absolute() if target else Path(asked.target)

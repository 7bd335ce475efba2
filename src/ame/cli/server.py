"""`ame server start`."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ame.cli.main import Commands
from ame.cli.options import FILE, Amount
from ame.storage import home

if TYPE_CHECKING:
    from ame.server.calls.doors import Doors
    from ame.server.cloud.opening import Wish
    from ame.server.serving import Place

group = Commands(
    name="server",
    help="The server of a fleet of devices.",
    table={"start": ("ame.cli.server:start", "Serve devices, until Ctrl-C.")},
)


def _networks(
    context: click.Context,  # noqa: ARG001 - click's own
    parameter: click.Parameter,  # noqa: ARG001 - the same
    given: tuple[str, ...],
) -> tuple[str, ...]:
    import ipaddress

    for each in given:
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The command line."""

    host: str
    port: int | None
    grpc_port: int | None
    public_url: str
    proxies: tuple[str, ...]
    folder: Path | None
    database: str
    files: str
    certificate: Path | None
    key: Path | None
    client_ca: Path | None
    api_keys: tuple[str, ...]
    operator_tokens: tuple[str, ...]
    rate: float
    settings_file: Path | None
    patience: float
    attestation_roots: Path | None
    attestation_revoked: Path | None
    broker: str
    work_path: Path | None
    config: Path | None
    more_ports: tuple[int, ...]
    superlink_tls: Path | None
    open_: bool
    operations: bool
    plain_payloads: bool
    keep_services: bool
    log_level: str
    events: bool = False
    """Whether events are told; the configuration says it."""

    @property
    def where(self) -> Path:
        """Where files are kept."""
        return self.folder or home.home() / "server"


@click.command(
    epilog="Examples: `ame server start`; "
    "`ame server start --host 0.0.0.0 --certificate fleet.pem --key fleet.key "
    "--database postgresql://fleet@db/fleet`"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="0 takes one that is free. [default: 8080, or the gateway's of `--config`]",
)
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65535),
    help="Serve gRPC there as well; 0 takes a free one.",
)
@click.option(
    "--public-url",
    default="",
    help="Where devices reach HTTP, behind a proxy for instance. [default: where they did]",
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="NETWORK",
    callback=_networks,
    help="Of proxies that are believed whom they speak for, in `X-Forwarded-For`.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where files are kept. [default: `server` in the state folder]",
)
@click.option("--database", default="", help="A `postgresql://` URL, or a SQLite file.")
@click.option("--files", default="", help="Where files are kept instead: `s3://…` or `gs://…`.")
@click.option("--certificate", type=FILE, help="For TLS.")
@click.option("--key", type=FILE, help="Of the certificate.")
@click.option(
    "--client-ca",
    type=FILE,
    help="Devices must show a certificate of this authority.",
)
@click.option(
    "--api-key",
    "api_keys",
    multiple=True,
    envvar="AME_API_KEYS",
    help="Devices must show one of these in `x-goog-api-key`.",
)
@click.option(
    "--operator-token",
    "operator_tokens",
    multiple=True,
    envvar="AME_OPERATOR_TOKENS",
    help="Of those who manage tasks. Without any, one is made and kept in the folder.",
)
@click.option("--open", "open_", is_flag=True, help="Anyone may manage tasks; on loopback only.")
@click.option(
    "--rate",
    type=Amount(0),
    default=0.0,
    help="Calls a second that one address may make; 0: any.",
)
@click.option(
    "--settings",
    "settings_file",
    type=FILE,
    help="A file of TOML with limits and times.",
)
@click.option(
    "--patience",
    type=Amount(0),
    default=0.0,
    help="Seconds that a device may wait for a task.",
)
@click.option(
    "--operations",
    is_flag=True,
    help="Answer with long-running operations over gRPC too, as newer clients expect.",
)
@click.option(
    "--plain-payloads",
    is_flag=True,
    help="Take payloads of the On-Device Personalization dialect that are not encrypted.",
)
@click.option(
    "--attestation-roots",
    type=FILE,
    help="Devices of that dialect must show that they are genuine: certificates to trust.",
)
@click.option(
    "--attestation-revoked",
    type=FILE,
    help="Certificates of such devices that are trusted no more: JSON, as Android publishes it.",
)
@click.option(
    "--broker",
    envvar="AME_BROKER",
    default="",
    help="Take calls of Flower tasks there as well: `amqp://…` or `amqps://…`.",
)
@click.option(
    "--work-path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where `tasks/task_ID` is, for tasks whose code is not uploaded. [default: this folder]",
)
@click.option(
    "--config",
    type=FILE,
    help="A `config.ini` that names the broker, the gateway's port, and whether events are told.",
)
@click.option(
    "--also-port",
    "more_ports",
    type=click.IntRange(1, 65535),
    multiple=True,
    help="Serve at this port as well: of older clients, 9001 and 5000.",
)
@click.option(
    "--superlink-tls",
    metavar="FOLDER",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with `ca.crt`, `server.pem` and `server.key`: by which SuperLinks of Flower "
    "apps speak TLS with SuperNodes of sites, which then show a key as well.",
)
@click.option(
    "--keep-services",
    is_flag=True,
    help="Let services of Flower tasks go on when the server ends; the next one finds them.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is told on standard error; a line for each request that is refused is `info`.",
)
def start(**said: Any) -> None:  # noqa: ANN401 - click gives what it declares
    """Serves a fleet of devices: the Federated Compute protocol, and the management of tasks.

    Flower tasks are kept, started and offered to their clients beside that. One machine needs
    nothing else: all is kept in SQLite and a folder.
    """
    from ame.cli.terminal import logs
    from ame.server import serving

    asked = _configured(Said(**said))
    logs.show(asked.log_level)
    _check_certificate(asked)
    secret = asked.where / "operator-token"

    def ready(http: str, grpc: str) -> None:
        click.echo(f"serving at {http}" + (f", gRPC at {grpc}" if grpc else ""))
        if not asked.open_ and not asked.operator_tokens:
            click.echo(f"operators show the token in {secret}")

    serving.run(_place(asked), ready)


def _check_certificate(said: Said) -> None:
    if said.certificate is None and said.key is None:
        return
    if said.certificate is None or said.key is None:
        raise click.UsageError("--certificate and --key belong together: give both, or neither")
    import ssl

    try:
        ssl.create_default_context().load_cert_chain(said.certificate, said.key)
    except ssl.SSLError as error:
        raise click.UsageError(
            f"{said.certificate} and {said.key} are no certificate and its key, in PEM ({error})"
        ) from None


def _configured(said: Said) -> Said:
    """What was said, and for the rest what the configuration says."""
    if said.config is None:
        return said
    from ame.daemon.site import config

    read = config.Config.read(said.config)
    port, more_ports = said.port, said.more_ports
    if port is None:  # 8080 is left to Flower, whose clients of that time look there
        port = read.gateway_port
    elif port != read.gateway_port:
        more_ports = tuple(dict.fromkeys((*more_ports, read.gateway_port)))
    broker = said.broker or read.server_broker
    return replace(said, port=port, more_ports=more_ports, broker=broker, events=read.events)


def _place(said: Said) -> "Place":
    from ame.server.serving import Place
    from ame.server.settings import Settings

    return Place(
        folder=said.where,
        database=said.database,
        files=said.files,
        host=said.host,
        port=8080 if said.port is None else said.port,
        grpc_port=said.grpc_port,
        public=said.public_url,
        certificate=said.certificate,
        key=said.key,
        client_ca=said.client_ca,
        doors=_doors(said),
        settings=(
            Settings.read(said.settings_file, patience_seconds=said.patience)
            if said.settings_file
            else Settings(patience_seconds=said.patience)
        ),
        operations_answered=said.operations,
        plain=said.plain_payloads,
        attestation=said.attestation_roots,
        revoked=said.attestation_revoked,
        more_ports=said.more_ports,
        cloud=_flower_tasks(said),
    )


def _doors(said: Said) -> "Doors":
    from ame.server.calls.doors import Doors, digest
    from ame.server.calls.rates import Rates

    tokens = said.operator_tokens or (() if said.open_ else (_token(said.where),))
    return Doors(
        keys=frozenset(map(digest, said.api_keys)),
        operators=frozenset(map(digest, tokens)),
        open=said.open_,
        rates=Rates(per_second=said.rate),
        proxies=said.proxies,
    )


def _flower_tasks(said: Said) -> "Wish":
    from ame.federation.flower.deployment.programs import Tls
    from ame.server.cloud.opening import Wish

    return Wish(
        folder=said.where,
        home=home.home(),
        work=said.work_path or Path.cwd(),
        broker=said.broker,
        events=said.events,
        self_test=said.open_,
        keep_services=said.keep_services,
        superlink_tls=Tls.read(said.superlink_tls).folder if said.superlink_tls else None,
        rate=said.rate,
    )


def _token(folder: Path) -> str:
    """The operators' token of this folder; made once."""
    path = folder / "operator-token"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32) + "\n")
    return path.read_text().strip()

"""Containers: a command run by Docker or Podman, with the interface of a plain child.

The engine's own client is the child; the container that it makes carries labels by which it is
found again when this process, or the client, is killed.
"""

import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from ame import errors, process
from ame.engine.backends import memory
from ame.engine.backends.client import Client
from ame.engine.backends.contained import (
    HOME,
    Contained,
    Container,
)

SETTING = "AME_CONTAINER_ENGINE"
"""The variable that says which engine: `docker`, `podman`, or the path of either's client."""

_ENTER = 'set -a; . "$1"; set +a; : >"$1"; shift; exec "$@" 2>&1'
"""In the container: takes the variables over, empties their file, becomes the command.

They are not given to the engine, which would keep them with the container. One stream for what is
printed and for errors keeps their order.
"""


class Kind(StrEnum):
    """Which engine it is."""

    DOCKER = "docker"
    PODMAN = "podman"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file or folder of this machine that a container sees under the same path."""

    path: Path
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that is on this machine."""

    name: str
    """As the engine knows it."""
    id: str
    path: str
    """Where programs are looked for in it, as in the variable `PATH`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A container engine that answers."""

    kind: Kind
    client: Client
    version: str
    rootless: bool
    pull: Literal["missing", "always", "never"] = "missing"
    """When an image is pulled."""
    network: str = ""
    """The network that containers join; by default the engine's own default."""

    @classmethod
    def find(
        cls,
        variables: Mapping[str, str],
        *,
        wanted: str = "",
        pull: Literal["missing", "always", "never"] = "missing",
        network: str = "",
    ) -> Self:
        """The engine of `AME_CONTAINER_ENGINE`, else `wanted`, else the first that answers.

        Docker is asked first, at `DOCKER_HOST` when that is set.

        Raises:
            errors.ContainerEngineMissing: none is installed, or none of those installed answers.

        """
        one = variables.get(SETTING) or wanted
        tried: dict[str, str] = {}
        for name in (one,) if one else tuple(Kind):
            program = shutil.which(name, path=variables.get("PATH"))
            if program is None:
                tried[name] = ""
                continue
            client = Client(program=program, variables=variables)
            try:
                kind, version, rootless = _ask(client)
            except errors.ContainerEngineSilent as error:
                tried[name] = error.said
                continue
            return cls(
                kind=kind,
                client=client,
                version=version,
                rootless=rootless,
                pull=pull,
                network=network,
            )
        raise errors.ContainerEngineMissing(tried)

    def describe(self) -> str:
        """In words: `docker 20.10.24`, `podman 4.3.1, rootless`."""
        return f"{self.kind} {self.version}{', rootless' if self.rootless else ''}"

    def fetch(
        self, name: str, *, run: Callable[[process.Command], process.Exit], folder: Path
    ) -> Image:
        """The image of that name, pulled first when it is missing.

        `run` does the pull, in `folder`, with its output in the log; what it raises is passed on.

        Raises:
            errors.ImageMissing: it is not here, and could not be pulled or was not to be.

        """
        image = None if self.pull == "always" else self._image(name)
        if image is None and self.pull != "never":
            full = self._full(name)
            run(self._command(("pull", "--", full), folder))
            image = self._image(full)
        if image is None:
            raise errors.ImageMissing(name, self.pull != "never")
        return image

    def start(
        self,
        supervisor: process.Supervisor,
        command: process.Command,
        limits: process.Limits,
        image: Image,
        *,
        run: str,
        step: str,
        owner: str,
        mounts: Iterable[Mount] = (),
        gpus: tuple[str, ...] = (),
        after: Callable[[], None] = lambda: None,
    ) -> Contained:
        """Starts a command in a new container.

        The command sees its folder and `mounts` under their own paths, and of variables only its
        own, those of the image, and `HOME`. It runs as this user. The image needs `/bin/sh`.
        `owner` is the process that leads the run, as `process.Identity` writes itself. `after` is
        called once the container is gone.

        Raises:
            errors.VariableUnfit: the name of a variable is none that a shell takes.

        """
        container = Container(
            client=self.client,
            name=f"ame-{_slug(run)}-{_slug(step)}-{secrets.token_hex(4)}",
            image=image.name,
            scratch=Path(tempfile.mkdtemp(prefix=_SCRATCH)),
        )
        seen = {mount.path: mount for mount in (*mounts, Mount(path=command.folder))}
        try:
            entry = container.admit({**command.variables, **_devices(gpus)})
            arguments = (
                *("run", "--name", container.name, "--pull", "never", "--init"),
                *_labels(run=run, step=step, owner=owner, scratch=container.scratch),
                *_bind(Mount(path=container.home), HOME),
                *(word for mount in seen.values() for word in _bind(mount)),
                *self._options(limits, gpus),
                *("--workdir", str(command.folder), "--entrypoint", "/bin/sh", "--", image.name),
                *("-c", _ENTER, "ame", entry, *command.argv),
            )
            child = supervisor.start(
                self._command(arguments, container.scratch),
                process.Limits(storage=limits.storage, folder=limits.folder or command.folder),
            )
        except BaseException:
            shutil.rmtree(container.scratch, ignore_errors=True)
            raise
        return Contained(
            child,
            container,
            limited=self._limited(limits, child.limited),
            watch=self._watch(supervisor, container) if limits.memory is not None else None,
            after=after,
        )

    def sweep(self, alive: Callable[[str], bool]) -> tuple[str, ...]:
        """Ends and removes the containers of this user on this machine whose owner is not alive.

        Returns the runs that they belonged to.

        Raises:
            errors.Unavailable: the engine no longer answers.

        """
        listed = self.client.say("ps", "--all", "--quiet", "--filter", f"label=ame.host={_host()}")
        names = listed.split()
        if not names:
            return ()
        swept: list[str] = []
        found = self.client.say("inspect", "--format", "{{.Id}} {{json .Config.Labels}}", *names)
        for line in found.splitlines():
            name, _, written = line.partition(" ")
            labels = json.loads(written)
            if alive(labels["ame.owner"]):
                continue
            self.client.say("rm", "--force", "--volumes", name)
            scratch = Path(labels["ame.scratch"])
            if scratch.name.startswith(_SCRATCH) and scratch.parent == Path(tempfile.gettempdir()):
                shutil.rmtree(scratch, ignore_errors=True)
            swept.append(labels["ame.run"])
        return tuple(swept)

    def _command(self, arguments: tuple[str, ...], folder: Path) -> process.Command:
        argv = (self.client.program, *arguments)
        return process.Command(argv=argv, folder=folder, variables=self.client.variables)

    def _image(self, name: str) -> Image | None:
        try:
            told = self.client.say("image", "inspect", "--", name)
        except errors.ContainerEngineSilent as error:
            if "no such image" in error.said.lower() or "not known" in error.said.lower():
                return None
            raise
        (found,) = json.loads(told)
        variables = dict(each.split("=", 1) for each in found["Config"].get("Env") or ())
        return Image(name=name, id=found["Id"], path=variables.get("PATH", _PATH))

    def _full(self, name: str) -> str:
        """The name as Docker reads it: Podman looks nowhere for one that names no registry."""
        first, slash, _ = name.partition("/")
        if self.kind is Kind.DOCKER or (slash and (first == "localhost" or set(first) & set(".:"))):
            return name
        return f"docker.io/{name}" if slash else f"docker.io/library/{name}"

    def _user(self) -> tuple[str, ...]:
        """Files that the command makes belong to this user, whoever the container takes him for."""
        me = f"{os.getuid()}:{os.getgid()}"
        if not self.rootless:
            return ("--user", me)
        if self.kind is Kind.PODMAN:
            return ("--userns", "keep-id", "--user", me)
        return ("--user", "0:0")

    def _options(self, limits: process.Limits, gpus: tuple[str, ...]) -> Iterator[str]:
        """What does not depend on the command."""
        yield from ("--log-driver", "none", "--security-opt", "label=disable")
        yield from self._user()
        yield from ("--shm-size", str(limits.memory or _SHARED))
        if limits.memory is not None:
            yield from ("--memory", str(limits.memory), "--memory-swap", str(limits.memory))
        if limits.cpu is not None:
            yield from ("--cpus", f"{max(limits.cpu, _LEAST_CPU):f}")
        if self.network:
            yield from ("--network", self.network)
        if self.kind is Kind.PODMAN:
            for gpu in gpus:
                yield from ("--device", f"nvidia.com/gpu={gpu}")
        elif gpus:
            yield from ("--gpus", f'"device={",".join(gpus)}"')

    def _watch(self, supervisor: process.Supervisor, container: Container) -> memory.Watch:
        if self.kind is Kind.PODMAN:
            return memory.FileWatch(container.oom_file)
        words = ("events", "--since", str(int(time.time())), "--format", "{{.Action}}")
        filters = ("--filter", f"container={container.name}", "--filter", "event=oom")
        listener = supervisor.start(self._command((*words, *filters), Path("/")))
        return memory.EventWatch(listener)

    def _limited(self, limits: process.Limits, rest: str) -> str:
        held = {"memory": limits.memory, "cpu": limits.cpu}
        words = [f"{name} by {self.kind}" for name, limit in held.items() if limit is not None]
        return ", ".join([*words, *([rest] if rest else [])])


_SCRATCH = "ame-container-"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Of an image that says nothing of it, as the engines have it."""


def sweep(variables: Mapping[str, str], alive: Callable[[str], bool]) -> tuple[str, ...]:
    """As `Engine.sweep`, in every engine of this machine that answers."""
    swept: list[str] = []
    for kind in Kind:
        with suppress(errors.Unavailable):
            engine = Engine.find({**variables, SETTING: str(kind)})
            swept += engine.sweep(alive)
    return tuple(swept)


_LEAST_CPU = Decimal("0.01")
_SHARED = 1024**3
"""Bytes of /dev/shm where memory has no limit; the engines' own 64 MiB stop PyTorch's loaders."""


def _ask(client: Client) -> tuple[Kind, str, bool]:
    """Which engine answers to this client, its version, and whether it runs without root."""
    if Path(client.program).name.startswith("podman"):
        told = json.loads(client.say("version", "--format", "json"))
        return Kind.PODMAN, told["Client"]["Version"], os.geteuid() != 0
    told = json.loads(client.say("info", "--format", "{{json .}}"))
    if "host" in told:
        return Kind.PODMAN, told["version"]["Version"], told["host"]["security"]["rootless"]
    if told.get("ServerErrors"):
        raise errors.ContainerEngineSilent(client.program, "; ".join(told["ServerErrors"]))
    return Kind.DOCKER, told["ServerVersion"], "name=rootless" in told["SecurityOptions"]


def _labels(*, run: str, step: str, owner: str, scratch: Path) -> Iterator[str]:
    """By which a container is found again, and what is left of it."""
    labels = {"run": run, "step": step, "owner": owner, "host": _host(), "scratch": scratch}
    for name, value in labels.items():
        yield from ("--label", f"ame.{name}={value}")


def _devices(gpus: tuple[str, ...]) -> dict[str, str]:
    """The variable that names the GPUs: in the container they are counted from 0."""
    return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, range(len(gpus))))} if gpus else {}


def _bind(mount: Mount, target: str = "") -> tuple[str, str]:
    fields = ["type=bind", f"source={mount.path}", f"target={target or mount.path}"]
    if mount.read_only:
        fields.append("readonly")
    quoted = ['"{}"'.format(field.replace('"', '""')) for field in fields]
    return "--mount", ",".join(quoted)


def _slug(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_.-]+", "-", text)[:60]


def _host() -> str:
    """This user on this machine: another's containers of a shared engine are left alone."""
    return f"{os.uname().nodename}:{os.getuid()}"

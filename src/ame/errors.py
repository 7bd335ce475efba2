"""Every error that `ame` raises on purpose.

Error:
    ├── Invalid            what a person wrote is wrong
    │   └── ProjectInvalid an `ame.yml`, with all its faults
    ├── NotFound           what was named does not exist
    ├── Conflict           it exists already, or its state forbids the deed
    ├── Unavailable        this machine lacks what is needed
    ├── Unsupported        it needs a part of ame that is not on this machine
    ├── Denied             a key, a token or a permission is missing or wrong
    ├── Failed             work was started and did not succeed
    ├── Cancelled          somebody asked for it to end
    └── Damaged            what was stored cannot be read back

A message says what happened, where, and what to do; the attributes hold the same for programs.

"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


class Error(Exception):
    """Something went wrong that a person or a program can act upon."""


class Invalid(Error):
    """What a person wrote is wrong: a file, a value, an argument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong in a file, and where."""

    file: Path
    line: int
    """From 1; 0 when the fault is of no one line."""
    column: int
    """From 1; 0 when the fault is of no one column."""
    path: str
    """The way to it in the file's own keys, `tasks[2].executor.command`; empty for the whole."""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        said = ": ".join(part for part in (place, self.path, self.message) if part)
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in said)


class ProjectInvalid(Invalid):
    """A project file says something that cannot be meant."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


class NotFound(Error):
    """What was named does not exist."""


class Conflict(Error):
    """It exists already, or the state that it is in forbids the deed."""


class Unavailable(Error):
    """This machine lacks what is needed: a resource, a tool, a service."""


class Unsupported(Error):
    """What was asked for needs a part of ame that is not there."""


class Denied(Error):
    """A key, a token or a permission is missing or wrong."""


class Failed(Error):
    """Work was started and did not succeed."""


class Cancelled(Error):
    """Somebody asked for it to end."""


class Damaged(Error):
    """What was stored cannot be read back."""


class RunNotFound(NotFound):
    """No run and no task has that name."""

    def __init__(self, name: str, nearest: Sequence[str] = ()) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        hint = f"; did you mean {' or '.join(f'`{near}`' for near in nearest)}?" if nearest else ""
        super().__init__(f"no run is called `{name}`{hint or '; `ame task list` shows all'}")


class DatabaseDamaged(Damaged):
    """A database file is not one, or its pages cannot be read."""

    def __init__(self, path: Path, detail: str) -> None:
        self.path = path
        self.detail = detail
        super().__init__(
            f"the database {path} is damaged ({detail}): put back a copy of it, save what is left "
            f"with `sqlite3 {path} .recover`, or move it away to start with an empty one"
        )


class DatabaseNewer(Unsupported):
    """A database was written by a newer ame."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        self.path = path
        self.version = version
        self.known = known
        super().__init__(
            f"the database {path} has version {version}, this ame knows up to {known}: "
            "upgrade ame, or point AME_HOME at another folder"
        )


class DatabaseUnusable(Unavailable):
    """A database cannot be opened or written: no room, no right, or a lock held too long."""

    def __init__(self, path: Path, detail: str) -> None:
        self.path = path
        self.detail = detail
        super().__init__(
            f"the database {path} cannot be used ({detail}): see that its folder can be written, "
            "that the disk has room, and that no stopped process holds it"
        )


class RunConflict(Conflict):
    """A run of that name is kept that was created at another time: it is another run."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"another run is called `{name}` already: give this one another name")


class PythonVersionInvalid(Invalid):
    """What was given as a Python version is none."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(f"`{version}` is not a Python version: write `3.11`, `3.11.7` or `>=3.11`")


class DependenciesInvalid(Invalid):
    """A file that says what to install is missing, wrong or out of date."""

    def __init__(self, file: str, fault: str, remedy: str) -> None:
        self.file = file
        self.fault = fault
        self.remedy = remedy
        super().__init__(f"{file}: {fault}; {remedy}")


class DependencyUnsupported(Unsupported):
    """A file asks for something that `ame` does not install."""

    def __init__(self, file: str, dependency: str, remedy: str) -> None:
        self.file = file
        self.dependency = dependency
        self.remedy = remedy
        super().__init__(f"{file}: {dependency} is not supported; {remedy}")


class PythonMissing(Unavailable):
    """No interpreter of the version that was asked for, and none may be or could be fetched."""

    def __init__(self, version: str, found: Sequence[str], why: str) -> None:
        self.version = version
        self.found = tuple(found)
        self.why = why
        there = ", ".join(self.found) or "none"
        install = f"`uv python install {version}` or `pyenv install {version}`"
        if not version[:1].isdigit():
            install = f"`uv python install '{version}'`"
        super().__init__(
            f"Python {version} is not on this machine and {why}; found: {there}. "
            f"Install it ({install}) or ask for one of those"
        )


class EnvironmentFailed(Failed):
    """An environment could not be made."""

    def __init__(self, tool: str, code: int, lines: Sequence[str]) -> None:
        self.tool = tool
        self.code = code
        self.lines = tuple(lines)
        """The last ones that the tool printed."""
        last = "".join(f"\n  {line}" for line in self.lines)
        super().__init__(f"the environment could not be made: {tool} exited with {code}{last}")


class CommandInvalid(Invalid):
    """A command that is one process cannot be split into words."""

    def __init__(self, command: str, fault: str) -> None:
        self.command = command
        self.fault = fault
        super().__init__(f"the command `{command}` cannot be run: {fault}")


class BlobNotFound(NotFound):
    """The content of a file is not kept, or no longer."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"content {digest[:12]} is not kept: run again the step that made it")


class BlobDamaged(Damaged):
    """What is kept under a digest is not what was put there."""

    def __init__(self, digest: str, path: Path) -> None:
        self.digest = digest
        self.path = path
        super().__init__(
            f"content {digest[:12]} is damaged: delete {path} and run again the step that made it"
        )


class FileChanged(Conflict):
    """A file was written to while it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} changed while it was read: try again when it is complete")


class Unreadable(Denied):
    """A file or folder of a project cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(
            f"{path} cannot be read ({why}): make it readable, or leave it out by a line in "
            ".ameignore"
        )


class SecretInvalid(Invalid):
    """A secret's name or value cannot be kept, or cannot be given to a task."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(f"secret `{key}`: {why}")


class SecretNotFound(NotFound):
    """The store has no secret of that name."""

    def __init__(self, key: str, near: str = "") -> None:
        self.key = key
        self.near = near
        hint = f"did you mean `{near}`? If not, " if near else ""
        super().__init__(
            f"there is no secret `{key}`: {hint}run `ame secret add {key}`; "
            "`ame secret list` shows those there are"
        )


class SecretExists(Conflict):
    """The store has a secret of that name already."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"there is a secret `{key}` already: to give it a new value, "
            f"run `ame secret add --replace {key}`"
        )


class SecretsMissing(NotFound):
    """Secrets that tasks ask for cannot be read; nothing was started."""

    def __init__(self, faults: Sequence[tuple[str, Error]]) -> None:
        """`faults`: the name of a task and what is wrong with a secret of it."""
        self.faults = tuple(faults)
        lines = "".join(f"\n  task `{task}`: {error}" for task, error in self.faults)
        super().__init__(f"secrets cannot be read, so nothing was started:{lines}")


class KeyExposed(Denied):
    """A file that holds a key or a token can be read by others."""

    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(
            f"{file}: other users can read this file, so it is not used: "
            f"run `chmod 600 {file}`, and replace what it protects if others have read it"
        )


class KeyLost(Denied):
    """The key that the stored secrets are encrypted with is not where it was put."""

    def __init__(self, file: Path, place: str) -> None:
        """`file`: of the secrets; `place`: where the key should be."""
        self.file = file
        self.place = place
        super().__init__(
            f"{file}: the key of these secrets is not in {place}: put it back, "
            "or delete each secret (`ame secret delete`) and add it again"
        )


class SecretsDamaged(Damaged):
    """A file of secrets, or its key, was changed by something else than `ame`."""

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(
            f"{file}: {why}: restore the file from a copy, "
            "or move it away and add the secrets again"
        )


class ExtraMissing(Unsupported):
    """A package that only some users need is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra = extra
        self.purpose = purpose
        super().__init__(
            f"{purpose} needs a package that is not installed: "
            f"run `pip install 'ame-tasks[{extra}]'`"
        )


class VaultInvalid(Invalid):
    """What the settings or the environment say of a vault is wrong or missing."""

    def __init__(self, vault: str, why: str) -> None:
        self.vault = vault
        self.why = why
        super().__init__(f"vault `{vault}`: {why}")


class VaultUnavailable(Unavailable):
    """A vault does not answer, or cannot serve now."""

    def __init__(self, vault: str, address: str, why: str) -> None:
        self.vault = vault
        self.address = address
        self.why = why
        super().__init__(f"vault `{vault}` at {address}: {why}")


class VaultDenied(Denied):
    """A vault refuses the token, the role, or the reading of a path."""

    def __init__(self, vault: str, why: str) -> None:
        self.vault = vault
        self.why = why
        super().__init__(f"vault `{vault}`: {why}")


class VaultSecretNotFound(NotFound):
    """A vault has no such secret, or the secret has no such field."""

    def __init__(self, vault: str, key: str, why: str) -> None:
        self.vault = vault
        self.key = key
        self.why = why
        super().__init__(f"vault `{vault}`: secret `{key}`: {why}")


class ClaimTooLarge(Unavailable):
    """More was asked for than the machine ever has."""

    def __init__(self, short: Sequence[tuple[str, str, str]]) -> None:
        """`short`: what there is too little of, how much was asked for, how much there is."""
        self.short = tuple(short)
        parts = [f"{name} {asked}, of which it has {has}" for name, asked, has in short]
        super().__init__(f"this machine cannot give {'; '.join(parts)}: ask for less")


class SettingsInvalid(Invalid):
    """A key or a value in the settings is wrong."""

    def __init__(self, file: Path, key: str, why: str) -> None:
        self.file = file
        self.key = key
        self.why = why
        super().__init__(f"{file}: {f'`{key}`: ' if key else ''}{why}")


class PathLeaves(Invalid):
    """A path leads out of the folder that it must stay in."""

    def __init__(self, path: str, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(
            f"{what} must stay inside the project, `{path}` does not: write it relative to the "
            "project's folder, without `..`, and see that no link on the way leads out"
        )


class ArgumentsRefused(Invalid):
    """Arguments were given to a task that has no one command."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(
            f"`{task}` is a pipeline and has no one command that arguments could go to: "
            "run one of its tasks, or set variables in `environment`"
        )


class TooLarge(Unavailable):
    """A task asks for more than this machine will ever have."""

    def __init__(self, short: Mapping[str, Sequence[str]]) -> None:
        self.short = dict(short)
        """For each step, what is short, in words."""
        lines = [f"  {step}: {what}" for step, lacking in short.items() for what in lacking]
        super().__init__(
            "this machine is too small for the task:\n"
            + "\n".join(lines)
            + "\nrun it with `--fit` to give it what the machine has, or ask for less"
        )


class ArtifactMissing(Failed):
    """A task did not make what it is to save."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"artifact `{path}` was not made: no file is there")


class StepsConflict(Failed):
    """Two steps that ran beside each other wrote one path differently."""

    def __init__(self, path: str, step: str, other: str) -> None:
        self.path = path
        self.step = step
        self.other = other
        super().__init__(
            f"`{step}` and `{other}` ran beside each other and wrote `{path}` differently: "
            "let them write to different paths, or run one after the other"
        )


class DatasetEmpty(Failed):
    """What makes a data set left nothing at its path."""

    def __init__(self, dataset: str, path: str) -> None:
        self.dataset = dataset
        self.path = path
        super().__init__(f"data set `{dataset}`: its task left no file at `{path}`")


class TimedOut(Failed):
    """A command took longer than its task allows."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"timed out after {seconds:g} s")


class MlflowUnread(Unavailable):
    """What MLflow has kept cannot be read."""

    def __init__(self, uri: str, why: str) -> None:
        self.uri = uri
        self.why = why
        super().__init__(f"the metrics in {uri} could not be read: {why}")


class RunUnfinished(Conflict):
    """A run is still going."""

    def __init__(self, name: str, state: str) -> None:
        self.name = name
        self.state = state
        super().__init__(f"`{name}` is {state}: end it first with `ame task cancel {name}`")


class NotATask(Unsupported):
    """What is to be run is a model or a data set."""

    def __init__(self, name: str, what: str, instead: str) -> None:
        self.name = name
        self.what = what
        super().__init__(f"`{name}` is a {what}, and what runs is a task: {instead}")


class ResumeRefused(Conflict):
    """A run of one task cannot be continued as another task."""

    def __init__(self, run: str, task: str, wanted: str) -> None:
        self.run = run
        self.task = task
        self.wanted = wanted
        super().__init__(
            f"`{run}` is a run of `{task}`, so it cannot be continued as `{wanted}`: "
            f"leave the name out"
        )


class NotApproved(Conflict):
    """Something that cannot be undone was asked for, and nobody can be asked back."""

    def __init__(self, deed: str, option: str) -> None:
        self.deed = deed
        self.option = option
        super().__init__(f"{deed} is not approved: add `{option}`")


class DatasetNotKept(NotFound):
    """No data set of that name has been made on this machine."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no data set `{name}` is kept here; `ame ds list` shows those that are")


class ArtifactNotFound(NotFound):
    """A run has saved no such file."""

    def __init__(self, path: str, run: str, saved: Sequence[str]) -> None:
        self.path = path
        self.run = run
        near = get_close_matches(path, saved, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"`ame artifact list {run}` shows all"
        super().__init__(f"`{run}` has saved no `{path}`; {hint}")


class FileThere(Conflict):
    """A file would be overwritten."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is there already: name another place, or add `--force`")


class CycleFound(Invalid):
    """Things refer to each other in a circle."""

    def __init__(self, what: str, path: Sequence[str]) -> None:
        self.what = what
        self.path = tuple(path)
        super().__init__(f"a {what} needs itself: {' -> '.join(path)}; take one of these out")


class ContainerEngineMissing(Unavailable):
    """A task names an image, and no container engine answers."""

    def __init__(self, tried: Mapping[str, str]) -> None:
        self.tried = tried
        """Why each would not do; empty for one that is not installed."""
        silent = [f"{name} does not answer: {why}" for name, why in tried.items() if why]
        absent = [name for name, why in tried.items() if not why]
        if absent:
            silent.append(f"{' and '.join(absent)} {'are' if len(absent) > 1 else 'is'} not here")
        remedy = (
            "start it, or say with DOCKER_HOST where it is"
            if any(tried.values())
            else ("install Docker or Podman (Debian, Ubuntu: `apt install podman`)")
        )
        super().__init__(f"an image needs a container engine: {'; '.join(silent)}; {remedy}")


class ContainerEngineSilent(Unavailable):
    """A container engine gave no answer, or refused what it was asked."""

    def __init__(self, program: str, said: str) -> None:
        self.program = program
        self.said = said
        super().__init__(f"the container engine behind `{program}` failed: {said}")


class ImageMissing(NotFound):
    """There is no such image."""

    def __init__(self, image: str, fetched: bool) -> None:
        self.image = image
        self.fetched = fetched
        """Whether it was asked for where the engine fetches images."""
        super().__init__(
            f"image `{image}` is not on this machine and could not be fetched; the log says why"
            if fetched
            else f"image `{image}` is not on this machine, and the settings forbid to fetch it; "
            "build it, or fetch it with `docker pull` or `podman pull`"
        )


class ContainerFailed(Failed):
    """The container engine could not start a command."""

    def __init__(self, image: str, why: str) -> None:
        self.image = image
        self.why = why
        super().__init__(
            f"no command could be started in image `{image}`: {why}; its log holds the words of "
            "the engine"
        )


class VariableUnfit(Invalid):
    """The name of an environment variable is none that a shell takes."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"variable `{name}` cannot be set in a container; use letters, digits and `_` only"
        )

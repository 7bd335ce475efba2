"""Tasks and rounds of a fleet of devices."""

from pathlib import Path

from ame.errors.tree import (
    Conflict,
    Damaged,
    Denied,
    Failed,
    Invalid,
    NotFound,
    Unavailable,
    Unsupported,
)


class TaskMoveRefused(Conflict):
    """A task's state forbids what was asked for."""

    def __init__(self, task: str, state: str, to: str) -> None:
        self.task = task
        self.state = state
        self.to = to
        super().__init__(f"task {task} is {state} and cannot become {to}")


class RoundMoveRefused(Conflict):
    """A round's state forbids what was tried."""

    def __init__(self, task: str, number: int, state: str, to: str) -> None:
        self.task = task
        self.number = number
        self.state = state
        self.to = to
        super().__init__(f"round {number} of task {task} is {state} and cannot become {to}")


class RoundUnfinished(Conflict):
    """A round has no checkpoint."""

    def __init__(self, task: str, number: int) -> None:
        self.task = task
        self.number = number
        super().__init__(
            f"round {number} of task {task} has no checkpoint: "
            "`ame fleet task show` shows which rounds are COMPLETED"
        )


class FleetTaskUnknown(NotFound):
    """A population has no such task."""

    def __init__(self, population: str, task: str) -> None:
        self.population = population
        self.task = task
        super().__init__(
            f"population {population} has no task {task}: `ame fleet task list` shows its tasks"
        )


class PopulationInvalid(Invalid):
    """A population's name cannot be."""

    def __init__(self, population: str, longest: int) -> None:
        self.population = population
        self.longest = longest
        super().__init__(
            f"no population can be named {population!r}: a name has 1 to {longest} characters that"
            " can be printed, without line breaks"
        )


class PopulationUnknown(NotFound):
    """There is no such population."""

    def __init__(self, population: str) -> None:
        self.population = population
        super().__init__(
            f"there is no population {population}: `ame population create {population}` makes it"
        )


class AggregationUnknown(NotFound):
    """No round is known by an id."""

    def __init__(self, aggregation: str) -> None:
        self.aggregation = aggregation
        super().__init__(f"there is no aggregation {aggregation}")


class AssignmentUnknown(NotFound):
    """A token or an id names no assignment, or one that it no longer opens."""

    def __init__(self) -> None:
        super().__init__("no such assignment, or it has ended, or its token was used before")


class AssignmentEnded(Conflict):
    """A device has nothing to hand in, or comes too late with it."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the contribution is not taken: {why}")


class ContributionUnneeded(Conflict):
    """A device comes with a contribution to what has ended without it."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the contribution is not needed any more: {why}")


class SliceUnknown(NotFound):
    """A device asks for a slice that its task does not have."""

    def __init__(self, served_at: str, key: str) -> None:
        self.served_at = served_at
        self.key = key
        super().__init__(f"the task has no slice {key} at {served_at}")


class SessionEnded(Conflict):
    """A device goes on with a session that is over."""

    def __init__(self) -> None:
        super().__init__("the session is over: begin another one")


class SessionUnknown(NotFound):
    """A session is none of this server's."""

    def __init__(self) -> None:
        super().__init__("there is no such session")


class TokenRefused(Denied):
    """A token is none that this server gave out."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"this is no {kind.partition(':')[0]} token of this server")


class ContributionRefused(Invalid):
    """A device's contribution is not what its task asks for."""

    def __init__(self, tensor: str, why: str) -> None:
        self.tensor = tensor
        self.why = why
        super().__init__(f"tensor {tensor} {why}" if tensor else why)


class RoundEmpty(Failed):
    """A round ended with too little to make something of."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class FilesUnusable(Unavailable):
    """The folder of a server's files cannot be written."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"the server's files cannot be written ({why}): see that the disk of its folder has "
            "room, and that it may be written"
        )


class KeepingFailed(Unavailable):
    """What devices hear where a server's database or files are out of reach, or full."""

    def __init__(self) -> None:
        super().__init__("the server cannot keep or read anything now: come back later")


class KeptDamaged(Damaged):
    """What devices hear where a server cannot read what it has kept."""

    def __init__(self) -> None:
        super().__init__("what the server keeps is damaged, and is to be mended there")


class RecipeInvalid(Invalid):
    """What a task says of its aggregation cannot be."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(f"aggregation.{key}: {why}")


class ArtifactsMissing(Conflict):
    """A task has no plan or no checkpoint yet."""

    def __init__(self, task: str, missing: str) -> None:
        self.task = task
        self.missing = missing
        super().__init__(f"task {task} has no {missing} yet: upload it to the address of the task")


class TaskInvalid(Invalid):
    """A task that is to be made says something that cannot be."""

    def __init__(self, field: str, why: str) -> None:
        self.field = field
        self.why = why
        super().__init__(f"task.{field} {why}")


class CallUnserved(Unsupported):
    """A call of the protocol is not served here."""

    def __init__(self, call: str) -> None:
        self.call = call
        super().__init__(f"{call} is not served here")


class CallsTooMany(Unavailable):
    """One address makes more calls than it may."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        super().__init__(f"more than {per_second:g} calls a second: come back later")


class RevocationsUnreadable(Unavailable):
    """It cannot be said which certificates are trusted no more."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(
            f"{path} is no list of revoked certificates ({why}): it has to be JSON with `entries`"
        )


class UploadsTooMany(Unavailable):
    """As many uploads are under way as the server takes at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(f"{most} uploads are under way: come back in a moment")


class ServerUnusable(Unavailable):
    """A server cannot listen where it is told to."""

    def __init__(self, place: str, why: str) -> None:
        self.place = place
        self.why = why
        super().__init__(
            f"nothing can be served at {place} ({why}): choose another --host or --port"
        )


class DoorsOpen(Invalid):
    """Anyone who reaches a server could manage it."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"with --open anyone who reaches {host} could manage tasks: listen on 127.0.0.1, or "
            "use --operator-token"
        )


class ServerSilent(Unavailable):
    """A fleet's server cannot be reached. `remedy` is what else may mend it."""

    def __init__(self, server: str, why: str, remedy: str = "") -> None:
        self.server = server
        self.why = why
        self.remedy = remedy
        super().__init__(
            f"the server {server} cannot be reached ({why}): start it with `ame server start`, or "
            f"name another one with --server{remedy and '; '}{remedy}"
        )


class ServerRefused(Failed):
    """A fleet's server says that what was asked for is wrong."""

    def __init__(self, status: int, said: str) -> None:
        self.status = status
        self.said = said
        super().__init__(said or f"the server answered with HTTP {status}")


class PayloadRefused(Invalid):
    """A device's payload cannot be opened."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the payload cannot be opened: {why}")


class OperationUnknown(NotFound):
    """A long-running operation is none of this server's."""

    def __init__(self) -> None:
        super().__init__("there is no such operation")


class ServerPartFailed(Failed):
    """TensorFlow could not do what the server part of a plan says."""

    def __init__(self, target: str, why: str) -> None:
        self.target = target
        self.why = why
        super().__init__(f"the server part of the plan failed at {target}: {why}")


class BudgetSpent(Failed):
    """Another round would give away more of the devices' data than a task may."""

    def __init__(self, epsilon: float, budget: float, rounds: int) -> None:
        self.epsilon = epsilon
        self.budget = budget
        self.rounds = rounds
        super().__init__(
            f"the privacy budget is spent: after {rounds} rounds another one would come to an "
            f"epsilon of {epsilon:.4g}, beyond {budget:.4g}"
        )

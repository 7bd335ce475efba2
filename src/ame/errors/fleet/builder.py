"""Making plans of models: what is wrong with a configuration, a model, or the way to a server."""

from ame.errors.tree import Denied, Failed, Invalid, NotFound, Unavailable, Unsupported


class ConfigUnread(Invalid):
    """A TaskConfig is not what its form asks for."""

    def __init__(self, place: str, line: int, column: int, why: str) -> None:
        """`line` and `column` are from 1; 0 where the fault is of no one line."""
        self.place = place
        self.line = line
        self.column = column
        self.why = why
        at = f"{place}:{line}:{column}" if line else place
        super().__init__(f"Cannot load task config from {at}: {why}")


class ConfigInvalid(Invalid):
    """A TaskConfig says something that cannot be meant."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


class NoiseUnfit(Invalid):
    """A clipping norm cannot be adapted with so much noise."""

    def __init__(self, noise: float, goal: int) -> None:
        self.noise = noise
        self.goal = goal
        super().__init__(
            f"A noise multiplier of {noise:g} is too much to adapt the clipping norm in rounds of "
            f"{goal} contributions: it must be less than a tenth of `report_goal`. Raise "
            "`report_goal`, or use FIXED_GAUSSIAN or TREE_AGGREGATION."
        )


class ModelInvalid(Invalid):
    """What was to be a model cannot be made a plan of."""

    def __init__(self, place: str, why: str) -> None:
        self.place = place
        self.why = why
        super().__init__(f"Cannot load a model from {place}: {why}")


class OpsUnsupported(Unsupported):
    """A client's graph has operations that devices do not have."""

    def __init__(self, ops: tuple[str, ...]) -> None:
        self.ops = ops
        super().__init__(
            f"Cannot build the ClientOnlyPlan: devices do not have {', '.join(ops)}. "
            "Take them out of the model, or skip this check for devices that have them"
        )


class GraphRefused(Unsupported):
    """A client's graph cannot be converted for devices."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"Cannot build the ClientOnlyPlan: it cannot be converted: {why}")


class PlaceUnusable(Unavailable):
    """A file or an object cannot be reached, read or written."""

    def __init__(self, deed: str, place: str, why: str) -> None:
        self.deed = deed
        self.place = place
        self.why = why
        super().__init__(f"Cannot {deed} {place} ({why})")


class PlaceDenied(Denied):
    """A file or an object may not be read or written with the credentials that there are."""

    def __init__(self, deed: str, place: str, why: str) -> None:
        self.deed = deed
        self.place = place
        self.why = why
        super().__init__(f"Cannot {deed} {place} ({why}): see which account is used, and its role")


class PlaceMissing(NotFound):
    """There is no such file, object or bucket."""

    def __init__(self, deed: str, place: str) -> None:
        self.deed = deed
        self.place = place
        super().__init__(f"Cannot {deed} {place}: there is no such file or bucket")


class PlacesInvalid(Invalid):
    """It is not said, or not rightly, where artifacts are to go."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class AccountDenied(Denied):
    """One may not be a service account, or there are no credentials."""

    def __init__(self, account: str, why: str) -> None:
        self.account = account
        self.why = why
        super().__init__(
            f"no token for {account}: {why}. See `gcloud auth application-default login`, and that "
            "you have the role Service Account Token Creator"
        )


class ServerUnreachable(Unavailable):
    """A server that tasks are to be made on does not answer."""

    def __init__(self, server: str, why: str) -> None:
        self.server = server
        self.why = why
        super().__init__(f"Fail to connect: {server} ({why})")


class ServerDenies(Denied):
    """A server wants another token."""

    def __init__(self, server: str, why: str) -> None:
        self.server = server
        self.why = why
        super().__init__(f"{why} (from {server}): see which token or account it wants")


class ServerFaulty(Failed):
    """A server refuses what the builder asks for, or cannot be understood."""

    def __init__(self, server: str, status: int, why: str) -> None:
        self.server = server
        self.status = status
        self.why = why
        super().__init__(f"{why} (from {server})")


class ArtifactsFailed(Failed):
    """The child that builds has ended without a result."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"Artifact building failed: {why}")


class BuildRefused(Failed):
    """Another builder could not do what it was asked for."""

    def __init__(self, kind: str, why: str) -> None:
        self.kind = kind
        self.why = why
        super().__init__(f"Failed to create task group. Error type: {kind}; Error message: {why}")


class ExportRefused(Invalid):
    """A checkpoint cannot be put into a model."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"no model can be made of the checkpoint: {why}")

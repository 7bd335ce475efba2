"""What a device of the fleet meets with."""

from typing import TYPE_CHECKING

from ame.errors.tree import Conflict, Damaged, Denied, Failed, Invalid, NotFound, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class AddressUnsafe(Denied):
    """A device is to speak to an address that others can listen to."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(
            f"{address} is neither https nor on this machine: use https, or allow it with "
            "--insecure"
        )


class ExamplesMissing(NotFound):
    """A device holds no examples of the kind that is asked for."""

    def __init__(self, collection: str) -> None:
        self.collection = collection
        super().__init__(f"this device holds no examples of `{collection}`")


class ExamplesTooFew(Conflict):
    """A device holds fewer examples than its plan needs."""

    def __init__(self, collection: str) -> None:
        self.collection = collection
        super().__init__(f"this device holds too few examples of `{collection}` for the plan")


class RecordsDamaged(Damaged):
    """A file of records cannot be read."""

    def __init__(self, file: "Path", at: int, why: str) -> None:
        self.file = file
        self.at = at
        self.why = why
        super().__init__(f"{file} is no file of TFRecords: {why}, at byte {at}")


class PlanInvalid(Invalid):
    """A plan for devices contradicts itself, or cannot be read."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the plan cannot be run: {why}")


class PlanUnsupported(Unsupported):
    """A plan or an assignment asks for what this device cannot do."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"this device does not support {what}")


class PlanFailed(Failed):
    """A plan was begun and did not get to its end."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the plan failed: {why}")


class VisitFailed(Failed):
    """A device's visit to its server came to nothing."""

    def __init__(self, task: str, why: str, explain: str = "") -> None:
        """`explain` is the command by which an operator hears more; empty where there is none."""
        self.task = task
        self.why = why
        self.explain = explain
        about = f"task {task}" if task else "the check-in"
        tells = f"`{explain}` and the server's log" if explain else "the server's log"
        super().__init__(f"{about} failed; {tells} may tell more")


class MemoryHeld(Conflict):
    """Another process is this device already."""

    def __init__(self, folder: "Path") -> None:
        self.folder = folder
        super().__init__(f"another process uses {folder}: end it, or name another --state")


class MemoryDamaged(Damaged):
    """What a device remembers cannot be read."""

    def __init__(self, file: "Path", why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(f"{file} cannot be read ({why}): remove it to begin anew")


class FleetGaveUp(Failed):
    """Visit after visit of simulated devices came to nothing."""

    def __init__(self, why: "Mapping[str, int]") -> None:
        """`why`: for what, how often; empty: no device was eligible for any task."""
        self.why = why
        times = sorted(why.items(), key=lambda each: -each[1])
        said = "".join(f"\n  {number} x {each}" for each, number in times[:5])
        if not why:
            super().__init__(
                "no round ends: for a simulated week no device was eligible for any of the tasks "
                "that are open; see their policies and the population's eligibility plan"
            )
            return
        super().__init__(
            f"no round ends: {sum(why.values())} visits came to nothing without a contribution "
            f"between them{said}\n"
            "the server's log may tell more; --failures lets more visits fail"
        )


class SimulationFailed(Failed):
    """A process that simulates devices ended before its time."""

    def __init__(self, said: str) -> None:
        self.said = said
        super().__init__(f"a process of the simulation failed: {said or 'it said nothing'}")

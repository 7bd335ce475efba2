"""Tasks and rounds of a fleet of devices."""

from ame.errors.tree import Conflict, NotFound


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


class FleetTaskUnknown(NotFound):
    """A population has no such task."""

    def __init__(self, population: str, task: str) -> None:
        self.population = population
        self.task = task
        super().__init__(
            f"population {population} has no task {task}: `ame fleet task list` shows those there are"
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
        super().__init__("no such assignment, or its token was used before")


class AssignmentEnded(Conflict):
    """A device came too late with its contribution."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the assignment has ended: {why}")


class SessionEnded(Conflict):
    """A device goes on with a session that is over."""

    def __init__(self) -> None:
        super().__init__("the session is over: begin another one")


class SessionUnknown(NotFound):
    """A session is none of this server's."""

    def __init__(self) -> None:
        super().__init__("there is no such session")

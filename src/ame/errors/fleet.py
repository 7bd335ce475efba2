"""Tasks and rounds of a fleet of devices."""

from ame.errors.tree import Conflict


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

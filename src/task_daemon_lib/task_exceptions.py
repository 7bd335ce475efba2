"""What can be wrong with a task. The names are spelled as programs that catch them spell them."""


class TaskIdAlredyInUse(Exception):
    """A task with that id is there already."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"Task with ID={task_id} alredy exists")


class TaskAlredyRunning(Exception):
    """A task was to be started that runs."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"Task with ID={task_id} alredy running")


class TaskAlredyStopped(Exception):
    """A task was to be stopped that does not run."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"Task with ID={task_id} alredy stopped")


class TaskIdNotFound(Exception):
    """There is no task with that id."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"Task with ID={task_id} not found")


class TaskUnknownMessageType(Exception):
    """A task sent a message of a type that nobody knows."""

    def __init__(self) -> None:
        super().__init__("Unknown message type sent by task")

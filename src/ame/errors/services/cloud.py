"""Flower tasks that a server keeps, starts and offers to clients."""

from ame.errors.tree import Conflict, Denied, Failed, Invalid, NotFound, Unavailable


class SelectionInvalid(Invalid):
    """A selection criterion is no expression that can be evaluated."""

    def __init__(self, text: str, line: int, column: int, why: str) -> None:
        self.text = text
        self.line = line
        self.column = column
        self.why = why
        super().__init__(
            f"selection_criteria, line {line}, column {column}: {why}; it may have comparisons, "
            "arithmetic, `in`, `and`, `or`, `not`, names of attributes, and literals"
        )


class CloudTaskInvalid(Invalid):
    """What is to be registered of a Flower task cannot be."""

    def __init__(self, field: str, why: str) -> None:
        self.field = field
        self.why = why
        super().__init__(f"task.{field} {why}")


class CloudTaskUnknown(NotFound):
    """No Flower task has this id."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(
            f"no Flower task `{task}` is registered: `ame cloud task list` shows those that are"
        )


class CloudTaskThere(Conflict):
    """A Flower task has this id already."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(
            f"a Flower task `{task}` is registered already: `ame cloud task update` changes it"
        )


class CloudTaskRuns(Conflict):
    """The service of a Flower task runs, where it must not."""

    def __init__(self, task: str, run: str) -> None:
        self.task = task
        self.run = run
        super().__init__(
            f"Flower task `{task}` runs already, as `{run}`: `ame cloud task stop {task}` ends it"
        )


class CloudTaskIdle(Conflict):
    """The service of a Flower task does not run, where it must."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(
            f"Flower task `{task}` does not run: `ame cloud task start {task}` starts it"
        )


class CloudTaskFresh(NotFound):
    """A Flower task has no run, where one is asked for."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(
            f"Flower task `{task}` has never run: `ame cloud task start {task}` starts it"
        )


class CodeMissing(NotFound):
    """A Flower task has no code, or not the file that is to be run."""

    def __init__(self, task: str, place: str, file: str = "") -> None:
        self.task = task
        self.place = place
        self.file = file
        super().__init__(
            f"Flower task `{task}` has no {file or 'code'} at {place}: "
            f"`ame cloud task files {task} --upload FOLDER` uploads it"
        )


class CodeFileUnknown(NotFound):
    """A Flower task's code has no such file."""

    def __init__(self, task: str, path: str) -> None:
        self.task = task
        self.path = path
        super().__init__(
            f"Flower task `{task}` has no file {path!r}: `ame cloud task files {task}` lists them"
        )


class CodePathInvalid(Invalid):
    """The path of a file leads out of its task's folder, or names no file."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"{path!r} names no file of a task: write it relative to the task's folder, "
            "without `..`"
        )


class ClientInvalid(Invalid):
    """What a client registers of itself cannot be kept."""

    def __init__(self, field: str, why: str) -> None:
        self.field = field
        self.why = why
        super().__init__(f"client.{field} {why}")


class ClientUnknown(NotFound):
    """No client has registered under this id."""

    def __init__(self, client: str) -> None:
        self.client = client
        super().__init__(
            f"no client `{client}` is registered: `ame cloud user list` shows those that are"
        )


class PortTaken(Conflict):
    """A service's port is another's."""

    def __init__(self, port: int, holder: str) -> None:
        self.port = port
        self.holder = holder
        super().__init__(
            f"port {port} is taken by {holder}: end that, or give the task another port; with "
            "port 0 it gets one that is free"
        )


class PortsSpent(Unavailable):
    """No port is left for another service."""

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last
        super().__init__(
            f"all ports from {first} to {last} are taken: end services that are not needed"
        )


class ServiceUnstoppable(Failed):
    """A service was told to end, and has not."""

    def __init__(self, task: str, seconds: float) -> None:
        self.task = task
        self.seconds = seconds
        super().__init__(
            f"the service of Flower task `{task}` has not ended within {seconds:g} s: its machine "
            "may be busy or away"
        )


class FunctionRaised(Failed):
    """A function failed, in the words that its callers have always been told."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


class SiteConfigInvalid(Invalid):
    """A `config.ini` or a client information file says something that cannot be."""

    def __init__(self, file: str, why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(f"{file}: {why}")


class DownloadFailed(Failed):
    """A site could not download a task's code."""

    def __init__(self, task: str, file: str, why: str) -> None:
        self.task = task
        self.file = file
        self.why = why
        super().__init__(f"file {file!r} of task `{task}` could not be downloaded: {why}")


class OfferRefused(Denied):
    """A site does not take what it was offered."""

    def __init__(self, task: str, why: str) -> None:
        self.task = task
        self.why = why
        super().__init__(f"task {task!r} is not taken: {why}")

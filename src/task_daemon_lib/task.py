"""A task as a child process of this program, which hears what it reports and what it prints.

The child and all that it starts end when this program does, however that comes about.
"""

import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from task_daemon_lib.task_exceptions import TaskAlredyRunning, TaskAlredyStopped
from task_daemon_lib.task_listener import give

if TYPE_CHECKING:
    from ame import process
    from ame.daemon.child import Arrived, Child

Handler = Callable[[bytes], object]
"""Takes one message: a JSON object of a report, or a line that the task printed; with a line end.

It is called by a thread of the task's, one message at a time, and may stop the task. A task that
dies without having reported an error of its own is reported with one in its place."""


class Task:
    """Code of a task, in `WORK_PATH/tasks/task_ID`, that runs as a child process.

    Raises:
        FileNotFoundError: there is no such directory.

    """

    def __init__(self, work_path: str, task_id: str, enable_listener: bool = True) -> None:  # noqa: FBT001, FBT002, RUF100  # as programs call it
        self.work_path = work_path
        self.task_id = task_id
        self.task_dir_name = self._directory()
        self.forced_termination_timeout = 5.0
        """Seconds from being asked to end to being killed."""
        self.enable_listener = enable_listener
        self._child: Child | None = None
        self._handler: Handler | None = None
        self._erred = False

    @property
    def running(self) -> bool:
        """Whether the child is there."""
        return self._child is not None and self._child.ended is None

    def get_task_id(self) -> str:
        """The id that it was made with."""
        return self.task_id

    def run_task(
        self,
        filename: str,
        message_handler: Handler | None,
        arguments: Sequence[str] | str | None,
        add_work_path: bool = True,  # noqa: FBT001, FBT002, RUF100  # as programs call it
    ) -> None:
        """Starts a file of Python with the work path, unless told not to, and these arguments.

        A text is one argument, whole.

        Raises:
            TaskAlredyRunning: it runs.
            FileNotFoundError: the file is not there.
            PermissionError: it may not be read.

        """
        from ame.daemon.child import Child, python  # not before a task is started

        if self.running:
            raise TaskAlredyRunning(self.task_id)
        with open(filename, "rb"):  # noqa: PTH123  # only to be told what is wrong with it
            pass
        given = [arguments] if isinstance(arguments, str) else list(arguments or ())
        first = [self.work_path] if add_work_path else []
        self._handler = message_handler if self.enable_listener else None
        self._erred = False
        self._child = Child.start(
            python(Path(filename), *first, *given),
            folder=Path.cwd(),
            on=self._hear,
            supervisor=_supervisor(),
        )

    def stop_task(self) -> None:
        """Asks the child and all that it started to end, and kills what is left after 5 s.

        Raises:
            TaskAlredyStopped: it was not started, or has been stopped since.

        """
        if self._child is None:
            raise TaskAlredyStopped(self.task_id)
        self._handler = None
        child, self._child = self._child, None
        child.stop(self.forced_termination_timeout)

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit code when the child has ended; minus the number of what killed it.

        Raises:
            TaskAlredyStopped: it was not started, or has been stopped since.
            TimeoutError: it has not ended within so many seconds.

        """
        if self._child is None:
            raise TaskAlredyStopped(self.task_id)
        ended = self._child.wait(timeout)
        return -(ended.signal or 0) if ended.code is None else ended.code

    def _directory(self) -> str:
        directory = f"{self.work_path}/tasks/task_{self.task_id}"
        if not _is_name(self.task_id) or not Path(directory).is_dir():
            raise FileNotFoundError(f"Directory '{directory}' does not exist.")
        return directory

    def _file(self, name: str) -> str:
        file = Path(self.task_dir_name) / name
        if not _is_name(name) or not file.is_file():
            raise FileNotFoundError(f"File '{file}' not found in directory '{self.task_dir_name}'.")
        return str(file)

    def _hear(self, arrived: "Sequence[Arrived]") -> None:
        for _, message in arrived:
            content = self._content(message)
            if content is not None and self._handler is not None:
                give(self._handler, content + b"\n")

    def _content(self, message: object) -> bytes | None:
        from ame.daemon.reports import messages

        match message:
            case messages.Log():
                return message.line.encode()
            case messages.Ended() if self._erred or message.well or message.cause == "asked":
                return None
            case messages.Ended():
                last = f": {message.last_lines[-1]}" if message.last_lines else ""
                text = f"Task with ID={self.task_id} {message}{last}"
                return json.dumps(messages.write(messages.Error(exception=text))).encode()
            case messages.Error():
                self._erred = True
                return json.dumps(messages.write(message)).encode()
            case (
                messages.Model()
                | messages.Measured()
                | messages.Info()
                | messages.Print()
                | messages.Triggered()
            ):
                return json.dumps(messages.write(message)).encode()
            case _:
                return None


def _is_name(name: str) -> bool:
    """Whether it names something in a directory, and not beside it."""
    return "/" not in name and "\0" not in name and name not in ("", ".", "..")


def follow(task: Task) -> None:
    """What the commands of this library do once they have started a task: wait for its end.

    Ctrl-C and SIGTERM stop the task. Ends this program as the task ended.
    """
    import signal

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = task.wait()
    except KeyboardInterrupt:
        task.stop_task()
        code = 0
    sys.exit(code if code >= 0 else 128 - code)


def show(message: bytes) -> None:
    """The handler of those commands."""
    sys.stdout.write(f"Received by handler:  {message.decode(errors='replace').strip()}\n")
    sys.stdout.flush()


_making = threading.Lock()
_made: "list[process.Supervisor]" = []


def _supervisor() -> "process.Supervisor":
    """One for all tasks of this program; it ends what they started when the program ends."""
    from ame import process

    with _making:
        if not _made:
            _made.append(process.Supervisor())
        return _made[0]

"""One side of a Flower task: what its server and its clients have in common."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from task_daemon_lib.task import Handler, Task, follow, show


class Side(Task):
    """The file of one side, as a child process.

    Args:
        work_path: where the directory `tasks` is.
        task_id: of the directory `tasks/task_ID`.
        messange_handler: takes what the task reports and prints, each as bytes.
        arguments: for the child, after the work path.
        message_handler: the same as the other, spelled well.

    Raises:
        FileNotFoundError: the task has no such file.

    """

    file: ClassVar[str]

    def __init__(
        self,
        work_path: str,
        task_id: str,
        messange_handler: Handler | None = None,
        arguments: Sequence[str] | None = None,
        *,
        message_handler: Handler | None = None,
    ) -> None:
        super().__init__(work_path, task_id)
        self.main_file_name = self._file(self.file)
        self.message_handler = messange_handler or message_handler
        self.arguments = arguments

    def run_side(self) -> None:
        """Starts it.

        Raises:
            TaskAlredyRunning: it runs.
            PermissionError: its file may not be read.

        """
        self.run_task(self.main_file_name, self.message_handler, self.arguments)


def run(side: type[Side]) -> None:
    """Runs this side of task 4fe5 until it ends or Ctrl-C is pressed."""
    task = side(str(Path.cwd()), "4fe5", show)
    task.run_side()
    follow(task)

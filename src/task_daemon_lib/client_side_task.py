"""The client's side of a Flower task. As a command: runs that of task 4fe5 in this directory."""

from collections.abc import Sequence
from pathlib import Path

from task_daemon_lib.task import Handler, Task, follow, show


class ClientSideTask(Task):
    """The `client.py` of a task, as a child process.

    Args:
        work_path: where the directory `tasks` is.
        task_id: of the directory `tasks/task_ID`.
        messange_handler: takes what the task reports and prints, each as bytes.
        arguments: for the child, after the work path.
        message_handler: the same as the other, spelled well.

    Raises:
        FileNotFoundError: the task has no such file.

    """

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
        self.client_main_file_name = self._file("client.py")
        self.message_handler = messange_handler or message_handler
        self.arguments = arguments

    def run_task_client(self) -> None:
        """Starts it.

        Raises:
            TaskAlredyRunning: it runs.
            PermissionError: its file may not be read.

        """
        self.run_task(self.client_main_file_name, self.message_handler, self.arguments)

    def stop_task_client(self) -> None:
        """Stops it.

        Raises:
            TaskAlredyStopped: it does not run.

        """
        self.stop_task()


def main() -> None:
    """Runs the client of task 4fe5 until it ends or Ctrl-C is pressed."""
    task = ClientSideTask(str(Path.cwd()), "4fe5", show)
    task.run_task_client()
    follow(task)


if __name__ == "__main__":
    main()

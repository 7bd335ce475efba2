"""The client's side of a Flower task. As a command: runs that of task 4fe5 in this directory."""

from task_daemon_lib.side import Side, run
from task_daemon_lib.task import Task


class ClientSideTask(Side):
    """The `client.py` of a task, as a child process."""

    file = "client.py"
    run_task_client = Side.run_side
    stop_task_client = Task.stop_task

    @property
    def client_main_file_name(self) -> str:
        """The file that is started."""
        return self.main_file_name


def main() -> None:
    """Runs the client of task 4fe5 until it ends or Ctrl-C is pressed."""
    run(ClientSideTask)


if __name__ == "__main__":
    main()

"""The server's side of a Flower task. As a command: runs that of task 4fe5 in this directory."""

from task_daemon_lib.side import Side, run
from task_daemon_lib.task import Task


class ServerSideTask(Side):
    """The `server.py` of a task, as a child process."""

    file = "server.py"
    run_task_server = Side.run_side
    stop_task_server = Task.stop_task

    @property
    def server_main_file_name(self) -> str:
        """The file that is started."""
        return self.main_file_name


def main() -> None:
    """Runs the server of task 4fe5 until it ends or Ctrl-C is pressed."""
    run(ServerSideTask)


if __name__ == "__main__":
    main()

"""Code that a task asks to be run. As a command: runs the example of task 4fe5, in this directory.

The command takes arguments for it; without any, `acc`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from task_daemon_lib.task import Handler, Task, follow, show


class Trigger(Task):
    """The file `TRIGGER_ID.py` of a task, as a child process that is not listened to.

    Args:
        work_path: where the directory `tasks` is.
        task_id: of the directory `tasks/task_ID`.
        trigger_id: the name of the file, without `.py`.
        arguments: for the child; a text is one argument, whole.

    Raises:
        FileNotFoundError: the task has no such file.

    """

    def __init__(
        self,
        work_path: str,
        task_id: str,
        trigger_id: str,
        arguments: Sequence[str] | str | None = None,
    ) -> None:
        super().__init__(work_path, task_id, enable_listener=False)
        self.trigger_file_name = self._file(f"{trigger_id}.py")
        self.arguments = arguments or None
        self.message_handler: Handler | None = None

    def run_trigger(self) -> None:
        """Starts it.

        Raises:
            TaskAlredyRunning: it runs.
            PermissionError: its file may not be read.

        """
        self.run_task(
            self.trigger_file_name, self.message_handler, self.arguments, add_work_path=False
        )

    def stop_trigger(self) -> None:
        """Stops it.

        Raises:
            TaskAlredyStopped: it does not run.

        """
        self.stop_task()


def main() -> None:
    """Runs the example of task 4fe5 until it ends or Ctrl-C is pressed."""
    trigger = Trigger(str(Path.cwd()), "4fe5", "trigger_example", sys.argv[1:] or "acc")
    trigger.enable_listener, trigger.message_handler = True, show
    trigger.run_trigger()
    follow(trigger)


if __name__ == "__main__":
    main()

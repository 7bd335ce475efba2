"""What a task says to the daemon that started it."""

from collections.abc import Sequence

from ame.daemon.reports import reporter


class TaskReporter:
    """Reports of this process. Making one reports that the task has started.

    A call returns at once, and the report arrives, once and in order; when the process ends it
    waits for that. Without a daemon reports are printed, a line of JSON each.
    """

    def __init__(self) -> None:
        self.send_info("Started")

    def send_stats(self, task_round: object, acc: object) -> None:
        """Reports how good the model is after a round of Flower."""
        reporter.send({"type": "model", "round": str(task_round), "acc": str(acc)})

    def send_info(self, info: str) -> None:
        """Reports something that the daemon is to know; `Finished`, that the task is done."""
        reporter.send({"type": "info", "info": info})

    def send_print(self, msg: str) -> None:
        """Reports something that a person is to read."""
        reporter.send({"type": "print", "message": msg})

    def send_error(self, excpetion: BaseException) -> None:
        """Reports an exception that the task could not handle."""
        reporter.send({"type": "error", "exception": str(excpetion)})

    def trigger(self, trigger_name: str, trigger_arguments: str | Sequence[str] = "") -> None:
        """Asks for the task's code of that name to be run: one argument, or several, each whole."""
        reporter.send(
            {
                "type": "trigger",
                "trigger_name": trigger_name,
                "trigger_arguments": trigger_arguments,
            }
        )

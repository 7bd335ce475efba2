"""`ame task`: runs and what came of them."""

from ame.cli.main import Commands

group = Commands(
    name="task",
    help="Run tasks, and look at what came of them.",
    table={
        "run": ("ame.cli.task.run:command", "Run a task of the project in this folder."),
        "list": ("ame.cli.task.list:command", "List runs, newest first."),
        "logs": ("ame.cli.task.logs:command", "Print what a run has printed."),
        "view": ("ame.cli.task.view:command", "Show all that is known of a run."),
        "cancel": ("ame.cli.task.cancel:command", "Stop a run."),
        "remove": ("ame.cli.task.remove:command", "Forget a run and what it has kept."),
    },
)

"""`ame cloud`."""

from ame.cli.main import Commands

group = Commands(
    name="cloud",
    help="Flower tasks that a server starts on demand.",
    table={
        "task": ("ame.cli.cloud:task", "Register tasks, start and stop them, look at them."),
        "user": ("ame.cli.cloud:user", "The clients that ask for tasks."),
    },
)

task = Commands(
    name="task",
    help="Flower tasks: their servers run on demand, their clients are chosen by a criterion.",
    table={
        "create": ("ame.cli.cloud.tasks:create", "Register a task."),
        "list": ("ame.cli.cloud.tasks:list_", "List the tasks."),
        "show": ("ame.cli.cloud.tasks:show", "Show a task and its runs."),
        "update": ("ame.cli.cloud.tasks:update", "Change a task."),
        "delete": ("ame.cli.cloud.tasks:delete", "Forget a task and its code."),
        "start": ("ame.cli.cloud.services:start", "Start a task's server."),
        "stop": ("ame.cli.cloud.services:stop", "End a task's server."),
        "logs": ("ame.cli.cloud.services:logs", "Print what a task's server has printed."),
        "metrics": ("ame.cli.cloud.services:metrics", "Show what a run has measured, by round."),
        "files": ("ame.cli.cloud.services:files", "List, upload and download a task's code."),
    },
)

user = Commands(
    name="user",
    help="Clients, with what they have registered of themselves.",
    table={
        "list": ("ame.cli.cloud.users:list_", "List the clients."),
        "show": ("ame.cli.cloud.users:show", "Show a client, and the tasks that are for it."),
        "update": ("ame.cli.cloud.users:update", "Register a client, or change it."),
        "delete": ("ame.cli.cloud.users:delete", "Forget a client."),
    },
)

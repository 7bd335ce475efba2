"""`ame fleet`."""

from ame.cli.main import Commands

group = Commands(
    name="fleet",
    help="Tasks of a fleet of devices.",
    table={
        "task": ("ame.cli.fleet:task", "Create tasks, look at them, end them."),
        "model": ("ame.cli.fleet:models", "The models that tasks have trained."),
        "explain": ("ame.cli.fleet.explain:command", "Say what became of a device's visit."),
    },
)

task = Commands(
    name="task",
    help="Training and evaluation by a population's devices, in rounds.",
    table={
        "create": ("ame.cli.fleet.create:command", "Make a task from a plan and a checkpoint."),
        "list": ("ame.cli.fleet.tasks:list_", "List the tasks."),
        "show": ("ame.cli.fleet.tasks:show", "Show a task, its rounds and their metrics."),
        "wait": ("ame.cli.fleet.tasks:wait", "Wait until a task is open to devices."),
        "pause": ("ame.cli.fleet.tasks:pause", "Take no more devices for a while."),
        "resume": ("ame.cli.fleet.tasks:resume", "Take devices again."),
        "cancel": ("ame.cli.fleet.tasks:cancel", "End a task and its rounds."),
        "checkpoint": ("ame.cli.fleet.tasks:checkpoint", "Save a task's newest checkpoint."),
    },
)

models = Commands(
    name="model",
    help="The models that tasks have trained.",
    table={
        "export": ("ame.cli.fleet.model:export", "Save a task's model, to be used."),
    },
)

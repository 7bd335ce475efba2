"""What the parts of a job ask for: arguments, and tasks by their names."""

from collections.abc import Iterable
from importlib import import_module
from inspect import signature

from ame.federation.flare import names
from ame.federation.program import App, Part

STANDARD = ("train", "validate", "submit_model")
"""What workflows of the table call their tasks unless they are told otherwise."""


def tasks(apps: Iterable[App]) -> tuple[str, ...]:
    """The tasks that a job's workflows may give and its executors may do, by name."""
    found = dict.fromkeys(STANDARD)
    for app in apps:
        for routed in app.executors:
            found |= dict.fromkeys(task for task in routed.tasks if not is_pattern(task))
        for part in app.workflows:
            for name, value in arguments(part).items():
                if name.endswith("task_name") and isinstance(value, str):
                    found[value] = None
    return tuple(found)


def is_known(server: App) -> bool:
    """Whether all its workflows are ours, so that what they ask for is known."""
    return all(names.ours(part.path) for part in server.workflows)


def is_pattern(task: str) -> bool:
    """Whether it stands for all tasks whose names match it."""
    return any(letter in task for letter in "*?[")


def arguments(part: Part) -> dict[str, object]:
    """What a part is made with, by name; of a class of ours also what it takes else."""
    ours = names.ours(part.path)
    return {**(defaults(ours) if ours else {}), **part.args}


def defaults(path: str) -> dict[str, object]:
    """What a constructor of ours takes for arguments that are left out."""
    module, _, name = path.rpartition(".")
    found: dict[str, object] = {}
    for kind in getattr(import_module(module), name).__mro__[:-1]:
        if "__init__" in vars(kind):
            parameters = signature(kind.__init__).parameters.values()
            for each in parameters:
                if each.default is not each.empty:
                    found.setdefault(each.name, each.default)
            if all(each.kind is not each.VAR_KEYWORD for each in parameters):
                break
    return found

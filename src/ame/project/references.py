"""References to what a file does not have, found in the plain data of its reading.

A file with faults cannot be resolved. What it refers to within itself is looked up all the same, so
that a person sees all that is to be mended at once.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ame import errors
from ame.project.format.reading import nearest
from ame.project.task import Place

_KINDS = {"tasks": "task", "templates": "template", "datasets": "data set"}


def absent(what: str, name: str, file: Path, known: list[str], at: Place) -> errors.Fault:
    """The fault of a reference at a place to what a file does not have."""
    near = nearest(name, tuple(known))
    words = near or f"; it has: {', '.join(f'`{other}`' for other in known) or 'none'}"
    message = f"{file} has no {what} `{name}`{words}"
    return errors.Fault(file=at.file, line=at.line, column=at.column, path=at.path, message=message)


def lacking(data: object, file: Path, own: str) -> Iterator[errors.Fault]:
    """All references within the project to what it lacks; `own` is its name if it says none.

    Of a kind one of which has no name that could be read, nothing is said to be lacking.
    """
    whole = _map(data)
    project = whole.get("name") or own
    names = {key: [_map(item).get("name") for item in _list(whole.get(key))] for key in _KINDS}
    for kind, target, at in _references(whole):
        name = target.get("name")
        here = target.get("project") in (None, "", project)
        known = [each for each in names[kind] if isinstance(each, str)]
        if here and isinstance(name, str) and name not in known and None not in names[kind]:
            yield absent(_KINDS[kind], name, file, known, at)


def _references(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Place]]:
    """Every reference: the kind of what it leads to, the reference, and where it stands."""
    models = [_map(item) for item in _list(whole.get("models"))]
    tasks = [
        *_list(whole.get("tasks")),
        *_list(whole.get("templates")),
        *(_map(item).get("task") for item in _list(whole.get("datasets"))),
        *(_map(model.get("training")).get("task") for model in models),
        *(model.get("validation") for model in models),
    ]
    for task in tasks:
        yield from _of_task(_map(task))
    for item in map(_map, _list(whole.get("datasets"))):
        if "place" in item:
            yield "tasks", _map(item.get("reference")), item["place"]


def _of_task(task: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Place]]:
    places: dict[str, Place] = task.get("places") or {}
    for field, kind in (("reference", "tasks"), ("template", "templates")):
        if field in places:
            yield kind, _map(task.get(field)), places[field]
    for item in map(_map, _list(task.get("datasets"))):
        if "datasets" in places:
            yield "datasets", _map(item.get("ref") or item), places["datasets"]
    for group in _list(task.get("pipeline")):
        for member in _list(group):
            yield from _of_task(_map(member))


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

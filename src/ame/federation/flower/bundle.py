"""A program's sites as a bundle that Flower takes to its nodes, without pickle."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ame import errors
from ame.federation import weights
from ame.federation.exchange import codec
from ame.federation.program import App, File, Filtered, Part, Program, Routed, Value, Weights

LARGEST = 10 * 1024 * 1024
"""Bytes of a bundle, as SuperLinks allow."""
_DATE = (2024, 10, 1, 0, 0, 0)
_JOB = "ame_job/job.json"
_PROJECT = """[project]
name = "{name}"
version = "1.0.0"
description = "A federated job of ame's"
license = "Apache-2.0"
dependencies = ["flwr"]

[tool.flwr.app]
publisher = "ame"

[tool.flwr.app.components]
serverapp = "ame_job.app:server"
clientapp = "ame_job.app:site"

[tool.flwr.app.config]
"""
_APP = '''"""A job of ame's: `python -m ame.federation.flower.site` does it, beside a SuperNode."""

site = server = None
'''


def pack(program: Program) -> bytes:
    """The bundle: what sites do, and the files for it; nothing of what the server does.

    Raises:
        errors.JobTooLarge: it is more than Flower takes.
    """
    job = codec.pack(_plain(program))
    text = json.dumps({"job": base64.b64encode(zlib.compress(job)).decode()})
    files = {
        "ame_job/__init__.py": "",
        "ame_job/app.py": _APP,
        _JOB: text,
        "pyproject.toml": _PROJECT.format(name="ame-job"),
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as bundle:
        lines = []
        for name, content in files.items():
            data = content.encode()
            bundle.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
            lines.append(f"{name},{hashlib.sha256(data).hexdigest()},{len(data) * 8}")
        bundle.writestr(zipfile.ZipInfo(".info/CONTENT", _DATE), "\n".join(lines))
    packed = held.getvalue()
    if len(packed) > LARGEST:
        raise errors.JobTooLarge(len(packed), LARGEST)
    return packed


def unpack(bundle: bytes) -> Program:
    """The program again.

    Raises:
        ValueError: it is no bundle of a job of ours.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(bundle)) as held:
            text = json.loads(held.read(_JOB))["job"]
        return _program(codec.unpack(zlib.decompress(base64.b64decode(text))))
    except (LookupError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        message = f"this is no bundle of a job of ame's: {error!r}"
        raise ValueError(message) from error


def _plain(program: Program) -> dict[str, Any]:
    files: dict[str, bytes] = {}
    apps = {site: _plain_app(app, files) for site, app in program.sites.items()}
    everyone = None if program.everyone is None else _plain_app(program.everyone, files)
    return {
        "name": program.name,
        "everyone": everyone,
        "sites": apps,
        "packages": sorted(program.packages),
        "files": files,
    }


def _program(plain: Mapping[str, Any]) -> Program:
    files = plain["files"]
    return Program(
        name=plain["name"],
        everyone=None if plain["everyone"] is None else _app(plain["everyone"], files),
        sites={site: _app(each, files) for site, each in plain["sites"].items()},
        packages=frozenset(plain["packages"]),
    )


def _plain_app(app: App, files: dict[str, bytes]) -> dict[str, Any]:
    """An app whose files are told by their digests: what several apps have is there once."""
    carried = []
    for file in app.files:
        data = file.read()
        digest = hashlib.sha256(data).hexdigest()
        files[digest] = data
        carried.append([str(file.target), file.folder, digest])
    return {
        "executors": [[list(each.tasks), _plain_value(each.executor)] for each in app.executors],
        "components": [_plain_value(each) for each in app.components],
        "data": [_plain_filters(each) for each in app.task_data_filters],
        "results": [_plain_filters(each) for each in app.task_result_filters],
        "params": {name: _plain_value(each) for name, each in app.params.items()},
        "files": carried,
    }


def _app(plain: Mapping[str, Any], files: Mapping[str, bytes]) -> App:
    return App(
        executors=tuple(
            Routed(tasks=tuple(tasks), executor=_value(part)) for tasks, part in plain["executors"]
        ),
        components=tuple(_value(each) for each in plain["components"]),
        task_data_filters=tuple(_filters(each) for each in plain["data"]),
        task_result_filters=tuple(_filters(each) for each in plain["results"]),
        params={name: _value(each) for name, each in plain["params"].items()},
        files=tuple(
            File(source=files[digest], target=PurePosixPath(target), folder=folder)
            for target, folder, digest in plain["files"]
        ),
    )


def _plain_filters(group: Filtered) -> list[Any]:
    return [list(group.tasks), [_plain_value(each) for each in group.filters], group.direction]


def _filters(plain: Sequence[Any]) -> Filtered:
    tasks, filters, direction = plain
    return Filtered(
        tasks=tuple(tasks), filters=tuple(_value(each) for each in filters), direction=direction
    )


def _plain_value(value: Value) -> Any:
    """A value in which whatever is not plain is a list that begins with its kind."""
    match value:
        case Part():
            of = None if value.weights is None else _plain_value(value.weights)
            args = {name: _plain_value(each) for name, each in value.args.items()}
            lead = [_plain_value(each) for each in value.lead]
            return ["part", value.path, args, value.id, of, lead]
        case Weights():
            return ["weights", value.kind, dict(weights.read(value)), _plain_value(value.shape)]
        case Mapping():
            return ["map", {name: _plain_value(each) for name, each in value.items()}]
        case str():
            return value
        case Sequence():
            return ["list", [_plain_value(each) for each in value]]
    return value


def _value(plain: Any) -> Any:
    match plain:
        case ["part", path, args, id_, of, lead]:
            return Part(
                path=path,
                args={name: _value(each) for name, each in args.items()},
                id=id_,
                weights=None if of is None else _value(of),
                lead=tuple(_value(each) for each in lead),
            )
        case ["weights", kind, held, shape]:
            return Weights(kind=kind, held=held, shape=_value(shape))
        case ["map", items]:
            return {name: _value(each) for name, each in items.items()}
        case ["list", items]:
            return [_value(each) for each in items]
    return plain

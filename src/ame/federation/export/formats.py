"""Configurations in the three forms that NVFLARE reads: JSON, HOCON and YAML, as plain data."""

import json
import re
from pathlib import Path
from typing import Any

from ame import errors

SUFFIXES = (".json", ".conf", ".yml", ".yaml")
INCLUDE = re.compile(r"(?m)(?:^|[{,])\s*include\b")
SUBSTITUTION = re.compile(r"\$\{\??\s*([^}\s.]+)[^}]*\}")
VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")
DEPTH = 20
"""How often a variable may stand for another."""


def find(folder: Path, name: str) -> Path | None:
    """The file of this name in one of the forms; the first, where there are several."""
    return next((f for s in SUFFIXES if (f := folder / f"{name}{s}").is_file()), None)


def load(file: Path, place: str) -> dict[str, Any]:
    """What the file says.

    Raises:
        errors.JobFolderInvalid: it is damaged, or says something else than keys and values.
        errors.JobFolderUnsafe: it would take in what is not in it: a file, an address, a variable
            of the environment.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.JobFolderInvalid(place, f"cannot be read: {error}") from error
    found = {".json": _json, ".conf": _hocon}.get(file.suffix, _yaml)(text, place)
    if not isinstance(found, dict):
        raise errors.JobFolderInvalid(place, "must hold keys with values")
    return found


def resolve(config: dict[str, Any], place: str) -> dict[str, Any]:
    """The same with the configuration's own variables in place: all that stands at its top.

    `"{rounds}"` alone becomes what `rounds` is, a number or a list too; among other text it becomes
    text. What is no variable of the configuration's, such as `{SITE_NAME}`, stays.

    Raises:
        errors.JobFolderInvalid: a variable stands for itself.
    """
    known = {name: value for name, value in config.items() if not isinstance(value, list)}
    for _ in range(DEPTH):
        made = _filled(config, known)
        if made == config:
            return dict(made)
        config = made
        known = {name: value for name, value in config.items() if not isinstance(value, list)}
    raise errors.JobFolderInvalid(place, "a variable stands for itself")


def _filled(value: Any, known: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    if (alone := VARIABLE.fullmatch(value.strip())) and alone[1] in known:
        return known[alone[1]]
    return VARIABLE.sub(
        lambda found: (
            str(known[found[1]]) if isinstance(known.get(found[1]), str | int | float) else found[0]
        ),
        value,
    )


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise errors.JobFolderInvalid(f"{place}:{error.lineno}", f"no JSON: {error.msg}") from None


def _yaml(text: str, place: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        raise errors.JobFolderInvalid(place, f"no YAML: {error}") from None


def _hocon(text: str, place: str) -> Any:
    try:
        from pyhocon import ConfigFactory  # type: ignore[import-untyped]  # it has no types
        from pyhocon.exceptions import ConfigException  # type: ignore[import-untyped]  # the same
        from pyparsing import ParseBaseException
    except ImportError:
        raise errors.ExtraMissing("federation", f"reading {place}") from None
    bare = re.sub(r"(?m)(#|//).*$", "", re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text))
    if INCLUDE.search(bare):
        raise errors.JobFolderUnsafe(place, "it includes another file; write that into it")
    try:
        unresolved = ConfigFactory.parse_string(text, resolve=False)
        for name in SUBSTITUTION.findall(text):
            if name.strip('"') not in unresolved:
                raise errors.JobFolderUnsafe(place, f"`${{{name}}}` is not said in it")
        return ConfigFactory.parse_string(text).as_plain_ordered_dict()
    except (ConfigException, ParseBaseException) as error:
        raise errors.JobFolderInvalid(place, f"no HOCON: {error}") from None

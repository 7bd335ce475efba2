"""Configurations in the three forms that NVFLARE reads: JSON, HOCON and YAML, as plain data."""

import json
import re
from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.export import variables

YAML = (".yml", ".yaml")
SUFFIXES = (".json", ".conf", *YAML)
INCLUDE = re.compile(r"(?m)(?:^|[{,])\s*include\b")
SUBSTITUTION = re.compile(r"\$\{\??\s*([^}\s.]+)[^}]*\}")
NUMBER = re.compile(r"[-+]?(?:\d[\d_]*)?\.?\d[\d_]*[eE][-+]?\d+\Z")
DATE = "tag:yaml.org,2002:timestamp"


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
    variables.check_size(found, place)
    if file.suffix in YAML:
        found = variables.interpolate(found, place)
    if not isinstance(found, dict):
        raise errors.JobFolderInvalid(place, "must hold keys with values")
    if unnamed := [key for key in found if not isinstance(key, str)]:
        raise errors.JobFolderInvalid(place, f"its key {unnamed[0]!r} is no text; quote it")
    return found


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise errors.JobFolderInvalid(f"{place}:{error.lineno}", f"no JSON: {error.msg}") from None


def _yaml(text: str, place: str) -> Any:
    """YAML as OmegaConf has it: `1e-3` is a number, a date a text."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # either
        pass

    Loader.yaml_implicit_resolvers = {
        first: [each for each in resolvers if each[0] != DATE]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-+.0123456789"))
    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 - it is a SafeLoader
    except (yaml.YAMLError, ValueError) as error:
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

"""`.env`: variables as Pipenv reads them."""

import re
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[^\s=#'"]+)[ \t]*=[ \t]*
        (?: '(?P<plain>(?:\\.|[^'\\])*)' | "(?P<quoted>(?:\\.|[^"\\])*)" | (?P<bare>[^\r\n]*) )""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"\$\{([^}:]+)(?::-([^}]*))?\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read(file: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of a file; none when it is not there, or not to be loaded.

    `${NAME}` and `${NAME:-default}` stand for variables of lines before, and of `environ`; in
    single quotes everything stands for itself.
    """
    if environ.get("PIPENV_DONT_LOAD_ENV", "").lower() in ("1", "true", "yes", "on"):
        return {}
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    found: dict[str, str] = {}
    for line in _LINE.finditer(text):
        if line["plain"] is not None:
            found[line["name"]] = re.sub(r"\\([\\'])", r"\1", line["plain"])
            continue
        if line["quoted"] is not None:
            value = re.sub(r"\\(.)", _unescaped, line["quoted"])
        else:
            value = re.sub(r"(^|\s+)#.*$", "", line["bare"]).rstrip()
        found[line["name"]] = _replaced(value, ChainMap(found, dict(environ)))
    return found


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])


def _replaced(value: str, known: Mapping[str, str]) -> str:
    return _NAME.sub(lambda match: known.get(match[1], match[2] or ""), value)

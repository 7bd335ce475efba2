"""Versions of Python, and what is asked of them."""

import re


def allows(constraint: str, version: str) -> bool:
    """Whether a Python version meets a constraint as Poetry writes them; PEP 440 is part of it.

    What leaves out its last parts means all of them: 3.11.7 meets `3.11` and `<=3.11`, not `>3.11`.
    """
    have = numbers(version)
    return any(
        all(_meets(each, have) for each in re.split(r"\s*,\s*|\s+(?=[<>=!~^])", part.strip()))
        for part in constraint.split("||")
    )


def _meets(constraint: str, have: tuple[int, ...]) -> bool:
    match = re.fullmatch(r"(\^|~=|~|===?|!=|<=|>=|<|>)?\s*v?([\d.]*)(\*|\.\*)?.*", constraint)
    if match is None or not match[2]:
        return True
    operator, text, star = match.groups(default="")
    want = numbers(text.rstrip("."))
    same = have[: len(want)] == want
    match operator:
        case "^":
            return have >= want and have[: max(1, len(want[:1]))] == want[:1]
        case "~":
            return have >= want and have[: min(2, len(want))] == want[:2]
        case "~=":
            return have >= want and have[: len(want) - 1] == want[:-1]
        case "" | "==" | "===":
            return same
        case "!=":
            return not (same if star else have == want)
        case ">":
            return have > want and not (len(want) < len(have) and same)
        case ">=":
            return have >= want
        case "<":
            return have < want
        case _:
            return have <= want or same


def numbers(version: str) -> tuple[int, ...]:
    """The parts of a version, to be compared."""
    return tuple(int(part) for part in version.split(".") if part)

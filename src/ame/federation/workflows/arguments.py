"""What arguments of algorithms must be."""

import operator
from collections.abc import Callable, Mapping

Compare = Callable[[float, float], bool]
_COMPARE: Mapping[str, Compare] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


def check_int(least: int, **numbers: object) -> None:
    """Refuse what is no int, or less.

    Raises:
        TypeError, ValueError: one of them is.
    """
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int):
            message = f"{name} must be an int, not {number!r}"
            raise TypeError(message)
        if number < least:
            message = f"{name} must be {least} or more, not {number}"
            raise ValueError(message)


def check_mu(mu: object) -> None:
    """Refuse what is no μ of FedProx.

    Raises:
        TypeError, ValueError: it is none.
    """
    if mu is None:
        return
    if isinstance(mu, bool) or not isinstance(mu, (int, float)):
        message = f"fedprox_mu must be a number, not {mu!r}"
        raise TypeError(message)
    if not 0 <= mu < float("inf"):
        message = f"fedprox_mu must be 0 or more and finite, not {mu}"
        raise ValueError(message)


def parse_compare_criteria(compare_expr: str) -> tuple[str, float, Compare]:
    """`"accuracy >= 0.5"` as its key, number and comparison.

    Raises:
        ValueError: it is none.
    """
    words = compare_expr.split()
    if len(words) != 3 or words[1] not in _COMPARE:
        message = (
            f"`{compare_expr}` is no condition: write a metric, one of {' '.join(_COMPARE)}, and "
            "a number, with spaces between them"
        )
        raise ValueError(message)
    try:
        return words[0], float(words[2]), _COMPARE[words[1]]
    except ValueError:
        message = f"`{words[2]}` in `{compare_expr}` is no number"
        raise ValueError(message) from None

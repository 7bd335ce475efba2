"""What arguments of algorithms must be."""

import operator
from collections.abc import Callable, Mapping

from ame import errors

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
        errors.JobTypeInvalid (TypeError), errors.JobInvalid (ValueError): one of them is.
    """
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int):
            raise errors.JobTypeInvalid(name, "an int", number)
        if number < least:
            raise errors.JobInvalid(f"`{name}` must be {least} or more, not {number}")


def check_mu(mu: object) -> None:
    """Refuse what is no μ of FedProx.

    Raises:
        errors.JobTypeInvalid (TypeError), errors.JobInvalid (ValueError): it is none.
    """
    if mu is None:
        return
    if isinstance(mu, bool) or not isinstance(mu, (int, float)):
        raise errors.JobTypeInvalid("fedprox_mu", "a number", mu)
    if not 0 <= mu < float("inf"):
        raise errors.JobInvalid(f"`fedprox_mu` must be 0 or more and finite, not {mu}")


def check_aggregator(aggregator: object) -> None:
    """Refuse what has not the methods of a `ModelAggregator`.

    Raises:
        errors.JobTypeInvalid (TypeError): it has not, or is a class.
    """
    if aggregator is not None and (
        isinstance(aggregator, type) or not hasattr(aggregator, "accept_model")
    ):
        wanted = "a ModelAggregator that is made, such as `MedianAggregator()`"
        raise errors.JobTypeInvalid("aggregator", wanted, aggregator)


def parse_compare_criteria(compare_expr: str) -> tuple[str, float, Compare]:
    """`"accuracy >= 0.5"` as its key, number and comparison.

    Raises:
        errors.JobInvalid: it is none (a ValueError).
    """
    words = compare_expr.split()
    if len(words) != 3 or words[1] not in _COMPARE:
        raise errors.JobInvalid(
            f"`{compare_expr}` is no condition: write a metric, one of {' '.join(_COMPARE)}, and "
            "a number, with spaces between them"
        )
    try:
        return words[0], float(words[2]), _COMPARE[words[1]]
    except ValueError:
        raise errors.JobInvalid(f"`{words[2]}` in `{compare_expr}` is no number") from None

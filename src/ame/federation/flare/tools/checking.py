"""Checks of arguments by NVFLARE's names: TypeError for a wrong type, ValueError for a value."""

from typing import Any


def check_object_type(name: str, value: object, obj_type: Any) -> None:
    """Raises TypeError unless it is of this type."""
    if not isinstance(value, obj_type):
        message = f"`{name}` must be of type {obj_type}, not {type(value).__name__}"
        raise TypeError(message)


def check_callable(name: str, value: object) -> None:
    """Raises TypeError unless it can be called."""
    if not callable(value):
        message = f"`{name}` must be a function, not {type(value).__name__}"
        raise TypeError(message)


def check_str(name: str, value: object) -> None:
    """Raises TypeError unless it is a text."""
    check_object_type(name, value, str)


def check_non_empty_str(name: str, value: object) -> None:
    """Raises an error unless it is a text that says something."""
    check_str(name, value)
    if not str(value).strip():
        message = f"`{name}` is empty"
        raise ValueError(message)


def check_number_range(
    name: str, value: Any, min_value: float | None = None, max_value: float | None = None
) -> None:
    """Raises an error unless it is a number from the one to the other, both included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"`{name}` must be a number, not {type(value).__name__}"
        raise TypeError(message)
    if min_value is not None and value < min_value:
        message = f"`{name}` must be {min_value} or more, not {value}"
        raise ValueError(message)
    if max_value is not None and value > max_value:
        message = f"`{name}` must be {max_value} or less, not {value}"
        raise ValueError(message)


def check_positive_int(name: str, value: Any) -> None:
    """Raises an error unless it is an int of 1 or more."""
    _integer(name, value)
    check_number_range(name, value, 1)


def check_non_negative_int(name: str, value: Any) -> None:
    """Raises an error unless it is an int of 0 or more."""
    _integer(name, value)
    check_number_range(name, value, 0)


def check_non_negative_number(name: str, value: Any) -> None:
    """Raises an error unless it is a number of 0 or more."""
    check_number_range(name, value, 0)


def check_positive_number(name: str, value: Any) -> None:
    """Raises an error unless it is a number above 0."""
    check_number_range(name, value, 0)
    if value == 0:
        message = f"`{name}` must be above 0"
        raise ValueError(message)


def _integer(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"`{name}` must be an int, not {type(value).__name__}"
        raise TypeError(message)

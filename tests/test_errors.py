import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import ame
from ame import errors


def below(kind: type[errors.Error]) -> Iterator[tuple[str, str]]:
    """Every kind of error, with the one that it is a kind of."""
    for child in kind.__subclasses__():
        yield child.__name__, kind.__name__
        yield from below(child)


def test_the_drawing_shows_every_error_under_its_branch() -> None:
    drawn: dict[str, str] = {}
    branch = ""
    for line in (errors.__doc__ or "").splitlines():
        if found := re.fullmatch(r" {4}(│? *)[├└]── (\w+)", line):
            branch = branch if found[1] else found[2]
            drawn[found[2]] = branch if found[1] else "Error"

    assert drawn == dict(below(errors.Error))


def test_no_other_package_makes_kinds_of_errors_of_its_own() -> None:
    source = Path(ame.__file__).parent
    own = [
        (file.name, made)
        for file in source.rglob("*.py")
        if file.parent.name != "errors"
        for made in re.findall(r"^class (\w+)\(errors\.", file.read_text(), re.MULTILINE)
    ]

    assert own == []


def test_an_error_that_goes_to_another_process_says_the_same() -> None:
    for error in (errors.RunOver("stopped"), errors.PortTaken(8080, "another process")):
        copy = pickle.loads(pickle.dumps(error))

        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert vars(copy) == vars(error)
        assert copy.args == error.args

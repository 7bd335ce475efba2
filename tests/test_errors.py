import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import ame
from ame import errors

FOLDER = Path(errors.__file__).parent


def below(kind: type[errors.Error]) -> Iterator[type[errors.Error]]:
    """Every kind of error below one."""
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


def test_the_tree_shows_every_error_under_its_branch_and_in_its_module() -> None:
    for file in FOLDER.rglob("*.py"):
        import_module(".".join(("ame.errors", *file.relative_to(FOLDER).with_suffix("").parts)))

    made = {
        (branch.__name__, kind.__module__, kind.__name__)
        for branch in errors.Error.__subclasses__()
        for kind in below(branch)
        if kind.__module__.startswith("ame.")  # tests have errors of their own
    }
    shown = [
        (branch, f"ame.errors.{module}", name)
        for branch, modules in errors.TREE.items()
        for module, names in modules.items()
        for name in names.split()
    ]

    assert sorted(shown) == sorted(made)


def test_a_module_of_errors_is_imported_when_one_of_them_is_asked_for() -> None:
    code = """
import sys
from ame import errors

def own():
    return {name for name in sys.modules if name.startswith("ame.errors.")}

before = own()
errors.RunNotFound
print(*sorted(before), "|", *sorted(own() - before))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    before, after = told.stdout.split("|")
    assert before.split() == ["ame.errors.fault", "ame.errors.tree"]
    assert after.split() == ["ame.errors.tasks", "ame.errors.tasks.running"]


def test_a_name_that_is_no_error_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'RunFound'"):
        getattr(errors, "RunFound")  # noqa: B009 - the type checker would refuse it too


def test_no_other_package_makes_kinds_of_errors_of_its_own() -> None:
    source = Path(ame.__file__).parent
    own = [
        (file.name, made)
        for file in source.rglob("*.py")
        if FOLDER not in file.parents
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

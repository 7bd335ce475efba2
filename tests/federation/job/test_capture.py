"""Objects travel as what they are made of; what cannot travel is refused, naming it."""

import math
import random
import sys
from collections import OrderedDict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.federation.job.capture import sources
from ame.federation.job.capture.objects import Capture
from federation.job.traveling import again
from parts.userfolder import Folder

CLASSES = """
import enum, re
from pathlib import Path

class Kept:
    def __init__(self, a, b=2, *, c=None):
        self.a = a
        self._b = b
        self.__c = c

class Dropped:
    def __init__(self, size=1):
        self.width = size * 2

class NotKept:
    def __init__(self, size):
        self.width = size

class Slotted:
    __slots__ = ("size",)
    def __init__(self, size=1):
        self.size = size

class Passing(Kept):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)

class Normal:
    def __init__(self, weights=None):
        self.weights = weights or {}

class Compiled:
    def __init__(self, pattern):
        self.pattern = re.compile(pattern)

class Holder:
    def __init__(self, value=None):
        self.value = value

class Outer:
    class Inner:
        def __init__(self, size=1):
            self.size = size

class Colour(enum.Enum):
    RED = "red"

class Level(str, enum.Enum):
    HIGH = "high"

def make_local():
    class Local:
        pass
    return Local()
"""


@pytest.fixture
def made(folder: Folder) -> Any:
    return folder.module("made_classes", CLASSES)


def test_arguments_are_found_under_their_names(made: Any) -> None:
    part = Capture().part(made.Kept(1, b=3, c=[4]))

    assert part.path == "made_classes.Kept"
    assert part.args == {"a": 1, "b": 3, "c": [4]}


def test_an_argument_that_equals_its_default_but_is_another_is_kept(made: Any) -> None:
    assert Capture().part(made.Slotted(True)).args == {"size": True}
    assert Capture().part(made.Slotted(1.0)).args == {"size": 1.0}
    assert Capture().part(made.Slotted(1)).args == {}


def test_an_argument_that_was_not_kept_is_refused_by_name(made: Any) -> None:
    with pytest.raises(errors.ArgumentUnfit, match=r"`size` of .*Dropped` was not kept"):
        Capture().part(made.Dropped(9))
    with pytest.raises(errors.ArgumentUnfit, match=r"`size` of .*NotKept`.*self.size"):
        Capture().part(made.NotKept(9))


def test_an_argument_that_was_not_kept_but_left_at_its_default_is_left_out(made: Any) -> None:
    assert Capture().part(made.Dropped()).args == {}


def test_arguments_that_a_base_took_are_found(made: Any) -> None:
    assert Capture().part(made.Passing(a=1, c=5)).args == {"a": 1, "c": 5}


def test_what_a_constructor_made_of_an_argument_is_what_it_gets_again(made: Any) -> None:
    assert Capture().part(made.Normal()).args == {"weights": {}}


def test_a_component_of_ours_is_known_exactly(folder: Folder) -> None:
    text = """
from ame.federation.spec.filter import Filter

class Sieve(Filter):
    def __init__(self, size, *more, name_pattern=None, **rest):
        super().__init__()
        self.whatever = size

    def process(self, shareable, fl_ctx):
        return shareable
"""
    sieve = folder.module("made_filters", text).Sieve
    capture = Capture()

    assert capture.part(sieve(1, name_pattern="f.0", x=2)).args == {
        "size": 1, "name_pattern": "f.0", "x": 2,
    }  # fmt: skip
    assert list(capture.part(sieve(1, 7, 8)).lead) == [1, 7, 8]


def test_what_was_set_after_the_constructor_counts_if_the_constructor_takes_it(
    folder: Folder,
) -> None:
    from ame.federation.workflows.averaging.fedavg import FedAvg

    leader = FedAvg(num_clients=2)
    leader.num_clients = 5
    assert Capture().part(leader).args == {"num_clients": 5}

    leader.colour = "red"  # type: ignore[attr-defined]  # as a user might
    with pytest.raises(errors.ArgumentUnfit, match=r"`colour` of .*FedAvg` was set after"):
        Capture().part(leader)


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (Path("data"), r"str\(path\)"),
        (Decimal("1.5"), r"str\(…\)"),
        (datetime(2020, 1, 1), "isoformat"),  # noqa: DTZ001 (any)
        ({1}, "sorted list"),
        (b"x", "as a resource"),
        (1j, "two parts"),
        (int, "as text"),
        (lambda: 1, "object of a class"),
        (len, "object of a class"),
        (sys, "object of a class"),
        (math.nan, "as text"),
        (math.inf, "as text"),
        ({1: "a"}, "keys as text"),
        (random.Random(1), "object of a class"),
    ],
)
def test_a_value_that_cannot_travel_is_refused_with_component_argument_and_remedy(
    made: Any, value: object, remedy: str
) -> None:
    for held, name in ((value, "value"), ([{"x": value}], r"value\[0\]\['x'\]")):
        with pytest.raises(errors.ArgumentUnfit, match=f"{name}` of .*{remedy}"):
            Capture().part(made.Holder(held))


def test_a_compiled_pattern_is_refused(made: Any) -> None:
    with pytest.raises(errors.ArgumentUnfit, match=r"`pattern` of .*Compiled.*its `.pattern`"):
        Capture().part(made.Compiled("a.*"))


def test_a_class_that_copied_library_files_into_the_job_copies_none(
    made: Any, folder: Folder
) -> None:
    capture = Capture()
    capture.part(made.Holder(made.Kept(1)))

    assert [str(file.target) for file in capture.files] == ["made_classes.py"] * 2


def test_objects_in_lists_and_dicts_are_parts_too(made: Any, folder: Folder) -> None:
    capture = Capture()
    part = capture.part(made.Holder([made.Kept(1), {"x": made.Kept(2)}]))

    held = again(part, capture, folder).value
    assert (held[0].a, held[1]["x"].a) == (1, 2)


def test_tuples_become_lists_and_ordered_dicts_dicts(made: Any) -> None:
    value = OrderedDict(z=(1, 2), a=None)

    assert Capture().part(made.Holder(value)).args == {"value": {"z": [1, 2], "a": None}}


def test_numbers_of_numpy_are_numbers(made: Any) -> None:
    args = Capture().part(made.Holder([np.float64(0.5), np.int64(3)])).args

    assert args == {"value": [0.5, 3]}


def test_arrays_travel(made: Any, folder: Folder) -> None:
    capture = Capture()
    part = capture.part(made.Holder(np.arange(3.0)))

    assert again(part, capture, folder).value.tolist() == [0.0, 1.0, 2.0]


def test_a_member_of_an_enum_that_is_text_is_text_and_another_is_itself(
    made: Any, folder: Folder
) -> None:
    capture = Capture()

    assert capture.part(made.Holder(made.Level.HIGH)).args == {"value": "high"}
    held = again(capture.part(made.Holder(made.Colour.RED)), capture, folder).value
    assert (type(held).__name__, held.name) == ("Colour", "RED")


def test_a_nested_class_is_found_by_its_full_name(made: Any, folder: Folder) -> None:
    capture = Capture()
    part = capture.part(made.Outer.Inner(4))

    assert part.path == "made_classes.Outer.Inner"
    assert again(part, capture, folder).size == 4


def test_a_class_of_a_function_is_refused(made: Any) -> None:
    with pytest.raises(errors.ClassUnfit, match=r"inside a function.*top level"):
        Capture().part(made.make_local())


def test_an_object_that_holds_itself_is_refused(made: Any) -> None:
    holder = made.Holder()
    holder.value = holder

    with pytest.raises(errors.ClassUnfit, match="holds itself"):
        Capture().part(holder)


def test_a_dict_that_names_a_class_is_an_object_of_it(made: Any, folder: Folder) -> None:
    capture = Capture()
    described = {"path": "made_classes.Kept", "args": {"a": 1}}

    assert again(capture.part(made.Holder(described)), capture, folder).value.a == 1
    plain = {**described, "config_type": "dict"}
    assert capture.part(made.Holder(plain)).args == {"value": plain}


# code


def test_a_class_takes_the_local_modules_behind_it_along(folder: Folder) -> None:
    folder.write("pack/__init__.py", "from .near import N")
    folder.write("pack/near.py", "from . import far as f\nN = 1")
    folder.write("pack/far.py", "import importlib\nM = importlib.import_module('pack.late')")
    folder.write("pack/late.py", "import os, json, numpy, torch.nn")
    folder.write("pack/unused.py")
    made = folder.module("pack.sub", "from . import near\nclass A: pass")
    capture = Capture()
    capture.part(made.A())

    assert {str(file.target) for file in capture.files} == {
        "pack/__init__.py", "pack/near.py", "pack/far.py", "pack/late.py", "pack/sub.py",
    }  # fmt: skip


def test_a_module_with_a_name_of_the_standard_library_is_refused(folder: Folder) -> None:
    folder.write("statistics.py")
    made = folder.module("uses_it", "import statistics\nclass A: pass")

    with pytest.raises(errors.ClassUnfit, match=r"`statistics` is imported.*rename the file"):
        Capture().part(made.A())


def test_a_class_of_an_installed_package_brings_no_code(folder: Folder) -> None:
    from yaml import SafeLoader

    made = folder.module("holds", "class H:\n    def __init__(self, k=None):\n        self.k = k")
    capture = Capture()
    capture.need(SafeLoader)
    capture.part(made.H())

    assert capture.packages == {"yaml"}
    assert len(capture.files) == 1


MAIN = '''
"""A program that defines a job."""
import json, sys
from math import floor as down, pi
SIZE = down(7.2)
OTHER = json.dumps({})

def helper(n=SIZE):
    return n

class Net(Base if False else object):
    def __init__(self, size=helper()):
        self.size = size

class Second:
    pass

print("this must not run again")
if __name__ == "__main__":
    SIZE = 9
'''


def test_of_a_program_what_a_class_needs_is_cut_out() -> None:
    cut = sources.slice_of(MAIN, ["Net"], Path("job.py"))

    namespace: dict[str, Any] = {}
    exec(compile(cut, "job", "exec"), namespace)
    assert namespace["Net"]().size == 7
    assert "print" not in cut
    assert "Second" not in cut
    assert "json" not in cut
    assert "class Second" in sources.slice_of(MAIN, ["Net", "Second"], Path("job.py"))


def test_classes_of_the_program_that_runs_travel(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = sys.modules["__main__"]
    program = folder.path / "my_job.py"
    program.write_text(MAIN)
    monkeypatch.setattr(main, "__file__", str(program), raising=False)
    monkeypatch.setattr(main, "__spec__", None)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(MAIN, str(program), "exec"), namespace)
    capture = Capture()
    part = capture.part(namespace["Net"](3))

    assert part.path == "my_job.Net"
    assert again(part, capture, folder).size == 3
    capture.part(namespace["Second"]())
    assert [b"class Net" in file.read() for file in capture.files] == [True]


def test_classes_of_a_notebook_travel(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    main = sys.modules["__main__"]
    cells = [
        "",
        "SIZE = 4",
        "class Net:\n    def __init__(self, n=SIZE):\n        self.n = n",
        "%bad",
    ]
    monkeypatch.delattr(main, "__file__", raising=False)
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.setattr(main, "In", cells, raising=False)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("\n".join(cells[:3]), namespace)
    capture = Capture()

    assert again(capture.part(namespace["Net"]()), capture, folder).n == 4


def test_a_class_that_was_typed_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("class Net: pass", namespace)

    with pytest.raises(errors.ClassUnfit, match=r"was typed in.*write it to a file"):
        Capture().part(namespace["Net"]())


def test_what_is_cut_out_stands_in_the_lines_of_the_program() -> None:
    source = (
        "import os\n\n\n@staticmethod\ndef used():  # as written\n    return os.sep\n\n\n"
        'a = """\n"""; b = 2\n\n\nclass Kept:\n    size = b\n\n    def fail(self):\n'
        "        return used()\n"
    )

    cut = sources.slice_of(source, ["Kept"], Path("job.py"))

    written, kept = source.split("\n"), cut.split("\n")
    assert kept[3:6] == written[3:6]
    assert kept[12:17] == written[12:17]
    assert kept[9] == "b = 2"
    assert not any(kept[6:9])

"""Checks from inside that all which a process has one of is this script's own, in every round."""

import argparse
import atexit
import gc
import hashlib
import logging
import os
import pickle
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import local_package
import local_package.inner
import local_state
import numpy as np
import torch

from ame.federation import client as flare

HOME = Path.cwd()
START_PATH = list(sys.path)
START_FILTERS = list(warnings.filters)


class Thing:
    def __init__(self, value: str) -> None:
        self.value = value


class Tee:
    """What scripts put in the place of `sys.stdout`."""

    def __init__(self, stream: object) -> None:
        self.stream = stream
        self.lines = 0

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        return self.stream.write(text)  # type: ignore[attr-defined, no-any-return]

    def flush(self) -> None:
        self.stream.flush()  # type: ignore[attr-defined]


def arguments() -> tuple[str, int]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--site")
    parser.add_argument("--folder")
    given = parser.parse_args()
    assert given.folder == str(HOME), (given.folder, HOME)
    return given.site, int(given.site.rpartition("-")[2])


def check_that_all_is_fresh() -> None:
    """As the first thing: nothing of another site is here."""
    assert sys.argv[0] == __file__ == os.path.abspath(__file__)
    assert __name__ == "__main__"
    assert vars(sys.modules["__main__"]) is globals()
    assert HOME.name == SITE == flare_site()
    assert "CONFORMING" not in os.environ
    assert os.environ["HOME"] != "nowhere"
    assert not [each for each in sys.path if each.startswith("only-for-")]
    assert sys.path[0] == str(Path(__file__).parent)
    assert local_state.owner is None
    assert local_state.count == 0
    assert local_package.owner is None
    assert local_package.inner.names == []
    assert "made_by_hand" not in sys.modules
    assert logging.root.handlers == []
    assert logging.root.level == logging.WARNING
    assert "conforming" not in logging.Logger.manager.loggerDict
    assert not [each for each in warnings.filters if each[1] and "only-for" in str(each[1])]
    assert sys.getrecursionlimit() == 1000
    assert gc.isenabled()
    assert torch.get_default_dtype() is torch.float32
    assert sys.stdin.read() == ""
    assert not isinstance(sys.stdout, Tee)
    assert threading.active_count() >= 1


def flare_site() -> str:
    return flare.get_site_name()


def make_it_mine() -> None:
    """Changes everything that a process has one of."""
    os.environ["CONFORMING"] = SITE
    os.environ["HOME"] = "nowhere"
    os.environ.pop("LANG", None)
    sys.argv.append(SITE)
    sys.path.insert(0, f"only-for-{SITE}")
    local_state.owner = local_package.owner = SITE  # type: ignore[assignment]
    sys.modules["made_by_hand"] = type(sys)(SITE)
    logging.basicConfig(filename=HOME / "own.log", level=10 + INDEX, format="%(message)s")
    logging.getLogger("conforming").setLevel(INDEX)
    warnings.filterwarnings("error", message=f"only-for-{SITE}")
    sys.setrecursionlimit(2000 + INDEX)
    os.umask(0o20 + INDEX)
    if INDEX % 2:
        sys.stdout = Tee(sys.stdout)  # type: ignore[assignment]
        gc.disable()
        torch.set_default_dtype(torch.float64)
    folder = HOME / "inner"
    folder.mkdir()
    os.chdir(folder)
    random.seed(INDEX)
    atexit.register(farewell, "first")
    atexit.register(farewell, "second")


def farewell(word: str) -> None:
    check_that_all_is_mine()
    with (HOME / "farewell").open("a") as file:
        file.write(f"{word}\n")


def check_that_all_is_mine() -> None:
    """Everything is as this script left it."""
    assert os.environ["CONFORMING"] == SITE
    assert os.environ["HOME"] == "nowhere"
    assert "LANG" not in os.environ
    assert sys.argv[0] == __file__
    assert sys.argv[-1] == SITE
    assert [each for each in sys.path if "only-for" in each] == [f"only-for-{SITE}"]
    assert vars(sys.modules["__main__"]) is globals()
    assert pickle.loads(pickle.dumps(Thing(SITE))).value == SITE
    assert local_state.owner == local_package.owner == SITE
    assert sys.modules["local_state"] is local_state
    assert sys.modules["made_by_hand"].__name__ == SITE
    assert logging.root.level == 10 + INDEX
    assert [each.baseFilename for each in logging.root.handlers] == [str(HOME / "own.log")]  # type: ignore[attr-defined]
    assert logging.getLogger("conforming").level == INDEX
    try:
        warnings.warn(f"only-for-{SITE}", stacklevel=1)
    except UserWarning:
        pass
    else:
        raise AssertionError("the filter is gone")
    assert len([each for each in warnings.filters if each[1] and "only-for" in str(each[1])]) == 1
    assert sys.getrecursionlimit() == 2000 + INDEX
    mask = os.umask(0)
    os.umask(mask)
    assert mask == 0o20 + INDEX
    assert isinstance(sys.stdout, Tee) == bool(INDEX % 2)
    assert gc.isenabled() != bool(INDEX % 2)
    assert torch.get_default_dtype() is (torch.float64 if INDEX % 2 else torch.float32)
    assert Path.cwd() == HOME / "inner"


def draws() -> Iterator[float]:
    """From every generator, at every hand-over."""
    yield random.random()
    yield random.gauss(0, 1)
    yield float(np.random.rand())
    yield float(np.random.standard_normal())
    yield float(torch.rand(1))
    yield float(torch.randn(1))
    yield float(np.random.default_rng(INDEX).random())
    yield float(torch.nn.Linear(2, 2).weight.detach().sum())


flare.init()
SITE, INDEX = arguments()
check_that_all_is_fresh()
FIRST = [random.random(), np.random.rand(), float(torch.rand(1))]
make_it_mine()
print(f"begin {SITE}")
while flare.is_running():
    check_that_all_is_mine()
    model = flare.receive()
    assert model is not None
    assert local_state.count == model.current_round
    local_state.count += 1
    local_package.inner.names.append(SITE)
    assert set(local_package.inner.names) == {SITE}
    weights = model.params["w"]
    weights += np.fromiter(draws(), np.float64) / INDEX  # in place: nobody else sees it
    logging.getLogger("conforming").warning("round %d of %s", model.current_round, SITE)
    print(f"round {model.current_round} of {SITE}")
    os.system(f"echo a child of {SITE}")
    flare.send(flare.FLModel(params={"w": weights}, metrics={"first": FIRST[0]}))
    check_that_all_is_mine()
    weights[:] = 1e9  # it was sent: what becomes of it here is of no matter
    with (HOME / "drawn").open("a") as drawn:
        drawn.write(hashlib.sha256(repr(list(draws())).encode()).hexdigest() + "\n")
check_that_all_is_mine()
print(f"end {SITE}")

"""Scripts import NVFLARE's names without NVFLARE."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ame import errors
from ame.federation import FedJob, FLModel
from ame.federation.flare import activated, active, alias

SCRIPT = """
import nvflare.client as flare
from nvflare import FedJob, FilterType, client
from nvflare.apis.dxo import *
from nvflare.app_common.workflows.fedavg import FedAvg
from nvflare.app_opt.pt.file_model_persistor import PTFileModelPersistor
from nvflare.client.tracking import SummaryWriter
from nvflare.job_config.api import FedJob as Again
import nvflare, nvflare.job_config.script_runner
assert flare is client
assert FedJob is Again
assert nvflare.job_config.script_runner.ScriptRunner.__name__ == "ScriptRunner"
assert DXO.__name__ == "DXO"
assert callable(flare.receive)
print(nvflare.__version__)
"""


@pytest.fixture
def flare() -> Iterator[None]:
    with activated():
        yield


def test_names_of_nvflare_are_ours(flare: None) -> None:
    namespace: dict[str, object] = {}
    exec(SCRIPT, namespace)

    assert namespace["FedJob"] is FedJob
    assert namespace["flare"].FLModel is FLModel  # type: ignore[attr-defined]  # a module


def test_it_is_active_only_for_a_while() -> None:
    assert not active()
    with activated():
        import_it()
    assert not active()
    with pytest.raises(ModuleNotFoundError, match="No module named 'nvflare'"):
        import_it()


def test_it_goes_on_where_the_path_goes() -> None:
    with activated():
        path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]}, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert str(alias.FOLDER) not in sys.path


def import_it() -> None:
    __import__("nvflare.client")


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("from nvflare.apis.dxo import DXOX", "nvflare.apis.dxo.DXO"),
        ("import nvflare.app_common.workflow", "nvflare.app_common.workflows"),
        ("from nvflare import FedJobb", "nvflare.FedJob"),
        ("import nvflare\nnvflare.client.recieve", "nvflare.client.receive"),
    ],
)
def test_a_name_that_is_not_served_is_told_with_the_nearest(
    flare: None, line: str, near: str
) -> None:
    with pytest.raises(ImportError, match="is not served by `ame`; nearest are") as raised:
        exec(line, {})

    assert isinstance(raised.value, errors.NameNotServed)
    assert near in str(raised.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("from nvflare.app_opt.he.model_encryptor import HEModelEncryptor", "startup kits"),
        ("import nvflare.app_common.psi.psi_controller", "align the sites' rows"),
        ("from nvflare.fuel.hci.server import Server", "`ame task list` shows"),
    ],
)
def test_what_is_not_served_on_purpose_says_why_and_what_to_do(
    flare: None, line: str, why: str
) -> None:
    with pytest.raises(errors.NameNotServed, match=why):
        exec(line, {})


HELPERS = """
import nvflare.fuel.utils.fobs as fobs
import numpy as np, torch
from nvflare.apis.server_engine_spec import ServerEngineSpec
from nvflare.apis.utils.decomposers import flare_decomposers
from nvflare.app_common.decomposers import numpy_decomposers
from nvflare.app_opt.pt.decomposers import TensorDecomposer
from nvflare.fuel.utils.log_utils import get_obj_logger, get_script_logger
from nvflare.fuel.utils.validation_utils import check_positive_int
from nvflare.security.logging import secure_format_exception

fobs.register(TensorDecomposer)
flare_decomposers.register()
numpy_decomposers.register()
there = fobs.loads(fobs.dumps({"weights": np.arange(3.0), "tensor": torch.ones(2)}))
said = secure_format_exception(ValueError("no"))
name = get_obj_logger(there).name
get_script_logger().debug("begins")
check_positive_int("rounds", 1)
"""


def test_modules_that_jobs_import_beside_their_parts_are_there(flare: None) -> None:
    found: dict[str, Any] = {}
    exec(HELPERS, found)

    assert found["there"]["weights"].tolist() == [0, 1, 2]
    assert found["there"]["tensor"].tolist() == [1, 1]
    assert (found["said"], found["name"]) == ("ValueError: no", "builtins.dict")


@pytest.mark.parametrize(("value", "kind"), [(0, ValueError), ("1", TypeError), (True, TypeError)])
def test_a_check_of_nvflares_names_refuses(flare: None, value: object, kind: type) -> None:
    from ame.federation.flare.tools import checking

    with pytest.raises(kind, match="`rounds` must be"):
        checking.check_positive_int("rounds", value)


def test_what_cannot_travel_is_not_pickled(flare: None) -> None:
    from ame.federation.flare.tools import serializing

    with pytest.raises(TypeError, match="object"):
        serializing.dumps({"x": object()})


def test_a_module_hands_on_what_it_imports(flare: None) -> None:
    found: dict[str, Any] = {}
    exec("from nvflare.apis.impl.controller import Controller, FLContext, Signal", found)

    assert found["FLContext"].__name__ == "FLContext"
    with pytest.raises(errors.NameNotServed):  # there are several of that name
        exec("from nvflare.apis.impl.controller import FedAvgRecipe", {})


def test_tools_may_look_at_the_modules(flare: None) -> None:
    import inspect

    module = __import__("nvflare.client").client
    assert not hasattr(module, "__wrapped__")
    assert "receive" in dir(module)
    assert inspect.getmodule(module) is module


def test_nvflare_itself_is_not_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nvflare", type(sys)("nvflare"))

    with pytest.raises(RuntimeError, match="NVFLARE itself is imported"):
        alias.activate()


def test_a_process_of_its_own_has_the_names_too() -> None:
    path = os.pathsep.join([*sys.path, str(alias.FOLDER)])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]}, capture_output=True, text=True,
    )  # fmt: skip

    assert (done.stdout, done.returncode) == (f"{alias.VERSION}\n", 0), done.stderr

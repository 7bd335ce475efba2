"""Which recipe a task gets."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.protocol.pb import plan as pb
from ame.server.recipes import opening
from ame.server.recipes.declared import Bound
from server.recipes.folding import STATE

SERVER = pb.Plan(phase=[pb.Plan.Phase(server_phase=pb.ServerPhase(phase_init_op="init"))])


def test_a_task_that_says_nothing_gets_a_plain_mean() -> None:
    assert isinstance(opening.opened({}, state=STATE), Bound)


def test_a_declaration_goes_before_what_a_client_phase_says() -> None:
    client = pb.ClientOnlyPlan()
    declared = client.phase.federated_compute.aggregations["update/w"]
    declared.tf_v1_checkpoint_aggregation.SetInParent()
    said = {"aggregate": {"kind": "median"}}
    recipe = opening.opened(said, client_plan=client.SerializeToString(), state=STATE)
    assert isinstance(recipe, Bound)


def test_a_declaration_beside_a_server_part_is_refused() -> None:
    with pytest.raises(errors.RecipeInvalid, match=r"clip: the plan's server part aggregates"):
        opening.opened({"clip": 1}, plan=SERVER.SerializeToString(), state=STATE)


@pytest.mark.parametrize("name", ["plan", "client_plan"])
def test_what_is_no_plan_is_refused(name: str) -> None:
    plans = {name: b"\xff\xff"}
    with pytest.raises(errors.RecipeInvalid, match=r"is no (ClientOnly)?Plan"):
        opening.opened({}, state=STATE, **plans)  # type: ignore[arg-type]  # one of the two names


def test_a_plan_whose_eligibility_a_server_would_compute_is_refused() -> None:
    """What such a part is fed, and who gets what it makes, no document says."""
    phase = pb.Plan.Phase(server_eligibility_phase=pb.ServerEligibilityComputationPhase(name="e"))
    with pytest.raises(errors.RecipeInvalid, match="server_eligibility_phase, which is not run"):
        opening.opened({}, plan=pb.Plan(phase=[phase]).SerializeToString(), state=STATE)


def test_a_clients_plan_in_the_place_of_the_whole_one_is_refused() -> None:
    client = pb.ClientOnlyPlan(graph=b"graph").SerializeToString()
    with pytest.raises(errors.RecipeInvalid, match="give the whole Plan"):
        opening.opened({}, plan=pb.Plan().SerializeToString() or client, state=STATE)


@pytest.mark.parametrize("said", [{}, {"weight": "update/n"}, {"aggregate": {"kind": "median"}}])
def test_what_devices_could_not_run_is_refused_whatever_is_declared(said: dict[str, Any]) -> None:
    with pytest.raises(errors.RecipeInvalid, match="the plan of devices is no ClientOnlyPlan"):
        opening.opened(said, client_plan=STATE, state=STATE)


def test_what_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(errors.TensorsMalformed):
        opening.opened({}, state=b"nothing")


def printed(code: str) -> str:
    """What a Python of its own prints."""
    source = str(Path(errors.__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


WITHOUT = """
import sys
sys.modules["tensorflow"] = None
from ame import errors
from ame.protocol.pb import plan as pb
from ame.server.recipes import opening
for phase in (pb.Plan.Phase(server_phase=pb.ServerPhase(phase_init_op="init")),
              pb.Plan.Phase(server_phase_v2=pb.ServerPhaseV2(name="p"))):
    try:
        opening.opened({}, plan=pb.Plan(phase=[phase]).SerializeToString(), state=b"")
    except errors.ExtraMissing as missing:
        print(missing)
"""


def test_a_server_part_without_tensorflow_says_what_to_install() -> None:
    told = printed(WITHOUT)
    assert told.count("the server part of a plan needs a package that is not installed") == 2
    assert "ame-tasks[tensorflow]" in told


def test_tensorflow_is_not_imported_where_it_is_not_needed() -> None:
    code = "import sys, ame.server.recipes.opening; print('tensorflow' in sys.modules)"
    assert printed(code) == "False\n"

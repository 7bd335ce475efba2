"""Plans without a graph: sums of what devices upload, by name."""

from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import Array, checkpoint, fcv1
from ame.server.recipes import Recipe, opening
from ame.server.recipes.sums import Sums
from server.recipes.folding import folded

Vector = pb.ExampleQuerySpec.OutputVectorSpec
STATE = checkpoint.to_bytes({"histogram": np.zeros(3, np.int32), "about": np.array(b"x", object)})


def query(**types: Any) -> pb.ClientPhase:
    """A phase of one example query with these vectors; the histogram is known by the checkpoint."""
    phase = pb.ClientPhase()
    asked = phase.example_query_spec.example_queries.add()
    for name, kind in types.items():
        asked.output_vector_specs[name].vector_name = f"what is looked up for {name}"
        asked.output_vector_specs[name].data_type = kind
        declare(phase, name)
    return phase


def declare(phase: pb.ClientPhase, name: str) -> None:
    phase.federated_example_query.aggregations[name].tf_v1_checkpoint_aggregation.SetInParent()


def opened(phase: pb.ClientPhase, **more: Any) -> Recipe:
    """From a plan that has nothing but this phase."""
    plan = pb.Plan(phase=[pb.Plan.Phase(client_phase=phase)])
    return opening.opened({}, plan=plan.SerializeToString(), state=STATE, **more)


PHASE = query(steps=Vector.INT64, minutes=Vector.FLOAT, histogram=Vector.INT32)
UPLOADS: list[dict[str, Array]] = [
    {
        "steps": np.arange(count),
        "minutes": np.full(count, 0.5, np.float32),
        "histogram": np.array([count, 1, 2], np.int32),
    }
    for count in (1, 4, 0)
]


def test_vectors_come_to_one_number_and_known_tensors_are_added_at_their_places() -> None:
    made = folded(opened(PHASE), STATE, UPLOADS)
    state = checkpoint.read(made.state)
    assert made.metrics == {"steps": 6, "minutes": 2.5}
    assert state["histogram"].tolist() == [5, 3, 6]
    assert [state[name].dtype.name for name in ("steps", "minutes")] == ["int64", "float64"]
    assert state["about"] == b"x"


def test_sums_begin_anew_in_each_round_and_devices_do_not_get_them() -> None:
    recipe = opened(PHASE)
    first = folded(recipe, STATE, UPLOADS)
    assert checkpoint.read(recipe.start(first.state)).keys() == {"about"}
    assert folded(recipe, first.state, UPLOADS).state == first.state


def test_a_client_plan_says_it_as_well_as_a_plan() -> None:
    client = pb.ClientOnlyPlan(phase=PHASE).SerializeToString()
    recipe = opening.opened({"norm": 5}, client_plan=client, state=STATE)
    assert isinstance(recipe, Sums)
    recipe.take(fcv1.to_bytes(UPLOADS[0]))
    with pytest.raises(errors.ContributionRefused, match="norm"):
        recipe.take(fcv1.to_bytes({**UPLOADS[0], "minutes": np.full(3, 9, np.float32)}))


def test_a_graph_phase_declares_its_tensors_too() -> None:
    phase = pb.ClientPhase()
    router = phase.federated_compute
    router.aggregations["histogram"].tf_v1_checkpoint_aggregation.SetInParent()
    made = folded(opened(phase), STATE, [{"histogram": np.array([1, 2, 3], np.int32)}] * 3)
    assert checkpoint.read(made.state)["histogram"].tolist() == [3, 6, 9]


def test_an_evaluation_leaves_the_state_as_it_is() -> None:
    made = folded(opened(PHASE, evaluates=True), STATE, UPLOADS)
    assert (made.state, made.metrics["steps"]) == (STATE, 6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": np.zeros(2, np.int32)}, "steps is of int32, not of int64"),
        ({"steps": np.array([1 << 60])}, "beyond 2"),
        ({"steps": np.array([1 << 53, 1 << 53])}, "comes to more than 2"),
        ({"minutes": np.array([np.nan], np.float32)}, "nan"),
        ({"histogram": np.zeros(4, np.int32)}, "shape"),
        ({"other": np.zeros(1)}, "other is not asked for"),
    ],
)
def test_an_upload_that_is_not_what_it_must_be_is_refused(
    change: dict[str, Array], said: str
) -> None:
    with pytest.raises(errors.ContributionRefused, match=said):
        opened(PHASE).take(checkpoint.to_bytes({**UPLOADS[0], **change}))


def test_a_vector_of_any_length_has_a_length_at_last() -> None:
    with pytest.raises(errors.TensorsMalformed, match="values"):
        opened(PHASE).take(checkpoint.to_bytes({"steps": np.broadcast_to(np.int64(1), 1 << 23)}))


def test_a_sum_that_does_not_fit_its_type_fails_the_round() -> None:
    full = {**UPLOADS[0], "histogram": np.full(3, 2**31 - 1, np.int32)}
    with pytest.raises(errors.AggregateOverflow, match="histogram"):
        folded(opened(PHASE), STATE, [full, full])


def test_a_round_of_nobody_makes_nothing() -> None:
    with pytest.raises(errors.RoundEmpty):
        folded(opened(PHASE), STATE, [])


def _undeclared() -> pb.ClientPhase:
    phase = query(steps=Vector.INT64, more=Vector.INT64)
    del phase.federated_example_query.aggregations["more"]
    return phase


def _secure() -> pb.ClientPhase:
    phase = query(steps=Vector.INT64)
    phase.federated_example_query.aggregations["steps"].secure_aggregation.SetInParent()
    return phase


def _unknown() -> pb.ClientPhase:
    phase = query(steps=Vector.INT64)
    declare(phase, "elsewhere")
    return phase


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (query(name=Vector.STRING), "name is text"),
        (query(about=Vector.BYTES), "about is text"),
        (_undeclared(), "does not say how more is aggregated"),
        (_secure(), "steps asks for secure aggregation"),
        (_unknown(), "what elsewhere is stands nowhere"),
    ],
)
def test_a_plan_that_cannot_be_summed_is_refused(phase: pb.ClientPhase, said: str) -> None:
    with pytest.raises(errors.RecipeInvalid, match=said):
        opened(phase)

"""Plans with a TensorFlow server part, of both versions, against the plain formula."""

from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import Array, checkpoint, fcv1
from ame.server.recipes import Recipe, opening
from server.recipes import plans
from server.recipes.folding import folded

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]
STATE = checkpoint.to_bytes(
    {"x": np.array([1, 2, 3], np.float32), "rate": np.array(0.5, np.float32)}
)


def opened(plan: pb.Plan, **more: Any) -> Recipe:
    return opening.opened(
        more.pop("declared", {}), plan=plan.SerializeToString(), state=STATE, **more
    )


def first(index: int) -> dict[str, Array]:
    """An update for version 1."""
    dx = np.random.default_rng(index).standard_normal(3).astype(np.float32)
    loss, examples = np.array(index, np.float32), np.array(index + 1, np.float32)
    return {"u/dx": dx, "u/loss": loss, "u/examples": examples}


def second(index: int) -> dict[str, Array]:
    """An update for version 2."""
    made = {name.replace("u/", "update/"): each for name, each in first(index).items()}
    return {**made, "update/one": np.array(1, np.float32), "update/secret": np.array(5, np.int32)}


COUNT = 5
MOVED = np.array([1, 2, 3]) + 0.5 * np.mean([first(i)["u/dx"] for i in range(COUNT)], axis=0)
FIRST = [first(i) for i in range(COUNT)]
SECOND = [second(i) for i in range(COUNT)]


@pytest.mark.parametrize("halves", [True, False])
def test_version_1_moves_the_state_by_the_mean(halves: bool) -> None:
    recipe = opened(plans.version_1(halves=halves))
    sent = checkpoint.read(recipe.start(STATE))
    assert {name: each.tolist() for name, each in sent.items()} == {"sent/x": [1, 2, 3]}
    made = folded(recipe, STATE, FIRST)
    state = checkpoint.read(made.state)
    assert state.keys() == {"x", "rate"}
    assert np.allclose(state["x"], MOVED, atol=1e-6)
    assert made.metrics == {"server/loss": pytest.approx(10 / 15)}


def test_a_metric_that_is_no_finite_number_is_left_out() -> None:
    zero = np.array(0, np.float32)
    nothing = {**FIRST[0], "u/loss": zero, "u/examples": zero}
    assert folded(opened(plans.version_1()), STATE, [nothing]).metrics == {}


@pytest.mark.parametrize("halves", [True, False])
def test_version_1_goes_on_from_the_newest_state(halves: bool) -> None:
    recipe = opened(plans.version_1(halves=halves))
    folding = recipe.fold(STATE)
    for each in FIRST:
        folding.add(recipe.take(fcv1.to_bytes(each)))
    newest = {"x": np.array([11, 12, 13], np.float32), "rate": np.array(0.5, np.float32)}
    made = checkpoint.read(folding.made(checkpoint.to_bytes(newest)).state)
    assert np.allclose(made["x"], MOVED + 10, atol=1e-5)


def test_version_1_runs_what_follows_a_restore() -> None:
    recipe = opened(plans.version_1())
    far = {**FIRST[0], "u/dx": np.array([1000, 0, 0], np.float32)}
    assert checkpoint.read(folded(recipe, STATE, [far]).state)["x"].tolist() == [51, 2, 3]


def test_version_2_moves_the_state_by_the_mean() -> None:
    recipe = opened(plans.version_2())
    sent = checkpoint.read(recipe.start(STATE))
    assert {name: each.tolist() for name, each in sent.items()} == {"client/x": [1, 2, 3]}
    made = folded(recipe, STATE, SECOND)
    assert np.allclose(checkpoint.read(made.state)["x"], MOVED, atol=1e-6)
    losses, weights = range(COUNT), range(1, COUNT + 1)
    mean = np.average(losses, weights=weights)
    assert made.metrics == {"metric/loss": pytest.approx(mean), "metric/secret": 5 * COUNT % 7}


@pytest.mark.parametrize(
    ("build", "uploads"), [(plans.version_1, FIRST), (plans.version_2, SECOND)]
)
def test_a_folding_that_is_rebuilt_from_the_uploads_gives_the_same_bits(
    build: Any, uploads: list[dict[str, Array]]
) -> None:
    recipe = opened(build())
    lost = recipe.fold(STATE)
    for each in uploads[:2]:
        lost.add(recipe.take(checkpoint.to_bytes(each)))
    again = opened(build())
    assert folded(again, STATE, uploads).state == folded(recipe, STATE, uploads).state


@pytest.mark.parametrize(
    ("build", "uploads"), [(plans.version_1, FIRST), (plans.version_2, SECOND)]
)
def test_an_evaluation_leaves_the_state_as_it_is(
    build: Any, uploads: list[dict[str, Array]]
) -> None:
    made = folded(opened(build(), evaluates=True), STATE, uploads)
    assert made.state == STATE
    assert made.metrics == folded(opened(build()), STATE, uploads).metrics


@pytest.mark.parametrize(
    ("build", "good", "prefix"),
    [(plans.version_1, FIRST[0], "u/"), (plans.version_2, SECOND[0], "update/")],
)
def test_an_upload_is_checked_by_what_the_plan_reads(
    build: Any, good: dict[str, Array], prefix: str
) -> None:
    recipe = opened(build(), declared={"norm": 50})
    dx = prefix + "dx"
    for change, said in (
        ({dx: np.zeros(4, np.float32)}, "shape"),
        ({dx: np.zeros(3)}, "is of float64"),
        ({dx: np.array([0, np.nan, 0], np.float32)}, "nan"),
        ({dx: np.array([0, 99, 0], np.float32)}, "norm"),
        ({"other": np.zeros(1)}, "other is not asked for"),
    ):
        with pytest.raises(errors.ContributionRefused, match=said):
            recipe.take(checkpoint.to_bytes({**good, **change}))
    with pytest.raises(errors.ContributionRefused, match=f"{dx} is missing"):
        recipe.take(checkpoint.to_bytes({n: a for n, a in good.items() if n != dx}))


def test_a_round_whose_weights_are_all_0_makes_nothing() -> None:
    nothing = {**SECOND[0], "update/examples": np.array(0, np.float32)}
    with pytest.raises(errors.RoundEmpty, match="update/examples is 0"):
        folded(opened(plans.version_2()), STATE, [nothing])


@pytest.mark.parametrize("build", [plans.version_1, plans.version_2])
def test_a_round_of_nobody_makes_nothing(build: Any) -> None:
    with pytest.raises(errors.RoundEmpty):
        folded(opened(build()), STATE, [])


@pytest.mark.parametrize("build", [plans.version_1, plans.version_2])
def test_a_state_that_is_not_the_plans_fails_with_tensorflows_words(build: Any) -> None:
    other = checkpoint.to_bytes({"y": np.zeros(3, np.float32)})
    with pytest.raises(errors.ServerPartFailed, match="x"):
        opened(build()).start(other)


def _nameless() -> pb.Plan:
    plan = plans.version_1()
    plan.phase[0].server_phase.apply_aggregrated_updates_op = "nowhere"
    return plan


def _secure() -> pb.Plan:
    plan = plans.version_1()
    asked = plan.phase[0].server_phase.read_aggregated_update.side_channel_tensors
    asked["secret"].restore_name = "aside:0"
    return plan


def _garbled() -> pb.Plan:
    plan = plans.version_1()
    plan.server_graph_bytes.value = b"\xff"
    return plan


def _foreign() -> pb.Plan:
    plan = plans.version_2()
    plan.phase[0].server_phase_v2.aggregations[0].intrinsic_uri = "federated_magic"
    return plan


def _shapeless() -> pb.Plan:
    plan = plans.version_2()
    args = plan.phase[0].server_phase_v2.aggregations[0].intrinsic_args
    args[0].input_tensor.shape.dim[0].size = -1
    return plan


def _uneven() -> pb.Plan:
    plan = plans.version_2()
    del plan.phase[0].server_phase_v2.aggregations[0].output_tensors[:]
    return plan


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (_nameless, "no nowhere"),
        (_secure, "secure aggregation"),
        (_garbled, "server graph cannot be read"),
        (_foreign, "no aggregation federated_magic: federated_mean"),
        (_shapeless, "no full shape"),
        (_uneven, "not as many outputs"),
    ],
)
def test_a_plan_that_is_not_complete_is_refused(build: Any, said: str) -> None:
    with pytest.raises(errors.RecipeInvalid, match=said):
        opened(build())


def test_a_tensor_of_a_side_channel_is_fed_where_the_plan_says() -> None:
    plan = plans.version_1()
    phase = plan.phase[0].server_phase
    graph = plans.with_side_channel(plan.server_graph_bytes.value)
    plan.server_graph_bytes.value = graph
    channel = phase.read_update.side_channel_tensors["secret"]
    channel.restore_name = "aside:0"
    channel.secure_aggregand.dtype = plans.FLOAT
    channel.secure_aggregand.dimension.add(size=3)
    phase.read_update.after_restore_op = "take_aside"
    recipe = opened(plan)
    secret = np.array([2, 4, 6], np.float32)
    made = folded(recipe, STATE, [{**FIRST[0], "secret": secret}])
    assert checkpoint.read(made.state)["x"].tolist() == [2, 4, 6]
    with pytest.raises(errors.ContributionRefused, match="secret is missing"):
        recipe.take(checkpoint.to_bytes(FIRST[0]))

"""The client's half of the sample, against the one that another task builder made."""

from pathlib import Path

import numpy as np
import pytest

from ame.builder.client import flat
from ame.protocol.pb import plan as pb
from builder.client import running

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # TensorFlow's own
BOTH = pytest.mark.parametrize("evaluates", [False, True], ids=["training", "evaluation"])


@BOTH
def test_phase_operations_and_version_are_those_of_the_shipped_plan(evaluates: bool) -> None:
    ours, theirs = running.sample_client(evaluates=evaluates), running.shipped(evaluates=evaluates)

    assert ours.phase == theirs.phase
    assert flat.flex(ours.flatbuffer) == flat.flex(theirs.tflite_graph)
    assert flat.inputs(ours.flatbuffer) == flat.inputs(theirs.tflite_graph)
    assert ours.minimum_version() == ("341812000" if evaluates else "341912000")
    assert len(ours.flatbuffer) < len(theirs.tflite_graph)


@BOTH
def test_the_flatbuffer_is_all_of_a_plan_unless_the_graph_is_asked_for(evaluates: bool) -> None:
    ours = running.sample_client(evaluates=evaluates)

    assert ours.plan() == pb.ClientOnlyPlan(phase=ours.phase, tflite_graph=ours.flatbuffer)
    assert ours.plan(with_graph=True).graph == ours.graph


@BOTH
def test_shipped_plan_flatbuffer_and_graph_make_the_same_updates(
    tmp_path: Path, evaluates: bool
) -> None:
    ours, theirs = running.sample_client(evaluates=evaluates), running.shipped(evaluates=evaluates)
    numbers = {} if evaluates else {"clip": 0.1}
    given = running.sent(ours.process, running.sample_model().trainable, **numbers)
    rows = [running.sample_examples(count) for count in (1, 7, 0)]

    wanted = running.run(tmp_path, theirs, given, *rows)

    for plan in (ours.plan(), running.as_graph(ours)):
        for made, shipped in zip(running.run(tmp_path, plan, given, *rows), wanted, strict=True):
            assert made.keys() == shipped.keys()
            for name, value in shipped.items():
                assert made[name].dtype == value.dtype
                np.testing.assert_allclose(made[name], value, rtol=1e-4, atol=1e-7, err_msg=name)

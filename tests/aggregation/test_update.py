"""What every aggregator promises."""

import pickle
from typing import TypeVar

import numpy as np
import pytest

from aggregation import updates as made
from ame import aggregation, errors

State = TypeVar("State")


def conform(aggregator: aggregation.Aggregator[State]) -> None:
    def numbers(state: State) -> bytes:
        return np.asarray(aggregator.value(state).arrays["w"]).tobytes()

    state, other = aggregator.begin(), aggregator.begin()
    with pytest.raises(errors.AggregateEmpty):
        aggregator.value(state)
    for update in made.seeded(6):
        state, other = aggregator.add(state, update), aggregator.add(other, update)
    once = numbers(state)
    assert numbers(state) == numbers(other) == once

    bad = aggregation.Update(client="bad", arrays={"w": np.full(10, np.inf)}, difference=True)
    model = aggregation.Update(client="bad", arrays={"w": np.ones(10)})
    for wrong in (bad, model):
        with pytest.raises(errors.UpdateRefused, match="`bad`"):
            aggregator.add(state, wrong)
    assert numbers(state) == once

    assert numbers(aggregator.merge(state, aggregator.begin())) == once
    assert numbers(aggregator.merge(aggregator.begin(), other)) == once


def test_the_mean_conforms() -> None:
    conform(aggregation.Mean())
    conform(aggregation.Mean(double=True, clip=aggregation.Clip(norm=1)))


def test_what_collects_conforms() -> None:
    for hold in (0, 1 << 20):
        conform(aggregation.Median(hold=hold))
        conform(aggregation.TrimmedMean(share=0.2, hold=hold))
        conform(aggregation.Krum(bad=1, chosen=2, hold=hold))


def test_a_sum_goes_from_one_process_to_another() -> None:
    mean, updates = aggregation.Mean(), made.seeded(9)
    state = made.folded(mean, updates[:4])

    moved = pickle.loads(pickle.dumps(state))
    values = [
        mean.value(made.folded(mean, updates[4:], each)).arrays["w"] for each in (state, moved)
    ]

    assert np.array_equal(np.asarray(values[0]), np.asarray(values[1]))

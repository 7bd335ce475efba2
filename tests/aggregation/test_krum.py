from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregation import updates as made
from aggregation.test_robust import collected, stacked
from ame import aggregation, errors


def plain_scores(updates: Sequence[aggregation.Update], bad: int) -> list[float]:
    """Section 4, as it is written."""
    vectors = [
        np.concatenate([made.double(u.arrays[key]).ravel() for key in made.SHAPES]) for u in updates
    ]
    scores = []
    for i, one in enumerate(vectors):
        apart = sorted(
            float(((one - other) ** 2).sum()) for j, other in enumerate(vectors) if i != j
        )
        scores.append(sum(apart[: len(updates) - bad - 2]))
    return scores


@given(made.rounds(whole=True, least=3, largest=1e6), st.data())
def test_the_updates_with_the_least_scores_are_averaged(
    updates: list[aggregation.Update], data: st.DataObject
) -> None:
    bad = data.draw(st.integers(0, (len(updates) - 3) // 2))
    chosen = data.draw(st.integers(1, len(updates) - bad))
    krum = aggregation.Krum(bad=bad, chosen=chosen, hold=data.draw(st.sampled_from([0, 1 << 20])))
    state = collected(krum, updates)

    clients = krum.clients(state)
    value = krum.value(state)

    scores = dict(zip([u.client for u in updates], plain_scores(updates, bad), strict=True))
    slack = 1e-9 * max(scores.values())
    assert len(set(clients)) == chosen
    assert max(scores[c] for c in clients) <= sorted(scores.values())[chosen - 1] + slack
    those = [u for u in updates if u.client in clients]
    for key, got in value.arrays.items():
        expected = stacked(those, key).mean(axis=0)
        scale = abs(stacked(those, key)).mean(axis=0)
        assert (abs(made.double(got) - expected) <= 6e-7 * scale + 1e-37).all()


@pytest.mark.parametrize("place", [0, 5, 8])
@pytest.mark.parametrize("size", [1e3, 1e18, 3e38])
def test_a_far_one_is_never_chosen_and_does_not_blur_the_others(place: int, size: float) -> None:
    honest = made.seeded(8)
    far = aggregation.Update(
        client="far", arrays={"w": np.full(10, size, np.float32)}, difference=True
    )
    alone, attacked = aggregation.Krum(bad=1, chosen=4), aggregation.Krum(bad=2, chosen=4)

    before = alone.clients(collected(alone, honest))
    after = attacked.clients(collected(attacked, [*honest[:place], far, *honest[place:]]))

    assert set(before) == set(after)


def test_of_equal_ones_the_earlier_is_chosen() -> None:
    update = made.seeded(1)[0].arrays
    krum = aggregation.Krum(bad=1)
    same = [aggregation.Update(client=f"c{k}", arrays=update) for k in range(5)]

    assert krum.clients(collected(krum, same)) == ("c0",)


@pytest.mark.parametrize(("clients", "bad", "chosen"), [(0, 0, 1), (4, 1, 1), (6, 1, 6)])
def test_too_few_are_refused(clients: int, bad: int, chosen: int) -> None:
    krum = aggregation.Krum(bad=bad, chosen=chosen)

    with pytest.raises(errors.AggregateEmpty, match="needs"):
        krum.value(collected(krum, made.seeded(clients)))


def test_every_update_must_have_every_array() -> None:
    krum = aggregation.Krum(bad=0)
    whole = aggregation.Update(client="a", arrays={"v": np.ones(2), "w": np.ones(2)})
    part = aggregation.Update(client="b", arrays={"w": np.ones(2)})

    with pytest.raises(errors.UpdateRefused, match="`v` is missing"):
        collected(krum, [whole, part])
    with pytest.raises(errors.UpdateRefused, match="`v` is no array of the model"):
        collected(krum, [part, whole])
    with pytest.raises(errors.AggregationInvalid, match="other names"):
        krum.merge(collected(krum, [whole]), collected(krum, [part]))


def test_states_are_merged() -> None:
    krum = aggregation.Krum(bad=1, chosen=2)
    updates = made.seeded(7)

    merged = krum.merge(collected(krum, updates[:3]), collected(krum, updates[3:]))

    assert krum.clients(merged) == krum.clients(collected(krum, updates))


@pytest.mark.parametrize(("bad", "chosen", "argument"), [(-1, 1, "bad"), (0, 0, "chosen")])
def test_numbers_without_meaning_are_refused(bad: int, chosen: int, argument: str) -> None:
    with pytest.raises(errors.AggregationInvalid, match=f"`{argument}`"):
        aggregation.Krum(bad=bad, chosen=chosen)

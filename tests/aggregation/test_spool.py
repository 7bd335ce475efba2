"""Updates that are kept, in memory or in a file."""

import numpy as np
import pytest

from ame import aggregation, errors


@pytest.mark.parametrize("hold", [0, 1 << 20])
def test_what_is_kept_is_a_copy(hold: int) -> None:
    numbers = np.ones(3, np.float32)
    spool = aggregation.Spool(hold=hold)
    row = spool.append(aggregation.Update(client="a", arrays={"w": numbers}, weight=2.0))
    numbers[...] = 7

    kept = spool.take(row)

    assert (kept.client, kept.weight) == ("a", 2.0)
    assert np.array_equal(aggregation.view(kept.arrays["w"]).flat, [1, 1, 1])
    assert spool.rows() == ()
    spool.close()


def test_what_is_no_array_is_not_kept() -> None:
    spool = aggregation.Spool()

    with pytest.raises(errors.UpdateRefused, match="holds str"):
        spool.append(aggregation.Update(client="a", arrays={"w": "text"}))

    assert len(spool) == 0

import re
from pathlib import Path

import numpy as np
import pytest

from ame import errors
from ame.federation.model import FLModel
from ame.federation.workflows.averaging.fedavg import FedAvg
from parts.federated import Keeps, moved, run

ZERO = {"w": np.zeros((2, 3), np.float32), "b": np.zeros(3, np.float32)}


def test_the_model_of_a_round_is_the_mean_weighted_by_steps(tmp_path: Path) -> None:
    persistor = Keeps(ZERO)

    run(
        FedAvg(num_clients=2, num_rounds=3),
        tmp_path,
        {
            "site-1": moved(1, NUM_STEPS_CURRENT_ROUND=1),
            "site-2": moved(4, NUM_STEPS_CURRENT_ROUND=3),
        },
        components={"persistor": persistor},
    )

    assert len(persistor.saved) == 3
    np.testing.assert_allclose(persistor.saved[-1]["w"], 3 * (1 * 1 + 4 * 3) / 4)
    assert persistor.saved[-1]["w"].dtype == np.float32


def test_a_site_whose_script_raises_is_left_out_where_others_are_enough(tmp_path: Path) -> None:
    def broken(site: str, model: FLModel) -> FLModel:
        raise ValueError("no data")

    persistor = Keeps(ZERO)

    run(
        FedAvg(num_clients=2, num_rounds=1),
        tmp_path,
        {"site-1": broken, "site-2": moved(2)},
        components={"persistor": persistor},
    )

    np.testing.assert_array_equal(persistor.saved[-1]["b"], np.full(3, 2, np.float32))


def test_the_job_ends_where_too_few_are_left_and_says_why(tmp_path: Path) -> None:
    def broken(site: str, model: FLModel) -> FLModel:
        raise ValueError("no data")

    with pytest.raises(errors.TooFewResults, match=r"site-1: ValueError: no data \(.*:\d+\)"):
        run(
            FedAvg(num_clients=2, num_rounds=1),
            tmp_path,
            {"site-1": broken, "site-2": moved(2)},
            components={"persistor": Keeps(ZERO)},
            min_clients=2,
        )


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"w": np.full((2, 3), np.nan, np.float32)}, "`w` holds nan"),
        ({"w": np.zeros((3, 2), np.float32)}, "`w` has shape (3, 2), not (2, 3)"),
        ({"v": np.zeros(1, np.float32)}, "`v` is no array of the model"),
    ],
)
def test_an_update_that_does_not_fit_is_refused_with_the_reason(
    tmp_path: Path, params: dict[str, object], why: str
) -> None:
    def wrong(site: str, model: FLModel) -> FLModel:
        return FLModel(params=params)

    with pytest.raises(errors.TooFewResults, match=re.escape(why)):
        run(
            FedAvg(num_clients=2, num_rounds=1),
            tmp_path,
            {"site-1": wrong, "site-2": moved(2)},
            components={"persistor": Keeps(ZERO)},
            min_clients=2,
        )


def test_a_persistor_under_another_id_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(errors.ComponentUnknown, match=r"there are `component`: .*id='persistor'"):
        run(
            FedAvg(num_clients=1, num_rounds=1),
            tmp_path,
            {"site-1": moved(1)},
            components={"component": Keeps(ZERO)},
        )


def test_a_persistor_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(errors.ComponentUnknown, match=r"`persitor`; there are `persistor`"):
        run(
            FedAvg(num_clients=1, num_rounds=1, persistor_id="persitor"),
            tmp_path,
            {"site-1": moved(1)},
            components={"persistor": Keeps(ZERO)},
        )

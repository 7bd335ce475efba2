from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame.federation.conversion import FLModelUtils
from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.analytics import AnalyticsData, AnalyticsDataType, LogWriterName
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import (
    DXO,
    DataKind,
    from_bytes,
    from_file,
    from_shareable,
    get_leaf_dxos,
)
from ame.federation.spec.filter import DXOFilter
from ame.federation.spec.shareable import ReturnCode, Shareable, make_copy, make_reply
from ame.federation.spec.task import Task


class Doubles(DXOFilter):
    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        return DXO(dxo.data_kind, {key: 2 * each for key, each in dxo.data.items()}, dxo.meta)


def test_headers_return_code_and_cookies_of_a_shareable() -> None:
    made = make_reply(ReturnCode.TIMEOUT, {"a": 1})
    made.add_cookie("round", 3)
    made["data"] = {}

    twin = make_copy(made, exclude_headers=["a"])
    twin.add_cookie("round", 4)

    assert made.get_return_code() == "TIMEOUT"
    assert made.get_cookie("round") == 3
    assert twin.get_header("a") is None
    assert twin["data"] is made["data"]
    assert Shareable().get_return_code() == ReturnCode.OK
    assert Shareable({"x": 1}).get_cookie("none", 5) == 5


def test_a_shareable_and_a_dxo_survive_bytes_and_files(tmp_path: Path) -> None:
    dxo = DXO(DataKind.WEIGHTS, {"w": np.arange(3.0)}, {"steps": 2})

    shareable = Shareable.from_bytes(dxo.to_shareable().to_bytes())
    dxo.to_file(str(tmp_path / "dxo"))

    for found in (
        from_shareable(shareable),
        from_bytes(dxo.to_bytes()),
        from_file(str(tmp_path / "dxo")),
    ):
        np.testing.assert_array_equal(found.data["w"], np.arange(3.0))
        assert found.meta == {"steps": 2}
    with pytest.raises(ValueError, match="not a DXO"):
        from_bytes(shareable.to_bytes())


@pytest.mark.parametrize("unfit", [Shareable(), make_reply("ERROR")])
def test_what_holds_no_dxo_is_refused(unfit: Shareable) -> None:
    with pytest.raises(ValueError, match="holds no DXO"):
        from_shareable(unfit)


@pytest.mark.parametrize(("data", "meta"), [([1], None), ({}, [1])])
def test_the_data_and_the_metadata_of_a_dxo_are_dicts(data: Any, meta: Any) -> None:
    with pytest.raises(ValueError, match="must be a dict, not list"):
        DXO(DataKind.WEIGHTS, data, meta)


def test_the_leaves_of_a_collection_are_found_by_their_path() -> None:
    leaf = DXO(DataKind.METRICS, {"a": 1})
    tree = DXO(DataKind.COLLECTION, {"x": DXO(DataKind.COLLECTION, {"y": leaf}), "z": 3})

    leaves, wrong = get_leaf_dxos(tree, "site")

    assert leaves == {"site.x.y": leaf}
    assert wrong == ["`site.z` must be a DXO, not int"]


def test_a_filter_of_dxos_changes_those_of_its_kinds_and_notes_it() -> None:
    weights = DXO(DataKind.WEIGHTS, {"w": 1.0})
    metrics = DXO(DataKind.METRICS, {"m": 1.0})
    sent = DXO(DataKind.COLLECTION, {"a": weights, "b": metrics}).to_shareable()

    made = from_shareable(Doubles(None, [DataKind.WEIGHTS]).process(sent, FLContext()))

    assert made.data["a"].data == {"w": 2.0}
    assert made.data["a"].get_filter_history() == ["Doubles"]
    assert made.data["b"].data == {"m": 1.0}


def test_a_filter_lets_replies_of_failures_pass() -> None:
    failed = make_reply(ReturnCode.ERROR)

    assert Doubles().process(failed, FLContext()) is failed


def test_a_filter_of_kinds_that_it_does_not_support_is_refused() -> None:
    with pytest.raises(ValueError, match="Doubles cannot filter METRICS"):
        Doubles([DataKind.WEIGHTS], [DataKind.METRICS])


@pytest.mark.parametrize("kind", [ParamsType.FULL, ParamsType.DIFF])
def test_a_model_survives_its_way_as_a_shareable(kind: ParamsType) -> None:
    model = FLModel(
        params_type=kind,
        params={"w": np.ones(2)},
        metrics={"accuracy": 0.5},
        current_round=3,
        total_rounds=5,
        meta={"NUM_STEPS_CURRENT_ROUND": 7},
    )

    found = FLModelUtils.from_shareable(FLModelUtils.to_shareable(model))

    assert found.params_type == kind
    assert found.metrics == {"accuracy": 0.5}
    assert (found.current_round, found.total_rounds) == (3, 5)
    assert found.meta["NUM_STEPS_CURRENT_ROUND"] == 7


def test_a_model_of_metrics_alone_is_sent_and_one_of_nothing_is_not() -> None:
    found = FLModelUtils.from_shareable(FLModelUtils.to_shareable(FLModel(metrics={"a": 1.0})))

    assert found.metrics == {"a": 1.0}
    assert found.params is None
    with pytest.raises(ValueError, match="without params and without metrics"):
        FLModelUtils.to_shareable(FLModel())


def test_what_is_told_comes_in_the_receivers_words() -> None:
    told = AnalyticsData("loss", np.float32(0.5), AnalyticsDataType.SCALAR, global_step=3)

    found = AnalyticsData.from_dxo(told.to_dxo(), LogWriterName.MLFLOW)

    assert found is not None
    assert (found.tag, found.value, found.step) == ("loss", 0.5, 3)
    assert found.data_type == AnalyticsDataType.METRIC


@pytest.mark.parametrize(
    ("value", "kind", "more"),
    [
        ("high", AnalyticsDataType.SCALAR, {}),
        (1.0, AnalyticsDataType.SCALARS, {}),
        (3, AnalyticsDataType.TEXT, {}),
        (1.0, AnalyticsDataType.SCALAR, {"global_step": 1.5}),
        (1.0, AnalyticsDataType.SCALAR, {"path": 3}),
    ],
)
def test_what_is_told_is_of_its_kind(
    value: Any, kind: AnalyticsDataType, more: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        AnalyticsData("a", value, kind, **more)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"name": 3}, TypeError),
        ({"data": {}}, TypeError),
        ({"timeout": "1"}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"result_received_cb": 3}, TypeError),
        ({"props": [1]}, TypeError),
        ({"operator": 3}, TypeError),
    ],
)
def test_a_task_that_cannot_be_is_refused(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Task(**{"name": "train", "data": Shareable(), **arguments})


def test_names_with_two_underscores_are_the_runs_own() -> None:
    with pytest.raises(ValueError, match="run's own"):
        Task("train", Shareable()).set_prop("__x", 1)

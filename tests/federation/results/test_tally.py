from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from ame.federation.conversion import FLModelUtils
from ame.federation.exchange.sites import Lost, Order, Reply, Why
from ame.federation.model import FLModel
from ame.federation.results.tally import Tally, mean, told
from ame.federation.spec.names.keys import ASIDE
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply


def order(number: int, site: str, *, of: int | None = 0, task: str = "train") -> Order:
    data = Shareable()
    if of is not None:
        data.set_header("current_round", of)
        data.set_header("num_rounds", 5)
    return Order(number=number, site=site, task=task, data=data)


def reply(number: int, site: str, steps: int = 1, **metrics: float) -> Reply:
    model = FLModel(
        params={"w": np.zeros(1)}, metrics=dict(metrics), meta={"NUM_STEPS_CURRENT_ROUND": steps}
    )
    return Reply(
        number=number, site=site, task="train", result=FLModelUtils.to_shareable(model), seconds=0.5
    )


def test_a_round_is_the_mean_of_its_answers_by_their_steps() -> None:
    tally = Tally()
    tally.sent([order(1, "a"), order(2, "b")], at=10)

    tally.replied(reply(1, "a", steps=1, accuracy=0.5))
    tally.replied(reply(2, "b", steps=3, accuracy=0.9))

    assert tally.now is not None
    assert tally.now.means() == {"accuracy": pytest.approx(0.8)}
    assert tally.now.open == 0


def test_a_broadcast_of_the_next_round_closes_the_one_before() -> None:
    tally = Tally()
    tally.sent([order(1, "a")], at=10)

    closed = tally.sent([order(2, "a", of=1)], at=12)

    assert closed is tally.rounds[0]
    assert (closed.began, closed.ended) == (10, 12)
    assert [each.number for each in tally.rounds] == [0, 1]


def test_a_round_goes_on_when_its_sites_are_asked_one_by_one() -> None:
    tally = Tally()
    tally.sent([order(1, "a")], at=0)
    tally.replied(reply(1, "a"))

    assert tally.sent([order(2, "b")], at=1) is None

    assert list(tally.rounds[0].asked) == ["a", "b"]


def test_sites_are_in_the_order_of_their_numbers() -> None:
    tally = Tally()
    names = ["site-10", "site-2", "b", "site-1", "a"]
    tally.sent([order(number, name) for number, name in enumerate(names)], at=0)

    assert tally.sites() == ["a", "b", "site-1", "site-2", "site-10"]


def test_a_lost_site_that_is_asked_again_is_not_lost() -> None:
    tally = Tally()
    tally.sent([order(1, "a")], at=0)
    tally.lost(Lost(number=1, site="a", task="train", why=Why(kind="killed", text="gone")))
    assert tally.lost_sites() == ("a",)

    tally.sent([order(2, "a")], at=1)

    assert tally.lost_sites() == ()


def test_a_site_that_was_told_to_stay_away_is_not_among_the_lost() -> None:
    tally = Tally()
    tally.sent([order(1, "a")], at=0)

    tally.lost(Lost(number=1, site="a", task="train", why=Why(kind="dropped", text="by wish")))

    assert tally.lost_sites() == ()


def test_an_answer_to_nothing_is_passed_over() -> None:
    assert Tally().replied(reply(7, "a")) is None


def test_an_answer_that_says_that_it_failed_is_a_loss() -> None:
    tally = Tally()
    tally.sent([order(1, "a")], at=0)
    result = make_reply(ReturnCode.EXECUTION_EXCEPTION)

    tally.replied(Reply(number=1, site="a", task="train", result=result))

    assert tally.rounds[0].losses["a"].text == "it answered EXECUTION_EXCEPTION"


def test_metrics_of_a_model_of_somebody_s_carry_its_name() -> None:
    tally = Tally()
    asked = order(1, "a", of=None, task="validate")
    asked.data.set_header("_model_owner_", "site-9")
    tally.sent([asked], at=0)
    result = FLModelUtils.to_shareable(FLModel(metrics={"accuracy": 0.5}))

    tally.replied(Reply(number=1, site="a", task="validate", result=result))

    assert tally.rounds[0].label == "validate"
    assert tally.rounds[0].answers["a"].metrics == {"accuracy of site-9": 0.5}


def test_what_is_no_number_is_no_metric() -> None:
    model = FLModel(metrics={"a": np.float32(1), "b": "x", "c": [1], "d": np.ones(2), "e": True})

    assert told(FLModelUtils.to_shareable(model)) == (1.0, {"a": 1.0, "e": 1.0})


def test_what_privacy_was_spent_is_a_metric() -> None:
    spent = {"epsilon_so_far": 4.5, "delta": 1e-5}
    model = FLModel(params={"w": np.zeros(1)}, metrics={"loss": 2.0}, meta={"privacy": spent})

    assert told(FLModelUtils.to_shareable(model)) == (1.0, {"loss": 2.0, "epsilon": 4.5})


def test_a_result_without_a_model_has_no_metrics() -> None:
    assert told(Shareable()) == (1.0, {})


def test_the_mean_of_nothing_is_no_number() -> None:
    assert isnan(mean([]))
    assert isnan(mean([(float("inf"), 1), (float("-inf"), 1)]))


def aside(number: int, site: str) -> Order:
    made = order(number, site, of=None, task="swarm_pulse")
    made.data.set_header(ASIDE, True)
    return made


def test_what_a_workflow_does_for_itself_is_no_round_and_ends_none() -> None:
    tally = Tally()
    tally.sent([order(1, "a")], at=0)

    assert tally.sent([aside(2, "a")], at=1) is None
    assert tally.replied(reply(2, "a", accuracy=1.0)) is None

    assert [(each.task, each.open) for each in tally.rounds] == [("train", 1)]


def test_a_site_that_is_lost_beside_a_round_is_lost_in_it_once() -> None:
    tally = Tally()
    why = Why(kind="killed", text="killed")
    tally.sent([order(1, "a")], at=0)
    tally.sent([aside(2, "a")], at=1)

    assert tally.lost(Lost(number=2, site="a", task="swarm_pulse", why=why)) is tally.now
    assert tally.refused("a", why) is None
    assert tally.lost_sites() == ("a",)


def test_a_site_that_is_lost_before_any_round_is_told_once() -> None:
    tally = Tally()
    why = Why(kind="killed", text="killed")
    tally.sent([aside(1, "a")], at=0)

    of = tally.lost(Lost(number=1, site="a", task="swarm_config", why=why))

    assert of is not None
    assert of.label == "swarm_pulse"
    assert tally.refused("a", why) is None
    assert (tally.rounds, tally.lost_sites()) == ([], ("a",))


def task(number: int, site: str, given: int, name: str = "hello") -> Order:
    return replace(order(number, site, of=None, task=name), given=given)


def test_each_of_several_tasks_of_one_name_without_rounds_is_told() -> None:
    tally = Tally()
    for turn in range(3):
        tally.sent([task(10 * turn + i, site, turn + 1) for i, site in enumerate("ab")], at=turn)
        for i, site in enumerate("ab"):
            tally.replied(reply(10 * turn + i, site, x=float(turn)))
    tally.sent([task(30, "b", 4)], at=3)

    assert [(each.label, each.at) for each in tally.rounds] == [
        ("hello", None),
        ("hello (2)", 1),
        ("hello (3)", 2),
        ("hello (4)", 3),
    ]
    assert [len(each.asked) for each in tally.rounds] == [2, 2, 2, 1]
    assert tally.rounds[1].answers["a"].metrics == {"x": 1.0}


def test_a_task_that_goes_from_site_to_site_is_one() -> None:
    tally = Tally()
    for number, site in enumerate("ab"):
        tally.sent([task(number, site, 1)], at=number)
        tally.replied(reply(number, site))

    assert [list(each.asked) for each in tally.rounds] == [["a", "b"]]


def test_tasks_of_one_name_that_overlap_are_told_together() -> None:
    tally = Tally()

    tally.sent([task(1, "a", 1)], at=0)
    tally.sent([task(2, "b", 2)], at=0)

    assert [list(each.asked) for each in tally.rounds] == [["a", "b"]]

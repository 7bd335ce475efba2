"""What travels between a server and sites on Flower."""

from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from ame import errors
from ame.federation import flower
from ame.federation.client import Record
from ame.federation.exchange.sites import Lost, Message, Order, Reply, Why
from ame.federation.flower import bundle, frames
from ame.federation.program import App, File, Filtered, Part, Program, Routed, Weights
from ame.federation.spec.analytics import AnalyticsDataType
from ame.federation.spec.shareable import Shareable


def program() -> Program:
    held = {"w": np.arange(3.0)}
    inner = Part(path="own.Model", args={"size": 3}, weights=Weights(kind="numpy", held=held))
    executor = Part(path="own.Learner", args={"model": inner, "rates": [0.1, {"a": None}]})
    file = File(source=b"class Learner: ...", target=PurePosixPath("own.py"))
    privacy = Part(path="ame.federation.filters.privacy.PercentilePrivacy", args={"gamma": 0.5})
    everyone = App(
        executors=(Routed(tasks=("train",), executor=executor),),
        task_result_filters=(Filtered(tasks=("*",), filters=(privacy,), direction="out"),),
        params={"rounds": 3},
        files=(file,),
    )
    secret = App(workflows=(Part(path="own.Lead"),), files=(file,))
    return Program(
        name="job", server=secret, everyone=everyone, sites={"north": App(params={"place": "n"})}
    )


def test_what_sites_do_comes_out_of_a_bundle_as_it_went_in() -> None:
    found = bundle.unpack(bundle.pack(program()))

    app, was = found.app("north"), program().app("north")
    assert app.params == {"rounds": 3, "place": "n"}
    assert [file.read() for file in app.files] == [b"class Learner: ..."]
    assert app.task_result_filters == was.task_result_filters
    executor = app.executors[0].executor
    assert executor.args["rates"] == [0.1, {"a": None}]
    model = executor.args["model"]
    assert isinstance(model, Part)
    assert model.weights is not None
    assert model.weights.held is not None
    assert np.array_equal(model.weights.held["w"], np.arange(3.0))  # type: ignore[arg-type]  # one


def test_what_the_server_does_stays_there() -> None:
    assert bundle.unpack(bundle.pack(program())).server == App()


def test_a_bundle_is_the_same_for_the_same_job() -> None:
    assert bundle.pack(program()) == bundle.pack(program())


def test_a_job_that_is_too_large_for_flower_is_refused() -> None:
    noise = np.random.default_rng(0).bytes(12 << 20)
    large = File(source=noise, target=PurePosixPath("data.bin"))

    with pytest.raises(errors.JobTooLarge, match="10 MB"):
        bundle.pack(Program(name="large", everyone=App(files=(large,))))


def test_what_is_no_bundle_is_refused() -> None:
    with pytest.raises(ValueError, match="no bundle"):
        bundle.unpack(b"nothing of the kind")


def test_frames_carry_all_that_is_said() -> None:
    data = Shareable()
    data["w"] = np.arange(6, dtype=np.float32).reshape(2, 3)
    why = Why(kind="raised", text="no", trace="long", place="a.py:1")
    said: list[Reply | Lost | Message] = [
        Reply(number=2, site="s", task="train", result=data, seconds=0.5),
        Lost(number=3, site="s", task="train", why=why),
        Message(sender="s", target="t", topic="hi", data=data, number=4, answer=True),
    ]
    record = Record(key="loss", value=0.5, kind=AnalyticsDataType.SCALAR, step=3)
    order = Order(number=1, site="s", task="train", data=data, timeout=3.0)

    items = frames.unpack(
        frames.pack(
            [frames.of_order(order), *map(frames.of_outcome, said), frames.of_record(record)]
        )
    )

    came = frames.to_order(items[0])
    assert (came.number, came.site, came.task, came.timeout) == (1, "s", "train", 3.0)
    assert np.array_equal(came.data["w"], data["w"])
    assert came.data["w"].flags.writeable
    reply, lost, message = (frames.to_outcome(item) for item in items[1:4])
    assert isinstance(reply, Reply)
    assert np.array_equal(reply.result["w"], data["w"])
    assert lost == said[1]
    assert isinstance(message, Message)
    assert (message.topic, message.number, message.answer) == ("hi", 4, True)
    assert frames.to_record(items[4]) == record


def test_what_many_sites_are_sent_is_made_once() -> None:
    data = Shareable()
    data["w"] = np.zeros(1000)
    orders = [Order(number=at, site=str(at), task="train", data=data) for at in range(2)]
    known: dict[int, frames.Coded] = {}

    made = [frames.pack([frames.of_order(order)], known) for order in orders]

    assert made[0]["0.arrays"] is made[1]["0.arrays"]


def test_a_superlink_is_named_by_host_and_port() -> None:
    plain = flower.link("http://127.0.0.1:8000", None)
    safe = flower.link("link.example:8000", Path("root.pem"))

    assert plain is not None
    assert plain.insecure
    assert safe is not None
    assert (safe.address, safe.insecure) == ("link.example:8000", False)
    for wrong in ("link", "ftp://link:1", "link:port", ":8000"):
        with pytest.raises(errors.SuperLinkInvalid, match="HOST:PORT"):
            flower.link(wrong, None)
    with pytest.raises(errors.SuperLinkInvalid, match="certificate"):
        flower.link("http://link:1", Path("root.pem"))

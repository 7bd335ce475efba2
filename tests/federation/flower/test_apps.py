"""Flower's apps in our simulator."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors, federation
from ame.federation import flower
from parts.simulated import Seen, simulate

APPS = Path(__file__).parent / "apps"


def run(app: str, workspace: Path, config: Mapping[str, object] | None = None) -> Seen:
    seen = Seen()
    program = flower.read(APPS / app, config)
    simulate(program, workspace=workspace, sites=3, threads=2, watcher=seen)
    return seen


def results(workspace: Path) -> Path:
    return workspace / "server" / "simulate_job" / "app_server"


def came(workspace: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((results(workspace) / "result.json").read_text())
    return told


def test_an_app_of_messages_runs_as_it_is(tmp_path: Path) -> None:
    seen = run("newest", tmp_path)

    assert came(tmp_path)["places"] == [0, 1, 2]
    rounds = [each["rounds"] for each in came(tmp_path)["metrics"].values()]
    assert rounds == pytest.approx([1, 2])
    mean = (0 * 1 + 1 * 2 + 2 * 3) / 6
    assert np.load(results(tmp_path) / "model.npy") == pytest.approx(mean * 0.75)
    assert b"trained 2 of 3" in seen.prints["site-3"]
    assert {reply.task for reply in seen.replies} == {"query.place", "train", "evaluate"}


def central(seen: Seen) -> list[tuple[str, int | None, dict[str, Any]]]:
    return [(site, told.step, dict(told.numbers())) for site, told in seen.records]


def test_what_the_server_measures_is_told_by_round(tmp_path: Path) -> None:
    seen = run("newest", tmp_path)

    mean = (0 * 1 + 1 * 2 + 2 * 3) / 6
    wanted: list[tuple[str, int | None, dict[str, Any]]] = [
        ("server", at, {"central/mean": pytest.approx(mean * part), "central/round": at})
        for at, part in enumerate((0, 0.5, 0.75))
    ]
    assert central(seen) == wanted


def test_so_is_what_servers_of_the_older_form_measure(tmp_path: Path) -> None:
    seen = run("oldest", tmp_path)

    mean = (0 * 1 + 1 * 2 + 2 * 3) / 6
    wanted: list[tuple[str, int | None, dict[str, Any]]] = [
        (
            "server",
            at,
            {
                "central/loss": pytest.approx(mean * at),
                "central/accuracy": pytest.approx(1 - mean * at),
            },
        )
        for at in range(3)
    ]
    assert central(seen) == wanted


def test_replies_are_folded_in_the_order_of_the_nodes_whoever_is_first(tmp_path: Path) -> None:
    models = []
    for threads in (1, 3):
        workspace = tmp_path / str(threads)
        simulate(flower.read(APPS / "newest"), workspace=workspace, sites=5, threads=threads)
        models.append((results(workspace) / "model.npy").read_bytes())

    assert models[0] == models[1]


def test_an_app_of_client_fn_and_server_fn_runs_as_it_is(tmp_path: Path) -> None:
    seen = run("oldest", tmp_path)

    mean = (0 * 1 + 1 * 2 + 2 * 3) / 6
    assert np.load(results(tmp_path) / "model.npy") == pytest.approx(2 * mean)
    assert not seen.losses


def test_a_node_whose_app_raises_is_a_failure_to_the_strategy_and_lost_to_us(
    tmp_path: Path,
) -> None:
    seen = run("newest", tmp_path, {"fails": 1})

    (lost,) = seen.losses
    assert lost.site == "site-2"
    assert "this node has had enough" in lost.why.text
    assert "client_app.py" in lost.why.place
    assert "ame/federation" not in lost.why.trace
    assert np.load(results(tmp_path) / "model.npy")[0] > (0 * 1 + 2 * 3) / 4 * 0.5


def test_what_goes_before_the_run_configuration_reaches_both_sides(tmp_path: Path) -> None:
    run("newest", tmp_path, {"size": 3, "num-server-rounds": 1, "rate": {"first": 1.0}})

    assert list(came(tmp_path)["metrics"]) == ["1"]
    assert np.load(results(tmp_path) / "model.npy") == pytest.approx([8 / 6] * 3)


def test_the_same_app_is_a_flower_job(tmp_path: Path) -> None:
    job = federation.FlowerJob(
        "same", flower_content=str(APPS / "newest"), run_config={"num-server-rounds": 1}
    )
    program = job.program()

    simulate(program, workspace=tmp_path, sites=2, threads=1)

    assert list(came(tmp_path)["metrics"]) == ["1"]


def test_a_setting_that_the_app_does_not_have_is_refused() -> None:
    with pytest.raises(errors.FlowerAppInvalid, match="no `nonsense`"):
        flower.read(APPS / "newest", {"nonsense": 1})
    with pytest.raises(errors.FlowerAppInvalid, match="no `nonsense`"):
        federation.FlowerJob("x", str(APPS / "newest"), run_config={"nonsense": 1})


def test_what_is_no_app_is_refused(tmp_path: Path) -> None:
    assert not flower.is_app(tmp_path)
    with pytest.raises(errors.FlowerAppInvalid, match=r"pyproject\.toml"):
        flower.read(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[tool.flwr.app.components]\nserverapp = "a"\n'
    )
    with pytest.raises(errors.FlowerAppInvalid, match="serverapp"):
        flower.read(tmp_path)


def test_a_job_has_content_or_a_path_and_not_both() -> None:
    with pytest.raises(errors.JobInvalid, match="flower_content"):
        federation.FlowerJob("x")
    with pytest.raises(errors.JobInvalid, match="flower_content"):
        federation.FlowerJob("x", str(APPS / "newest"), flower_app_path="app")

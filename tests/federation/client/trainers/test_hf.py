"""The trainer of transformers, patched."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own, at its import
    import transformers

from ame import errors
from ame.federation import client as flare
from ame.federation.client.trainers import hf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # it warns of much

DATA = [{"x": torch.tensor([float(i)]), "labels": torch.ones(1)} for i in range(8)]


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.seen: list[float] = []

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        if self.training:
            self.seen.append(float(self.layer.bias.detach()))
        out = self.layer(x)
        return {"loss": torch.nn.functional.mse_loss(out, labels), "logits": out}


class Site:
    def __init__(self, folder: Path) -> None:
        info = flare.SystemInfo(
            site_name="site-1",
            job_id="j",
            exchange=flare.Exchange(format=flare.ExchangeFormat.PYTORCH),
        )
        self.folder = folder
        self.channel = flare.MemoryChannel(info)
        flare.swap(flare.Session(self.channel))

    def trainer(self, **options: Any) -> transformers.Trainer:
        args = transformers.TrainingArguments(
            **{"num_train_epochs": 2, "learning_rate": 0.01, "logging_steps": 1, **options},
            output_dir=str(self.folder),
            per_device_train_batch_size=4,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
        )
        return transformers.Trainer(model=Net(), args=args, train_dataset=DATA, eval_dataset=DATA)

    def put(self, task: str = "train", bias: float = 5.0, **meta: Any) -> None:
        params = {"layer.weight": np.zeros((1, 1), "f"), "layer.bias": np.full(1, bias, "f")}
        model = flare.FLModel(params=params, meta=meta, current_round=0, total_rounds=2)
        self.channel.put(task, model)

    def take(self) -> flare.FLModel:
        answer = self.channel.take(0)
        assert answer is not None
        return answer


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield Site(tmp_path)
    flare.swap(None)


def test_each_train_is_a_round(site: Site) -> None:
    trainer = site.trainer()
    assert hf.patch(hf.patch(trainer)) is trainer
    for bias in (5.0, 7.0):
        site.put(bias=bias)
        assert flare.is_running()
        trainer.evaluate()
        trainer.train()
        answer = site.take()

        assert trainer.model.seen[0] == bias
        assert len(trainer.model.seen) == 4
        assert answer.metrics is not None
        assert answer.metrics["eval_loss"] == pytest.approx((bias - 1) ** 2)
        assert answer.meta == {"NUM_STEPS_CURRENT_ROUND": 4}
        assert answer.params["layer.bias"] == trainer.model.layer.bias.detach().numpy()
        trainer.model.seen.clear()
    site.channel.end()
    assert not flare.is_running()
    trainer.train()
    assert trainer.model.seen == []


def test_the_schedule_runs_over_all_rounds_and_the_optimizer_goes_on(site: Site) -> None:
    trainer = hf.patch(site.trainer(), stream_metrics=True)
    for _ in range(2):
        site.put()
        trainer.train()
        site.take()
    rates = [
        number
        for record in site.channel.records
        for name, number in record.numbers()
        if name == "learning_rate"
    ]

    assert rates == pytest.approx([0.01 * (8 - i) / 8 for i in range(8)])
    assert {int(state["step"]) for state in trainer.optimizer.state.values()} == {8}


def test_without_its_state_each_round_begins_anew(site: Site) -> None:
    trainer = hf.patch(site.trainer(), restore_state=False, local_steps=3)
    for _ in range(2):
        site.put()
        trainer.train()
        assert site.take().meta["NUM_STEPS_CURRENT_ROUND"] == 3

    assert {int(state["step"]) for state in trainer.optimizer.state.values()} == {3}


def test_a_task_to_evaluate_gets_metrics_and_one_to_submit_the_model(site: Site) -> None:
    trainer = hf.patch(site.trainer(), local_epochs=1, server_key_prefix="model.")
    site.channel.put(
        "validate",
        flare.FLModel(
            params={
                "model.layer.weight": np.zeros((1, 1), "f"),
                "model.layer.bias": np.ones(1, "f"),
            }
        ),
    )
    trainer.evaluate()
    answer = site.take()
    assert answer.params is None
    assert answer.metrics is not None
    assert answer.metrics["eval_loss"] == 0

    site.channel.put("submit_model", flare.FLModel())
    trainer.train()
    assert site.take().params["model.layer.bias"] == 1
    assert trainer.model.seen == []


def test_evaluations_within_a_training_are_its_own_affair(site: Site) -> None:
    trainer = hf.patch(site.trainer(eval_strategy="epoch"))
    site.put()
    trainer.train()

    assert site.take().metrics is None
    assert site.channel.take(0) is None


def test_fedprox_draws_to_where_the_round_began(site: Site) -> None:
    away = []
    for meta in ({}, {"fedprox_mu": 1000.0}):
        trainer = hf.patch(site.trainer())
        site.put("train", 5.0, **meta)
        trainer.train()
        away.append(abs(site.take().params["layer.bias"].item() - 5))

    assert away[1] < away[0]


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        ({"local_epochs": 1, "local_steps": 1}, {}, "local_epochs"),
        ({"params_scope": "adapter"}, {}, "no PEFT adapter"),
        ({}, {"load_best_model_at_end": True, "eval_strategy": "no"}, "load_best_model_at_end"),
    ],
)
def test_what_cannot_be_done_in_rounds_is_refused(
    site: Site, options: dict[str, Any], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(errors.TrainerUnfit, match=said):
        hf.patch(site.trainer(**settings), **options)


def test_what_is_no_trainer_is_refused() -> None:
    with pytest.raises(TypeError, match="not Net"):
        hf.patch(Net())

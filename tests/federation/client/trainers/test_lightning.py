"""Lightning's own trainer, patched."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own, at its import
    import lightning

from ame import errors
from ame.federation import client as flare
from ame.federation.client.trainers import lightning as patched
from ame.federation.client.trainers.lightning_logger import ClientLogger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Lightning warns of much

DATA = torch.utils.data.TensorDataset(torch.arange(8.0).reshape(8, 1), torch.ones(8, 1))


class Net(lightning.LightningModule):
    def __init__(
        self, rate: float = 0.01, optimizer: type[torch.optim.Optimizer] | None = None
    ) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.rate = rate
        self.kind = optimizer or torch.optim.SGD
        self.seen: list[float] = []
        self.__fl_meta__ = {"who": "me"}

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        x, y = batch
        self.seen.append(float(self.layer.bias.detach()))
        return torch.nn.functional.mse_loss(self.layer(x), y)

    def validation_step(self, batch: Any, _: int) -> None:
        x, y = batch
        self.log("loss", torch.nn.functional.mse_loss(self.layer(x), y))

    def configure_optimizers(self) -> Any:
        optimizer = self.kind(self.parameters(), lr=0.01)  # type: ignore[call-arg]
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]


class Site:
    def __init__(self, folder: Path, **exchange: Any) -> None:
        info = flare.SystemInfo(
            site_name="site-1",
            job_id="j",
            exchange=flare.Exchange(format=flare.ExchangeFormat.PYTORCH, **exchange),
        )
        self.channel = flare.MemoryChannel(info)
        flare.swap(flare.Session(self.channel))
        self.trainer = self.make(folder)

    def make(self, folder: Path, **options: Any) -> lightning.Trainer:
        return lightning.Trainer(
            **{"max_epochs": 2, **options},
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )

    def put(self, task: str = "train", bias: float = 5.0, **meta: Any) -> None:
        params = {
            "layer.weight": torch.zeros(1, 1).numpy(),
            "layer.bias": torch.full((1,), bias).numpy(),
        }
        self.channel.put(task, flare.FLModel(params=params, meta=meta, current_round=0))

    def take(self) -> flare.FLModel:
        answer = self.channel.take(0)
        assert answer is not None
        return answer


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield Site(tmp_path)
    flare.swap(None)


def loader() -> torch.utils.data.DataLoader[Any]:
    return torch.utils.data.DataLoader(DATA, batch_size=4)


def test_each_fit_is_a_round_of_as_many_epochs(site: Site) -> None:
    patched.patch(site.trainer)
    patched.patch(site.trainer)
    net = Net()
    for bias in (5.0, 7.0, 9.0):
        site.put(bias=bias)
        assert flare.is_running()
        site.trainer.validate(net, loader(), verbose=False)
        site.trainer.fit(net, loader())
        answer = site.take()

        assert net.seen[0] == bias
        assert len(net.seen) == 4
        assert answer.metrics == {"loss": pytest.approx((bias - 1) ** 2)}
        assert answer.meta == {"NUM_STEPS_CURRENT_ROUND": 4, "who": "me"}
        assert answer.params["layer.bias"] == net.layer.bias.detach().numpy()
        net.seen.clear()
    site.channel.end()
    assert not flare.is_running()


def test_steps_count_anew_in_each_round(site: Site, tmp_path: Path) -> None:
    trainer = site.make(tmp_path, max_epochs=-1, max_steps=3)
    patched.patch(trainer)
    net = Net()
    for _ in range(3):
        site.put()
        trainer.fit(net, loader())
        assert site.take().meta["NUM_STEPS_CURRENT_ROUND"] == 3


def test_a_task_to_evaluate_gets_metrics_alone(site: Site) -> None:
    patched.patch(site.trainer)
    net = Net()
    site.put("validate")
    site.trainer.validate(net, loader(), verbose=False)
    answer = site.take()

    assert (answer.params, answer.metrics) == (None, {"loss": pytest.approx(16)})


@pytest.mark.parametrize("restore", [True, False])
def test_optimizers_and_schedules_go_on_if_they_are_to(
    site: Site, tmp_path: Path, restore: bool
) -> None:
    trainer = site.make(tmp_path, max_epochs=1)
    patched.patch(trainer, restore_state=restore)
    net = Net(optimizer=torch.optim.Adam)
    for _ in range(2):
        site.put()
        trainer.fit(net, loader())
        site.take()
    optimizer = trainer.optimizers[0]

    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0025 if restore else 0.005)
    steps = {int(state["step"]) for state in optimizer.state.values()}
    assert steps == {4 if restore else 2}


def test_fedprox_draws_to_where_the_round_began(site: Site) -> None:
    patched.patch(site.trainer)
    free, drawn = Net(), Net()
    for net, meta in ((free, {}), (drawn, {"fedprox_mu": 50.0})):
        site.trainer = site.make(site.trainer.default_root_dir)  # type: ignore[arg-type]
        patched.patch(site.trainer)
        site.put("train", 5.0, **meta)
        site.trainer.fit(net, loader())
        site.take()

    away = [abs(float(net.layer.bias.detach()) - 5) for net in (free, drawn)]
    assert away[1] < away[0]


def test_a_fit_when_the_job_is_over_trains_nothing(site: Site) -> None:
    patched.patch(site.trainer)
    site.channel.end()
    net = Net()
    site.trainer.fit(net, loader())

    assert len(net.seen) <= 1
    assert site.channel.take(0) is None


def test_names_that_the_module_lacks_are_refused(site: Site) -> None:
    patched.patch(site.trainer)
    site.channel.put("train", flare.FLModel(params={"other": np.zeros(1)}))
    with pytest.raises(errors.ParamsUnfit, match="`other`"):
        site.trainer.fit(Net(), loader())


def test_names_that_the_module_lacks_are_left_out_if_that_is_allowed(site: Site) -> None:
    patched.patch(site.trainer, load_state_dict_strict=False)
    params = {"other": np.zeros(1), "layer.bias": np.full(1, 3.0)}
    site.channel.put("train", flare.FLModel(params=params))
    net = Net()
    site.trainer.fit(net, loader())

    assert net.seen[0] == 3


def test_metrics_that_the_job_wants_must_be_measured(tmp_path: Path) -> None:
    site = Site(tmp_path, train_with_evaluation=True)
    patched.patch(site.trainer)
    site.put()
    with pytest.raises(errors.MetricsMissing, match="validate"):
        site.trainer.fit(Net(), loader())
    flare.swap(None)


def test_what_is_no_trainer_is_refused(site: Site) -> None:
    with pytest.raises(TypeError, match="was given Net"):
        patched.patch(Net())


def test_what_a_module_logs_is_told_to_the_job(site: Site, tmp_path: Path) -> None:
    class Logs(Net):
        def training_step(self, batch: Any, number: int) -> torch.Tensor:
            loss = super().training_step(batch, number)
            self.log("loss", loss)
            return loss

    logger: Any = ClientLogger(prefix="mine")
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=logger, log_every_n_steps=1,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tmp_path,
    )  # fmt: skip
    patched.patch(trainer)
    site.put()
    trainer.fit(Logs(), torch.utils.data.DataLoader(DATA, batch_size=4))

    told = [record for record in site.channel.records if "mine-loss" in str(record)]
    assert len(told) == 2

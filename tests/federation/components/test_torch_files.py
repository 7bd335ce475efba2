from pathlib import Path

import numpy as np
import pytest
import torch

from ame import errors
from ame.federation.components.persistors.torch_files import (
    PTFileModelLocator,
    PTFileModelPersistor,
)
from ame.federation.model import FLModel
from ame.federation.spec.learnable import make_model_learnable
from ame.federation.training.fedprox import PTFedProxLoss, get_fedprox_mu
from ame.federation.training.scaffold import PTScaffoldHelper
from ame.federation.workflows.averaging.fedopt_torch import FedOpt
from federation.components.test_persistors import context
from parts.federated import Keeps, moved, run


class Net(torch.nn.Module):
    def __init__(self, hidden: int = 3) -> None:
        super().__init__()
        self.first = torch.nn.Linear(2, hidden)
        self.norm = torch.nn.BatchNorm1d(hidden)


def test_a_torch_model_is_kept_as_flare_keeps_it(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    net = Net()
    persistor = PTFileModelPersistor(model=net)
    begun = persistor.load(ctx)
    assert begun is not None
    np.testing.assert_array_equal(
        begun["weights"]["first.weight"], net.first.weight.detach().numpy()
    )

    learned = {key: each + 1 for key, each in begun["weights"].items()}
    persistor.save(make_model_learnable(learned, {"current_round": 2}), ctx)

    file = tmp_path / "job/app_server/FL_global_model.pt"
    found = torch.load(file, weights_only=True)
    assert found["train_conf"] == {"train": {"model": "Net"}}
    assert found["meta_props"] == {"current_round": 2}
    assert list(found["model"]) == list(net.state_dict())
    np.testing.assert_array_equal(found["model"]["first.bias"], net.first.bias.detach() + 1)
    assert set(PTFileModelLocator("p").get_model_names(context(tmp_path, p=persistor))) == {
        "FL_global_model.pt"
    }


def test_excluded_weights_are_not_sent_but_kept(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    persistor = PTFileModelPersistor(exclude_vars="norm", model=Net())
    begun = persistor.load(ctx)
    assert begun is not None
    assert not [key for key in begun["weights"] if "norm" in key]

    persistor.save(begun, ctx)

    assert "norm.weight" in torch.load(tmp_path / "job/app_server/FL_global_model.pt")["model"]


def test_a_job_begins_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "start.pt"
    torch.save({"model": {"w": torch.ones(2)}, "epoch": 3}, file)
    persistor = PTFileModelPersistor(source_ckpt_file_full_name=str(file))
    ctx = context(tmp_path)

    begun = persistor.load(ctx)
    assert begun is not None
    np.testing.assert_array_equal(begun["weights"]["w"], [1, 1])
    persistor.save(begun, ctx)
    assert torch.load(tmp_path / "job/app_server/FL_global_model.pt")["epoch"] == 3


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    with pytest.raises(errors.ModelUnfit, match=r"needs a torch\.nn\.Module and was given a list"):
        PTFileModelPersistor(model=[1]).load(ctx)
    (tmp_path / "no.pt").write_text("text")
    with pytest.raises(errors.SourceUnusable):
        PTFileModelPersistor(source_ckpt_file_full_name=str(tmp_path / "no.pt")).load(ctx)


def test_a_step_of_torchs_optimizer_is_taken_on_the_mean_difference(tmp_path: Path) -> None:
    net = Net()
    start = {key: each.numpy().copy() for key, each in net.state_dict().items()}
    keeps = Keeps(start)
    controller = FedOpt(
        num_rounds=2,
        num_clients=2,
        source_model=net,
        optimizer_args={"path": "torch.optim.SGD", "args": {"lr": 0.5, "momentum": 0.9}},
        lr_scheduler_args={"path": "torch.optim.lr_scheduler.ConstantLR", "args": {"factor": 1.0}},
    )

    run(controller, tmp_path, moved(1), components={"persistor": keeps})

    np.testing.assert_allclose(
        keeps.saved[-1]["first.weight"], start["first.weight"] + 0.5 + 0.5 * 1.9, rtol=1e-5
    )
    np.testing.assert_allclose(
        keeps.saved[-1]["norm.running_mean"], start["norm.running_mean"] + 2, rtol=1e-6
    )


def test_the_proximal_term_is_the_squared_distance() -> None:
    own, sent = Net(), Net()

    term = PTFedProxLoss(mu=0.3)(own, sent)

    plain = sum(
        float(((a - b) ** 2).sum().detach())
        for a, b in zip(own.parameters(), sent.parameters(), strict=True)
    )
    assert float(term.detach()) == pytest.approx(0.15 * plain)
    with pytest.raises(ValueError, match="0 or more"):
        PTFedProxLoss(-1)
    assert get_fedprox_mu(FLModel(meta={"fedprox_mu": 0.1})) == 0.1
    with pytest.raises(ValueError, match="told no"):
        get_fedprox_mu(FLModel())


def test_the_scaffold_helper_follows_the_paper() -> None:
    rate, steps = 0.1, 3
    model, sent = torch.nn.Linear(2, 1, bias=False), torch.nn.Linear(2, 1, bias=False)
    model.load_state_dict(sent.state_dict())
    helper = PTScaffoldHelper()
    helper.init(model)
    helper.load_global_controls({"weight": np.array([[1.0, -1.0]], np.float32)})

    of_all, own = helper.get_params()
    for _ in range(steps):
        with torch.no_grad():
            model.weight -= rate * 2.0
        helper.model_update(model, rate, of_all, own)
    helper.terms_update(model, rate, of_all, own, sent)

    control = torch.tensor([[1.0, -1.0]])
    torch.testing.assert_close(model.weight, sent.weight - steps * rate * (2.0 + control))
    expected = (sent.weight - model.weight) / (steps * rate) - control
    torch.testing.assert_close(
        torch.as_tensor(helper.get_delta_controls()["weight"]), expected.detach()
    )
    torch.testing.assert_close(helper.c_local["weight"], expected.detach())


def test_the_scaffold_helper_wants_its_calls_in_order() -> None:
    helper = PTScaffoldHelper()
    model = torch.nn.Linear(2, 1)
    helper.init(model)
    of_all, own = helper.get_params()

    with pytest.raises(ValueError, match="terms_update first"):
        helper.get_delta_controls()
    with pytest.raises(RuntimeError, match="no step was corrected"):
        helper.terms_update(model, 0.1, of_all, own, model)
    with pytest.raises(RuntimeError, match="which the model has not"):
        helper.load_global_controls({"other": np.zeros(1)})

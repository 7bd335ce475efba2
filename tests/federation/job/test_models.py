"""Models travel as they are made, with their weights."""

import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ame import errors
from ame.federation import weights
from ame.federation.job.capture.objects import Capture
from ame.federation.program import Part
from federation.job.traveling import again
from parts.userfolder import Folder

NETS = """
import torch
from torch import nn
import torch.nn.functional as F

class Kept(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.layer = nn.Linear(2, hidden)

class Dropped(nn.Module):
    def __init__(self, hidden=32, act="relu"):
        super().__init__()
        self.layer = nn.Linear(2, hidden)
        self.act = F.relu if act == "relu" else F.gelu

class Rate(nn.Module):
    def __init__(self, dropout=0.5):
        super().__init__()
        self.dropout = nn.Dropout(dropout)

class Wrong(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.hidden = hidden * 2
        self.layer = nn.Linear(2, hidden)

class Placed(nn.Module):
    def __init__(self, rate=0.1):
        super().__init__()
        self.rate = rate
        self.rates = [each.item() for each in torch.linspace(0, rate, 3)]
        self.layer = nn.Linear(2, 2)
        self.device = self.layer.weight.device

class Wrapping(nn.Module):
    def __init__(self, inner, bias=True):
        super().__init__()
        self.inner = inner
        self.last = nn.Linear(2, 2, bias=bias)
        self.bias = bias
"""


LIT = """
import lightning
from torch import nn

class Lit(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
"""


@pytest.fixture
def nets(folder: Folder) -> Any:
    return folder.module("made_nets", NETS)


def same_weights(one: Any, other: Any) -> bool:
    mine, its = one.state_dict(), other.state_dict()
    return mine.keys() == its.keys() and all(torch.equal(mine[k], its[k]) for k in mine)


def test_the_weights_of_a_model_travel_with_it(nets: Any, folder: Folder) -> None:
    capture = Capture()
    net = nets.Kept(5)
    part = capture.part(net)

    assert part.args == {"hidden": 5}
    assert same_weights(again(part, capture, folder), net)


def test_a_model_of_another_architecture_is_never_made_in_silence(nets: Any) -> None:
    assert Capture().part(nets.Dropped()).args == {}
    for net in (nets.Dropped(hidden=99), nets.Dropped(act="gelu")):
        with pytest.raises(errors.ArgumentUnfit, match=r"hidden, act` of `made_nets.Dropped`"):
            Capture().part(net)
    with pytest.raises(errors.ArgumentUnfit, match=r"`hidden` of `made_nets.Wrong`"):
        Capture().part(nets.Wrong(3))


def test_an_attribute_of_the_arguments_name_that_is_a_layer_is_not_the_argument(nets: Any) -> None:
    assert Capture().part(nets.Rate()).args == {}
    with pytest.raises(errors.ArgumentUnfit, match=r"`dropout` .*p=0\.1"):
        Capture().part(nets.Rate(0.1))


def test_a_model_that_looks_at_its_tensors_or_their_device_travels(
    nets: Any, folder: Folder
) -> None:
    net, capture = nets.Placed(0.2), Capture()
    made = again(capture.part(net), capture, folder)

    assert (made.rate, made.rates) == (0.2, net.rates)


def test_a_module_of_lightning_travels(folder: Folder) -> None:
    module = folder.module("lit", LIT)
    capture = Capture()
    made = again(capture.part(module.Lit()), capture, folder)

    assert set(made.state_dict()) == {"layer.weight", "layer.bias"}


def test_to_look_at_a_model_draws_no_random_numbers(nets: Any) -> None:
    torch.manual_seed(1)
    wanted = torch.rand(1)
    net = nets.Dropped()
    torch.manual_seed(1)
    Capture().part(net)

    assert torch.equal(torch.rand(1), wanted)


@pytest.mark.parametrize(
    "write",
    [
        lambda _: nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 1)),
        lambda _: nn.Sequential(
            OrderedDict(a=nn.Conv2d(1, 4, 3, padding=1), b=nn.Sequential(nn.BatchNorm2d(4)))
        ),
        lambda nets: nn.Sequential(nets.Kept(3), nn.Dropout(0.25)),
        lambda _: nn.Linear(4, 2),
        lambda nets: nets.Wrapping(nn.Sequential(nn.Linear(2, 2), nn.Tanh()), bias=False),
        lambda _: nn.Sequential(nn.Embedding(7, 3), nn.LSTM(3, 4, num_layers=2)),
    ],
)
def test_a_model_put_together_from_layers_is_made_again(
    nets: Any, folder: Folder, write: Any
) -> None:
    capture = Capture()
    net = write(nets)
    part = capture.part(net)
    copy = again(part, capture, folder)

    assert same_weights(copy, net)
    assert re.findall(r"\(\w+=.*\)", str(copy)) == re.findall(r"\(\w+=.*\)", str(net))
    assert not any("torch" in str(file.target) for file in capture.files)


def bert(**more: Any) -> Any:
    """A small configuration of transformers, which is slow to import."""
    import transformers

    small: dict[str, Any] = {"vocab_size": 17, "hidden_size": 8, "intermediate_size": 8}
    return transformers.BertConfig(**small, num_hidden_layers=1, num_attention_heads=2, **more)


def test_a_model_of_transformers_travels_with_its_configuration(folder: Folder) -> None:
    import transformers

    config = bert(num_labels=10)
    capture = Capture()
    net = transformers.BertForSequenceClassification(config)
    copy = again(capture.part(net), capture, folder)

    assert same_weights(copy, net)
    assert (copy.config.num_labels, copy.config.id2label) == (10, config.id2label)
    assert not any("transformers" in str(file.target) for file in capture.files)


def test_a_class_derived_from_transformers_is_given_its_configuration(folder: Folder) -> None:
    own = """
import transformers

class Net(transformers.BertModel):
    def __init__(self, config):
        super().__init__(config, add_pooling_layer=False)
"""
    module = folder.module("made_bert", own)
    config = bert(num_labels=3)
    capture = Capture()
    part = capture.part(module.Net(config))
    copy = again(part, capture, folder)

    assert part.path == "made_bert.Net"
    assert copy.config.hidden_size == 8
    assert copy.config.num_labels == 3


def test_a_layer_that_does_not_say_how_it_was_made_is_refused() -> None:
    layer = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, batch_first=True), 1)

    with pytest.raises(errors.ArgumentUnfit, match=r"`encoder_layer` of `torch.nn"):
        Capture().part(layer)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("kind", ["sequential", "functional", "own"])
def test_a_keras_model_is_made_again_with_its_weights(folder: Folder, kind: str) -> None:
    import keras  # type: ignore[import-untyped]  # it has no types

    own = """
import keras

class Net(keras.Model):
    def __init__(self, units=3):
        super().__init__()
        self.units = units
        self.dense = keras.layers.Dense(units)

    def call(self, x):
        return self.dense(x)
"""
    model: Any
    if kind == "sequential":
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu")])
    elif kind == "functional":
        given = keras.Input((4,))
        left = keras.layers.Dense(2)(given)
        model = keras.Model(given, keras.layers.Add()([left, keras.layers.Dense(2)(given)]))
    else:
        model = folder.module("made_keras", own).Net(5)
        model(np.zeros((1, 4), "float32"))
    capture = Capture()
    copy = again(capture.part(model), capture, folder)

    assert len(copy.get_weights()) == len(model.get_weights()) > 0
    for one, other in zip(copy.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_weights_in_a_file_are_the_same(tmp_path: Path) -> None:
    tied = torch.nn.Linear(2, 2)
    model = torch.nn.ModuleList([tied, tied])
    kept = weights.write(weights.of_torch(model), tmp_path / "w.safetensors")
    copy = torch.nn.ModuleList([torch.nn.Linear(2, 2)] * 2)
    weights.give(copy, kept)

    assert kept.held is None
    assert same_weights(copy, model)
    array = weights.of_arrays(np.arange(4.0)[::2])
    assert weights.read(weights.write(array, tmp_path / "a"))[""].tolist() == [0.0, 2.0]


def test_weights_that_do_not_fit_are_refused(nets: Any, folder: Folder) -> None:
    capture = Capture()
    part = capture.part(nets.Kept(5))
    other = Part(path=part.path, args={"hidden": 6}, weights=part.weights)

    with pytest.raises(errors.ClassUnfit, match="does not take the weights"):
        again(other, capture, folder)

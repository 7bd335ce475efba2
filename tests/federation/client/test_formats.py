"""Parameters in a framework's form and in the one that travels."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from ame import errors
from ame.federation import client as flare
from ame.federation.client import formats

TORCH = flare.Exchange(format=flare.ExchangeFormat.PYTORCH)
KERAS = flare.Exchange(format=flare.ExchangeFormat.KERAS_LAYER_WEIGHTS)


def test_arrays_become_tensors_of_the_same_memory_and_back() -> None:
    array = np.arange(4, dtype=np.float32)
    forms = formats.Formats(TORCH)

    tensor = forms.to_script({"w": array})["w"]
    assert isinstance(tensor, torch.Tensor)
    tensor[0] = 9
    assert array[0] == 9
    assert np.shares_memory(forms.from_script({"w": tensor})["w"], array)


def test_scalars_and_arrays_that_may_not_be_written_become_tensors() -> None:
    array = np.ones(2)
    array.flags.writeable = False
    made = formats.Formats(TORCH).to_script({"w": array, "n": np.int64(3), "x": 1.5})

    assert made["w"].tolist() == [1, 1]
    assert made["n"].shape == ()
    made["w"][0] = 2
    assert array[0] == 1


def test_a_tensor_in_training_is_sent_without_its_gradient() -> None:
    made = formats.Formats(TORCH).from_script({"w": torch.ones(2, requires_grad=True)})

    assert made["w"].tolist() == [1, 1]


def test_what_is_no_tensor_stays_here_and_is_back_in_the_next_model(
    caplog: pytest.LogCaptureFixture,
) -> None:
    forms = formats.Formats(TORCH)
    with caplog.at_level(logging.WARNING):
        sent = forms.from_script({"w": torch.ones(1), "extra": "text", "array": np.ones(1)})

    assert set(sent) == {"w", "array"}
    assert "`extra`" in caplog.text
    assert forms.to_script({"w": np.ones(1)})["extra"] == "text"


def test_a_tensor_that_numpy_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(errors.ParamsUnfit, match=r"`w`.*bfloat16.*server_expected_format"):
        formats.Formats(TORCH).from_script({"w": torch.ones(1, dtype=torch.bfloat16)})


def test_an_array_that_torch_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(errors.ParamsUnfit, match="`names`"):
        formats.Formats(TORCH).to_script({"names": np.array(["a"])})


@pytest.mark.parametrize("exchange", [TORCH, KERAS])
def test_parameters_without_names_are_refused(exchange: flare.Exchange) -> None:
    with pytest.raises(ValueError, match="are named"):
        formats.Formats(exchange).from_script([np.ones(1)])


def test_keras_layers_keep_the_order_of_their_weights() -> None:
    layers = {"dense": [np.full(1, i) for i in range(12)], "flatten": []}
    forms = formats.Formats(KERAS)
    sent = forms.from_script(layers)
    back = forms.to_script(dict(sorted(sent.items())))

    assert list(sent)[:2] == ["dense_nvf_0", "dense_nvf_1"]
    assert [int(a[0]) for a in back["dense"]] == list(range(12))
    assert "flatten" not in back


def test_a_keras_layer_that_is_no_list_is_refused() -> None:
    with pytest.raises(errors.ParamsUnfit, match="`dense`"):
        formats.Formats(KERAS).from_script({"dense": np.ones(1)})


def test_raw_parameters_pass_as_they_are() -> None:
    anything = object()
    forms = formats.Formats(flare.Exchange())

    assert forms.to_script(anything) is anything
    assert forms.from_script(anything) is anything
    assert forms.from_script(None) is None


def test_forms_without_a_way_between_them_are_refused() -> None:
    exchange = flare.Exchange(
        format=flare.ExchangeFormat.KERAS_LAYER_WEIGHTS,
        server_format=flare.ExchangeFormat.PYTORCH,
    )
    with pytest.raises(ValueError, match="`pytorch` and `keras_layer_weights`"):
        formats.Formats(exchange)

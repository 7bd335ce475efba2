"""Tensors of PyTorch and TensorFlow. What these packages warn of at their import is theirs."""

import subprocess
import sys
import warnings
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from aggregation import updates as made
from ame import aggregation, errors
from ame.aggregation.arrays import View, given_back, kind_of
from ame.aggregation.arrays.view import DTYPES


@pytest.fixture(scope="module")
def torch() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("torch")


@pytest.fixture(scope="module")
def tensorflow() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("tensorflow")


TYPES = sorted(DTYPES)
NUMBERS = np.array([[0, 1, 0], [1, 1, 0]])


@pytest.mark.parametrize("dtype", TYPES)
def test_a_tensor_of_torch_is_seen_without_a_copy(torch: Any, dtype: str) -> None:
    tensor = torch.tensor(NUMBERS.tolist(), dtype=getattr(torch, dtype))

    seen = aggregation.view(tensor)
    tensor[0, 0] = 1
    back: Any = given_back(seen, kind_of(tensor))

    assert (seen.dtype, seen.shape) == (dtype, (2, 3))
    assert seen.flat[0] != 0
    assert back.dtype == tensor.dtype
    assert torch.equal(back, tensor)
    assert back.data_ptr() == tensor.data_ptr()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TYPES)
def test_a_tensor_of_tensorflow_is_seen(tensorflow: Any, dtype: str) -> None:
    tensor = tensorflow.cast(tensorflow.constant(NUMBERS), dtype)
    for value in (tensor, tensorflow.Variable(tensor)):
        seen = aggregation.view(value)
        back: Any = given_back(seen, kind_of(value))

        assert (seen.dtype, seen.shape) == (dtype, (2, 3))
        assert back.dtype == tensor.dtype
        assert np.array_equal(back.numpy(), tensor.numpy())


WIDE = ["float16", "float32", "bfloat16", "int64"]


def mean_of(first: object, second: object) -> Any:
    mean = aggregation.Mean(layout=aggregation.Layout.of({"w": first}))
    updates = [
        aggregation.Update(client=str(number), arrays={"w": value})
        for number, value in enumerate((first, second))
    ]
    return mean.value(made.folded(mean, updates)).arrays["w"]


@pytest.mark.parametrize("dtype", WIDE)
def test_the_mean_of_tensors_of_torch_is_one(torch: Any, dtype: str) -> None:
    def make(*numbers: float) -> object:
        return torch.tensor(numbers, dtype=getattr(torch, dtype))

    assert torch.equal(mean_of(make(2, 4), make(4, 8)), make(3, 6))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", WIDE)
def test_the_mean_of_tensors_of_tensorflow_is_one(tensorflow: Any, dtype: str) -> None:
    def make(*numbers: float) -> Any:
        return tensorflow.cast(tensorflow.constant(numbers), dtype)

    got, expected = mean_of(make(2, 4), make(4, 8)), make(3, 6)

    assert got.dtype == expected.dtype
    assert np.array_equal(got.numpy(), expected.numpy())


@pytest.mark.parametrize("hold", [0, 1 << 20])
def test_what_is_kept_is_of_its_framework_again(torch: Any, hold: int) -> None:
    spool = aggregation.Spool(hold=hold)
    value = torch.full((2,), 1.0, dtype=torch.bfloat16)

    row = spool.append(aggregation.Update(client="a", arrays={"w": value}))
    again: Any = spool.take(row).arrays["w"]

    assert (again.dtype, again.tolist()) == (torch.bfloat16, [1.0, 1.0])
    spool.close()


def test_a_model_under_training_and_views_of_it_are_taken(torch: Any) -> None:
    layer = torch.nn.Linear(3, 2)
    seen = aggregation.view(layer.weight.T)

    assert np.array_equal(seen.flat, layer.weight.T.detach().reshape(-1).numpy())


def test_bfloat16_is_rounded_to_the_nearest_even(torch: Any) -> None:
    generator = np.random.default_rng(0)
    numbers = generator.standard_normal(10_000) * 2.0 ** generator.uniform(-60, 60, 10_000)
    layout = aggregation.Layout.of({"w": torch.zeros(10_000, dtype=torch.bfloat16)})
    mean = aggregation.Mean(layout=layout)
    update = aggregation.Update(client="a", arrays={"w": numbers.astype(np.float32)})

    got = mean.value(mean.add(mean.begin(), update)).arrays["w"]

    assert torch.equal(got, torch.from_numpy(numbers.astype(np.float32)).to(torch.bfloat16))


def test_what_bfloat16_cannot_hold_is_refused(torch: Any) -> None:
    layout = aggregation.Layout.of({"w": torch.zeros(1, dtype=torch.bfloat16)})
    mean = aggregation.Mean(layout=layout)
    state = mean.add(mean.begin(), aggregation.Update(client="a", arrays={"w": [3.4e38]}))

    with pytest.raises(errors.AggregateOverflow, match="bfloat16"):
        mean.value(state)


def test_a_bfloat16_that_is_not_finite_is_refused(torch: Any) -> None:
    mean = aggregation.Mean()
    tensor = torch.tensor([1.0, float("nan")], dtype=torch.bfloat16)

    with pytest.raises(errors.UpdateRefused, match=r"`w` holds nan at \[1\]"):
        mean.add(mean.begin(), aggregation.Update(client="a", arrays={"w": tensor}))


def test_tensors_without_a_row_of_numbers_are_refused(torch: Any) -> None:
    sparse = torch.eye(3).to_sparse()
    for tensor in (sparse, torch.zeros(2, dtype=torch.complex64)):
        with pytest.raises(errors.ArrayUnsupported):
            aggregation.view(tensor)


@pytest.mark.slow
def test_a_symbol_has_no_values(tensorflow: Any) -> None:
    @tensorflow.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def traced(value: object) -> object:
        with pytest.raises(errors.ArrayUnsupported):
            aggregation.view(value)
        return value

    traced(tensorflow.constant([1.0]))


def test_numpy_arrays_of_other_orders_are_seen() -> None:
    for numbers in (
        np.arange(6.0).reshape(2, 3).T,
        np.arange(12.0)[::2],
        np.arange(3).astype(">i4"),
        np.asfortranarray(np.ones((2, 3))),
    ):
        seen = aggregation.view(numbers)

        assert seen.shape == numbers.shape
        assert np.array_equal(seen.flat, numbers.reshape(-1))
        assert seen.flat.dtype.isnative


def test_bfloat16_without_a_framework_stays_as_it_is_in_the_file() -> None:
    seen = View(np.array([0x3F80], np.uint16), "bfloat16", (1,))

    assert given_back(seen, "view") is seen
    assert aggregation.view(seen) is seen


_PROGRAM = """
import sys
from ame import aggregation
mean = aggregation.Mean()
mean.value(mean.add(mean.begin(), aggregation.Update(client="a", arrays={"w": [1.0]})))
print(sorted({"torch", "tensorflow", "scipy", "safetensors"} & set(sys.modules)))
"""


def test_no_framework_is_imported_for_it() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            _PROGRAM,
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == "[]"

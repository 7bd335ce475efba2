from pathlib import Path

import numpy as np
import pytest

from ame import errors
from ame.federation.spec.learnable import make_model_learnable
from federation.components.test_persistors import context, weights
from parts.federated import moved, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def test_a_keras_model_is_loaded_averaged_optimized_and_kept(tmp_path: Path) -> None:
    import keras  # type: ignore[import-untyped]  # it has no types

    from ame.federation.components.persistors.keras_files import TFModelPersistor
    from ame.federation.workflows.averaging.fedopt_keras import FedOpt

    def net() -> object:
        return keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dense(3, name="d"),
                keras.layers.BatchNormalization(name="n"),
            ]
        )

    ctx = context(tmp_path)
    persistor = TFModelPersistor(model=net())
    begun = weights(persistor, ctx)
    assert {"d_nvf_0", "d_nvf_1", "n_nvf_2"} <= set(begun)
    learned = {key: each + 1 for key, each in begun.items()}
    persistor.save(make_model_learnable(learned, {}), ctx)
    assert (tmp_path / "job/app_server/tf_model.weights.h5").exists()
    again = weights(TFModelPersistor(model=net()), ctx)
    np.testing.assert_allclose(again["d_nvf_0"], learned["d_nvf_0"])

    own = TFModelPersistor(model=net())
    start = weights(own, context(tmp_path / "own"))
    controller = FedOpt(
        num_rounds=1,
        num_clients=2,
        optimizer_args={"path": "tensorflow.keras.optimizers.SGD", "args": {}},
        lr_scheduler_args={
            "path": "tensorflow.keras.optimizers.schedules.ExponentialDecay",
            "args": {"initial_learning_rate": 0.5, "decay_steps": 1, "decay_rate": 1.0},
        },
    )
    run(controller, tmp_path / "run", moved(1), components={"persistor": own})
    after = weights(own, context(tmp_path / "run" / "server"))
    np.testing.assert_allclose(after["d_nvf_0"], start["d_nvf_0"] + 0.5, rtol=1e-5)
    np.testing.assert_allclose(after["n_nvf_2"], start["n_nvf_2"] + 1, rtol=1e-5)


def test_what_is_no_keras_model_is_refused(tmp_path: Path) -> None:
    from ame.federation.components.persistors.keras_files import TFModelPersistor

    with pytest.raises(errors.ModelUnfit, match="needs a Keras model"):
        TFModelPersistor(model=[1]).load(context(tmp_path))


def test_controls_of_a_keras_model_follow_the_paper() -> None:
    import keras

    from ame.federation.training.scaffold_keras import TFScaffoldHelper

    def net() -> keras.Model:
        return keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(1, name="d", use_bias=False)]
        )

    model, sent = net(), net()
    sent.set_weights(model.get_weights())
    begun = model.get_weights()[0]
    helper = TFScaffoldHelper()
    helper.init(model)
    helper.load_global_controls({"d_nvf_0": np.full((2, 1), 2.0, np.float32)})
    of_all, own = helper.get_params()

    helper.model_update(model, 0.1, of_all, own)
    helper.terms_update(model, 0.1, of_all, own, sent)

    np.testing.assert_allclose(model.get_weights()[0], begun - 0.2, rtol=1e-5)
    np.testing.assert_allclose(helper.get_delta_controls()["d_nvf_0"], 0.0, atol=1e-5)


def test_the_proximal_loss_adds_the_squared_distance() -> None:
    import keras

    from ame.federation.training.fedprox_keras import TFFedProxLoss

    loss = TFFedProxLoss(
        [np.ones(3, np.float32)],
        [np.zeros(3, np.float32)],
        0.5,
        keras.losses.MeanSquaredError(),
    )

    assert float(loss(np.zeros((1, 1)), np.zeros((1, 1)))) == pytest.approx(0.75)

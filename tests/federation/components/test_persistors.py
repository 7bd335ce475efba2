from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.federation.components.locators import ListModelLocator
from ame.federation.components.persistors.numpy_files import (
    NPFileModelPersistor,
    NPModelLocator,
    NPModelPersistor,
)
from ame.federation.components.persistors.safetensors_files import SafetensorsModelPersistor
from ame.federation.run.engine import Engine
from ame.federation.spec.context import FLContext
from ame.federation.spec.learnable import (
    Learnable,
    ModelPersistor,
    PersistorFilter,
    make_model_learnable,
)


def context(tmp_path: Path, **components: Any) -> FLContext:
    engine = Engine(name="server", job="job", root=tmp_path, process="SJ", components=components)
    return engine.new_context()


def weights(persistor: ModelPersistor, ctx: FLContext) -> dict[str, Any]:
    found = persistor.load(ctx)
    assert found is not None
    return dict(found["weights"])


def test_a_numpy_model_is_one_array_in_models_server_npy(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    persistor = NPModelPersistor()
    np.testing.assert_array_equal(
        weights(persistor, ctx)["numpy_key"], np.arange(1, 10, dtype=np.float32).reshape(3, 3)
    )

    persistor.save(make_model_learnable({"numpy_key": np.ones(2)}, {}), ctx)

    np.testing.assert_array_equal(np.load(tmp_path / "job/models/server.npy"), [1, 1])
    np.testing.assert_array_equal(weights(NPModelPersistor(), ctx)["numpy_key"], [1, 1])
    found = NPModelLocator().locate_model("server", ctx)
    assert found is not None
    np.testing.assert_array_equal(found.data["numpy_key"], [1, 1])


def test_several_numpy_arrays_are_kept_beside_it(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    persistor = NPModelPersistor(model={"w": [[1, 2]], "b": np.zeros(2)})
    assert weights(persistor, ctx)["w"].dtype == np.float32

    persistor.save(make_model_learnable({"w": np.ones(2), "b": np.ones(1)}, {}), ctx)

    assert set(weights(NPModelPersistor(), ctx)) == {"w", "b"}


def test_a_file_to_begin_with_is_found_in_the_jobs_code(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    persistor = NPModelPersistor(source_ckpt_file_full_name="start.npy")
    with pytest.raises(errors.SourceMissing, match=r"start\.npy"):
        persistor.load(ctx)

    folder = tmp_path / "job/app_server/custom"
    folder.mkdir(parents=True)
    np.save(folder / "start.npy", np.full(2, 5.0))

    np.testing.assert_array_equal(weights(persistor, ctx)["numpy_key"], [5, 5])


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    file = tmp_path / "bad.npy"
    np.save(file, np.array([{"a": 1}]), allow_pickle=True)
    persistor = NPModelPersistor(source_ckpt_file_full_name=str(file))

    with pytest.raises(errors.SourceUnusable, match="pickle"):
        persistor.load(context(tmp_path))


def test_a_model_stays_in_the_folder_of_its_run(tmp_path: Path) -> None:
    with pytest.raises(errors.PathLeaves):
        NPModelPersistor(model_dir="../..").load(context(tmp_path))


def test_arrays_in_safetensors_are_kept_as_last_and_best(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    persistor = SafetensorsModelPersistor(model={"w": np.zeros(2, np.float32)})
    assert weights(persistor, ctx)["w"].dtype == np.float32

    persistor.save(make_model_learnable({"w": np.ones(2, np.float32)}, {"round": 1}), ctx)
    best = make_model_learnable({"w": np.full(2, 2.0)}, {})
    ctx.set_prop("global_model", best)
    persistor.handle_event("_global_best_model_available", ctx)

    assert set(persistor.get_model_inventory(ctx)) == {
        "global_model.safetensors",
        "best_global_model.safetensors",
    }
    found = persistor.get("best_global_model.safetensors", ctx)
    np.testing.assert_array_equal(found["weights"]["w"], [2, 2])
    assert persistor.get("none", ctx) is None


class Halves(PersistorFilter):
    def process_pre_save(self, learnable: Learnable, fl_ctx: FLContext) -> Learnable:
        halved = {key: each / 2 for key, each in learnable["weights"].items()}
        return make_model_learnable(halved, {})


def test_a_filter_stands_before_a_persistor(tmp_path: Path) -> None:
    ctx = context(tmp_path, halves=Halves(), other=NPModelPersistor())
    persistor = SafetensorsModelPersistor(filter_id="halves")

    persistor.save(make_model_learnable({"w": np.full(2, 4.0)}, {}), ctx)

    np.testing.assert_array_equal(
        persistor.get("global_model.safetensors", ctx)["weights"]["w"], [2, 2]
    )
    with pytest.raises(ValueError, match="must be a PersistorFilter"):
        SafetensorsModelPersistor(filter_id="other").load(ctx)


def test_peers_keep_the_last_and_the_best_numpy_model(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    persistor = NPFileModelPersistor()
    assert weights(persistor, ctx)["numpy_key"].shape == (3, 3)

    persistor.save(make_model_learnable({"numpy_key": np.ones(2)}, {}), ctx)
    best = make_model_learnable({"numpy_key": np.zeros(2)}, {})
    ctx.set_prop("global_model", best, private=True, sticky=False)
    persistor.handle_event("_global_best_model_available", ctx)

    assert set(persistor.get_model_inventory(ctx)) == {"last_global_model", "best_global_model"}
    for name, value in (("last_global_model", 1), ("best_global_model", 0)):
        found = persistor.get_model(name, ctx)
        assert found is not None
        np.testing.assert_array_equal(found["weights"]["numpy_key"], np.full(2, value))
    assert persistor.get_model("other", ctx) is None


@pytest.mark.parametrize("given", ["model_file_name", "initial_model_file_name"])
def test_peers_begin_with_the_numpy_model_of_a_file(tmp_path: Path, given: str) -> None:
    ctx = context(tmp_path)
    (tmp_path / "job/models").mkdir(parents=True)
    np.save(tmp_path / "job/models/start.npy", np.full(3, 7.0))

    persistor = NPFileModelPersistor(**{given: "start.npy"})

    np.testing.assert_array_equal(weights(persistor, ctx)["numpy_key"], [7, 7, 7])


def test_models_of_a_list_are_read_by_a_persistor(tmp_path: Path) -> None:
    np.save(tmp_path / "old.npy", np.full(2, 5.0))
    ctx = context(tmp_path, persistor=NPModelPersistor(), other=SafetensorsModelPersistor())
    locator = ListModelLocator("persistor", {"old": str(tmp_path / "old.npy")})

    found = locator.locate_model("old", ctx)

    assert locator.get_model_names(ctx) == ["old"]
    assert found is not None
    np.testing.assert_array_equal(found.data["numpy_key"], [5, 5])
    assert locator.locate_model("new", ctx) is None
    with pytest.raises(errors.ComponentUnknown, match="persitor"):
        ListModelLocator("persitor", {"old": "x"}).locate_model("old", ctx)
    with pytest.raises(NotImplementedError, match="reads no models from places"):
        ListModelLocator("other", {"old": "x"}).locate_model("old", ctx)

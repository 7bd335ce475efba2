"""Recipes: the jobs that they make, and what may be added to them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest
import torch

from ame import errors
from ame.federation import recipes
from ame.federation.boosting.recipes import XGBBaggingRecipe
from ame.federation.job.script_runner import FrameworkType
from ame.federation.model import ExchangeFormat
from ame.federation.recipes import workflows
from ame.federation.recipes.evaluation import FedEvalRecipe, NumpyCrossSiteEvalRecipe
from ame.federation.recipes.fedavg import FedAvgRecipe, FedProxRecipe, NumpyFedAvgRecipe
from ame.federation.recipes.swarm import SwarmLearningRecipe
from ame.federation.spec.filter import Filter

if TYPE_CHECKING:
    from pathlib import Path

    from ame.federation.program import App, Part, Program
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.shareable import Shareable


@pytest.fixture(autouse=True)
def _scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("client.py", "other.py"):
        (tmp_path / name).write_text("")


class Same(Filter):
    def process(self, shareable: Shareable, fl_ctx: FLContext) -> Shareable:
        return shareable


def numpy_recipe(**settings: Any) -> NumpyFedAvgRecipe:
    return NumpyFedAvgRecipe(
        **{"model": [1.0, 2.0], "min_clients": 2, "train_script": "client.py", **settings}
    )


def program(recipe: recipes.Recipe) -> Program:
    recipe.settle()
    return recipe.job.program()


def named(app: App, ending: str) -> Part:
    (part,) = [part for part in app.parts() if part.path.endswith(ending)]
    return part


def everyone(recipe: recipes.Recipe) -> App:
    app = program(recipe).everyone
    assert app is not None
    return app


def test_a_numpy_job_has_its_model_and_each_client_the_script() -> None:
    made = program(numpy_recipe(name="np", num_rounds=7, train_args="--x 1"))

    assert (made.name, made.min_clients) == ("np", 2)
    assert named(made.server, "FedAvg").args["num_rounds"] == 7
    assert named(made.server, "FedAvg").args["persistor_id"] == "persistor"
    assert named(made.server, "NPModelPersistor").args["model"] == [1.0, 2.0]
    assert made.everyone is not None
    script = named(made.everyone, "ScriptExecutor")
    assert (script.args["script"], script.args["script_args"]) == ("client.py", "--x 1")
    assert script.args["framework"] == "numpy"


def test_a_torch_job_takes_the_weights_along() -> None:
    recipe = FedAvgRecipe(
        min_clients=2,
        train_script="client.py",
        model=torch.nn.Linear(2, 1),
        server_expected_format=ExchangeFormat.PYTORCH,
        best_model_filename="best.pt",
        key_metric="loss",
        key_metric_mode="min",
    )
    server = program(recipe).server
    persistor = named(server, "PTFileModelPersistor")

    assert persistor.args["best_global_model_file_name"] == "best.pt"
    assert persistor.args["allow_numpy_conversion"] is False
    assert any(part.weights is not None for part in server.parts())
    selector = named(server, "IntimeModelSelector")
    assert (selector.args["key_metric"], selector.args["negate_key_metric"]) == ("loss", True)
    assert recipe.comp_ids == {"persistor_id": "persistor", "locator_id": "locator"}


def test_a_torch_model_may_be_described_by_its_class() -> None:
    described = {"class_path": "torch.nn.Linear", "args": {"in_features": 2, "out_features": 1}}
    recipe = FedAvgRecipe(min_clients=2, train_script="client.py", model=described)

    model = named(program(recipe).server, "torch.nn.Linear")
    assert model.args == described["args"]


def test_fedprox_tells_its_coefficient() -> None:
    recipe = FedProxRecipe(
        min_clients=2, train_script="client.py", model=torch.nn.Linear(1, 1), fedprox_mu=0.5
    )
    assert named(program(recipe).server, "FedAvg").args["fedprox_mu"] == 0.5


def test_sites_may_have_settings_of_their_own() -> None:
    recipe = numpy_recipe(train_args="--x 0")
    recipes.set_per_site_config(
        recipe, {"a": {"train_args": "--x 1"}, "b": {"train_script": "other.py"}}
    )
    made = program(recipe)

    assert recipe.configured_sites() == ["a", "b"]
    assert made.everyone is None
    script = {site: named(app, "ScriptExecutor").args for site, app in made.sites.items()}
    assert (script["a"]["script"], script["a"]["script_args"]) == ("client.py", "--x 1")
    assert (script["b"]["script"], script["b"]["script_args"]) == ("other.py", "--x 0")


def test_filters_stand_where_models_come_and_go() -> None:
    recipe = numpy_recipe()
    recipe.add_client_input_filter(Same(), tasks=["train"])
    recipe.add_client_output_filter(Same())
    recipe.add_server_output_filter(Same())
    recipe.add_server_input_filter(Same(), tasks=["train"])
    made = program(recipe)

    assert made.everyone is not None
    for app in (made.everyone, made.server):
        assert len(app.task_data_filters) == len(app.task_result_filters) == 1
    assert made.everyone.task_data_filters[0].tasks == ("train",)
    assert made.everyone.task_result_filters[0].tasks == ("*",)


def test_files_and_variables_go_where_they_are_sent(tmp_path: Path) -> None:
    (tmp_path / "extra.txt").write_text("x")
    recipe = numpy_recipe()
    recipe.add_client_config({"get_task_timeout": 5})
    recipe.add_server_config({"task_check_interval": 1})
    recipe.add_client_file("other.py")
    recipe.add_server_file("other.py")
    recipes.set_recipe_meta(recipe, "scope", "s")
    made = program(recipe)

    assert made.everyone is not None
    assert made.everyone.params == {"get_task_timeout": 5}
    assert made.server.params == {"task_check_interval": 1}
    assert made.meta == {"scope": "s"}
    assert "other.py" in {file.target.name for file in made.server.files}


def test_one_client_alone_may_be_given_something() -> None:
    recipe = numpy_recipe()
    recipe.add_client_config({"x": 1}, clients=["site-2"])
    made = program(recipe)

    assert made.everyone is not None
    assert made.sites["site-2"].params == {"x": 1}


def test_an_evaluation_takes_the_model_that_is_trained() -> None:
    recipe = FedEvalRecipe(
        min_clients=2,
        eval_script="client.py",
        eval_args="--x 1",
        model=torch.nn.Linear(1, 1),
        eval_ckpt="/models/best.pt",
        validation_timeout=60,
    )
    made = program(recipe)

    assert named(made.server, "EvalController").args["timeout"] == 60
    persistor = named(made.server, "PTFileModelPersistor")
    assert persistor.args["source_ckpt_file_full_name"] == "/models/best.pt"
    assert made.everyone is not None
    assert named(made.everyone, "ScriptExecutor").args["script_args"] == "--x 1"


@pytest.mark.parametrize("made", [FedAvgRecipe, NumpyFedAvgRecipe, workflows.CyclicRecipe])
def test_a_model_goes_by_its_earlier_name_too(made: Any) -> None:
    given: Any = {"min_clients": 2, "train_script": "client.py", "framework": FrameworkType.NUMPY}

    now, before = made(**given, model=[1.0]), made(**given, initial_model=[1.0])

    assert program(before).server == program(now).server


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": None}, "no model to begin with"),
        ({"initial_model": [1.0]}, "`initial_model` is `model`"),
        ({"key_metric_mode": "best"}, "min or max"),
        ({"save_filename": "a.pt", "best_model_filename": "b.pt"}, "give one of them"),
        ({"per_site_config": {"a": {"train_arg": ""}}}, "`train_arg` is no setting"),
        ({"framework": FrameworkType.RAW}, "model_persistor"),
        ({"name": "a b"}, "name"),
        ({"train_args": "'"}, "close the quotes"),
    ],
)
def test_what_makes_no_job_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        program(numpy_recipe(**settings))


def test_a_file_may_be_named_twice_if_it_is_the_same() -> None:
    recipe = FedAvgRecipe(
        model=torch.nn.Linear(1, 1),
        min_clients=2,
        train_script="client.py",
        best_model_filename="best.pt",
        save_filename="best.pt",
    )

    kept = named(program(recipe).server, "PTFileModelPersistor")
    assert kept.args["best_global_model_file_name"] == "best.pt"


def test_a_swarm_refuses_a_mode_that_there_is_not() -> None:
    with pytest.raises(errors.JobInvalid, match="min or max"):
        SwarmLearningRecipe(
            name="s", model=torch.nn.Linear(1, 1), num_rounds=1, train_script="client.py",
            min_clients=2, key_metric_mode="most",  # type: ignore[arg-type]  # what is refused
        )  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        FedAvgRecipe,
        workflows.FedOptRecipe,
        workflows.CyclicRecipe,
        workflows.FedAvgLrRecipe,
        FedEvalRecipe,
        NumpyCrossSiteEvalRecipe,
        SwarmLearningRecipe,
        XGBBaggingRecipe,
    ],
)
def test_help_explains_each_argument_of_a_recipe(kind: type[recipes.Recipe]) -> None:
    explained = re.findall(r"^    (\w+): ", inspect.getdoc(kind) or "", re.MULTILINE)

    assert explained == list(inspect.signature(kind).parameters)


def test_weights_without_a_torch_model_are_refused() -> None:
    with pytest.raises(ValueError, match="weights alone"):
        FedAvgRecipe(min_clients=2, train_script="client.py", initial_ckpt="/a.pt")


def test_a_setting_that_is_unknown_is_refused() -> None:
    with pytest.raises(TypeError, match="rounds"):
        numpy_recipe(rounds=3)


def test_settings_of_sites_that_come_too_late_are_refused() -> None:
    recipe = numpy_recipe()
    recipe.add_client_config({"x": 1})
    with pytest.raises(RuntimeError, match="before anything else"):
        recipe.set_per_site_config({"a": {}})


def test_settings_of_no_site_are_refused() -> None:
    with pytest.raises(TypeError, match="config"):
        numpy_recipe().set_per_site_config({})


def test_a_client_that_the_job_does_not_have_is_refused() -> None:
    recipe = numpy_recipe(per_site_config={"a": {}})
    with pytest.raises(ValueError, match="names b, and the job has a"):
        recipe.add_client_config({"x": 1}, clients=["b"])


def test_tracking_that_is_unknown_or_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="one of mlflow, tensorboard, wandb"):
        recipes.add_experiment_tracking(numpy_recipe(), "paper")
    with pytest.raises(ValueError, match="nothing is tracked"):
        recipes.add_experiment_tracking(numpy_recipe(), "mlflow", server_side=False)
    with pytest.raises(ValueError, match="client_side=True"):
        recipes.add_experiment_tracking(numpy_recipe(), "mlflow", clients=["a"])


def test_decomposers_are_refused() -> None:
    with pytest.raises(errors.JobInvalid, match="send plain values"):
        numpy_recipe().add_decomposers(["nvflare.x.TensorDecomposer"])


def test_clients_are_numbered_or_named_but_not_both() -> None:
    with pytest.raises(ValueError, match="`num_clients` is 3"):
        recipes.SimEnv(num_clients=3, clients=["a", "b"])
    with pytest.raises(ValueError, match="1 or more"):
        recipes.SimEnv(num_clients=-1)
    assert recipes.SimEnv(clients=["a", "b"]).num_clients == 2


def test_a_number_that_contradicts_the_named_clients_is_refused() -> None:
    recipe = numpy_recipe(per_site_config={"a": {}, "b": {}})
    with pytest.raises(ValueError, match="the job names 2: a, b"):
        recipe.execute(recipes.SimEnv(num_clients=3))


def test_without_nvflare_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVFLARE_COMMAND", "no-such-command")
    with pytest.raises(errors.FlareMissing, match=r"nvflare==2\.9.*SimEnv"):
        numpy_recipe().execute(recipes.PocEnv())


def test_a_kit_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="startup kit"):
        recipes.ProdEnv(str(tmp_path / "gone"))

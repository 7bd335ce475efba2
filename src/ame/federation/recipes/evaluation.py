"""Recipes that evaluate models which are trained already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from ame.federation.components.validation import ValidationJsonGenerator
from ame.federation.job.fedjob import FedJob
from ame.federation.job.script_runner import FrameworkType, ScriptRunner
from ame.federation.recipes.options import ClientOptions, served
from ame.federation.recipes.recipe import ModelRecipe, Recipe
from ame.federation.workflows.cross_site import CrossSiteModelEval
from ame.federation.workflows.model_controller import ModelController

if TYPE_CHECKING:
    from collections.abc import Mapping


class EvalController(ModelController):
    """Has every client evaluate the model, once."""

    def __init__(self, persistor_id: str, timeout: int = 0) -> None:
        """`timeout`: seconds in which clients are to answer; 0 is without limit."""
        super().__init__(persistor_id=persistor_id)
        self.timeout = timeout

    def run(self) -> None:
        """Sends the model, and logs what each client measured."""
        found = self.send_model_and_wait(
            task_name="validate", data=self.load_model(), targets=None, timeout=self.timeout
        )
        for each in found:
            self.info(f"{each.meta.get('client_name')}: {each.metrics}")


class FedEvalRecipe(ModelRecipe):
    """Every client evaluates a torch model that is trained already.

    Args:
        name: of the job.
        min_clients: how many clients take part, at least.
        eval_script: what each client runs.
        model: a torch module.
        eval_ckpt: a file with its weights, at the server; else those that it has.
        eval_args: arguments of the script.
        validation_timeout: seconds in which clients are to answer.
        per_site_config: see `set_per_site_config`.
        client: settings of the script.
    """

    def __init__(
        self,
        *,
        name: str = "eval",
        min_clients: int,
        eval_script: str,
        model: Any,
        eval_ckpt: str | None = None,
        eval_args: str = "",
        validation_timeout: int = 6000,
        per_site_config: Mapping[str, Mapping[str, Any]] | None = None,
        **client: Unpack[ClientOptions],
    ) -> None:
        """Makes the job."""
        options: Any = {**client, "train_args": eval_args}
        super().__init__(
            name=name,
            min_clients=min_clients,
            train_script=eval_script,
            model=model,
            initial_ckpt=eval_ckpt,
            **options,
        )
        self.job.to_server(EvalController(self.comp_ids["persistor_id"], validation_timeout))
        if per_site_config is not None:
            self.set_per_site_config(
                {site: _as_train(settings) for site, settings in per_site_config.items()}
            )


class NumpyCrossSiteEvalRecipe(Recipe):
    """Clients evaluate NumPy models that are trained already, the server's and one another's.

    Args:
        name: of the job.
        min_clients: how many clients take part, at least.
        eval_script: what each client runs; without it, a trial that measures nothing real.
        eval_args: arguments of the script.
        launch_external_process: whether it is a process of its own.
        command: what stands before it then.
        initial_ckpt: the file of the server's model.
        model_dir: the folder of the server's models.
        model_name: their files by their names.
        submit_model_timeout: seconds in which clients are to submit their models.
        validation_timeout: seconds in which they are to evaluate one.
        client_memory_gc_rounds: after how many tasks a script's memory is swept.
        cuda_empty_cache: whether unused GPU memory is given back then.
    """

    def __init__(
        self,
        name: str = "numpy_cross_site_eval",
        min_clients: int = 2,
        eval_script: str | None = None,
        eval_args: str = "",
        launch_external_process: bool = False,
        command: str = "python3 -u",
        initial_ckpt: str | None = None,
        model_dir: str | None = None,
        model_name: dict[str, str] | None = None,
        submit_model_timeout: int = 600,
        validation_timeout: int = 6000,
        client_memory_gc_rounds: int = 0,
        cuda_empty_cache: bool = False,
    ) -> None:
        """Makes the job."""
        from ame.federation.components.persistors.numpy_files import NPModelLocator

        super().__init__(FedJob(name=name, min_clients=min_clients))
        self.framework = FrameworkType.RAW
        self.evaluated = True
        files = {"server": initial_ckpt} if initial_ckpt else model_name
        locator = NPModelLocator(model_dir=model_dir or "models", model_name=files)
        self.comp_ids["locator_id"] = self.job.to_server(locator, id="locator")
        self.job.to_server(
            CrossSiteModelEval(
                model_locator_id=self.comp_ids["locator_id"],
                submit_model_timeout=submit_model_timeout,
                validation_timeout=validation_timeout,
            )
        )
        self.job.to_server(ValidationJsonGenerator(), id="json_generator")
        executor = (
            served("app_common.np.np_validator.NPValidator")()
            if eval_script is None
            else ScriptRunner(
                script=eval_script,
                script_args=eval_args,
                launch_external_process=launch_external_process,
                command=command,
                framework=FrameworkType.RAW,
                memory_gc_rounds=client_memory_gc_rounds,
                cuda_empty_cache=cuda_empty_cache,
            )
        )
        self.job.to_clients(executor, tasks=["validate", "submit_model"])


def _as_train(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a site, in the words of `Client`."""
    words = {"eval_script": "train_script", "eval_args": "train_args"}
    return {words.get(key, key): value for key, value in settings.items()}

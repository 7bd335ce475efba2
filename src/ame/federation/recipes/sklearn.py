"""Recipes for scikit-learn: averaged parameters, k-means, support vector machines."""

from __future__ import annotations

from typing import Any

from ame import errors
from ame.federation.components.assemblers import CollectAndAssembleModelAggregator
from ame.federation.estimators.assemblers import KMeansAssembler, SVMAssembler
from ame.federation.estimators.joblib_files import JoblibModelParamPersistor
from ame.federation.job.script_runner import FrameworkType
from ame.federation.model import ExchangeFormat
from ame.federation.recipes.fedavg import FedAvgRecipe


class SklearnFedAvgRecipe(FedAvgRecipe):
    """Federated averaging of an estimator's parameters, such as `coef_` and `intercept_`."""

    default_framework = FrameworkType.RAW

    def __init__(
        self,
        *,
        name: str = "sklearn_fedavg",
        model_params: dict[str, Any] | None = None,
        model_path: str | None = None,
        **settings: Any,
    ) -> None:
        """Takes what `FedAvgRecipe` takes but the model.

        Args:
            name: of the job.
            model_params: what scripts get in the first round: settings of the estimator.
            model_path: a joblib file of the server's to begin with instead.
            settings: see `FedAvgRecipe`.

        Raises:
            errors.JobInvalid (ValueError): one cannot be, or there is nothing to begin with.

        """
        if not model_params and model_path is None:
            raise errors.JobInvalid("give `model_params` or `model_path`: what to begin with")
        super().__init__(
            name=name,
            model_persistor=JoblibModelParamPersistor(model_params, model_path=model_path),
            server_expected_format=ExchangeFormat.RAW,
            **settings,
        )


class KMeansFedAvgRecipe(SklearnFedAvgRecipe):
    """K-means by mini-batches: scripts send `center` and `count`, and get `center`.

    In the first round they get `n_clusters`.
    """

    def __init__(
        self,
        *,
        name: str = "kmeans_fedavg",
        num_rounds: int = 5,
        n_clusters: int = 3,
        key_metric: str = "metrics",
        **settings: Any,
    ) -> None:
        """Takes what `SklearnFedAvgRecipe` takes but the parameters.

        Raises:
            errors.JobInvalid (ValueError): there are to be no clusters.

        """
        if n_clusters < 1:
            raise errors.JobInvalid(f"`n_clusters` is {n_clusters}; it must be 1 or more")
        super().__init__(
            name=name,
            num_rounds=num_rounds,
            model_params={"n_clusters": n_clusters},
            aggregator=CollectAndAssembleModelAggregator("kmeans_assembler"),
            key_metric=key_metric,
            **settings,
        )
        self.n_clusters = n_clusters
        self.job.to_server(KMeansAssembler(), id="kmeans_assembler")


class SVMFedAvgRecipe(SklearnFedAvgRecipe):
    """Support vectors: scripts send `support_x` and `support_y`, and get those of all.

    There are two rounds: in the first they get `kernel` and train, in the second they validate.
    """

    def __init__(
        self,
        *,
        name: str = "svm_fedavg",
        kernel: str = "rbf",
        key_metric: str = "AUC",
        **settings: Any,
    ) -> None:
        """Takes what `SklearnFedAvgRecipe` takes but the parameters and the number of rounds.

        Raises:
            errors.JobInvalid (ValueError): there is no such kernel.

        """
        assembler = SVMAssembler(kernel)
        super().__init__(
            name=name,
            num_rounds=2,
            model_params={"kernel": kernel},
            aggregator=CollectAndAssembleModelAggregator("svm_assembler"),
            key_metric=key_metric,
            **settings,
        )
        self.kernel = kernel
        self.job.to_server(assembler, id="svm_assembler")

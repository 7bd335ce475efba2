"""Logistic regression by Newton's method: `FedAvgLR`, and the persistor of its weights.

Sites send the gradient and the Hessian of their data; the server solves for the step. Source:
K. P. Murphy, "Machine Learning: A Probabilistic Perspective" (2012), section 8.3.4.
"""

from typing import Any

import numpy as np

from ame import errors
from ame.federation.components.persistors.numpy_files import NPModelPersistor
from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.names.app import AppConstants, NPConstants
from ame.federation.workflows.arguments import check_int
from ame.federation.workflows.averaging.fedavg import BaseFedAvg

GRADIENT, HESSIAN = "gradient", "hessian"


class LRModelPersistor(NPModelPersistor):
    """Keeps the weights of a logistic regression: zeros to begin with."""

    def __init__(
        self,
        model_dir: str = AppConstants.DEFAULT_MODEL_DIR,
        model_name: str = "weights.npy",
        n_features: int = 13,
        source_ckpt_file_full_name: str | None = None,
    ) -> None:
        """`n_features`: how many weights there are beside the bias."""
        check_int(1, n_features=n_features)
        super().__init__(
            model_dir=model_dir,
            model_name=model_name,
            model=np.zeros((n_features + 1, 1), np.float32),
            source_ckpt_file_full_name=source_ckpt_file_full_name,
        )
        self.n_features = n_features


class FedAvgLR(BaseFedAvg):
    """Rounds of Newton's method. Sites get the weights, and send `gradient` and `hessian`."""

    def __init__(
        self,
        damping_factor: float,
        epsilon: float = 1.0,
        model_dir: str = AppConstants.DEFAULT_MODEL_DIR,
        model_name: str = "weights.npy",
        n_features: int = 13,
        aggregator: Any = None,
        persistor: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """How far a step goes.

        Args:
            damping_factor: the part of Newton's step that is taken.
            epsilon: added to the Hessian's diagonal, so that it can be solved.
            model_dir: see `LRModelPersistor`, which keeps the weights where no persistor is named.
            model_name: the same.
            n_features: the same.
            aggregator: must be None: sites' sums are weighted by their steps.
            persistor: must be None: give one to the job, and its id as `persistor_id`.
            args: those of `BaseFedAvg`.
            kwargs: the same.

        Raises:
            errors.JobInvalid (ValueError): an object is given where there must be none.
        """
        if aggregator is not None or persistor is not None:
            raise errors.JobInvalid("give FedAvgLR no `aggregator` and no `persistor`, but its id")
        kwargs.setdefault("persistor_id", "")
        super().__init__(*args, **kwargs)
        self.damping_factor = damping_factor
        self.epsilon = epsilon
        self._own = LRModelPersistor(model_dir, model_name, n_features)

    def run(self) -> None:
        """All rounds."""
        if self.persistor is None:
            self.persistor = self._own
        model = self.load_model()
        for number in self.rounds():
            self.begin_round(model, number)
            results = self.send_model_and_wait(
                targets=self.sample_clients(self.num_clients), data=model
            )
            if self.is_aborted():
                return
            model = self.update_model(model, self.aggregate(results, self._step))
            self.save_model(model)

    def _step(self, results: list[FLModel]) -> FLModel:
        """Newton's step, as a difference.

        Raises:
            errors.JobPanicked: a site sent no gradient or no Hessian.
        """
        mean = self.aggregate_fn(results)
        sums = mean.params or {}
        if not {GRADIENT, HESSIAN} <= set(sums):
            reason = f"sites must send `{GRADIENT}` and `{HESSIAN}`, and sent {sorted(sums)}"
            raise errors.JobPanicked(component=self.name, reason=reason, side="server")
        hessian = np.asarray(sums[HESSIAN], np.float64)
        damped = hessian + self.epsilon * np.eye(len(hessian))
        gradient = np.asarray(sums[GRADIENT], np.float64).reshape(len(hessian), -1)
        step = self.damping_factor * np.linalg.solve(damped, gradient)
        return FLModel(
            params={NPConstants.NUMPY_KEY: step},
            params_type=ParamsType.DIFF,
            metrics=mean.metrics,
            meta=mean.meta,
        )

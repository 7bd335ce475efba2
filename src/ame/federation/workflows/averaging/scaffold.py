"""SCAFFOLD: sites correct their steps by how their own gradients differ from all sites'.

Karimireddy et al. 2020, "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
Algorithm 1. As FLARE does, controls and models are weighed by the sites' steps, and c moves by the
mean of the sites' changes: the rule of the paper where all sites take part.
"""

from typing import Any

from ame import aggregation, errors
from ame.federation.averaging import ParamsMean, site_of, steps_of
from ame.federation.model import FLModel
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.learnable import model_learnable_to_dxo
from ame.federation.spec.names.app import AlgorithmConstants, AppConstants
from ame.federation.spec.names.events import AppEventType
from ame.federation.spec.shareable import Shareable
from ame.federation.workflows.averaging.fedavg import BaseFedAvg
from ame.federation.workflows.scatter_and_gather import ScatterAndGather

_DIFF = AlgorithmConstants.SCAFFOLD_CTRL_DIFF
_GLOBAL = AlgorithmConstants.SCAFFOLD_CTRL_GLOBAL


class Scaffold(BaseFedAvg):
    """Sends the model with the controls of all, takes models with the changes of the sites' own."""

    def __init__(self, *args: Any, enable_tensor_disk_offload: bool = False, **kwargs: Any) -> None:
        """`enable_tensor_disk_offload` is kept for jobs that set it."""
        super().__init__(*args, **kwargs)
        self.enable_tensor_disk_offload = enable_tensor_disk_offload
        self._controls: dict[str, Any] = {}

    def run(self) -> None:
        """All rounds."""
        model = self.load_model()
        self._controls = {key: each * 0 for key, each in model.params.items()}
        for number in self.rounds():
            self.begin_round(model, number)
            sites = self.sample_clients(self.num_clients)
            model.meta = {**model.meta, _GLOBAL: self._controls}
            results = self.send_model_and_wait(targets=sites, data=model)
            if self.is_aborted():
                return
            result = self.aggregate(results, aggregate_fn=self._aggregated(model))
            self._controls = aggregation.applied(
                self._controls,
                aggregation.Aggregate(
                    arrays=result.meta.pop(_DIFF), clients=len(results), weight=1.0, difference=True
                ),
            )
            model = self.update_model(model, result)
            self.event(AppEventType.ROUND_DONE)
            self.save_model(model)
            self._sweep()

    def _aggregated(self, model: FLModel) -> Any:
        """What makes one model, and one change of the controls, of many."""

        def aggregate(results: list[FLModel]) -> FLModel:
            controls = ParamsMean(self._controls)
            mean, metrics = self.means(model)
            for each in results:
                site, weight = site_of(each), steps_of(each.meta)
                change = each.meta.get(_DIFF)
                if change is None:
                    why = f"its meta has no `{_DIFF}`: train with a Scaffold helper"
                    raise errors.UpdateRefused(site, None, why)
                controls.add(site, change, weight, difference=True)
                mean.add(site, each.params, weight, difference=each.params_type == "DIFF")
                metrics.add(each.metrics, weight)
            return FLModel(
                params=mean.value().arrays,
                params_type=mean.params_type(),
                metrics=metrics.value(),
                meta={
                    _DIFF: controls.value().arrays,
                    "nr_aggregated": len(results),
                    AppConstants.CURRENT_ROUND: self.current_round,
                },
            )

        return aggregate


class ScatterAndGatherScaffold(ScatterAndGather):
    """The same by components: the aggregator is one of collections.

    It averages the models and the changes of controls: `InTimeAccumulateWeightedAggregator(
    expected_data_kind={"_model_weights_": "WEIGHT_DIFF", "scaffold_c_diff": "WEIGHT_DIFF"})`.
    """

    def __init__(
        self,
        min_clients: int = 1000,
        num_rounds: int = 5,
        start_round: int = 0,
        wait_time_after_min_received: int = 10,
        aggregator_id: str = AppConstants.DEFAULT_AGGREGATOR_ID,
        persistor_id: str = AppConstants.DEFAULT_PERSISTOR_ID,
        shareable_generator_id: str = AppConstants.DEFAULT_SHAREABLE_GENERATOR_ID,
        train_task_name: str = AppConstants.TASK_TRAIN,
        train_timeout: int = 0,
        ignore_result_error: bool | None = None,
        task_check_period: float = 0.5,
        persist_every_n_rounds: int = 1,
        snapshot_every_n_rounds: int = 1,
    ) -> None:
        """As those of `ScatterAndGather`."""
        super().__init__(
            min_clients=min_clients,
            num_rounds=num_rounds,
            start_round=start_round,
            wait_time_after_min_received=wait_time_after_min_received,
            aggregator_id=aggregator_id,
            persistor_id=persistor_id,
            shareable_generator_id=shareable_generator_id,
            train_task_name=train_task_name,
            train_timeout=train_timeout,
            ignore_result_error=ignore_result_error,
            task_check_period=task_check_period,
            persist_every_n_rounds=persist_every_n_rounds,
            snapshot_every_n_rounds=snapshot_every_n_rounds,
        )
        self._controls: dict[str, Any] | None = None

    def outgoing(self, fl_ctx: FLContext) -> Shareable:
        """The model, and the controls of all sites: zeros at first."""
        model = model_learnable_to_dxo(self._model)
        if self._controls is None:
            self._controls = {key: each * 0 for key, each in model.data.items()}
        parts = {
            AppConstants.MODEL_WEIGHTS: model,
            _GLOBAL: DXO(DataKind.WEIGHT_DIFF, data=self._controls),
        }
        return DXO(DataKind.COLLECTION, data=parts).to_shareable()

    def incoming(self, result: Shareable) -> Shareable:
        """Moves the controls; returns the mean of the models.

        Raises:
            errors.JobPanicked: the aggregate has no models, or no controls.
        """
        parts = from_shareable(result).data
        for name in (AppConstants.MODEL_WEIGHTS, _DIFF):
            if not isinstance(parts.get(name), DXO):
                why = f"`{self.aggregator_id}` averages no `{name}`: see `expected_data_kind`"
                raise errors.JobPanicked(component=self.name, reason=why, side="server")
        moves, controls = parts[_DIFF].data, self._controls or {}
        self._controls = {
            key: each + moves[key] if key in moves else each for key, each in controls.items()
        }
        sent: Shareable = parts[AppConstants.MODEL_WEIGHTS].to_shareable()
        return sent

    def get_persist_state(self, fl_ctx: FLContext) -> dict[str, Any]:
        """The controls too."""
        return {**super().get_persist_state(fl_ctx), "controls": self._controls}

    def restore(self, state_data: dict[str, Any], fl_ctx: FLContext) -> None:
        """Go on with them."""
        super().restore(state_data, fl_ctx)
        self._controls = state_data["controls"]

"""SCAFFOLD: sites correct their steps by how their own gradients differ from all sites'.

Karimireddy et al. 2020, "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
Algorithm 1. As FLARE does, controls and models are weighed by the sites' steps, and c moves by the
mean of the sites' changes: the rule of the paper where all sites take part.
"""

from typing import Any

from ame import aggregation, errors
from ame.federation.averaging import ParamsMean, site_of, steps_of
from ame.federation.model import FLModel
from ame.federation.spec.names.app import AlgorithmConstants, AppConstants
from ame.federation.spec.names.events import AppEventType
from ame.federation.workflows.averaging.fedavg import BaseFedAvg

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

"""Federated averaging.

McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data",
Algorithm 1.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.averaging import MetricsMean, ParamsMean, site_of, steps_of
from ame.federation.components.persistors.files import within
from ame.federation.conversion import FLModelUtils
from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.app import AlgorithmConstants, AppConstants
from ame.federation.spec.names.events import AppEventType
from ame.federation.workflows.arguments import (
    check_aggregator,
    check_int,
    check_mu,
    parse_compare_criteria,
)
from ame.federation.workflows.model_controller import ModelController

_NOTHING = (
    ", and it was sent none: the job has no initial model; give the server one with its persistor, "
    '`job.to_server(PTModel(Net()))` or `job.to_server(NPModelPersistor(…), id="persistor")`, or '
    "`FedAvg(model={…})`, or let scripts send their own first"
)


class BaseFedAvg(ModelController):
    """What algorithms have in common that average models in rounds."""

    def __init__(
        self,
        *args: Any,
        num_clients: int = 3,
        num_rounds: int = 5,
        start_round: int = 0,
        memory_gc_rounds: int = 0,
        **kwargs: Any,
    ) -> None:
        """`num_clients`: how many sites are drawn for a round; all if there are not so many.

        `memory_gc_rounds`: after how many rounds memory is swept; 0 is never.

        Raises:
            TypeError, ValueError: an argument cannot be.
        """
        super().__init__(*args, **kwargs)
        check_int(1, num_rounds=num_rounds)
        check_int(
            0, num_clients=num_clients, start_round=start_round, memory_gc_rounds=memory_gc_rounds
        )
        self.num_clients = num_clients
        self.num_rounds = num_rounds
        self.start_round = start_round
        self.memory_gc_rounds = memory_gc_rounds
        self._next_round: int | None = None

    def rounds(self) -> range:
        """The numbers of the rounds that are to come."""
        first = self.start_round if self._next_round is None else self._next_round
        return range(first, self.start_round + self.num_rounds)

    def begin_round(self, model: FLModel, number: int) -> None:
        """Let the model and all components know the round."""
        self.current_round = number
        model.start_round = self.start_round
        model.total_rounds = self.num_rounds
        model.current_round = number
        self.fl_ctx.put(AppConstants.NUM_ROUNDS, self.num_rounds, private=True, sticky=False)
        self.fl_ctx.put(AppConstants.CURRENT_ROUND, number, private=True, sticky=False)
        self._set_global(model)
        self.event(AppEventType.ROUND_STARTED)

    @staticmethod
    def means(model: FLModel) -> tuple[ParamsMean, MetricsMean]:
        """A mean of parameters, measured by those of the model, and one of metrics."""
        params = model.params if isinstance(model.params, Mapping) else None
        return ParamsMean(params), MetricsMean()

    @staticmethod
    def aggregate_fn(results: list[FLModel]) -> FLModel:
        """The mean of models, weighted by their steps.

        Raises:
            ValueError: there are none.
            errors.UpdateRefused: one of them does not fit the others.
        """
        if not results:
            raise ValueError("there are no results to average")
        mean, metrics = ParamsMean(), MetricsMean()
        for each in results:
            weight = steps_of(each.meta)
            difference = each.params_type == ParamsType.DIFF
            mean.add(site_of(each), each.params, weight, difference=difference)
            metrics.add(each.metrics, weight)
        return FLModel(
            params=mean.value().arrays,
            params_type=results[0].params_type,
            metrics=metrics.value(),
            meta={"nr_aggregated": len(results), "current_round": results[0].current_round},
        )

    def aggregate(
        self, results: list[FLModel], aggregate_fn: Callable[[list[FLModel]], FLModel] | None = None
    ) -> FLModel:
        """Make one model of the results of a round, by `aggregate_fn` if it is given."""
        self.event(AppEventType.BEFORE_AGGREGATION)
        made = (aggregate_fn or self.aggregate_fn)(results)
        self.fire_event_with_data(
            AppEventType.AFTER_AGGREGATION, self.fl_ctx, AppConstants.AGGREGATION_RESULT, made
        )
        return made

    def update_model(self, model: FLModel, aggr_result: FLModel) -> FLModel:
        """The model after the round: replaced, or moved by the mean difference."""
        self.event(AppEventType.BEFORE_SHAREABLE_TO_LEARNABLE)
        model = FLModelUtils.update_model(model, aggr_result)
        self._set_global(model)
        self.event(AppEventType.AFTER_SHAREABLE_TO_LEARNABLE)
        return model

    def get_persist_state(self, fl_ctx: FLContext) -> dict[str, Any]:
        """The round that is next; the model is what the persistor saved last."""
        return {"round": self.current_round + 1, "samples": self._samples}

    def restore(self, state_data: dict[str, Any], fl_ctx: FLContext) -> None:
        """Go on with that round."""
        self._next_round = state_data["round"]
        self._samples = state_data["samples"]

    def _sweep(self) -> None:
        if self.memory_gc_rounds and (self.current_round + 1) % self.memory_gc_rounds == 0:
            import gc

            gc.collect()


class FedAvg(BaseFedAvg):
    """Rounds of: send the model to sites, let them train, average what they return.

    A site's model counts `aggregation_weights` of the site times the steps that it says it took
    (`NUM_STEPS_CURRENT_ROUND`, else 1). Results are averaged as they come, in the order of the
    sites, so that a seed repeats a run bit for bit. What is not finite, of another shape or of a
    name that the model has not is refused: the site is left out of the round.
    """

    def __init__(
        self,
        *args: Any,
        model: dict[str, Any] | FLModel | None = None,
        save_filename: str | None = "FL_global_model.pt",
        aggregator: Any = None,
        stop_cond: str | None = None,
        patience: int | None = None,
        task_name: str = AppConstants.TASK_TRAIN,
        exclude_vars: str | None = None,
        aggregation_weights: dict[str, float] | None = None,
        enable_tensor_disk_offload: bool = False,
        fedprox_mu: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Arguments beside those of `BaseFedAvg` and `BaseModelController`.

        Args:
            args: those of `BaseModelController`.
            model: what to begin with, instead of what the persistor loads.
            save_filename: the file in the run's folder where there is no persistor.
            aggregator: makes one model of many, instead of the mean: a `ModelAggregator`.
            stop_cond: `"accuracy >= 0.9"`: end when the mean of a metric is so; and keep only the
                models that are best by it.
            patience: end after so many rounds without a better one. It needs `stop_cond`.
            task_name: what the sites are to do.
            exclude_vars: parameters whose names this expression is found in are not averaged, and
                stay as they are.
            aggregation_weights: how much a site counts, by its name; 1 if it is not there.
            enable_tensor_disk_offload: kept for jobs that set it: what waits to be averaged lies
                in memory or on disk by its size anyway.
            fedprox_mu: told to sites in the model's metadata (FedProx).
            kwargs: those of `BaseFedAvg` and `BaseModelController`.
        """
        super().__init__(*args, **kwargs)
        check_mu(fedprox_mu)
        check_aggregator(aggregator)
        self.model = model
        self.save_filename = save_filename
        self.aggregator = aggregator
        self.stop_cond = stop_cond
        self.stop_condition = parse_compare_criteria(stop_cond) if stop_cond else None
        self.patience = patience
        self.task_name = task_name
        self.exclude_vars = exclude_vars
        self.aggregation_weights = aggregation_weights or {}
        self.enable_tensor_disk_offload = enable_tensor_disk_offload
        self.fedprox_mu = fedprox_mu or None
        self.num_fl_rounds_without_improvement = 0
        self.best_target_metric_value: float | None = None
        self._round_mean: ParamsMean | None = None
        self._round_metrics = MetricsMean()
        self._beginning = ""
        self._round_count = 0

    def run(self) -> None:
        """All rounds."""
        model = self._first_model()
        for number in self.rounds():
            self.begin_round(model, number)
            result = self._lead_round(model)
            if result is None:
                return
            model = self.update_model(model, result)
            self.event(AppEventType.ROUND_DONE)
            if self._keep_model(model):
                break
            self._sweep()

    def _first_model(self) -> FLModel:
        if self.model is None:
            return self.load_model()
        if isinstance(self.model, FLModel):
            return self.model
        return FLModel(params=self.model)

    def _lead_round(self, model: FLModel) -> FLModel | None:
        """What the sites make of the model; None if the run is to end."""
        sites = self.sample_clients(self.num_clients)
        self._begin_mean(model)
        _set_mu(model, self.fedprox_mu)
        self.send_model(
            task_name=self.task_name, targets=sites, data=model, callback=self._aggregate_one_result
        )
        if not self.wait_for_tasks():
            return None
        self.event(AppEventType.BEFORE_AGGREGATION)
        result = self._get_aggregated_result()
        self.fire_event_with_data(
            AppEventType.AFTER_AGGREGATION, self.fl_ctx, AppConstants.AGGREGATION_RESULT, result
        )
        return result

    def _begin_mean(self, model: FLModel) -> None:
        self._beginning = "" if model.params else _NOTHING
        self._round_count = 0
        self._round_metrics = MetricsMean()
        if self.aggregator is None:
            params = model.params if isinstance(model.params, Mapping) else None
            self._round_mean = ParamsMean(params, exclude_vars=self.exclude_vars)
        else:
            self.aggregator.fl_ctx = self.fl_ctx
            self.aggregator.reset_stats()

    def _aggregate_one_result(self, result: FLModel) -> bool:
        """Count one site's model.

        Raises:
            errors.UpdateRefused: it cannot be counted.
        """
        site = site_of(result)
        if not result.params:
            raise errors.UpdateRefused(site, None, f"it has no params{self._beginning}")
        if self.aggregator is not None:
            self.aggregator.accept_model(result)
        else:
            assert self._round_mean is not None
            weight = self.aggregation_weights.get(site, 1.0) * steps_of(result.meta)
            difference = result.params_type == ParamsType.DIFF
            self._round_mean.add(site, result.params, weight, difference=difference)
            self._round_metrics.add(result.metrics, weight)
        self._round_count += 1
        return True

    def _get_aggregated_result(self) -> FLModel:
        about = {"nr_aggregated": self._round_count, "current_round": self.current_round}
        if self.aggregator is not None:
            made: FLModel = self.aggregator.aggregate_model()
            made.meta = {**(made.meta or {}), **about}
            if made.current_round is None:
                made.current_round = self.current_round
            return made
        assert self._round_mean is not None
        weights = [
            {"name": site, "weight": weight, "weight_key": "effective_fedavg_metric_weight"}
            for site, weight in self._round_mean.weights.items()
        ]
        info = {
            "metric_source": "client_reported_flmodel_metrics",
            "aggregation": {
                "method": "weighted_average",
                "weight_key": "effective_fedavg_metric_weight",
                "weight_formula": "aggregation_weight * NUM_STEPS_CURRENT_ROUND",
            },
            "site_weights": weights,
        }
        return FLModel(
            params=self._round_mean.value().arrays,
            params_type=self._round_mean.params_type(),
            metrics=self._round_metrics.value(),
            current_round=self.current_round,
            meta={**about, AppConstants.METRICS_AGGREGATION_INFO: info},
        )

    def _keep_model(self, model: FLModel) -> bool:
        """Save the model if it is to be saved; whether the job is to end now."""
        if self.stop_condition is None:
            self.save_model(model)
            return False
        if self.is_curr_model_better(model):
            self.save_model(model)
        return self.should_stop(model.metrics)

    def should_stop(self, metrics: dict[str, Any] | None = None) -> bool:
        """Whether the job is to end: the condition holds, or patience is over."""
        if self.stop_condition is None or metrics is None:
            return False
        if self.patience and self.patience <= self.num_fl_rounds_without_improvement:
            self.info(f"no better model for {self.patience} rounds: the job ends")
            return True
        key, target, compare = self.stop_condition
        if key not in metrics:
            self.warning(f"`{key}` of stop_cond is no metric: there are {', '.join(metrics)}")
            return False
        if compare(metrics[key], target):
            self.info(f"{self.stop_cond} holds: the job ends")
            return True
        return False

    def is_curr_model_better(self, curr_model: FLModel) -> bool:
        """Whether a model is better than those before, by the metric of the condition."""
        if self.stop_condition is None:
            return True
        key, _, compare = self.stop_condition
        value = (curr_model.metrics or {}).get(key)
        if value is None:
            return False
        best = self.best_target_metric_value
        if best is None or (compare(value, best) and not (self.patience and value == best)):
            self.best_target_metric_value = value
            self.num_fl_rounds_without_improvement = 0
            return True
        self.num_fl_rounds_without_improvement += 1
        return False

    def load_model(self) -> FLModel:
        """By the persistor, or from the file if that is there."""
        if self.persistor is not None or not self.save_filename:
            return super().load_model()
        self.miss_persistor()
        file = within(Path(self.get_run_dir()), self.save_filename)
        model = self.load_model_file(str(file)) if file.is_file() else FLModel(params={})
        self._set_global(model)
        return model

    def save_model(self, model: FLModel) -> None:
        """By the persistor, or to the file."""
        if self.persistor is not None:
            super().save_model(model)
        elif self.save_filename:
            file = within(Path(self.get_run_dir()), self.save_filename)
            self.save_model_file(model, str(file))
        else:
            self.warning("there is neither a persistor nor a save_filename: nothing is saved")

    def save_model_file(self, model: FLModel, filepath: str) -> None:
        """Keep a model in a file, without pickle. A subclass may do it in another form."""
        from ame.federation.exchange import codec

        Path(filepath).write_bytes(codec.pack(model))

    def load_model_file(self, filepath: str) -> FLModel:
        """What `save_model_file` wrote.

        Raises:
            ValueError: it is no such file.
        """
        from ame.federation.exchange import codec

        found = codec.unpack(Path(filepath).read_bytes())
        if not isinstance(found, FLModel):
            message = f"{filepath} holds no model"
            raise ValueError(message)  # noqa: TRY004 (it is the file that is wrong)
        return found


def _set_mu(model: FLModel, mu: float | None) -> None:
    meta = dict(model.meta or {})
    meta.pop(AlgorithmConstants.FEDPROX_MU, None)
    if mu is not None:
        meta[AlgorithmConstants.FEDPROX_MU] = float(mu)
    model.meta = meta

"""`StatisticsExecutor`: a site asks its `Statistics` for what the server asked for."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ame.federation.run.found import component
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.executor import Executor
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import ReturnCode
from ame.federation.spec.shareable import Shareable, make_reply
from ame.federation.spec.task import Signal
from ame.federation.statistics import plain
from ame.federation.statistics.spec import DataType, Statistics, StatisticsConstants

C = StatisticsConstants


class StatisticsExecutor(Executor):
    """Does the tasks of a `StatisticsController`."""

    def __init__(self, generator_id: str, precision: int = 4) -> None:
        """`generator_id`: of the `Statistics`; `precision`: decimals of what leaves the site."""
        super().__init__()
        self.generator_id = generator_id
        self.precision = precision
        self._generator: Any = None

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Lets the data be loaded, and let go of."""
        if event_type == EventType.START_RUN:
            found = component(fl_ctx.get_engine(), self.generator_id, Statistics)  # type: ignore[type-abstract]  # what is found is asked for its kind
            found.initialize(fl_ctx)
            self._generator = found
        elif event_type == EventType.END_RUN and self._generator is not None:
            self._generator.finalize(fl_ctx)

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Compute what is asked for, of every numeric feature.

        What a feature cannot give is left out, and the site's log says why.
        """
        wanted = plain.wanted_read(shareable.get(C.STATS_TARGET_STATISTICS) or [])
        if task_name == C.FED_STATS_PRE_RUN:
            return self._prepare({each.name: each.config for each in wanted})
        if task_name != C.FED_STATS_TASK:
            return make_reply(ReturnCode.TASK_UNKNOWN)
        names = [each.name for each in wanted]
        asked = {each.name: each.config for each in wanted}
        asked.setdefault(C.STATS_COUNT, {})
        asked[C.STATS_FAILURE_COUNT] = asked.pop(C.STATS_FAILURE_COUNT, {})
        features = {
            data: [f for f in found if f.data_type in {DataType.INT, DataType.FLOAT}]
            for data, found in self._generator.features().items()
        }
        made: dict[str, plain.Table] = {}
        for name, config in asked.items():
            compute = self._deed(name, config, shareable)
            made[name] = {
                data: self._values(name, data, [f.feature_name for f in found], compute, fl_ctx)
                for data, found in features.items()
            }
        self.log_info(fl_ctx, f"{', '.join(names)} of {', '.join(features)}")
        step = shareable.get(C.STATISTICS_TASK_KEY)
        told = {
            C.STATISTICS_TASK_KEY: step,
            step: plain.told(made),
            C.STATS_FEATURES: plain.features_told(features),
        }
        return DXO(DataKind.STATISTICS, data=told).to_shareable()

    def _prepare(self, asked: Mapping[str, Any]) -> Shareable:
        bins = asked.get(C.STATS_HISTOGRAM)
        told = self._generator.pre_run(
            list(asked),
            {name: each.get(C.STATS_BINS) for name, each in bins.items()} if bins else None,
            {name: each.get(C.STATS_BIN_RANGE) for name, each in bins.items()} if bins else None,
        )
        return Shareable(told or {})

    def _values(
        self,
        name: str,
        data: str,
        features: list[str],
        compute: Callable[[str, str], Any],
        fl_ctx: FLContext,
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for feature in features:
            try:
                value = compute(data, feature)
            except Exception as error:  # noqa: BLE001  # whatever a user's part raises is told
                what = f"{name} of {data}.{feature}: {type(error).__name__}: {error}"
                self.log_warning(fl_ctx, what)
                continue
            if value is not None:
                found[feature] = value
        return found

    def _deed(
        self, name: str, config: Mapping[str, Any], inputs: Shareable
    ) -> Callable[[str, str], Any]:
        """What computes a statistic of a feature; None is of one that is not to be told."""
        made = self._generator
        simple: Mapping[str, Callable[[str, str], Any]] = {
            C.STATS_COUNT: made.count,
            C.STATS_FAILURE_COUNT: made.failure_count,
            C.STATS_SUM: made.sum,
            C.STATS_MEAN: made.mean,
            C.STATS_STDDEV: made.stddev,
        }
        if name in simple:
            return lambda data, feature: self._number(simple[name](data, feature))
        if name in {C.STATS_MIN, C.STATS_MAX}:
            return lambda data, feature: self._end(name, config, data, feature)
        if name == C.STATS_VAR:
            return lambda data, feature: self._variance(inputs, data, feature)
        if name == C.STATS_HISTOGRAM:
            return lambda data, feature: self._histogram(config, inputs, data, feature)
        if name == C.STATS_QUANTILE:
            return lambda data, feature: self._quantiles(config, data, feature)
        message = f"there is no statistic `{name}`"
        raise ValueError(message)

    def _end(self, name: str, config: Mapping[str, Any], data: str, feature: str) -> float:
        """The least or greatest value; of a feature whose range is given, that."""
        given = (plain.of_feature(config, feature) or {}).get(C.STATS_BIN_RANGE)
        if given:
            return float(given[0 if name == C.STATS_MIN else 1])
        scale = 10.0**self.precision  # rounded outwards, so that a histogram counts it
        if name == C.STATS_MIN:
            return math.floor(float(self._generator.min_value(data, feature)) * scale) / scale
        return math.ceil(float(self._generator.max_value(data, feature)) * scale) / scale

    def _variance(self, inputs: Shareable, data: str, feature: str) -> float:
        mean = inputs[C.STATS_GLOBAL_MEAN][data][feature]
        count = inputs[C.STATS_GLOBAL_COUNT][data][feature]
        return self._number(self._generator.variance_with_mean(data, feature, mean, count))

    def _number(self, found: Any) -> float:
        """A plain number, of as many decimals as may leave the site."""
        value = found.item() if hasattr(found, "item") else found
        return value if isinstance(value, int) else round(float(value), self.precision)

    def _histogram(
        self, config: Mapping[str, Any], inputs: Shareable, data: str, feature: str
    ) -> Any:
        said = plain.of_feature(config, feature)
        if said is None or C.STATS_BINS not in said:
            message = f"the configuration of histograms says no `bins` of `{feature}` or of `*`"
            raise ValueError(message)
        low, high = said.get(C.STATS_BIN_RANGE) or (
            inputs[C.STATS_MIN][data][feature],
            inputs[C.STATS_MAX][data][feature],
        )
        return self._generator.histogram(data, feature, said[C.STATS_BINS], low, high)

    def _quantiles(self, config: Mapping[str, Any], data: str, feature: str) -> Any:
        parts = plain.of_feature(config, feature)
        if not parts:
            return None
        found = self._generator.quantiles(data, feature, list(parts))
        told = {str(part): float(value) for part, value in found[C.STATS_QUANTILE].items()}
        return {**found, C.STATS_QUANTILE: told}

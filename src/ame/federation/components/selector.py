"""Which round's model is the best, by a metric of the sites."""

import logging
import math
import re
from typing import Any

from ame.federation.spec.component import Widget
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType, EventType
from ame.federation.spec.names.keys import FLContextKey, MetaKey, ReservedHeaderKey
from ame.federation.spec.shareable import ReturnCode, Shareable

_log = logging.getLogger("ame.federation.IntimeModelSelector")
_LESS_IS_BETTER = re.compile(
    r"loss|err|(^|[^a-z0-9])(bce|ce|cer|mae|mse|nll|perplexity|ppl|rmse|wer)($|[^a-z0-9])"
)
_NEGATED = re.compile(r"(^|[^a-z0-9])neg($|[^a-z0-9])")


class IntimeModelSelector(Widget):
    """Takes the weighted mean of a metric that sites measured on the model they were sent.

    If it is greater than in any round before, `GLOBAL_BEST_MODEL_AVAILABLE` is fired, and the
    persistor keeps the model that was sent. Round 0 does not count: there was no aggregate yet.
    """

    def __init__(
        self,
        weigh_by_local_iter: bool = False,
        aggregation_weights: dict[str, float] | None = None,
        validation_metric_name: str = MetaKey.INITIAL_METRICS,
        key_metric: str = "val_accuracy",
        negate_key_metric: bool = False,
    ) -> None:
        """How the best model is known.

        Args:
            weigh_by_local_iter: whether a site counts by the steps that it took.
            aggregation_weights: how much a site counts, by its name; 1 if it is not there.
            validation_metric_name: under which metadata a site's metrics stand.
            key_metric: which of them counts.
            negate_key_metric: whether less is better.
        """
        super().__init__()
        self.weigh_by_local_iter = weigh_by_local_iter
        self.aggregation_weights = aggregation_weights or {}
        self.validation_metric_name = validation_metric_name
        self.key_metric = key_metric
        self.negate_key_metric = negate_key_metric
        self.best_val_metric = -math.inf
        self._sum = 0.0
        self._weight = 0.0
        name = key_metric.lower()
        if not negate_key_metric and _LESS_IS_BETTER.search(name) and not _NEGATED.search(name):
            _log.warning(
                "key_metric `%s` sounds as if less were better, but the model with the greatest is "
                "taken for the best: set negate_key_metric=True if that is wrong",
                key_metric,
            )

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Follow the rounds."""
        if event_type in (EventType.START_RUN, AppEventType.ROUND_STARTED):
            self._sum = self._weight = 0.0
        elif event_type == AppEventType.AFTER_CONTRIBUTION_ACCEPT:
            if fl_ctx.get_prop(AppConstants.AGGREGATION_ACCEPTED) is not False:
                self._count(fl_ctx)
        elif event_type == AppEventType.BEFORE_AGGREGATION:
            self._compare(fl_ctx)

    def _count(self, fl_ctx: FLContext) -> None:
        peer = fl_ctx.get_peer_context()
        result = peer.get_prop(FLContextKey.SHAREABLE) if peer is not None else None
        now = fl_ctx.get_prop(AppConstants.CURRENT_ROUND)
        if (
            peer is None
            or not isinstance(result, Shareable)
            or result.get_return_code() != ReturnCode.OK
            or result.get_header(ReservedHeaderKey.CONTENT_TYPE) != "DXO"
            or now == 0
        ):
            return
        site = peer.get_identity_name()
        dxo = from_shareable(result)
        if dxo.data_kind not in (DataKind.WEIGHT_DIFF, DataKind.WEIGHTS, DataKind.COLLECTION):
            return
        sent = result.get_cookie(AppConstants.CONTRIBUTION_ROUND)
        if sent != now:
            self.log_warning(fl_ctx, f"{site} measured in round {sent}, and this is round {now}")
            return
        value = self._measured(dxo, site, fl_ctx)
        if value is None:
            return
        steps = dxo.get_meta_prop(MetaKey.NUM_STEPS_CURRENT_ROUND, 1.0)
        weight = self.aggregation_weights.get(site, 1.0)
        weight *= float(steps) if self.weigh_by_local_iter else 1.0
        self._sum += (-value if self.negate_key_metric else value) * weight
        self._weight += weight

    def _measured(self, dxo: DXO, site: str, fl_ctx: FLContext) -> float | None:
        found = dxo.get_meta_prop(self.validation_metric_name)
        if isinstance(found, dict):
            known = ", ".join(found)
            found = found.get(self.key_metric)
            if found is None:
                self.log_warning(fl_ctx, f"{site} measured no `{self.key_metric}`, but {known}")
                return None
        if found is None:
            self.log_warning(fl_ctx, f"{site} says no `{self.validation_metric_name}`")
            return None
        value = _number(found)
        if value is None or not math.isfinite(value):
            self.log_warning(fl_ctx, f"{site} measured {found!r}: it does not count")
            return None
        return value

    def _compare(self, fl_ctx: FLContext) -> None:
        if not self._weight:
            return
        value = self._sum / self._weight
        self._sum = self._weight = 0.0
        if value <= self.best_val_metric:
            return
        self.best_val_metric = value
        fl_ctx.set_prop(AppConstants.VALIDATION_RESULT, value, private=True, sticky=False)
        self.log_info(fl_ctx, f"the best model yet: {self.key_metric} is {value}")
        self.fire_event(AppEventType.GLOBAL_BEST_MODEL_AVAILABLE, fl_ctx)

    def get_persist_state(self, fl_ctx: FLContext) -> dict[str, Any]:
        """The best metric so far."""
        return {"best": self.best_val_metric}

    def restore(self, state_data: dict[str, Any], fl_ctx: FLContext) -> None:
        """Go on from it."""
        self.best_val_metric = state_data["best"]


IntimeModelSelectionHandler = IntimeModelSelector


class SimpleIntimeModelSelector(IntimeModelSelector):
    """The same, but what the aggregator does not take counts, too."""

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Follow the rounds."""
        if event_type == AppEventType.BEFORE_CONTRIBUTION_ACCEPT:
            self._count(fl_ctx)
        elif event_type != AppEventType.AFTER_CONTRIBUTION_ACCEPT:
            super().handle_event(event_type, fl_ctx)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None

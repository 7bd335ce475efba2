"""Aggregators: the results of a round become one, as DXOs or as models."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from ame import errors
from ame.federation.averaging import ParamsMean, steps_of
from ame.federation.conversion import FLModelUtils, check_whole
from ame.federation.model import FLModel
from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.learnable import Aggregator, ModelLearnableKey
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import MetaKey, ReservedKey
from ame.federation.spec.shareable import ReturnCode, Shareable

_KINDS = (DataKind.WEIGHT_DIFF, DataKind.WEIGHTS, DataKind.METRICS)


class DXOAggregator(FLComponent):
    """The mean of DXOs of one kind, weighted by their sites and by the steps that they took."""

    def __init__(
        self,
        exclude_vars: str | None = None,
        aggregation_weights: Mapping[str, float] | None = None,
        expected_data_kind: str = DataKind.WEIGHT_DIFF,
        name_postfix: str = "",
        weigh_by_local_iter: bool = True,
    ) -> None:
        """`weigh_by_local_iter=False`: sites have weighed their data themselves.

        Raises:
            errors.JobInvalid (ValueError): the kind is none that has a mean.
        """
        super().__init__()
        if expected_data_kind not in _KINDS:
            raise errors.JobInvalid(
                f"`expected_data_kind` is {expected_data_kind!r}; give one of {', '.join(_KINDS)}"
            )
        self.exclude_vars = exclude_vars
        self.aggregation_weights = aggregation_weights or {}
        self.expected_data_kind = expected_data_kind
        self.name_postfix = name_postfix
        self.weigh_by_local_iter = weigh_by_local_iter
        self._mean: ParamsMean | None = None
        self._weights: dict[str, float] = {}
        self._processed: str | None = None

    def reset_aggregation_helper(self) -> None:
        """Forget what was accepted."""
        self._mean = None
        self._weights = {}
        self._processed = None

    def accept(
        self, dxo: DXO, contributor_name: str, contribution_round: int | None, fl_ctx: FLContext
    ) -> bool:
        """Take one site's DXO; False, with the reason in the log, if it is not taken.

        Raises:
            errors.UpdateRefused: its numbers cannot be counted.
        """
        why = self._why_not(dxo, contributor_name, contribution_round, fl_ctx)
        if why:
            self.log_warning(fl_ctx, f"what {contributor_name} sent is left out: {why}")
            return False
        steps = steps_of(dxo.meta)
        weight = float(self.aggregation_weights.get(contributor_name, 1.0)) * steps
        if self._mean is None:
            self._mean = ParamsMean(self._model(fl_ctx), exclude_vars=self.exclude_vars)
        self._mean.add(
            contributor_name,
            dxo.data,
            weight if self.weigh_by_local_iter else 1.0,
            difference=dxo.data_kind == DataKind.WEIGHT_DIFF,
        )
        self._weights[contributor_name] = weight
        return True

    def aggregate(self, fl_ctx: FLContext) -> DXO:
        """The mean; nothing is accepted afterwards that was before.

        Raises:
            errors.AggregateEmpty: nothing was accepted.
        """
        if self._mean is None:
            raise errors.AggregateEmpty("no site sent anything that was accepted")
        arrays = self._mean.value().arrays
        if not self.weigh_by_local_iter:
            factor = len(self._weights) / sum(self._weights.values())
            arrays = {key: each * factor for key, each in arrays.items()}  # type: ignore[operator]  # arrays of any framework
        if self.expected_data_kind == DataKind.METRICS:
            arrays = {key: each.item() for key, each in arrays.items()}  # type: ignore[attr-defined]  # numbers
        made = DXO(self.expected_data_kind, data=arrays)
        if self._processed is not None:
            made.set_meta_prop(MetaKey.PROCESSED_ALGORITHM, self._processed)
        self.reset_aggregation_helper()
        return made

    def _why_not(self, dxo: DXO, site: str, sent: int | None, fl_ctx: FLContext) -> str:
        if dxo.data_kind != self.expected_data_kind:
            return f"it is {dxo.data_kind}, and {self.expected_data_kind} is expected"
        processed = dxo.get_meta_prop(MetaKey.PROCESSED_ALGORITHM)
        if processed is not None and self._processed not in (None, processed):
            return f"it is processed by {processed}, and others by {self._processed}"
        now = fl_ctx.get_prop(AppConstants.CURRENT_ROUND)
        if sent != now:
            return f"it is of round {sent}, and this is round {now}"
        if site in self._weights:
            return "it has sent something already"
        self._processed = processed
        return ""

    def _model(self, fl_ctx: FLContext) -> Mapping[str, Any] | None:
        """What DXOs are measured by, if it is known."""
        model = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
        if self.expected_data_kind == DataKind.METRICS or not isinstance(model, Mapping):
            return None
        found: Mapping[str, Any] | None = model.get(ModelLearnableKey.WEIGHTS)
        return found


class InTimeAccumulateWeightedAggregator(Aggregator):
    """The weighted mean, added up as results come. Of a collection, for each of its DXOs.

    In memory that does not grow with the number of sites.
    """

    def __init__(
        self,
        exclude_vars: str | dict[str, str] | None = None,
        aggregation_weights: dict[str, Any] | None = None,
        expected_data_kind: str | dict[str, str] = DataKind.WEIGHT_DIFF,
        weigh_by_local_iter: bool = True,
    ) -> None:
        """Each of the first three may be a dict by the keys of a collection.

        Raises:
            errors.JobInvalid (ValueError): a kind has no mean, or a dict lacks a key of
                `expected_data_kind`.
        """
        super().__init__()
        self.exclude_vars = exclude_vars
        self.aggregation_weights = aggregation_weights
        self.expected_data_kind = expected_data_kind
        self.weigh_by_local_iter = weigh_by_local_iter
        self._single = not isinstance(expected_data_kind, dict)
        kinds = (
            expected_data_kind if isinstance(expected_data_kind, dict) else {"": expected_data_kind}
        )
        weights = aggregation_weights or {}
        nested = any(isinstance(each, dict) for each in weights.values())
        for what, given in (
            ("exclude_vars", exclude_vars if isinstance(exclude_vars, dict) else None),
            ("aggregation_weights", weights if nested else None),
        ):
            lacking = [key for key in kinds if given is not None and key not in given]
            if lacking:
                raise errors.JobInvalid(
                    f"`{what}` lacks {', '.join(lacking)} of `expected_data_kind`; give it, too"
                )
        self.dxo_aggregators = {
            key: DXOAggregator(
                exclude_vars=exclude_vars[key] if isinstance(exclude_vars, dict) else exclude_vars,
                aggregation_weights=weights[key] if nested else weights,
                expected_data_kind=kind,
                name_postfix=key,
                weigh_by_local_iter=weigh_by_local_iter,
            )
            for key, kind in kinds.items()
        }

    def reset(self, fl_ctx: FLContext) -> None:
        """Forget what was accepted."""
        for each in self.dxo_aggregators.values():
            each.reset_aggregation_helper()

    def accept(self, shareable: Shareable, fl_ctx: FLContext) -> bool:
        """Take one site's result.

        Raises:
            errors.UpdateRefused: its numbers cannot be counted.
        """
        site = shareable.get_peer_prop(ReservedKey.IDENTITY_NAME, "?")
        dxo = _dxo_of(self, shareable, site, fl_ctx)
        if dxo is None:
            return False
        sent = shareable.get_cookie(AppConstants.CONTRIBUTION_ROUND)
        accepted = False
        for key, aggregator in self.dxo_aggregators.items():
            part = dxo if self._single else dxo.data.get(key)
            if not isinstance(part, DXO):
                self.log_warning(fl_ctx, f"what {site} sent has no DXO `{key}`")
                continue
            if not aggregator.accept(part, site, sent, fl_ctx):
                return False
            accepted = True
        return accepted

    def aggregate(self, fl_ctx: FLContext) -> Shareable:
        """The mean, or a collection of means.

        Raises:
            errors.AggregateEmpty: nothing was accepted.
        """
        made = {key: each.aggregate(fl_ctx) for key, each in self.dxo_aggregators.items()}
        if self._single:
            return made[""].to_shareable()
        return DXO(DataKind.COLLECTION, data=made).to_shareable()


class AccumulateWeightedAggregator(InTimeAccumulateWeightedAggregator):
    """The same, under its former name."""


class DXOCollector(Aggregator):
    """Keeps all results, as a collection by site."""

    def __init__(self) -> None:
        super().__init__()
        self.dxos: dict[str, DXO] = {}

    def reset(self, fl_ctx: FLContext) -> None:
        """Forget them."""
        self.dxos = {}

    def accept(self, shareable: Shareable, fl_ctx: FLContext) -> bool:
        """Keep one."""
        peer = fl_ctx.get_peer_context()
        site = peer.get_identity_name() if peer is not None else ""
        dxo = _dxo_of(self, shareable, site, fl_ctx)
        if dxo is None or not site:
            return False
        self.dxos[site] = dxo
        return True

    def aggregate(self, fl_ctx: FLContext) -> Shareable:
        """The collection."""
        return DXO(DataKind.COLLECTION, data=self.dxos).to_shareable()


class ModelAggregator(Aggregator, ABC):
    """Makes one model of many: what `FedAvg(aggregator=…)` takes."""

    fl_ctx: Any = None

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Take over the run's context."""
        if event_type == EventType.START_RUN:
            self.fl_ctx = fl_ctx

    @abstractmethod
    def accept_model(self, model: FLModel) -> None:
        """Take one site's model.

        Raises:
            errors.UpdateRefused: it cannot be used: the site is left out of the round.
        """

    @abstractmethod
    def aggregate_model(self) -> FLModel:
        """What they amount to."""

    @abstractmethod
    def reset_stats(self) -> None:
        """Forget what was accepted."""

    def accept(self, shareable: Shareable, fl_ctx: FLContext) -> bool:
        """Take one site's result."""
        self.fl_ctx = fl_ctx
        model = FLModelUtils.from_shareable(shareable)
        model.meta.setdefault(
            "client_name", shareable.get_peer_prop(ReservedKey.IDENTITY_NAME, "?")
        )
        self.accept_model(model)
        return True

    def aggregate(self, fl_ctx: FLContext) -> Shareable:
        """What they amount to."""
        self.fl_ctx = fl_ctx
        return FLModelUtils.to_shareable(self.aggregate_model())

    def reset(self, fl_ctx: FLContext) -> None:
        """Forget what was accepted."""
        self.fl_ctx = fl_ctx
        self.reset_stats()

    def info(self, message: str) -> None:
        """Log."""
        self.log_info(self.fl_ctx, message)

    def warning(self, message: str) -> None:
        """Log."""
        self.log_warning(self.fl_ctx, message)

    def error(self, message: str) -> None:
        """Log."""
        self.log_error(self.fl_ctx, message)

    def exception(self, message: str) -> None:
        """Log the error that is being caught."""
        self.log_exception(self.fl_ctx, message)


def _dxo_of(
    component: FLComponent, shareable: Shareable, site: str, fl_ctx: FLContext
) -> DXO | None:
    """The DXO of a site's result; None, with the reason in the log, if there is none."""
    code = shareable.get_return_code()
    if code != ReturnCode.OK:
        component.log_warning(fl_ctx, f"what {site} sent is left out: {code}")
        return None
    try:
        dxo = from_shareable(shareable)
        check_whole(dxo)
    except ValueError as error:
        component.log_warning(fl_ctx, f"what {site} sent is left out: {error}")
        return None
    return dxo

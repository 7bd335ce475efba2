"""Assemblers: results that are put together instead of averaged, such as trees or centroids."""

from abc import ABC, abstractmethod
from typing import Any

from ame import errors
from ame.federation.components.aggregators import ModelAggregator
from ame.federation.conversion import FLModelUtils
from ame.federation.model import FLModel
from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, from_shareable
from ame.federation.spec.learnable import Aggregator
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.keys import ReservedKey
from ame.federation.spec.shareable import ReturnCode, Shareable


class Assembler(FLComponent, ABC):
    """Puts together what sites sent."""

    def __init__(self, data_kind: str) -> None:
        """`data_kind`: what it takes."""
        super().__init__()
        self.expected_data_kind = data_kind
        self._collection: dict[str, Any] = {}

    def initialize(self, fl_ctx: FLContext) -> None:
        """Before its first round."""

    @property
    def collection(self) -> dict[str, Any]:
        """What was taken in this round, by site."""
        return self._collection

    def get_expected_data_kind(self) -> str:
        """What it takes."""
        return self.expected_data_kind

    @abstractmethod
    def get_model_params(self, dxo: DXO) -> dict[str, Any]:
        """What of a site's DXO is kept."""

    @abstractmethod
    def assemble(self, data: dict[str, dict[str, Any]], fl_ctx: FLContext) -> DXO:
        """What they amount to."""

    def reset(self) -> None:
        """Forget what was taken."""
        self._collection = {}


class CollectAndAssembleAggregator(Aggregator):
    """Gives the results of a round to an assembler."""

    def __init__(self, assembler_id: str) -> None:
        super().__init__()
        self.assembler_id = assembler_id

    def reset(self, fl_ctx: FLContext) -> None:
        """Forget what was taken."""
        _assembler(self.assembler_id, fl_ctx).reset()

    def accept(self, shareable: Shareable, fl_ctx: FLContext) -> bool:
        """Take one site's result; False, with the reason in the log, if it is not taken."""
        assembler = _assembler(self.assembler_id, fl_ctx)
        site = shareable.get_peer_prop(ReservedKey.IDENTITY_NAME, "?")
        sent = shareable.get_cookie(AppConstants.CONTRIBUTION_ROUND)
        why = _take(assembler, site, sent, shareable, fl_ctx)
        if why:
            self.log_warning(fl_ctx, f"what {site} sent is left out: {why}")
        return not why

    def aggregate(self, fl_ctx: FLContext) -> Shareable:
        """What they amount to."""
        assembler = _assembler(self.assembler_id, fl_ctx)
        made = assembler.assemble(data=assembler.collection, fl_ctx=fl_ctx)
        assembler.reset()
        return made.to_shareable()


class CollectAndAssembleModelAggregator(ModelAggregator):
    """The same, for `FedAvg(aggregator=…)`."""

    def __init__(self, assembler_id: str) -> None:
        super().__init__()
        self.assembler_id = assembler_id

    def accept_model(self, model: FLModel) -> None:
        """Take one site's model.

        Raises:
            errors.UpdateRefused: the assembler does not take it.
        """
        site = str(model.meta.get("client_name", "?"))
        assembler = _assembler(self.assembler_id, self.fl_ctx)
        now = self.fl_ctx.get_prop(AppConstants.CURRENT_ROUND)
        sent = now if model.current_round is None else model.current_round
        why = _take(assembler, site, sent, FLModelUtils.to_shareable(model), self.fl_ctx)
        if why:
            raise errors.UpdateRefused(site, None, why)

    def aggregate_model(self) -> FLModel:
        """What they amount to."""
        assembler = _assembler(self.assembler_id, self.fl_ctx)
        made = assembler.assemble(data=assembler.collection, fl_ctx=self.fl_ctx)
        return FLModel(params=made.data)

    def reset_stats(self) -> None:
        """Forget what was taken."""
        if self.fl_ctx is not None:
            _assembler(self.assembler_id, self.fl_ctx).reset()


def _assembler(name: str, fl_ctx: FLContext) -> Assembler:
    engine = fl_ctx.get_engine()
    found = engine.get_component(name)
    if not isinstance(found, Assembler):
        raise errors.ComponentUnknown(name, list(engine.get_all_components()), "Assembler")
    return found


def _take(
    assembler: Assembler, site: str, sent: int | None, result: Shareable, fl_ctx: FLContext
) -> str:
    """Why a result is not taken, or nothing."""
    if result.get_return_code() != ReturnCode.OK:
        return str(result.get_return_code())
    try:
        dxo = from_shareable(result)
    except ValueError as error:
        return str(error)
    if dxo.data_kind != assembler.get_expected_data_kind():
        return f"it is {dxo.data_kind}, and {assembler.get_expected_data_kind()} is expected"
    now = fl_ctx.get_prop(AppConstants.CURRENT_ROUND)
    if sent != now:
        return f"it is of round {sent}, and this is round {now}"
    if site in assembler.collection:
        return "it has sent something already"
    assembler.collection[site] = assembler.get_model_params(dxo)
    return ""

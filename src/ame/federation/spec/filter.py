"""`Filter`: changes what leaves or enters a site; `DXOFilter`: does so by the kind of data."""

from abc import ABC, abstractmethod
from typing import Any

from ame import errors
from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.shareable import ReservedHeaderKey, ReturnCode, Shareable


class ContentBlockedException(Exception):
    """What a filter raises when its content must not pass."""


class FilterChainType:
    """Which way content goes through a filter."""

    TASK_DATA_CHAIN = "task_data"
    TASK_RESULT_CHAIN = "task_result"


class FilterSource:
    """Who asked for a filter."""

    JOB = "job"
    SITE = "site"


class FilterContextKey:
    """What a filter is told of where it stands."""

    SOURCE = "__source"
    CHAIN_TYPE = "__chain_type"


class Filter(FLComponent, ABC):
    """Changes what passes."""

    @abstractmethod
    def process(self, shareable: Shareable, fl_ctx: FLContext) -> Shareable:
        """What passes instead of `shareable`.

        Raises:
            ContentBlockedException: nothing may pass.
        """

    def set_prop(self, key: str, value: Any) -> None:
        """Set an attribute."""
        setattr(self, key, value)

    def get_prop(self, key: str, default: Any = None) -> Any:
        """An attribute, if it is there."""
        return getattr(self, key, default)

    def add_to_fed_job(self, job: Any, ctx: Any, **kwargs: Any) -> Any:
        """Add it to a job. `filter_type`: what it filters; `tasks`: of which, all by default."""
        if not kwargs.get("filter_type"):
            raise errors.JobInvalid(
                f"Missing required arg 'filter_type' of {self.name}; give `FilterType.TASK_RESULT` "
                "for what sites send back, `FilterType.TASK_DATA` for what they are sent"
            )
        job.check_kwargs(args_to_check=kwargs, args_expected={"filter_type": True, "tasks": False})
        kind, tasks = kwargs["filter_type"], kwargs.get("tasks", ["*"])
        job.add_filter(obj=self, filter_type=kind, tasks=tasks, ctx=ctx)


class DXOFilter(Filter, ABC):
    """Changes DXOs of some kinds, also those in collections, and notes in them that it did."""

    def __init__(
        self,
        supported_data_kinds: list[str] | None = None,
        data_kinds_to_filter: list[str] | None = None,
    ) -> None:
        """Empty is all kinds.

        Raises:
            errors.JobInvalid (ValueError): a kind is asked for that is not supported, or either
                is no list.
        """
        super().__init__()
        for what, kinds in (
            ("supported_data_kinds", supported_data_kinds),
            ("data_kinds_to_filter", data_kinds_to_filter),
        ):
            if kinds and not isinstance(kinds, list):
                raise errors.JobInvalid(
                    f"`{what}` of {self.name} is {kinds!r}; give a list of kinds"
                )
        if supported_data_kinds and data_kinds_to_filter:
            unfit = [kind for kind in data_kinds_to_filter if kind not in supported_data_kinds]
            if unfit:
                raise errors.JobInvalid(
                    f"{self.name} cannot filter {', '.join(unfit)}, only "
                    f"{', '.join(supported_data_kinds)}"
                )
        self.data_kinds = data_kinds_to_filter or supported_data_kinds

    @abstractmethod
    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """What passes instead of `dxo`; None if it passes as it is."""

    def process(self, shareable: Shareable, fl_ctx: FLContext) -> Shareable:
        """Change its DXOs; what holds none, or says that it failed, passes as it is."""
        if shareable.get_return_code() != ReturnCode.OK:
            return shareable
        if shareable.get_header(ReservedHeaderKey.CONTENT_TYPE) != "DXO":
            return shareable
        return self._filtered(from_shareable(shareable), shareable, fl_ctx).update_shareable(
            shareable
        )

    def _filtered(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO:
        if dxo.data_kind == DataKind.COLLECTION:
            for key, child in list(dxo.data.items()):
                if isinstance(child, DXO):
                    dxo.data[key] = self._filtered(child, shareable, fl_ctx)
            return dxo
        if not dxo.data or (self.data_kinds and dxo.data_kind not in self.data_kinds):
            return dxo
        made = self.process_dxo(dxo, shareable, fl_ctx)
        if made is None:
            return dxo
        if not isinstance(made, DXO):
            message = f"{self.name} must make a DXO, not a {type(made).__name__}"
            raise RuntimeError(message)  # noqa: TRY004 (as FLARE's callers expect)
        if made is not dxo:
            made.add_filter_history(dxo.get_filter_history())
        made.add_filter_history(self.name)
        return made

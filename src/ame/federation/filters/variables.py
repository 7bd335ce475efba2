"""Filters by name and kind: which parameters, and which data at all, may pass."""

import re
from typing import Any

from ame import errors
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, MetaKey, from_shareable
from ame.federation.spec.filter import ContentBlockedException, DXOFilter
from ame.federation.spec.names.keys import FLContextKey, ReservedHeaderKey
from ame.federation.spec.shareable import Shareable

WEIGHTS = [DataKind.WEIGHT_DIFF, DataKind.WEIGHTS]


class ExcludeVars(DXOFilter):
    """Leaves parameters out: those of a list of names, or in whose names an expression is found."""

    def __init__(
        self,
        exclude_vars: list[str] | str | None = None,
        data_kinds: list[str] | None = None,
    ) -> None:
        """Without `exclude_vars` all pass.

        Raises:
            errors.JobInvalid (ValueError): they are neither names nor an expression.
        """
        super().__init__(list(WEIGHTS), data_kinds or list(WEIGHTS))
        given: object = exclude_vars
        names = given if isinstance(given, list) else [given or ""]
        if not all(isinstance(name, str) for name in names):
            raise errors.JobInvalid(
                f"`exclude_vars` is {exclude_vars!r}; give an expression, or a list of names"
            )
        self.exclude_vars = exclude_vars
        try:
            self._found = re.compile(exclude_vars) if isinstance(exclude_vars, str) else None
        except re.error as error:
            raise errors.JobInvalid(
                f"`exclude_vars` {exclude_vars!r} is no expression: {error}"
            ) from error

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """The DXO without them."""
        if not self.exclude_vars:
            return None
        kept = {key: each for key, each in dxo.data.items() if not self._excluded(key)}
        if len(kept) == len(dxo.data):
            self.log_warning(fl_ctx, f"no parameter is called {self.exclude_vars!r}")
        return DXO(dxo.data_kind, data=kept, meta=dxo.meta)

    def _excluded(self, key: str) -> bool:
        if self._found is not None:
            return self._found.search(key) is not None
        return key in (self.exclude_vars or ())


class DXOBlocker(DXOFilter):
    """Lets DXOs of these kinds not pass, or none but them."""

    def __init__(self, data_kinds: list[str], allow_data_kinds: bool = False) -> None:
        """`allow_data_kinds`: whether they are those that may pass.

        Raises:
            errors.JobInvalid (ValueError): `data_kinds` is no list of names, or empty.
        """
        super().__init__()
        if data_kinds.__class__ is not list or not data_kinds:
            raise errors.JobInvalid(f"`data_kinds` is {data_kinds!r}; give a list of kinds")
        self.configured_data_kinds = data_kinds
        self.allow_data_kinds = allow_data_kinds

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """Nothing is changed.

        Raises:
            ContentBlockedException: it may not pass.
        """
        if (dxo.data_kind in self.configured_data_kinds) != self.allow_data_kinds:
            message = f"data of kind {dxo.data_kind} is blocked"
            raise ContentBlockedException(message)
        return None


class ConvertWeights(DXOFilter):
    """Turns weights into their difference from those that the site was sent, or back."""

    WEIGHTS_TO_DIFF = "weights_to_diff"
    DIFF_TO_WEIGHTS = "diff_to_weights"

    def __init__(self, direction: str) -> None:
        """`direction`: `weights_to_diff` or `diff_to_weights`.

        Raises:
            errors.JobInvalid (ValueError): it is neither.
        """
        super().__init__(list(WEIGHTS), None)
        if direction not in (self.WEIGHTS_TO_DIFF, self.DIFF_TO_WEIGHTS):
            raise errors.JobInvalid(
                f"`direction` is {direction!r}; give weights_to_diff or diff_to_weights"
            )
        self.direction = direction

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """The same in the other form; as it is where it is in that form already."""
        to_diff = self.direction == self.WEIGHTS_TO_DIFF
        if dxo.data_kind != (DataKind.WEIGHTS if to_diff else DataKind.WEIGHT_DIFF):
            return None
        sent = self._sent(fl_ctx)
        if sent is None or dxo.get_meta_prop(MetaKey.PROCESSED_ALGORITHM):
            self.log_warning(fl_ctx, f"{dxo.data_kind} stays as it is: there is nothing to compare")
            return None
        sign = -1 if to_diff else 1
        made = {
            key: each + sign * sent[key] if key in sent else each for key, each in dxo.data.items()
        }
        kind = DataKind.WEIGHT_DIFF if to_diff else DataKind.WEIGHTS
        return DXO(kind, data=made, meta=dxo.meta)

    def _sent(self, fl_ctx: FLContext) -> Any:
        """The weights of the task, or None."""
        task = fl_ctx.get_prop(FLContextKey.TASK_DATA)
        if not isinstance(task, Shareable) or (
            task.get_header(ReservedHeaderKey.CONTENT_TYPE) != "DXO"
        ):
            return None
        dxo = from_shareable(task)
        plain = dxo.data_kind == DataKind.WEIGHTS
        return dxo.data if plain and not dxo.get_meta_prop(MetaKey.PROCESSED_ALGORITHM) else None

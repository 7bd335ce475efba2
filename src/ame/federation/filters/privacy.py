"""Filters that hide what a site's data did to its model."""

import math
from typing import Any

import numpy as np

from ame import errors
from ame.federation.filters.variables import WEIGHTS
from ame.federation.run.ledger import Ledger, ledger_of
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, MetaKey
from ame.federation.spec.filter import DXOFilter
from ame.federation.spec.names.keys import PRIVACY
from ame.federation.spec.shareable import Shareable

_WAY = "svt"


class PercentilePrivacy(DXOFilter):
    """Lets only the largest changes pass, and none of them larger than `gamma`.

    Shokri and Shmatikov 2015, "Privacy-Preserving Deep Learning". Of each change by step: below
    the percentile of all absolute values it becomes 0, beyond ±gamma it becomes ±gamma.
    """

    def __init__(
        self,
        percentile: float = 10,
        gamma: float = 0.01,
        data_kinds: list[str] | None = None,
    ) -> None:
        """`percentile`: 0 to 100; `gamma`: above 0.

        Raises:
            errors.JobInvalid: they are not, so that nothing would be hidden.
        """
        if not 0 <= percentile <= 100:
            raise errors.JobInvalid(f"`percentile` is {percentile}; it must be from 0 to 100")
        if not gamma > 0:
            raise errors.JobInvalid(f"`gamma` is {gamma}; it must be above 0")
        super().__init__(list(WEIGHTS), data_kinds or list(WEIGHTS))
        self.percentile = percentile
        self.gamma = gamma

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """The DXO with small changes left out, and large ones cut off."""
        steps = dxo.get_meta_prop(MetaKey.NUM_STEPS_CURRENT_ROUND, 1)
        changes = {key: np.asarray(each) / steps for key, each in dxo.data.items()}
        every = np.concatenate([np.abs(each).ravel() for each in changes.values()])
        cutoff = np.percentile(every, self.percentile)
        made = {}
        for key, each in changes.items():
            if each.ndim:
                each = np.where(np.abs(each) < cutoff, 0, np.clip(each, -self.gamma, self.gamma))  # noqa: PLW2901 (the same array, changed)
            made[key] = (each * steps).astype(np.asarray(dxo.data[key]).dtype)
        return DXO(dxo.data_kind, data=made, meta=dxo.meta)


class SVTPrivacy(DXOFilter):
    """Lets a fraction of the changes pass, chosen and blurred so that the choice hides them.

    The sparse vector technique: Lyu, Su and Li 2017, "Understanding the Sparse Vector Technique
    for Differential Privacy", Algorithm 1; applied to updates as Li et al. 2019, "Privacy-
    Preserving Federated Brain Tumour Segmentation". What was spent stands in the metadata
    `privacy`; it adds up over the rounds of a run and of all such filters of a site, also where a
    run was continued or a process of the site began again. Arrays without a shape pass as they
    are, unprotected.
    """

    def __init__(
        self,
        fraction: float = 0.1,
        epsilon: float = 0.1,
        noise_var: float = 0.1,
        gamma: float = 1e-5,
        tau: float = 1e-6,
        data_kinds: list[str] | None = None,
        replace: bool = True,
        epsilon_threshold: float | None = None,
        epsilon_query: float | None = None,
        epsilon_release: float | None = None,
    ) -> None:
        """What passes, and what it may cost.

        Args:
            fraction: how many of the changes pass, of 1.
            epsilon: the budget of choosing them.
            noise_var: the budget for each of them of being told, unless `epsilon_release` says it.
            gamma: what changes are cut off at.
            tau: from where on a change is likely to be chosen.
            data_kinds: the kinds of data that this is done to.
            replace: whether those that are told are drawn with replacement from those chosen.
            epsilon_threshold: what of `epsilon` goes to the threshold.
            epsilon_query: what of it goes to the comparisons.
            epsilon_release: the budget of telling them, all together.

        Raises:
            errors.JobInvalid (ValueError): a budget or a limit is not above 0, or the parts are
                not the whole.
        """
        super().__init__(list(WEIGHTS), data_kinds or list(WEIGHTS))
        for name, number in (
            ("epsilon", epsilon),
            ("gamma", gamma),
            ("noise_var", noise_var),
            ("epsilon_threshold", epsilon_threshold),
            ("epsilon_query", epsilon_query),
            ("epsilon_release", epsilon_release),
        ):
            if number is not None and not number > 0:
                raise errors.JobInvalid(f"`{name}` is {number}; it must be above 0")
        both = epsilon_threshold is not None and epsilon_query is not None
        if both and not math.isclose((epsilon_threshold or 0) + (epsilon_query or 0), epsilon):
            raise errors.JobInvalid(
                "`epsilon_threshold` and `epsilon_query` must add up to `epsilon`"
            )
        self.fraction = fraction
        self.epsilon = epsilon
        self.noise_var = noise_var
        self.gamma = gamma
        self.tau = tau
        self.replace = replace
        self.epsilon_threshold = epsilon_threshold
        self.epsilon_query = epsilon_query
        self.epsilon_release = epsilon_release
        self.spent = 0.0
        self._ledger = Ledger()

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """The DXO with the changes that pass; all others are 0."""
        steps = float(dxo.get_meta_prop(MetaKey.NUM_STEPS_CURRENT_ROUND, 1))
        arrays = {key: np.asarray(dxo.data[key]) for key in sorted(dxo.data)}
        shaped = {key: each for key, each in arrays.items() if each.ndim}
        if not shaped:
            return None
        changes = np.concatenate([each.ravel().astype(float) / steps for each in shaped.values()])
        passed, cost = self._passed(changes, generator(fl_ctx))
        ledger = ledger_of(fl_ctx, self._ledger)
        self.spent = ledger.spend(str(fl_ctx.get_identity_name()), _WAY, cost)
        made, begin = dict(arrays), 0
        for key, each in shaped.items():
            part = passed[begin : begin + each.size].reshape(each.shape) * steps
            made[key] = part.astype(each.dtype)
            begin += each.size
        spent = {"epsilon": cost, "epsilon_so_far": self.spent, "delta": 0.0}
        return DXO(dxo.data_kind, data=made, meta={**dxo.meta, PRIVACY: spent})

    def _passed(self, changes: Any, random: np.random.Generator) -> tuple[Any, float]:
        """Those that pass, the others 0; and the ε that it costs."""
        count = min(math.ceil(changes.size * self.fraction), changes.size)
        if count <= 0:
            return np.zeros_like(changes), 0.0
        threshold_budget, query_budget = self._budgets(count)
        release = self.epsilon_release or count * self.noise_var
        threshold = self.tau + random.laplace(scale=self.gamma / threshold_budget)
        cut = np.clip(changes, -self.gamma, self.gamma)
        chosen = np.zeros(changes.size, bool)
        while chosen.sum() < count:
            left = np.flatnonzero(~chosen)
            noise = random.laplace(scale=2 * self.gamma * count / query_budget, size=left.size)
            chosen[left[np.abs(cut[left]) + noise >= threshold]] = True
        told = random.choice(np.flatnonzero(chosen), size=count, replace=self.replace)
        noise = random.laplace(scale=2 * self.gamma * count / release, size=count)
        made = np.zeros_like(changes)
        made[told] = np.clip(changes[told] + noise, -self.gamma, self.gamma)
        return made, threshold_budget + query_budget + release

    def _budgets(self, count: int) -> tuple[float, float]:
        """What of ε goes to the threshold, and what to the comparisons: 1 to (2c)^(2/3)."""
        if self.epsilon_threshold is not None:
            return self.epsilon_threshold, self.epsilon - self.epsilon_threshold
        if self.epsilon_query is not None:
            return self.epsilon - self.epsilon_query, self.epsilon_query
        threshold = self.epsilon / (1 + (2 * count) ** (2 / 3))
        return threshold, self.epsilon - threshold


def generator(fl_ctx: FLContext) -> np.random.Generator:
    """Random numbers of a site, which follow NumPy's own state: it has that of the job's seed.

    Of a site of its own, whose server knows the seed, they come from the operating system.
    """
    if getattr(fl_ctx.get_engine(), "alone", False):
        return np.random.default_rng()
    return np.random.default_rng(np.random.randint(0, 2**32, size=4))

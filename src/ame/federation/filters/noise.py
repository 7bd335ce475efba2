"""Clipping and noise: differential privacy of whole sites, with its account.

McMahan et al. 2018, "Learning Differentially Private Recurrent Language Models": each site's
difference is clipped to a norm, and noise is added in proportion to that norm.
"""

from ame import aggregation, errors
from ame.aggregation.private import ORDERS
from ame.federation.filters.privacy import generator
from ame.federation.filters.variables import WEIGHTS
from ame.federation.run.ledger import Ledger, ledger_of
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.filter import DXOFilter
from ame.federation.spec.names.keys import PRIVACY
from ame.federation.spec.shareable import Shareable

_WAY = "gaussian"
"""What adds up of it: the Rényi divergence of a round in which all take part is its order times
1 / (2 · multiplier²)."""


class _OfDifferences(DXOFilter):
    """What changes differences, and lets no whole model pass as if it had changed that."""

    def __init__(self) -> None:
        super().__init__(list(WEIGHTS), None)

    def _difference(self, dxo: DXO, fl_ctx: FLContext) -> aggregation.Update:
        """What a site sends.

        Raises:
            errors.UpdateRefused: it is a whole model.
        """
        site = str(fl_ctx.get_identity_name())
        if dxo.data_kind != DataKind.WEIGHT_DIFF:
            why = (
                f"it is a whole model, and {self.name} changes differences: "
                'put `ConvertWeights("weights_to_diff")` before it'
            )
            raise errors.UpdateRefused(site, None, why)
        return aggregation.Update(client=site, arrays=dxo.data, difference=True)


class NormClipping(_OfDifferences):
    """Scales a difference down until its L2 norm is at most `norm` (`aggregation.Clip`).

    Use `ConvertWeights("weights_to_diff")` before it where sites send whole models.
    """

    def __init__(self, norm: float = 1.0, by_layer: bool = False) -> None:
        """`by_layer`: each of m arrays to norm/√m.

        Raises:
            errors.AggregationInvalid: `norm` is not above 0.
        """
        super().__init__()
        self.norm = norm
        self.by_layer = by_layer
        self._clip = aggregation.Clip(norm=norm, by_layer=by_layer)

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """The difference, scaled.

        Raises:
            errors.UpdateRefused: it is none, or holds numbers that are not finite.
        """
        clipped = self._clip.clipped(self._difference(dxo, fl_ctx))
        return DXO(dxo.data_kind, data=dict(clipped.arrays), meta=dxo.meta)


class GaussianNoise(_OfDifferences):
    """Clips a difference to `norm`, and adds normal noise of deviation `multiplier` times `norm`.

    What it has cost the site so far stands in the metadata `privacy` as (ε, δ), by the accountant
    of `ame.aggregation`: for this site's whole data against whoever sees its results. All such
    filters of a site count, and the run from its first round on, also where it was continued or a
    process of the site began again. The run shows the ε as the metric `epsilon`.
    """

    def __init__(self, norm: float = 1.0, multiplier: float = 1.0, delta: float = 1e-5) -> None:
        """`delta`: with which the ε is said.

        Raises:
            errors.AggregationInvalid: a number is beyond its range.
        """
        super().__init__()
        self.norm = norm
        self.multiplier = multiplier
        self.delta = delta
        self._clip = aggregation.Clip(norm=norm)
        self._noise = aggregation.Gaussian(deviation=multiplier * norm)
        self._ledger = Ledger()
        aggregation.Accountant().after(multiplier=multiplier).epsilon(delta)

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO | None:
        """The difference, clipped and with noise.

        Raises:
            errors.UpdateRefused: it is none, or holds numbers that are not finite.
            errors.AggregationInvalid: it holds integers, which noise would not hide.
        """
        clipped = self._clip.clipped(self._difference(dxo, fl_ctx))
        noised = self._noise.noised(clipped.arrays, generator(fl_ctx))
        site = str(fl_ctx.get_identity_name())
        ledger = ledger_of(fl_ctx, self._ledger)
        total = ledger.spend(site, _WAY, 0.5 / self.multiplier**2)
        account = aggregation.Accountant(spent=tuple(order * total for order in ORDERS))
        spent = {"epsilon_so_far": account.epsilon(self.delta), "delta": self.delta}
        return DXO(dxo.data_kind, data=noised, meta={**dxo.meta, PRIVACY: spent})

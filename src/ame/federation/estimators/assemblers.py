"""Assemblers of k-means and of support vector machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ame import errors
from ame.federation.components.assemblers import Assembler
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.names.app import AppConstants

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext

_KERNELS = ("linear", "poly", "rbf", "sigmoid")


class KMeansAssembler(Assembler):
    """Centers of k-means, by mini-batches: what a site sends in a round is a batch.

    Sites send `center`, of shape (clusters, features), and `count`, of shape (clusters). In the
    first round the centers of all are clustered. Then each center is the mean of all points that
    it has been given so far (Sculley, "Web-scale k-means clustering", WWW 2010).
    """

    def __init__(self) -> None:
        super().__init__(data_kind=DataKind.WEIGHTS)
        self.center: Any = None
        self.count: Any = None
        self.n_cluster = 0

    def get_model_params(self, dxo: DXO) -> dict[str, Any]:
        """Centers and counts."""
        return {"center": dxo.data["center"], "count": dxo.data["count"]}

    def assemble(self, data: dict[str, dict[str, Any]], fl_ctx: FLContext) -> DXO:
        """The centers, as `center`."""
        centers = [np.asarray(each["center"], dtype=float) for each in data.values()]
        if fl_ctx.get_prop(AppConstants.CURRENT_ROUND) == 0 or self.center is None:
            from sklearn.cluster import KMeans  # type: ignore[import-untyped]  # it has none

            self.n_cluster = len(centers[0])
            clustered = KMeans(n_clusters=self.n_cluster, n_init="auto", random_state=0)
            self.center = clustered.fit(np.concatenate(centers)).cluster_centers_
            self.count = np.zeros(self.n_cluster)
        else:
            counts = [np.asarray(each["count"], dtype=float) for each in data.values()]
            total = self.count + sum(counts)
            sums = self.center * self.count[:, None]
            sums = sums + sum(c * n[:, None] for c, n in zip(centers, counts, strict=True))
            met = total > 0  # a center without points stays where it is
            self.center = np.where(
                met[:, None], sums / np.where(met, total, 1)[:, None], self.center
            )
            self.count = total
        return DXO(DataKind.WEIGHTS, data={"center": self.center})


class SVMAssembler(Assembler):
    """Support vectors: those of a machine that is trained on those of all sites.

    Sites send `support_x`, of shape (vectors, features), and `support_y`. The first round trains;
    later ones get the same vectors.
    """

    def __init__(self, kernel: str = "rbf") -> None:
        """`kernel`: `linear`, `poly`, `rbf` or `sigmoid`.

        Raises:
            errors.JobInvalid (ValueError): it is none of them.
        """
        super().__init__(data_kind=DataKind.WEIGHTS)
        if kernel not in _KERNELS:
            raise errors.JobInvalid(f"`kernel` is {kernel!r}; it is one of {', '.join(_KERNELS)}")
        self.kernel = kernel
        self.support_x: Any = None
        self.support_y: Any = None

    def get_model_params(self, dxo: DXO) -> dict[str, Any]:
        """Vectors and their classes."""
        return {"support_x": dxo.data["support_x"], "support_y": dxo.data["support_y"]}

    def assemble(self, data: dict[str, dict[str, Any]], fl_ctx: FLContext) -> DXO:
        """The vectors, as `support_x` and `support_y`."""
        if fl_ctx.get_prop(AppConstants.CURRENT_ROUND) == 0 or self.support_x is None:
            from sklearn.svm import SVC  # type: ignore[import-untyped]  # it has none

            x = np.concatenate([each["support_x"] for each in data.values()])
            y = np.concatenate([each["support_y"] for each in data.values()])
            chosen = SVC(kernel=self.kernel).fit(x, y).support_
            self.support_x, self.support_y = x[chosen], y[chosen]
        return DXO(
            DataKind.WEIGHTS, data={"support_x": self.support_x, "support_y": self.support_y}
        )

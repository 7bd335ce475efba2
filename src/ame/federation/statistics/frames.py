"""`DFStatisticsCore`: the statistics of pandas' tables."""

import math
from abc import ABC
from typing import Any

import numpy as np

from ame.federation.statistics.digest import Digest
from ame.federation.statistics.spec import (
    Bin,
    BinRange,
    DataType,
    Feature,
    Histogram,
    HistogramType,
    Statistics,
    StatisticsConstants,
)

_KINDS = {
    "b": DataType.INT,
    "i": DataType.INT,
    "u": DataType.INT,
    "f": DataType.FLOAT,
    "M": DataType.DATETIME,
    "m": DataType.DATETIME,
    "S": DataType.BYTES,
}


class DFStatisticsCore(Statistics, ABC):
    """A user loads `self.data` in `initialize`: a `DataFrame` by the data set's name."""

    def __init__(self, max_bin: int | None = None) -> None:
        """`max_bin`: how many centroids quantiles are read from; None: the root of the count."""
        super().__init__()
        self.data: Any = None
        self.max_bin = max_bin

    def features(self) -> dict[str, list[Feature]]:
        """The columns of each table."""
        return {
            name: [Feature(str(each), dtype_to_data_type(table[each].dtype)) for each in table]
            for name, table in self.data.items()
        }

    def count(self, dataset_name: str, feature_name: str) -> int:
        """How many values there are; missing ones do not count."""
        return int(self.data[dataset_name][feature_name].count())

    def sum(self, dataset_name: str, feature_name: str) -> float:
        """Their sum."""
        found: float = self.data[dataset_name][feature_name].sum().item()
        return found

    def mean(self, dataset_name: str, feature_name: str) -> float:
        """Their mean."""
        return self.sum(dataset_name, feature_name) / self.count(dataset_name, feature_name)

    def stddev(self, dataset_name: str, feature_name: str) -> float:
        """Their standard deviation."""
        return float(self.data[dataset_name][feature_name].std())

    def variance_with_mean(
        self, dataset_name: str, feature_name: str, global_mean: float, global_count: float
    ) -> float:
        """This site's share of the variance."""
        away = self.data[dataset_name][feature_name] - global_mean
        return float((away * away).sum()) / (global_count - 1)

    def histogram(
        self,
        dataset_name: str,
        feature_name: str,
        num_of_bins: int,
        global_min_value: float,
        global_max_value: float,
    ) -> Histogram:
        """The values counted in bins."""
        values = self.data[dataset_name][feature_name].dropna().to_numpy()
        within = BinRange(global_min_value, global_max_value)
        return Histogram(
            HistogramType.STANDARD, get_std_histogram_buckets(values, num_of_bins, within)
        )

    def max_value(self, dataset_name: str, feature_name: str) -> float:
        """The greatest value."""
        return float(self.data[dataset_name][feature_name].max())

    def min_value(self, dataset_name: str, feature_name: str) -> float:
        """The least value."""
        return float(self.data[dataset_name][feature_name].min())

    def quantiles(
        self, dataset_name: str, feature_name: str, percents: list[float]
    ) -> dict[str, Any]:
        """The values at these parts of the sorted values, and the digest to merge."""
        values = self.data[dataset_name][feature_name].dropna().to_numpy()
        digest = Digest.of(values, self.max_bin or round(math.sqrt(len(values))))
        return {
            StatisticsConstants.STATS_QUANTILE: {part: digest.quantile(part) for part in percents},
            StatisticsConstants.STATS_DIGEST_COORD: digest.told(),
        }


def dtype_to_data_type(dtype: Any) -> DataType:
    """What a column of this type holds."""
    return _KINDS.get(dtype.kind, DataType.STRING)


def get_std_histogram_buckets(
    nums: Any, num_bins: int = 10, br: BinRange | None = None
) -> list[Bin]:
    """Bins of one width, from the least number to the greatest, or over `br`.

    Infinite numbers count in the first bin and in the last, which reach as far then.
    """
    numbers = np.asarray(nums, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    counts, edges = np.histogram(finite, bins=num_bins, range=(br[0], br[1]) if br else None)
    bins = [
        Bin(float(low), float(high), int(count))
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
    if many := int(np.isneginf(numbers).sum()):
        bins[0] = Bin(-math.inf, bins[0].high_value, bins[0].sample_count + many)
    if many := int(np.isposinf(numbers).sum()):
        bins[-1] = Bin(bins[-1].low_value, math.inf, bins[-1].sample_count + many)
    return bins

"""What a site's statistics are made of, and `Statistics`, which users implement."""

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Any, NamedTuple

from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.app import AppConstants


class StatisticsConstants(AppConstants):
    """Names of statistics, and of the tasks that ask for them."""

    STATS_COUNT = "count"
    STATS_FAILURE_COUNT = "failure_count"
    STATS_MEAN = "mean"
    STATS_SUM = "sum"
    STATS_VAR = "var"
    STATS_STDDEV = "stddev"
    STATS_HISTOGRAM = "histogram"
    STATS_QUANTILE = "quantile"
    STATS_MAX = "max"
    STATS_MIN = "min"
    STATS_FEATURES = "stats_features"
    STATS_GLOBAL_MEAN = "global_mean"
    STATS_GLOBAL_COUNT = "global_count"
    STATS_BINS = "bins"
    STATS_BIN_RANGE = "range"
    STATS_TARGET_STATISTICS = "statistics"
    STATS_DIGEST_COORD = "digest_coord"
    FED_STATS_PRE_RUN = "fed_stats_pre_run"
    FED_STATS_TASK = "fed_stats"
    STATISTICS_TASK_KEY = "fed_stats_task_key"
    STATS_1st_STATISTICS = "fed_stats_1st_statistics"
    STATS_2nd_STATISTICS = "fed_stats_2nd_statistics"
    GLOBAL = "Global"
    LOCAL = "Local"
    NAME = "Name"
    PRE_RUN_RESULT = "fed_stats_pre_run_result"


class DataType(IntEnum):
    """What a feature holds; statistics are of numbers."""

    INT = 0
    FLOAT = 1
    STRING = 2
    BYTES = 3
    STRUCT = 4
    DATETIME = 5


class BinRange(NamedTuple):
    """From where to where bins lie."""

    min_value: float
    max_value: float


class Bin(NamedTuple):
    """One bin of a histogram."""

    low_value: float
    high_value: float
    sample_count: float


class HistogramType(IntEnum):
    """How bins lie: of one width, or of one count."""

    STANDARD = 0
    QUANTILES = 1


class Histogram(NamedTuple):
    """A feature's values, counted."""

    hist_type: HistogramType
    bins: list[Bin]
    hist_name: str | None = None


class Feature(NamedTuple):
    """A column, and what it holds."""

    feature_name: str
    data_type: DataType


class StatisticConfig(NamedTuple):
    """A statistic that is asked for, and its settings."""

    name: str
    config: dict[str, Any]


class InitFinalComponent(FLComponent, ABC):
    """A component that is told when the run begins and ends."""

    @abstractmethod
    def initialize(self, fl_ctx: FLContext) -> None:
        """Before all else."""

    @abstractmethod
    def finalize(self, fl_ctx: FLContext) -> None:
        """After all else."""


class Statistics(InitFinalComponent, ABC):
    """Computes a site's statistics. A user implements `features`, `count`, and what is asked for.

    A data set is a table, such as `train`; a feature is a column of it.
    """

    def initialize(self, fl_ctx: FLContext) -> None:
        """Load the data."""

    def finalize(self, fl_ctx: FLContext) -> None:
        """Let go of it."""

    def pre_run(
        self,
        statistics: list[str],
        num_of_bins: dict[str, int | None] | None,
        bin_ranges: dict[str, list[float] | None] | None,
    ) -> dict[str, Any]:
        """Hear what will be asked for; what is returned reaches the server."""
        return {}

    @abstractmethod
    def features(self) -> dict[str, list[Feature]]:
        """The features of each data set."""

    @abstractmethod
    def count(self, dataset_name: str, feature_name: str) -> int:
        """How many values there are."""

    def sum(self, dataset_name: str, feature_name: str) -> float:
        """Their sum."""
        raise NotImplementedError

    def mean(self, dataset_name: str, feature_name: str) -> float:
        """Their mean."""
        raise NotImplementedError

    def stddev(self, dataset_name: str, feature_name: str) -> float:
        """Their standard deviation, with one degree of freedom less."""
        raise NotImplementedError

    def variance_with_mean(
        self, dataset_name: str, feature_name: str, global_mean: float, global_count: float
    ) -> float:
        """This site's share of the variance: Σ(x - global mean)² / (global count - 1)."""
        raise NotImplementedError

    def histogram(
        self,
        dataset_name: str,
        feature_name: str,
        num_of_bins: int,
        global_min_value: float,
        global_max_value: float,
    ) -> Histogram:
        """The values counted in bins of one width, from the least of all sites to the greatest."""
        raise NotImplementedError

    def max_value(self, dataset_name: str, feature_name: str) -> float:
        """The greatest value; asked for where a histogram is wanted whose range nobody gave."""
        raise NotImplementedError

    def min_value(self, dataset_name: str, feature_name: str) -> float:
        """The least value, the same."""
        raise NotImplementedError

    def failure_count(self, dataset_name: str, feature_name: str) -> int:
        """How many of the values could not be read."""
        return 0

    def quantiles(
        self, dataset_name: str, feature_name: str, percentiles: list[float]
    ) -> dict[str, Any]:
        """`quantile`: the value at each of these parts; `digest_coord`: what can be merged."""
        raise NotImplementedError


class StatisticsWriter(FLComponent, ABC):
    """Keeps the statistics of all sites."""

    @abstractmethod
    def save(self, data: dict[str, Any], overwrite_existing: bool, fl_ctx: FLContext) -> None:
        """By feature, statistic, site (or `Global`) and data set."""

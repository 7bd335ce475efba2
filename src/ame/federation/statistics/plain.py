"""Statistics as plain values, in which they travel, and back."""

from collections.abc import Callable, Mapping
from typing import Any

from ame.federation.statistics.spec import (
    Bin,
    DataType,
    Feature,
    Histogram,
    HistogramType,
    StatisticConfig,
    StatisticsConstants,
)

Table = dict[str, dict[str, Any]]
"""By data set and feature."""


def each(table: Mapping[str, Mapping[str, Any]], change: Callable[[Any], Any]) -> Table:
    """The same table of other values."""
    return {
        data: {feature: change(value) for feature, value in features.items()}
        for data, features in table.items()
    }


def told(statistics: Mapping[str, Table]) -> dict[str, Table]:
    """Statistics by name, as plain values."""
    return {
        name: each(table, lambda found: [int(found.hist_type), [list(b) for b in found.bins]])
        if name == StatisticsConstants.STATS_HISTOGRAM
        else table
        for name, table in statistics.items()
    }


def read(statistics: Mapping[str, Table]) -> dict[str, Table]:
    """What `told` made."""
    return {
        name: each(
            table, lambda found: Histogram(HistogramType(found[0]), [Bin(*b) for b in found[1]])
        )
        if name == StatisticsConstants.STATS_HISTOGRAM
        else each(table, lambda found: found)
        for name, table in statistics.items()
    }


def features_told(features: Mapping[str, list[Feature]]) -> dict[str, list[list[Any]]]:
    """Features by data set, as plain values."""
    return {
        data: [[feature.feature_name, int(feature.data_type)] for feature in found]
        for data, found in features.items()
    }


def features_read(features: Mapping[str, Any]) -> dict[str, list[Feature]]:
    """What `features_told` made."""
    return {
        data: [Feature(name, DataType(kind)) for name, kind in found]
        for data, found in features.items()
    }


def wanted_told(wanted: list[StatisticConfig]) -> list[list[Any]]:
    """What is asked for, as plain values."""
    return [[each.name, each.config] for each in wanted]


def wanted_read(wanted: list[Any]) -> list[StatisticConfig]:
    """What `wanted_told` made."""
    return [StatisticConfig(name, config) for name, config in wanted]


def of_feature(config: Mapping[str, Any], feature: str) -> Any:
    """What a configuration says of a feature, or else of all (`*`); None if neither."""
    return config.get(feature, config.get("*"))

"""What may not leave a site: `StatisticsPrivacyFilter`, and cleansers that it applies."""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any

from ame.federation.run.found import component
from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.filter import DXOFilter
from ame.federation.spec.names.events import EventType
from ame.federation.spec.shareable import Shareable
from ame.federation.statistics import plain
from ame.federation.statistics.spec import StatisticsConstants

C = StatisticsConstants
Statistics = dict[str, plain.Table]
"""By statistic, data set and feature."""


class StatisticsPrivacyCleanser(ABC):
    """Takes out of a site's statistics what would tell of single rows."""

    @abstractmethod
    def apply(self, statistics: Statistics, client_name: str) -> tuple[Statistics, bool]:
        """What may leave the site, and whether that is less."""

    def cleanse(
        self,
        statistics: Statistics,
        statistic_keys: list[str],
        validation_result: Mapping[str, Mapping[str, bool]],
    ) -> tuple[Statistics, bool]:
        """Takes features out of these statistics that did not pass; counts stay."""
        changed = False
        for name in statistic_keys:
            for data, features in statistics[name].items() if name != C.STATS_COUNT else ():
                for feature in [each for each in features if not validation_result[data][each]]:
                    del features[feature]
                    changed = True
        return statistics, changed


class MinCountCleanser(FLComponent, StatisticsPrivacyCleanser):
    """Nothing but their count leaves of features with fewer values."""

    def __init__(self, min_count: float) -> None:
        """`min_count`: how many there must be.

        Raises:
            ValueError: it is negative.
        """
        super().__init__()
        if min_count < 0:
            message = f"min_count must be 0 or more, not {min_count}"
            raise ValueError(message)
        self.min_count = min_count

    def apply(self, statistics: Statistics, client_name: str) -> tuple[Statistics, bool]:
        """What may leave the site, and whether that is less."""
        passed = {
            data: {
                feature: _usable(statistics, data, feature) >= self.min_count for feature in found
            }
            for data, found in statistics.get(C.STATS_COUNT, {}).items()
        }
        return self.cleanse(statistics, list(statistics), passed)


class HistogramBinsCleanser(FLComponent, StatisticsPrivacyCleanser):
    """Histograms with too many bins for their values do not leave."""

    def __init__(self, max_bins_percent: float) -> None:
        """`max_bins_percent`: fewer bins than this part of the values.

        Raises:
            ValueError: it is not between 0 and 100.
        """
        super().__init__()
        if not 0 < max_bins_percent < 100:
            message = f"max_bins_percent must be between 0 and 100, not {max_bins_percent}"
            raise ValueError(message)
        self.max_bins_percent = max_bins_percent

    def apply(self, statistics: Statistics, client_name: str) -> tuple[Statistics, bool]:
        """What may leave the site, and whether that is less."""
        passed = {
            data: {
                feature: len(found.bins)
                < round(_usable(statistics, data, feature) * self.max_bins_percent / 100)
                for feature, found in features.items()
            }
            for data, features in statistics.get(C.STATS_HISTOGRAM, {}).items()
        }
        return self.cleanse(statistics, [C.STATS_HISTOGRAM] if passed else [], passed)


class AddNoiseToMinMax(FLComponent, StatisticsPrivacyCleanser):
    """The ends of histograms lie farther out, by a part that is drawn, than the data's."""

    def __init__(self, min_noise_level: float, max_noise_level: float) -> None:
        """From which part of the value to which.

        Raises:
            ValueError: they are not between 0 and 1, or the first is not the smaller one.
        """
        super().__init__()
        if not 0 < min_noise_level < max_noise_level < 1:
            message = (
                "min_noise_level must be above 0 and below max_noise_level, and that below 1, not "
                f"{min_noise_level} and {max_noise_level}"
            )
            raise ValueError(message)
        self.min_noise_level = min_noise_level
        self.max_noise_level = max_noise_level
        self._drawn_by = random.uniform

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """A site of its own draws by what its server does not know."""
        if event_type == EventType.START_RUN and getattr(fl_ctx.get_engine(), "alone", False):
            self._drawn_by = random.SystemRandom().uniform

    def apply(self, statistics: Statistics, client_name: str) -> tuple[Statistics, bool]:
        """What may leave the site, and whether that is other than it was."""
        found = [name for name in (C.STATS_MIN, C.STATS_MAX) if name in statistics]
        for name in found:
            farther = partial(self._farther, -1 if name == C.STATS_MIN else 1)
            statistics[name] = plain.each(statistics[name], farther)
        return statistics, bool(found)

    def _farther(self, sign: int, value: float) -> float:
        part = self._drawn_by(self.min_noise_level, self.max_noise_level)
        return value + sign * part * (abs(value) or 1e-5)


class StatisticsPrivacyFilter(DXOFilter):
    """Applies cleansers to the statistics that leave a site."""

    def __init__(self, result_cleanser_ids: list[str]) -> None:
        """`result_cleanser_ids`: of the components that are cleansers, in their order."""
        super().__init__([DataKind.STATISTICS], [DataKind.STATISTICS])
        self.result_cleanser_ids = result_cleanser_ids

    def process_dxo(self, dxo: DXO, shareable: Shareable, fl_ctx: FLContext) -> DXO:
        """What leaves the site.

        Raises:
            errors.ComponentUnknown: a cleanser is not there.
        """
        step = dxo.data[C.STATISTICS_TASK_KEY]
        statistics = plain.read(dxo.data[step])
        site = fl_ctx.get_identity_name()
        for name in self.result_cleanser_ids:
            cleanser = component(fl_ctx.get_engine(), name, StatisticsPrivacyCleanser)  # type: ignore[type-abstract]  # what is found is asked for its kind
            statistics, changed = cleanser.apply(statistics, site)
            if changed:
                self.log_info(fl_ctx, f"{type(cleanser).__name__} changed what leaves {site}")
        return DXO(dxo.data_kind, data={**dxo.data, step: plain.told(statistics)})


def _usable(statistics: Statistics, data: str, feature: str) -> Any:
    """How many values could be read."""
    failed = statistics.get(C.STATS_FAILURE_COUNT, {}).get(data, {}).get(feature, 0)
    return statistics[C.STATS_COUNT][data][feature] - failed

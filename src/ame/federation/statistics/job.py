"""`StatsJob` and `FedStatsRecipe`: federated statistics, with what keeps single rows private."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from ame.federation.job.fedjob import FedJob, FilterType
from ame.federation.recipes.recipe import Recipe
from ame.federation.statistics.controller import StatisticsController
from ame.federation.statistics.executor import StatisticsExecutor
from ame.federation.statistics.privacy import (
    AddNoiseToMinMax,
    HistogramBinsCleanser,
    MinCountCleanser,
    StatisticsPrivacyFilter,
)
from ame.federation.statistics.spec import Statistics, StatisticsConstants
from ame.federation.statistics.written import ENCODER, JsonStatsFileWriter

TASKS = [StatisticsConstants.FED_STATS_PRE_RUN, StatisticsConstants.FED_STATS_TASK]
FILTERED = [StatisticsConstants.FED_STATS_TASK]


def _formerly(init: Callable[..., None]) -> Callable[..., None]:
    """The same, and `name` may be said by its name of NVFLARE 2.5, `job_name`."""

    @wraps(init)
    def named(self: Any, *args: Any, **kwargs: Any) -> None:
        if "job_name" in kwargs:
            kwargs["name"] = kwargs.pop("job_name")
        init(self, *args, **kwargs)

    return named


class StatsJob(FedJob):
    """Asks the sites that `setup_clients` names for statistics, and writes them as JSON."""

    @_formerly
    def __init__(
        self,
        name: str,
        statistic_configs: dict[str, Any],
        stats_generator: Statistics,
        output_path: str,
        min_count: int = 10,
        min_noise_level: float = 0.1,
        max_noise_level: float = 0.3,
        max_bins_percent: float = 10,
    ) -> None:
        """Gives the server its parts.

        Args:
            name: see `FedJob`.
            statistic_configs: see `StatisticsController`.
            stats_generator: computes a site's statistics.
            output_path: where they are written, below the folder of the run.
            min_count: see `MinCountCleanser`.
            min_noise_level: see `AddNoiseToMinMax`.
            max_noise_level: the same.
            max_bins_percent: see `HistogramBinsCleanser`.
        """
        super().__init__(name)
        self.stats_generator = stats_generator
        self._cleansers = {
            "min_count_cleanser": MinCountCleanser(min_count),
            "min_max_noise_cleanser": AddNoiseToMinMax(min_noise_level, max_noise_level),
            "hist_bins_cleanser": HistogramBinsCleanser(max_bins_percent),
        }
        self.to_server(
            StatisticsController(statistic_configs, "stats_writer", enable_pre_run_task=False)
        )
        self.to_server(JsonStatsFileWriter(output_path, ENCODER), id="stats_writer")

    def setup_clients(self, sites: list[str]) -> None:
        """Gives each of these sites the generator, an executor, and the filter for privacy."""
        for site in sites:
            generator = self.to(self.stats_generator, site, id="stats_generator")
            self.to(StatisticsExecutor(generator), site, tasks=TASKS)
            cleansers = [self.to(each, site, id=name) for name, each in self._cleansers.items()]
            self.to(
                StatisticsPrivacyFilter(cleansers),
                site,
                filter_type=FilterType.TASK_RESULT,
                tasks=FILTERED,
            )

    setup_client = setup_clients  # its name in NVFLARE 2.5


class FedStatsRecipe(Recipe):
    """Statistics of the tables of all sites; no rows leave a site."""

    def __init__(
        self,
        name: str,
        stats_output_path: str,
        sites: list[str],
        statistic_configs: dict[str, Any],
        stats_generator: Statistics,
        min_count: int = 10,
        min_noise_level: float = 0.1,
        max_noise_level: float = 0.3,
        max_bins_percent: float = 10,
    ) -> None:
        """Takes what `StatsJob` takes, and the sites' names."""
        job = StatsJob(
            name=name,
            statistic_configs=statistic_configs,
            stats_generator=stats_generator,
            output_path=stats_output_path,
            min_count=min_count,
            min_noise_level=min_noise_level,
            max_noise_level=max_noise_level,
            max_bins_percent=max_bins_percent,
        )
        job.setup_clients(sites)
        super().__init__(job)

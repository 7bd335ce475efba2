"""`StatisticsController`: asks sites for statistics, and makes those of all sites of them."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ame.federation.run.found import component
from ame.federation.run.losses import Quota, why_none
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.dxo import from_shareable
from ame.federation.spec.names.events import EventType
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import ClientTask, Signal, Task
from ame.federation.statistics import plain
from ame.federation.statistics.digest import Digest
from ame.federation.statistics.spec import (
    Bin,
    Histogram,
    HistogramType,
    StatisticConfig,
    StatisticsConstants,
    StatisticsWriter,
)
from ame.federation.workflows.arguments import check_int

C = StatisticsConstants
FIRST = (C.STATS_COUNT, C.STATS_SUM, C.STATS_MEAN, C.STATS_QUANTILE)
SECOND = (C.STATS_FAILURE_COUNT, C.STATS_HISTOGRAM, C.STATS_STDDEV)
ADDED = (C.STATS_COUNT, C.STATS_FAILURE_COUNT, C.STATS_SUM, C.STATS_VAR)
"""Those of all sites are the sums of the sites'."""


class StatisticsController(Controller):
    """Asks twice: for what a site knows by itself, and for what needs the means and ends of all.

    Of the data, only these statistics leave a site.
    """

    def __init__(
        self,
        statistic_configs: dict[str, dict[str, Any]],
        writer_id: str,
        wait_time_after_min_received: int = 1,
        result_wait_timeout: int = 10,
        precision: int = 4,
        min_clients: int | None = None,
        enable_pre_run_task: bool = True,
    ) -> None:
        """What is asked for.

        Args:
            statistic_configs: settings by statistic: `{"count": {}, "mean": {}, "sum": {},
                "stddev": {}, "histogram": {"*": {"bins": 20}, "age": {"bins": 10, "range":
                [0, 120]}}, "quantile": {"*": [0.25, 0.5, 0.75]}}`; `*` is every other feature.
            writer_id: of the `StatisticsWriter`.
            wait_time_after_min_received: seconds for more sites than `min_clients`.
            result_wait_timeout: accepted; whether a site will answer is known here.
            precision: decimals.
            min_clients: how many sites must answer; None: all of them.
            enable_pre_run_task: whether sites are told first what will be asked.

        Raises:
            TypeError, ValueError: a statistic is unknown, or lacks what it needs.
        """
        super().__init__()
        check_configs(statistic_configs)
        check_int(0, precision=precision)
        if min_clients is not None:
            check_int(1, min_clients=min_clients)
        self.statistic_configs = statistic_configs
        self.writer_id = writer_id
        self.wait_time_after_min_received = wait_time_after_min_received
        self.result_wait_timeout = result_wait_timeout
        self.precision = precision
        self.min_clients = min_clients
        self.enable_pre_run_task = enable_pre_run_task
        self.client_statistics: dict[str, dict[str, plain.Table]] = {}
        """By statistic and site."""
        self.global_statistics: dict[str, plain.Table] = {}

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Find the writer.

        Raises:
            errors.ComponentUnknown: it is not there.
        """
        self._writer = component(self._engine, self.writer_id, StatisticsWriter)  # type: ignore[type-abstract]  # what is found is asked for its kind

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Ask, and keep what comes of it.

        Raises:
            errors.TooFewResults: fewer sites answered than must.
        """
        wanted = [StatisticConfig(*each) for each in self.statistic_configs.items()]
        if self.enable_pre_run_task:
            asked = Shareable({C.STATS_TARGET_STATISTICS: plain.wanted_told(wanted)})
            self._ask(C.FED_STATS_PRE_RUN, asked, self._hear_first, abort_signal, fl_ctx)
        for step, targets in (
            (C.STATS_1st_STATISTICS, self._first()),
            (C.STATS_2nd_STATISTICS, self._second()),
        ):
            if abort_signal.triggered:
                return
            self._ask(
                C.FED_STATS_TASK, self._inputs(step, targets), self._take, abort_signal, fl_ctx
            )
            self._combine(targets)
        if not abort_signal.triggered:
            self._writer.save(self.result(), True, fl_ctx)

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Nothing is left to be done."""

    def result(self) -> dict[str, Any]:
        """By feature, statistic, site or `Global`, and data set."""
        made: dict[str, Any] = {}
        for name in self.statistic_configs:
            sites = {**self.client_statistics.get(name, {})}
            if name in self.global_statistics:
                sites[C.GLOBAL] = self.global_statistics[name]
            for site, table in sites.items():
                for data, features in table.items():
                    for feature, value in features.items():
                        place = made.setdefault(feature, {}).setdefault(name, {})
                        place.setdefault(site, {})[data] = self.shown(value)
        return made

    def _first(self) -> list[StatisticConfig]:
        asked = self.statistic_configs
        found = [StatisticConfig(name, asked[name]) for name in FIRST if name in asked]
        if {C.STATS_STDDEV, C.STATS_MEAN} & set(asked):  # the mean of all needs both
            needed = (C.STATS_COUNT, C.STATS_SUM)
            found += [StatisticConfig(name, {}) for name in needed if name not in asked]
        if ranges := asked.get(C.STATS_HISTOGRAM):
            found += [StatisticConfig(name, ranges) for name in (C.STATS_MIN, C.STATS_MAX)]
        return found

    def _second(self) -> list[StatisticConfig]:
        asked = self.statistic_configs
        found = [StatisticConfig(name, asked[name]) for name in SECOND if name in asked]
        if C.STATS_STDDEV in asked:
            found.append(StatisticConfig(C.STATS_VAR, {}))
        return found

    def _inputs(self, step: str, targets: list[StatisticConfig]) -> Shareable:
        asked = Shareable(
            {
                C.STATISTICS_TASK_KEY: step,
                C.STATS_TARGET_STATISTICS: plain.wanted_told(targets),
            }
        )
        if step == C.STATS_2nd_STATISTICS:
            known = self.global_statistics
            for name, key in (
                (C.STATS_MIN, C.STATS_MIN),
                (C.STATS_MAX, C.STATS_MAX),
                (C.STATS_COUNT, C.STATS_GLOBAL_COUNT),
                (C.STATS_MEAN, C.STATS_GLOBAL_MEAN),
            ):
                if name in known:
                    asked[key] = known[name]
        return asked

    def _ask(
        self,
        name: str,
        data: Shareable,
        take: Callable[[str, Shareable, FLContext], None],
        abort_signal: Signal,
        fl_ctx: FLContext,
    ) -> None:
        sites = len(self._engine.get_clients())
        needed = self.min_clients or sites
        quota = Quota(task=name, at=None, targets=sites, needed=min(needed, sites))

        def heard(client_task: ClientTask, fl_ctx: FLContext) -> None:
            if why := why_none(client_task):
                quota.fail(client_task.client.name, why)
            else:
                assert client_task.result is not None
                take(client_task.client.name, client_task.result, fl_ctx)
            client_task.result = None

        self.broadcast_and_wait(
            Task(name=name, data=data, result_received_cb=heard),
            fl_ctx,
            min_responses=min(needed, sites),
            wait_time_after_min_received=self.wait_time_after_min_received,
            abort_signal=abort_signal,
        )

    def _hear_first(self, site: str, result: Shareable, fl_ctx: FLContext) -> None:
        self.fire_event_with_data(
            EventType.PRE_RUN_RESULT_AVAILABLE, fl_ctx, C.PRE_RUN_RESULT, {site: result}
        )

    def _take(self, site: str, result: Shareable, fl_ctx: FLContext) -> None:
        told = from_shareable(result).data
        for name, table in plain.read(told[told[C.STATISTICS_TASK_KEY]]).items():
            self.client_statistics.setdefault(name, {})[site] = table

    def _combine(self, targets: Iterable[StatisticConfig]) -> None:
        """Makes the statistics of all sites."""
        wanted = [*ADDED, *(each.name for each in targets)]
        self.global_statistics |= self.combined(self.client_statistics, wanted)

    def combined(
        self, known: Mapping[str, Mapping[str, plain.Table]], wanted: Iterable[str]
    ) -> dict[str, plain.Table]:
        """What the statistics of some sites, by statistic and site, come to together."""
        ours: dict[str, plain.Table] = {}
        for name in dict.fromkeys(wanted):
            by_site = known.get(name)
            if by_site is None:
                continue
            if name in ADDED:
                ours[name] = _merged(by_site, lambda found: self.rounded(sum(found)))
            elif name in {C.STATS_MIN, C.STATS_MAX}:
                ours[name] = _ends(by_site, min if name == C.STATS_MIN else max)
            elif name == C.STATS_HISTOGRAM:
                ours[name] = _merged(by_site, _added)
            elif name == C.STATS_QUANTILE:
                ours[name] = self._quantiles(by_site)
        if {C.STATS_SUM, C.STATS_COUNT} <= set(ours):
            ours[C.STATS_MEAN] = {
                data: {
                    name: self.rounded(total / ours[C.STATS_COUNT][data][name])
                    for name, total in sums.items()
                    if ours[C.STATS_COUNT].get(data, {}).get(name)
                }
                for data, sums in ours[C.STATS_SUM].items()
            }
        if C.STATS_VAR in ours:
            ours[C.STATS_STDDEV] = plain.each(
                ours[C.STATS_VAR], lambda found: self.rounded(math.sqrt(found))
            )
        return ours

    def _quantiles(self, by_site: Mapping[str, plain.Table]) -> plain.Table:
        made = _merged(by_site, _digest)
        return {
            data: {
                feature: {
                    str(part): self.rounded(digest.quantile(float(part)))
                    for part in plain.of_feature(self.statistic_configs[C.STATS_QUANTILE], feature)
                }
                for feature, digest in features.items()
                if digest is not None
            }
            for data, features in made.items()
        }

    def rounded(self, number: float) -> float:
        """With the decimals that are asked for."""
        return number if isinstance(number, int) else round(number, self.precision)

    def shown(self, value: Any) -> Any:
        """A value as it is written: rounded, a histogram as a list of bins."""
        if isinstance(value, Histogram):
            return [
                [self.rounded(each.low_value), self.rounded(each.high_value), each.sample_count]
                for each in value.bins
            ]
        if isinstance(value, Mapping):
            parts = value.get(C.STATS_QUANTILE, value)
            return {part: self.rounded(each) for part, each in parts.items()}
        return self.rounded(value)


def check_configs(configs: object) -> None:
    """Refuse what is asked for if it cannot be had.

    Raises:
        TypeError, ValueError: a statistic is unknown, or lacks what it needs.
    """
    if not isinstance(configs, dict) or not configs:
        message = f"statistic_configs must be settings by statistic, of one at least: {configs!r}"
        raise TypeError(message)
    known = {*FIRST, *SECOND, C.STATS_MAX, C.STATS_MIN, C.STATS_VAR}
    for name, config in configs.items():
        if name not in known:
            message = (
                f"statistic_configs: there is no `{name}`; there are {', '.join(sorted(known))}"
            )
            raise ValueError(message)
        if not isinstance(config, dict):
            message = f"statistic_configs: `{name}` needs a dict of settings, {{}} if none"
            raise TypeError(message)
    for feature, said in configs.get(C.STATS_HISTOGRAM, {}).items():
        if not isinstance(said, dict) or not isinstance(said.get(C.STATS_BINS), int):
            message = f"statistic_configs: histogram of `{feature}` needs `bins`, a number of them"
            raise ValueError(message)  # noqa: TRY004  # the whole is of the right type
    for feature, parts in configs.get(C.STATS_QUANTILE, {}).items():
        if not isinstance(parts, list) or not all(0 <= part <= 1 for part in parts):
            message = f"statistic_configs: quantile of `{feature}` needs a list of parts, 0 to 1"
            raise ValueError(message)


def _merged(by_site: Mapping[str, plain.Table], merge: Callable[[list[Any]], Any]) -> plain.Table:
    """What the sites' values of each feature come to."""
    found: dict[str, dict[str, list[Any]]] = {}
    for table in by_site.values():
        for data, features in table.items():
            into = found.setdefault(data, {})
            for feature, value in features.items():
                into.setdefault(feature, []).append(value)
    return plain.each(found, merge)


def _ends(
    by_site: Mapping[str, plain.Table], choose: Callable[[list[float]], float]
) -> plain.Table:
    """The least, or greatest, of all sites and of all data sets, so that histograms compare."""
    tables = _merged(by_site, choose)
    of_all: dict[str, list[float]] = {}
    for features in tables.values():
        for feature, value in features.items():
            of_all.setdefault(feature, []).append(value)
    return {
        data: {feature: choose(of_all[feature]) for feature in features}
        for data, features in tables.items()
    }


def _added(found: list[Histogram]) -> Histogram:
    """Histograms of the same bins, counted together."""
    counts: dict[tuple[float, float], float] = {}
    for each in found:
        for low, high, count in each.bins:
            place = (low, high)
            counts[place] = counts.get(place, 0) + count
    bins = [Bin(low, high, count) for (low, high), count in counts.items()]
    return Histogram(HistogramType.STANDARD, bins)


def _digest(found: list[Mapping[str, Any]]) -> Digest | None:
    """The digest of all sites' values, where their `Statistics` make one."""
    digests = [
        Digest.read(each[C.STATS_DIGEST_COORD]) for each in found if each.get(C.STATS_DIGEST_COORD)
    ]
    if not digests:
        return None
    return Digest.merged(digests, max(100, *(len(each.means) for each in digests)))

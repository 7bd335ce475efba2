"""Statistics by level: of sites, of what they belong to, of what that belongs to."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.spec.context import FLContext
from ame.federation.statistics import plain
from ame.federation.statistics.controller import StatisticsController
from ame.federation.statistics.spec import StatisticsConstants

C = StatisticsConstants


class HierarchicalStatisticsController(StatisticsController):
    """The statistics of all sites, and of those below each node of a tree.

    The tree is a JSON file: `{"Regions": [{"Name": "north", "Sites": ["site-1", "site-2"]}, …]}`,
    of any depth. A node's standard deviation is that of its own values around its own mean.
    """

    def __init__(
        self,
        statistic_configs: dict[str, dict[str, Any]],
        writer_id: str,
        *args: Any,
        hierarchy_config: str = "",
        **kwargs: Any,
    ) -> None:
        """As for `StatisticsController`.

        `hierarchy_config`: the file, in the folder `config` of the server's app:
        `job.add_file_to_server("tree.json", app_folder_type="config")`.

        Raises:
            errors.JobInvalid: no file is named.
        """
        super().__init__(statistic_configs, writer_id, *args, **kwargs)
        if not hierarchy_config:
            raise errors.JobInvalid("`hierarchy_config` names no file; give one with the tree")
        self.hierarchy_config = hierarchy_config
        self._tree: Any = None

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Read the tree.

        Raises:
            errors.SourceMissing, errors.SourceUnusable: the file is not there, or holds no tree.
        """
        super().start_controller(fl_ctx)
        folder = fl_ctx.get_workspace().get_app_config_dir(fl_ctx.get_job_id())
        file = Path(folder) / self.hierarchy_config
        if not file.is_file():
            raise errors.SourceMissing(self.name, file)
        try:
            self._tree = json.loads(file.read_text(encoding="utf-8"))
            below: list[str] = []
            _check(self._tree, below)
        except ValueError as error:
            raise errors.SourceUnusable(self.name, file, str(error)) from error
        known = [client.name for client in self._engine.get_clients()]
        if strange := [site for site in below if site not in known]:
            shown = f"{', '.join(strange)} are no sites of the job: {', '.join(known)}"
            raise errors.SourceUnusable(self.name, file, shown)

    def result(self) -> dict[str, Any]:
        """`Global`, and the tree: each node with its `Global`, each site with its `Local`."""
        sites = {site for by_site in self.client_statistics.values() for site in by_site}
        return {C.GLOBAL: self._of(sites), **self._levels(self._tree)[0]}

    def _levels(self, node: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The node's levels with their statistics, and the sites below it."""
        made: dict[str, Any] = {}
        below: list[str] = []
        for level, entries in node.items():
            if level == C.NAME:
                continue
            made[level] = []
            for each in entries:
                if isinstance(each, str):
                    below.append(each)
                    made[level].append({C.NAME: each, C.LOCAL: self._of([each])})
                else:
                    inside, sites = self._levels(each)
                    below += sites
                    about = {C.NAME: each[C.NAME], C.GLOBAL: self._of(sites)}
                    made[level].append({**about, **inside})
        return made, below

    def _of(self, sites: Collection[str]) -> dict[str, Any]:
        """By statistic, data set and feature: what these sites' come to."""
        known = {
            name: {site: table for site, table in by_site.items() if site in sites}
            for name, by_site in self.client_statistics.items()
        }
        made = self.combined({name: each for name, each in known.items() if each}, known)
        if C.STATS_VAR in made:
            made[C.STATS_STDDEV] = self._deviations(made)
        return {
            name: plain.each(made[name], self.shown)
            for name in self.statistic_configs
            if name in made
        }

    def _deviations(self, made: Mapping[str, plain.Table]) -> plain.Table:
        """Around the node's own mean: Σ(x - m)² = Σ(x - μ)² - n (m - μ)², for the mean μ of all."""
        of_all = self.global_statistics

        def deviation(data: str, feature: str, share: float) -> float:
            count = made[C.STATS_COUNT][data][feature]
            mean = made[C.STATS_SUM][data][feature] / count if count else 0.0
            apart = mean - of_all[C.STATS_MEAN][data][feature]
            squares = share * (of_all[C.STATS_COUNT][data][feature] - 1) - count * apart**2
            return self.rounded(math.sqrt(max(squares, 0.0) / max(count - 1, 1)))

        return {
            data: {feature: deviation(data, feature, share) for feature, share in features.items()}
            for data, features in made[C.STATS_VAR].items()
        }


def _check(node: object, below: list[str]) -> None:
    """That a node is one; adds the sites below it.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(node, Mapping):
        message = f'{node!r} is no node: write an object of lists, such as {{"Sites": ["site-1"]}}'
        raise ValueError(message)  # noqa: TRY004 (it is the file that is wrong)
    for level, entries in node.items():
        if level == C.NAME:
            continue
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            message = f"`{level}` must be a list of sites or nodes"
            raise ValueError(message)  # noqa: TRY004 (the same)
        for each in entries:
            if isinstance(each, str):
                if each in below:
                    message = f"site {each} is there twice"
                    raise ValueError(message)
                below.append(each)
            elif isinstance(each, Mapping) and C.NAME not in each:
                message = f"a node of `{level}` has no `{C.NAME}`"
                raise ValueError(message)
            else:
                _check(each, below)

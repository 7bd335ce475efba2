"""Federated statistics: those of all sites are those of all rows."""

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ame import errors
from ame.federation.flare import activated
from ame.federation.job.fedjob import FedJob
from ame.federation.run.engine import Engine
from ame.federation.run.site import SiteEngine
from ame.federation.simulator import simulate
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.events import EventType
from ame.federation.statistics import frames, privacy
from ame.federation.statistics.controller import StatisticsController, check_configs
from ame.federation.statistics.digest import Digest
from ame.federation.statistics.executor import StatisticsExecutor
from ame.federation.statistics.hierarchy import HierarchicalStatisticsController
from ame.federation.statistics.job import StatsJob
from ame.federation.statistics.spec import Bin, Histogram, HistogramType
from ame.federation.statistics.written import JsonStatsFileWriter
from parts.userfolder import user_folder

TABLES = """
import numpy as np
import pandas as pd
from nvflare.apis.fl_context import FLContext
from nvflare.app_opt.statistics.df.df_core_statistics import DFStatisticsCore

def rows(site, part):
    drawn = np.random.default_rng([int(site[-1]), len(part)])
    count = 300 if part == "train" else 100
    table = pd.DataFrame({"age": drawn.integers(18, 90, count), "score": drawn.normal(0, 2, count)})
    table["name"] = "somebody"
    return table

class Tables(DFStatisticsCore):
    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def initialize(self, fl_ctx: FLContext):
        site = fl_ctx.get_identity_name()
        self.data = {part: rows(site, part) for part in self.parts}
"""
ASKED: dict[str, dict[str, Any]] = {
    "count": {}, "mean": {}, "sum": {}, "stddev": {},
    "histogram": {"*": {"bins": 5}, "age": {"bins": 8, "range": [0, 120]}},
    "quantile": {"*": [0.1, 0.5, 0.9]},
}  # fmt: skip
SITES = ["site-1", "site-2", "site-3"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("statistics")
    with (
        pytest.MonkeyPatch.context() as patch,
        user_folder(place, patch) as folder,
        activated(),
    ):
        tables = folder.module("tables_of_mine", TABLES)
        from nvflare.recipe.fedstats import FedStatsRecipe  # type: ignore[import-not-found]  # ours

        recipe = FedStatsRecipe(
            name="stats", stats_output_path="statistics/all.json", sites=SITES,
            statistic_configs=ASKED, stats_generator=tables.Tables(["train", "test"]),
        )  # fmt: skip
        simulate(recipe.job.program(), workspace=place / "work")
        all_rows = {
            part: pd.concat([tables.rows(site, part) for site in SITES])
            for part in ("train", "test")
        }
    file = place / "work/server/simulate_job/statistics/all.json"
    return json.loads(file.read_text()), all_rows


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("feature", ["age", "score"])
def test_the_statistics_of_all_sites_are_those_of_all_rows(
    done: Any, part: str, feature: str
) -> None:
    found, rows = done
    column = rows[part][feature]
    told = {name: found[feature][name]["Global"][part] for name in ASKED}

    assert told["count"] == len(column)
    assert told["sum"] == pytest.approx(column.sum(), abs=1e-3)
    assert told["mean"] == pytest.approx(column.mean(), abs=1e-3)
    assert told["stddev"] == pytest.approx(column.std(), abs=1e-3)
    assert sum(count for _, _, count in told["histogram"]) == len(column)
    for quantile, value in told["quantile"].items():
        below = float((column <= value).mean())
        assert below == pytest.approx(float(quantile), abs=0.04)


def test_what_sites_tell_stands_beside_it_and_texts_have_no_statistics(done: Any) -> None:
    found, _ = done

    assert set(found) == {"age", "score"}
    assert set(found["age"]["count"]) == {*SITES, "Global"}
    assert found["age"]["count"]["site-2"] == {"train": 300, "test": 100}
    low, high = found["age"]["histogram"]["Global"]["train"][0][:2]
    assert (low, high) == (0, 15)


def test_histograms_of_all_data_sets_have_the_same_bins_beyond_the_data(done: Any) -> None:
    found, rows = done
    train, test = (found["score"]["histogram"]["Global"][part] for part in ("train", "test"))

    assert [each[:2] for each in train] == [each[:2] for each in test]
    assert train[0][0] < min(rows[part]["score"].min() for part in rows)  # noise was added


def test_a_feature_with_too_few_values_does_not_leave_the_site() -> None:
    told: Any = {
        "count": {"train": {"a": 9, "b": 10}},
        "failure_count": {"train": {"a": 0, "b": 0}},
        "sum": {"train": {"a": 1.0, "b": 2.0}},
    }
    kept, changed = privacy.MinCountCleanser(10).apply(told, "site-1")

    assert changed
    assert kept["sum"] == {"train": {"b": 2.0}}
    assert kept["count"] == {"train": {"a": 9, "b": 10}}


def test_a_histogram_with_too_many_bins_does_not_leave_the_site() -> None:
    bins = [Bin(0, 1, 5)] * 4
    told: Any = {
        "count": {"train": {"a": 40, "b": 50}},
        "failure_count": {"train": {"a": 0, "b": 0}},
        "histogram": {
            "train": {name: Histogram(HistogramType.STANDARD, bins) for name in ("a", "b")}
        },
    }
    kept, _ = privacy.HistogramBinsCleanser(10).apply(told, "site-1")

    assert set(kept["histogram"]["train"]) == {"b"}


def test_infinite_numbers_count_in_the_outer_bins() -> None:
    numbers = [0.0, 1.0, 2.0, math.inf, -math.inf]

    assert frames.get_std_histogram_buckets(numbers, 2) == [
        (-math.inf, 1.0, 2), (1.0, math.inf, 3)
    ]  # fmt: skip


def test_digests_of_parts_come_to_the_quantiles_of_the_whole() -> None:
    numbers = np.random.default_rng(3).lognormal(size=20_000)
    digests = [Digest.of(part, 100) for part in np.split(numbers, 10)]
    whole = Digest.merged([Digest.read(each.told()) for each in digests], 100)

    assert len(whole.means) <= 110
    for part in (0.0, 0.01, 0.5, 0.99, 1.0):
        assert float((numbers <= whole.quantile(part)).mean()) == pytest.approx(part, abs=0.005)


@pytest.mark.parametrize(
    ("configs", "said"),
    [
        ({}, "of one at least"),
        ({"median": {}}, "there is no `median`"),
        ({"histogram": {"*": {}}}, "needs `bins`"),
        ({"quantile": {"*": [50]}}, "0 to 1"),
        ({"count": None}, "dict of settings"),
    ],
)
def test_what_cannot_be_had_is_refused_at_the_call(configs: Any, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        check_configs(configs)
    with pytest.raises((TypeError, ValueError), match=said):
        StatisticsController(configs, "writer")


class Tables(frames.DFStatisticsCore):
    def initialize(self, fl_ctx: FLContext) -> None:
        self.data = {}


def test_a_job_may_be_named_as_in_nvflare_2_5() -> None:
    made = StatsJob(
        job_name="stats", statistic_configs={"count": {}}, stats_generator=Tables(),
        output_path="all.json",
    )  # fmt: skip
    made.setup_client(["site-1"])

    assert (made.name, list(made.clients)) == ("stats", ["site-1"])


def test_a_file_outside_of_the_run_is_not_written(tmp_path: Path) -> None:
    engine = Engine(name="server", job="job", root=tmp_path, process="SJ", components={})
    ctx = engine.new_context()
    with pytest.raises(errors.PathLeaves):
        JsonStatsFileWriter("../../out.json").save({}, True, ctx)


TREE = {
    "Regions": [
        {"Name": "north", "Places": [{"Name": "hill", "Sites": ["site-1"]}]},
        {"Name": "south", "Places": [{"Name": "bay", "Sites": ["site-2", "site-3"]}]},
    ]
}


def by_level(place: Path, patch: pytest.MonkeyPatch, tree: Any) -> tuple[Any, Any]:
    """What a job of levels writes, and the tables of its sites."""
    with user_folder(place, patch) as folder, activated():
        tables = folder.module("tables_of_levels", TABLES)
        folder.write("tree.json", tree if isinstance(tree, str) else json.dumps(tree))
        job = FedJob(name="levels")
        asked = {name: ASKED[name] for name in ASKED if name != "quantile"}
        job.to_server(
            HierarchicalStatisticsController(asked, "writer", hierarchy_config="tree.json")
        )
        job.to_server(JsonStatsFileWriter("all.json"), id="writer")
        job.add_file_to_server("tree.json", app_folder_type="config")
        for site in SITES:
            job.to(tables.Tables(["train"]), site, id="generator")
            job.to(StatisticsExecutor("generator"), site)
        simulate(job.program(), workspace=place / "work")
        rows = {site: tables.rows(site, "train") for site in SITES}
    return json.loads((place / "work/server/simulate_job/all.json").read_text()), rows


def test_statistics_of_each_node_are_those_of_the_rows_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, rows = by_level(tmp_path, monkeypatch, TREE)
    north, south = found["Regions"]
    hill, bay = north["Places"][0], south["Places"][0]
    nodes = [
        (found["Global"], SITES), (north["Global"], ["site-1"]), (south["Global"], SITES[1:]),
        (bay["Global"], SITES[1:]), (hill["Sites"][0]["Local"], ["site-1"]),
        (bay["Sites"][1]["Local"], ["site-3"]),
    ]  # fmt: skip

    assert (north["Name"], hill["Sites"][0]["Name"]) == ("north", "site-1")
    for told, sites in nodes:
        for feature in ("age", "score"):
            column = pd.concat([rows[site] for site in sites])[feature]
            values = {name: told[name]["train"][feature] for name in told}
            assert values["count"] == len(column)
            assert values["mean"] == pytest.approx(column.mean(), abs=1e-3)
            assert values["stddev"] == pytest.approx(column.std(), abs=1e-3)
            assert sum(count for _, _, count in values["histogram"]) == len(column)


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ("{", "Expecting property name"),
        ({"Regions": [{"Sites": ["site-1"]}]}, "a node of `Regions` has no `Name`"),
        ({"Sites": ["site-1", "site-1"]}, "site-1 is there twice"),
        ({"Sites": ["site-9"]}, "site-9 are no sites of the job"),
        ({"Sites": "site-1"}, "`Sites` must be a list"),
    ],
)
def test_a_tree_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tree: Any, why: str
) -> None:
    with pytest.raises(errors.SourceUnusable, match=why):
        by_level(tmp_path, monkeypatch, tree)


def test_levels_need_a_tree(tmp_path: Path) -> None:
    with pytest.raises(errors.JobInvalid, match="hierarchy_config"):
        HierarchicalStatisticsController(ASKED, "writer")


def test_ends_are_moved_by_the_jobs_seed_and_at_a_site_of_its_own_by_none(tmp_path: Path) -> None:
    engine = SiteEngine(name="site-1", job="j", root=tmp_path, process="client", components={})

    def moved() -> float:
        random.seed(5)
        cleanser = privacy.AddNoiseToMinMax(0.1, 0.9)
        cleanser.handle_event(EventType.START_RUN, engine.new_context())
        told, _ = cleanser.apply({"max": {"train": {"age": 10.0}}}, "site-1")
        return float(told["max"]["train"]["age"])

    one = moved()
    assert moved() == one
    engine.alone = True
    assert len({one, moved(), moved()}) == 3

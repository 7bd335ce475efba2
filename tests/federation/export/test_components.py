"""Jobs of other components than models and scripts, on NVFLARE itself and here."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame.federation import FedJob, ScriptRunner
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import FullModelShareableGenerator
from ame.federation.components.persistors.numpy_files import NPFileModelPersistor
from ame.federation.components.selector import SimpleIntimeModelSelector
from ame.federation.flare import activated
from ame.federation.program import Version
from ame.federation.simulator import simulate
from ame.federation.statistics.hierarchy import HierarchicalStatisticsController
from ame.federation.statistics.job import FedStatsRecipe
from ame.federation.statistics.written import JsonStatsFileWriter
from ame.federation.workflows.averaging.scaffold import ScatterAndGatherScaffold
from ame.federation.workflows.command import CmdTaskController
from parts.flare import Flare
from parts.userfolder import Folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SITES = ("site-1", "site-2")
PARTS = """
import json

import numpy as np
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.executor import Executor

class Corrects(Executor):
    \"\"\"A site of SCAFFOLD whose training is plain arithmetic.\"\"\"

    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        sent = from_shareable(shareable).data
        number = int(fl_ctx.get_identity_name()[-1])
        weights = sent["_model_weights_"].data
        controls = sent["scaffold_c_global"].data
        moves = {key: number + controls[key] * 0.5 for key in weights}
        changes = {key: np.full_like(each, number / 10) for key, each in weights.items()}
        parts = {
            "_model_weights_": DXO(DataKind.WEIGHT_DIFF, data=moves),
            "scaffold_c_diff": DXO(DataKind.WEIGHT_DIFF, data=changes),
        }
        for each in parts.values():
            each.set_meta_prop("NUM_STEPS_CURRENT_ROUND", number)
        return DXO(DataKind.COLLECTION, data=parts).to_shareable()
"""


@pytest.fixture
def served(folder: Folder) -> Iterator[Folder]:
    """The user's folder, with NVFLARE's names served."""
    with activated():
        yield folder


def both(job: FedJob, folder: Folder, real: Flare) -> tuple[Path, Path]:
    """The server's folder of the run, there and here."""
    job.export_job("jobs", flare_version=real.version)
    theirs = real.simulate(folder.path / "jobs" / job.name, folder.path / "flare")
    named = not set(job.clients) & {"@ALL"}
    simulate(job.program(), workspace=folder.path / "ours", sites=None if named else 2)
    return theirs, folder.path / "ours/server/simulate_job"


def test_scaffold_by_components_comes_to_the_same_model(served: Folder, real: Flare) -> None:
    parts = served.module("parts_of_scaffold", PARTS)
    kinds = {"_model_weights_": "WEIGHT_DIFF", "scaffold_c_diff": "WEIGHT_DIFF"}
    job = FedJob(name="scaffold", min_clients=2)
    job.to_server(
        ScatterAndGatherScaffold(min_clients=2, num_rounds=3, wait_time_after_min_received=0)
    )
    job.to_server(InTimeAccumulateWeightedAggregator(expected_data_kind=kinds), id="aggregator")
    job.to_server(FullModelShareableGenerator(), id="shareable_generator")
    job.to_server(NPFileModelPersistor(), id="persistor")
    job.to_server(SimpleIntimeModelSelector())
    job.to_clients(parts.Corrects())

    theirs, ours = both(job, served, real)

    name = "models/last_global_model.npy"
    np.testing.assert_allclose(np.load(ours / name), np.load(theirs / name), rtol=1e-6)
    assert not np.allclose(np.load(ours / name), np.arange(1, 10).reshape(3, 3))


WRITES = """
from pathlib import Path
from ame.federation import client as flare
from ame.federation import FLModel

flare.init()
while flare.is_running():
    received = flare.receive()
    if received is None:
        break
    Path("done.txt").write_text(f"told of {sorted(received.params)}")
    flare.send(FLModel(params={"done": 1}))
"""


def test_sites_do_one_task_that_no_model_is_made_of(
    served: Folder, real: Flare, version: Version
) -> None:
    served.write("embed.py", WRITES)
    more = {} if version == "2.7" else {"task_data": {"folder": "x"}, "num_clients": 2}
    job = FedJob(name="command", min_clients=2)
    job.to_server(CmdTaskController("embed", persistor_id="", **more))  # type: ignore[arg-type]  # a dict of several types
    job.to_clients(ScriptRunner("embed.py", framework="raw"), tasks=["embed"])

    both(job, served, real)

    for place in ("flare", "ours"):
        for site in SITES:
            (file,) = (served.path / place / site).rglob("done.txt")
            assert file.read_text() == f"told of ['{'folder' if more else 'task_name'}']"


TABLES = """
import numpy as np
import pandas as pd
from nvflare.apis.fl_context import FLContext
from nvflare.app_opt.statistics.df.df_core_statistics import DFStatisticsCore

class Tables(DFStatisticsCore):
    def __init__(self):
        super().__init__()
        self.data = None

    def initialize(self, fl_ctx: FLContext):
        drawn = np.random.default_rng(int(fl_ctx.get_identity_name()[-1]))
        self.data = {"train": pd.DataFrame({"age": drawn.integers(18, 90, 300)})}
"""
ASKED: dict[str, dict[str, Any]] = {
    "count": {}, "mean": {}, "sum": {}, "stddev": {},
    "histogram": {"*": {"bins": 5, "range": [0, 100]}},
}  # fmt: skip


def asked(version: Version) -> dict[str, dict[str, Any]]:
    """2.7's histograms of tables need a pandas before 3."""
    return {name: ASKED[name] for name in ASKED if (version, name) != ("2.7", "histogram")}


def test_statistics_are_the_same(served: Folder, real: Flare) -> None:
    tables = served.module("tables_of_mine", TABLES)
    recipe = FedStatsRecipe(
        name="stats", stats_output_path="statistics/all.json", sites=list(SITES),
        statistic_configs=asked(real.version), stats_generator=tables.Tables(),
    )  # fmt: skip
    recipe.settle()

    theirs, ours = both(recipe.job, served, real)

    found, its = (
        json.loads((each / "statistics/all.json").read_text())["age"] for each in (ours, theirs)
    )
    for name in asked(real.version):
        one, other = (np.array(each[name]["Global"]["train"]) for each in (found, its))
        np.testing.assert_allclose(one, other, rtol=1e-3)


def test_statistics_by_level_count_the_same(served: Folder, real: Flare) -> None:
    from ame.federation.statistics.executor import StatisticsExecutor

    tables = served.module("tables_of_mine", TABLES)
    served.write("tree.json", json.dumps({"Regions": [{"Name": "north", "Sites": list(SITES)}]}))
    wanted = asked(real.version)
    job = FedJob(name="levels", min_clients=2)
    job.to_server(HierarchicalStatisticsController(wanted, "writer", hierarchy_config="tree.json"))
    job.to_server(JsonStatsFileWriter("statistics/all.json"), id="writer")
    job.add_file_to_server("tree.json", app_folder_type="config")
    for site in SITES:
        job.to(tables.Tables(), site, id="generator")
        job.to(StatisticsExecutor("generator"), site, tasks=["fed_stats_pre_run", "fed_stats"])

    theirs, ours = both(job, served, real)

    found, its = (json.loads((each / "statistics/all.json").read_text()) for each in (ours, theirs))
    for name in ("count", "sum", "mean", "stddev"):
        for path in ((), ("Regions", 0)):
            one, other = found, its
            for step in path:
                one, other = one[step], other[step]
            one, other = (each["Global"][name]["train"]["age"] for each in (one, other))
            assert one == pytest.approx(other, rel=1e-3)


NEWTON = """
import numpy as np
import nvflare.client as flare

drawn = np.random.default_rng(1)

flare.init()
number = int(flare.get_site_name()[-1])
drawn = np.random.default_rng(number)
x = np.hstack([np.ones((50, 1)), drawn.normal(size=(50, 2))])
y = (x[:, 1:2] + 0.3 * drawn.normal(size=(50, 1)) > 0).astype(float)
while flare.is_running():
    received = flare.receive()
    if received is None:
        break
    odds = 1 / (1 + np.exp(-x @ received.params["numpy_key"]))
    found = {"gradient": x.T @ (y - odds), "hessian": (x * odds * (1 - odds)).T @ x}
    flare.send(flare.FLModel(params=found, meta={"NUM_STEPS_CURRENT_ROUND": len(x)}))
"""


def test_newtons_steps_come_to_the_same_weights(served: Folder, real: Flare) -> None:
    from nvflare.app_common.np.recipes.lr.fedavg import (  # type: ignore[import-not-found]  # ours
        FedAvgLrRecipe,
    )

    served.write("newton.py", NEWTON)
    recipe = FedAvgLrRecipe(min_clients=2, num_rounds=3, num_features=2, train_script="newton.py")
    recipe.settle()

    theirs, ours = both(recipe.job, served, real)

    (one,), (other,) = (list(each.rglob("weights.npy")) for each in (ours, theirs))
    np.testing.assert_allclose(np.load(one), np.load(other), rtol=1e-4)

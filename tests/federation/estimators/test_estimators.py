"""Estimators of scikit-learn that learn over simulated sites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joblib  # type: ignore[import-untyped]  # it has none
import numpy as np
import pytest
from sklearn import datasets, metrics  # type: ignore[import-untyped]  # it has none
from sklearn.linear_model import SGDClassifier  # type: ignore[import-untyped]  # it has none
from sklearn.svm import SVC  # type: ignore[import-untyped]  # it has none

from ame import errors
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import FullModelShareableGenerator
from ame.federation.estimators.assemblers import KMeansAssembler, SVMAssembler
from ame.federation.estimators.executor import SKLearnExecutor
from ame.federation.estimators.joblib_files import JoblibModelParamPersistor
from ame.federation.estimators.tables import load_data, load_data_for_range
from ame.federation.job.fedjob import FedJob
from ame.federation.recipes.sklearn import (
    KMeansFedAvgRecipe,
    SklearnFedAvgRecipe,
    SVMFedAvgRecipe,
)
from ame.federation.simulator import simulate
from ame.federation.workflows.scatter_and_gather import ScatterAndGather
from parts.simulated import Seen

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = """
import numpy as np
from sklearn import datasets
from ame.federation import client as flare
flare.init()
n = int(flare.get_site_name().removeprefix("site-")) - 1
"""
LINEAR = (
    BEGIN
    + """
from sklearn.linear_model import SGDClassifier
x, y = datasets.load_digits(return_X_y=True)
x, y = x[n::3] / 16, y[n::3]
model = None
while flare.is_running():
    got = flare.receive()
    if model is None:
        model = SGDClassifier(loss=got.params["loss"], eta0=got.params["eta0"], random_state=0)
    if "coef" in got.params:
        model.coef_, model.intercept_ = got.params["coef"].copy(), got.params["intercept"].copy()
    score = model.score(x, y) if got.current_round else 0.0
    model.partial_fit(x, y, classes=np.arange(10))
    flare.send(
        flare.FLModel(
            params={"coef": model.coef_, "intercept": model.intercept_},
            metrics={"accuracy": score},
            meta={"NUM_STEPS_CURRENT_ROUND": len(x)},
        )
    )
"""
)
MEANS = (
    BEGIN
    + """
from sklearn.cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
x = datasets.load_iris().data[n::3]
while flare.is_running():
    got = flare.receive()
    if got.current_round == 0:
        k = got.params["n_clusters"]
        sent = {"center": kmeans_plusplus(x, n_clusters=k, random_state=n)[0], "count": None}
    else:
        center = got.params["center"]
        model = MiniBatchKMeans(
            n_clusters=len(center), init=center, n_init=1, batch_size=len(x), random_state=0
        ).fit(x)
        sent = {"center": model.cluster_centers_, "count": model._counts}
    flare.send(flare.FLModel(params=sent))
"""
)
VECTORS = (
    BEGIN
    + """
from sklearn.svm import SVC
x, y = datasets.load_breast_cancer(return_X_y=True)
x, y = (x[n::3] / x.max(axis=0))[:120], y[n::3][:120]
while flare.is_running():
    got = flare.receive()
    if got.current_round == 0:
        chosen = SVC(kernel=got.params["kernel"]).fit(x, y).support_
        sent = {"support_x": x[chosen], "support_y": y[chosen]}
        score = 0.0
    else:
        sent = got.params
        score = SVC().fit(sent["support_x"], sent["support_y"]).score(x, y)
    flare.send(flare.FLModel(params=sent, metrics={"AUC": score}))
"""
)
LEARNER = """
import numpy as np
from sklearn import datasets
from sklearn.linear_model import SGDClassifier
from ame.federation.spec.learner import Learner


class Digits(Learner):
    def initialize(self, parts, fl_ctx):
        n = int(fl_ctx.get_identity_name().removeprefix("site-")) - 1
        x, y = datasets.load_digits(return_X_y=True)
        self.x, self.y = x[n::3] / 16, y[n::3]
        self.n_samples = len(self.x)
        self.model = SGDClassifier(random_state=0)

    def train(self, curr_round, global_param, fl_ctx):
        self.model.partial_fit(self.x, self.y, classes=np.arange(10))
        return {"coef": self.model.coef_, "intercept": self.model.intercept_}, self.model

    def validate(self, curr_round, global_param, fl_ctx):
        self.model.coef_ = np.array(global_param["coef"])
        self.model.intercept_ = np.array(global_param["intercept"])
        return {"accuracy": self.model.score(self.x, self.y)}, self.model
"""


@pytest.fixture(autouse=True)
def _scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in (("linear", LINEAR), ("means", MEANS), ("vectors", VECTORS)):
        (tmp_path / f"{name}.py").write_text(text)


def learned(made: Any, folder: Path) -> dict[str, Any]:
    made.settle()
    simulate(made.job.program(), workspace=folder, sites=3, threads=1)
    found = joblib.load(folder / "server/simulate_job/app_server/model_param.joblib")
    assert isinstance(found, dict)
    return found


def test_averaged_parameters_tell_digits(tmp_path: Path) -> None:
    made = SklearnFedAvgRecipe(
        min_clients=3,
        num_rounds=6,
        model_params={"loss": "log_loss", "eta0": 0.1},
        train_script="linear.py",
    )
    found = learned(made, tmp_path / "run")

    assert digits_told(found) > 0.93


def digits_told(found: dict[str, Any]) -> float:
    x, y = datasets.load_digits(return_X_y=True)
    model = SGDClassifier()
    model.classes_, model.coef_, model.intercept_ = np.arange(10), found["coef"], found["intercept"]
    return float(model.score(x / 16, y))


def test_means_of_all_sites_find_the_kinds_of_iris(tmp_path: Path) -> None:
    made = KMeansFedAvgRecipe(min_clients=3, n_clusters=3, train_script="means.py")
    center = learned(made, tmp_path / "run")["center"]

    iris = datasets.load_iris()
    nearest = np.linalg.norm(iris.data[:, None] - center[None], axis=2).argmin(axis=1)
    assert metrics.homogeneity_score(iris.target, nearest) > 0.7


def test_vectors_of_all_sites_tell_tumours(tmp_path: Path) -> None:
    found = learned(SVMFedAvgRecipe(min_clients=3, train_script="vectors.py"), tmp_path / "run")

    x, y = datasets.load_breast_cancer(return_X_y=True)
    assert SVC().fit(found["support_x"], found["support_y"]).score(x / x.max(axis=0), y) > 0.9


def test_an_executor_trains_by_its_learner_and_its_metrics_are_kept(tmp_path: Path) -> None:
    (tmp_path / "digits_learner.py").write_text(LEARNER)
    import digits_learner  # type: ignore[import-not-found]  # written by the test

    job = FedJob("learner", min_clients=3)
    job.to_server(JoblibModelParamPersistor({"kind": "linear"}), id="persistor")
    job.to_server(FullModelShareableGenerator(), id="generator")
    job.to_server(InTimeAccumulateWeightedAggregator(expected_data_kind="WEIGHTS"), id="aggregator")
    job.to_server(
        ScatterAndGather(
            min_clients=3,
            num_rounds=4,
            persistor_id="persistor",
            shareable_generator_id="generator",
            aggregator_id="aggregator",
            wait_time_after_min_received=0,
        )
    )
    job.to_clients(SKLearnExecutor("learner"), tasks=["train"])
    job.to_clients(digits_learner.Digits(), id="learner")
    seen = Seen()
    simulate(job.program(), workspace=tmp_path / "run", sites=3, threads=1, watcher=seen)

    found = joblib.load(tmp_path / "run/server/simulate_job/app_server/model_param.joblib")
    assert digits_told(found) > 0.9
    assert [record.step for site, record in seen.records if site == "site-2"] == [1, 2, 3]
    kept = tmp_path / "run/site-1/simulate_job/app_site-1/model_local.joblib"
    assert isinstance(joblib.load(kept), SGDClassifier)


class Round:
    def __init__(self, number: int) -> None:
        self.number = number

    def get_prop(self, _: str) -> int:
        return self.number


def test_centers_are_means_of_all_points_so_far() -> None:
    rng = np.random.default_rng(0)
    points, kinds = rng.normal(size=(60, 2)), rng.integers(0, 3, 60)
    assembler = KMeansAssembler()
    assembler.assemble({"a": {"center": np.eye(3, 2) * 9, "count": None}}, Round(0))  # type: ignore[arg-type]
    for n in range(1, 4):
        sent = {}
        for site in range(2):
            part = slice(10 * (2 * n + site - 2), 10 * (2 * n + site - 1))
            mine = [points[part][kinds[part] == kind] for kind in range(3)]
            sent[str(site)] = {
                "center": np.array([each.mean(0) if len(each) else np.zeros(2) for each in mine]),
                "count": np.array([len(each) for each in mine]),
            }
        made = assembler.assemble(sent, Round(n))  # type: ignore[arg-type]

    expected = [points[kinds == kind].mean(axis=0) for kind in range(3)]
    np.testing.assert_allclose(made.data["center"], expected)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.JobInvalid, match="kernel"):
        SVMAssembler("round")
    with pytest.raises(errors.JobInvalid, match="n_clusters"):
        KMeansFedAvgRecipe(min_clients=1, n_clusters=0, train_script="means.py")
    with pytest.raises(errors.JobInvalid, match="absolute"):
        JoblibModelParamPersistor(model_path="model.joblib")
    with pytest.raises(errors.JobInvalid, match="begin with"):
        SklearnFedAvgRecipe(min_clients=1, train_script="linear.py")
    (tmp_path / "list.joblib").write_bytes(b"not a file of joblib")
    made = SklearnFedAvgRecipe(
        min_clients=1, train_script="linear.py", model_path=str(tmp_path / "list.joblib")
    )
    made.settle()
    with pytest.raises(errors.SourceUnusable, match=r"list\.joblib"):
        simulate(made.job.program(), workspace=tmp_path / "run", sites=1)


def test_recipes_are_exported_for_2_9_alone(tmp_path: Path) -> None:
    made = SVMFedAvgRecipe(min_clients=3, train_script="vectors.py")
    made.export(str(tmp_path / "jobs"))
    text = (tmp_path / "jobs/svm_fedavg/app/config/config_fed_server.json").read_text()

    assert "nvflare.app_opt.sklearn.svm_assembler.SVMAssembler" in text
    with pytest.raises(errors.NotExportable, match=r"2\.7"):
        made.job.export_job(tmp_path / "old", flare_version="2.7")


def test_a_table_has_its_labels_in_the_first_column(tmp_path: Path) -> None:
    table, named = tmp_path / "rows.csv", tmp_path / "named.csv"
    table.write_text("0,1.5,2\n1,3.5,4\n0,5.5,6\n")
    named.write_text("label,a,b\n" + table.read_text())

    x, y, rows = load_data(str(table))
    assert (x.tolist(), y.tolist(), rows) == ([[1.5, 2], [3.5, 4], [5.5, 6]], [0, 1, 0], 3)
    x, y, rows = load_data_for_range(str(table), 1, 3)
    assert (x.tolist(), y.tolist(), rows) == ([[3.5, 4], [5.5, 6]], [1, 0], 2)
    x, y, rows = load_data_for_range(str(named), 0, 1, require_header=True)
    assert (x.tolist(), y.tolist(), rows) == ([[1.5, 2]], [0], 1)


def test_a_table_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rows\.parquet ends in \.parquet"):
        load_data("rows.parquet")

import csv
import json
import re
import signal
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from ame import errors, runs
from ame.federation import results
from ame.federation.model import FLModel
from ame.federation.results.terminal import Terminal
from ame.storage.blobs import Folder
from ame.storage.sqlite import Database
from federation.results.leading import job, learns

TWO = {"site-1": learns(0.1), "site-2": learns(0.3)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AME_RUN", "")
    monkeypatch.delenv("AME_REPORT", raising=False)
    return tmp_path / "home"


def wish(tmp_path: Path, sites: object = TWO, **more: object) -> results.Wish:
    return results.Wish(job="demo", sites=tuple(sites), workspace=tmp_path / "ws", **more)  # type: ignore[arg-type]  # of a test


def breaks(site: str, model: FLModel) -> FLModel:
    if model.current_round == 1:
        raise ValueError("no data")
    return learns(0.2)(site, model)


def test_a_job_is_a_run_with_a_step_for_the_server_and_for_each_site(
    tmp_path: Path, home: Path
) -> None:
    done = results.lead(wish(tmp_path), job(TWO, tmp_path))

    store = Database(home / "runs.db")
    run = store.find("demo")
    assert (run.name, run.kind, run.state) == (done.run.name, "fedjob", runs.State.SUCCEEDED)
    assert [(step.name, step.state) for step in store.steps(run.name)] == [
        ("server", runs.State.SUCCEEDED),
        ("site-1", runs.State.SUCCEEDED),
        ("site-2", runs.State.SUCCEEDED),
    ]
    measured = {(m.step, m.name, m.iteration): m.value for m in store.metrics(run.name)}
    assert measured["site-2", "accuracy", 1] == pytest.approx(0.4)
    assert measured["server", "accuracy", 1] == pytest.approx(0.3)
    store.close()


def test_tables_drawings_and_models_are_files_and_artifacts(tmp_path: Path, home: Path) -> None:
    done = results.lead(wish(tmp_path), job(TWO, tmp_path))

    folder = tmp_path / "ws" / "results"
    rows = list(csv.DictReader(StringIO((folder / "sites.csv").read_text())))
    assert [(row["round"], row["site"], row["accuracy"]) for row in rows][:2] == [
        ("0", "site-1", "0.1"),
        ("0", "site-2", "0.3"),
    ]
    assert len(json.loads((folder / "rounds.json").read_text())) == 3
    assert (folder / "metrics.png").read_bytes().startswith(b"\x89PNG")
    assert load_file(done.models["last"])["w"].tolist() == [[3, 3, 3], [3, 3, 3]]
    store = Database(home / "runs.db")
    kept = {each.path: each.digest for each in store.artifacts(done.run.name)}
    assert {"models/last.safetensors", "results/metrics.html", "results/rounds.csv"} <= set(kept)
    content = Folder(home / "blobs").read(kept["results/metrics.png"])
    assert content == (folder / "metrics.png").read_bytes()
    store.close()


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    results.lead(wish(tmp_path), job({**TWO, "site-3": breaks}, tmp_path))

    page = (tmp_path / "ws" / "results" / "metrics.html").read_text()
    assert not re.findall(r"(?:src|href)=|url\(|@import|https?:", page)
    assert page.count('role="img"') == page.count("<svg") > 2
    assert "ValueError: no data" in page


def test_text_of_a_job_cannot_break_the_page(tmp_path: Path) -> None:
    def train(site: str, model: FLModel) -> FLModel:
        return FLModel(params=dict(model.params), metrics={"<script>x": 1.0})

    results.lead(wish(tmp_path), job({"site-1": train}, tmp_path))

    page = (tmp_path / "ws" / "results" / "metrics.html").read_text()
    assert "<script>x" not in page


def test_a_site_that_is_lost_is_named_with_its_traceback_and_the_job_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    sites = {**TWO, "site-3": breaks}

    done = results.lead(wish(tmp_path, sites), job(sites, tmp_path))

    said = capsys.readouterr().err
    assert re.search(r"✗ site-3 is lost: ValueError: no data \(.*test_lead.py:\d+\)", said)
    assert 'raise ValueError("no data")' in said
    assert done.lost == ("site-3",)
    assert (done.run.state, done.run.reason) == (runs.State.SUCCEEDED, "without site-3")
    assert done.error is None


def test_a_job_that_cannot_go_on_fails_with_its_reason(tmp_path: Path, home: Path) -> None:
    sites = {**TWO, "site-3": breaks}

    done = results.lead(wish(tmp_path, sites), job(sites, tmp_path, min_clients=3))

    assert isinstance(done.error, errors.TooFewResults)
    assert done.run.state is runs.State.FAILED
    store = Database(home / "runs.db")
    states = {step.name: step.state for step in store.steps(done.run.name)}
    assert states["site-3"] is runs.State.FAILED
    assert "ValueError: no data" in store.find("demo").reason
    store.close()


def test_a_job_that_is_interrupted_keeps_what_was_done_and_names_the_remedy(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    def work(watcher: object, workspace: Path) -> None:
        job({"site-1": learns(0.1)}, tmp_path)(watcher, workspace)  # type: ignore[arg-type]  # of a test
        signal.raise_signal(signal.SIGTERM)

    asked = replace(wish(tmp_path, ("site-1",)), resumable=lambda workspace: workspace.is_dir())
    with pytest.raises(KeyboardInterrupt):
        results.lead(asked, work)

    store = Database(home / "runs.db")
    run = store.find("demo")
    assert (run.state, run.reason) == (runs.State.CANCELLED, "cancelled")
    assert store.artifacts(run.name)
    assert f"`ame fed run --resume {run.name}`" in capsys.readouterr().err
    store.close()


def test_a_run_that_is_over_is_not_offered_to_be_continued(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(watcher: object, workspace: Path) -> None:
        raise errors.NothingToResume("demo", "its workflows have all ended")

    done = results.lead(replace(wish(tmp_path), resumable=lambda _: True), work)

    assert done.run.state is runs.State.FAILED
    assert "--resume" not in capsys.readouterr().err


def test_the_engine_is_told_when_the_job_is_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AME_REPORT", str(tmp_path / "report"))

    results.lead(wish(tmp_path), job(TWO, tmp_path))

    lines = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert {"metric": "accuracy", "value": pytest.approx(0.2), "iteration": 0} in lines
    assert lines[-1] == {"progress": 1.0, "message": "round 2"}


def test_tensorboard_finds_the_numbers_of_each_site(tmp_path: Path) -> None:
    results.lead(wish(tmp_path), job(TWO, tmp_path))

    folder = tmp_path / "ws" / "results" / "tensorboard"
    assert {each.name for each in folder.iterdir()} == {"server", "site-1", "site-2"}
    (file,) = (folder / "site-2").iterdir()
    assert b"accuracy" in file.read_bytes()


def test_of_many_sites_the_spread_is_drawn(tmp_path: Path) -> None:
    sites = {f"site-{number}": learns(number / 100) for number in range(1, 51)}

    results.lead(wish(tmp_path, sites), job(sites, tmp_path, rounds=2))

    page = (tmp_path / "ws" / "results" / "metrics.html").read_text()
    assert 'class="band half"' in page


def test_what_sites_print_is_shown_when_asked_for_line_by_line() -> None:
    out = StringIO()
    with Terminal(out, logs=True) as terminal:
        terminal.printed("site-1", b"hel")
        terminal.printed("site-1", b"lo\nto")

    assert out.getvalue() == "site-1 | hello\nsite-1 | to\n"

"""What is left of a job when it has ended: models, tables and drawings, in files and kept."""

from pathlib import Path

from ame import errors
from ame.federation.results import models, tables
from ame.federation.results.drawing import charts, events, page, plot
from ame.federation.results.recorder import Recorder
from ame.runs.words import duration


def write(recorder: Recorder, workspace: Path, resumes: str = "") -> dict[str, Path]:
    """Writes them into the workspace, and keeps them as artifacts of the run.

    Drawings show the run that this one `resumes` as well. Returns the models by name.
    """
    recorder.close()
    journal = recorder.journal
    run = journal.place.run
    found = recorder.models.close()
    for name, file in found.items():
        journal.keep(f"models/{name}.safetensors", file)
    for file in models.own(workspace / "server", since=run.created.timestamp()):
        journal.keep(f"models/{file.name}", file)
    files = tables.write(recorder.tally, workspace / "results") if recorder.tally.rounds else []
    for file in [*files, *_draw(recorder, workspace / "results", resumes)]:
        journal.keep(f"results/{file.name}", file)
    return found


def _draw(recorder: Recorder, folder: Path, resumes: str) -> list[Path]:
    store, run = recorder.journal.place.store, recorder.journal.place.run
    before = store.metrics(resumes) if resumes else ()
    measured = (*before, *store.metrics(run.name))
    drawn = charts.of(measured)
    if not drawn:
        return []
    events.write(measured, folder / "tensorboard")
    files = [folder / "metrics.html"]
    page.write(run.task, _facts(recorder), drawn, recorder.tally, files[0])
    try:
        plot.draw(run.task, drawn, folder / "metrics.png")
        files.append(folder / "metrics.png")
    except errors.ExtraMissing as missing:
        recorder.note(str(missing))
    return files


def _facts(recorder: Recorder) -> list[tuple[str, str]]:
    tally, run = recorder.tally, recorder.journal.place.run
    took = sum((each.ended or each.began) - each.began for each in tally.rounds)
    lost = {site for each in tally.rounds for site in each.losses}
    return [
        ("Run", run.name),
        ("Begun", run.created.astimezone().strftime("%Y-%m-%d %H:%M")),
        ("Rounds", str(len(tally.rounds))),
        ("Took", duration(took)),
        ("Sites", str(len(tally.sites()))),
        ("Sites lost on the way", str(len(lost))),
    ]

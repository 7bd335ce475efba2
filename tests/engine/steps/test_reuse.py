"""Results used again: `cache: true`, and runs that are continued."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ame import errors, process, runs
from ame.runs.leases import Claim
from engine.doing import Doing, step

SUCCEEDED, FAILED = runs.State.SUCCEEDED, runs.State.FAILED
CACHED = {"cache": True, "artifacts": {"paths": ["out"]}}
COUNT = 'echo . >> "$TALLY"; cat in > out; echo \'{"metric": "m", "value": 1}\' >> $AME_REPORT'


def tally(doing: Doing) -> int:
    """How often it was really done."""
    file = doing.folder.parent / "tally"
    return len(file.read_text().split()) if file.exists() else 0


def counted(doing: Doing, **more: object) -> dict[str, object]:
    environment = [{"key": "TALLY", "val": str(doing.folder.parent / "tally")}]
    return step("t", COUNT, environment=environment, **{**CACHED, **more})


def test_an_unchanged_step_is_not_done_again_though_its_artifact_was_brought_back(
    doing: Doing,
) -> None:
    doing.write({"in": "1"})
    first = doing.does(counted(doing))
    assert (doing.folder / "out").read_text() == "1"

    again = doing.run("t")

    assert tally(doing) == 1
    assert doing.steps(again)["t"] == (SUCCEEDED, f"from the cache: {first.run.name}")
    assert doing.saved(again) == ["out"]
    assert [each.name for each in doing.home.store.metrics(again.run.name)] == ["m"]


def test_what_is_reused_waits_for_no_resources(doing: Doing) -> None:
    doing.write({"in": "1"})
    doing.does(counted(doing))
    whole = doing.home.capacity.fit(Claim(cpu=Decimal(10**6)))
    now, holder = datetime.now(UTC), str(process.own_identity())
    lease = doing.home.leases.take(whole, holder=holder, now=now)
    assert lease is not None
    late = threading.Timer(20, doing.home.leases.release, [lease], {"now": now})
    late.start()

    doing.run("t")

    assert lease in doing.home.leases.held()
    late.cancel()
    assert tally(doing) == 1


def test_files_of_later_steps_that_came_back_do_not_count(doing: Doing) -> None:
    doing.write({"in": "1"})
    later = step("later", "cat out; date +%N > stamp", artifacts={"paths": ["stamp"]})
    pipeline = {"name": "all", "pipeline": [counted(doing), later]}
    doing.does(pipeline)
    doing.does(pipeline)

    assert tally(doing) == 1


@pytest.mark.parametrize("change", ["input", "mode", "command", "variable", "arguments", "new"])
def test_a_step_is_done_again_when_what_it_depends_on_has_changed(
    doing: Doing, change: str
) -> None:
    doing.write({"in": "1"})
    doing.does(counted(doing))

    task = counted(doing)
    match change:
        case "input":
            doing.write({"in": "2"})
        case "mode":
            (doing.folder / "in").chmod(0o600)
        case "command":
            task["executor"] = {"custom": {"command": f"{COUNT}; true"}}
        case "variable":
            task["environment"] = [*task["environment"], {"key": "X", "val": "1"}]  # type: ignore[misc]
        case "new":
            doing.write({"other": ""})
    doing.file(task)
    doing.run("t", arguments=("--x",) if change == "arguments" else ())

    assert tally(doing) == 2


def test_only_its_inputs_count_and_the_files_that_make_its_environment(doing: Doing) -> None:
    doing.write({"in": "1", "other": "1"})
    task = counted(doing, inputs=["in*"])
    doing.does(task)
    doing.write({"other": "2"})
    doing.run("t")
    assert tally(doing) == 1

    doing.write({"requirements.txt": "numpy"})
    doing.run("t")
    assert tally(doing) == 2
    doing.write({"in": "2"})
    doing.run("t")
    assert tally(doing) == 3


def test_a_step_that_failed_is_not_reused(doing: Doing) -> None:
    doing.write({"in": "1"})
    failing = counted(doing, artifacts={"paths": ["never"]})
    doing.file(failing)
    doing.run("t")
    doing.run("t")

    assert tally(doing) == 2


def test_a_result_whose_files_are_gone_is_made_again(doing: Doing) -> None:
    doing.write({"in": "content of its own"})
    first = doing.does(counted(doing))
    digest = first.artifacts[0].digest
    (doing.folder / "in").unlink()
    (doing.home.folder / "blobs" / digest[:2] / digest[2:]).unlink()
    doing.write({"in": "content of its own"})
    doing.home.store.remove([])

    again = doing.run("t")

    assert again.run.state is SUCCEEDED
    assert (doing.folder / "out").read_text() == "content of its own"


def pipeline(doing: Doing, second: str = "sh second.sh") -> dict[str, object]:
    tally = doing.folder.parent / "tally"
    return {
        "name": "all",
        "pipeline": [
            step("first", f"echo . >> {tally}; date +%N > made"),
            step("second", second),
            step("third", "cat made"),
        ],
    }


def test_a_run_is_continued_from_the_step_that_failed(doing: Doing) -> None:
    doing.write({"second.sh": "exit 3"})
    doing.file(pipeline(doing))
    failed = doing.run("all")
    assert failed.run.state is FAILED
    doing.write({"second.sh": "cat made"})

    resumed = doing.run("all", resume=failed.run.name)

    assert resumed.run.state is SUCCEEDED
    assert resumed.run.resumes == failed.run.name
    assert tally(doing) == 1
    assert doing.steps(resumed)["first"] == (SUCCEEDED, f"done by {failed.run.name}")
    assert doing.seen.texts("second") == doing.seen.texts("third") != []


def test_a_step_that_changed_in_the_file_is_done_again_with_all_behind_it(doing: Doing) -> None:
    doing.write({"second.sh": "exit 3"})
    doing.file(pipeline(doing))
    failed = doing.run("all")
    changed = pipeline(doing, "true")
    changed["pipeline"][0]["executor"]["custom"]["command"] += "; true"  # type: ignore[index]
    doing.file(changed)

    resumed = doing.run("all", resume=failed.run.name)

    assert tally(doing) == 2
    assert doing.steps(resumed)["first"] == (SUCCEEDED, "")


def test_a_run_that_goes_on_or_is_of_another_task_is_not_continued(doing: Doing) -> None:
    doing.file(step("t", "true"), step("other", "true"))
    ended = doing.run("t")

    with pytest.raises(errors.ResumeRefused, match="is a run of `t`"):
        doing.run("other", resume=ended.run.name)
    with pytest.raises(errors.RunNotFound):
        doing.run("t", resume="t-nosuch")


def test_a_run_that_was_resumed_can_be_resumed_again(doing: Doing) -> None:
    doing.write({"second.sh": "exit 3"})
    doing.file(pipeline(doing))
    first = doing.run("all")
    second = doing.run("all", resume=first.run.name)
    doing.write({"second.sh": "true"})

    third = doing.run("all", resume=second.run.name)

    assert third.run.state is SUCCEEDED
    assert tally(doing) == 1


def test_a_step_is_tried_as_often_as_its_task_says(doing: Doing) -> None:
    doing.file(step("t", "echo try $AME_ATTEMPT; [ $AME_ATTEMPT = 3 ]", retries=2))
    ended = doing.run("t")

    assert ended.run.state is SUCCEEDED
    assert [doing.log(ended, attempt=n) for n in (1, 2, 3)] == [b"try %d\n" % n for n in (1, 2, 3)]
    attempts = doing.home.store.attempts(ended.run.name)
    assert [(each.state, each.exit_code) for each in attempts] == [
        (FAILED, 1),
        (FAILED, 1),
        (SUCCEEDED, 0),
    ]
    assert len([note for note in doing.seen.notes if "trying again" in note]) == 2


def test_a_step_that_takes_too_long_is_ended_with_its_tree(doing: Doing) -> None:
    doing.file(step("t", "sleep 1000 & sleep 1000", timeout=1))
    ended = doing.run("t")

    assert doing.steps(ended)["t"] == (FAILED, "timed out after 1 s")


def test_arguments_reach_the_command_as_they_are(doing: Doing) -> None:
    doing.file(step("t", "printf '%s|' run"))
    doing.run("t", arguments=("--a b", "$HOME", "'", ";ls"))

    assert doing.seen.texts("t") == ["run|--a b|$HOME|'|;ls|"]


def test_a_pipeline_takes_no_arguments(doing: Doing) -> None:
    doing.file({"name": "all", "pipeline": [step("t", "true")]})

    with pytest.raises(errors.ArgumentsRefused):
        doing.run("all", arguments=("x",))

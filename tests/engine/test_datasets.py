"""Data sets: made once, kept, and loaded by every task that refers to them."""

import pytest

from ame import errors, runs
from engine.doing import Doing, step

SUCCEEDED, FAILED, CANCELLED = runs.State.SUCCEEDED, runs.State.FAILED, runs.State.CANCELLED


def numbers(doing: Doing, command: str = "mkdir data; echo 1 > data/one") -> dict[str, object]:
    made = doing.folder.parent / "made"
    maker = step("make", f"echo . >> {made}; {command}")
    return {"name": "numbers", "path": "data", "task": maker}


def times_made(doing: Doing) -> int:
    file = doing.folder.parent / "made"
    return len(file.read_text().split()) if file.exists() else 0


USE = step("use", "cat data/one", dataSets=["numbers"])


def test_a_data_set_is_made_before_the_first_task_that_loads_it_and_never_again(
    doing: Doing,
) -> None:
    doing.does(USE, dataSets=[numbers(doing)])
    assert doing.seen.texts("use") == ["1"]
    doing.does({**USE, "name": "another"}, USE, dataSets=[numbers(doing)])

    assert doing.seen.texts("another") == ["1"]
    assert times_made(doing) == 1
    (kept,) = doing.home.datasets.list()
    assert (kept.project, kept.name, kept.size) == ("demo", "numbers", 2)


def test_a_data_set_is_made_again_when_what_makes_it_changes(doing: Doing) -> None:
    doing.does(USE, dataSets=[numbers(doing)])
    doing.does(USE, dataSets=[numbers(doing, "mkdir data; echo 2 > data/one")])

    assert doing.seen.texts("use") == ["2"]
    assert times_made(doing) == 2


def test_a_data_set_that_fails_stops_what_depends_on_it_and_nothing_else(doing: Doing) -> None:
    pair = [USE, step("beside", "true")]
    doing.file({"name": "all", "pipeline": [pair]}, dataSets=[numbers(doing, "exit 4")])
    ended = doing.run("all")

    assert doing.steps(ended) == {
        "dataset demo.numbers": (FAILED, "exited with 4"),
        "use": (CANCELLED, "dataset demo.numbers failed"),
        "beside": (SUCCEEDED, ""),
    }
    assert doing.home.datasets.list() == ()


def test_what_makes_a_data_set_must_leave_something_at_its_path(doing: Doing) -> None:
    doing.file(USE, dataSets=[numbers(doing, "true")])
    ended = doing.run("use")

    assert doing.steps(ended)["dataset demo.numbers"] == (
        FAILED,
        "data set `demo.numbers`: its task left no file at `data`",
    )
    assert doing.steps(ended)["use"][0] is CANCELLED


def test_files_of_the_project_at_its_path_are_part_of_a_data_set(doing: Doing) -> None:
    doing.write({"data/readme": "r"})
    doing.does(
        {**USE, "executor": {"custom": {"command": "cat data/one data/readme"}}},
        dataSets=[numbers(doing, "echo 1 > data/one")],
    )

    assert doing.seen.texts("use") == ["1", "r"]


def test_a_data_set_may_be_made_by_a_pipeline_and_from_other_data_sets(doing: Doing) -> None:
    inner = numbers(doing)
    outer = {
        "name": "squares",
        "path": "squares",
        "task": {
            "name": "square",
            "pipeline": [
                step("read", "mkdir squares; cat data/one > squares/a", dataSets=["numbers"]),
                [step("b", "echo b > squares/b"), step("c", "echo c > squares/c")],
            ],
        },
    }
    use = step("use", "cat squares/*; ls", dataSets=["squares"])
    doing.does(use, dataSets=[inner, outer])
    assert doing.seen.texts("use") == ["1", "b", "c", "ame.yml", "squares"]

    doing.does(use, dataSets=[inner, outer])
    assert times_made(doing) == 1
    assert set(doing.steps(doing.run("use"))) == {"use"}


def test_a_data_set_of_another_project_is_found_and_made_on_its_files(doing: Doing) -> None:
    other = Doing(folder=doing.folder.parent / "other", home=doing.home)
    other.write({"source": "from other"})
    other.file(
        step("t", "true"),
        project="shared",
        dataSets=[
            {
                "name": "numbers",
                "path": "data",
                "task": step(
                    "make",
                    "mkdir data; cp source data/one; echo > mine",
                    artifacts={"paths": ["mine"]},
                ),
            }
        ],
    )
    doing.home.projects.add(other.folder)  # type: ignore[attr-defined]  # of the registered ones
    use = {**USE, "dataSets": [{"ref": {"name": "numbers", "project": "shared"}}]}
    doing.does(use)

    assert doing.seen.texts("use") == ["from other"]
    assert [each.project for each in doing.home.datasets.list()] == ["shared"]
    assert not (doing.folder / "mine").exists()


def test_data_sets_that_need_each_other_are_refused(doing: Doing) -> None:
    a = {"name": "a", "path": "a", "task": step("a", "true", dataSets=["b"])}
    b = {"name": "b", "path": "b", "task": step("b", "true", dataSets=["a"])}
    doing.file(step("t", "true", dataSets=["a"]), dataSets=[a, b])

    with pytest.raises(errors.Invalid, match=r"a -> .*b -> .*a"):
        doing.run("t")


def test_a_data_set_whose_files_are_gone_is_made_again(doing: Doing) -> None:
    doing.does(USE, dataSets=[numbers(doing)])
    for kept in doing.home.datasets.list():
        doing.home.datasets.remove(kept)
    doing.does(USE, dataSets=[numbers(doing)])

    assert times_made(doing) == 2

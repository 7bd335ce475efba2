import stat
import threading
from pathlib import Path

import pytest

from ame import errors, project
from ame.storage import home, projects
from project.writing import write


def test_a_registered_project_is_found_by_its_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "shared", "name: shared_templates")
    registered = projects.RegisteredProjects(tmp_path)

    assert registered.names() == ()
    registered.add(folder)
    registered.add(folder)

    assert projects.RegisteredProjects(tmp_path).find("shared_templates") == folder
    assert registered.names() == ("shared_templates",)
    assert registered.find("other") is None


def test_two_folders_cannot_have_one_name(tmp_path: Path) -> None:
    registered = projects.RegisteredProjects(tmp_path)
    registered.add(write(tmp_path / "one", "name: same"))

    with pytest.raises(errors.ProjectTaken, match="give one of them another `name`"):
        registered.add(write(tmp_path / "two", "name: same"))


def test_a_folder_whose_project_is_gone_gives_its_name_away(tmp_path: Path) -> None:
    registered = projects.RegisteredProjects(tmp_path)
    first = write(tmp_path / "one", "name: same")
    registered.add(first)
    (first / "ame.yml").unlink()

    second = write(tmp_path / "two", "name: same")
    registered.add(second)

    assert registered.find("same") == second


def test_a_project_that_is_renamed_is_registered_once(tmp_path: Path) -> None:
    registered = projects.RegisteredProjects(tmp_path)
    registered.add(write(tmp_path / "one", "name: before"))
    registered.add(write(tmp_path / "one", "name: after"))

    assert registered.names() == ("after",)


def test_projects_that_are_added_at_once_are_all_kept(tmp_path: Path) -> None:
    folders = [write(tmp_path / f"p{i}", f"name: p{i}") for i in range(12)]
    threads = [
        threading.Thread(target=projects.RegisteredProjects(tmp_path).add, args=(folder,))
        for folder in folders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(projects.RegisteredProjects(tmp_path).names()) == len(folders)


@pytest.mark.parametrize("text", ["", "[1]", "{", "null", '{"a": 1}', "\xff"])
def test_a_damaged_list_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / projects.NAME).write_text(text, encoding="latin-1")

    with pytest.raises(errors.ProjectsDamaged, match="ame project add"):
        projects.RegisteredProjects(tmp_path).names()


def test_registered_projects_give_templates_to_others(tmp_path: Path) -> None:
    registered = projects.RegisteredProjects(tmp_path)
    shared = "name: shared\ntemplates: [{name: t, executor: !custom {command: x}}]"
    registered.add(write(tmp_path / "shared", shared))
    main = project.read(write(tmp_path / "main", "tasks: [{name: a, fromTemplate: shared.t}]"))

    assert project.resolve(main, "a", registered).executor == project.Custom(command="x")


def test_the_state_folder_is_made_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(home.VARIABLE, str(tmp_path / "deep" / "state"))

    folder = home.home()

    assert folder == tmp_path / "deep" / "state"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_a_variable_the_state_folder_is_the_platforms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(home.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert home.home() == tmp_path / "ame"

"""The files of a run: what steps find, what they leave, what is saved and brought back."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ame import errors, runs
from engine.doing import Doing, step

FAILED, SUCCEEDED = runs.State.FAILED, runs.State.SUCCEEDED


def test_a_step_sees_the_project_and_what_the_steps_before_it_made_or_changed(doing: Doing) -> None:
    doing.write({"a.txt": "a", "b.txt": "b", "deep/c.txt": "c"})
    doing.does(
        {
            "name": "all",
            "pipeline": [
                step("one", "echo changed > b.txt; mkdir new; echo made > new/d.txt"),
                step("two", "cat a.txt b.txt deep/c.txt new/d.txt"),
            ],
        }
    )

    assert doing.seen.texts("two") == ["achanged", "cmade"]
    assert (doing.folder / "b.txt").read_text() == "b"
    assert not (doing.folder / "new").exists()


def test_a_change_by_one_of_two_parallel_steps_is_not_undone_by_the_other(doing: Doing) -> None:
    for order in (("change", "leave"), ("leave", "change")):
        parallel = {
            "change": step("change", "echo second > x"),
            "leave": step("leave", "cat x; echo y > y"),
        }
        doing.does(
            {
                "name": "all",
                "pipeline": [
                    step("first", "echo first > x"),
                    [parallel[name] for name in order],
                    step("last", "cat x"),
                ],
            }
        )

        assert doing.seen.texts("last") == ["second"]
        assert doing.seen.texts("leave") == ["first"]


def test_parallel_steps_do_not_see_each_other(doing: Doing) -> None:
    other = doing.folder.parent / "there"
    wait = f"touch mine; until [ -e {other}.$OTHER ]; do sleep 0.01; done; ls"
    tasks = [
        step(
            name,
            f"touch {other}.{name}; {wait}",
            environment=[{"key": "OTHER", "val": {"a": "b", "b": "a"}[name]}],
        )
        for name in ("a", "b")
    ]
    doing.does({"name": "all", "pipeline": [tasks]})

    assert doing.seen.texts("a") == ["ame.yml", "mine"]
    assert doing.seen.texts("b") == ["ame.yml", "mine"]


def test_parallel_steps_that_write_one_path_differently_fail_naming_both(doing: Doing) -> None:
    pair = [step("a", "echo a > out/x"), step("b", "echo b > out/x")]
    (doing.folder / "out").mkdir()
    doing.file({"name": "all", "pipeline": [pair, step("c", "true")]})

    ended = doing.run("all")

    assert ended.run.state is FAILED
    (failed,) = [reason for state, reason in doing.steps(ended).values() if state is FAILED]
    assert "`a`" in failed
    assert "`b`" in failed
    assert "`out/x`" in failed


def test_parallel_steps_where_one_makes_a_folder_of_what_is_a_file_to_the_other_fail(
    doing: Doing,
) -> None:
    doing.file(
        {"name": "all", "pipeline": [[step("a", "echo > x"), step("b", "mkdir x; date >x/y")]]}
    )

    ended = doing.run("all")

    assert [state for state, _ in doing.steps(ended).values()].count(FAILED) == 1


def test_parallel_steps_may_write_the_same(doing: Doing) -> None:
    doing.does({"name": "all", "pipeline": [[step("a", "echo 1 > x"), step("b", "echo 1 > x")]]})


def test_a_step_that_is_tried_again_does_not_conflict_with_itself(doing: Doing) -> None:
    command = "echo $AME_ATTEMPT > x; [ $AME_ATTEMPT = 2 ] && echo > out"
    doing.does(step("t", f"{command}; true", retries=2, artifacts={"paths": ["out"]}))

    assert [each.state for each in doing.home.store.attempts(doing.home.store.find("t").name)] == [
        FAILED,
        SUCCEEDED,
    ]


def test_a_step_may_replace_a_folder_by_a_file_and_a_file_by_a_folder(doing: Doing) -> None:
    doing.write({"folder/x": "x", "file": "f"})
    doing.does(
        {
            "name": "all",
            "pipeline": [
                step("one", "rm -r folder file; echo now > folder; mkdir file; echo in > file/x"),
                step("two", "cat folder file/x"),
            ],
        }
    )

    assert doing.seen.texts("two") == ["now", "in"]


def test_nothing_in_a_workspace_is_shared_with_a_persons_files(doing: Doing) -> None:
    doing.write({"data.bin": "x" * 500_000, "small": "s"})
    before = {name: (doing.folder / name).stat().st_ino for name in ("data.bin", "small")}
    doing.does(step("t", "stat -c '%i %h' data.bin small; echo y >> data.bin; : > small"))

    for line, inode in zip(doing.seen.texts("t"), before.values(), strict=True):
        assert line.split()[1] == "1"
        assert int(line.split()[0]) != inode
    assert (doing.folder / "data.bin").read_text() == "x" * 500_000
    assert (doing.folder / "small").read_text() == "s"


def test_names_modes_links_and_empty_files_and_folders_come_through(doing: Doing) -> None:
    names = [b"a b", b"new\nline", b"\xff\xfe", "ü".encode(), b"-rf", b"'quo\"te"]
    top = os.fsencode(doing.folder)
    for name in names:
        Path(os.fsdecode(top + b"/" + name)).write_bytes(name)
    doing.write({"run.sh": "#!/bin/sh\necho ran", "empty": "", "sub/x": "x"})
    (doing.folder / "run.sh").chmod(0o755)
    (doing.folder / "locked").write_text("l")
    (doing.folder / "locked").chmod(0o400)
    (doing.folder / "to_x").symlink_to("sub/x")
    (doing.folder / "whole").symlink_to(doing.folder / "sub")
    (doing.folder / "results").mkdir()
    check = (
        "import os, stat\n"
        f"assert set({names!r}) <= set(os.listdir(b'.'))\n"
        f"assert all(open(n, 'rb').read() == n for n in {names!r})\n"
        "assert os.path.getsize('empty') == 0 and os.listdir('results') == []\n"
        "assert stat.S_IMODE(os.stat('locked').st_mode) == 0o400\n"
        "assert os.readlink('to_x') == 'sub/x' and open('whole/x').read() == 'x'\n"
        "open(b'out\\xff', 'w').write('o'); os.mkdir('left'); os.symlink('empty', 'also')\n"
    )
    ended = doing.does(
        {
            "name": "all",
            "pipeline": [
                step(
                    "one",
                    f"./run.sh && {sys.executable} -c {shlex.quote(check)}",
                    artifacts={"saveChangedFiles": True},
                ),
                step("two", "test -d left && test -L also && ls | wc -l"),
            ],
        }
    )

    assert doing.saved(ended) == ["out\udcff"]
    assert (doing.folder / "out\udcff").read_text() == "o"


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside", "sub/../../outside"])
def test_links_that_lead_out_of_the_project_are_left_out_and_named(
    doing: Doing, target: str
) -> None:
    (doing.folder.parent / "outside").write_text("secret")
    (doing.folder / "sub").mkdir()
    (doing.folder / "link").symlink_to(target)
    doing.does(step("t", "! ls -d link"))

    assert [(each.path, each.why) for each in doing.seen.out] == [
        ("link", "a link that leads out of the project")
    ]


def test_links_that_a_step_makes_out_of_its_workspace_are_passed_over(doing: Doing) -> None:
    doing.does(
        {
            "name": "all",
            "pipeline": [step("one", "ln -s /etc etc; ln -s ../.. up"), step("two", "ls")],
        }
    )

    assert doing.seen.texts("two") == ["ame.yml"]


@pytest.mark.parametrize("path", ["link/x", "link"])
def test_an_artifact_behind_a_link_that_leads_out_is_refused(doing: Doing, path: str) -> None:
    (doing.folder.parent / "out").mkdir()
    (doing.folder.parent / "out" / "x").write_text("not yours")
    doing.file(step("t", f"ln -s {doing.folder.parent}/out link", artifacts={"paths": [path]}))

    ended = doing.run("t")

    (reason,) = [reason for _, reason in doing.steps(ended).values()]
    assert "inside the project" in reason
    assert doing.saved(ended) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x"])
def test_an_artifact_path_that_leads_out_is_refused_before_anything_starts(
    doing: Doing, path: str
) -> None:
    doing.file(step("t", "touch started", artifacts={"paths": [path]}))

    with pytest.raises(errors.ProjectInvalid, match="inside the project"):
        doing.run("t")


def test_an_artifact_may_be_a_link_to_a_file_of_the_workspace(doing: Doing) -> None:
    ended = doing.does(
        step("t", "echo 7 > model-7; ln -s model-7 latest", artifacts={"paths": ["latest"]})
    )

    assert doing.saved(ended) == ["latest"]
    assert (doing.folder / "latest").read_text() == "7\n"


def test_artifacts_are_files_folders_and_patterns(doing: Doing) -> None:
    ended = doing.does(
        step(
            "t",
            "mkdir -p out/deep m; touch out/a out/deep/b m/1.npz m/2.npz m/3.txt one 'odd[1]'",
            artifacts={"paths": ["out", "m/*.npz", "one", "odd[1]"]},
        )
    )

    assert doing.saved(ended) == ["m/1.npz", "m/2.npz", "odd[1]", "one", "out/a", "out/deep/b"]


def test_a_declared_artifact_that_is_missing_fails_the_step(doing: Doing) -> None:
    doing.file(step("t", "true", artifacts={"paths": ["model.npz"]}))

    ended = doing.run("t")

    assert doing.steps(ended)["t"] == (
        FAILED,
        "artifact `model.npz` was not made: no file is there",
    )


def test_save_changed_files_saves_exactly_the_new_and_the_changed(doing: Doing) -> None:
    doing.write({"same": "s", "touched": "t", "changed": "c", "gone": "g"})
    command = "touch touched; cat same > x; mv x same; echo 2 > changed; rm gone; echo 1 > new"
    ended = doing.does(step("t", command, artifacts={"saveChangedFiles": True}))

    assert doing.saved(ended) == ["changed", "new"]


def test_a_change_that_keeps_size_and_time_is_saved(doing: Doing) -> None:
    doing.write({"x": "1"})
    command = "touch -r x ref; echo -n 2 > x; touch -r ref x; rm ref"
    ended = doing.does(step("t", command, artifacts={"saveChangedFiles": True}))

    assert doing.saved(ended) == ["x"]


def test_artifacts_come_back_but_never_over_a_persons_file(doing: Doing) -> None:
    doing.write({"mine": "a person wrote this", "dir": "this too"})
    ended = doing.does(
        step(
            "t",
            "echo r > mine; rm dir; mkdir dir; echo > dir/x; echo n > new",
            artifacts={"saveChangedFiles": True},
        )
    )

    assert doing.saved(ended) == ["dir/x", "mine", "new"]
    assert set(ended.returned.kept) == {"mine", "dir/x"}
    assert ended.returned.written == ("new",)
    assert (doing.folder / "mine").read_text() == "a person wrote this"
    doing.write({"new": "and now a person changed it"})
    again = doing.run("t")
    assert "new" in again.returned.kept


def test_what_was_brought_back_is_replaced_by_the_next_run_and_saved_with_it(doing: Doing) -> None:
    (doing.folder.parent / "n").write_text("1")
    count = f"cp {doing.folder.parent}/n out; echo same > constant"
    doing.does(step("t", count, artifacts={"saveChangedFiles": True}))
    (doing.folder.parent / "n").write_text("2")

    again = doing.run("t")

    assert doing.saved(again) == ["constant", "out"]
    assert (doing.folder / "out").read_text() == "2"


def test_what_is_ignored_is_left_out_with_its_size_and_can_be_brought_back(doing: Doing) -> None:
    doing.write({".gitignore": "data/\n", "data/big": "x" * 1000, "a": "a"})
    doing.does(step("t", "! ls data"))
    assert [(each.path, each.size, each.why) for each in doing.seen.out] == [
        ("data/", 1000, ".gitignore")
    ]

    doing.write({".ameignore": "!data/\na\n"})
    doing.does(step("t", "cat data/big && ! ls a"))
    assert [(each.path, each.why) for each in doing.seen.out] == [("a", ".ameignore")]


def test_a_folder_of_which_all_is_ignored_is_there_to_be_written_into(doing: Doing) -> None:
    doing.write({".gitignore": "out/*\n", "out/old": "old"})
    doing.does(step("t", "ls out; echo 1 > out/x"))


def test_a_state_folder_inside_the_project_is_no_part_of_it(tmp_path: Path) -> None:
    from ame.engine.home import Home

    with Home(tmp_path / "state") as home:
        (tmp_path / "state").mkdir()
        doing = Doing(folder=tmp_path, home=home)
        doing.does(step("t", "ls"))

        assert doing.seen.texts("t") == ["ame.yml"]


def test_the_commit_and_whether_the_tree_was_dirty_are_kept(doing: Doing) -> None:
    git = ["git", "-C", str(doing.folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    doing.file(step("t", "true"))
    assert doing.run("t").run.commit == ""

    subprocess.run([*git, "init", "-q"], check=True)
    assert (doing.run("t").run.commit, doing.run("t").run.dirty) == ("", True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout

    clean = doing.run("t").run
    doing.write({"new": ""})
    dirty = doing.run("t").run

    assert (clean.commit, clean.dirty) == (head.strip(), False)
    assert (dirty.commit, dirty.dirty) == (head.strip(), True)


def test_a_workspace_that_forbids_its_removal_is_removed(doing: Doing) -> None:
    ended = doing.does(step("t", "mkdir -p a/b; touch a/b/c; chmod 0 a/b/c; chmod 555 a/b a"))

    assert not (doing.home.folder / "runs" / ended.run.name / "work").exists()


def test_artifacts_of_a_pipeline_are_taken_from_what_it_leaves(doing: Doing) -> None:
    doing.write({"notes.txt": "mine"})
    pair = [step("a", "mkdir -p out; echo a > out/a.txt"), step("b", "echo b > b.bin")]
    ended = doing.does(
        {
            "name": "all",
            "artifacts": {"paths": ["out", "*.bin", "notes.txt"]},
            "pipeline": [step("first", "mkdir out; echo 1 > out/first; echo x > other"), pair],
        }
    )

    assert {each.path: each.step for each in ended.artifacts} == {
        "b.bin": "b",
        "notes.txt": "b",
        "out/a.txt": "a",
        "out/first": "first",
    }
    assert (doing.folder / "out/a.txt").read_text() == "a\n"


def test_changed_files_of_an_inner_pipeline_are_those_at_its_end(doing: Doing) -> None:
    inner = {
        "name": "inner",
        "artifacts": {"saveChangedFiles": True},
        "pipeline": [step("one", "echo 1 > x; echo 1 > y"), step("two", "echo 2 > x")],
    }
    ended = doing.does({"name": "all", "pipeline": [inner, step("last", "echo 3 > x; echo > z")]})

    saved = {each.path: each.step for each in ended.artifacts}
    assert saved == {"x": "inner/two", "y": "inner/one"}
    assert (doing.folder / "x").read_text() == "2\n"


def test_what_a_pipeline_was_to_save_and_is_not_there_fails_its_last_step(doing: Doing) -> None:
    tasks = [step("one", "true"), step("two", "true")]
    doing.file({"name": "all", "artifacts": {"paths": ["gone"]}, "pipeline": tasks})
    ended = doing.run("all")

    assert ended.run.state is FAILED
    assert doing.steps(ended)["one"][0] is SUCCEEDED
    assert doing.steps(ended)["two"] == (FAILED, "artifact `gone` was not made: no file is there")


def test_a_step_kept_for_a_pipeline_that_saves_is_not_taken_for_one_that_does_not(
    doing: Doing,
) -> None:
    one = step("one", "echo > x", cache=True)
    doing.does({"name": "all", "artifacts": {"paths": ["x"]}, "pipeline": [one]})
    again = doing.does({"name": "all", "artifacts": {"paths": ["x"]}, "pipeline": [one]})
    without = doing.does({"name": "all", "pipeline": [one]})

    assert doing.saved(again) == ["x"]
    assert doing.steps(again)["one"][1].startswith("from the cache")
    assert doing.saved(without) == []

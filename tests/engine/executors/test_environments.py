"""Environments are made once, whole, and kept for as long as somebody uses them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ame import errors, process, project
from ame.engine import environments
from engine.executors.steps import HERE, Steps

SIX = project.Pip(python_version=HERE, command="python -c 'import six; print(six.__version__)'")
TESTS = Path(__file__).parents[2]


@pytest.fixture
def six(steps: Steps) -> Steps:
    steps.write({"requirements.txt": "six==1.17.0"})
    return steps


def another(steps: Steps) -> Steps:
    """A run of its own over the same workspace and the same environments."""
    return Steps(steps.folder, steps.home)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def eventually(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_steps_that_want_the_same_one_at_once_make_it_once(six: Steps) -> None:
    other = another(six)

    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda steps: steps.prepare(SIX), (six, other)))

    assert sorted(ready.cached for ready in both) == [False, True]
    assert both[0].variables == both[1].variables
    other.environments.close()


def test_who_waits_says_so_and_gives_up_when_the_run_is_stopped(six: Steps) -> None:
    other = another(six)
    stopped, entered = threading.Event(), threading.Event()

    def held(command: process.Command) -> process.Exit:
        entered.set()
        assert stopped.wait(60)
        return six.run(command)

    def stopping(command: process.Command) -> process.Exit:
        stopped.set()
        raise errors.Cancelled("stopped")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(six.prepare, SIX, run=held)
        assert entered.wait(60)
        with pytest.raises(errors.Cancelled):
            other.prepare(SIX, run=stopping)
        assert not first.result().cached

    assert any("another step is making" in note for note in other.notes)
    other.environments.close()


@pytest.mark.slow
def test_a_kill_in_the_middle_of_an_install_leaves_nothing_that_is_taken_for_whole(
    six: Steps,
) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(TESTS)!r})\n"
        "from pathlib import Path\n"
        "from engine.executors.steps import Steps\n"
        "from engine.executors.test_environments import SIX\n"
        f"Steps(Path({str(six.folder)!r}), Path({str(six.home)!r})).prepare(SIX)\n"
    )
    for moment in ("venv/pyvenv.cfg", "requirements-r.txt", "venv/lib/*/site-packages/six.py"):
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        eventually(lambda moment=moment: list(six.home.glob(f"*/*/{moment}")))  # type: ignore[misc]  # mypy does not infer such a lambda
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for ready in six.home.glob("*/*/ready"):
            ready.unlink()  # the kill came too late: it is half-made again

    assert six.start(SIX) == "1.17.0"
    assert len(list(six.home.glob("*/*/venv"))) == 1


def test_an_environment_that_a_step_changed_is_not_given_out_again(six: Steps) -> None:
    before = six.prepare(SIX)
    site = next(Path(before.variables["VIRTUAL_ENV"]).glob("lib/*/site-packages"))
    (site / "intruder.py").write_text("")

    after = six.prepare(SIX)

    assert not after.cached
    assert after.variables["VIRTUAL_ENV"] != before.variables["VIRTUAL_ENV"]


def test_an_import_does_not_count_as_a_change(six: Steps) -> None:
    six.start(SIX)

    assert six.prepare(SIX).cached


def test_what_is_in_use_is_not_swept_and_what_is_unused_is(six: Steps) -> None:
    id_ = six.prepare(SIX).environment
    sweeper = another(six).environments

    assert sweeper.sweep(soon()) == ()
    six.environments.close()
    assert sweeper.sweep(datetime.now(UTC) - timedelta(hours=1)) == ()
    assert sweeper.sweep(soon()) == (id_,)
    assert not (six.home / id_).exists()
    assert six.start(SIX) == "1.17.0"


def test_a_sweep_where_nothing_was_ever_made_removes_nothing(steps: Steps) -> None:
    assert steps.environments.sweep(soon()) == ()


def test_an_interpreter_that_was_seen_is_found_without_starting_it(steps: Steps) -> None:
    found = steps.environments.interpreters.find(HERE)
    facts = steps.home / "interpreters.json"
    before = facts.stat()

    again = environments.Interpreters(
        facts, environ=steps.environ, folders=[Path(sys.base_prefix, "bin")]
    ).find(HERE)

    assert again is not None
    assert again == found
    assert facts.stat() == before
    assert again.is_of(HERE)
    assert not again.is_of(HERE[:-1])


def test_a_folder_given_as_site_can_be_imported_from_everywhere(six: Steps, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "given.py").write_text("word = 'given'")
    with environments.Environments(
        six.home,
        environ=six.environ,
        pythons=[Path(sys.base_prefix, "bin")],
        site=tmp_path / "site",
    ) as six.environments:
        executor = project.Custom(
            command="python -c 'import given; print(given.word)'", python_version=HERE
        )
        assert six.start(executor) == "given"


def test_a_python_that_may_not_be_fetched_is_not_asked_for(steps: Steps) -> None:
    with pytest.raises(errors.PythonMissing, match="fetching it is switched off"):
        steps.environments.interpreter("3.4", run=steps.run, note=steps.notes.append)

    assert steps.ran == []


def test_the_first_python_within_limits_is_used(steps: Steps) -> None:
    pythons = steps.environments.interpreters
    exact = pythons.find(HERE)
    major, minor = map(int, HERE.split(".")[:2])

    assert exact
    assert pythons.find(f">={HERE}, <={HERE}") == exact
    assert pythons.find(f"=={HERE}.*") == exact
    assert pythons.find(f">{major}.{minor},<{major}.{minor + 1}") is None
    assert pythons.find(">=9") is None


@pytest.mark.parametrize("wanted", ["three", "3.11 or so", ">=", ">=3.11;<4", "^3.11", "3.11,", ""])
def test_what_is_no_version_and_no_limit_is_refused(steps: Steps, wanted: str) -> None:
    with pytest.raises(errors.PythonVersionInvalid):
        steps.environments.interpreters.find(wanted)


def test_limits_are_quoted_where_a_shell_would_read_them() -> None:
    assert "(`uv python install '>=3.14'`)" in str(errors.PythonMissing(">=3.14", (), "x"))
    assert "or `pyenv install 3.14`" in str(errors.PythonMissing("3.14", (), "x"))

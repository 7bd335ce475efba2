"""Calls in a job's file with arguments that what they call does not take."""

from pathlib import Path

import pytest

from ame import errors
from ame.federation.job.capture import miscalls

BEGINS = """
from ame.federation import FedAvg, FedJob, ScriptRunner
from ame.federation.recipes import FedAvgRecipe
class Own(FedAvg):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
def plain(a):
    pass
class Keeps:
    def take(self, **more):
        plain(**more)
job = FedJob("j")
"""


def fault_of(line: str, folder: Path) -> errors.CallUnfit | None:
    """What is wrong with a line of a job's file."""
    file = folder / "job.py"
    file.write_text(f"{BEGINS}{line}\n")
    with pytest.raises(TypeError) as raised:
        exec(compile(file.read_bytes(), str(file), "exec"), {})
    return miscalls.fault(raised.value)


@pytest.mark.parametrize(
    ("line", "called", "argument", "said"),
    [
        ("FedAvg(num_round=2)", "FedAvg", "num_round", "did you mean `num_rounds`?"),
        ("Own(num_clients=2, num_round=3)", "Own", "num_round", "did you mean `num_rounds`?"),
        ("FedAvg(**{'num_round': 3})", "FedAvg", "num_round", "did you mean `num_rounds`?"),
        ("'é'; FedAvg(\n    num_round=2\n)", "FedAvg", "num_round", "did you mean"),
        ("ScriptRunner(scripts='x')", "ScriptRunner", "scripts", "did you mean `script`?"),
        ("ScriptRunner(zzz='x')", "ScriptRunner", "zzz", "it has script, script_args, "),
        ("ScriptRunner()", "ScriptRunner", "script", "needs the argument `script`"),
        ("FedJob('x', name='y')", "FedJob", "name", "is given `name` twice"),
        ("job.to()", "job.to", "obj", "needs the argument `obj`"),
        ("job.simulator_run('w', n_client=2)", "job.simulator_run", "n_client", "`n_clients`?"),
        ("FedAvgRecipe(name='x', min_client=2)", "FedAvgRecipe", "min_client", "`min_clients`?"),
        (
            "FedAvgRecipe(name='x', min_clients=2, num_rounds=1, train_scrip='x.py')",
            "FedAvgRecipe", "train_scrip", "`train_script`?",
        ),
        ("job.to_clients(1, 2, 3, 4, 5)", "job.to_clients", "", "and is given 5"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_told_with_its_place_and_the_nearest_name(
    tmp_path: Path, line: str, called: str, argument: str, said: str
) -> None:
    found = fault_of(line, tmp_path)

    assert found is not None
    assert (found.called, found.argument) == (called, argument)
    assert found.place == f"{tmp_path / 'job.py'}:{BEGINS.count(chr(10)) + 1}"
    assert said in str(found)


@pytest.mark.parametrize(
    "line",
    ["len(1, 2)", "plain(b=1)", "Keeps().take(b=1)", "FedAvg()(x=1)", "1 + 'a'", "sum([1, 'a'])"],
)
def test_what_is_not_of_ours_is_left_to_its_own_trace(tmp_path: Path, line: str) -> None:
    assert fault_of(line, tmp_path) is None


def test_a_file_that_is_gone_is_not_guessed_at() -> None:
    with pytest.raises(TypeError) as raised:
        exec(compile(f"{BEGINS}FedAvg(num_round=2)", "/nowhere/job.py", "exec"), {})

    assert miscalls.fault(raised.value) is None

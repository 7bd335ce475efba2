from datetime import UTC, datetime
from pathlib import Path

import pytest

from ame import errors, project, runs
from ame.engine.settings import Settings
from ame.engine.steps import variables


@pytest.mark.parametrize("name", [*project.PROVIDED, "AME_ANYTHING"])
def test_a_task_cannot_set_what_ame_provides(tmp_path: Path, name: str) -> None:
    (tmp_path / "ame.yml").write_text(
        f"tasks: [{{name: t, executor: {{custom: {{command: a}}}}, env: {{key: {name}, val: x}}}}]"
    )

    with pytest.raises(errors.ProjectInvalid, match="is provided by ame"):
        project.read(tmp_path)


def test_what_ame_provides_is_what_a_step_gets(tmp_path: Path) -> None:
    attempt = runs.Attempt(run="r", step="s", number=1, started=datetime.now(UTC))
    given = variables.of_run(Settings(), home=tmp_path, run="r", task="t", project="p")
    given |= variables.of_attempt(attempt, report=tmp_path / "report", gpus=())

    assert given.keys() == project.PROVIDED.keys()

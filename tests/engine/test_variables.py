from pathlib import Path

import pytest

from ame import errors, project
from ame.engine import variables


@pytest.mark.parametrize("name", sorted(variables.PROVIDED))
def test_a_task_cannot_set_what_ame_provides(tmp_path: Path, name: str) -> None:
    (tmp_path / "ame.yml").write_text(
        f"tasks: [{{name: t, executor: {{custom: {{command: a}}}}, env: {{key: {name}, val: x}}}}]"
    )

    with pytest.raises(errors.ProjectInvalid, match="is provided by ame"):
        project.read(tmp_path)

"""Values of options that are refused before anything is asked or started."""

import pytest
from click.testing import CliRunner

from ame.cli.main import root


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_has_to_be_finite(number: str) -> None:
    ended = CliRunner().invoke(root, ["broker", "call", "anything", f"--timeout={number}"])

    assert ended.exit_code == 2
    assert number in ended.output


@pytest.mark.parametrize("given", ["a b", "site=a", "x=1 x=2", "=1", "partition-id=0 more"])
def test_what_is_no_configuration_of_a_node_is_refused_before_a_task_joins(given: str) -> None:
    ended = CliRunner().invoke(root, ["site", "run", "a", "--any", f"--node-config={given}"])

    assert ended.exit_code == 2
    assert "no `name=value`" in ended.output

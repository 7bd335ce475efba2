from ame import errors
from ame.cli import exits


def test_every_branch_of_the_tree_of_errors_has_an_exit_code_of_its_own() -> None:
    branches = set(errors.Error.__subclasses__())

    assert set(exits.CODES) == branches
    assert len(set(exits.CODES.values()) | {0, exits.USAGE}) == len(branches) + 2

from ame import errors
from ame.cli import exits
from ame.federation.codes import Code


def test_every_branch_of_the_tree_of_errors_has_an_exit_code_of_its_own() -> None:
    branches = set(errors.Error.__subclasses__())

    assert set(exits.CODES) == branches
    assert len(set(exits.CODES.values()) | {0, exits.USAGE}) == len(branches) + 2


def test_no_code_of_a_federated_job_has_another_meaning() -> None:
    own = {int(code) for code in Code} - {Code.DONE, Code.FAILED}

    assert not own & {exits.USAGE, *exits.CODES.values()}
    assert len({code.meaning for code in Code}) == len(Code)

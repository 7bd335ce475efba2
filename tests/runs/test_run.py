from ame import runs


def saved(step: str, path: str, digest: str) -> runs.Artifact:
    return runs.Artifact(run="r", step=step, path=path, digest=digest, size=1)


STEPS = [runs.Step(run="r", name=name, index=index) for index, name in enumerate(["z", "a", "b"])]
ARTIFACTS = [saved("a", "x", "2"), saved("b", "y", "3"), saved("z", "x", "1")]


def test_of_a_path_that_several_steps_saved_the_last_ones_file_counts() -> None:
    assert [each.digest for each in runs.latest(ARTIFACTS, STEPS)] == ["2", "3"]


def test_what_other_steps_saved_does_not_count() -> None:
    assert [each.digest for each in runs.latest(ARTIFACTS, STEPS[:1])] == ["1"]
    assert runs.latest(ARTIFACTS, []) == ()
